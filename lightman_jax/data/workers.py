"""Clips are made on all cores: one process a core, each given one clip at a time.

Each clip becomes one file, written whole or not at all and named by what the clip
depends on, so a build that was interrupted continues where it stopped. The folder goes
when the build is done.

What a process is to make reaches it as JSON, with a mark on what JSON has not. Reading
it calls nothing, and a function is looked up by its name in the packages that are
allowed, where it must stand at the top of its module.

The processes are our own program, started anew, rather than those of `multiprocessing`:
they neither copy a process in which jax runs threads nor import the caller's script
again, and they end by themselves when the one that started them is killed. Pebble 5.2
and `concurrent.futures` stand on `multiprocessing`: called from a script without a
guard, they start it over and over and end as a broken pool.
"""

import base64
import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import functools
import importlib
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import traceback
from typing import Any, NamedTuple

import numpy as np

import lightman_jax
from lightman_jax import bounded
from lightman_jax.data.plan import Item, Pixels
from lightman_jax.errors import Cause, InputError, Reason, Unreadable
from lightman_jax.files import write_atomically

# The pixels of single clips while a build is under way.

FOLDER = '.clips'


def read_stored(folder: pathlib.Path, item: Item) -> Pixels | None:
  """Returns an item's pixels, or None where they are not there or not whole.

  Args:
    folder: of clips while a build is under way.
    item: whose pixels are wanted.
  """
  try:
    arrays = bounded.read_arrays(stored_path(folder, item))
    return Pixels(arrays['frames'], arrays['landmarks'],
                  tuple(arrays['numbers'].tolist()), str(arrays['apex_source']),
                  bool(arrays['faceless']), tuple(map(str, arrays['sums'].tolist())))
  except (OSError, ValueError, KeyError):
    return None


def store_pixels(folder: pathlib.Path, item: Item, pixels: Pixels) -> None:
  """Puts an item's pixels on disk.

  Args:
    folder: of clips while a build is under way.
    item: whose pixels they are.
    pixels: T frames with their landmarks.
  """
  with write_atomically(stored_path(folder, item), 'wb') as file:
    np.savez(file, **pixels._asdict())


def remove_stale(folder: pathlib.Path, items: tuple[Item, ...]) -> None:
  """Removes what belongs to no item: outdated clips, halves of a killed build."""
  wanted = {stored_path(folder, item).name for item in items}
  for path in folder.glob('*') if folder.is_dir() else ():
    if path.name not in wanted:
      path.unlink()


def stored_path(folder: pathlib.Path, item: Item) -> pathlib.Path:
  """Returns where an item's pixels lie, or will."""
  return folder / f'{item.key}.npz'


# What a clip is made by, as text for another process: values, and names of functions.

PACKAGES = ('lightman_jax',)


class Unwritable(TypeError):
  """A value that only this process knows."""


def write_job(value: Any, packages: tuple[str, ...] = PACKAGES) -> str:
  """Returns the text of plain values, arrays, named tuples, paths and partials.

  Args:
    value: what is handed over.
    packages: whose functions may be named in it.

  Raises:
    Unwritable: something else is in it, or a function of another package.
  """
  return json.dumps(_marked(value, packages))


def read_job(text: str, packages: tuple[str, ...] = PACKAGES) -> Any:
  """Returns the value of a text that `write` made.

  Args:
    text: as `write_job` returns it.
    packages: whose functions may be named in it.

  Raises:
    ValueError: it names what does not stand in these packages.
  """
  return _value(json.loads(text), packages)


def _marked(value: Any, packages) -> Any:
  marked = functools.partial(_marked, packages=packages)
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  if isinstance(value, np.generic):
    return value.item()
  if isinstance(value, pathlib.Path):
    return {'path': str(value)}
  if isinstance(value, np.ndarray) and not value.dtype.hasobject:
    return {'array': base64.b64encode(value.tobytes()).decode(),
            'dtype': value.dtype.str, 'shape': value.shape}
  if isinstance(value, functools.partial):
    return {'call': _name(value.func, packages), 'with': marked(value.args),
            'named': marked(value.keywords)}
  if isinstance(value, tuple) and hasattr(value, '_fields'):
    return {'call': _name(type(value), packages), 'of': [*map(marked, value)]}
  if isinstance(value, tuple):
    return {'tuple': [*map(marked, value)]}
  if isinstance(value, list):
    return [*map(marked, value)]
  if isinstance(value, Mapping):
    return {'mapping': [[marked(key), marked(part)] for key, part in value.items()]}
  raise Unwritable(f'{type(value).__name__} is not written')


