"""STSTNet: a very shallow frame encoder for optical flow; and as it was published.

Only supervised training knows this form: batch normalisation lets clips of a batch see
each other, and its running statistics belong to no single task of an inner loop.
"""

from typing import NamedTuple

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
  has no key to draw with. `PublishedSTSTNet` has the form of the paper.

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
  """3 x 3 with stride 3 and one row and column of padding on each side.

  Args:
    x: maps.
  """
  # Negative padding cuts off what the last whole window does not reach.
  around = [(1, 1 - (size + 2) % 3, 0) for size in x.shape[1:3]]
  x = jax.lax.pad(x, jnp.array(-jnp.inf, x.dtype), [(0, 0, 0), *around, (0, 0, 0)])
  return layers.max_pool(x, 3)


def average_pool(x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w c']:
  """2 x 2; an odd last row or column is left out.

  Args:
    x: maps.
  """
  n, h, w, c = x.shape
  return _squares(x[:, :h // 2 * 2, :w // 2 * 2], 2).mean((2, 4))


def _squares(x, side: int):
  n, h, w, c = x.shape
  return x.reshape(n, h // side, side, w // side, side, c)


# STSTNet as it was published, with batch normalisation and dropout.

BRANCHES = (3, 5, 8)
DROPOUT = .5


class Scaling(NamedTuple):
  """The pictures that published weights were trained on, made of ours in -1 to 1.

  `order` says which of our channels (u, v, strain, or red, green, blue) is each of
  theirs; `low` and `high` are what they had for black and white, which we have at -1
  and 1.
  """
  order: tuple[int, ...]
  low: float
  high: float

  def __call__(self, x: Float[Array, '*clip c']) -> Float[Array, '*clip c']:
    theirs = jnp.stack([x[..., place] for place in self.order], -1)
    return self.low + (theirs + 1) * ((self.high - self.low) / 2)


class BatchNorm(nn.Module):
  """Batch normalisation (Ioffe and Szegedy 2015, algorithms 1 and 2).

  In training by the batch, whose mean and variance (unbiased, as running statistics
  take it) replace those of the collection 'statistics'; else by that collection. How
  far the running ones go towards them is the optimizer's: see
  `meta.running_statistics.beside_statistics`.
  """

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c'], *, training: bool = False
               ) -> Float[Array, 'n h w c']:
    c, input_dtype = x.shape[-1], x.dtype
    x = x.astype(layers.long(input_dtype))
    scale = self.param('scale', nn.initializers.ones, (c,))
    bias = self.param('bias', nn.initializers.zeros, (c,))
    kept_mean = self.variable('statistics', 'mean', jnp.zeros, (c,))
    kept_variance = self.variable('statistics', 'variance', jnp.ones, (c,))
    mean, variance = kept_mean.value, kept_variance.value
    if training:
      size = x.size // c
      mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
      kept_mean.value, kept_variance.value = mean, variance * size / max(size - 1, 1)
    x = (x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + bias
    return x.astype(input_dtype)


class PublishedSTSTNet(nn.Module):
  """Clips (n, t, h, w, c) to maps, averaged over their pictures.

  Liong et al. 2019, section III-B, as their code has it: three 3x3 convolutions with
  padding 2, of 3, 5 and 8 channels, each followed by ReLU, batch normalisation, 3x3 max
  pooling with stride 3 and padding 1, and dropout; their maps side by side; 2x2
  average pooling. The three are computed as one convolution of 16 channels, which
  changes no number. The paper's clips are one picture. `dtype`: see `ClipEncoder`;
  `scaling`: what weights of another origin take, where the network begins with such.
  """
  conv: str = 'auto'
  dtype: jnp.dtype | None = None
  scaling: Scaling | None = None

  @nn.compact
  def __call__(self, x: Float[Array, 'n t h w c'], *, training: bool = False
               ) -> Float[Array, 'n _h _w 16']:
    (n, t), input_dtype = x.shape[:2], x.dtype
    x = self.scaling(x) if self.scaling else x
    x = x.astype(self.dtype or input_dtype).reshape(n * t, *x.shape[2:])
    x = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    x = layers.Conv(sum(BRANCHES), padding='VALID', form=self.conv)(x)
    x = max_pool(BatchNorm()(nn.relu(x), training=training))
    x = nn.Dropout(DROPOUT, deterministic=not training)(x)
    x = average_pool(x)
    return x.reshape(n, t, *x.shape[1:]).mean(1).astype(input_dtype)
