"""What a method costs: parameters, arithmetic, seconds, memory.

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
import contextlib
import functools
import math
import resource
import sys
import time
from typing import Any, NamedTuple

import jax
from jax.experimental.compilation_cache import compilation_cache
from jax.extend import core
import jax.numpy as jnp
import numpy as np

from lightman_jax import keys
from lightman_jax.keys import Purpose
from lightman_jax.tasks.sampling import sample_support
from lightman_jax.training import compiled
from lightman_jax.training.state import FoldData, Recipe, init_state, run_folds, stack

# How much arithmetic a function is, and how much it moves, counted from its jaxpr.

# They only move, choose or rename numbers.
FREE = frozenset((
    'broadcast_in_dim', 'concatenate', 'convert_element_type', 'copy', 'copy_p',
    'device_put', 'dynamic_slice', 'dynamic_update_slice', 'expand_dims', 'gather',
    'iota', 'optimization_barrier', 'pad', 'pool_cotangent', 'pool_tangent', 'pvary',
    'reduce_precision', 'relu_tangent', 'reshape', 'rev', 'scatter', 'select_n',
    'slice', 'sort', 'split', 'squeeze', 'stop_gradient', 'top_k', 'transpose',
    'bitcast_convert_type', 'random_wrap', 'random_unwrap'))

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
  return count_operations_and_traffic(function, *args)[0]


def count_traffic(function: Callable, *args: Any) -> int:
  """Bytes that `function(*args)` reads and writes at least; as `operations`.

  Nothing is said of caches: what stays in one is counted as often as it is read.

  Args:
    function: to be traced.
    args: its arrays, or their shapes.
  """
  return count_operations_and_traffic(function, *args)[1]


def count_operations_and_traffic(function: Callable, *args: Any) -> tuple[int, int]:
  """Both counts of a function that is traced once.

  Args:
    function: to be traced.
    args: its arrays, or their shapes.

  Raises:
    ValueError: as `count_operations`.
  """
  jaxpr = jax.make_jaxpr(function)(*args).jaxpr
  return _of(jaxpr, _operations), _of(jaxpr, _traffic)


def _of(jaxpr, count: Callable) -> int:
  total, needed = 0, {var for var in jaxpr.outvars if isinstance(var, core.Var)}
  for equation in reversed(jaxpr.eqns):
    if needed.intersection(equation.outvars):
      needed.update(var for var in equation.invars if isinstance(var, core.Var))
      total += _of_equation(equation, count)
  return total


def _of_equation(equation, count: Callable) -> int:
  name = equation.primitive.name
  inner = [_of(jaxpr, count) for jaxpr in core.jaxprs_in_params(equation.params)]
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


def _is_float(aval) -> bool:
  return hasattr(aval, 'dtype') and jnp.issubdtype(aval.dtype, jnp.floating)


# What the machine can do at best: the rates that a program is measured against.

LONGEST_RATE = .3     # seconds of each rate, after a first call that does not count


class Rates(NamedTuple):
  """Of one device; those of a CPU use all its cores."""
  matmul: float     # floating point operations a second
  copy: float       # bytes read and written a second


def measure_rates(device: jax.Device, *, dtype=jnp.float32) -> Rates:
  """The best of repeated calls, in about a second.

  A matmul of two square matrices (1 024 on a CPU, 8 192 elsewhere), and a sum of 1 to
  each of 2^24 (2^28) numbers: too many for a cache.

  Args:
    device: where it is measured.
    dtype: of the matrices.
  """
  cpu = device.platform == 'cpu'
  side, size = (1024, 1 << 24) if cpu else (8192, 1 << 28)
  with jax.default_device(device):
    square, line = jnp.ones((side, side), dtype), jnp.ones(size, jnp.float32)
    matmul = _fastest(compiled.jit(lambda x: x @ x), square)
    copy = _fastest(compiled.jit(lambda x: x + 1), line)
  return Rates(2 * side**3 / matmul, 2 * line.nbytes / copy)


def _fastest(call: Callable, x: jax.Array) -> float:
  jax.block_until_ready(call(x))
  times, end = [], time.perf_counter() + LONGEST_RATE
  while len(times) < 3 or time.perf_counter() < end:
    began = time.perf_counter()
    jax.block_until_ready(call(x))
    times.append(time.perf_counter() - began)
  return min(times)


REPEATS, LONGEST = 30, 10.     # of a measurement: times at most, seconds at most

Measure = dict[str, Any]       # value and unit; low, high and repeats of what is timed


def measure(recipe: Recipe, data: FoldData, *, steps: int, folds: int
            ) -> dict[str, Measure]:
  """Measures on one device, with the clips of one fold and untrained weights.

  How long something takes does not depend on what was learned. Times are medians after
  a first call that does not count, from the first to the third quartile.

  Args:
    recipe: of a run.
    data: of one fold.
    steps: meta-steps of a fold.
    folds: of the run.

  Raises:
    ValueError: arithmetic that cannot be counted; see `count_operations`.
  """
  state, step, seconds, temporaries = _training(recipe, data)
  step_time = timed(step)
  measures = {
      'parameters': as_measure(sum(x.size for x in jax.tree.leaves(state.params)),
                               'numbers'),
      **_using(recipe, data, state.params),
      'step_arithmetic': as_measure(_step_operations(recipe, data, state),
                                    'floating point operations of a meta-step'),
      'step_time': {**step_time, 'unit': 'seconds of a meta-step'},
      'training_time': as_measure(step_time['value'] * steps * folds,
                                  'seconds, all steps of all folds on one device'),
      'compile_time': as_measure(seconds, 'seconds, of a meta-step, without a cache'),
      'step_temporaries': as_measure(temporaries, 'bytes, of a compiled meta-step'),
      'peak_memory': as_measure(peak_memory(), 'bytes, of the process')}
  device = (jax.devices()[0].memory_stats() or {}).get('peak_bytes_in_use')
  return measures if device is None else {
      **measures, 'device_peak_memory': as_measure(device, 'bytes, of the device')}


def timed(call: Callable[[], Any]) -> Measure:
  """Seconds of a call: `value` is the median, `low` and `high` are quartiles.

  Args:
    call: gives arrays, which are waited for.
  """
  jax.block_until_ready(call())
  times, end = [], time.perf_counter() + LONGEST
  while len(times) < REPEATS and (len(times) < 3 or time.perf_counter() < end):
    began = time.perf_counter()
    jax.block_until_ready(call())
    times.append(time.perf_counter() - began)
  low, middle, high = np.quantile(times, (.25, .5, .75)).tolist()
  return {'value': middle, 'low': low, 'high': high, 'repeats': len(times)}


def peak_memory() -> int:
  """The most bytes that this process has held so far."""
  most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return most if sys.platform == 'darwin' else 1024 * most


def _training(recipe: Recipe, data: FoldData):
  """A first state, one step of it to be called, and what its program took."""
  (views, clips), run = stack([data], 1), _one_step(recipe)
  views, clips = jax.device_put((views, clips))
  states = compiled.jit(lambda keys: jax.vmap(
      lambda key: init_state(key, recipe, clips.x.shape[1:]))(keys),
                         for_an_instant=True)(views.key)
  with _without_cache(), compiled.without_alarm():
    began = time.perf_counter()
    program = jax.jit(run).lower(states, views, clips).compile()
    seconds = time.perf_counter() - began
  memory = program.memory_analysis()
  return (jax.tree.map(lambda x: x[0], states),
          functools.partial(program, states, views, clips), seconds,
          None if memory is None else memory.temp_size_in_bytes)


def _one_step(recipe: Recipe) -> Callable:
  return functools.partial(run_folds, recipe=recipe, length=1, at_once=1)


def _step_operations(recipe: Recipe, data: FoldData, state) -> int:
  views, clips = stack([data], 1)
  states = jax.tree.map(lambda x: x[None], state)
  return count_operations(_one_step(recipe), states, views, clips)


def _using(recipe: Recipe, data: FoldData, params) -> dict[str, Measure]:
  """Adaptation to one support, then the prediction of one clip."""
  learner, clips = recipe.learner, jax.device_put(data.clips)
  support = compiled.jit(lambda key, clips: sample_support(
      key, clips, clips.view.train, recipe.support_sizes), for_an_instant=True)(
          keys.key_for(data.key, Purpose.EVAL_SUPPORT), clips)
  key = keys.key_for(data.key, Purpose.EVAL_ADAPT)
  adapt = lambda params, support, key: learner.adapt(params, support, key).fast
  adapted = compiled.jit(adapt)
  fast = adapted(params, support, key)
  x, predict = clips.x[:1] / clips.view.scale[0], compiled.jit(learner.predict)
  return {
      'prediction_arithmetic': as_measure(count_operations(learner.predict, fast, x),
                                          'floating point operations of a clip'),
      'prediction_latency': {**timed(lambda: predict(fast, x)),
                             'unit': 'seconds, of one clip by one adapted model'},
      'adaptation_arithmetic': as_measure(count_operations(adapt, params, support, key),
                                          'floating point operations of a support'),
      'adaptation_time': {
          **(timed(lambda: adapted(params, support, key)) if learner.needs_support
             else {'value': 0., 'low': 0., 'high': 0., 'repeats': 0}),
          'unit': 'seconds, of one support'}}


def as_measure(value: int | float | None, unit: str) -> Measure:
  """A measure that is one number; None where nobody knows it."""
  return {'value': value, 'unit': unit}


@contextlib.contextmanager
def _without_cache() -> Iterator[None]:
  """Programs are compiled, even those that an earlier process has kept."""
  before = jax.config.jax_enable_compilation_cache
  try:
    jax.config.update('jax_enable_compilation_cache', False)
    # Whether there is a cache is asked once, and remembered.
    compilation_cache.reset_cache()
    yield
  finally:
    jax.config.update('jax_enable_compilation_cache', before)
    compilation_cache.reset_cache()
