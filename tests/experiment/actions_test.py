"""DeRe-GRL's part of a run folder: of the first fold, once, and it adds up."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import synthetic
from lightman_jax import keys
from lightman_jax.experiment import inspection
from lightman_jax.experiment.assembly import Material
from lightman_jax.meta.learners import make_learner
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.runs.folder import RunFolder
from lightman_jax.tasks.folds import Fold
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.training.loop import FoldData
from lightman_jax.training.state import Recipe

SHAPE = (3, 68, 2)
ABOUT = {'dataset': 'made-up', 'class_set': 'three', 'sheet': '', 'sheet_sha256': '',
         'clips_per_class': {'a': 4}, 'protocol': 'leave one subject out', 'folds': 2,
         'clips': 4, 'subjects': 2, 'seed': 0, 'f1': 'pooled', 'interval': '95%'}


def config(**changes) -> dict:
  made = synthetic.get_config('method=supervised,encoder=dere_grl')
  with made.unlocked():
    made.model.update(width=4, depth=1, actions=3)
    made.update_from_flattened_dict(changes)
  return made.to_dict()


@pytest.fixture
def run(pool_of, start_of, tmp_path):
  """What `experiment` has in hand when a fold is trained."""
  pool = pool_of(shape=SHAPE, classes=3, signal=1.)
  folds = [Fold(f's{n}', (pool.subject != n) & ~pool.macro,
                (pool.subject == n) & ~pool.macro) for n in (0, 1)]
  material = Material(None, pool, tuple(folds), (), '', ())
  clips = jax.tree.map(jnp.asarray, fold_clips(
      pool, folds[0].train, np.ones((2, 2), np.float32)))
  net = make_network(make_encoder(**config()['model']), classes=3)
  recipe = Recipe(make_learner(net, **config()['method']), None, Sizes(3, 1, 1), None,
                  tasks=1, at_once=1)
  folder = RunFolder(tmp_path, None)
  data = lambda name: FoldData(name, keys.fold_key(0, name), clips,
                               np.ones((1, 4), bool))
  return folder, material, recipe, start_of(net, SHAPE), data


def test_the_first_fold_is_kept_and_drawn(run):
  folder, material, recipe, params, data = run
  write = inspection.make_action_writer(config(), folder, material, recipe)
  write(params, data('s1'))
  inspection.draw(folder, ABOUT, title='supervised')
  assert not folder.actions_json.exists() and not folder.actions.exists()
  write(params, data('s0'))
  kept = json.loads(folder.actions_json.read_text())
  assert kept['fold'] == 's0' and [clip['truth'] for clip in kept['clips']] == [
      'a', 'b', 'c']
  for clip in kept['clips']:
    assert np.shape(clip['parts']) == (3, 5) and np.shape(clip['movement']) == (68, 2)
    np.testing.assert_allclose(clip['bias'] + np.sum(clip['parts']), clip['logit'],
                               atol=1e-5)
    np.testing.assert_allclose(np.sum(clip['weights'], 1), 1, atol=1e-5)
  inspection.draw(folder, ABOUT, title='supervised')
  assert folder.actions.read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize('changes', [
    {'model.encoder': 'conv4'}, {'method.name': 'protonet'}])
def test_what_has_no_actions_writes_none(changes, run):
  folder, material, recipe, params, data = run
  write = inspection.make_action_writer(config(**changes), folder, material, recipe)
  write(params, data('s0'))
  assert not folder.actions_json.exists()
