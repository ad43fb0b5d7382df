"""Running statistics as a subtree that a step of plain descent moves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lightman_jax.meta.running_statistics import (
  MOMENTUM,
  beside_statistics,
  supervised,
)
from lightman_jax.models.network import make_network
from lightman_jax.models.ststnet import PublishedSTSTNet
from lightman_jax.tasks.sampling import Examples, Task
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.state import TrainState, make_optimizer

SHAPE = (1, 12, 12, 3)


@pytest.fixture(scope='module')
def ready(start_of):
  """The network, parameters with statistics of their own, a task, its gradient."""
  net = make_network(PublishedSTSTNet(), classes=3)
  params = start_of(net, SHAPE)
  params['statistics'] = jax.tree.map(lambda v: v + 2, params['statistics'])
  rng = np.random.default_rng(0)

  def side(n):
    x = jnp.asarray(rng.standard_normal((n, *SHAPE)), jnp.float32)
    return Examples(x, jnp.arange(n) % 3, x[:0], jnp.arange(0))
  task = Task(side(6), side(3))
  grads, scalars = jax.jit(supervised(net).meta_grad)(params, task, jax.random.key(0))
  return net, params, task, grads, scalars


def test_the_gradient_is_that_of_the_weights_by_the_batch(ready):
  net, params, task, grads, scalars = ready
  batch = task.everything

  def loss(params):
    logits, _ = net.train(params, batch.x, jax.random.key(0))
    return -jax.nn.log_softmax(logits)[jnp.arange(9), batch.label].mean()
  value, want = jax.jit(jax.value_and_grad(loss))(params)
  np.testing.assert_allclose(scalars['query_loss'], value, atol=1e-5)
  for name in ('encoder', 'head'):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5),
                 grads[name], want[name])
    assert all(np.any(leaf) for leaf in jax.tree.leaves(grads[name]))


def test_a_step_moves_statistics_a_tenth_of_the_way(ready):
  """However small the outer rate and the norm that gradients are clipped to."""
  net, params, task, grads, _ = ready
  optimizer = beside_statistics(make_optimizer(outer_rate=1e-3, weight_decay=.5,
                                               clip_norm=1e-6))
  updates, _ = optimizer.update(grads, optimizer.init(params), params)
  moved = optax.apply_updates(params, updates)
  _, seen = net.train(params, task.everything.x, jax.random.key(0))
  assert MOMENTUM == .1
  jax.tree.map(lambda new, old, batch: np.testing.assert_allclose(
      new, .9 * old + .1 * batch, atol=1e-5), moved['statistics'], params['statistics'],
               seen)


def test_the_weights_go_as_without_statistics(ready):
  """Statistics are far from the batch's here, and take nothing of the clipped norm."""
  _, params, _, grads, _ = ready
  plain = make_optimizer(outer_rate=1e-2, weight_decay=.1, clip_norm=.01)
  weights = lambda tree: {name: tree[name] for name in ('encoder', 'head')}
  step = lambda optimizer, grads, params: optimizer.update(
      grads, optimizer.init(params), params)[0]
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
               weights(step(beside_statistics(plain), grads, params)),
               step(plain, weights(grads), weights(params)))


def test_nothing_is_adapted_and_a_prediction_depends_on_its_own_clip(ready):
  net, params, task, _, _ = ready
  learner = supervised(net)
  fast = learner.adapt(params, task.support, jax.random.key(0)).fast
  assert fast is params and not learner.adapted_subtrees and not learner.needs_support
  x = task.support.x
  spoilt = learner.predict(fast, x.at[1].set(jnp.nan))
  np.testing.assert_array_equal(spoilt[2:], learner.predict(fast, x)[2:])


def test_a_checkpoint_brings_back_the_statistics_and_the_optimizers_state(ready,
                                                                          tmp_path):
  _, params, _, grads, _ = ready
  optimizer = beside_statistics(make_optimizer(outer_rate=1e-3, weight_decay=.1,
                                               clip_norm=1.))
  _, opt_state = optimizer.update(grads, optimizer.init(params), params)
  state = jax.tree.map(lambda x: jnp.asarray(x)[None],
                       TrainState(jnp.array(3), params, opt_state))
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save('a', state)
    loaded = checkpoints.load('a', jax.tree.map(jnp.zeros_like, state))
  jax.tree.map(np.testing.assert_array_equal, loaded, state)
