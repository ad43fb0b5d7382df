"""Convolution as a family closed under differentiation, in the form that is fast.

All give the same sums in another order. `FORMS` by name:

    lax      one convolution of XLA's for each task
    folded   the first axis of a 3D window as channels, then `lax` in two dimensions
    patches  each pixel's neighbourhood as a row, then a matmul
    grouped  one convolution of XLA's for all tasks, a group of channels each

A kernel's cotangent has three: `patches`, `grouped`, and `wide` for the others: shifted
copies along one axis of the pictures and along the others of the cotangents, so that
one matmul gives all pairs. `benchmarks/kernels.py` measures them. For a 3 x 3 window
`patches` holds nine times the pictures and `grouped` no copy, which is worth it where a
device has fast grouped convolutions; no CPU has.

A convolution is linear in the pictures and in the kernel, and so is its derivative by
either: by the pictures it is the convolution with the flipped, transposed kernel; by
the kernel it is a correlation of pictures with cotangents, whose own derivatives are
convolutions again. So two primitives are enough for `jvp` and `vjp` to any order, and
each is computed in the form that is fast on the backend, not in the form in which a
derivative happens to be written.

    conv: pictures, kernel -> pictures          corr: pictures, pictures -> kernel

Both carry a leading axis of tasks, each with a kernel of its own: after one inner step
that is what `vmap` makes. Where only one operand has it, the axis goes into the clips
or channels, so a kernel that all tasks share stays one large convolution.
"""

from collections.abc import Callable, Sequence
import functools
import itertools
import math

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
import jax.numpy as jnp
from jaxtyping import Array, Float

# The forms in which a convolution is computed, and which is taken where.

PLATFORMS = ('cpu', 'cuda', 'rocm', 'tpu', 'other')
FORMS = ('lax', 'folded', 'patches', 'grouped')
INLINE = 'inline'      # as `folded`, without the primitives: for other programs
FEW = 8                  # channels
BLOCK = 1 << 16          # numbers: shifted copies of a block of clips stay in the cache


def conv(x: Float[Array, 'b n *space c'], kernel: Float[Array, 'b *window c d'], *,
         pad, form: str, platform: str) -> Float[Array, 'b n *out d']:
  """Convolution with stride 1, each of b tasks with a kernel of its own.

  Args:
    x: n pictures or clips of each task.
    kernel: of each task.
    pad: (low, high) of each axis of space, in pixels.
    form: of `FORMS`, or 'auto' for what is fast on the platform.
    platform: such as 'cpu'.
  """
  if form == 'auto':
    form = _choose_conv(x.shape, kernel.shape, platform)
  return {'lax': _conv_lax, 'folded': _conv_folded, 'patches': _conv_patches,
          'grouped': _conv_grouped}[form](x, kernel, pad)


def long(dtype: jnp.dtype) -> jnp.dtype:
  """The numbers in which numbers of a type add up.

  What is not said of a product's sums is for XLA to choose: on a CPU, that of jax 0.12
  adds short numbers up in short ones, in gradients over all clips and places, too.

  Args:
    dtype: of what is added.
  """
  return jnp.promote_types(dtype, jnp.float32)


def einsum(subscripts: str, x: Array, y: Array) -> Array:
  """`jnp.einsum` of numbers of one type, with sums in `long` ones.

  Args:
    subscripts: as of `jnp.einsum`.
    x, y: factors.
  """
  return jnp.einsum(subscripts, x, y, preferred_element_type=long(x.dtype)
                    ).astype(x.dtype)


def corr(x: Float[Array, 'b n *space c'], g: Float[Array, 'b n *out d'], *,
         pad, form: str, platform: str) -> Float[Array, 'b *window c d']:
  """The kernel's cotangent: pictures against cotangents, at every shift of a window.

  Args:
    x: n pictures or clips of each task.
    g: cotangents of the convolution's output.
    pad: of the convolution: (low, high) of each axis of space, in pixels.
    form: of `FORMS`, or 'auto' for what is fast on the platform.
    platform: such as 'cpu'.
  """
  if form == 'auto':
    window = remaining(x.shape[2:-1], g.shape[2:-1], pad)
    form = _choose_corr(x.shape, window, platform)
  return {'patches': _corr_patches, 'grouped': _corr_grouped}.get(form, _corr_wide)(
      x, g, pad)


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
  return jax.lax.map(lambda task: one(*task), operands)


def _conv_lax(x, kernel, pad):
  letters = 'DHW'[-(x.ndim - 3):]

  def one(x, kernel):
    return jax.lax.conv_general_dilated(
        x, kernel, (1,) * len(letters), pad,
        dimension_numbers=(f'N{letters}C', f'{letters}IO', f'N{letters}C'))
  return _per_task(one, x, kernel)


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


def _conv_grouped(x, kernel, pad):
  b, *window, c, d = kernel.shape
  # A group's channels lie side by side: (b, ..., c) as (..., b * c).
  x = jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], b * c)
  kernel = jnp.moveaxis(kernel, 0, -2).reshape(*window, c, b * d)
  y = _in_groups(x, kernel, pad, b)
  return jnp.moveaxis(y.reshape(*y.shape[:-1], b, d), -2, 0)


