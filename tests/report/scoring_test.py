"""Predictions of any program: against scikit-learn, a run's own; what is refused."""

import csv
import json
import re

import numpy as np
import pytest
from sklearn import metrics

import lightman_jax as lm
from lightman_jax.__main__ import main
from lightman_jax.evaluation import comparison, scores
from lightman_jax.runs import results

CLASSES = ('negative', 'positive', 'surprise')


def rows_of(seed=0, *, clips=60, people=8, skill=.6):
  rng = np.random.default_rng([clips, people])
  truth = rng.integers(0, 3, clips)
  who = rng.permutation(np.arange(clips) % people)
  mine = np.random.default_rng(seed)
  said = np.where(mine.random(clips) < skill, truth, mine.integers(0, 3, clips))
  return [{'clip': f'c{n:02}', 'subject': f's{who[n]}', 'truth': CLASSES[truth[n]],
           'prediction': CLASSES[said[n]], 'fold': f'fold{who[n] // 2}'}
          for n in range(clips)]


def write(path, rows, *, delimiter=',', without=()):
  names = [name for name in rows[0] if name not in without]
  with open(path, 'w', newline='') as file:
    writer = csv.DictWriter(file, names, delimiter=delimiter, extrasaction='ignore')
    writer.writeheader()
    writer.writerows(rows)
  return path


def columns(rows, *names):
  return [np.array([row[name] for row in rows]) for name in names]


def test_scores_are_scikit_learns_and_the_two_f1_are_two(tmp_path):
  rows = rows_of()
  truth, said, fold = columns(rows, 'truth', 'prediction', 'fold')
  got = lm.score(write(tmp_path / 'theirs.csv', rows, delimiter=';'))
  row = got['rows']['theirs.csv']
  of = lambda scorer, **options: scorer(truth, said, **options)
  assert row['uf1']['value'] == pytest.approx(of(metrics.f1_score, average='macro'))
  assert row['uar']['value'] == pytest.approx(of(metrics.balanced_accuracy_score))
  assert row['accuracy']['value'] == pytest.approx(of(metrics.accuracy_score))
  mean = np.mean([metrics.f1_score(truth[fold == name], said[fold == name],
                                   average='macro') for name in set(fold)])
  assert row['mean_of_folds_f1'] == pytest.approx(mean, abs=1e-6)
  assert abs(mean - row['uf1']['value']) > 1e-3
  assert got['about']['folds'] == 4 and got['about']['subjects'] == 8
  assert 'pooled over folds' in got['about']['f1']
  assert "mean of folds' F1" in got['about']['mean_of_folds_f1']
  # Without folds each person is one.
  alone = lm.score(write(tmp_path / 'alone.csv', rows, without=['fold']))
  assert alone['about']['folds'] == 8
  said = 'alone.csv has no column fold: each person is taken as a fold'
  assert any(line.startswith(said) for line in alone['about']['remarks'])
  assert not any('column fold' in line for line in got['about']['remarks'])
  assert alone['rows']['alone.csv']['uf1']['value'] == row['uf1']['value']
  assert alone['rows']['alone.csv']['uf1']['low'] != row['uf1']['low']


def test_predictions_that_are_not_their_probabilities_are_remarked_on(tmp_path):
  rows = rows_of()
  odds = lambda best: {f'probability_{name}': .8 if name == best else .1
                       for name in CLASSES}
  score = lambda rows: lm.score(write(tmp_path / 'theirs.csv', rows))
  remarks = lambda rows: [line for line in score(rows)['about']['remarks']
                          if 'greatest probability' in line]
  rows = [{**row, **odds(row['prediction'])} for row in rows]
  assert remarks(rows) == []
  rows[3] |= odds(next(name for name in CLASSES if name != rows[3]['prediction']))
  line, = remarks(rows)
  assert "row 5 (clip 'c03')" in line and 'in 1 of 60 rows' in line


def test_label_is_another_word_for_truth(tmp_path):
  rows = rows_of()
  want = lm.score(write(tmp_path / 'theirs.csv', rows))
  named = [{('label' if name == 'truth' else name): value
            for name, value in row.items()} for row in rows]
  assert lm.score(write(tmp_path / 'theirs.csv', named)) == want
  # Where both stand there, it is not used, and that is said where it matters.
  for label, lines in (('', 0), ('positive', 1)):
    both = [{**row, 'label': label or row['truth']} for row in rows]
    got = lm.score(write(tmp_path / 'theirs.csv', both))
    assert got['rows'] == want['rows']
    said = [line for line in got['about']['remarks'] if 'the column label' in line]
    assert len(said) == lines and all('is not used' in line for line in said)


