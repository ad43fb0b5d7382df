"""Maximum mean discrepancy between two samples (Gretton et al. 2012, JMLR 13)."""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float


def squared_distances(x: Float[Array, 'n d'], y: Float[Array, 'm d']
                      ) -> Float[Array, 'n m']:
  """By the dot product: no (n, m, d) array, at the price of rounding near zero."""
  square = lambda a: jnp.sum(jnp.square(a), -1)
  gap = square(x)[:, None] + square(y)[None] - 2 * x @ y.T
  return jnp.maximum(gap, 0)


def mean_bandwidth(gaps: Float[Array, 'n m']) -> Float[Array, '']:
  """sqrt(mean / 2) of squared distances: then k = exp(-1) at their mean.

  The usual choice in deep adaptation networks (Long et al. 2015, their code). It is
  part of the function and differentiated with it, so the discrepancy does not change
  when both samples are scaled alike.
  """
  return jnp.sqrt(jnp.maximum(jnp.mean(gaps), 1e-12) / 2)


def mmd2(x: Float[Array, 'n d'], y: Float[Array, 'm d'], *,
         statistic: str = 'v', bandwidth: float = 0.,
         scales: Sequence[float] = (.25, .5, 1., 2., 4.)) -> Float[Array, '']:
  """Squared MMD with the sum of Gaussian kernels exp(-|x - y|^2 / 2 (scale s)^2).

  Args:
    x: one sample.
    y: the other.
    statistic: 'v' (biased, never negative; eq. 5) or 'u' (unbiased, the diagonals
      left out; eq. 3; n and m must be 2 or more).
    bandwidth: s; 0 takes `mean_bandwidth` of the distances from x to y.
    scales: multiples of s whose kernels are summed.

  Raises:
    ValueError: an unknown statistic, or too few clips for it.
  """
  if statistic not in ('v', 'u'):
    raise ValueError(f"statistic is 'v' or 'u', not {statistic!r}")
  if statistic == 'u' and min(len(x), len(y)) < 2:
    raise ValueError('the U statistic needs two clips or more of each kind')
  # All pairs at once, and all kernels: a third of the operations to compile, which is
  # felt under two derivatives.
  n, z = len(x), jnp.concatenate([x, y])
  gaps = squared_distances(z, z) * (1 - jnp.eye(len(z), dtype=z.dtype))
  s = bandwidth if bandwidth else mean_bandwidth(gaps[:n, n:])
  widths = jnp.array(scales, z.dtype) * s
  k = jnp.exp(gaps[..., None] / (-2 * jnp.square(widths))).sum(-1)

  def within(k):
    if statistic == 'v':
      return k.mean()
    return (k.sum() - len(k) * len(scales)) / (len(k) * (len(k) - 1))

  return within(k[:n, :n]) + within(k[n:, n:]) - 2 * k[:n, n:].mean()
