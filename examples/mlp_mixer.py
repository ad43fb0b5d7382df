"""An encoder of one's own in a file of one's own: an MLP-Mixer over flow pictures.

    python launch.py --config=configs/synthetic.py:encoder=examples/mlp_mixer.py:Mixer \
        --config.model.width=32
    python -m lightman_jax settings encoder=examples/mlp_mixer.py:Mixer

Patches of all frames are tokens; each block mixes over tokens, then over channels
(Tolstikhin et al. 2021, eq. 1). The tokens that come out keep their places in the face.
What can be set is what stands in the class: a flax module is a dataclass.
"""

from typing import Annotated

from flax import linen as nn
from jaxtyping import Array, Float

from lightman_jax.options import Range


class Mixer(nn.Module):
  """Clips to tokens (n, t * places, width); each frame is cut into patches."""
  width: Annotated[int, Range(1, 4096), 'channels of a token'] = 16
  hidden: Annotated[int, Range(1, 4096), 'units of each MLP inside a block'] = 32
  blocks: Annotated[int, Range(1, 64), 'how many'] = 2
  patch: Annotated[int, Range(1, 64), 'pixels along a side of a patch'] = 4

  @nn.compact
  def __call__(self, x: Float[Array, 'n t h w c']) -> Float[Array, 'n token d']:
    n, t, height, width, c = x.shape
    rows, columns = height // self.patch, width // self.patch
    x = x[:, :, :rows * self.patch, :columns * self.patch]
    x = x.reshape(n, t, rows, self.patch, columns, self.patch, c)
    tokens = x.transpose(0, 1, 2, 4, 3, 5, 6).reshape(n, t * rows * columns, -1)
    tokens = nn.Dense(self.width)(tokens)
    for _ in range(self.blocks):
      mixed = self._mlp(nn.LayerNorm()(tokens).swapaxes(1, 2))
      tokens = tokens + mixed.swapaxes(1, 2)
      tokens = tokens + self._mlp(nn.LayerNorm()(tokens))
    return nn.LayerNorm()(tokens)

  def _mlp(self, x):
    return nn.Dense(x.shape[-1])(nn.gelu(nn.Dense(self.hidden)(x)))
