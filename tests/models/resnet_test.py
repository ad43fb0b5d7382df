"""The residual encoders: weights as in the papers, the grid kept, a clip alone."""

from collections.abc import Callable
import os
import subprocess
import sys

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.models import layers, resnet


def outline(encoder, shape):
  """Output and parameters by shape alone."""
  return jax.eval_shape(lambda x: encoder.init_with_output(jax.random.key(0), x),
                        jnp.zeros(shape))


def size(params):
  return sum(x.size for x in jax.tree.leaves(params))


def block12(before, channels):
  """Three 3x3 kernels, the shortcut's 1x1, and two values a channel for each."""
  return 9 * before * channels + 18 * channels**2 + before * channels + 8 * channels


@pytest.mark.parametrize('encoder, want', [
    (resnet.ResNet12(), block12(3, 64) + block12(64, 160) + block12(160, 320)
     + block12(320, 640)),
    (resnet.ResNet12(), 12_424_320),                   # with batch normalisation's two
    (resnet.ResNet18(), 11_689_512 - 1000 * 513),      # torchvision's, without its head
    (resnet.ResNet12(width=8), block12(3, 8) + block12(8, 20) + block12(20, 40)
     + block12(40, 80))])
def test_parameters(encoder, want):
  assert size(outline(encoder, (1, 64, 64, 3))[1]) == want


class PooledBlock(nn.Module):
  """A block with a channel a group, as where training once met no number."""
  pool: Callable
  grid, conv = 4, 'auto'
  _block = resnet.ResNet12._block

  @nn.compact
  def __call__(self, x):
    return nn.relu(self.pool(self._block(x, 4)))


def compare_gradients():
  rng = np.random.default_rng(0)
  x = jnp.asarray(rng.standard_normal((5, 16, 16, 3), np.float32))
  mine, flaxs = PooledBlock(layers.max_pool), PooledBlock(
      lambda x: nn.max_pool(x, (2, 2), (2, 2)))
  weights = lambda p: jnp.asarray(
      rng.standard_normal(p.shape, np.float32) / 3 + (p.ndim == 1))
  params = jax.tree.map(weights, jax.eval_shape(mine.init, jax.random.key(0), x))
  grad = lambda block: jax.jit(jax.grad(
      lambda params: jnp.square(block.apply(params, x)).sum()))(params)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, atol=1e-3 * np.abs(b).max()), grad(mine), grad(flaxs))


def test_the_pooled_sum_of_two_paths_has_a_gradient():
  """A compiler may compute what is pooled twice, with another last bit: no value may
  count as the greatest by being equal to what was computed elsewhere. In a process of
  its own, for it only does so with the flags that users have, not with the tests'."""
  without = {name: value for name, value in os.environ.items() if name != 'XLA_FLAGS'}
  subprocess.run([sys.executable, __file__], env=without, check=True)


@pytest.mark.parametrize('kind', [resnet.ResNet12, resnet.ResNet18])
@pytest.mark.parametrize('side, grid, want', [
    ((64, 64), 4, (4, 4)), ((28, 28), 4, (7, 7)), ((84, 84), 4, (5, 5)),
    ((64, 64), 8, (8, 8)), ((8, 8), 8, (8, 8)), ((33, 20), 4, (8, 5))])
def test_the_grid_is_kept(kind, side, grid, want):
  last = {resnet.ResNet12: 80, resnet.ResNet18: 64}[kind]
  out, _ = outline(kind(width=8, grid=grid), (2, *side, 3))
  # Halving with a stride rounds up where pooling rounds down.
  near = (2, *want, last) if kind is resnet.ResNet12 else out.shape
  assert out.shape == near
  assert min(grid, *side) <= min(out.shape[1:3]) < 2 * max(grid, 4)


@pytest.mark.parametrize('kind', [resnet.ResNet12, resnet.ResNet18])
def test_a_width_that_no_group_divides_is_rounded(kind):
  for width in (1, 5, 6):
    assert outline(kind(width=width), (1, 8, 8, 3))[0].shape[-1] % 4 == 0


def test_the_form_of_convolution_reaches_every_layer(monkeypatch):
  seen = []
  convolve = resnet.layers.convolution.convolve
  monkeypatch.setattr(resnet.layers.convolution, 'convolve',
                      lambda *args, form, **kwargs: (
                          seen.append(form), convolve(*args, form=form, **kwargs))[1])
  for kind, convs in ((resnet.ResNet12, 16), (resnet.ResNet18, 20)):
    seen.clear()
    outline(kind(width=4, conv='patches'), (1, 8, 8, 3))
    assert seen == ['patches'] * convs


@pytest.fixture(scope='module', params=[resnet.ResNet12, resnet.ResNet18])
def ready(request):
  """One compiled encoder for several questions."""
  encoder, rng = request.param(width=4, grid=4), np.random.default_rng(0)
  x = rng.standard_normal((3, 4, 4, 3)).astype(np.float32)
  params = jax.tree.map(lambda p: jnp.asarray(.1 + rng.random(p.shape), p.dtype),
                        outline(encoder, x.shape)[1]['params'])
  return encoder, jax.jit(lambda params, x: encoder.apply({'params': params}, x)
                          ), params, jnp.asarray(x)


def test_a_clip_is_encoded_from_itself_alone(ready):
  _, encode, params, x = ready
  plain = encode(params, x)
  assert np.abs(plain - plain[::-1]).max() > 1e-3
  np.testing.assert_array_equal(encode(params, x.at[1].set(jnp.nan))[::2], plain[::2])


def test_without_its_last_normalisation_a_block_is_its_shortcut(ready):
  """Then nothing of the block's own convolutions is left."""
  encoder, encode, params, x = ready
  if not isinstance(encoder, resnet.ResNet12):
    pytest.skip('the blocks of ResNet-12 alone all have a shortcut of weights')
  last = {f'GroupNorm_{n}': jax.tree.map(jnp.zeros_like, params[f'GroupNorm_{n}'])
          for n in (3, 7, 11, 15)}
  other = {f'Conv_{n}': {'kernel': 1 + jnp.square(params[f'Conv_{n}']['kernel'])}
           for n in range(16) if n % 4}
  alone = encode({**params, **last}, x)
  np.testing.assert_array_equal(encode({**params, **last, **other}, x), alone)
  assert np.abs(encode({**params, **other}, x) - alone).max() > 1e-3


if __name__ == '__main__':
  compare_gradients()
