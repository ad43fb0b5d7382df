"""Layers that stay fast where every task has its own weights, and twice derived."""

from collections.abc import Sequence
import functools
import itertools

from flax import linen as nn
import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models import convolution
from lightman_jax.models.convolution import einsum as einsum, long as long


class Conv(nn.Module):
  """Convolution in two or three dimensions, as `convolution.convolve` computes it.

  `kernel` has the layout of `lax.conv` (*window, c, features), so weights can be
  moved between the two. Weights are rounded to the numbers of x where those are short.
  """
  features: int
  window: Sequence[int] = (3, 3)
  strides: Sequence[int] | None = None
  padding: str = 'SAME'
  use_bias: bool = True
  form: str = 'auto'

  @nn.compact
  def __call__(self, x: Float[Array, 'n *space c']) -> Float[Array, 'n *out d']:
    kernel = self.param('kernel', nn.initializers.he_uniform(),
                        (*self.window, x.shape[-1], self.features))
    x = convolution.convolve(x, kernel.astype(x.dtype), strides=self.strides,
                             padding=self.padding, form=self.form)
    if not self.use_bias:
      return x
    return add_bias(x, self.param('bias', nn.initializers.zeros, (self.features,)))


class Dense(nn.Module):
  """`nn.Dense`, computed in the numbers of x; sums are of float32 at least.

  Parameters have the names, shapes and draws of flax's layer.
  """
  features: int
  use_bias: bool = True
  # Uniform, not normal: the draws of a normal take seconds to compile.
  kernel_init: nn.initializers.Initializer = nn.initializers.lecun_uniform()

  @nn.compact
  def __call__(self, x: Float[Array, 'n *place c']) -> Float[Array, 'n *place d']:
    kernel = self.param('kernel', self.kernel_init, (x.shape[-1], self.features))
    contracted = ((x.ndim - 1,), (0,)), ((), ())
    x = jax.lax.dot_general(
        x, kernel.astype(x.dtype), contracted,
        preferred_element_type=long(x.dtype)).astype(x.dtype)
    if not self.use_bias:
      return x
    return add_bias(x, self.param('bias', nn.initializers.zeros, (self.features,)))


def add_bias(x: Float[Array, '*place d'], bias: Float[Array, 'd']
             ) -> Float[Array, '*place d']:
  """x + bias, in the numbers of x.

  The gradient of a bias is a sum over all clips and places, which the derivative of a
  sum takes in the numbers that were added: those of 8 significant bits stand still
  after a few hundred terms. So short numbers are added as float32.

  Args:
    x: sums.
    bias: a number a channel.
  """
  return (x.astype(long(x.dtype)) + bias.reshape(*(1,) * (x.ndim - 1), -1)
          ).astype(x.dtype)


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def max_pool(x: Float[Array, 'n h w c'], side: int = 2) -> Float[Array, 'n _h _w c']:
  """The greatest of each square; rows and columns that fill none are left out.

  Its derivative, of every order, is a mask: those of `reduce_window` and of slices are
  slow on a CPU. Of equal values the first has the derivative.

  Args:
    x: maps.
    side: of a square, in pixels.
  """
  return functools.reduce(jnp.maximum, _values(_squares(x, side)))


@max_pool.defjvp
def _max_pool_jvp(side, primals, tangents):
  (x,), (dx,) = primals, tangents
  mask = _first_greatest(_squares(x, side))
  return max_pool(x, side), jnp.where(mask, _squares(dx, side), 0).sum((2, 4))


