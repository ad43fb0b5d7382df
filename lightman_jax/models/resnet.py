"""Residual frame encoders: one picture to one feature map."""

from flax import linen as nn
from jaxtyping import Array, Float

from lightman_jax.models import layers

GROUPS = 4     # of the normalisation: every number of channels is a multiple of it


def _may_halve(x: Float[Array, 'n h w c'], grid: int) -> bool:
  return min(x.shape[1:3]) >= 2 * grid


class ResNet12(nn.Module):
  """Four residual blocks of three 3x3 convolutions, each ended by 2x2 max pooling.

  The encoder of few-shot learning (Lee et al. 2019, section 4.1: 64, 160, 320 and 640
  channels); `width` is the first of the four, and the others keep their ratio to it.
  Group normalisation stands for batch normalisation and ReLU for its leaky form, and
  there is no DropBlock. As in `Conv4`, pooling stops before the map gets smaller than
  `grid`, and the map is kept where the paper averages it.
  """
  width: int = 64
  grid: int = 4
  conv: str = 'auto'

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w d']:
    for ratio in (1., 2.5, 5., 10.):
      channels = max(1, int(self.width * ratio) // GROUPS) * GROUPS
      x = self._block(x, channels)
      # ReLU and the greatest of a square change places: a quarter is left for ReLU.
      x = nn.relu(layers.max_pool(x) if _may_halve(x, self.grid) else x)
    return x

  def _block(self, x, channels: int):
    def conv(x, window, relu):
      x = layers.Conv(channels, window, use_bias=False, form=self.conv)(x)
      return layers.GroupNorm(GROUPS, relu=relu)(x)
    shortcut = conv(x, (1, 1), False)
    for relu in (True, True, False):
      x = conv(x, (3, 3), relu)
    return x + shortcut


class ResNet18(nn.Module):
  """A 7x7 convolution, then four stages of two blocks of two 3x3 convolutions.

  He et al. 2016, table 1; `width` is the channels of the first stage (64 in the
  paper), doubled from stage to stage. Group normalisation stands for batch
  normalisation, and 2x2 max pooling for 3x3 with stride 2. The paper halves a picture
  of 224 five times; here a stride or pooling that would leave a map smaller than
  `grid` falls away, and the map is kept where the paper averages it.
  """
  width: int = 64
  grid: int = 4
  conv: str = 'auto'

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w d']:
    width = max(1, self.width // GROUPS) * GROUPS
    x = self._conv(x, width, (7, 7), self._stride(x))
    x = layers.GroupNorm(GROUPS, relu=True, pool=_may_halve(x, self.grid))(x)
    for stage in range(4):
      for block in range(2):
        first_of_later = stage > 0 and block == 0
        x = self._block(x, width * 2**stage, self._stride(x) if first_of_later else 1)
    return x

  def _stride(self, x) -> int:
    return 2 if _may_halve(x, self.grid) else 1

  def _conv(self, x, channels: int, window, stride: int = 1):
    return layers.Conv(channels, window, (stride, stride), use_bias=False,
                       form=self.conv)(x)

  def _block(self, x, channels: int, stride: int):
    shortcut = x
    if x.shape[-1] != channels:
      shortcut = layers.GroupNorm(GROUPS)(self._conv(x, channels, (1, 1), stride))
    x = self._conv(x, channels, (3, 3), stride)
    x = layers.GroupNorm(GROUPS, relu=True)(x)
    x = layers.GroupNorm(GROUPS)(self._conv(x, channels, (3, 3)))
    return nn.relu(x + shortcut)