@pytest.mark.parametrize('truth, said, words', [
    ('surprise', 'suprise', "'suprise' is no truth of any clip; is 'surprise' meant?"),
    ('neg', 'nég', "'nég' is 'neg'"), ('1', '1.0', "'1.0' is '1'"),
    ('AU1', 'AU12', ''), ('happy', 'happy', ''), ('happy', 'anger', '')])
def test_one_class_in_two_spellings(truth, said, words, tmp_path):
  """One that is misspelt would be wrong everywhere, and lower the figure in silence."""
  other = '0' if truth == '1' else 'other'
  rows = [{'clip': f'c{n}', 'subject': f's{n}', 'truth': (truth, other)[n % 2],
           'prediction': (said, other)[n % 2]} for n in range(8)]
  file = write(tmp_path / 'theirs.csv', rows)
  if not words:
    lm.score(file)
    return
  with pytest.raises(lm.InputError, match=re.escape(words)):
    lm.score(file)
  if said == 'suprise':
    assert lm.score(file, different_classes=True)['rows']['theirs.csv']['accuracy'][
        'value'] == .5


def test_a_runs_own_predictions_are_taken_as_they_are(tmp_path):
  rows = rows_of(1)
  truth, said = (np.array([CLASSES.index(word) for word in column])
                 for column in columns(rows, 'truth', 'prediction'))
  clip, subject, fold = columns(rows, 'clip', 'subject', 'fold')
  clips = results.Clips(clip.tolist(), subject.tolist(), fold.tolist(), truth, CLASSES,
                        ['samm' if n in ('fold0', 'fold1') else 'smic' for n in fold])
  made = results.summarise({'maml': said}, clips, results.About(*[''] * 6, 0))
  run = tmp_path / 'run'
  run.mkdir()
  sure = np.full((len(rows), 3), .1)
  sure[np.arange(len(rows)), said] = .8
  results.write_predictions(run / 'predictions.csv', clips, said, sure)
  results.write_results(run / 'results.json', made)
  for path, name in ((run, 'run'), (run / 'predictions.csv', 'predictions.csv')):
    got = lm.score(path)
    row = got['rows'][name]
    for key in ('uf1', 'uar', 'accuracy', 'confusion', 'per_class'):
      assert row[key] == made['rows']['maml'][key]
    assert row['log_loss'] == pytest.approx(
        metrics.log_loss(truth, sure, labels=[0, 1, 2]), abs=1e-5)
    assert {part: got['data_sets'][part]['rows'][name]['uf1']['value']
            for part in ('samm', 'smic')} == {
                part: made['data_sets'][part]['rows']['maml']['uf1']['value']
                for part in ('samm', 'smic')}


def test_two_are_tested_against_each_other_in_any_order_of_rows(tmp_path):
  mine, other = rows_of(2, skill=.9), rows_of(3, skill=.4)
  alone = [{**row, 'fold': row['subject']} for row in mine]
  paths = (write(tmp_path / 'mine.csv', alone),
           write(tmp_path / 'other.csv', other[::-1], without=['fold']))
  got = lm.score(*paths)
  gap = got['differences']['mine.csv - other.csv']['uf1']
  people = sorted({row['subject'] for row in mine})
  counts = [scores.confusion_by(
      np.array([people.index(row['subject']) for row in rows]),
      *(np.array([CLASSES.index(row[name]) for row in rows])
        for name in ('truth', 'prediction')), groups=8, classes=3)[None]
            for rows in (mine, other)]
  want = comparison.difference(*counts, scores.uf1, rng=np.random.default_rng(0))
  assert (gap['value'], gap['low'], gap['high'], gap['p']) == pytest.approx(
      tuple(want[:4]), abs=1e-6)
  assert gap['p'] < .05 < gap['low']
  # Four folds in one of the two are four units in both, and no verdict.
  few = lm.score(write(tmp_path / 'folds.csv', mine), paths[1])
  assert few['about']['folds'] == 4
  assert few['about']['test'].startswith('no verdict on any difference: 4 folds')
  by_folds = [line for line in few['about']['remarks'] if 'by the folds of' in line]
  assert by_folds and 'the folds of folds.csv, for both files' in by_folds[0]
  assert not any('by the folds of' in line for line in lm.score(*paths[:1])['about'][
      'remarks'])


