"""The inner loop on quadratics, where every gradient has a closed form.

L_s = w'Aw/2 - b'w, L_q = w'Cw/2 - d'w, and an auxiliary L_a = w'Ew/2 - f'w.
"""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lightman_jax.meta import inner, losses, outer
from lightman_jax.tasks.sampling import Examples, Task

pytestmark = pytest.mark.usefixtures('double', 'strict')

A, B = np.array([[2, .5], [.5, 1]]), np.array([1., -1])
C, D = np.array([[1, .2], [.2, 3]]), np.array([.5, 2])
E, F = np.diag([1., 4]), np.array([-1, .5])
START, RATE = np.array([.3, -.7]), .1


def quadratic(matrix, vector):
  def loss(params, batch):
    value = params['w'] @ matrix @ params['w'] / 2 - vector @ params['w']
    return value, {'value': value}
  return loss


def with_auxiliary(weight):
  first, second = quadratic(A, B), quadratic(E, F)
  def loss(params, batch):
    value = first(params, batch)[0] + weight * second(params, batch)[0]
    return value, {'value': value}
  return loss


def start():
  return {'w': jnp.array(START)}


def adapt(loss, params, steps, **how):
  return inner.sgd_steps(loss, params, None, moving=('w',), steps=steps, step_size=RATE,
                         **how)


def meta_gradient(steps, **how):
  learner = outer.through_adaptation(
      lambda params, support, key: adapt(quadratic(A, B), params, steps, **how),
      lambda fast, task: quadratic(C, D)(fast, task.query))
  return learner(start(), Task(None, None), jax.random.key(0))


# (I - rate A)^K (C w_K - d), and without its first factor.
@pytest.mark.parametrize('steps, end, query, second, first', [
    (1, (.375, -.745), 2.149475, (-.0112, -3.7303), (-.274, -4.16)),
    (2, (.43725, -.78925), 2.3208222125, (.22209, -3.45899275), (-.2206, -4.2803))])
def test_both_orders(steps, end, query, second, first):
  fast, trace, _ = adapt(quadratic(A, B), start(), steps)
  np.testing.assert_allclose(fast['w'], end, rtol=1e-12)
  np.testing.assert_allclose(trace['value'], START @ A @ START / 2 - B @ START)
  grads, scalars = meta_gradient(steps)
  np.testing.assert_allclose(grads['w'], second, rtol=1e-12)
  np.testing.assert_allclose(scalars['query_loss'], query, rtol=1e-12)
  factor = np.linalg.matrix_power(np.eye(2) - RATE * A, steps)
  np.testing.assert_allclose(grads['w'], factor @ (C @ end - D), rtol=1e-12)
  np.testing.assert_allclose(meta_gradient(steps, first_order=True)[0]['w'], first,
                             rtol=1e-12)


@pytest.mark.parametrize('steps, end, query, by_weight, by_start', [
    (1, (.336, -.646), 1.7630108, -1.239248, (-.032224, -3.004564)),
    (2, (.36102, -.60568), 1.60255759508, -2.0780886196, (.13535172, -2.26756132))])
def test_the_gradient_of_an_auxiliary_weight(steps, end, query, by_weight, by_start):
  def after(weight, params):
    fast = adapt(with_auxiliary(weight), params, steps).fast
    return quadratic(C, D)(fast, None)[0], fast
  (value, fast), (weight, params) = jax.value_and_grad(after, (0, 1), has_aux=True)(
      jnp.array(.3), start())
  np.testing.assert_allclose(fast['w'], end, rtol=1e-12)
  np.testing.assert_allclose(value, query, rtol=1e-11)
  np.testing.assert_allclose(weight, by_weight, rtol=1e-10)
  np.testing.assert_allclose(params['w'], by_start, rtol=1e-7)
  factor = np.linalg.matrix_power(np.eye(2) - RATE * (A + .3 * E), steps)
  np.testing.assert_allclose(params['w'], factor @ (C @ end - D), rtol=1e-12)


