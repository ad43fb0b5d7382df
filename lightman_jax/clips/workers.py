"""Clips are made on all cores: one process a core, each told one clip at a time.

The processes are our own program, started anew, rather than those of `multiprocessing`:
they neither copy a process in which jax runs threads nor import the caller's script
again, and they end by themselves when the one that started them is killed.
"""

import builtins
from collections.abc import Iterator, Sequence
import contextlib
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import traceback
from typing import NamedTuple

import lightman_jax
from lightman_jax.clips import cache, wire
from lightman_jax.clips.plan import Item
from lightman_jax.clips.unreadable import Unreadable
from lightman_jax.errors import InputError

WORTH_IT = 32     # clips; for fewer a start of processes costs more than it saves


class Job(NamedTuple):
  """One clip to be made and put into the cache."""
  item: Item
  folder: pathlib.Path
  shape: tuple[int, ...]        # that its frames must have


def cores() -> int:
  """How many processor cores this process may use."""
  try:
    return len(os.sched_getaffinity(0))
  except AttributeError:            # not on every system
    return os.cpu_count() or 1


def make(job: Job) -> str:
  """Makes a clip unless the cache holds it; returns why it cannot be made, or ''."""
  try:
    if cache.stored(job.folder, job.item) is None:
      pixels = job.item.make()
      if pixels.frames.shape != job.shape:
        raise Unreadable(f'its frames are {pixels.frames.shape} in shape')
      cache.store(job.folder, job.item, pixels)
  except Unreadable as error:
    return str(error) or type(error).__name__
  return ''


def make_all(jobs: Sequence[Job], *, workers: int = 0) -> Iterator[tuple[int, str]]:
  """Makes all clips; yields a job's number and what `make` says of it, as they end.

  Args:
    jobs: what is to be done.
    workers: processes; 0 takes one a core where there is enough to do, and 1 is this
      process itself.

  Raises:
    InputError: a process was killed from outside.
    Exception: whatever `make` raises.
  """
  missing = sum(not cache.path(job.folder, job.item).exists() for job in jobs)
  count = workers or (min(cores(), missing // (WORTH_IT // 2))
                      if missing >= WORTH_IT else 1)
  if count == 1:
    yield from ((number, make(job)) for number, job in enumerate(jobs))
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
      _ended(process)

  def _ask(self, job: Job) -> str:
    try:
      content = wire.write(job, wire.PACKAGES)
    except wire.Unwritable:
      return make(job)                # a function that only this process knows
    process = self._process = self._process or _process()
    try:
      process.stdin.write(f'{content}\n'.encode())
      process.stdin.flush()
      answer = json.loads(process.stdout.readline())
    except (OSError, ValueError):
      # ValueError: `stop` closed the pipe.
      code, self._process = _ended(process), None
      if -code in (signal.SIGKILL, signal.SIGTERM) and not self._stopped:
        raise InputError(
            f'the process that was making the clip {job.item.row.clip!r} was killed; '
            'where memory is short, build with --workers=1. What was done is kept: '
            'repeat the command.') from None
      return f'decoding its pictures ended the process (exit code {code})'
    if 'error' in answer:
      raise _again(answer)
    return answer['said']


def _again(answer: dict[str, str]) -> Exception:
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


def _process() -> subprocess.Popen:
  home = str(pathlib.Path(lightman_jax.__file__).parents[1])
  paths = [home, *filter(None, [os.environ.get('PYTHONPATH')])]
  return subprocess.Popen(
      [sys.executable, '-m', 'lightman_jax.clips.workers', *wire.PACKAGES],
      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
      env={**os.environ, 'PYTHONPATH': os.pathsep.join(paths)})


def _ended(process: subprocess.Popen) -> int:
  """The exit code of a process that ends; its pipes are closed."""
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
      answer = {'said': make(wire.read(line.decode(), tuple(sys.argv[1:])))}
    except Exception as error:
      answer = {'error': type(error).__name__, 'text': str(error),
                'trace': traceback.format_exc()}
    answers.write(f'{json.dumps(answer)}\n'.encode())
    answers.flush()


if __name__ == '__main__':
  _serve()
