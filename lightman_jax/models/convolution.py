"""Convolution as a family closed under differentiation.

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

from collections.abc import Sequence
import functools
import itertools
import math

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import conv_forms

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
    form: how it is computed: 'auto', or one of `conv_forms.FORMS`.

  Raises:
    ValueError: an unknown padding or form.
  """
  window = kernel.shape[:-2]
  strides = tuple(strides or (1,) * len(window))
  if form not in ('auto', *conv_forms.FORMS):
    raise ValueError(f'form is {form!r}; it must be auto or one of '
                     f'{", ".join(conv_forms.FORMS)}')
  pad = tuple(jax.lax.padtype_to_pads(x.shape[1:-1], window, strides, padding))
  if any(stride > 1 for stride in strides):
    x, kernel, pad = _unstrided(x, kernel, strides, pad)
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
  space = conv_forms.remaining(x.shape[2:-1], kernel.shape[1:-2], pad)
  return x.update(shape=(*x.shape[:2], *space, kernel.shape[-1]))


def _corr_aval(x, g, *, pad, form):
  del form
  window = conv_forms.remaining(x.shape[2:-1], g.shape[2:-1], pad)
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
  for platform in conv_forms.PLATFORMS:
    mlir.register_lowering(
        prim, mlir.lower_fun(functools.partial(form_of, platform=platform),
                             multiple_results=False),
        platform=None if platform == 'other' else platform)
  alone = jax.jit(prim.bind, static_argnames=('pad', 'form'))
  prim.def_impl(lambda *operands, **params: alone(*operands, **params))


# Pictures alone are more pictures to convolve, and more channels to correlate.
_register(conv_p, _conv_aval, _conv_by_x, _conv_by_kernel, conv_forms.conv,
          x_alone=(1, 1))
_register(corr_p, _corr_aval, _corr_by_x, _corr_by_g, conv_forms.corr, x_alone=(-1, -2))
