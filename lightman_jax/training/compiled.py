"""Compiled programs: made before their first call, and kept in a folder.

jax writes an entry in place: a program that is killed meanwhile, or a full disk, leaves
half of one. jax then compiles anew, says so in a warning of several lines, and never
replaces the entry. So damaged entries are deleted at the start of a run.
"""

from collections.abc import Callable, Iterable, Iterator
import contextlib
import faulthandler
import functools
import json
import os
import pathlib
import sys
import threading
import time
from typing import Any, NamedTuple
import warnings
import zlib

import jax
from jax.core import Tracer

from lightman_jax import bounded, registry
from lightman_jax.errors import InputError
from lightman_jax.files import remove_leftovers, write_atomically
from lightman_jax.training import stopping

# The folder of compiled programs, what a fault leaves in it, and what XLA says.

INDEX = 'lightman_jax.checked.json'   # name of an entry -> its size and time
MOST_BYTES = 2**30                    # of an entry that is looked at
ZSTD = b'\x28\xb5\x2f\xfd'            # where that is installed: it has no check sum
ALARM = b'slow_operation_alarm.cc'    # begins what XLA says of a slow compilation,
STARS = b'*' * 20                     # between two lines of these
LAST_LINES = 2.                       # seconds in which what came is passed on


def mend(folder: pathlib.Path) -> list[str]:
  """Deletes the damaged entries of a folder; returns their names.

  Entries that were whole before and look untouched are not read again: of those, one
  that was damaged meanwhile costs a compilation.

  Args:
    folder: jax's compilation cache; it may be missing.
  """
  known, whole, damaged = _index(folder), {}, []
  for path in _entries(folder):
    # Deleted by another program meanwhile; or nobody may; or too large to look at.
    with contextlib.suppress(OSError, bounded.Refused):
      about = path.stat()
      mark = [about.st_size, about.st_mtime_ns]
      if known.get(path.name) == mark or _is_whole(path):
        whole[path.name] = mark
      else:
        path.unlink()
        damaged.append(path.name)
  if whole != known:
    with contextlib.suppress(OSError):
      remove_leftovers(folder, f'.{INDEX}.*')
      with write_atomically(folder / INDEX) as file:
        json.dump(whole, file)
  return damaged


def hush() -> None:
  """A cache that cannot be read or written costs time, and nothing else."""
  warnings.filterwarnings('ignore', message='Error (reading|writing) persistent '
                          'compilation cache entry')


@contextlib.contextmanager
def without_alarm() -> Iterator[None]:
  """Inside, XLA does not ask for a bug report because a program takes its time.

  It has no setting for that, and writes to file descriptor 2: what else comes there is
  passed on, line by line. Python's own standard error is not looked at. Several threads
  may be inside at once.
  """
  with _lock:
    if not _count[0]:
      _redirection.enter_context(_redirected())
    _count[0] += 1
  try:
    yield
  finally:
    with _lock:
      _count[0] -= 1
      if not _count[0]:
        _redirection.close()


_lock, _count = threading.Lock(), [0]      # of those who are inside
_redirection = contextlib.ExitStack()      # by the first, for all of them


@contextlib.contextmanager
def _redirected() -> Iterator[None]:
  """Inside, what comes to file descriptor 2 goes through `without_alarms`."""
  try:
    shown, own = os.dup(2), sys.stderr
    real = getattr(own, 'rich_proxied_file', own)     # below a bar
    plain = real is sys.__stderr__ and real.fileno() == 2
    reading, writing = os.pipe()
  except (OSError, ValueError, AttributeError):     # there is no standard error
    yield
    return
  fault = plain and faulthandler.is_enabled()
  thread = threading.Thread(target=_pass_on, args=(reading, shown), daemon=True)
  with open(shown, 'w', buffering=1, encoding='utf-8', errors='backslashreplace',
            closefd=False) as direct:
    os.dup2(writing, 2)
    os.close(writing)
    thread.start()
    if plain:
      sys.stderr = direct
    if fault:
      faulthandler.enable(direct)
    try:
      yield
    finally:
      direct.flush()           # the thread may close what it writes to
      if plain and sys.stderr is direct:
        sys.stderr = own
      os.dup2(shown, 2)
      if fault:
        faulthandler.enable(2)
  # A process that began meanwhile may hold the other end for as long as it lives.
  thread.join(LAST_LINES)


