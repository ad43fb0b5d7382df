"""OFF-ApexNet: two streams, of horizontal and of vertical motion, and dense layers."""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import layers


class Streams(nn.Module):
  """Two frame encoders side by side: u and v, the first two channels of optical flow.

  Gan et al. 2019, table 2: 5x5 convolutions of 6 and of 16 channels, each followed by
  ReLU and 2x2 max pooling, so that 28 x 28 pixels become 7 x 7 cells of 32 channels.
  """
  conv: str = 'auto'

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w 32']:
    def stream(x):
      for channels in (6, 16):
        x = layers.Conv(channels, (5, 5), form=self.conv)(x)
        x = layers.max_pool(nn.relu(x))
      return x
    return jnp.concatenate([stream(x[..., :1]), stream(x[..., 1:2])], -1)


class Dense(nn.Module):
  """Two dense layers with ReLU behind a clip's map; 1024 wide in the paper.

  There is no dropout between them: a network here is a function of parameters and
  clips, and has no key to draw with.
  """
  width: int = 1024

  @nn.compact
  def __call__(self, x: Float[Array, 'n *place c']) -> Float[Array, 'n d']:
    x = x.reshape(x.shape[0], -1)
    for _ in range(2):
      x = nn.relu(layers.Dense(self.width,
                               kernel_init=nn.initializers.he_uniform())(x))
    return x
