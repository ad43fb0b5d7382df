"""The forms in which a convolution is computed, and which is taken where.

All give the same sums in another order. `FORMS` by name:

    lax      one convolution of XLA's for each task
    folded   the first axis of a 3D window as channels, then `lax` in two dimensions
    patches  each pixel's neighbourhood as a row, then a matmul

A kernel's cotangent has two: `patches`, and `wide` for the others: shifted copies along
one axis of the pictures and along the others of the cotangents, so that one matmul
gives all pairs. `benchmarks/kernels.py` measures them.
"""

from collections.abc import Callable, Sequence
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

PLATFORMS = ('cpu', 'cuda', 'rocm', 'tpu', 'other')
FORMS = ('lax', 'folded', 'patches')
FEW = 8                  # channels
BLOCK = 1 << 16          # numbers: shifted copies of a block of clips stay in the cache


def conv(x: Float[Array, 'b n *space c'], kernel: Float[Array, 'b *window c d'], *,
         pad, form: str, platform: str) -> Float[Array, 'b n *out d']:
  """Convolution with stride 1, each of b tasks with a kernel of its own."""
  if form == 'auto':
    form = _choose_conv(x.shape, kernel.shape, platform)
  return {'lax': _conv_lax, 'folded': _conv_folded, 'patches': _conv_patches}[form](
      x, kernel, pad)


def corr(x: Float[Array, 'b n *space c'], g: Float[Array, 'b n *out d'], *,
         pad, form: str, platform: str) -> Float[Array, 'b *window c d']:
  """The kernel's cotangent: pictures against cotangents, at every shift of a window."""
  if form == 'auto':
    window = remaining(x.shape[2:-1], g.shape[2:-1], pad)
    form = _choose_corr(x.shape, window, platform)
  return (_corr_patches if form == 'patches' else _corr_wide)(x, g, pad)


def _choose_conv(x: Sequence[int], kernel: Sequence[int], platform: str) -> str:
  if platform == 'cpu':
    if x[-1] <= FEW or math.prod(kernel[1:-2]) == 1:
      return 'patches'
    return 'folded' if len(kernel) == 6 else 'lax'
  # A grouped convolution is slow everywhere; one kernel for all is what XLA is for.
  return 'lax' if x[0] == 1 else 'patches'


def _choose_corr(x: Sequence[int], window: Sequence[int], platform: str) -> str:
  plain = x[-1] <= FEW or math.prod(window) == 1
  return 'patches' if platform != 'cpu' or plain else 'lax'


def _per_task(one: Callable, *operands: Array) -> Array:
  """`one` for each task in turn; without a loop where there is one task."""
  if len(operands[0]) == 1:
    return one(*(x[0] for x in operands))[None]
  return jax.lax.map(lambda given: one(*given), operands)


def _conv_lax(x, kernel, pad):
  letters = 'DHW'[-(x.ndim - 3):]
  return _per_task(lambda x, kernel: jax.lax.conv_general_dilated(
      x, kernel, (1,) * len(letters), pad,
      dimension_numbers=(f'N{letters}C', f'{letters}IO', f'N{letters}C')), x, kernel)


def _conv_folded(x, kernel, pad):
  """XLA has fast convolutions on a CPU in two dimensions, and not in three."""
  b, first, *window, c, d = kernel.shape
  if len(window) < 2:
    return _conv_lax(x, kernel, pad)
  x = patches(x, (first, 1, 1), (pad[0], (0, 0), (0, 0)))
  n, t, *space = x.shape[1:-1]
  kernel = jnp.moveaxis(kernel, 1, 3).reshape(b, *window, first * c, d)
  y = _conv_lax(x.reshape(b, n * t, *space, first * c), kernel, pad[1:])
  return y.reshape(b, n, t, *y.shape[2:])