@pytest.mark.parametrize('change, words', [
    (lambda rows: rows[3].update(truth=''), "row 5 (clip 'c03'): the cell under 'tru"),
    (lambda rows: rows[3].update(prediction='NaN'), "under 'prediction' is 'NaN'"),
    (lambda rows: rows[7].update(clip='c02'), "row 9 (clip 'c02'): the clip stands in"),
    (lambda rows: rows[0].update(fold='x'), 'is in fold'),
    (lambda rows: rows[5].update(prediction='Positive '), "'Positive' is 'positive'"),
    (lambda rows: [row.update(prediction=f'{CLASSES.index(row["prediction"])}')
                   for row in rows], "is a number, and those under truth are nam"),
    (lambda rows: [row.update(truth=f'{CLASSES.index(row["truth"])}.0')
                   for row in rows], "is a name, and those under truth are numbe"),
    (lambda rows: [row.update(p_negative=.5, p_positive='?', p_surprise=0.)
                   for row in rows], "row 2 (clip 'c00'): p_positive is '?'"),
    (lambda rows: [row.update(p_negative=.5, p_positive=.4, p_surprise=.4)
                   for row in rows], 'add up to 1.300'),
    (lambda rows: [row.update(p_negative=1.) for row in rows], 'no column probabil'),
    (lambda rows: [row.update(true=row.pop('truth')) for row in rows],
     "has no column 'truth': a file of predictions needs clip, subject, truth"),
    (lambda rows: [row.update(group_sex='fm'[n % 2]) for n, row in enumerate(rows)],
     'a person is in one group'),
    (lambda rows: next(row for row in rows[9:] if row['subject'] == 's1').update(
        subject='S01'), "look like one person; write one of them, or, where they are"),
    (lambda rows: [row.update(dataset='lab' if row['subject'] < 's4' else 'Lab')
                   for row in rows], "'Lab' and 'lab' look like one data set"),
    (lambda rows: [row.update(group_sex='m' if row['subject'] < 's4' else 'M')
                   for row in rows], "group_sex is 'M' here and 'm' in row "),
    (lambda rows: [row.update(group_='m') for row in rows],
     "the column 'group_' names no group"),
    (lambda rows: [row.update(probability_negative=.9, p_negative=.1,
                              probability_positive=.05, probability_surprise=.05)
                   for row in rows], "probability of 'negative' stands in two columns"),
    (lambda rows: [row.update(p_negative=.3, p_positive=.3, p_surprise=.3, p_none=.1)
                   for row in rows],
     "0.900; those of all classes add up to 1; p_none")])
def test_what_is_wrong_is_refused_by_file_and_row(tmp_path, change, words, capsys):
  rows = rows_of()
  change(rows)
  path = write(tmp_path / 'wrong.csv', rows)
  assert main(['score', str(path)]) == 2
  said = capsys.readouterr()
  assert words in said.err and 'wrong.csv' in said.err and not said.out
  assert said.err.startswith('score: ') and said.err.count('\n') == 1


@pytest.mark.parametrize('change, words', [
    (lambda rows: rows.pop(4), "mine.csv row 6 (clip 'c04'): this clip is not in"),
    (lambda rows: rows.append({**rows[0], 'clip': 'more'}),
     "other.csv row 62 (clip 'more'): this clip is not in"),
    (lambda rows: [row.update(subject=row['subject'].upper()) for row in rows],
     'its subject is'),
    (lambda rows: rows[2].update(truth='other'), "its truth is"),
    (lambda rows: rows[0].update(prediction='Negative'), "the class '")])
def test_others_are_refused_that_are_not_of_the_same_clips(tmp_path, change, words,
                                                           capsys):
  rows = rows_of(5)
  change(rows)
  paths = write(tmp_path / 'mine.csv', rows_of()), write(tmp_path / 'other.csv', rows)
  assert main(['score', str(paths[0]), f'--against={paths[1]}']) == 2
  said = capsys.readouterr().err
  assert words in said and 'other.csv' in said and said.count('\n') == 1


