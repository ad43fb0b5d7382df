"""Layers that stay fast where every task has its own weights, and twice derived."""

from collections.abc import Sequence
import functools
import itertools

from flax import linen as nn
import jax
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
  return functools.reduce(jnp.maximum, _corners(x, side))


@max_pool.defjvp
def _max_pool_jvp(side, primals, tangents):
  (x,), (dx,) = primals, tangents
  # Not where a value equals the greatest: a compiler may compute it twice, and round it
  # in two ways. Comparing tells one place of each square, whatever the last bit is.
  # By truth values alone: of numbers to choose from, a loop keeps a whole array each.
  first, *others = _corners(x, side)
  so_far = itertools.accumulate(others[:-1], jnp.maximum, initial=first)
  places = jnp.arange(side**2).reshape(side, 1, side, 1)
  mask = places == 0
  for number, (value, best) in enumerate(zip(others, so_far), 1):
    beats = (value > best)[:, :, None, :, None]
    mask = beats & (places == number) | ~beats & mask
  return max_pool(x, side), jnp.where(mask, _squares(dx, side), 0).sum((2, 4))


def _corners(x, side):
  squares = _squares(x, side)
  return [squares[:, :, i, :, j] for i in range(side) for j in range(side)]


def _squares(x, side):
  n, h, w, c = x.shape
  return x[:, :h // side * side, :w // side * side].reshape(
      n, h // side, side, w // side, side, c)


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
    slope, shift = self._line(x.reshape(n, -1, c), scale, bias)
    across = lambda v: v.reshape(n, *(1 for _ in x.shape[1:-1]), c)
    if self.pool:
      # A falling line turns greatest and least about.
      sign = across(jnp.where(slope < 0, -1., 1.).astype(x.dtype))
      x = sign * max_pool(sign * x)
    x = (x * across(slope) + across(shift)).astype(x.dtype)
    return nn.relu(x) if self.relu else x

  def _line(self, x: Float[Array, 'n p c'], scale, bias):
    """Slope and shift (n, c) that normalise and rescale each channel.

    Over space first and over channels after it: a sum that keeps the last axis is five
    times faster on a CPU than one that does not.
    """
    x = x.astype(long(x.dtype))
    # By a product, which XLA leaves alone: a mean it fuses with the pass over the map,
    # and computes anew for every pixel. That is a quarter of a second-order step.
    size = x.shape[-1] // self.groups
    same = jnp.kron(jnp.eye(self.groups, dtype=x.dtype),
                    jnp.full((size, size), 1 / size, x.dtype))
    of_group = lambda v: jnp.matmul(v, same, precision='highest')
    mean = x.mean(1)
    # Squares of what is left beside a constant near the mean: nothing cancels.
    at = jax.lax.stop_gradient(mean)
    beside = mean - at
    variance = jnp.square(x - at[:, None]).mean(1) - jnp.square(beside)
    centre = of_group(mean)
    variance = of_group(variance + jnp.square(mean - centre))
    slope = jax.lax.rsqrt(variance + 1e-5) * scale
    return slope, bias - centre * slope
