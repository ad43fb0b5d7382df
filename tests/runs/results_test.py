"""Results hold what every figure must name, and equal runs give equal bytes."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import f1_score

from lightman_jax import settings
from lightman_jax.evaluation import scores
from lightman_jax.report import table
from lightman_jax.runs import results

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
  content = results.summarise(predictions, clips, ABOUT)
  assert list(content['rows']) == ['lightman', 'ridge', 'constant']
  for name, row in content['rows'].items():
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
  assert content['rows']['constant']['uar']['value'] == pytest.approx(1 / 3, abs=1e-6)


def test_differences_are_paired():
  content = results.summarise(*example(), ABOUT)
  rows, gaps = content['rows'], content['differences']
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
  content = results.summarise(predictions, clips, ABOUT)
  assert content['rows']['lightman']['uf1']['low'] is None
  results.write_results(tmp_path / 'r.json', content)
  assert '[-, -]' in table.render(content)


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
  assert 'ridge regression' in lines[2] and 'commonest class' in lines[3]
  # A row that another part of the program adds is no reason to fail.
  assert table.row_lines([method, 'something else']) == lines[:1]


def test_the_strongest_reference_is_named_with_what_is_known_of_it():
  """By hand: the highest UF1 of rows that are not the method's, and its difference."""
  predictions, clips = example()
  rows = {'lightman': predictions['lightman'],
          'lightman, one draw': predictions['lightman'],
          'constant': predictions['constant'], 'svm': predictions['ridge']}
  content = results.summarise(rows, clips, ABOUT._replace(
      references={'svm': 'C chosen inside each of 8 folds'}))
  assert results.strongest_reference(content['rows']) == 'svm'
  line, = table.strongest_line(content)
  value = content['rows']['svm']['uf1']['value']
  gap = content['differences']['lightman, one draw - svm']['uf1']
  assert f'svm is the strongest reference, UF1 {table.short(value)}' in line
  assert f'lightman, one draw - svm is {table.cell(gap)}' in line
  assert line.endswith(': better') and gap['low'] > 0 and gap['p'] < .05
  assert 'svm: C chosen inside each of 8 folds' in ' '.join(
      table.render(content).split())
  same = results.summarise({**rows, 'svm': predictions['lightman']}, clips, ABOUT)
  assert table.strongest_line(same)[0].endswith('no difference seen')
  few = results.summarise(rows, clips._replace(
      fold=[f'fold{int(name[3:]) % 3}' for name in clips.subject]), ABOUT)
  assert table.strongest_line(few)[0].endswith(
      'no verdict, too few folds (see below)')
  alone = results.summarise({'lightman': predictions['lightman']}, clips, ABOUT)
  assert table.strongest_line(alone) == ()


def test_differences_have_a_p_in_units_of_what_was_trained():
  predictions, clips = example()
  gap = results.summarise(predictions, clips, ABOUT)['differences']['lightman - ridge']
  assert 0 < gap['uf1']['p'] < .05
  about = results.summarise(predictions, clips, ABOUT)['about']
  assert about['test'].startswith('p: two-sided') and '8 subjects' in about['test']
  # The same answers out of three folds: too few to tell a difference from luck.
  few = clips._replace(fold=[f'fold{int(name[3:]) % 3}' for name in clips.subject])
  content = results.summarise(predictions, few, ABOUT)
  assert content['differences']['lightman - ridge']['uf1']['p'] >= .25
  assert content['about']['test'].startswith('no verdict on any difference: 3 folds')
  text = ' '.join(table.render(content).split())
  assert 'no verdict: 3 folds are too few to tell any difference from chance' in text
  assert 'cannot be below .25, where a verdict needs less than .05' in text
  assert 'it takes 6 folds or more. More people' in text
  wide = content['rows']['lightman']['uf1']
  narrow = results.summarise(predictions, clips, ABOUT)['rows']['lightman']['uf1']
  assert wide['value'] == narrow['value'] and '3 folds' in content['about']['interval']
  assert wide['high'] - wide['low'] != pytest.approx(narrow['high'] - narrow['low'])


def test_a_subject_in_two_folds_is_no_result():
  predictions, clips = example()
  with pytest.raises(ValueError, match='two folds'):
    results.summarise(predictions, clips._replace(
        fold=[f'{n}' for n in range(60)]), ABOUT)


def two_sets():
  predictions, clips = example()
  own = ['smic' if name < 'sub03' else 'casme2' for name in clips.subject]
  return predictions, clips._replace(dataset=own), np.array(own)


