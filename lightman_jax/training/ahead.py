"""Programs that are compiled before their first call, so that their needs are known."""

from collections.abc import Callable
import contextlib
import time
from typing import Any, NamedTuple

import jax

from lightman_jax.training import stopping
from lightman_jax.training.compiled import without_alarm


class Program(NamedTuple):
  """What was compiled, and of what."""
  compiled: jax.stages.Compiled
  function: Callable
  arguments: tuple[Any, ...]
  tracing: float             # seconds, lowering included
  compiling: float           # seconds, or those of reading it from the cache


OnCompiled = Callable[[Program], None]
Around = Callable[[], contextlib.AbstractContextManager]


def ahead(function: Callable, on_compiled: OnCompiled | None = None,
          around: Around = contextlib.nullcontext) -> Callable:
  """`function`, compiled once for each set of shapes, as a call of it would be.

  Args:
    function: of `jax.jit` or `jax.pmap`.
    on_compiled: called before the program runs; may raise, and then nothing runs.
    around: a context in which it is compiled.
  """
  made = {}

  def call(*arguments):
    shapes = jax.tree.structure(arguments), tuple(
        jax.typeof(x) for x in jax.tree.leaves(arguments))
    if shapes not in made:
      with stopping.nothing_to_save(), around(), without_alarm():
        program = _compiled(function, arguments)
      if on_compiled is not None:
        on_compiled(program)
      # Of several processes each has its part of the arguments, which only the function
      # itself puts together; it finds the program that was compiled.
      made[shapes] = program.compiled if jax.process_count() == 1 else function
    return made[shapes](*arguments)
  call.lower = function.lower
  return call


def _compiled(function: Callable, arguments: tuple[Any, ...]) -> Program:
  began = time.perf_counter()
  lowered = function.lower(*arguments)
  traced = time.perf_counter()
  compiled = lowered.compile()
  return Program(compiled, function, arguments, traced - began,
                 time.perf_counter() - traced)
