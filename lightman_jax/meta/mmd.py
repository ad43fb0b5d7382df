"""Maximum mean discrepancy between two samples (Gretton et al. 2012, JMLR 13)."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num
import numpy as np

# The least mean of squared distances that a bandwidth is taken from. All embeddings may
# be equal, as behind a ReLU whose units are all zero; second derivatives divide by
# powers of this, which 1e-6 keeps within float32.
LEAST = 1e-6


def squared_distances(x: Float[Array, 'n d'], y: Float[Array, 'm d']
                      ) -> Float[Array, 'n m']:
  """By the dot product: no (n, m, d) array, at the price of rounding near zero.

  Args:
    x: one sample, (n, d); whole numbers are taken as float.
    y: the other, (m, d).

  Returns:
    |x_i - y_j|^2, never below 0.
  """
  square = lambda a: jnp.sum(jnp.square(a), -1)
  gap = square(x)[:, None] + square(y)[None] - 2 * x @ y.T
  return jnp.maximum(gap, 0)


def mean_bandwidth(gaps: Float[Array, 'n m']) -> Float[Array, '']:
  """sqrt(mean / 2) of squared distances: then k = exp(-1) at their mean.

  The usual choice in deep adaptation networks (Long et al. 2015, their code). It is
  part of the function and differentiated with it, so the discrepancy does not change
  when both samples are scaled alike.

  Args:
    gaps: squared distances.
  """
  return jnp.sqrt(jnp.maximum(jnp.mean(gaps), LEAST) / 2)


def median_bandwidth(gaps: Float[Array, 'n m']) -> Float[Array, '']:
  """sqrt(median / 2) of squared distances, a constant to every derivative.

  The median heuristic (Gretton et al. 2012, section 8); few far clips do not move it.

  Args:
    gaps: squared distances.
  """
  return jax.lax.stop_gradient(jnp.sqrt(jnp.maximum(jnp.median(gaps), LEAST) / 2))


def mmd2(x: Num[Array | np.ndarray, '...'], y: Num[Array | np.ndarray, '...'], *,
         statistic: str = 'v', bandwidth: float = 0., bandwidth_rule: str = 'mean',
         scales: Sequence[float] = (.25, .5, 1., 2., 4.),
         classes: tuple[Bool[Array, 'n K'], Bool[Array, 'm K']] | None = None
         ) -> Float[Array, '']:
  """Squared MMD with the sum of Gaussian kernels exp(-|x - y|^2 / (2 (scale s)^2)).

  Args:
    x: one sample.
    y: the other.
    statistic: 'v' (biased, never negative; eq. 5) or 'u' (unbiased, the diagonals
      left out; eq. 3; n and m must be 2 or more).
    bandwidth: s; 0 leaves it to the rule.
    bandwidth_rule: 'mean' or 'median' of the distances from x to y.
    scales: multiples of s whose kernels are summed.
    classes: which clips of x and of y are of which class: then the mean over the
      classes that both have enough clips of, and 0 where there is none.

  Returns:
    A scalar, without a unit.

  Raises:
    ValueError: an unknown statistic, too few clips for it, or other shapes.

  Example:
    >>> lm.mmd2(micro, macro, statistic='u', bandwidth=1.)        # doctest: +SKIP
    Array(0.31, dtype=float32)
  """
  x, y = (jnp.asarray(one) for one in (x, y))
  x, y = (one if jnp.issubdtype(one.dtype, jnp.floating) else one.astype(float)
          for one in (x, y))
  if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not min(len(x), len(y)):
    raise ValueError('mmd2 compares samples (n, d) and (m, d) of one clip or more, and '
                     f'these are {x.shape} and {y.shape}')
  if statistic not in ('v', 'u'):
    raise ValueError(f"statistic is 'v' or 'u', not {statistic!r}")
  if statistic == 'u' and min(len(x), len(y)) < 2:
    raise ValueError('the U statistic needs two clips or more of each kind')
  # All pairs at once, and all kernels: a third of the operations to compile, which is
  # felt under two derivatives.
  n, z = len(x), jnp.concatenate([x, y])
  gaps = squared_distances(z, z) * (1 - jnp.eye(len(z), dtype=z.dtype))
  rule = {'mean': mean_bandwidth, 'median': median_bandwidth}[bandwidth_rule]
  s = bandwidth if bandwidth else rule(gaps[:n, n:])
  widths = jnp.array(scales, z.dtype) * s
  k = jnp.exp(gaps[..., None] / (-2 * jnp.square(widths))).sum(-1)
  if classes is not None:
    return _by_class(k, *classes, statistic, len(scales))

  def within(k):
    if statistic == 'v':
      return k.mean()
    return (k.sum() - len(k) * len(scales)) / (len(k) * (len(k) - 1))

  return within(k[:n, :n]) + within(k[n:, n:]) - 2 * k[:n, n:].mean()


def _by_class(k: Float[Array, 'clips clips'], of_x: Bool[Array, 'n K'],
              of_y: Bool[Array, 'm K'], statistic: str, kernels: int):
  """The mean over classes of their own discrepancies, out of all kernel values."""
  n, of_x, of_y = len(of_x), of_x.astype(k.dtype), of_y.astype(k.dtype)
  least = 1 if statistic == 'v' else 2
  enough = (of_x.sum(0) >= least) & (of_y.sum(0) >= least)

  def within(k, member):
    size = jnp.maximum(member.sum(0), least)
    total = jnp.einsum('ik,ij,jk->k', member, k, member)
    if statistic == 'v':
      return total / jnp.square(size)
    return (total - size * kernels) / (size * (size - 1))

  between = jnp.einsum('ik,ij,jk->k', of_x, k[:n, n:], of_y) / jnp.maximum(
      of_x.sum(0) * of_y.sum(0), 1)
  each = within(k[:n, :n], of_x) + within(k[n:, n:], of_y) - 2 * between
  return jnp.where(enough, each, 0).sum() / jnp.maximum(enough.sum(), 1)
