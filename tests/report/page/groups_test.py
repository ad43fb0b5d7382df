"""Which runs are one row, which rows one table, and what is refused."""

import json

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.report import table
from lightman_jax.report.page import records
from lightman_jax.report.page.command import read_runs
from lightman_jax.report.page.groups import arrange, read_run


def arranged(*paths):
  return arrange(read_runs(paths))


def test_runs_that_differ_in_the_seed_are_a_row(table_of_runs):
  (table,) = arranged(*table_of_runs)
  (column,) = table.columns
  assert [(g.label, g.seeds) for g in column.groups] == [
      ('lightman, conv4', (0, 1)), ('maml, conv4', (0, 1)),
      ('supervised, conv4', (0, 1))]
  assert table.why == ''


def test_where_a_run_lies_does_not_part_it(make):
  config = {'data': {'name': 'casme2', 'data_dir': '/elsewhere'}}
  (table,) = arranged(make('a', seed=0), make('b', seed=1, config=config))
  assert table.columns[0].groups[0].seeds == (0, 1)


def test_another_setting_is_another_row_and_is_named(make):
  one, two = ({'method': {'name': 'lightman', 'align_weight': weight}}
              for weight in (0., .5))
  (table,) = arranged(make('a', config=one), make('b', config=two))
  assert [g.label for g in table.columns[0].groups] == [
      'lightman, conv4, method.align_weight=0.0',
      'lightman, conv4, method.align_weight=0.5']


@pytest.mark.parametrize('other, words', [
    (dict(class_set='casme2_4'), 'another class set (casme2_4, not casme2_3)'),
    (dict(clips=80), 'other clips, folds or labels (80 clips of 9 subjects here, 72'),
    (dict(subjects=8), 'other clips'),
])
def test_what_may_not_be_compared_stands_apart(make, other, words):
  first, second = arranged(make('a'), make('b', seed=1), make('c', **other))
  assert first.why == '' and words in second.why and 'Table 2' in second.why
  assert [len(t.columns[0].groups) for t in (first, second)] == [1, 1]


def test_another_protocol_stands_apart(make):
  first, second = arranged(make('a'), make('b', seed=1),
                           make('c', protocol='5 folds of subjects'))
  assert first.protocol == 'leave one subject out'
  assert 'the protocol is another one (5 folds of subjects)' in second.why


def test_data_sets_are_columns_of_one_table(make):
  (table,) = arranged(make('a'), make('b', dataset='samm', class_set='samm_3'))
  assert [c.dataset for c in table.columns] == ['casme2', 'samm']


def test_a_folder_counts_once_and_a_copy_is_refused(make):
  one = make('a')
  assert len(read_runs([one, one / '..' / 'a'])) == 1
  with pytest.raises(InputError, match='same configuration and seed'):
    arranged(one, make('b'))


def broken(folder, change):
  path = folder / 'results.json'
  content = json.loads(path.read_text())
  change(content)
  path.write_text(json.dumps(content))
  return folder


def no_seed(content):
  del content['about']['seed']


def words_for_counts(content):
  content['rows']['lightman']['per_subject']['sub00']['confusion'] = '<script>'


def fewer_people(content):
  del content['rows']['ridge']['per_subject']['sub00']


def negative_counts(content):
  content['rows']['lightman']['per_subject']['sub00']['confusion'][0][0] = -3


def a_list_for_text(content):
  content['about']['sheet'] = ['x']


@pytest.mark.parametrize('change', [no_seed, words_for_counts, fewer_people,
                                    negative_counts, a_list_for_text])
def test_what_is_not_ours_is_one_sentence(make, change):
  with pytest.raises(InputError, match='does not hold what this version writes'):
    read_runs([broken(make('a'), change)])


def test_unfinished_and_foreign_folders(make, tmp_path, capsys):
  good, unfinished = make('a'), make('b', seed=1)
  (unfinished / 'results.json').unlink()
  (tmp_path / 'foreign').mkdir()
  (tmp_path / 'swept').mkdir()
  (tmp_path / 'swept' / 'sweep.json').write_text('{}')
  torn = make('c', seed=2)
  (torn / 'config.json').write_text('{"seed": ')
  for path, words in ((unfinished, 'is not finished'),
                      (tmp_path / 'foreign', 'is no run folder'),
                      (tmp_path / 'nowhere', 'is no run folder'),
                      (tmp_path / 'swept', 'folder of a sweep; name its runs'),
                      (torn, 'cannot be read as a JSON object')):
    with pytest.raises(InputError, match=words):
      read_runs([good, path])
  kept = read_runs([unfinished, good, tmp_path / 'foreign', torn], skip=True)
  assert [run.path.name for run in kept] == ['a']
  assert capsys.readouterr().err.count('left out: ') == 3
  with pytest.raises(InputError, match='none of the folders'):
    read_runs([unfinished], skip=True)


def test_a_curve_over_training_people(make, tmp_path):
  """Draws of as many people are one point; the last one has all: nine less three."""
  def run(name, count, draw=0, seed=0, **more):
    episodes = {'training_people': count, 'people_draw': draw}
    protocol = f'3 folds of subjects, {count}' if count else '3 folds of subjects'
    return make(name, seed=seed, protocol=protocol, folds=3, beside=('svm', 'constant'),
                config={'episodes': episodes, **more})
  labels = {'macro': {'label_weight': .3}}
  tables = arrange(map(read_run, [
      run('a', 4), run('b', 4, 1), run('c', 4, seed=1), run('d', 0),
      run('e', 4, **labels), run('f', 0, **labels),
      make('g', method='maml', folds=3, protocol='x')]))
  curves = records.people_curves(tables)['casme2']
  assert len(curves) == 3 and list(curves)[-1] == 'svm'
  for points in curves.values():
    assert [point[0] for point in points] == [4., 6.]
    assert all(low <= value <= high for _, value, low, high in points)
  runs = tmp_path / 'runs'
  mean = np.mean([scores.uf1(read_run(runs / name).counts['lightman'].sum(0))
                  for name in 'abc'])
  plain = next(points for name, points in curves.items()
               if name.startswith('lightman') and '0.3' not in name)
  np.testing.assert_allclose(plain[0][1], mean)
  sheet = records.people_table(curves)
  assert sheet.heads == ('4 people', '6 people') and len(sheet.rows) == 3
  # Where all runs train on all people there is no curve.
  assert not records.people_curves(arrange([read_run(tmp_path / 'runs' / 'd')]))


@pytest.mark.parametrize('changes, words', [
    ({}, 'none'),
    ({'method': {'align_weight': .5}}, 'aligned with (weight 0.5)'),
    ({'method': {'align_weight': 0.}}, 'none'),
    ({'method': {'align_weight': .5, 'weight': 'learned'}}, 'aligned with (weight '
     'learned from 0.5)'),
    ({'macro': {'source': 'own', 'label_weight': .3, 'label_where': 'both',
                'label_head': 'own'}}, 'labelled (weight 0.3, both losses, own head)'),
    ({'macro': {'source': 'own', 'only': True}}, 'in the place of all micro clips'),
    ({'macro': {'source': 'none'}, 'method': {'align_weight': .5}}, 'none'),
    ({'pretrain': {'source': 'macro'}}, 'pretrained on'),
    ({'pretrain': {'source': 'runs/x'}}, 'pretrained: a finished run')])
def test_what_a_run_made_of_macro_expressions(changes, words):
  assert table.macro_knowledge({'macro': {'source': 'own'}, **changes}) == words