def _corr_grouped(x, g, pad):
  """Channels of the pictures stand for clips, clips for channels, g for the kernel."""
  (b, n, *space, c), (*out, d) = x.shape, g.shape[2:]
  x = jnp.moveaxis(x, (0, 1), (-2, -1))                # (*space, c, b, n)
  x = jnp.moveaxis(x, -3, 0).reshape(c, *space, b * n)
  g = jnp.moveaxis(g, (0, 1), (-2, -3)).reshape(*out, n, b * d)
  y = _in_groups(x, g, pad, b)                         # (c, *window, b * d)
  return jnp.moveaxis(y.reshape(*y.shape[:-1], b, d), (-2, 0), (0, -2))


def _in_groups(x, kernel, pad, groups):
  """`lax.conv_general_dilated` of so many groups of channels, with sums in `long`."""
  letters = 'DHW'[-(x.ndim - 2):]
  return jax.lax.conv_general_dilated(
      x, kernel, (1,) * len(letters), pad, feature_group_count=groups,
      dimension_numbers=(f'N{letters}C', f'{letters}IO', f'N{letters}C'),
      preferred_element_type=long(x.dtype)).astype(x.dtype)


def _corr_patches(x, g, pad):
  b, c, d = len(x), x.shape[-1], g.shape[-1]
  window = remaining(x.shape[2:-1], g.shape[2:-1], pad)
  rows = patches(x, window, pad)
  kernel = einsum('bpk,bpd->bkd', rows.reshape(b, -1, rows.shape[-1]),
                  g.reshape(b, -1, d))
  return kernel.reshape(b, *window, c, d)


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
                    long(x.dtype))
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
  """Sizes of an output from those of a window, or of a window from an output's.

  Args:
    space: sizes along the axes of space.
    taken: those that are taken away, along the same axes.
    pad: (low, high) of each axis.
  """
  return [size + low + high - t + 1 for size, t, (low, high) in zip(space, taken, pad)]