def _value(marked: Any, packages) -> Any:
  value = functools.partial(_value, packages=packages)
  if isinstance(marked, list):
    return [*map(value, marked)]
  if not isinstance(marked, dict):
    return marked
  if 'path' in marked:
    return pathlib.Path(marked['path'])
  if 'array' in marked:
    array = np.frombuffer(base64.b64decode(marked['array']), marked['dtype'])
    return array.reshape(marked['shape']).copy()
  if 'of' in marked:
    return _resolve(marked['call'], packages)(*map(value, marked['of']))
  if 'call' in marked:
    return functools.partial(_resolve(marked['call'], packages), *value(marked['with']),
                             **value(marked['named']))
  if 'tuple' in marked:
    return tuple(map(value, marked['tuple']))
  return {value(key): value(part) for key, part in marked['mapping']}


def _name(function: Callable, packages) -> str:
  name = f'{getattr(function, "__module__", "")}:{getattr(function, "__name__", "")}'
  try:
    if _resolve(name, packages) is function:
      return name
  except (ValueError, ImportError):
    pass
  raise Unwritable(f'{function} is not found by a name')


def _resolve(name: str, packages) -> Callable:
  module, _, own = name.partition(':')
  if module.partition('.')[0] not in packages or not own:
    raise ValueError(f'{name} does not stand in {", ".join(packages)}')
  function = getattr(importlib.import_module(module), own, None)
  if not callable(function):
    raise ValueError(f'there is no {name}')
  return function


# Clips are made on all cores: one process a core, each told one clip at a time.

WORTH_IT = 32     # clips; for fewer a start of processes costs more than it saves


class Job(NamedTuple):
  """One clip to be made and put into the cache."""
  item: Item
  folder: pathlib.Path
  shape: tuple[int, ...]        # that its frames must have


def count_cores() -> int:
  """How many processor cores this process may use."""
  try:
    return len(os.sched_getaffinity(0))
  except AttributeError:            # not on every system
    return os.cpu_count() or 1


def make_clip(job: Job) -> Cause | None:
  """Makes a clip unless the cache holds it; returns why it cannot be made, or None."""
  try:
    if read_stored(job.folder, job.item) is None:
      pixels = job.item.make()
      if pixels.frames.shape != job.shape:
        raise Unreadable(Reason.OTHER_SHAPE, shape=pixels.frames.shape)
      store_pixels(job.folder, job.item, pixels)
  except Unreadable as error:
    return error.cause
  return None


