"""What is made beside a result and is no part of it: figures, event files, ..."""

from collections.abc import Callable, Iterator
import contextlib

from lightman_jax import files


@contextlib.contextmanager
def optional(name: str, say: Callable[[str], None]) -> Iterator[None]:
  """Within, what is named is made; where that fails, a line says so, and all goes on.

  Args:
    name: what is missing then, such as 'confusion.png'.
    say: called with the line.
  """
  try:
    yield
  except Exception as error:       # whatever a library raises: no result depends on it
    # A full disk holds no results either; the same command goes on once there is room.
    if isinstance(error, OSError) and error.errno in files.UNWRITABLE:
      raise
    reason = ' '.join(str(error).split())[:200]
    say(f'{name} is not made ({type(error).__name__}: {reason}); results do not depend '
        'on it')
