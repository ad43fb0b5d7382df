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
