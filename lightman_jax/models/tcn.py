"""A temporal convolutional network: for series of numbers, such as action units."""

from flax import linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import layers

WINDOW = 3     # steps of time that a kernel sees


class TCN(nn.Module):
  """Series (n, t, d) to embeddings (n, width): residual dilated convolutions, a mean.

  Bai et al. 2018, section 3, made small: block b sees steps 2^b apart; group norm takes
  the place of weight norm, there is no dropout, and a kernel looks both ways, for a
  whole clip is there when it is classified. Series are as long as they are: the mean
  over time leaves one embedding of any t. What a step holds is flattened. `dtype` is
  that of the activations, None that of the series.
  """
  width: int = 32
  depth: int = 2
  dtype: jnp.dtype | None = None

  @nn.compact
  def __call__(self, x: Float[Array, 'n t *step']) -> Float[Array, 'n d']:
    h = x.reshape(*x.shape[:2], -1).astype(self.dtype or x.dtype)
    dense = lambda: layers.Dense(self.width, use_bias=False,
                                 kernel_init=nn.initializers.he_uniform())
    h = dense()(h)
    for block in range(self.depth):
      inner = layers.GroupNorm(relu=True)(dense()(_around(h, 2**block)))
      h += inner
    return h.mean(1).astype(x.dtype)


def _around(h: Float[Array, 'n t d'], apart: int) -> Float[Array, 'n t _k']:
  """Each step with those `apart` before and after it, side by side; zeros outside.

  A convolution is this and a matrix product, which stays fast when it is derived twice
  with weights of a task's own.
  """
  reach = apart * (WINDOW // 2)
  padded = jnp.pad(h, ((0, 0), (reach, reach), (0, 0)))
  return jnp.concatenate([padded[:, first:first + h.shape[1]]
                          for first in range(0, 2 * reach + 1, apart)], -1)
