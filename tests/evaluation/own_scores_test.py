"""Scores from outside: what they take, and their intervals."""

import io
import os
from typing import Annotated

import numpy as np
import pytest
from rich.console import Console

from lightman_jax import registry
from lightman_jax.errors import InputError
from lightman_jax.evaluation import intervals, scores
from lightman_jax.options import Range
from lightman_jax.report import table
from lightman_jax.runs import results

PEOPLE, CLASSES, CLIPS = 8, 3, 40


def recall(truth, prediction) -> Annotated[float, Range(0., 1.)]:
  """The share of hits: accuracy by another name."""
  return float((truth == prediction).mean())


def doubt(truth, probabilities):
  """The mean probability of what is not the truth."""
  return float(1 - probabilities[np.arange(len(truth)), truth].mean())


def broken(truth, prediction):
  return 1 / 0


@pytest.fixture(autouse=True)
def nobody_named_anything(monkeypatch):
  monkeypatch.setattr(registry, '_ALLOWED', {})


@pytest.fixture
def drawn():
  """Truth, probabilities and clips of some people."""
  rng = np.random.default_rng(1)
  truth, odds = rng.integers(0, CLASSES, CLIPS), rng.dirichlet(np.ones(CLASSES), CLIPS)
  people = [f's{n % PEOPLE}' for n in range(CLIPS)]
  return truth, odds, results.Clips(
      [f'c{n}' for n in range(CLIPS)], people, people, truth, list('abc'))


def named(*parts):
  return ','.join(registry.allow_object('score', part) for part in parts)


def test_a_score_of_pairs_has_the_interval_of_the_same_score_of_counts(drawn):
  truth, odds, clips = drawn
  every = scores.scores_of(named(recall))
  row = results.summarise(
      {'m': odds.argmax(1)}, clips, results.About(*'abcdef', 0),
      every=every)['rows']['m']
  assert row['recall'] == row['accuracy']
  assert list(row)[:4] == ['uf1', 'uar', 'accuracy', 'recall']


def test_a_score_of_probabilities_is_left_out_where_there_are_none(drawn):
  """By hand: the value, and the jackknife over people."""
  truth, odds, clips = drawn
  every = scores.scores_of(named(doubt))
  content = results.summarise(
      {'m': odds.argmax(1), 'constant': np.zeros(CLIPS, int)}, clips,
      results.About(*'abcdef', 0), every=every, probabilities={'m': odds})
  row = content['rows']['m']['doubt']
  assert row['value'] == pytest.approx(doubt(truth, odds), abs=1e-6)
  people = np.array(clips.subject)
  without = np.array([doubt(truth[people != name], odds[people != name])
                      for name in sorted(set(people))])
  spread = np.sqrt((PEOPLE - 1) / PEOPLE * np.square(without - without.mean()).sum())
  half = intervals.special.stdtrit(PEOPLE - 1, .975) * spread
  assert row['high'] - row['value'] == pytest.approx(half, abs=2e-6)
  assert content['rows']['constant']['doubt'] == {
      'value': None, 'low': None, 'high': None}
  assert set(content['differences']['m - constant']) == {'uf1', 'uar', 'accuracy'}
  shown = table.render({**content, 'about': {
      **content['about'], 'sheet_sha256': '', 'sheet': ''}}, width=120)
  assert 'doubt' in shown.splitlines()[0]


@pytest.mark.parametrize('classes', [2, 5])
def test_scores_are_tried_before_training(classes):
  def one_of_each_class(probabilities):
    return float(probabilities[:, classes - 1].mean())

  def too_many(counts):
    return counts.sum(-1) / 1

  def unknown(truth):
    return float('nan')

  def drawn_anew(truth):
    return float(np.random.default_rng().random())

  def spoiling(counts):
    counts += 1
    return counts[..., 0, 0] * 1.
  scores.try_scores(named(recall, doubt, one_of_each_class), classes)
  for part, words in ((broken, 'broken fails on .*ZeroDivisionError'),
                      (too_many, 'too_many fails on .*made-up clips'),
                      (unknown, 'unknown fails on .*: nan where a number was due'),
                      (drawn_anew, 'drawn_anew fails on .*, and then .* of the same'),
                      (spoiling, 'spoiling fails on .*changes the arrays')):
    with pytest.raises(InputError, match=words):
      scores.try_scores(named(part), classes)


def test_a_score_leaves_the_working_folder(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'inside').mkdir()

  def moving(truth, prediction):
    os.chdir(tmp_path / 'inside')
    return 0.

  def moving_counts(counts):
    os.chdir(tmp_path / 'inside')
    return counts.sum((-1, -2)) * 0.
  scores.try_scores(named(moving, moving_counts), 3)
  assert os.getcwd() == str(tmp_path)


def test_what_is_no_score_is_one_sentence(drawn):
  truth, odds, clips = drawn
  with pytest.raises(InputError, match='broken of 40 clips is no number .Zero'):
    results.summarise({'m': odds.argmax(1)}, clips, results.About(*'abcdef', 0),
                      every=scores.scores_of(named(broken)))

  def leaving(truth, prediction):
    raise SystemExit(0)
  with pytest.raises(InputError, match='leaving of 40 clips is no number .SystemExit'):
    results.summarise({'m': odds.argmax(1)}, clips, results.About(*'abcdef', 0),
                      every=scores.scores_of(named(leaving)))

  def uf1(truth, prediction):
    return 0.

  def strange(truth, weather):
    return 0.
  for part, words in ((uf1, "has 'uf1' already"), (strange, 'takes truth, weather')):
    with pytest.raises(InputError, match=words):
      scores.scores_of(named(part))
  with pytest.raises(registry.NotNamed, match='--score=their.py:kappa'):
    scores.scores_of('their.py:kappa')
  with pytest.raises(InputError, match="no score 'ua'; the nearest is 'uar'"):
    scores.scores_of('ua')


def test_bounds_of_an_interval():
  """Twice the score between twice the bounds has twice the interval."""
  rng = np.random.default_rng(0)
  counts = rng.integers(0, 5, (6, 2, 2))
  low, high = intervals.subject_interval(counts, scores.accuracy)
  twice = intervals.subject_interval(counts, lambda c: 4 * scores.accuracy(c) - 2,
                                     bounds=(-2., 2.))
  np.testing.assert_allclose(twice, (4 * low - 2, 4 * high - 2))


@pytest.mark.parametrize('name, width', [
    ('quadratic_weighted_kappa', 80), ('k', 80), ('x' * 70, 80), ('kappa', 60)])
def test_rows_keep_their_names_beside_any_scores(name, width):
  """Also where nobody sees a terminal, whose width is 80."""
  part = {'value': .712, 'low': -.65, 'high': .771}
  rows = {method: dict.fromkeys(('uf1', 'uar', 'accuracy', name, f'{name}_2'), part)
          for method in ('lightman', 'ridge with macro clips', 'svm')}
  out = io.StringIO()
  console = Console(file=out, width=width)
  tables = table.scores_tables(rows, width)
  console.print(*tables, sep='\n')
  lines = out.getvalue().splitlines()
  assert all(len(line) <= width for line in lines)
  for method in ('lightman', 'ridge with', 'svm'):
    assert sum(line.startswith(method) for line in lines) == len(tables)
  assert out.getvalue().count('.712 [-.650, .771]') == 15
