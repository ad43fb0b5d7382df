"""STSTNet as it was published, with batch normalisation and dropout.

Only supervised training knows this form: batch normalisation lets clips of a batch see
each other, and its running statistics belong to no single task of an inner loop.
"""

from typing import NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import layers
from lightman_jax.models import ststnet

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
  far the running ones go towards them is the optimizer's: see `meta.running`.
  """

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c'], *, training: bool = False
               ) -> Float[Array, 'n h w c']:
    c, given = x.shape[-1], x.dtype
    x = x.astype(jnp.promote_types(given, jnp.float32))
    scale = self.param('scale', nn.initializers.ones, (c,))
    bias = self.param('bias', nn.initializers.zeros, (c,))
    kept_mean = self.variable('statistics', 'mean', jnp.zeros, (c,))
    kept_variance = self.variable('statistics', 'variance', jnp.ones, (c,))
    mean, variance = kept_mean.value, kept_variance.value
    if training:
      size = x.size // c
      mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
      kept_mean.value, kept_variance.value = mean, variance * size / max(size - 1, 1)
    return ((x - mean) * jax.lax.rsqrt(variance + 1e-5) * scale + bias).astype(given)


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
    (n, t), given = x.shape[:2], x.dtype
    x = self.scaling(x) if self.scaling else x
    x = x.astype(self.dtype or given).reshape(n * t, *x.shape[2:])
    x = jnp.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)))
    x = layers.Conv(sum(BRANCHES), padding='VALID', form=self.conv)(x)
    x = ststnet.max_pool(BatchNorm()(nn.relu(x), training=training))
    x = nn.Dropout(DROPOUT, deterministic=not training)(x)
    x = ststnet.average_pool(x)
    return x.reshape(n, t, *x.shape[1:]).mean(1).astype(given)
