"""STSTNet: a very shallow frame encoder for optical flow and strain."""

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import layers


class STSTNet(nn.Module):
  """3x3 convolution, ReLU, normalisation, 3x3 max pooling, 2x2 average pooling.

  Liong et al. 2019, section III-B. Their three parallel convolutions of 3, 5 and 8
  channels see the same picture and go through the same layers, so they are one
  convolution of 16 channels, and are computed as that. Group normalisation stands for
  batch normalisation (four groups, over what is a branch in the paper and what is
  not). There is no dropout: a network here is a function of parameters and clips, and
  has no key to draw with. `models.published` has the form of the paper.

  A picture of 28 x 28 becomes a map of 5 x 5; behind it a temporal module of depth 0
  and the linear head make the paper's network, of 1 683 parameters for three classes.
  """
  width: int = 16
  conv: str = 'auto'

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w d']:
    x = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    x = layers.Conv(self.width, padding='VALID', form=self.conv)(x)
    x = layers.GroupNorm()(nn.relu(x))
    return average_pool(max_pool(x))


def max_pool(x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w c']:
  """3 x 3 with stride 3 and one row and column of padding on each side."""
  # Negative padding cuts off what the last whole window does not reach.
  around = [(1, 1 - (size + 2) % 3, 0) for size in x.shape[1:3]]
  x = jax.lax.pad(x, jnp.array(-jnp.inf, x.dtype), [(0, 0, 0), *around, (0, 0, 0)])
  return layers.max_pool(x, 3)


def average_pool(x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w c']:
  """2 x 2; an odd last row or column is left out."""
  n, h, w, c = x.shape
  return _squares(x[:, :h // 2 * 2, :w // 2 * 2], 2).mean((2, 4))


def _squares(x, side: int):
  n, h, w, c = x.shape
  return x.reshape(n, h // side, side, w // side, side, c)
