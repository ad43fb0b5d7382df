"""What peeking would have gained: counted by hand, and kept where no result is."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.data.store import ClipSet
from lightman_jax.experiment import oracle
from lightman_jax.experiment.assembly import Material
from lightman_jax.experiment.findings import FoldLogits
from lightman_jax.runs.folder import open_run
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.training.state import FoldData, TrainState

CONFIG = {'seed': 0, 'evaluation': {'oracle_gap': True}}


@pytest.fixture
def material(pool_of):
  """Two people with four clips each, two of either class."""
  pool = pool_of(subjects=2, micro=2, macro=0, classes=2, shape=(1, 2, 2, 2))
  folds = leave_one_subject_out(pool)
  clips = ClipSet(np.zeros((8, 1, 2, 2, 3), np.uint8),
                  np.zeros((8, 1, 68, 2), np.float32), pool.label, pool.macro,
                  tuple(pool.subjects[s] for s in pool.subject), pool.clips, ('',) * 8,
                  pool.classes, {})
  return Material(clips, pool, folds, (), '', (pool.label,) * 2)


# How many of a person's four clips are right after each of three checkpoints.
RIGHT = {'s0': {2: 3, 4: 1, 6: 2}, 's1': {2: 1, 4: 3, 6: 3}}


def watched(material, folder, times=1):
  """Both folds as one group; a params leaf names fold and step."""
  def predict(params, data, fold):
    number, step = np.asarray(params['at'])
    assert material.folds[number] is fold and data.name == fold.held_out
    truth = material.pool.label[fold.test]
    wrong = np.arange(4) >= RIGHT[fold.held_out][step]
    return FoldLogits(np.flatnonzero(fold.test).tolist(),
                np.eye(2)[np.where(wrong, 1 - truth, truth)].tolist(), None)
  data = [FoldData(fold.held_out, None, None, None) for fold in material.folds]
  watch = oracle.make_watcher(CONFIG, folder, material, predict, range(2), data)
  for step in (2, *(4,) * times, 6):
    params = {'at': jnp.array([[0, step], [1, step]])}
    watch(step, TrainState(jnp.array([step, step]), params, ()))
  oracle.write_oracle(CONFIG, folder, material)
  return json.loads(folder.oracle_json.read_text())


@pytest.fixture
def folder(tmp_path):
  with open_run(tmp_path / 'run', config=CONFIG,
                environment={'data_sha256': ''}) as folder:
    yield folder


def test_counts_by_hand(material, folder):
  """The best checkpoint of each fold, the first of a tie; honest is the last."""
  content = watched(material, folder)
  assert content['folds'] == {
      's0': {'step': 2, 'accuracy': .75, 'honest step': 6, 'honest accuracy': .5},
      's1': {'step': 4, 'accuracy': .75, 'honest step': 6, 'honest accuracy': .75}}
  assert content['chosen on the held-out clips']['accuracy'] == .75
  assert content['honest']['accuracy'] == .625
  assert content['gap']['accuracy'] == .125
  assert 'not a result' in content['this is not a result']
  said = oracle.describe_oracle(folder.oracle_json)
  assert said.startswith('NOT A RESULT') and str(folder.oracle_json) in said


def test_a_step_done_again_says_the_same(material, folder, tmp_path):
  once = watched(material, folder)
  with open_run(tmp_path / 'killed', config=CONFIG,
                environment={'data_sha256': ''}) as other:
    assert watched(material, other, times=2) == once
    for name in ('s0', 's1'):
      assert ((other.oracle / f'{name}.json').read_bytes()
              == (folder.oracle / f'{name}.json').read_bytes())


def test_nothing_where_it_is_not_asked_for(material, folder):
  plain = {'seed': 0, 'evaluation': {'oracle_gap': False}}
  assert oracle.make_watcher(plain, folder, material, print, range(2), []) is None
  oracle.write_oracle(plain, folder, material)
  assert not folder.oracle.exists() and not folder.oracle_json.exists()