def test_scores_and_confusions_by_data_set():
  predictions, clips, own = two_sets()
  content = results.summarise(predictions, clips, ABOUT)
  assert list(content['data_sets']) == ['casme2', 'smic']
  for name, part in content['data_sets'].items():
    mine = own == name
    for row, scored in part['rows'].items():
      counts = scores.confusion(clips.truth[mine], predictions[row][mine], classes=3)
      assert scored['confusion'] == counts.tolist()
      assert scored['uf1']['value'] == pytest.approx(scores.uf1(counts), abs=1e-6)
      assert scored['uar']['value'] == pytest.approx(scores.uar(counts), abs=1e-6)
      assert scored['uf1']['low'] < scored['uf1']['value'] or row == 'constant'
    assert sum(part['clips_per_class'].values()) == mine.sum()
    assert part['subjects'] == sorted(
        {s for s, here in zip(clips.subject, mine) if here})
  both = np.sum([part['rows']['ridge']['confusion']
                 for part in content['data_sets'].values()], 0)
  assert both.tolist() == content['rows']['ridge']['confusion']


def test_the_table_has_scores_and_confusions_by_data_set():
  predictions, clips, own = two_sets()
  content = results.summarise(predictions, clips, ABOUT)
  text = table.render(content)
  assert all(len(line) <= 80 for line in text.splitlines())
  words = ' '.join(text.split())
  assert 'smic: 3 subjects, negative' in words and 'casme2: 5 subjects' in words
  value = content['data_sets']['smic']['rows']['lightman']['uf1']['value']
  assert f'{value:.3f}'[1:] in text.partition('smic: 3')[2]
  counts = content['data_sets']['smic']['rows']['lightman']['confusion']
  assert f'surprise {" ".join(map(str, counts[2]))}' in words
  # One data set is told as before.
  assert 'data_sets' not in results.summarise(*example(), ABOUT)


def test_one_class_alone_is_remarked():
  """UF1 reads 1.000, and says why that is nothing."""
  subject = ['a', 'a', 'b', 'b']
  clips = results.Clips(list('1234'), subject, subject, np.zeros(4, int), ('happy',))
  content = results.summarise({'lightman': np.zeros(4, int)}, clips, ABOUT)
  assert content['rows']['lightman']['uf1']['value'] == 1
  words = ' '.join(table.render(content).split())
  for text in (content['about']['remarks'][0], words):
    assert 'all held-out clips are of one class, happy' in text


def test_a_class_without_clips_is_remarked():
  predictions, clips = example()
  few = clips._replace(truth=np.minimum(clips.truth, 1))
  content = results.summarise(predictions, few, ABOUT)
  remark, = content['about']['remarks']
  assert 'no held-out clip is of class surprise' in remark
  content['about']['trial'] = 'a trial of the program'
  text = table.render(content)
  assert remark in ' '.join(text.split())
  assert text.splitlines()[-1] == 'a trial of the program'     # where a reader ends
  assert results.summarise(predictions, clips, ABOUT)['about']['remarks'] == []


def test_one_draw_stands_against_one_model():
  predictions, clips = example()
  rows = {'lightman': predictions['lightman'],
          'lightman, one draw': predictions['ridge'],
          'lightman, not adapted': predictions['constant'], **{
              name: predictions[name] for name in ('ridge', 'constant')}}
  models = dict.fromkeys(rows, 1) | {'lightman': 8}
  content = results.summarise(rows, clips, ABOUT._replace(
      models=models, clips_seen=1080, macro_clips_seen=540))
  assert list(content['rows'])[0] == 'lightman'
  assert 'lightman, one draw - lightman, not adapted' in content['differences']
  assert 'lightman - lightman, not adapted' in content['differences']
  words = ' '.join(table.render(content).split())
  assert 'averaged models: lightman 8, other rows 1' in words
  # Draws, of which there may be many more than clips.
  assert 'fold: 1080 clips and 540 macro clips beside them, each counted as' in words


def test_scores_by_group_of_people_and_none_of_few():
  predictions, clips = example()
  sex = {f'sub{n:02}': 'fm'[n in (1, 5)] for n in range(8)}
  age = {f'sub{n:02}': str(18 + n) for n in range(7)}      # of one it is not known
  clips = clips._replace(groups={
      'sex': [sex[who] for who in clips.subject],
      'age': [age.get(who, '') for who in clips.subject]})
  content = results.summarise(predictions, clips, ABOUT)
  women, men = (content['groups']['sex']['by_value'][value] for value in 'fm')
  assert men['subjects'] == ['sub01', 'sub05'] and len(women['subjects']) == 6
  mine = np.isin(clips.subject, women['subjects'])
  for name, said in predictions.items():
    counts = scores.confusion(clips.truth[mine], said[mine], classes=3)
    row = women['rows'][name]
    assert row['confusion'] == counts.tolist()
    assert row['uf1']['value'] == pytest.approx(scores.uf1(counts), abs=1e-6)
    assert row['uf1']['low'] <= row['uf1']['value'] <= row['uf1']['high']
    few = men['rows'][name]
    assert few['uf1']['value'] is not None
    assert {few[key][end] for key in ('uf1', 'uar', 'accuracy')
            for end in ('low', 'high')} == {None}
  ages = content['groups']['age']
  assert list(ages['by_value']) == ['10 to 19', '20 to 29'] and ages['not_known'] == 1
  words = ' '.join(table.render(content).split())
  assert 'UF1 by sex' in words and '6 people' in words and '[-, -]' in words
  assert 'age: intervals where a group has 6 people' in words
  assert '1 person is in no group' in words
  assert 'groups' not in results.summarise(*example(), ABOUT)