def _pass_on(reading: int, shown: int) -> None:
  with open(reading, 'rb') as lines:
    for line in without_alarms(lines):
      with contextlib.suppress(OSError):
        os.write(shown, line)
  os.close(shown)


def without_alarms(lines: Iterable[bytes]) -> Iterator[bytes]:
  """Lines of XLA's log, but for its alarms of slow compilations.

  Args:
    lines: with their line ends.
  """
  alarm: list[bytes] = []                 # what may be one
  for line in lines:
    if ALARM in line:
      yield from alarm
      alarm = [line]
    elif not alarm:
      yield line
    else:
      alarm.append(line)
      if sum(part.startswith(STARS) for part in alarm) == 2:
        if not any(b'Very slow compile?' in part for part in alarm):
          yield from alarm
        alarm = []
  yield from alarm


def _entries(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  with contextlib.suppress(OSError):
    yield from sorted(folder.glob('*-cache'))


def _is_whole(path: pathlib.Path) -> bool:
  content = bounded.read_bytes(path, MOST_BYTES)
  if content.startswith(ZSTD):
    return True
  unpack = zlib.decompressobj()
  try:
    # In pieces: what is unpacked is not kept.
    for begin in range(0, len(content), 2**16):
      unpack.decompress(content[begin:begin + 2**16])
  except zlib.error:
    return False
  return unpack.eof and not unpack.unused_data


def _index(folder: pathlib.Path) -> dict:
  try:
    index = bounded.read_json(folder / INDEX)
  except (OSError, ValueError):
    return {}
  return index if isinstance(index, dict) else {}


# Programs that are compiled before their first call, so that their needs are known.

COMPILING = 'compiling the program that trains, unless the cache has it'


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
  programs = {}

  def call(*arguments):
    shapes = jax.tree.structure(arguments), tuple(
        jax.typeof(x) for x in jax.tree.leaves(arguments))
    if shapes not in programs:
      with stopping.nothing_to_save(), around(), without_alarm():
        program = _compiled(function, arguments)
      if on_compiled is not None:
        on_compiled(program)
      # Of several processes each has its part of the arguments, which only the function
      # itself puts together; it finds the program that was compiled.
      programs[shapes] = program.compiled if jax.process_count() == 1 else function
    return programs[shapes](*arguments)
  call.lower = function.lower
  return call


# For programs that compute for an instant. LLVM's last two levels take six times as
# long where random numbers are drawn; integers and those of a uniform distribution,
# which all weights here have, are the same bit for bit. What trains and predicts would
# be found no sooner.
_FOR_AN_INSTANT = {'xla_backend_optimization_level': 1}


def jit(function: Callable, *, for_an_instant: bool = False, **options: Any
        ) -> Callable:
  """`jax.jit`, but that XLA does not ask for a bug report where it compiles for long.

  All programs of this package are made by this or by `ahead`.

  Args:
    function: see `jax.jit`.
    for_an_instant: it computes for so short a time, and so seldom, that machine code
      which is found sooner serves better; of a CPU alone.
    **options: those of `jax.jit`.
  """
  make = functools.partial(jax.jit, function, **options)
  inside, compiled_kinds = make(), set()

  @functools.cache
  def jitted():
    # Asked for at the first call: which devices there are is not known before.
    if for_an_instant and jax.default_backend() == 'cpu':
      return make(compiler_options=_FOR_AN_INSTANT)
    return inside

  def call(*arguments, **named):
    leaves, structure = jax.tree.flatten((arguments, named))
    kinds = structure, *(x if isinstance(x, int) else jax.typeof(x) for x in leaves)
    if any(isinstance(x, Tracer) for x in leaves):
      return inside(*arguments, **named)
    if kinds in compiled_kinds:
      return jitted()(*arguments, **named)
    with without_alarm(), _tracing():
      result = jitted()(*arguments, **named)
    compiled_kinds.add(kinds)
    return result
  return call


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
  """Within, programs are traced, and code from outside runs as it stands."""
  try:
    with registry.same_folder():
      yield
  except SystemExit as error:
    raise InputError('code from outside would end the program '
                     f'({registry.describe(error)}); take sys.exit out') from error


def _compiled(function: Callable, arguments: tuple[Any, ...]) -> Program:
  began = time.perf_counter()
  with _tracing():
    lowered = function.lower(*arguments)
  traced = time.perf_counter()
  compiled = lowered.compile()
  return Program(compiled, function, arguments, traced - began,
                 time.perf_counter() - traced)
