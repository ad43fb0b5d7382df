"""The temporal module: how the feature maps of a clip's frames change together."""

from flax import linen as nn
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
