"""Layers against those of jax and flax, with their derivatives."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.models import layers


def up_to_second(layer, params, x, along):
  """Value, gradient, and the gradient's derivative along a direction."""
  value = lambda params, x: jnp.sum(jnp.sin(layer(params, x)))
  gradient = jax.grad(value, (0, 1))
  return layer(params, x), *jax.jvp(gradient, (params, x), along)


def test_convs_parameters_are_those_of_flax():
  x = jnp.zeros((1, 5, 5, 3))
  shape = lambda module: jax.eval_shape(module.init, jax.random.key(0), x)['params']
  assert shape(layers.Conv(8)) == shape(nn.Conv(8, (3, 3)))


def test_dense_is_flaxs():
  x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 3, 5), np.float32))
  run = lambda module: (params := module.init(jax.random.key(0), x),
                        jax.jit(jax.grad(lambda params: jnp.sin(
                            module.apply(params, x)).sum()))(params))
  uniform = nn.initializers.lecun_uniform()
  jax.tree.map(np.testing.assert_array_equal, run(layers.Dense(4)),
               run(nn.Dense(4, kernel_init=uniform)))


@pytest.mark.parametrize('layer', [
    layers.Dense(4), layers.Conv(4), layers.Conv(4, form='lax'), layers.Conv(16),
    layers.Conv(4, (3, 3, 3)), layers.Conv(4, (1, 1))], ids=str)
def test_gradients_of_short_numbers_are_sums_of_long_ones(layer):
  """Sums of 24 576 equal numbers: those of 8 significant bits end at the 256th."""
  three = layer.__class__ is layers.Conv and len(layer.window) == 3
  x = jnp.ones((24, 4, 16, 16, 3) if three else (96, 16, 16, 3), jnp.bfloat16)
  params = layer.init(jax.random.key(0), x.astype(jnp.float32))

  def gradient(x):
    return jax.jit(jax.grad(lambda params: (
        layer.apply(params, x).astype(jnp.float32) * .01).sum()))(params)
  jax.tree.map(lambda got, want: np.testing.assert_allclose(got, want, rtol=.01),
               gradient(x), gradient(x.astype(jnp.float32)))


@pytest.mark.parametrize('h, w', [(8, 8), (7, 6), (2, 3)])
def test_max_pool_is_flaxs(h, w):
  x = jnp.asarray(np.random.default_rng(0).standard_normal((2, h, w, 3)))
  np.testing.assert_array_equal(layers.max_pool(x),
                                nn.max_pool(x, (2, 2), (2, 2), 'VALID'))


def test_the_derivative_of_max_pool_goes_to_the_greatest():
  x, weight = (np.random.default_rng(0).standard_normal((2, n, n, 3)) for n in (6, 3))
  grad = lambda pool: jax.jit(jax.grad(lambda x: jnp.sum(weight * pool(x))))(x)
  np.testing.assert_allclose(
      grad(layers.max_pool), grad(lambda x: nn.max_pool(x, (2, 2), (2, 2))), atol=1e-6)


def test_each_square_has_one_derivative_even_where_values_are_equal():
  got = jax.grad(lambda x: layers.max_pool(x, 3).sum())(jnp.zeros((1, 6, 7, 2)))
  squares = np.asarray(got)[:, :, :6].reshape(1, 2, 3, 2, 3, 2)
  np.testing.assert_array_equal(squares.sum((2, 4)), 1)
  np.testing.assert_array_equal(squares[:, :, 0, :, 0], 1)


def test_group_norm_is_flaxs():
  shape = (2, 3, 4, 4, 8)
  x = 3 + 2 * np.random.default_rng(0).standard_normal(shape, np.float32)
  params = {'scale': 1 + jnp.arange(shape[-1]) / 9, 'bias': jnp.arange(shape[-1]) / 7}
  run = lambda module: jax.jit(lambda params, x: up_to_second(
      lambda params, x: module.apply({'params': params}, x), params, x,
      (params, jnp.cos(x))))(params, x)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3),
               run(layers.GroupNorm()), run(nn.GroupNorm(num_groups=4)))


