"""The temporal module: how the feature maps of a clip's frames change together."""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import layers


class Temporal(nn.Module):
  """`depth` 3x3x3 convolutions over stacked feature maps, then the mean over time.

  The order of the frames matters (a kernel sees its neighbours in time), and coarse
  position on the face is kept. Depth, kernel and pooling are ours; that LightmanNet
  has a 3D module here is the paper's.
  """
  width: int = 32
  depth: int = 2
  conv: str = 'auto'

  @nn.compact
  def __call__(self, x: Float[Array, 'n t h w c']) -> Float[Array, 'n h w d']:
    for _ in range(self.depth):
      # A single picture has no neighbours in time, only zeros: no weights for them.
      x = layers.Conv(self.width, (min(3, x.shape[1]), 3, 3), use_bias=False,
                      form=self.conv)(x)
      x = layers.GroupNorm(relu=True)(x)
    return x.mean(1)


class ClipEncoder(nn.Module):
  """A 2D encoder shared by all frames, then a 3D module over their feature maps.

  `after` is what an encoder has behind its maps, such as dense layers. `dtype` is that
  of all activations between clips and maps, and of their products with weights; None
  is that of the clips.
  """
  frame: nn.Module
  temporal: nn.Module
  after: nn.Module | None = None
  dtype: jnp.dtype | None = None

  def __call__(self, x: Float[Array, 'n t h w c']) -> Float[Array, 'n *place d']:
    (n, t), input_dtype = x.shape[:2], x.dtype
    x = x.astype(self.dtype or input_dtype)
    maps = self.frame(x.reshape(n * t, *x.shape[2:]))
    maps = self.temporal(maps.reshape(n, t, *maps.shape[1:]))
    return (self.after(maps) if self.after else maps).astype(input_dtype)