def patches(x: Float[Array, 'b n *space c'], window: Sequence[int], pad
            ) -> Float[Array, 'b n *out k']:
  """Each position's neighbourhood, k = prod(window) * c values.

  One axis after the other, the last one first: 3 + 3 shifted copies for a 3 x 3 window
  where all at once would be 9, and 9 for 27.

  Args:
    x: n pictures or clips of each task.
    window: its size along each axis of space, in pixels.
    pad: (low, high) of each axis of space, in pixels.
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


# Convolution as a family closed under differentiation.

Padding = tuple[tuple[int, int], ...]

conv_p = Primitive('closed_conv')
corr_p = Primitive('closed_corr')


def convolve(x: Float[Array, 'n *space c'], kernel: Float[Array, '*window c d'], *,
             strides: Sequence[int] | None = None, padding: str = 'SAME',
             form: str = 'auto') -> Float[Array, 'n *out d']:
  """`lax.conv_general_dilated` with channels last, in two or three dimensions.

  Args:
    x: pictures or clips.
    kernel: in the layout of `lax.conv`.
    strides: one for each axis of space; 1 where not given.
    padding: 'SAME' or 'VALID', as `lax.conv` understands them.
    form: how it is computed: 'auto', one of `FORMS`, or `INLINE`.

  Raises:
    ValueError: an unknown padding or form.
  """
  window = kernel.shape[:-2]
  strides = tuple(strides or (1,) * len(window))
  if form not in ('auto', INLINE, *FORMS):
    raise ValueError(f'form is {form!r}; it must be auto or one of '
                     f'{", ".join(FORMS)}')
  pad = tuple(jax.lax.padtype_to_pads(x.shape[1:-1], window, strides, padding))
  if any(stride > 1 for stride in strides):
    x, kernel, pad = _unstrided(x, kernel, strides, pad)
  if form == INLINE:
    return _conv_folded(x[None], kernel[None], pad)[0]
  return conv_p.bind(x[None], kernel[None], pad=pad, form=form)[0]


def _unstrided(x, kernel, strides, pad):
  """The same convolution with stride 1, over blocks of pixels as channels.

  A stride would need dilated convolutions as its derivatives. Of a block that is wider
  than the window only the pixels that it sees are kept.
  """
  x = _padded(x, pad)
  window, (c, d) = kernel.shape[:-2], kernel.shape[-2:]
  out = [(size - w) // s + 1 for size, w, s in zip(x.shape[1:-1], window, strides)]
  blocks = [min(w, s) for w, s in zip(window, strides)]
  reach = [-(-w // s) for w, s in zip(window, strides)]
  # Positive padding fills the last block, negative drops what no output sees.
  x = _padded(x, [(0, (o + r - 1) * s - size) for o, r, s, size in
                  zip(out, reach, strides, x.shape[1:-1])])
  x = _to_channels(x, strides, keep=blocks)
  kernel = jnp.pad(kernel, [(0, r * b - w) for r, b, w in
                            zip(reach, blocks, window)] + [(0, 0)] * 2)
  split = [size for pair in zip(reach, blocks) for size in pair]
  axes = [*range(0, 2 * len(reach), 2), *range(1, 2 * len(reach), 2)]
  kernel = kernel.reshape(*split, c, d).transpose(
      *axes, 2 * len(reach), 2 * len(reach) + 1)
  kernel = kernel.reshape(*reach, math.prod(blocks) * c, d)
  return x, kernel, ((0, 0),) * len(reach)


def _to_channels(x, strides, *, keep):
  """Pixels of each block side by side as channels; of a block the first `keep`."""
  n, *space, c = x.shape
  split = [size for s, stride in zip(space, strides) for size in (s // stride, stride)]
  x = x.reshape(n, *split, c)
  x = x[(slice(None), *itertools.chain.from_iterable(
      (slice(None), slice(0, k)) for k in keep))]
  rank = len(space)
  x = x.transpose(0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
  return x.reshape(n, *x.shape[1:rank + 1], math.prod(keep) * c)


def _padded(x, pad):
  """Zeros around (n, *space, c); negative padding cuts off."""
  if not any(itertools.chain.from_iterable(pad)):
    return x
  return jax.lax.pad(x, jnp.zeros((), x.dtype), [
      (0, 0, 0), *((low, high, 0) for low, high in pad), (0, 0, 0)])


def _flipped(kernel):
  """The kernel of the derivative by the pictures; (b, *window, c, d) -> (..., d, c)."""
  return jnp.flip(kernel, range(1, kernel.ndim - 2)).swapaxes(-1, -2)


def _back(pad: Padding, window: Sequence[int]) -> Padding:
  return tuple((w - 1 - low, w - 1 - high) for w, (low, high) in zip(window, pad))


def _by_pictures(g, kernel, pad, form):
  return conv_p.bind(g, _flipped(kernel), pad=_back(pad, kernel.shape[1:-2]), form=form)


# The rules. In each, the operand that is not known yet comes without a value.


def _conv_aval(x, kernel, *, pad, form):
  del form
  space = remaining(x.shape[2:-1], kernel.shape[1:-2], pad)
  return x.update(shape=(*x.shape[:2], *space, kernel.shape[-1]))


def _corr_aval(x, g, *, pad, form):
  del form
  window = remaining(x.shape[2:-1], g.shape[2:-1], pad)
  return x.update(shape=(x.shape[0], *window, x.shape[-1], g.shape[-1]))


def _conv_by_x(g, x, kernel, *, pad, form):
  del x
  return _by_pictures(g, kernel, pad, form)


def _conv_by_kernel(g, x, kernel, *, pad, form):
  del kernel
  return corr_p.bind(x, g, pad=pad, form=form)


def _corr_by_x(kernel, x, g, *, pad, form):
  del x
  return _by_pictures(g, kernel, pad, form)


def _corr_by_g(kernel, x, g, *, pad, form):
  del g
  return conv_p.bind(x, kernel, pad=pad, form=form)


def _into(x, axis):
  """(B, b, ...) with B merged into the axis at `axis` of what follows it."""
  x = jnp.moveaxis(x, 0, axis)
  return x.reshape(*x.shape[:axis], -1, *x.shape[axis + 2:])


def _out_of(x, axis, size):
  """The reverse of `_into`."""
  x = x.reshape(*x.shape[:axis], size, -1, *x.shape[axis + 1:])
  return jnp.moveaxis(x, axis, 0)


def _batch(prim, x_alone, operands, axes, **params):
  """A batch of both is more tasks; of the second operand alone, more features.

  `x_alone` tells the axis into which a batch of the first operand alone goes, and that
  of the result from which it comes back.
  """
  size = next(x.shape[a] for x, a in zip(operands, axes) if a is not None)
  rank = operands[0].ndim - (axes[0] is not None)
  into, out = ((0, 0) if None not in axes else
               (axis % rank for axis in x_alone) if axes[1] is None else
               (rank - 1, rank - 1))
  operands = [x if a is None else _into(jnp.moveaxis(x, a, 0), into)
              for x, a in zip(operands, axes)]
  return _out_of(prim.bind(*operands, **params), out, size), 0


def _register(prim, aval, by_first, by_second, form_of, *, x_alone):
  prim.def_abstract_eval(aval)
  ad.defbilinear(prim, by_first, by_second)
  batching.primitive_batchers[prim] = functools.partial(_batch, prim, x_alone)
  # What a platform is best at is known when a program is made for it.
  for platform in PLATFORMS:
    mlir.register_lowering(
        prim, mlir.lower_fun(functools.partial(form_of, platform=platform),
                             multiple_results=False),
        platform=None if platform == 'other' else platform)
  alone = jax.jit(prim.bind, static_argnames=('pad', 'form'))
  prim.def_impl(lambda *operands, **params: alone(*operands, **params))


# Pictures alone are more pictures to convolve, and more channels to correlate.
_register(conv_p, _conv_aval, _conv_by_x, _conv_by_kernel, conv,
          x_alone=(1, 1))
_register(corr_p, _corr_aval, _corr_by_x, _corr_by_g, corr, x_alone=(-1, -2))
