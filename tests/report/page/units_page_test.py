"""Pages of runs of action units, and of runs that trained on one data set alone."""

import csv
import json

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.evaluation import comparison, scores
from lightman_jax.report.page.command import read_runs, write
from lightman_jax.report.page.texts import short
from lightman_jax.runs import results
from lightman_jax.runs.folder import write_json

UNITS = ('AU1', 'AU4', 'AU12')
ABOUT = results.About(*('x' for _ in range(6)), 0)._replace(people={}, models={})


def write_run(folder, rows, clips, *, config, about=ABOUT):
  content = results.summarise(rows, clips, about, resamples=100)
  content['about'] |= {'clips_seen': 100, 'tried': 1}
  folder.mkdir(parents=True)
  method = next(iter(rows))
  write_json(folder / 'config.json', {
      'seed': about.seed, 'method': {'name': method}, 'model': {'encoder': 'conv4'},
      'data': {'name': about.dataset, 'data_dir': ''}, **config})
  writer = (results.write_unit_predictions if clips.of_units else
            results.write_predictions)
  size = (len(clips.clip), len(clips.classes))
  writer(folder / 'predictions.csv', clips, rows[method], np.full(size, .5))
  results.write_results(folder / 'results.json', content)
  return folder


def of_units(folder, method, seed, skill):
  rng = np.random.default_rng(0)
  truth = rng.random((60, 3)) < (.5, .3, .2)
  subject = [f's{n % 10}' for n in range(60)]
  clips = results.Clips([f'c{n}' for n in range(60)], subject, subject, truth, UNITS)
  rng = np.random.default_rng([seed, *method.encode()])
  said = truth ^ (rng.random(truth.shape) > skill)
  about = ABOUT._replace(seed=seed, dataset='cd6me', models={method: 1})
  return write_run(folder, {method: said, 'constant': np.ones_like(truth)}, clips,
                   config={'labels': {'kind': 'action_units'}}, about=about)


def test_a_page_of_units_compares_by_binary_f1(tmp_path):
  paths = [of_units(tmp_path / f'{method}{seed}', method, seed, skill)
           for method, skill in (('maml', .97), ('anil', .6)) for seed in (0, 1)]
  write(read_runs(paths), tmp_path / 'out', permutations=1024)
  page, rows = ((tmp_path / 'out' / name).read_text(encoding='utf-8')
                for name in ('report.html', 'table.csv'))
  lines = list(csv.DictReader(rows.splitlines()))
  assert [line['row'] for line in lines] == ['maml, conv4', 'anil, conv4', 'constant']
  assert lines[0]['clips'] == '60' and lines[0]['best_after_holm'] == '1'
  of = [json.loads((path / 'results.json').read_text()) for path in paths[:2]]
  value = np.mean([one['rows']['maml']['f1_binary']['value'] for one in of])
  assert float(lines[0]['f1_binary']) == pytest.approx(value, abs=2e-6)
  for words in ('<h2>Action units</h2>', 'binary F1', 'macro F1', 'AU12',
                'better than every other method', 'SSSNet', 'macro F1 .683'):
    assert words in page, words
  assert '<h2>Confusions</h2>' not in page and 'UF1' not in page.partition(
      '<section id="published"')[0]
  one = np.mean([run['rows']['maml']['per_class']['AU4']['f1'] for run in of])
  cells = page.partition('<th scope="row">AU4</th>')[2].partition('</tr>')[0]
  assert f'>{short(one)}<' in cells
  assert 'across.csv' not in {path.name for path in (tmp_path / 'out').iterdir()}


def across(folder, source, seed=0):
  rng = np.random.default_rng(0)
  others = [name for name in ('casme2', 'samm', 'smic') if name != source]
  subject = [f'{others[n % 2]}/s{n % 8}' for n in range(48)]
  truth = rng.integers(0, 3, 48)
  clips = results.Clips([f'c{n}' for n in range(48)], subject, ['all'] * 48, truth,
                        ('a', 'b', 'c'), [name.split('/')[0] for name in subject])
  rng = np.random.default_rng([seed, *source.encode()])
  said = np.where(rng.random(48) < .7, truth, (truth + 1) % 3)
  about = ABOUT._replace(seed=seed, dataset='megc2019', models={'maml': 1},
                         protocol=f'trained on {source} alone')
  return write_run(folder, {'maml': said, 'constant': 0 * truth}, clips, about=about,
                   config={'episodes': {'train_on': source}}), truth, said, subject


def test_all_pairs_of_data_sets_are_one_table_on_the_page_and_a_file(tmp_path):
  made = {source: across(tmp_path / source, source)
          for source in ('casme2', 'samm', 'smic')}
  write(read_runs([one[0] for one in made.values()]), tmp_path / 'out',
        permutations=256)
  lines = list(csv.DictReader(
      (tmp_path / 'out' / 'across.csv').read_text().splitlines()))
  pairs = [(a, b) for a in made for b in made if a != b]
  assert [(line['trained_on'], line['tested_on']) for line in lines] == pairs * 2
  assert [line['row'] for line in lines] == ['maml, conv4'] * 6 + ['constant'] * 6
  page = (tmp_path / 'out' / 'report.html').read_text(encoding='utf-8')
  assert '<h2>Across data sets</h2>' in page
  for line, (source, target) in zip(lines, pairs):
    _, truth, said, subject = made[source]
    people = sorted({name for name in subject if name.startswith(target)})
    counts = np.stack([scores.confusion(*(one[[who == name for who in subject]]
                                          for one in (truth, said)), classes=3)
                       for name in people])
    assert float(line['value']) == pytest.approx(float(scores.uf1(counts.sum(0))))
    low, high = comparison.crossed_interval(counts[None], scores.uf1)
    assert float(line['low']) == pytest.approx(low, abs=1e-6)
    assert int(line['people']) == len(people) == 4
    assert f'{short(float(line["value"]))} [{short(low)}, {short(high)}]' in page


def test_units_and_classes_stand_on_pages_of_their_own(tmp_path):
  both = [of_units(tmp_path / 'units', 'maml', 0, .9),
          across(tmp_path / 'classes', 'samm')[0]]
  with pytest.raises(InputError, match='make a page of each'):
    write(read_runs(both), tmp_path / 'out', permutations=64)


def test_answers_that_do_not_count_to_what_is_stated_are_refused(tmp_path):
  path = of_units(tmp_path / 'a', 'maml', 0, .9) / 'predictions.csv'
  first, line, *rest = path.read_text().split('\n')
  cells = line.split(',')
  cells[4] = str(1 - int(cells[4]))
  path.write_text('\n'.join([first, ','.join(cells), *rest]))
  with pytest.raises(InputError, match='does not count to the confusion'):
    read_runs([path.parent])