def test_the_gradient_of_the_inner_rate():
  # dL_q/drate after one step is -(A w - b)'(C w_1 - d).
  after = lambda rate: quadratic(C, D)(inner.sgd_steps(
      quadratic(A, B), start(), None, moving=('w',), steps=1, step_size=rate).fast,
                                       None)[0]
  want = -(A @ START - B) @ (C @ np.array([.375, -.745]) - D)
  np.testing.assert_allclose(jax.grad(after)(jnp.array(RATE)), want, rtol=1e-12)


def after_learned(rates, kind):
  how = inner.Steps(2, RATE, kind)
  return quadratic(C, D)(inner.sgd_steps(
      quadratic(A, B), start(), None, moving=('w',), steps=2,
      step_size=inner.rate_of({'rates': rates}, how)).fast, None)[0]


@pytest.mark.parametrize('kind, shape', [('weights', (2,)), ('layers', (2,))])
def test_the_gradient_of_learned_rates(kind, shape):
  """With r of a step's weights, w' = w - r (A w - b), from which all follows."""
  rates = inner.init_rates(start(), inner.Steps(2, RATE, kind))
  assert rates['w'].shape == shape
  np.testing.assert_allclose(after_learned(rates, kind), 2.3208222125, rtol=1e-12)
  first = A @ START - B
  middle = START - RATE * first
  second = A @ middle - B
  out = C @ (middle - RATE * second) - D
  back = (np.eye(2) - RATE * A) @ out          # of the loss, before the second step
  want = {'weights': -(first * back + second * out),
          'layers': -np.array([first @ back, second @ out])}[kind]
  got = jax.grad(lambda rates: after_learned(rates, kind))(rates)['w']
  np.testing.assert_allclose(got, want, rtol=1e-12)


def test_what_is_watched_is_seen_after_each_step():
  adapted = adapt(quadratic(A, B), start(), 2,
                  watch=lambda params: quadratic(C, D)(params, None)[0])
  np.testing.assert_allclose(adapted.watched, [2.149475, 2.3208222125], rtol=1e-12)


def test_only_what_is_named_moves():
  params = {**start(), 'fixed': jnp.ones(2)}

  def loss(params, batch):
    value, parts = quadratic(A, B)(params, batch)
    return value + jnp.sum(params['fixed'] ** 2) * params['w'][0], parts
  fast, *_ = adapt(loss, params, 3)
  np.testing.assert_array_equal(fast['fixed'], np.ones(2))
  assert not np.array_equal(fast['w'], params['w'])
  # And the outer gradient reaches what stays fixed.
  grad = jax.grad(lambda params: quadratic(C, D)(adapt(loss, params, 2).fast, None)[0])
  assert (np.abs(grad(params)['fixed']) > 1e-3).all()


def test_the_plain_gradient():
  loss = lambda params, batch: (jnp.mean(batch * params['w'][0]), {})
  task = Task(jnp.array([1., 2.]), jnp.array([6.]))
  grads, scalars = outer.direct(loss)(start(), _Both(*task), jax.random.key(0))
  np.testing.assert_allclose(grads['w'], [3, 0])
  np.testing.assert_allclose(scalars['query_loss'], .9)


def test_microbatches_change_no_gradient(monkeypatch):
  rng = np.random.default_rng(0)
  params = {'w': jnp.asarray(rng.standard_normal((5, 3)))}
  side = lambda n: Examples(jnp.asarray(rng.standard_normal((n, 5))),
                            jnp.asarray(rng.integers(3, size=n)), None, None)
  task, predict = Task(side(8), side(4)), lambda params, x: jnp.sin(x) @ params['w']
  loss = losses.cross_entropy(predict)
  want = outer.direct(loss)(params, task, None)
  for numbers, size in ((5, 1), (20, 4), (29, 4), (30, 6), (1000, 12)):
    monkeypatch.setattr(outer, 'MICROBATCH', numbers)
    assert outer.microbatch_size((12, 5)) == size
    program = jax.make_jaxpr(
        lambda params: outer.direct_in_microbatches(loss)(params, task, None))(params)
    assert ('scan' in str(program)) == (size < 12)
    got = outer.direct_in_microbatches(loss)(params, task, None)
    chex.assert_trees_all_close(got, want, rtol=1e-12)