def units_example(seed=0, *, clips=48, subjects=8):
  """Three units of which the last is shown by nobody; the svm is right of the first."""
  rng = np.random.default_rng(seed)
  truth = rng.random((clips, 3)) < (.5, .25, 0.)
  subject = [f'{"smic" if n % 2 else "samm"}/s{n % subjects}' for n in range(clips)]
  who = results.Clips([f'c{n:02}' for n in range(clips)], subject, subject, truth,
                      ('AU1', 'AU4', 'AU9'), [name.split('/')[0] for name in subject])
  said = truth ^ (rng.random(truth.shape) < .3)
  return {'maml': said, 'svm': np.where([True, False, False], truth, said),
          'constant': np.ones_like(truth), 'never': np.zeros_like(truth)}, who


def test_units_are_scored_each_and_on_average():
  predictions, clips = units_example()
  content = results.summarise(predictions, clips, ABOUT)
  about = content['about']
  assert about['labels'] == 'action_units' and 'binary F1' in about['f1']
  assert about['clips_per_class'] == dict(zip(
      clips.classes, clips.truth.sum(0).tolist())) and about['clips'] == 48
  assert about['remarks'] == ['no held-out clip shows AU9: the F1 of its presence '
                              'counts as 0 in the means']
  for name, row in content['rows'].items():
    f1 = [[f1_score(clips.truth[:, k], predictions[name][:, k], average=how,
                    labels=[0, 1], zero_division=0) if how == 'macro' else
           f1_score(clips.truth[:, k], predictions[name][:, k], zero_division=0)
           for k in range(3)] for how in ('binary', 'macro')]
    for key, own in zip(('f1_binary', 'f1_macro'), f1):
      assert row[key]['value'] == pytest.approx(np.mean(own), abs=1e-6)
      assert row[key]['low'] <= row[key]['value'] <= row[key]['high']
    for k, unit in enumerate(clips.classes):
      one = row['per_class'][unit]
      assert one['f1'] == pytest.approx(f1[0][k], abs=1e-6)
      assert one['f1_macro'] == pytest.approx(f1[1][k], abs=1e-6)
      assert one['f1_interval'][0] <= one['f1'] <= one['f1_interval'][1]
      assert one['clips'] == clips.truth[:, k].sum()
    assert sum(own['clips'] for own in row['per_subject'].values()) == 48
  assert results.strongest_reference(content['rows']) == 'svm'
  gap = content['differences']['maml - svm']
  assert set(gap) == {'f1_binary', 'f1_macro'} and gap['f1_binary']['value'] < 0
  assert set(content['data_sets']) == {'samm', 'smic'}
  part = content['data_sets']['samm']
  mine = np.array([name == 'samm' for name in clips.dataset])
  assert part['clips_per_class']['AU1'] == clips.truth[mine, 0].sum()
  assert part['rows']['never']['f1_binary']['value'] == 0


def test_answers_on_units_are_written_and_read(tmp_path):
  predictions, clips = units_example()
  said = predictions['maml']
  results.write_unit_predictions(tmp_path / 'p.csv', clips, said,
                                 np.where(said, .75, .25))
  lines = results.read_predictions(tmp_path / 'p.csv')
  assert list(lines[0]) == ['clip', 'subject', 'fold', *(
      f'{column}_{unit}' for unit in clips.classes
      for column in ('truth', 'prediction', 'probability'))]
  assert (results.read_units(lines, 'truth', clips.classes) == clips.truth).all()
  assert (results.read_units(lines, 'prediction', clips.classes) == said).all()
  assert lines[0]['probability_AU1'] in ('0.750000', '0.250000')
  with pytest.raises(ValueError, match='neither 0 nor 1'):
    results.read_units([{'truth_AU1': '2'}], 'truth', ['AU1'])


def test_the_table_of_units_names_each_and_the_strongest_reference():
  predictions, clips = units_example()
  content = results.summarise(predictions, clips, ABOUT)
  content['about']['rare_units'] = {'AU15': '3 of 2 people'}
  text = table.render(content, width=100)
  for words in ('binary F1', 'macro F1', 'F1 of presence', 'AU4',
                'svm is the strongest reference, binary F1',
                'every unit acts in every clip',
                'AU15 is left out, for it is rare: 3 of 2 people'):
    assert words in ' '.join(text.split()), words
