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
from lightman_jax.training.state import FoldData, Recipe

SHAPE = (3, 68, 2)
ABOUT = {'dataset': 'made-up', 'class_set': 'three', 'sheet': '', 'sheet_sha256': '',
         'clips_per_class': {'a': 4}, 'protocol': 'leave one subject out', 'folds': 2,
         'clips': 4, 'subjects': 2, 'seed': 0, 'f1': 'pooled', 'interval': '95%'}


def config(**changes) -> dict:
  made = synthetic.get_config('method=supervised,encoder=dere_grl')
  with made.unlocked():
    made.model.update(width=4, depth=1, actions=3)
    made.training.members = 1      # as the parameters below have it
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


# Actions beside action units.

CELLS = ('12', '12+6', '4', '4', '1+2', '?')


@pytest.fixture
def coded(run):
  """The same run, of whose clips most are coded."""
  folder, material, recipe, params, data = run
  count = len(material.pool.clips)
  pool = material.pool._replace(action_units=tuple(
      CELLS[n % len(CELLS)] for n in range(count)))
  return folder, material._replace(pool=pool), recipe, params, data


def test_actions_are_set_beside_the_units_of_held_out_clips(coded):
  folder, material, recipe, params, data = coded
  write = inspection.make_unit_action_writer(config(), folder, material, recipe)
  for name in ('s0', 's1'):
    write(params, data(name))
  inspection.draw_unit_actions(config(), folder, material, ABOUT)
  kept = json.loads(folder.unit_actions_json.read_text())
  pool, held_out = material.pool, material.folds[0].test | material.folds[1].test
  there = [n for n in np.flatnonzero(held_out) if pool.action_units[n] != '?']
  assert (kept['clips'], kept['people'], kept['folds']) == (len(there), 2, 2)
  shown = dict(zip(kept['units'], kept['shown']))
  assert shown and all(count == sum(
      name[2:] in pool.action_units[n].split('+') for n in there)
                       for name, count in shown.items())
  assert np.shape(kept['correlation']) == (len(shown),) * 2
  assert folder.unit_actions_png.read_bytes().startswith(b'\x89PNG')


def test_an_action_is_chosen_by_training_clips_alone(coded):
  folder, material, recipe, params, data = coded
  place = folder.unit_actions / 's0.json'

  def actions_with(cells):
    pool = material.pool._replace(action_units=cells)
    inspection.make_unit_action_writer(
        config(), folder, material._replace(pool=pool), recipe)(params, data('s0'))
    return json.loads(place.read_text())['actions']
  cells = material.pool.action_units
  turned = tuple('4' if held_out else cell
                 for cell, held_out in zip(cells, material.folds[0].test))
  assert actions_with(turned) == actions_with(cells)


def test_correlations_by_hand():
  activity = np.array([[0., 1.], [1., 1.], [2., 1.], [3., np.nan]])
  acts = np.array([[0, 0], [0, 0], [1, 0], [1, 1]], bool)
  got = inspection.correlations(activity, acts)
  np.testing.assert_allclose(got[0, 0], 2 / np.sqrt(5))
  # One clip is too few, and what does not vary says nothing.
  assert np.isnan([got[0, 1], *got[1]]).all()


def test_without_coded_units_nothing_is_set_beside_them(run):
  folder, material, recipe, params, data = run
  inspection.make_unit_action_writer(config(), folder, material, recipe)(
      params, data('s0'))
  inspection.draw_unit_actions(config(), folder, material, ABOUT)
  assert not folder.unit_actions.exists() and not folder.unit_actions_json.exists()