def test_columns_that_are_no_probabilities_are_not_used(tmp_path):
  rows = [{**row, 'p_value': '<.05', 'P_negative': .2, 'Probability_positive': .3,
           'p_surprise': .5} for row in rows_of()]
  row = lm.score(write(tmp_path / 'p.csv', rows))['rows']['p.csv']
  odds = {'negative': .2, 'positive': .3, 'surprise': .5}
  assert row['log_loss'] == pytest.approx(
      -np.mean([np.log(odds[one['truth']]) for one in rows]), abs=1e-6)


def test_data_sets_are_those_of_the_run_however_they_are_spelt(tmp_path):
  """What is written out with the folds names a data set as its manifest does."""
  of = lambda row: 'samm' if row['subject'] < 's4' else 'casme2'
  run = tmp_path / 'run'
  run.mkdir()
  write(run / 'predictions.csv', rows_of())
  (run / 'results.json').write_text(json.dumps({'data_sets': {
      name: {'subjects': [f's{n}' for n in people]}
      for name, people in (('samm', range(4)), ('casme2', range(4, 8)))}}))
  spelt = {'samm': ('samm_long', 'SAMM'), 'casme2': ('CASME II cropped', 'casme2')}
  rows = [{**row, 'dataset': spelt[of(row)][n % 2],
           'subject': f"samm/{row['subject']}" if of(row) == 'samm' else row['subject']}
          for n, row in enumerate(rows_of(3, skill=.2))]
  got = lm.score(write(tmp_path / 'theirs.csv', rows), run)
  assert list(got['data_sets']) == ['casme2', 'samm']
  assert got['about']['subjects'] == 8
  assert set(got['differences']) == {'theirs.csv - run'}
  # A composite says under subject of which data set someone is.
  rows = [{**row, 'dataset': 'megc2019', 'subject': f"{of(row)}/{row['subject']}"}
          for row in rows_of(3)]
  assert lm.score(write(tmp_path / 'all.csv', rows), run)['about']['subjects'] == 8


def test_people_of_like_names_may_be_different(tmp_path, capsys):
  rows = [{**row, 'subject': row['subject'].replace('s1', 'S0'),
           'fold': row['subject'].replace('s1', 'S0')} for row in rows_of()]
  path = write(tmp_path / 'p.csv', rows)
  assert main(['score', str(path)]) == 2
  assert '--different-people' in capsys.readouterr().err
  assert main(['score', str(path), '--different-people']) == 0
  assert lm.score(path, different_people=True)['about']['subjects'] == 8
  # A run was asked before it began.
  (tmp_path / 'run').mkdir()
  (tmp_path / 'run' / 'results.json').write_text('{}')
  write(tmp_path / 'run' / 'predictions.csv', rows)
  assert lm.score(tmp_path / 'run')['about']['subjects'] == 8


@pytest.mark.parametrize('line, words', [
    ('"b,s2,joy,joy', 'row 3: a quote (") in \'"b,s2,joy,joy\' is never closed'),
    ('b,s2,joy', "row 3 (clip 'b'): the cell under 'prediction' is empty"),
    ('b,s2,joy,joy,more', 'row 3 has more cells than the header has columns')])
def test_rows_of_another_length_are_refused(tmp_path, line, words):
  path = tmp_path / 'p.csv'
  path.write_text(f'clip,subject,truth,prediction\na,s1,joy,joy\n{line}\n')
  with pytest.raises(lm.InputError) as refused:
    lm.score(path)
  assert words in str(refused.value)


def test_the_command_names_both_f1_and_the_verdict(tmp_path, capsys):
  rows = [{**row, 'fold': row['subject'], 'dataset': 'ab'[int(row['subject'][1]) % 2]}
          for row in rows_of(2, skill=1.)]
  paths = (write(tmp_path / 'mine.csv', rows),
           write(tmp_path / 'other.csv', rows_of(9, skill=0.), without=['fold']))
  assert main(['score', str(paths[0]), f'--against={paths[1]}']) == 0
  words = ' '.join(capsys.readouterr().out.split())
  for said in ('UF1', 'UAR', 'accuracy', "mine.csv: mean of folds' F1 1.000",
               'UF1: unweighted mean of class F1 over counts pooled', ': better',
               'a: 4 people', 'b: 4 people', '60 clips', 'of 8 people in 8 folds'):
    assert said in words
  assert main(['score', str(paths[0]), '--json']) == 0
  assert '"mean_of_folds_f1": 1.0' in capsys.readouterr().out
