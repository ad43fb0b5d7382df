"""How much arithmetic a function is, and how much it moves, counted from its jaxpr.

XLA's own cost analysis counts the body of a loop once, and what it counts depends on
how a backend writes a convolution. Here a loop counts as often as it goes round, and a
convolution as the multiplications and additions of its definition: a product and its
addition are two operations, any other function of a floating point number is one, a
reduction of n numbers n - 1. Moving numbers, and integers, are free, and so is what
nothing that comes out depends on.

What is moved are the numbers that products, convolutions and reductions read and write,
and that are gathered: all else a compiler can do on the way.
"""

from collections.abc import Callable, Iterator
import math
from typing import Any

import jax
from jax.extend import core
import jax.numpy as jnp

# They only move, choose or rename numbers.
FREE = frozenset((
    'broadcast_in_dim', 'concatenate', 'convert_element_type', 'copy', 'copy_p',
    'device_put', 'dynamic_slice', 'dynamic_update_slice', 'expand_dims', 'gather',
    'iota', 'optimization_barrier', 'pad', 'pvary', 'reduce_precision', 'reshape',
    'rev', 'scatter', 'select_n', 'slice', 'sort', 'split', 'squeeze', 'stop_gradient',
    'top_k', 'transpose', 'bitcast_convert_type', 'random_wrap', 'random_unwrap'))

REDUCTIONS = frozenset((
    'reduce_sum', 'reduce_max', 'reduce_min', 'reduce_prod', 'argmax', 'argmin'))

PRODUCTS = frozenset((
    'dot_general', 'conv_general_dilated', 'closed_conv', 'closed_corr',
    'reduce_window_max', 'reduce_window_sum'))


def count_operations(function: Callable, *args: Any) -> int:
  """Floating point operations of `function(*args)`; nothing is computed.

  A function of `jax.pmap` counts as one of its devices does.

  Args:
    function: to be traced.
    args: its arrays, or their shapes.

  Raises:
    ValueError: a loop with floating point numbers that goes round nobody knows how
      often.
  """
  return _of(jax.make_jaxpr(function)(*args).jaxpr, _operations)


def count_traffic(function: Callable, *args: Any) -> int:
  """Bytes that `function(*args)` reads and writes at least; as `operations`.

  Nothing is said of caches: what stays in one is counted as often as it is read.

  Args:
    function: to be traced.
    args: its arrays, or their shapes.
  """
  return _of(jax.make_jaxpr(function)(*args).jaxpr, _traffic)


def _of(jaxpr, count: Callable) -> int:
  total, needed = 0, {var for var in jaxpr.outvars if isinstance(var, core.Var)}
  for equation in reversed(jaxpr.eqns):
    if needed.intersection(equation.outvars):
      needed.update(var for var in equation.invars if isinstance(var, core.Var))
      total += _of_equation(equation, count)
  return total


def _of_equation(equation, count: Callable) -> int:
  name = equation.primitive.name
  inner = [_of(jaxpr, count) for jaxpr in _inside(equation.params)]
  if name == 'scan':
    return equation.params['length'] * sum(inner)
  if name == 'cond':
    return max(inner)
  if name == 'while':
    if sum(inner):
      raise ValueError('a while loop cannot be counted; use scan, or fori_loop with '
                       'bounds that are known')
    return 0
  if inner:
    return sum(inner)
  ins, outs = ([var.aval for var in vars] for vars in (equation.invars,
                                                       equation.outvars))
  return count(name, ins, outs, equation.params)


def _operations(name: str, ins, outs, params) -> int:
  floats = [x for x in (ins if name in REDUCTIONS else outs) if _is_float(x)]
  if name in FREE or not floats:
    return 0
  if name in REDUCTIONS:
    return sum(x.size for x in floats) - outs[0].size
  if name.startswith('scatter'):
    return ins[2].size
  return outs[0].size * _each(name, ins, outs[0], params)


def _traffic(name: str, ins, outs, params) -> int:
  del params
  size = lambda values: sum(x.size * x.dtype.itemsize for x in values if _is_float(x))
  if name in PRODUCTS or name in REDUCTIONS:
    return size(ins) + size(outs)
  if name in ('gather', 'dynamic_slice'):
    return 2 * size(outs)
  if name.startswith('scatter') or name == 'dynamic_update_slice':
    return 2 * size(ins[1:])
  return 0


def _each(name: str, ins, out, params) -> int:
  """What one number of the result takes."""
  match name:
    case 'dot_general':
      (contracted, _), _ = params['dimension_numbers']
      return 2 * math.prod(ins[0].shape[axis] for axis in contracted)
    case 'conv_general_dilated':
      features = params['dimension_numbers'].rhs_spec[0]
      return 2 * ins[1].size // ins[1].shape[features]
    case 'closed_conv':     # kernel (tasks, *window, c, d)
      return 2 * math.prod(ins[1].shape[1:-1])
    case 'closed_corr':     # pictures (tasks, n, *space, d)
      return 2 * math.prod(ins[1].shape[1:-1])
    case _ if name.startswith('reduce_window'):
      return math.prod(params['window_dimensions'])
    case _:
      return 1


def _inside(params: dict[str, Any]) -> Iterator[Any]:
  """The jaxprs that an equation calls."""
  for value in params.values():
    for part in value if isinstance(value, tuple | list) else (value,):
      if isinstance(part, core.ClosedJaxpr):
        yield part.jaxpr
      elif isinstance(part, core.Jaxpr):
        yield part


def _is_float(aval) -> bool:
  return hasattr(aval, 'dtype') and jnp.issubdtype(aval.dtype, jnp.floating)
