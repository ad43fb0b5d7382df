"""Checkpoints: what is kept, what is found again, and what a kill may leave behind."""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import common
from lightman_jax.episodes.tasks import Sizes
from lightman_jax.meta import running
from lightman_jax.meta.methods import make_learner
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.settings import CHOICES
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.state import Recipe, TrainState, init_state, make_optimizer

STEPS = 6


def state_at(step, value=None) -> TrainState:
  value = float(step) if value is None else value
  return TrainState(jnp.array(step, jnp.int32), {'w': jnp.full((2, 3), value)},
                    (jnp.array(3.5), {'w': jnp.full((2, 3), -value)}))


def numbers(folder: pathlib.Path) -> list[int]:
  return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


@pytest.fixture
def folder(tmp_path):
  """Two folds of six steps, saved every two, and the first save of a third."""
  with Checkpoints(tmp_path, steps=STEPS) as checkpoints:
    for fold, steps in ((0, (2, 4, 6)), (1, (2, 4, 6)), (2, (2,))):
      for step in steps:
        checkpoints.save(fold, state_at(step, 10. * fold + step))
  return tmp_path


def test_the_newest_two_and_every_folds_last_are_kept(folder):
  assert numbers(folder) == [6, 12, 14]
  with Checkpoints(folder, steps=STEPS) as checkpoints:
    checkpoints.save(2, state_at(4))
  assert numbers(folder) == [6, 12, 14, 16]


def test_a_fold_finds_its_own(folder):
  with Checkpoints(folder, steps=STEPS) as checkpoints:
    assert checkpoints.newest() == 14
    found = checkpoints.latest(2, state_at(0))
    assert found.step == 2 and found.opt_state[0] == 3.5
    np.testing.assert_array_equal(found.params['w'], np.full((2, 3), 22.))
    np.testing.assert_array_equal(found.opt_state[1]['w'], np.full((2, 3), -22.))
    for fold, value in ((0, 6.), (1, 16.)):
      last = checkpoints.last(fold, state_at(0))
      assert last.step == 6 and last.params['w'][0, 0] == value
    assert checkpoints.latest(3, state_at(0)) is None


def test_an_empty_folder(tmp_path):
  with Checkpoints(tmp_path / 'new', steps=STEPS) as checkpoints:
    assert checkpoints.newest() is None
    assert checkpoints.latest(0, state_at(0)) is None


def test_the_end_of_a_fold_is_not_the_start_of_the_next(tmp_path):
  with Checkpoints(tmp_path, steps=STEPS) as checkpoints:
    checkpoints.save(0, state_at(STEPS))
    assert checkpoints.latest(1, state_at(0)) is None
    assert checkpoints.latest(0, state_at(0)).step == STEPS


def test_a_save_that_was_cut_off_is_not_found(folder):
  unfinished = folder / '16.orbax-checkpoint-tmp'
  unfinished.mkdir()
  (unfinished / 'half').write_text('x')
  with Checkpoints(folder, steps=STEPS) as checkpoints:
    assert checkpoints.newest() == 14
    checkpoints.save(2, state_at(4))
    assert checkpoints.newest() == 16


def test_what_is_saved_comes_back_bit_by_bit(tmp_path):
  rng = np.random.default_rng(0)
  x = np.r_[rng.standard_normal(20), np.nan, np.inf, -0., 1e-40].astype(np.float32)
  state = TrainState(jnp.array(3, jnp.int32), {'x': jnp.asarray(x)}, ())
  with Checkpoints(tmp_path, steps=STEPS) as checkpoints:
    checkpoints.save(0, state)
  with Checkpoints(tmp_path, steps=STEPS) as checkpoints:
    found = checkpoints.latest(0, state._replace(params={'x': jnp.zeros(24)}))
  assert np.asarray(found.params['x']).tobytes() == x.tobytes()


METHODS = {**{name: {'name': name} for name in CHOICES['method.name']},
           'rates of layers': {'rates': 'layers'},
           'learned weight': {'weight': 'learned'}}


def restored(folder, state):
  with Checkpoints(folder, steps=STEPS) as checkpoints:
    checkpoints.save(0, state._replace(step=jnp.array(2, jnp.int32)))
    return checkpoints.latest(0, state)


@pytest.mark.parametrize('method', METHODS)
def test_every_methods_state_comes_back(method, small_net, tmp_path, states_equal):
  settings = {**common.base().method.to_dict(), **METHODS[method]}
  state = started(make_learner(small_net, **settings), (1, 2, 2, 2))
  found = restored(tmp_path, state)
  states_equal(found.params, state.params)
  states_equal(found.opt_state, state.opt_state)


def test_running_statistics_come_back(tmp_path, states_equal):
  model = common.base().model.to_dict()
  model.update(encoder='ststnet', norm='batch', temporal_depth=0)
  net = make_network(make_encoder(**model), classes=3)
  state = started(running.published(net), (1, 28, 28, 3), running.beside_statistics)
  assert 'statistics' in state.params
  found = restored(tmp_path, state)
  states_equal(found.params, state.params)
  states_equal(found.opt_state, state.opt_state)


def started(learner, shape, beside=lambda optimizer: optimizer) -> TrainState:
  """A state whose arrays all differ from those of any other start."""
  optimizer = beside(make_optimizer(outer_rate=1e-3, weight_decay=1e-2, clip_norm=1.))
  state = init_state(jax.random.key(0), Recipe(
      learner, optimizer, Sizes(3, 1, 1), None, tasks=1, at_once=1), shape)
  rng = np.random.default_rng(0)
  return jax.tree.map(lambda x: jnp.asarray(
      rng.standard_normal(x.shape) if x.dtype == jnp.float32 else x, x.dtype), state)
