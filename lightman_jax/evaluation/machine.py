"""What the machine can do at best: the rates that a program is measured against."""

from collections.abc import Callable
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp

LONGEST = .3     # seconds of each measurement, after a first call that does not count


class Rates(NamedTuple):
  """Of one device; those of a CPU use all its cores."""
  matmul: float     # floating point operations a second
  copy: float       # bytes read and written a second


def measure(device: jax.Device, *, dtype=jnp.float32) -> Rates:
  """The best of repeated calls, in about a second.

  A matmul of two square matrices (1 024 on a CPU, 8 192 elsewhere), and a sum of 1 to
  each of 2^24 (2^28) numbers: too many for a cache.
  """
  cpu = device.platform == 'cpu'
  side, size = (1024, 1 << 24) if cpu else (8192, 1 << 28)
  with jax.default_device(device):
    square, line = jnp.ones((side, side), dtype), jnp.ones(size, jnp.float32)
    matmul = _fastest(jax.jit(lambda x: x @ x), square)
    copy = _fastest(jax.jit(lambda x: x + 1), line)
  return Rates(2 * side**3 / matmul, 2 * line.nbytes / copy)


def _fastest(call: Callable, x: jax.Array) -> float:
  jax.block_until_ready(call(x))
  times, end = [], time.perf_counter() + LONGEST
  while len(times) < 3 or time.perf_counter() < end:
    began = time.perf_counter()
    jax.block_until_ready(call(x))
    times.append(time.perf_counter() - began)
  return min(times)
