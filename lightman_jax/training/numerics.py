"""What jax is told that decides results: set within a run, for no one else.

A user's environment or notebook may have asked jax for another generator, for float64
or for faster products. A run of one configuration gives one result, so within it these
are set here, by contexts of this thread; outside of it nothing is changed. What jax
could be told beside them is recorded by `runs.environment`.
"""

from collections.abc import Callable, Iterator
import contextlib
import functools
from typing import Any

import jax

GENERATOR = 'threefry2x32'

# Each is the public context of a setting; with strict values of the last six the
# operations of this program would end in tracebacks.
_CONTEXTS: dict[str, Callable[[Any], contextlib.AbstractContextManager]] = {
    'jax_default_prng_impl': jax.default_prng_impl,
    'jax_threefry_partitionable': jax.threefry_partitionable,
    'jax_enable_x64': jax.enable_x64,
    'jax_default_matmul_precision': jax.default_matmul_precision,
    'jax_disable_jit': jax.disable_jit,
    'jax_debug_nans': jax.debug_nans,
    'jax_debug_infs': jax.debug_infs,
    'jax_debug_key_reuse': jax.debug_key_reuse,
    'jax_numpy_rank_promotion': jax.numpy_rank_promotion,
    'jax_numpy_dtype_promotion': jax.numpy_dtype_promotion,
    'jax_transfer_guard': jax.transfer_guard,
}
PINNED = tuple(_CONTEXTS)


@contextlib.contextmanager
def pinned(matmul_precision: str = 'highest') -> Iterator[None]:
  """Within, in this thread, jax computes as this program expects it to.

  Args:
    matmul_precision: `model.matmul_precision`, of products and convolutions of float32:
      'highest' is float32; 'high' and 'default' are what an accelerator has that is
      faster (TF32 on Ampere and later, bfloat16 on TPU). A CPU knows float32 alone.
  """
  values = {
      'jax_default_prng_impl': GENERATOR, 'jax_threefry_partitionable': True,
      'jax_enable_x64': False, 'jax_disable_jit': False,
      'jax_default_matmul_precision': matmul_precision,
      'jax_debug_nans': False, 'jax_debug_infs': False, 'jax_debug_key_reuse': False,
      'jax_numpy_rank_promotion': 'allow', 'jax_numpy_dtype_promotion': 'standard',
      'jax_transfer_guard': 'allow'}
  with _all(values):
    yield


def as_here(function: Callable) -> Callable:
  """`function` for another thread, where jax computes as it does in this one now.

  The contexts of `pinned` are of one thread.
  """
  values = current()

  @functools.wraps(function)
  def call(*arguments):
    with _all(values):
      return function(*arguments)
  return call


def current() -> dict[str, Any]:
  """The settings of `PINNED` that hold here."""
  return {name: getattr(jax.config, name) for name in PINNED}


@contextlib.contextmanager
def _all(values: dict[str, Any]) -> Iterator[None]:
  with contextlib.ExitStack() as stack:
    for name, value in values.items():
      stack.enter_context(_CONTEXTS[name](value))
    yield
