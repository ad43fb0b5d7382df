"""Which task a value that is not finite comes from, found by redoing the steps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.training.fault import search
from lightman_jax.training.finite import Broken
from lightman_jax.training.loop import stack
from lightman_jax.training.state import draw_one, init_state, make_task

CLIPS = 36


@pytest.fixture(scope='module')
def unsound(recipe, small_net):
  """After an inner step no weight is a number."""
  return recipe._replace(learner=learners.maml(small_net, Steps(2, np.inf)),
                         sizes=recipe.sizes._replace(macros=0))


@pytest.fixture(scope='module')
def fault(unsound, fold):
  state = init_state(fold.key, unsound, fold.clips.x.shape[1:])
  return search(unsound, Broken(fold, jax.tree.map(np.asarray, state), ('query_loss',),
                                2, 'nothing is kept'))


def test_the_task_is_the_one_that_training_drew(fault, unsound, fold, states_equal):
  assert (fault.step, fault.task, fault.done) == (1, 1, 0.)
  assert 'gradient/head/kernel' in fault.tensors
  view, clips = stack([fold], 1)
  view = jax.tree.map(lambda x: x[0], view)
  view, clips = jax.tree.map(jnp.asarray, (view, clips))
  first = unsound, jnp.int32(0), jnp.int32(0)
  task, key = make_task(view.key, clips.x, view.fold.scale,
                        draw_one(view, clips.table, *first), *first)
  states_equal(fault.examples, task, rtol=1e-6)
  np.testing.assert_array_equal(fault.key, jax.random.key_data(key))


def test_clips_are_named_by_their_number_in_the_pool(fault, fold):
  train, label = map(np.asarray, fold.clips.view[:2])
  for side in fault.drawn:
    assert side.micro.max() < CLIPS and side.micro.min() >= 0
    np.testing.assert_array_equal(label[side.micro], side.label)
    assert train[side.micro].all()
