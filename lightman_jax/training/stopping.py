"""Signals that end a run: what is under way is saved, and the program ends in time.

A cluster sends SIGTERM, SIGUSR1 or SIGHUP where a job's time is up or the machine is
needed; a person presses Ctrl-C. Training looks for them every few seconds, saves and
ends. Where a single step outlasts the grace period, it is done again from the last
checkpoint. Where nothing has to be saved, as while a program is compiled, the process
does not wait for what it is doing.
"""

from collections.abc import Callable, Iterator
import contextlib
import functools
import os
import select
import signal
import sys
import threading
import time
from typing import NoReturn

from lightman_jax import machine

GRACE = 20.              # seconds
LINGER = 5.              # seconds for what has nothing to save
AGAIN = 1.               # seconds after which a second Ctrl-C is one, and no echo
NAMES = {getattr(signal, name): name for name in ('SIGTERM', 'SIGUSR1', 'SIGHUP')
         if hasattr(signal, name)}
SENTENCE = 'the same command goes on from here'
FRESH = 'the same command without --fresh goes on from here'
ANEW = 'no step was saved yet; the same command begins anew'


class Stopped(BaseException):
  """The program was asked to end, and may."""

  def __init__(self, number: int = signal.SIGTERM):
    """`number` is that of the signal."""
    super().__init__(number)
    self.number = number

  @property
  def code(self) -> int:
    """What the process ends with."""
    return 128 + self.number

  def __str__(self) -> str:
    return (f'stopped by {NAMES.get(self.number, "Ctrl-C")}; '
            + (ANEW if not _saved.is_set() else FRESH if _fresh.is_set() else SENTENCE))


_stop_requested, _raised, _deferred, _saved, _fresh = (
    threading.Event() for _ in range(5))
_number = signal.SIGTERM


def watch(grace: float = GRACE, *, fresh: bool = False) -> None:
  """From here on such a signal raises `Stopped` in the main thread, or later: see
  `deferred`; Ctrl-C raises KeyboardInterrupt.

  After `grace` seconds the process ends wherever it is, and after `LINGER` where
  nothing is deferred. What was ignored at the start, as SIGHUP under nohup, stays
  ignored. Call in the main thread.

  Args:
    grace: seconds.
    fresh: the command says --fresh, so the same one would begin anew.
  """
  if fresh:
    _fresh.set()
  # Python's handlers wait for the end of a computation; this pipe does not.
  reading, writing = os.pipe()
  os.set_blocking(writing, False)
  for number in NAMES:
    if signal.getsignal(number) is not signal.SIG_IGN:
      signal.signal(number, _handle)
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _handle)
  signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
  threading.Thread(target=_end_late, args=(reading, grace), daemon=True).start()
  sys.unraisablehook = functools.partial(_dropped, sys.unraisablehook)


def note_saved() -> None:
  """From here on the same command goes on with something: a checkpoint is kept."""
  _saved.set()


def is_stop_requested() -> bool:
  """Whether such a signal has come."""
  return _stop_requested.is_set()


def check() -> None:
  """Raises again what a signal raised, where it was deferred or lost.

  Python drops what is raised while it clears up a weak reference, and jax has many.

  Raises:
    Stopped, KeyboardInterrupt: such a signal has come.
  """
  if _stop_requested.is_set():
    raise KeyboardInterrupt if _number == signal.SIGINT else Stopped(_number)


@contextlib.contextmanager
def as_interrupts() -> Iterator[None]:
  """Inside, without `watch`: what ends a process politely ends it as Ctrl-C does."""
  def stop(number, frame):
    raise KeyboardInterrupt
  before = {}
  if threading.current_thread() is threading.main_thread():
    before = {number: signal.signal(number, stop) for number in NAMES
              if signal.getsignal(number) is not signal.SIG_IGN}
  try:
    yield
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
  """Inside, a signal raises nothing: who is there asks `is_stop_requested`, and
  calls `check`."""
  _deferred.set()
  try:
    yield
  finally:
    _deferred.clear()


@contextlib.contextmanager
def nothing_to_save() -> Iterator[None]:
  """Inside, signals raise again, although it is inside of `deferred`."""
  before = _deferred.is_set()
  _deferred.clear()
  try:
    check()
    yield
  finally:
    if before:
      _deferred.set()


def leave(code: int) -> NoReturn:
  """Ends the process at once, once all is said.

  The end of the interpreter would take apart what threads of jax still work with: that
  is a segmentation fault.
  """
  for stream in (sys.stdout, sys.stderr):
    with contextlib.suppress(OSError, ValueError):
      stream.flush()
  os._exit(code)


def _handle(number: int, _) -> None:
  _note(number)
  # Once: what is raised on the way out must not be cut short.
  if not _deferred.is_set() and not _raised.is_set():
    _raised.set()
    check()


def _note(number: int) -> None:
  """The first signal is the one that ends the program."""
  global _number
  if not _stop_requested.is_set():
    _number = number
    _stop_requested.set()


def _dropped(shown: Callable, what) -> None:
  """Python tells of what it drops: not of the two that are raised again later."""
  if not issubclass(what.exc_type, (KeyboardInterrupt, Stopped)):
    shown(what)


def _end_late(reading: int, grace: float) -> None:
  while (number := _next(reading)) is None:
    pass
  _note(number)
  began = time.monotonic()
  while True:
    waited = time.monotonic() - began
    if waited >= grace:
      tail = f'the grace period of {grace:g} s is over'
      break
    if waited >= LINGER and not _deferred.is_set():
      tail = ''
      break
    if _next(reading, .1) == signal.SIGINT == _number and waited > AGAIN:
      tail = 'Ctrl-C came twice'
      break
  # Steps that were being saved are lost.
  if tail:
    tail = ', and from its last checkpoint' * _saved.is_set() + f': {tail}'
  # A bar hides the cursor.
  end = '\n\x1b[?25h' if sys.stderr.isatty() else ''
  print(f'{end}{machine.program()}: {Stopped(_number)}{tail}', file=sys.stderr,
        flush=True)
  leave(Stopped(_number).code)


def _next(reading: int, seconds: float | None = None) -> int | None:
  """The number of a signal that is watched for and comes in time."""
  if not select.select([reading], [], [], seconds)[0]:
    return None
  return next((number for number in os.read(reading, 64)
               if number in NAMES or number == signal.SIGINT), None)
