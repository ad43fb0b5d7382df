"""Layers against those of jax and flax, with their derivatives."""

from flax import linen as nn
from hypothesis import given, settings, strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.models import layers


def reference(params, x):
  """`lax.conv_general_dilated` with the same kernel."""
  letters = 'DHW'[-(x.ndim - 2):]
  out = jax.lax.conv_general_dilated(
      x, params['kernel'], (1,) * len(letters), 'SAME',
      dimension_numbers=(f'N{letters}C', f'{letters}IO', f'N{letters}C'))
  return out + params['bias']


def ours(params, x):
  return layers.Conv(params['kernel'].shape[-1], params['kernel'].shape[:-2]).apply(
      {'params': params}, x)


def up_to_second(conv, params, x, along):
  """Value, gradient, and the gradient's derivative along a direction."""
  value = lambda params, x: jnp.sum(jnp.sin(conv(params, x)))
  gradient = jax.grad(value, (0, 1))
  return conv(params, x), *jax.jvp(gradient, (params, x), along)


@st.composite
def shapes(draw):
  rank = draw(st.sampled_from([2, 3]))
  sides = lambda most: tuple(draw(st.integers(1, most)) for _ in range(rank))
  return sides(5), sides(3), draw(st.integers(1, 3)), draw(st.integers(1, 4))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(shapes())
def test_conv_is_laxs(case):
  space, window, channels, features = case
  rng = np.random.default_rng(0)
  normal = lambda *shape: rng.standard_normal(shape)
  with jax.enable_x64(True):
    make = lambda: ({'kernel': jnp.array(normal(*window, channels, features)),
                     'bias': jnp.array(normal(features))},
                    jnp.array(normal(2, *space, channels)))
    (params, x), along = make(), make()
    both = jax.jit(lambda *given: [up_to_second(conv, *given)
                                   for conv in (ours, reference)])
    got, want = both(params, x, along)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9),
                 got, want)


@pytest.mark.parametrize('space, window', [((6, 5), (3, 3)), ((3, 4, 4), (3, 3, 3))])
def test_conv_where_every_task_has_its_own_weights(space, window):
  draw = lambda *shape: np.random.default_rng(0).standard_normal(shape, np.float32)
  x = draw(3, 2, *space, 2)
  params = {'kernel': draw(3, *window, 2, 4), 'bias': draw(3, 4)}
  got = jax.jit(jax.vmap(ours))(params, x)
  for task in range(3):
    one = jax.tree.map(lambda p: p[task], params)
    np.testing.assert_allclose(got[task], reference(one, x[task]), atol=1e-5)


def test_convs_parameters_are_those_of_flax():
  x = jnp.zeros((1, 5, 5, 3))
  shape = lambda module: jax.eval_shape(module.init, jax.random.key(0), x)['params']
  assert shape(layers.Conv(8)) == shape(nn.Conv(8, (3, 3)))


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