def test_group_norm_looks_at_one_clip():
  norm = layers.GroupNorm()
  x = jnp.asarray(3 + 2 * np.random.default_rng(0).standard_normal((2, 5, 5, 8)))
  variables = norm.init(jax.random.key(0), x)
  assert set(variables) == {'params'}, 'no running statistics'
  got = norm.apply(variables, x)
  grouped = np.asarray(got).reshape(2, 25, 4, 2)
  np.testing.assert_allclose(grouped.mean((1, 3)), 0, atol=1e-5)
  np.testing.assert_allclose(grouped.std((1, 3)), 1, atol=1e-3)
  np.testing.assert_array_equal(norm.apply(variables, x.at[1].set(jnp.nan))[0], got[0])


def test_pooling_before_the_line_is_pooling_after_it():
  x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 6, 5, 8), np.float32))
  # Falling lines turn the greatest into the least.
  params = {'scale': jnp.linspace(-1, 1, 8) + .1, 'bias': jnp.linspace(-.5, .5, 8)}
  fused = lambda params, x: layers.GroupNorm(relu=True, pool=True).apply(
      {'params': params}, x)
  apart = lambda params, x: nn.max_pool(nn.relu(
      nn.GroupNorm(num_groups=4).apply({'params': params}, x)), (2, 2), (2, 2))
  run = lambda layer: jax.jit(lambda *operands: up_to_second(layer, *operands))(
      params, x, (params, jnp.cos(x)))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4),
               run(fused), run(apart))


def plain_norm(params, x, *, relu, pool):
  """The definition: four groups of channels, ReLU, then 2 x 2 max pooling."""
  n, h, w, c = x.shape
  grouped = x.reshape(n, h * w, 4, c // 4)
  centred = grouped - grouped.mean((1, 3), keepdims=True)
  x = (centred / jnp.sqrt(jnp.square(centred).mean((1, 3), keepdims=True) + 1e-5)
       ).reshape(x.shape) * params['scale'] + params['bias']
  x = jnp.where(x > 0, x, 0) if relu else x
  if not pool:
    return x
  squares = x[:, :h // 2 * 2, :w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
  squares = jnp.moveaxis(squares, 2, 3).reshape(n, h // 2, w // 2, 4, c)
  # Not `max`, whose derivative asks for equal values, where XLA computes them twice.
  return jnp.take_along_axis(squares, squares.argmax(3, keepdims=True), 3)[:, :, :, 0]


def of_two_tasks(shape):
  """Weights, some of them falling lines, and maps of each task, far from zero."""
  x = 3 + 2 * np.random.default_rng(0).standard_normal((2, *shape))
  scale = np.linspace(-1, 1, shape[-1]) + .1
  return ({'scale': jnp.asarray([scale, 2 * scale]),
           'bias': jnp.asarray([scale - 1, scale])}, jnp.asarray(x))


def every_second(layer, params, x):
  """`up_to_second`, and reverse over reverse."""
  gradient = jax.grad(lambda *operands: jnp.sin(layer(*operands)).sum(), (0, 1))
  curved = jax.grad(lambda *operands: sum(
      jnp.sin(g).sum() for g in jax.tree.leaves(gradient(*operands))), (0, 1))
  return (*up_to_second(layer, params, x, (params, jnp.cos(x))), *curved(params, x))


@pytest.mark.parametrize('h, w, relu, pool', [
    (6, 4, True, True),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in (
        (5, 6, True, True), (5, 4, True, False), (7, 3, False, True),
        (3, 4, False, False)))])
def test_group_norm_is_its_definition_to_the_second_derivative(h, w, relu, pool):
  norm = layers.GroupNorm(relu=relu, pool=pool)
  ours = lambda params, x: norm.apply({'params': params}, x)
  plain = lambda params, x: plain_norm(params, x, relu=relu, pool=pool)
  with jax.enable_x64(True):
    operands = of_two_tasks((2, h, w, 8))
    got, want = jax.jit(lambda *operands: [
        jax.vmap(lambda *one: every_second(layer, *one))(*operands)
        for layer in (ours, plain)])(*operands)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9),
                 got, want)


