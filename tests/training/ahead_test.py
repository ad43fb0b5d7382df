"""A program is compiled once, before it runs, and is what a plain call would be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.training.compiled import ahead

BACKEND = '/jax/core/compile/backend_compile_duration'


def test_one_compilation_for_each_set_of_shapes():
  compiled, programs = [], []
  jax.monitoring.register_event_duration_secs_listener(
      lambda name, seconds, **_: compiled.append(name) if name == BACKEND else None)
  function = jax.jit(lambda x, tree: x @ x + tree['y'])
  call, y = ahead(function, programs.append), {'y': np.float32([1., 2., 3.])}
  small, large = np.eye(3, dtype=np.float32), np.eye(4, dtype=np.float32)
  compiled.clear()
  np.testing.assert_array_equal(call(small, y), small + y['y'])
  np.testing.assert_array_equal(call(2 * small, y), 4 * small + y['y'])
  assert len(programs) == len(compiled) == 1
  call(large, {'y': np.float32(0)})
  assert len(programs) == len(compiled) == 2
  assert programs[0].function is function and programs[0].arguments[0] is small
  assert programs[0].compiling > 0 and programs[0].tracing > 0


def test_what_is_refused_does_not_run():
  ran = []
  def work(x):
    jax.debug.callback(ran.append, x)
    return x

  def refuse(program):
    raise MemoryError
  with pytest.raises(MemoryError):
    ahead(jax.jit(work), refuse)(jnp.ones(()))
  jax.effects_barrier()
  assert not ran