def make_all(jobs: Sequence[Job], *, workers: int = 0
             ) -> Iterator[tuple[int, Cause | None]]:
  """Makes all clips; yields a job's number and why its clip cannot be made, or None.

  Args:
    jobs: what is to be done.
    workers: processes; 0 takes one a core where there is enough to do, and 1 is this
      process itself.

  Raises:
    InputError: a process was killed from outside.
    Exception: whatever `make_clip` raises.
  """
  missing = sum(not stored_path(job.folder, job.item).exists() for job in jobs)
  count = workers or (min(count_cores(), missing // (WORTH_IT // 2))
                      if missing >= WORTH_IT else 1)
  if count == 1:
    yield from ((number, make_clip(job)) for number, job in enumerate(jobs))
    return
  numbers, answers = iter(range(len(jobs))), queue.SimpleQueue()
  crew = [_Hand(jobs, numbers, answers) for _ in range(count)]
  try:
    for hand in crew:
      hand.start()
    for _ in jobs:
      number, answer = answers.get()
      if isinstance(answer, BaseException):
        raise answer
      yield number, answer
  finally:
    for hand in crew:
      hand.stop()


class _Hand(threading.Thread):
  """A thread that hands one clip after another to a process of its own."""
  _taking = threading.Lock()

  def __init__(self, jobs, numbers, answers):
    super().__init__(daemon=True)
    self._jobs, self._numbers, self._answers = jobs, numbers, answers
    self._process, self._stopped = None, False

  def run(self):
    while not self._stopped:
      with self._taking:
        number = next(self._numbers, None)
      if number is None:
        break
      try:
        answer = self._ask(self._jobs[number])
      except Exception as error:      # the other thread is the one to raise it
        answer = error
      self._answers.put((number, answer))
    self.stop()

  def stop(self):
    """Ends the process, whatever it is doing; nothing half written stays visible."""
    self._stopped = True
    process = self._process           # the thread itself may just be letting go of it
    if process is not None:
      process.kill()
      wait_for_end(process)

  def _ask(self, job: Job) -> Cause | None:
    try:
      content = write_job(job, PACKAGES)
    except Unwritable:
      return make_clip(job)                # a function that only this process knows
    process = self._process = self._process or _start_process()
    try:
      process.stdin.write(f'{content}\n'.encode())
      process.stdin.flush()
      answer = json.loads(process.stdout.readline())
    except (OSError, ValueError):
      # ValueError: `stop` closed the pipe.
      code, self._process = wait_for_end(process), None
      if -code in (signal.SIGKILL, signal.SIGTERM) and not self._stopped:
        raise InputError(
            f'the process that was making the clip {job.item.row.clip!r} was killed; '
            'where memory is short, build with --workers=1. What was done is kept: '
            'repeat the command.') from None
      return Cause(Reason.CRASHED, (('code', code),))
    if 'error' in answer:
      raise _rebuild_error(answer)
    if not answer['reason']:
      return None
    return Cause(Reason[answer['reason']], tuple(map(tuple, answer['facts'])))


def _rebuild_error(answer: dict[str, str]) -> Exception:
  """The error that another process met, of its kind where that is Python's own."""
  kind = getattr(builtins, answer['error'], None)
  if not (isinstance(kind, type) and issubclass(kind, Exception)):
    kind = InputError if answer['error'] == 'InputError' else RuntimeError
  try:
    error = kind(answer['text'])
  except TypeError:                   # some take more than a text
    error = RuntimeError(f"{answer['error']}: {answer['text']}")
  error.add_note(answer['trace'])
  return error


def _start_process() -> subprocess.Popen:
  return start_process('lightman_jax.data.workers', *PACKAGES)


def start_process(module: str, *words: str) -> subprocess.Popen:
  """A module of this package as a process of its own, with pipes to and from it.

  Args:
    module: dotted; what it runs as a program.
    *words: on its command line.
  """
  home = str(pathlib.Path(lightman_jax.__file__).parents[1])
  paths = [home, *filter(None, [os.environ.get('PYTHONPATH')])]
  # -P: Python would put the current folder first, where another checkout may lie.
  return subprocess.Popen(
      [sys.executable, '-P', '-m', module, *words],
      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)})


def wait_for_end(process: subprocess.Popen) -> int:
  """The exit code of a process that ends; its pipes are closed.

  Args:
    process: of `start_process`.
  """
  code = process.wait()
  for pipe in (process.stdin, process.stdout):
    with contextlib.suppress(OSError):
      pipe.close()
  return code


def _serve() -> None:
  """The other side: reads jobs until there are no more, and answers each."""
  import cv2
  cv2.setNumThreads(1)                            # the other cores have their own
  signal.signal(signal.SIGINT, signal.SIG_IGN)    # the parent ends this process
  answers = os.fdopen(os.dup(1), 'wb')
  os.dup2(2, 1)                                   # whatever a library prints
  for line in sys.stdin.buffer:
    try:
      cause = make_clip(read_job(line.decode(), tuple(sys.argv[1:])))
      answer = {'reason': cause and cause.reason.name, 'facts': cause and cause.facts}
    except Exception as error:
      answer = {'error': type(error).__name__, 'text': str(error),
                'trace': traceback.format_exc()}
    answers.write(f'{json.dumps(answer)}\n'.encode())
    answers.flush()


if __name__ == '__main__':
  _serve()