def test_where_the_cotangent_is_a_constant_the_second_derivative_is_nought():
  """Pooling and ReLU are made of straight pieces."""
  squares = jnp.arange(16.).reshape(1, 2, 2, 2, 2, 1) - 7.5
  for function in (layers._greatest, layers._relu):
    slope = jax.grad(lambda x, function=function: function(x).sum())
    first, second = jax.jvp(slope, (squares,), (jnp.ones_like(squares),))
    assert float(first.sum()) in (4., 8.) and not second.any()


def test_maps_that_tasks_share_are_pooled_for_each():
  norm = layers.GroupNorm(pool=True)
  params, x = of_two_tasks((2, 4, 4, 8))
  gradient = jax.grad(lambda params, x: jnp.sin(
      norm.apply({'params': params}, x)).sum())
  curved = jax.grad(lambda *operands: sum(
      jnp.sin(g).sum() for g in jax.tree.leaves(gradient(*operands))))
  got = jax.jit(jax.vmap(curved, (0, None)))(params, x[0])
  want = jax.jit(jax.vmap(curved))(params, jnp.stack([x[0]] * 2))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4),
               got, want)


@pytest.mark.parametrize('pool', [False, True])
def test_nothing_cancels_far_from_zero(pool):
  """Of maps at a thousand times their deviation, in float32, both derivatives."""
  params, x = of_two_tasks((2, 6, 6, 8))
  params, x = jax.tree.map(lambda p: np.float32(p[0]), params), np.float32(x[0] + 2000)
  norm = layers.GroupNorm(relu=True, pool=pool)
  ours = lambda params, x: norm.apply({'params': params}, x)
  run = jax.jit(lambda *operands: every_second(ours, *operands)[:3])
  got = run(params, x)
  with jax.enable_x64(True):
    want = run(*jax.tree.map(np.float64, (params, x)))
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, atol=3e-3 * max(1, np.abs(b).max())), got, want)


def test_short_maps_are_normalised_by_sums_of_long_numbers():
  params, x = of_two_tasks((2, 32, 32, 8))
  params, x = jax.tree.map(lambda p: jnp.float32(p[0]), params), x[0]
  norm = layers.GroupNorm(relu=True, pool=True)
  run = jax.jit(lambda x: (norm.apply({'params': params}, x), jax.grad(
      lambda params: norm.apply({'params': params}, x).astype(jnp.float32).sum())(
          params)))
  short = x.astype(jnp.bfloat16)
  (got, got_grad), (want, want_grad) = run(short), run(short.astype(jnp.float32))
  assert got.dtype == jnp.bfloat16
  np.testing.assert_allclose(got.astype(jnp.float32), want, rtol=.01, atol=1e-6)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=.01),
               got_grad, want_grad)


@pytest.mark.parametrize('pool', [False, True])
def test_a_derivative_keeps_one_map(pool):
  x = jax.ShapeDtypeStruct((2, 8, 8, 4), jnp.float32)
  norm = layers.GroupNorm(relu=True, pool=pool)
  params = jax.eval_shape(norm.init, jax.random.key(0), x)
  kept = jax.tree.leaves(jax.eval_shape(
      lambda *operands: jax.vjp(norm.apply, *operands)[1], params, x))
  numbers = [k for k in kept if k.size == x.size and k.dtype == jnp.float32]
  # Without pooling, what comes out is as large as the map.
  assert len(numbers) == 2 - pool, kept
  assert sum(k.size * k.dtype.itemsize for k in kept) < (
      1.8 if pool else 2.6) * 4 * x.size


def test_second_derivatives_are_made_for_accelerators():
  norm = layers.GroupNorm(relu=True, pool=True)
  shapes = jax.eval_shape(lambda: jax.tree.map(
      lambda one: one[0].astype(jnp.float32), of_two_tasks((2, 5, 4, 8))))
  made = jax.export.export(jax.jit(lambda *operands: every_second(
      lambda params, x: norm.apply({'params': params}, x), *operands)),
      platforms=('cuda', 'rocm', 'tpu'))(*shapes)
  assert 'custom_call' not in made.mlir_module()
