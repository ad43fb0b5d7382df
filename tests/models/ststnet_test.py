"""STSTNet: its size and its layers, against the paper's written out in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.models import temporal
from lightman_jax.models.network import ClipEncoder, make_network
from lightman_jax.models.ststnet import STSTNet


def network(classes=3):
  return make_network(ClipEncoder(STSTNet(), temporal.Temporal(depth=0)),
                      classes=classes)


def test_parameters_and_shapes():
  net = network()
  params = jax.eval_shape(lambda: net.init(jax.random.key(0), (1, 28, 28, 3)))
  count = lambda tree: sum(x.size for x in jax.tree.leaves(tree))
  # 16 kernels of 3 x 3 x 3 and their biases; scale and bias of the normalisation.
  assert count(params['encoder']) == 16 * 28 + 32
  assert count(params['head']) == 5 * 5 * 16 * 3 + 3
  assert count(params) == 1683


@pytest.mark.parametrize('side, want', [
    # (side + 2) // 3 windows for a picture that the convolution made 2 wider; half.
    ((28, 28), (5, 5)), ((64, 64), (11, 11)), ((27, 29), (5, 5)), ((12, 7), (2, 1))])
def test_shapes(side, want):
  out, _ = jax.eval_shape(
      lambda x: STSTNet().init_with_output(jax.random.key(0), x),
      jnp.zeros((2, *side, 3)))
  assert out.shape == (2, *want, 16)


def by_hand(params, x):
  """Layer by layer, one picture, window by window, in float64."""
  kernel = np.asarray(params['Conv_0']['kernel'], np.float64)
  x = np.pad(x, ((2, 2), (2, 2), (0, 0)))
  h, w = x.shape[0] - 2, x.shape[1] - 2
  maps = sum(x[i:i + h, j:j + w] @ kernel[i, j] for i in range(3) for j in range(3))
  maps = np.maximum(maps + params['Conv_0']['bias'], 0)
  groups = maps.reshape(h, w, 4, 4)
  groups = (groups - groups.mean((0, 1, 3), keepdims=True)) / np.sqrt(
      groups.var((0, 1, 3), keepdims=True) + 1e-5)
  norm = params['GroupNorm_0']
  maps = groups.reshape(h, w, 16) * norm['scale'] + norm['bias']
  pooled = np.array([[maps[max(0, i - 1):i + 2, max(0, j - 1):j + 2].max((0, 1))
                      for j in range(0, w, 3)] for i in range(0, h, 3)])
  h, w = len(pooled) // 2, pooled.shape[1] // 2
  return np.array([[pooled[2 * i:2 * i + 2, 2 * j:2 * j + 2].mean((0, 1))
                    for j in range(w)] for i in range(h)])


@pytest.mark.parametrize('side', [(28, 28), (12, 8), (10, 9)])
def test_the_layers_are_the_papers(side):
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.standard_normal((2, *side, 3)), jnp.float32)
  shapes = jax.eval_shape(lambda: STSTNet().init(jax.random.key(0), x))['params']
  params = jax.tree.map(
      lambda p: jnp.asarray(rng.standard_normal(p.shape), p.dtype), shapes)
  maps = jax.jit(STSTNet().apply)({'params': params}, x)
  for one, picture in zip(maps, x):
    np.testing.assert_allclose(one, by_hand(params, np.asarray(picture)), atol=1e-4)


def test_a_clip_is_predicted_from_itself_alone(start_of):
  net = network()
  x = np.random.default_rng(0).standard_normal((3, 1, 12, 12, 3), np.float32)
  params, logits = start_of(net, x.shape[1:]), jax.jit(net.logits)
  plain = logits(params, x)
  assert np.abs(plain - plain[::-1]).max() > 1e-3
  x[1] = np.nan
  np.testing.assert_array_equal(logits(params, x)[::2], plain[::2])


def test_derivatives_are_finite_beside_the_padding(start_of):
  """Padding for the greatest is minus infinity, and must not reach a derivative."""
  net = network()
  x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 1, 6, 6, 3)),
                  jnp.float32)
  params = start_of(net, x.shape[1:])
  loss = lambda params: jnp.square(net.logits(params, x)).sum()
  along = jax.jit(lambda p: jax.jvp(jax.grad(loss), (p,), (p,)))(params)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(along))
