"""Operations by hand, through products, loops and derivatives."""

import jax
import jax.numpy as jnp
import pytest

from lightman_jax.models.convolution import convolve
from lightman_jax.profiling.efficiency import count_operations, count_traffic

# A dense net of two layers on n clips: products and additions, a bias, a ReLU.
N, IN, WIDTH, OUT = 7, 5, 11, 3
DENSE = 2 * N * WIDTH * IN + 2 * N * WIDTH + 2 * N * OUT * WIDTH + N * OUT


def floats(*shape):
  return jax.ShapeDtypeStruct(shape, jnp.float32)


PARAMS = ((floats(IN, WIDTH), floats(WIDTH)), (floats(WIDTH, OUT), floats(OUT)))
NUMBERS = IN * WIDTH + WIDTH + WIDTH * OUT + OUT


def dense(params, x):
  (w1, b1), (w2, b2) = params
  return jnp.maximum(x @ w1 + b1, 0.) @ w2 + b2


def test_a_dense_net():
  assert count_operations(dense, PARAMS, floats(N, IN)) == DENSE
  assert count_operations(jax.jit(dense), PARAMS, floats(N, IN)) == DENSE


@pytest.mark.parametrize('steps', [1, 4, 100])
def test_a_loop_counts_as_often_as_it_goes_round(steps):
  """Each round a gradient step: forward, backward, and two operations a parameter.

  A layer's products are done once forward, once for the gradient of its weights and,
  but for the first, once for that of what comes in.
  """
  def loss(params, x):
    return jnp.square(dense(params, x)).sum()

  def descend(params, x):
    def step(params, _):
      grads = jax.grad(loss)(params, x)
      return jax.tree.map(lambda p, g: p - .1 * g, params, grads), None
    return jax.lax.scan(step, params, length=steps)[0]
  one, many = (count_operations(function, PARAMS, floats(N, IN)) for function in (
      jax.grad(loss), descend))
  assert many == steps * (one + 2 * NUMBERS)
  products = 2 * N * WIDTH * IN * 2 + 2 * N * OUT * WIDTH * 3
  # What is left: bias, ReLU and its mask, sums over clips.
  assert 0 < one - products < 8 * N * (WIDTH + OUT)


def test_xla_counts_a_loop_once():
  """The reason why we count: when this fails, XLA's figure may do."""
  looped = lambda w, x: jax.lax.scan(lambda x, _: (x @ w, None), x, length=10)[0]
  cost = jax.jit(looped).lower(floats(4, 4), floats(4, 4)).cost_analysis()
  assert count_operations(looped, floats(4, 4), floats(4, 4)) == 10 * 2 * 4**3
  assert cost['flops'] < 2 * 2 * 4**3


@pytest.mark.parametrize('form', ['lax', 'patches', 'folded', 'grouped'])
def test_a_convolution_is_its_definition_in_every_form(form):
  x, kernel = floats(2, 9, 8, 8, 4), floats(3, 3, 3, 4, 6)
  mine = lambda x, kernel: convolve(x, kernel, padding='VALID', form=form)
  lax = lambda x, kernel: jax.lax.conv_general_dilated(
      x, kernel, (1, 1, 1), 'VALID', dimension_numbers=('NDHWC', 'DHWIO', 'NDHWC'))
  by_hand = 2 * (2 * 7 * 6 * 6 * 6) * (27 * 4)
  assert count_operations(mine, x, kernel) == by_hand
  assert count_operations(lax, x, kernel) == by_hand
  # The derivative by the kernel has the same products: each meets its cotangent.
  slope = lambda x, kernel: jax.vjp(lambda kernel: mine(x, kernel), kernel)[1](
      jnp.ones((2, 7, 6, 6, 6)))
  assert count_operations(slope, x, kernel) == by_hand


def test_tasks_and_groups():
  many = jax.vmap(lambda x, kernel: convolve(x, kernel, padding='VALID'))
  assert count_operations(many, floats(5, 2, 6, 6, 3), floats(5, 3, 3, 3, 4)) == (
      5 * 2 * (2 * 4 * 4 * 4) * 27)
  grouped = lambda x, kernel: jax.lax.conv_general_dilated(
      x, kernel, (1, 1), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
      feature_group_count=2)
  assert count_operations(grouped, floats(1, 6, 6, 4), floats(3, 3, 2, 4)) == (
      2 * (4 * 4 * 4) * 18)


def test_rematerialised_arithmetic_is_done_twice():
  layer = lambda w, x: jnp.sin(x @ w)
  def slope(layer):
    return count_operations(jax.grad(lambda w, x: layer(w, layer(w, x)).sum()),
                            floats(4, 4), floats(4, 4))
  product = 2 * 4**3
  assert slope(jax.checkpoint(layer)) - slope(layer) >= product


def test_what_is_free_and_what_cannot_be_counted():
  moved = lambda x, n: (x.T.reshape(-1)[n], jnp.sort(x), n + 1, x[:1].sum(0))
  assert count_operations(moved, floats(3, 4), jax.ShapeDtypeStruct((), jnp.int32)) == 0
  assert count_operations(lambda x: (jnp.sin(x), x.sum(0))[1], floats(3, 4)) == 2 * 4
  either = lambda x: jax.lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x + 1., x)
  assert count_operations(either, floats(4, 4)) == 2 * 4**3
  endless = lambda x: jax.lax.while_loop(lambda x: x[0] < 9, lambda x: x * 2., x)
  with pytest.raises(ValueError, match='while'):
    count_operations(endless, floats(3))


def test_what_is_moved():
  """Operands and results of products, in loops, too; what stands between is fused."""
  x, w = floats(N, IN), floats(IN, WIDTH)
  product = 4 * (N * IN + IN * WIDTH + N * WIDTH)
  assert count_traffic(lambda x, w: jnp.sin(x @ w) + 1., x, w) == product
  square = floats(4, 4)
  looped = lambda w, x: jax.lax.scan(lambda x, _: (x @ w, None), x, length=10)[0]
  assert count_traffic(looped, square, square) == 10 * 3 * 4 * 16
  short = jax.ShapeDtypeStruct((4, 4), jnp.bfloat16)
  assert count_traffic(lambda x: x @ x, short) == count_traffic(
      lambda x: x @ x, square) // 2
  assert count_traffic(lambda x: x.sum(), square) == 4 * 17
  chosen = lambda x, n: x[n]
  index = jax.ShapeDtypeStruct((2,), jnp.int32)
  assert count_traffic(chosen, square, index) == 2 * 4 * 8
