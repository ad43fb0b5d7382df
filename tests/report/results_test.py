"""Results hold what every figure must name, and equal runs give equal bytes."""

import csv
import json

import numpy as np
import pytest

from lightman_jax import settings
from lightman_jax.evaluation import scores
from lightman_jax.report import results, table

CLASSES = ('negative', 'positive', 'surprise')
ABOUT = results.About('leave one subject out', 'casme2', 'casme2_3', 'sheet.xlsx',
                      'ab12cd34ef', '0123', 7)


def example(seed=0, *, clips=60, subjects=8):
  rng = np.random.default_rng(seed)
  truth = rng.integers(0, 3, clips)
  group = rng.integers(0, subjects, clips)
  subject = [f'sub{n:02}' for n in group]
  who = results.Clips([f'{s}/EP{n}' for n, s in enumerate(subject)], subject, subject,
                      truth, CLASSES)
  right = rng.random(clips) < .7
  predictions = {'lightman': np.where(right, truth, (truth + 1) % 3),
                 'ridge': rng.integers(0, 3, clips),
                 'constant': np.zeros(clips, int)}
  return predictions, who


def test_scores_are_of_the_pooled_counts():
  predictions, clips = example()
  found = results.summarise(predictions, clips, ABOUT)
  assert list(found['rows']) == ['lightman', 'ridge', 'constant']
  for name, row in found['rows'].items():
    counts = scores.confusion(clips.truth, predictions[name], classes=3)
    assert row['confusion'] == counts.tolist()
    for key, score in (('uf1', scores.uf1), ('uar', scores.uar),
                       ('accuracy', scores.accuracy)):
      assert row[key]['value'] == pytest.approx(score(counts), abs=1e-6)
      assert row[key]['low'] <= row[key]['value'] <= row[key]['high']
    assert row['per_class']['surprise']['f1'] == pytest.approx(
        scores.class_f1(counts)[2], abs=1e-6)
    assert np.sum([s['confusion'] for s in row['per_subject'].values()], 0
                  ).tolist() == counts.tolist()
  assert found['rows']['constant']['uar']['value'] == pytest.approx(1 / 3, abs=1e-6)


def test_differences_are_paired():
  found = results.summarise(*example(), ABOUT)
  rows, gaps = found['rows'], found['differences']
  assert list(gaps) == ['lightman - ridge', 'lightman - constant']
  gap = gaps['lightman - ridge']['uf1']
  assert gap['value'] == pytest.approx(
      rows['lightman']['uf1']['value'] - rows['ridge']['uf1']['value'], abs=2e-6)
  assert gap['low'] <= gap['value'] <= gap['high']


def test_everything_a_figure_must_name():
  predictions, clips = example()
  about = results.summarise(predictions, clips, ABOUT)['about']
  assert {**about, **ABOUT._asdict()} == about
  assert 'pooled' in about['f1'] and '95%' in about['interval']
  assert (about['clips'], about['subjects'], about['folds']) == (60, 8, 8)
  assert about['clips_per_class'] == {
      name: int((clips.truth == k).sum()) for k, name in enumerate(CLASSES)}


def test_equal_predictions_give_equal_bytes(tmp_path):
  for name in ('one', 'two'):
    results.write_results(tmp_path / name, results.summarise(*example(), ABOUT))
  text = (tmp_path / 'one').read_bytes()
  assert text == (tmp_path / 'two').read_bytes()
  assert json.loads(text) == results.read_results(tmp_path / 'one')
  assert json.loads(text) == results.summarise(*example(), ABOUT)


def test_one_subject_has_no_interval(tmp_path):
  predictions, clips = example(subjects=1)
  found = results.summarise(predictions, clips, ABOUT)
  assert found['rows']['lightman']['uf1']['low'] is None
  results.write_results(tmp_path / 'r.json', found)
  assert '[-, -]' in table.render(found)


def test_predictions_file(tmp_path):
  predictions, clips = example()
  rng = np.random.default_rng(0)
  probability = rng.dirichlet(np.ones(3), 60).astype(np.float32)
  path = tmp_path / 'predictions.csv'
  results.write_predictions(path, clips, predictions['lightman'], probability)
  with open(path, newline='') as file:
    rows = list(csv.DictReader(file))
  assert list(rows[0]) == ['clip', 'subject', 'fold', 'truth', 'prediction',
                           'probability_negative', 'probability_positive',
                           'probability_surprise']
  assert [row['clip'] for row in rows] == list(clips.clip)
  assert [CLASSES.index(row['truth']) for row in rows] == clips.truth.tolist()
  assert rows[3]['probability_positive'] == f'{probability[3, 1]:.6f}'
  assert b'\r' not in path.read_bytes()


@pytest.mark.parametrize('names', [
    {'lightman': 'lightman', 'ridge': 'ridge', 'constant': 'constant'},
    {'lightman': 'lightman', 'ridge': 'lightman, not adapted', 'constant': '[red]x'}])
def test_table_fits_a_terminal(names):
  predictions, clips = example()
  text = table.render(results.summarise(
      {names[key]: value for key, value in predictions.items()}, clips, ABOUT))
  assert all(len(line) <= 80 for line in text.splitlines())
  for word in ('leave one subject out', 'casme2_3', 'sheet.xlsx', 'ab12cd34',
               '60 clips', '8 subjects', 'UF1: unweighted mean', '95%',
               *names.values()):
    assert word in text
  assert '\x1b' not in text


@pytest.mark.parametrize('method', settings.CHOICES['method.name'])
def test_every_row_says_what_it_is(method):
  rows = [method, f'{method}, not adapted', 'ridge', 'constant']
  lines = table.row_lines(rows)
  assert [line.partition(':')[0] for line in lines] == rows
  adapts = method not in ('supervised', 'protonet', 'matchingnet')
  assert ('adapted to supports' in lines[0]) == adapts
  assert 'linear model' in lines[2] and 'commonest class' in lines[3]
  # A row that another part of the program adds is no reason to fail.
  assert table.row_lines([method, 'something else']) == lines[:1]