def _conv_patches(x, kernel, pad):
  b, *window, c, d = kernel.shape
  flat = kernel.reshape(b, math.prod(window) * c, d)
  return jnp.einsum('b...k,bkd->b...d', patches(x, window, pad), flat)


def _corr_patches(x, g, pad):
  b, c, d = len(x), x.shape[-1], g.shape[-1]
  window = remaining(x.shape[2:-1], g.shape[2:-1], pad)
  rows = patches(x, window, pad)
  # Short numbers add up in long ones.
  kernel = jnp.einsum('bpk,bpd->bkd', rows.reshape(b, -1, rows.shape[-1]),
                      g.reshape(b, -1, d), preferred_element_type=jnp.promote_types(
                          x.dtype, jnp.float32))
  return kernel.astype(x.dtype).reshape(b, *window, c, d)


def _corr_wide(x, g, pad):
  return _per_task(lambda x, g: _corr_wide_of_one(x, g, pad), x, g)


def _corr_wide_of_one(x, g, pad):
  """Shifts of the last axis as channels of x, all others as channels of g.

  In blocks of clips: what is shifted is used at once, before the cache loses it. A
  block is at least as large as the kernel, which every block adds to.
  """
  n, c, d = len(x), x.shape[-1], g.shape[-1]
  *others, last = remaining(x.shape[1:-1], g.shape[1:-1], pad)
  still = ((0, 0),) * len(others)
  flipped = tuple((w - 1 - low, w - 1 - high) for w, (low, high) in zip(others, pad))

  def block(total, both):
    x, g = both
    columns = patches(x[None], [*(1 for _ in others), last], (*still, pad[-1]))
    rows = patches(g[None], [*others, 1], (*flipped, (0, 0)))
    return total + jnp.matmul(columns.reshape(-1, last * c).T,
                              rows.reshape(-1, math.prod(others) * d),
                              preferred_element_type=total.dtype), None
  least = max(BLOCK, last * c * math.prod(others) * d)
  size = _divisor(n, least * n // max(x.size + g.size, 1))
  blocks = [y.reshape(n // size, size, *y.shape[1:]) for y in (x, g)]
  # Short numbers add up in long ones.
  total = jnp.zeros((last * c, math.prod(others) * d),
                    jnp.promote_types(x.dtype, jnp.float32))
  if n == size:
    total, _ = block(total, [y[0] for y in blocks])
  else:
    total, _ = jax.lax.scan(block, total, blocks)
  kernel = total.astype(x.dtype).reshape(last, c, *others, d)
  rank = len(others)
  # The shifts of cotangents run against those of the pictures.
  return jnp.flip(kernel, range(2, 2 + rank)).transpose(
      *range(2, 2 + rank), 0, 1, 2 + rank)


def _divisor(n: int, most: int) -> int:
  return max(m for m in range(1, max(1, min(n, most)) + 1) if n % m == 0)


def remaining(space: Sequence[int], taken: Sequence[int], pad) -> list[int]:
  """Sizes of an output from those of a window, or of a window from an output's."""
  return [size + low + high - t + 1 for size, t, (low, high) in zip(space, taken, pad)]


def patches(x: Float[Array, 'b n *space c'], window: Sequence[int], pad
            ) -> Float[Array, 'b n *out k']:
  """Each position's neighbourhood, k = prod(window) * c values.

  One axis after the other, the last one first: 3 + 3 shifted copies for a 3 x 3 window
  where all at once would be 9, and 9 for 27.
  """
  zero = jnp.zeros((), x.dtype)
  for axis, width in reversed(list(enumerate(window, start=2))):
    low, high = pad[axis - 2]
    around = [(0, 0, 0)] * x.ndim
    around[axis] = (low, high, 0)
    x = jax.lax.pad(x, zero, around)
    size = x.shape[axis] - width + 1
    if width > 1:
      x = jnp.concatenate([jax.lax.slice_in_dim(x, start, start + size, axis=axis)
                           for start in range(width)], -1)
  return x
