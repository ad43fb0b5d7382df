"""A small vision transformer as a frame encoder: patches, tokens, and a map again."""

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
import numpy as np

from lightman_jax.models import layers

HEADS = 4      # every width is a multiple of it


class VisionTransformer(nn.Module):
  """Patches to tokens, `depth` blocks of attention, tokens to a map.

  Dosovitskiy et al. 2021, eq. 1-3, made small: blocks with layer normalisation before
  attention of four heads and before two dense layers of twice the width, no class
  token and no dropout. Positions are sines and cosines in two dimensions, not learned
  (Beyer et al. 2022). A patch is as large as leaves about twice `grid` patches along
  the shorter side; zeros fill the last ones up.
  """
  width: int = 32
  grid: int = 4
  depth: int = 2

  @nn.compact
  def __call__(self, x: Float[Array, 'n h w c']) -> Float[Array, 'n _h _w d']:
    tokens = _patches(x, -(-min(x.shape[1:3]) // (2 * self.grid)))
    n, h, w, _ = tokens.shape
    tokens = layers.Dense(self.width)(tokens).reshape(n, h * w, self.width)
    tokens += jnp.asarray(positions(h, w, self.width), x.dtype)
    norm = lambda x: nn.LayerNorm(dtype=x.dtype)(x)      # by means of float32
    for _ in range(self.depth):
      tokens += self._attention(norm(tokens))
      inner = nn.gelu(layers.Dense(2 * self.width)(norm(tokens)))
      tokens += layers.Dense(self.width)(inner)
    return norm(tokens).reshape(n, h, w, self.width)

  def _attention(self, x: Float[Array, 'n p d']) -> Float[Array, 'n p d']:
    n, p, d = x.shape
    # No bias: that of the keys would change nothing.
    query, key, value = jnp.moveaxis(
        layers.Dense(3 * d, use_bias=False)(x).reshape(n, p, 3, HEADS, d // HEADS),
        2, 0)
    # Products of short numbers, and their softmax, are long ones.
    products = layers.einsum('nphd,nqhd->nhpq', query, key).astype(layers.long(x.dtype))
    weights = jax.nn.softmax(products / np.sqrt(d // HEADS)).astype(x.dtype)
    mixed = layers.einsum('nhpq,nqhd->nphd', weights, value).reshape(n, p, d)
    return layers.Dense(d)(mixed)


def _patches(x: Float[Array, 'n h w c'], side: int) -> Float[Array, 'n _h _w k']:
  """Squares of side x side pixels as rows, padded with zeros at the end."""
  n, h, w, c = x.shape
  rows, columns = -(-h // side), -(-w // side)
  x = jnp.pad(x, ((0, 0), (0, rows * side - h), (0, columns * side - w), (0, 0)))
  x = x.reshape(n, rows, side, columns, side, c).swapaxes(2, 3)
  return x.reshape(n, rows, columns, side * side * c)


def positions(h: int, w: int, width: int) -> Float[np.ndarray, 'p width']:
  """Sine and cosine of row and column at width / 4 frequencies, from 1 to 1/10 000.

  Args:
    h: rows of patches.
    w: columns of patches.
    width: of a token, a multiple of 4.
  """
  frequency = 10_000. ** -(np.arange(width // 4) / max(1, width // 4 - 1))
  rows, columns = np.meshgrid(np.arange(h), np.arange(w), indexing='ij')
  angles = [at.reshape(-1, 1) * frequency for at in (rows, columns)]
  return np.concatenate([f(a) for a in angles for f in (np.sin, np.cos)], -1)