def _squares(x, side):
  n, h, w, c = x.shape
  return x[:, :h // side * side, :w // side * side].reshape(
      n, h // side, side, w // side, side, c)


def _values(squares):
  """The values of each square, one array for each place in it."""
  side = squares.shape[2]
  return [squares[:, :, i, :, j] for i in range(side) for j in range(side)]


def _first_greatest(squares):
  """The place of each square's greatest value as truth values, one true in a square."""
  # Not where a value equals the greatest: a compiler may compute it twice, and round it
  # in two ways. Comparing tells one place of each square, whatever the last bit is.
  # By truth values alone: of numbers to choose from, a loop keeps a whole array each.
  side = squares.shape[2]
  first, *others = _values(squares)
  so_far = itertools.accumulate(others[:-1], jnp.maximum, initial=first)
  places = jnp.arange(side**2).reshape(side, 1, side, 1)
  mask = places == 0
  for number, (value, best) in enumerate(zip(others, so_far), 1):
    beats = (value > best)[:, :, None, :, None]
    mask = beats & (places == number) | ~beats & mask
  return mask


# Pooling and ReLU with rules of their own: functions that are linear in their last
# operand, each with its transpose as another, so that what a derivative of any order
# keeps is the map that they read, and no array of truth values or zeros beside it.


@jax.custom_jvp
def _relu(x):
  return jnp.maximum(x, 0)


@_relu.defjvp
def _relu_jvp(primals, tangents):
  y = _relu(*primals)
  return y, relu_tangent_p.bind(y, *tangents)


def _where_above_zero(y, linear):
  return jnp.where(y > 0, linear, 0)


@jax.custom_jvp
def _greatest(squares: Float[Array, 'n h s w s c']) -> Float[Array, 'n h w c']:
  """`max_pool` of a map in squares; of a reduction, which XLA leaves alone on a CPU."""
  return squares.max((2, 4))


@_greatest.defjvp
def _greatest_jvp(primals, tangents):
  (squares,), (d_squares,) = primals, tangents
  # A byte a square: where a map comes out of the stack that a loop keeps, to find the
  # greatest anew for its tangent takes XLA's code for a CPU ten times as long.
  first, *others = _values(jax.lax.stop_gradient(squares))
  best, place = first, jnp.zeros(first.shape, jnp.int8)
  for number, value in enumerate(others, 1):
    place = jnp.where(value > best, jnp.int8(number), place)
    best = jnp.maximum(best, value)
  return _greatest(squares), pool_tangent_p.bind(squares, place, d_squares)


def _at_greatest(squares, place, tangent):
  """Of each square the tangent at its greatest value."""
  del squares
  first, *others = _values(tangent)
  for number, value in enumerate(others, 1):
    first = jnp.where(place == number, value, first)
  return first


def _to_greatest(squares, place, cotangent):
  """Each square's cotangent at its greatest value, zeros elsewhere."""
  del place
  return jnp.where(_first_greatest(squares), cotangent[:, :, None, :, None], 0)


pool_tangent_p = Primitive('pool_tangent')
pool_cotangent_p = Primitive('pool_cotangent')
relu_tangent_p = Primitive('relu_tangent')


def _linear_jvp(prim, primals, tangents):
  *known, _ = primals
  *_, tangent = tangents
  out = prim.bind(*primals)
  return out, (jnp.zeros_like(out) if isinstance(tangent, ad.Zero) else
               prim.bind(*known, tangent))


def _linear_transpose(transpose, cotangent, *operands):
  *known, _ = operands
  return *(None for _ in known), transpose.bind(*known,
                                                ad.instantiate_zeros(cotangent))


def _linear_batch(prim, operands, axes):
  """More tasks are more maps."""
  size = next(x.shape[a] for x, a in zip(operands, axes) if a is not None)
  operands = [jnp.broadcast_to(x, (size, *x.shape)) if a is None else
              jnp.moveaxis(x, a, 0) for x, a in zip(operands, axes)]
  out = prim.bind(*(x.reshape(-1, *x.shape[2:]) for x in operands))
  return out.reshape(size, -1, *out.shape[1:]), 0


def _register(prim, transpose, compute):
  prim.def_abstract_eval(lambda *operands: operands[-1].update(
      shape=jax.eval_shape(compute, *operands).shape))
  ad.primitive_jvps[prim] = functools.partial(_linear_jvp, prim)
  ad.primitive_transposes[prim] = functools.partial(_linear_transpose, transpose)
  batching.primitive_batchers[prim] = functools.partial(_linear_batch, prim)
  mlir.register_lowering(prim, mlir.lower_fun(compute, multiple_results=False))
  prim.def_impl(compute)


_register(pool_tangent_p, pool_cotangent_p, _at_greatest)
_register(pool_cotangent_p, pool_tangent_p, _to_greatest)
_register(relu_tangent_p, relu_tangent_p, _where_above_zero)


@jax.custom_jvp
def _mean_square(x: Float[Array, 'n *space c']) -> Float[Array, 'n c']:
  """Over space. The 2 of its derivative is a factor of the mean, not one of each pixel.

  That one is an array of the map's size, which a loop keeps.
  """
  return (x * x).mean(tuple(range(1, x.ndim - 1)))


@_mean_square.defjvp
def _mean_square_jvp(primals, tangents):
  (x,), (dx,) = primals, tangents
  return _mean_square(x), 2 * (x * dx).mean(tuple(range(1, x.ndim - 1)))


class GroupNorm(nn.Module):
  """Group normalisation; where asked for, then ReLU, then 2 x 2 max pooling.

  It stands where a paper has batch normalisation: it keeps no running statistics, and a
  clip's features depend on that clip alone (Wu and He 2018, eq. 1-3). What it does to a
  channel is a straight line, so the greatest of a square can be taken before, and three
  quarters of the work after it fall away. Its sums are of float32 at least.
  """
  groups: int = 4
  relu: bool = False
  pool: bool = False

  @nn.compact
  def __call__(self, x: Float[Array, 'n *space c']) -> Float[Array, 'n *_space c']:
    n, c = x.shape[0], x.shape[-1]
    scale = self.param('scale', nn.initializers.ones, (c,))
    bias = self.param('bias', nn.initializers.zeros, (c,))
    across = lambda v, x: v.reshape(n, *(1 for _ in x.shape[1:-1]), c)
    even = self.pool and not any(size % 2 for size in x.shape[1:3])
    # All that reads the map reads it in one shape: for each XLA would write it anew.
    maps = (_squares(x, 2) if even else x).astype(long(x.dtype))
    mean = maps.mean(tuple(range(1, maps.ndim - 1)))
    # A falling line turns greatest and least about.
    sign = jnp.where(scale < 0, -1., 1.).astype(maps.dtype) if self.pool else 1.
    # Sums, pooling and the line are of what is left beside a constant near the mean,
    # so nothing cancels, and it is all that a derivative needs.
    at = jax.lax.stop_gradient(mean)
    rest = (maps - across(at, maps)) * sign
    slope, shift = self._line(mean, at, _mean_square(rest), scale, bias)
    if self.pool:
      rest = _greatest(rest if even else _squares(rest, 2))
    x = (rest * across(slope * sign, rest) + across(shift, rest)).astype(x.dtype)
    return _relu(x) if self.relu else x

  def _line(self, mean: Float[Array, 'n c'], at, square, scale, bias):
    """Slope and shift (n, c) of what is beside `at`: normalised, and rescaled.

    Over space first and over channels after it: a sum that keeps the last axis is five
    times faster on a CPU than one that does not.
    """
    # By a product, which XLA leaves alone: a mean it fuses with the pass over the map,
    # and computes anew for every pixel. That is a quarter of a second-order step.
    size = mean.shape[-1] // self.groups
    same = jnp.kron(jnp.eye(self.groups, dtype=mean.dtype),
                    jnp.full((size, size), 1 / size, mean.dtype))
    of_group = lambda v: jnp.matmul(v, same, precision='highest')
    variance = square - jnp.square(mean - at)
    centre = of_group(mean)
    variance = of_group(variance + jnp.square(mean - centre))
    slope = jax.lax.rsqrt(variance + 1e-5) * scale
    return slope, bias + (at - centre) * slope
