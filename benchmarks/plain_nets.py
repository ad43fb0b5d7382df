"""The package's networks as one would write them in JAX without a thought of speed.

`lax.conv`, normalisation from its formula, `reduce_window`; the same parameters and
the same values as the package's. It is what its own layers are measured against.
"""

import jax
from jax import lax
import jax.numpy as jnp

GROUPS = 4


def _norm(params, x):
  groups = x.reshape(len(x), -1, GROUPS, x.shape[-1] // GROUPS)
  mean = groups.mean((1, 3), keepdims=True)
  variance = groups.var((1, 3), keepdims=True)
  groups = (groups - mean) / jnp.sqrt(variance + 1e-5)
  return groups.reshape(x.shape) * params['scale'] + params['bias']


def _conv(kernel, x):
  letters = 'DHW'[-(x.ndim - 2):]
  return lax.conv_general_dilated(
      x, kernel, (1,) * len(letters), 'SAME',
      dimension_numbers=(f'N{letters}C', f'{letters}IO', f'N{letters}C'))


def _block(params, number, x):
  return _norm(params[f'GroupNorm_{number}'],
               _conv(params[f'Conv_{number}']['kernel'], x))


def _pool(x, grid):
  if min(x.shape[1:3]) < 2 * grid:
    return x
  return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), 'VALID')


def conv4(params, x, *, grid):
  for n in range(4):
    x = _pool(jax.nn.relu(_block(params, n, x)), grid)
  return x


def resnet12(params, x, *, grid):
  for n in range(0, 16, 4):
    y = jax.nn.relu(_block(params, n + 1, x))
    y = jax.nn.relu(_block(params, n + 2, y))
    x = _pool(jax.nn.relu(_block(params, n + 3, y) + _block(params, n, x)), grid)
  return x


def logits(params, x, *, encoder: str, depth: int, grid: int = 4):
  """(n, t, h, w, c) -> (n, K)."""
  n, t = x.shape[:2]
  frames = {'conv4': conv4, 'resnet12': resnet12}[encoder]
  maps = frames(params['encoder']['frame'], x.reshape(n * t, *x.shape[2:]), grid=grid)
  maps = maps.reshape(n, t, *maps.shape[1:])
  for number in range(depth):
    maps = jax.nn.relu(_block(params['encoder']['temporal'], number, maps))
  z = maps.mean(1).reshape(n, -1)
  return z @ params['head']['kernel'] + params['head']['bias']
