"""The few-shot part of a run: kept per fold, counted once, the same when it goes on."""

import csv
import json

import jax
import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from configs import synthetic
from lightman_jax.data.facts import MEGC2019
from lightman_jax.data.store import ClipSet
from lightman_jax.experiment import assembly, few_shot
from lightman_jax.meta.learners import protonet
from lightman_jax.report import table
from lightman_jax.runs import results
from lightman_jax.runs.folder import RunFolder
from lightman_jax.tasks.sampling import Sizes
from lightman_jax.training.state import Recipe

PEOPLE = [f'{name}/s{n}' for name, size in (('casme2', 5), ('samm', 4), ('smic', 4))
          for n in range(size)]
ABOUT = results.About('leave one data set out, support from training subjects',
                      'megc2019', 'megc_3', '', '', '', 0)


@pytest.fixture(scope='module')
def material():
  """A composite of thirteen people, three clips of each class, and its episodes."""
  rows = [(k, s) for s in range(len(PEOPLE)) for k in range(3) for _ in range(3)]
  n = len(rows)
  label, subject = map(np.array, zip(*rows))
  clips = ClipSet(
      np.zeros((n, 3, 8, 8, 3), np.uint8), np.full((n, 3, 68, 2), np.nan, np.float32),
      label.astype(np.int32), np.zeros(n, bool), tuple(PEOPLE[s] for s in subject),
      tuple(f'c{i:03d}' for i in range(n)), ('',) * n, MEGC2019.classes,
      {'sha256': '', 'dataset': 'megc2019'})
  rng = np.random.default_rng(0)
  x = rng.standard_normal((n, 1, 2, 2, 2)) + 1.5 * rng.standard_normal(
      (3, 1, 2, 2, 2))[label]
  config = synthetic.get_config(
      'few_shot,method=protonet,protocol=leave_one_dataset_out,'
      'support=held_out_dataset').to_dict()
  config['evaluation'].update(queries=1, resamples=300)
  said = []
  made = assembly.arrange(config, clips, make=lambda clips: x.astype(np.float32),
                          say=said.append)
  assert said == ['few-shot: 13 of 13 held-out people have enough clips for 3 ways of '
                  '1 + 1, support from held_out_dataset']
  return config, made


@pytest.fixture(scope='module')
def run(material, small_net, tmp_path_factory):
  """A folder in which every fold has answered, and a function that answers again."""
  config, made = material
  folder = RunFolder(tmp_path_factory.mktemp('run'), None)
  learner = protonet(small_net)
  recipe = Recipe(learner, None, Sizes(3, 1, 1), None, tasks=1, at_once=1)
  write = few_shot.make_writer(config, folder, made, recipe)
  params = {'encoder': small_net.init(jax.random.key(0), (1, 2, 2, 2))['encoder']}
  def answer(numbers=(0, 1, 2)):
    for number in numbers:
      write(params, assembly.fold_data(config, made, number))
  answer()
  return folder, answer


@pytest.fixture(scope='module')
def section(material, run):
  return few_shot.summary(material[0], run[0], material[1], ABOUT)


def bytes_of(folder):
  return {path.name: path.read_bytes() for path in folder.path.rglob('*')
          if path.is_file()}


def lines(folder):
  with open(folder.episodes, newline='') as file:
    return list(csv.DictReader(file))


def test_going_on_gives_the_same_bytes(material, run, section):
  folder, answer = run
  before = bytes_of(folder)
  assert set(before) == {'casme2.json', 'samm.json', 'smic.json', 'episodes.csv'}
  (folder.few_shot / 'samm.json').unlink()
  folder.episodes.unlink()
  answer([1])
  again = few_shot.summary(material[0], folder, material[1], ABOUT)
  assert bytes_of(folder) == before and again == section
  assert json.loads(json.dumps(again)) == again


def test_every_episode_is_kept(run, section):
  rows = lines(run[0])
  assert len(rows) == 600 == section['episodes']
  for row in rows:
    giving, queried = row['support_people'].split(';'), row['query_people'].split(';')
    assert {name.split('/')[0] for name in giving + queried} == {row['fold']}
    assert not set(giving) & set(queried)
    counts = np.array(json.loads(row['confusion']))
    assert counts.sum(1).tolist() == [1, 1, 1]
    assert np.trace(counts) / 3 == pytest.approx(float(row['accuracy']), abs=1e-6)
    assert row['classes'] == 'negative;positive;surprise'
  share = [sum(row['fold'] == name for row in rows)
           for name in ('casme2', 'samm', 'smic')]
  np.testing.assert_allclose(share, np.array([5, 4, 4]) / 13 * 600, atol=1)