class _Both(Task):
  """A task of bare arrays."""

  @property
  def everything(self):
    return jnp.concatenate(self)


def test_memory_changes_what_is_kept_and_no_number():
  """With room, one step's memory a step; without, about the same however many."""
  x = jnp.asarray(np.random.default_rng(0).standard_normal((64, 64)))

  def loss(params, batch):
    y = x
    for _ in range(4):
      y = jnp.sin(y @ params['w'])
    return jnp.sum(y), {}

  def compiled(steps, memory):
    after = lambda params: jnp.sum(jnp.cos(inner.sgd_steps(
        loss, params, None, moving=('w',), steps=steps, step_size=1e-3,
        memory=memory).fast['w']))
    params = {'w': jnp.eye(64)}
    program = jax.jit(jax.grad(after)).lower(params).compile()
    return program(params)['w'], program.memory_analysis().temp_size_in_bytes
  kept, recomputed = compiled(8, 1024.), compiled(8, 0.)
  np.testing.assert_allclose(kept[0], recomputed[0], rtol=1e-9, atol=1e-12)
  assert kept[1] > 2 * recomputed[1]
  one_step = x.nbytes
  # Eight weights between steps there; here four between groups, and six in a group.
  many = compiled(24, 0.)
  assert many[1] - recomputed[1] < 8 * one_step
  np.testing.assert_allclose(compiled(24, 1024.)[0], many[0], rtol=1e-9, atol=1e-12)


OPTIMIZERS = {'sgd': lambda: optax.sgd(RATE),
              'momentum': lambda: optax.sgd(RATE, momentum=.9, nesterov=True),
              'adam': lambda: optax.adam(RATE, eps_root=1e-8),
              'clipped': lambda: optax.chain(optax.clip_by_global_norm(.5),
                                             optax.adamw(RATE, eps_root=1e-8))}


def wavy(params, batch):
  """A loss whose second derivative is of every place another."""
  value = jnp.sum(jnp.sin(A @ params['w']) ** 2) + params['w'] @ A @ params['w'] / 8
  return value, {'value': value}


@pytest.mark.parametrize('name', OPTIMIZERS)
@pytest.mark.parametrize('memory', [0., 1.])
def test_the_gradient_through_any_optimizer_is_a_slope(name, memory):
  """Against finite differences of the query loss, in float64."""
  @jax.jit
  def after(params):
    fast = inner.optimizer_steps(wavy, params, None, moving=('w',), steps=3,
                                 optimizer=OPTIMIZERS[name](), memory=memory).fast
    return quadratic(C, D)(fast, None)[0]
  got = jax.grad(after)(start())['w']
  slopes = [(after({'w': START + h}) - after({'w': START - h})) / 2e-6
            for h in 1e-6 * np.eye(2)]
  np.testing.assert_allclose(got, slopes, rtol=1e-6)
  assert np.abs(got).min() > 1e-3


def test_gradient_descent_is_one_such_optimizer():
  how = dict(moving=('w',), steps=3)
  one = inner.sgd_steps(wavy, start(), None, step_size=RATE, **how)
  other = inner.optimizer_steps(wavy, start(), None, optimizer=optax.sgd(RATE), **how)
  chex.assert_trees_all_close(one, other, rtol=1e-14)


def test_an_optimizer_of_first_order_is_another_gradient():
  def slope(first_order):
    return jax.grad(lambda params: quadratic(C, D)(inner.optimizer_steps(
        wavy, params, None, moving=('w',), steps=2, first_order=first_order,
        optimizer=OPTIMIZERS['momentum']()).fast, None)[0])(start())['w']
  assert np.abs(slope(True) - slope(False)).max() > 1e-3
