"""Frame encoders: one picture to one feature map, the same weights for all frames."""

from flax import linen as nn
from jaxtyping import Array, Float

from lightman_jax.models import layers


class Conv4(nn.Module):
  """Four blocks of 3x3 convolution, normalisation, ReLU, 2x2 max pooling.

  Vinyals et al. 2016, section 4.1, with group normalisation for batch normalisation.
  Pooling stops before the map gets smaller than `grid`: where on the face something
  moved is most of what a micro-expression says.
  """
  width: int = 32
  grid: int = 4
  conv: str = 'auto'

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w d']:
    for _ in range(4):
      x = layers.Conv(self.width, use_bias=False, form=self.conv)(x)
      x = layers.GroupNorm(
          relu=True, pool=min(x.shape[1:3]) >= 2 * self.grid)(x)
    return x