def test_scores_are_those_of_other_libraries(material, run, section):
  made, row = material[1], section['rows']['protonet']
  rows = lines(run[0])
  pooled = np.sum([json.loads(line['confusion']) for line in rows], 0)
  assert row['confusion'] == pooled.tolist()
  truth, said = (np.repeat(np.indices((3, 3))[axis].ravel(), pooled.ravel())
                 for axis in (0, 1))
  assert row['uf1']['value'] == pytest.approx(
      metrics.f1_score(truth, said, average='macro'), abs=1e-6)
  accuracy = np.array([float(line['accuracy']) for line in rows])
  half = 1.96 * np.std(accuracy, ddof=1) / 600 ** .5
  usual = row['accuracy_over_episodes']
  assert usual['value'] == row['accuracy']['value']
  assert [usual['value'], usual['low'], usual['high']] == pytest.approx(
      [accuracy.mean(), accuracy.mean() - half, accuracy.mean() + half], abs=2e-6)
  assert .4 < accuracy.mean() < 1
  assert section['chance'] == pytest.approx(1 / 3, abs=1e-6)
  # Three folds, three trained models: the accuracy without each, as an angle.
  right, queries = [], []
  for held_out, part in made.few_shot.folds.items():
    answers = json.loads((run[0].few_shot / f'{held_out}.json').read_text())['answers']
    right.append(np.sum(np.array(answers) == made.pool.label[part.query]))
    queries.append(part.query.size)
  angle = lambda share: np.arcsin(np.sqrt(share))
  without = angle((np.sum(right) - right) / (np.sum(queries) - queries))
  spread = np.sqrt(2 / 3 * np.sum((without - without.mean()) ** 2))
  ends = angle(np.sum(right) / np.sum(queries)) + np.array([-1, 1]) * spread * (
      stats.t.ppf(.975, 2))
  low, high = np.sin(np.clip(ends, 0, np.pi / 2)) ** 2
  assert [row['accuracy']['low'], row['accuracy']['high']] == pytest.approx(
      [low, high], abs=1e-6)
  assert high - low > 2 * half           # episodes of few people are no new people


def test_the_section_says_what_it_is(section):
  assert section['protocol'] == (
      'few-shot, 3 ways of 3 classes, 1-shot, support from other people of the '
      'held-out data set')
  assert section['held_out_by'] == 'leave one data set out'
  assert (section['people'], section['held_out_people']) == (13, 13)
  assert 'stay together' in section['intervals']['uf1, uar, accuracy']
  assert '1.96 sd / sqrt(n)' in section['intervals']['accuracy_over_episodes']
  assert 'pooled over episodes' in section['f1']
  assert list(section['rows']) == ['protonet'] and section['differences'] == {}


def test_the_table_has_it(section):
  made = results.summarise(
      {'protonet': np.array([0, 1])},
      results.Clips(['a', 'b'], ['s', 't'], ['s', 't'], np.array([0, 1]), ('x', 'y')),
      ABOUT, resamples=100)
  alone, both = table.render(made), table.render({**made, 'few_shot': section})
  assert 'few-shot' not in alone and 'few-shot, 3 ways' in both
  words = ' '.join(both.split())
  accuracy = section['rows']['protonet']['accuracy']
  assert f'{accuracy["value"]:.3f}'.lstrip('0') in words and 'chance .333' in words
  assert '13 of 13 held-out people' in words and 'stay together' in words
  assert max(map(len, both.splitlines())) <= 80


def test_where_it_is_off_nothing_is_written(material, tmp_path):
  config, made = material
  off = {**config, 'evaluation': {**config['evaluation'], 'episodes': 0}}
  folder = RunFolder(tmp_path, None)
  recipe = Recipe(None, None, Sizes(3, 1, 1), None, tasks=1, at_once=1)
  few_shot.make_writer(off, folder, made, recipe)({}, assembly.fold_data(off, made, 0))
  assert few_shot.summary(off, folder, made._replace(few_shot=None), ABOUT) is None
  assert list(tmp_path.iterdir()) == []
