"""The configuration that is launched: its meta-gradient is the derivative it claims.

Network and method are those of configs/synthetic.py, on a tiny pool with the shapes
reduced, in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import synthetic
from lightman_jax.meta import learners, losses
from lightman_jax.meta.losses import Align
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.tasks.sampling import Examples, Task

pytestmark = pytest.mark.usefixtures('double')


@pytest.fixture(scope='module')
def launched(start_of):
  """Network, method settings, initial parameters and one task."""
  config = synthetic.get_config().to_dict()
  net = make_network(
      make_encoder(**{**config['model'], 'width': 4, 'temporal_width': 4, 'grid': 2}),
      classes=3)
  method = {**config['method'], 'weight': 'learned'}
  assert method['name'] == 'lightman' and method['align_weight'] > 0
  rng = np.random.default_rng(0)
  with jax.enable_x64(True):
    clips = lambda n: jnp.array(rng.standard_normal((n, 2, 8, 8, 3)))
    label = lambda n: jnp.arange(n) % 3
    side = lambda n, m: Examples(clips(n), label(n), clips(m), label(m))
    task = Task(side(6, config['macro']['clips']), side(6, 0))
    params = jax.tree.map(lambda x: x.astype(jnp.float64), start_of(net, (2, 8, 8, 3)))
  return net, method, params, task


@pytest.fixture(scope='module')
def derivatives(launched):
  """(gradient, scalars) of second order, as a function; and the first-order gradient.

  The latter is made by hand: a few steps of gradient descent, and the gradient there.
  """
  net, method, params, task = launched
  learner = learners.make_learner(net, **method)
  second = jax.jit(lambda params: learner.meta_grad(params, task, jax.random.key(0)))
  inner = losses.with_alignment(net, Align(method['align_weight'],
                                           statistic=method['statistic']))
  slope = lambda loss: jax.jit(jax.value_and_grad(lambda params, batch: loss(
      params, batch)[0]))
  with jax.enable_x64(True):
    fast, of_inner = params, slope(inner)
    for _ in range(method['inner_steps']):
      fast = moved(fast, of_inner(fast, task.support)[1], -method['inner_rate'])
    first = slope(losses.cross_entropy(net.logits))(fast, task.query)
    params = {**params, 'log_weight': jnp.log(method['align_weight'])}
    return params, *second(params), first, second


def dot(a, b):
  return sum(jax.tree.leaves(jax.tree.map(lambda a, b: float(jnp.sum(a * b)), a, b)))


def direction(params, seed):
  rng = np.random.default_rng(seed)
  return jax.tree.map(lambda x: jnp.array(rng.standard_normal(x.shape)), params)


def moved(params, along, step):
  return jax.tree.map(lambda x, d: x + step * d, params, along)


def test_it_is_not_the_first_order_one(derivatives):
  _, grads, scalars, (loss, first), _ = derivatives
  np.testing.assert_allclose(scalars['query_loss'], loss, rtol=1e-12)
  grads = {name: grads[name] for name in first}
  gap = jax.tree.map(lambda a, b: a - b, grads, first)
  assert dot(gap, gap) > 1e-4 * dot(grads, grads)
  assert dot(grads, first) < .9999 * np.sqrt(dot(grads, grads) * dot(first, first))


def test_it_is_the_slope_along_random_directions(derivatives):
  params, grads, _, (_, first), second = derivatives
  loss = lambda params: float(second(params)[1]['query_loss'])
  step, first_order_misses = 1e-7, 0    # a longer step may cross a kink of ReLU
  for seed in range(5):
    along = {**direction(params, seed), 'log_weight': jnp.array(0.)}
    slope = (loss(moved(params, along, step)) - loss(moved(params, along, -step))
             ) / (2 * step)
    np.testing.assert_allclose(dot(grads, along), slope, rtol=1e-6)
    first_order = dot(first, {name: along[name] for name in first})
    first_order_misses += abs(first_order - slope) > 1e-3 * abs(slope)
  assert first_order_misses >= 4


def test_the_auxiliary_weight_matters(derivatives):
  params, grads, _, _, second = derivatives
  assert abs(grads['log_weight']) > 1e-4
  at = lambda weight: second({**params, 'log_weight': weight})[1]['query_loss']
  weight, step = params['log_weight'], 1e-5
  slope = (at(weight + step) - at(weight - step)) / (2 * step)
  np.testing.assert_allclose(grads['log_weight'], slope, rtol=1e-4)


def test_what_is_told_of_the_task(derivatives):
  scalars = derivatives[2]
  assert set(scalars) == {'query_loss', 'support_cross_entropy', 'support_alignment'}
  assert all(np.isfinite(x) and x > 0 for x in scalars.values())
