"""Layers that stay fast where every task has its own weights.

After one inner step each task has its own kernel. `vmap` makes a grouped convolution
of `lax.conv` there, whose derivatives are very slow on a CPU; a matmul of patches
stays a matmul under `vmap` and under any number of derivatives.
"""

from collections.abc import Sequence
import math

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def patches(x: Float[Array, 'n *space c'], window: Sequence[int]
            ) -> Float[Array, 'n *space d']:
  """Each position's zero-padded neighbourhood, d = prod(window) * c values.

  One axis after the other, the last one first: 3 + 3 shifted copies for a 3 x 3 window
  where all at once would be 9, and 9 for 27.
  """
  for axis, width in reversed(list(enumerate(window, start=1))):
    size = x.shape[axis]
    pad = [(0, 0)] * x.ndim
    pad[axis] = ((width - 1) // 2, width // 2)
    x = jnp.pad(x, pad)
    x = jnp.concatenate([jax.lax.slice_in_dim(x, start, start + size, axis=axis)
                         for start in range(width)], -1)
  return x


class Conv(nn.Module):
  """Convolution with stride 1 and SAME padding, in two or three dimensions.

  `kernel` has the layout of `lax.conv` (*window, c, features), so weights can be
  moved between the two.
  """
  features: int
  window: Sequence[int] = (3, 3)

  @nn.compact
  def __call__(self, x: Float[Array, 'n *space c']) -> Float[Array, 'n *space d']:
    kernel = self.param('kernel', nn.initializers.he_uniform(),
                        (*self.window, x.shape[-1], self.features))
    bias = self.param('bias', nn.initializers.zeros, (self.features,))
    depth = math.prod(self.window) * x.shape[-1]
    return patches(x, self.window) @ kernel.reshape(depth, self.features) + bias


def max_pool(x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w c']:
  """The greatest of each 2 x 2 square; an odd last row or column is left out.

  A reshape, because the derivatives of `reduce_window` are slow on a CPU.
  """
  n, h, w, c = x.shape
  x = x[:, :h // 2 * 2, :w // 2 * 2]
  return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


class GroupNorm(nn.Module):
  """Stands where a paper has batch normalisation: it keeps no running statistics.

  A clip's features depend on that clip alone (Wu and He 2018, eq. 1-3). Written out
  because flax's own takes half as long again to compile under two derivatives.
  """
  groups: int = 4

  @nn.compact
  def __call__(self, x: Float[Array, 'n *space c']) -> Float[Array, 'n *space c']:
    c = x.shape[-1]
    scale = self.param('scale', nn.initializers.ones, (c,))
    bias = self.param('bias', nn.initializers.zeros, (c,))
    y = x.reshape(len(x), -1, self.groups, c // self.groups)
    y -= y.mean((1, 3), keepdims=True)
    y *= jax.lax.rsqrt(jnp.square(y).mean((1, 3), keepdims=True) + 1e-5)
    return y.reshape(x.shape) * scale + bias
