"""Programs that are compiled before their first call, so that their needs are known."""

from collections.abc import Callable
from typing import Any

import jax

# Called once a program is compiled and before it runs: the program, the function that
# it was made of, and the arguments of the call.
OnCompiled = Callable[[jax.stages.Compiled, Callable, tuple[Any, ...]], None]


def ahead(function: Callable, on_compiled: OnCompiled | None = None) -> Callable:
  """`function`, compiled once for each set of shapes, as a call of it would be.

  Args:
    function: of `jax.jit` or `jax.pmap`.
    on_compiled: may raise, and then nothing runs.
  """
  made = {}

  def call(*arguments):
    shapes = jax.tree.structure(arguments), tuple(
        jax.typeof(x) for x in jax.tree.leaves(arguments))
    if shapes not in made:
      compiled = function.lower(*arguments).compile()
      if on_compiled is not None:
        on_compiled(compiled, function, arguments)
      # Of several processes each has its part of the arguments, which only the function
      # itself puts together; it finds the program that was compiled.
      made[shapes] = compiled if jax.process_count() == 1 else function
    return made[shapes](*arguments)
  call.lower = function.lower
  return call
