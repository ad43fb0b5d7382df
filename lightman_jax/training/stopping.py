"""SIGTERM: what is under way is saved, and the program ends within the grace period.

A cluster tells a job so that its time is up, or that someone else needs the machine. A
chunk of training is brought to its end and saved where that takes no longer than the
grace period; what takes longer is left, and is done again from the last checkpoint.
"""

from collections.abc import Callable, Iterator
import contextlib
import functools
import os
import signal
import sys
import threading
import time

GRACE = 20.              # seconds
CODE = 128 + signal.SIGTERM
SENTENCE = 'stopped by SIGTERM; the same command goes on from here'


class Stopped(BaseException):
  """The program was asked to end, and may."""


_asked, _raised, _deferred, _interrupted = (threading.Event() for _ in range(4))


def watch(grace: float = GRACE) -> None:
  """From here on SIGTERM raises `Stopped` in the main thread, or later: see `deferred`.

  After `grace` seconds the process ends wherever it is. Call in the main thread.
  """
  # Python's handlers wait for the end of a computation; this pipe does not.
  reading, writing = os.pipe()
  os.set_blocking(writing, False)
  signal.signal(signal.SIGTERM, _handle)
  signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
  threading.Thread(target=_end_late, args=(reading, grace), daemon=True).start()
  if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _interrupt)
  sys.unraisablehook = functools.partial(_dropped, sys.unraisablehook)


def check_interrupt() -> None:
  """Raises KeyboardInterrupt again, where the one that Ctrl-C raised was lost.

  Python drops what is raised while it clears up a weak reference, and jax has many.
  """
  if _interrupted.is_set():
    raise KeyboardInterrupt


def asked() -> bool:
  """Whether a SIGTERM has come."""
  return _asked.is_set()


@contextlib.contextmanager
def deferred() -> Iterator[None]:
  """Inside, SIGTERM raises nothing: who is there asks `asked`, and raises `Stopped`."""
  _deferred.set()
  try:
    yield
  finally:
    _deferred.clear()


def _handle(*_) -> None:
  _asked.set()
  # Once: what is raised on the way out must not be cut short.
  if not _deferred.is_set() and not _raised.is_set():
    _raised.set()
    raise Stopped


def _interrupt(*_) -> None:
  _interrupted.set()
  raise KeyboardInterrupt


def _dropped(shown: Callable, what) -> None:
  """Python tells of what it drops: not of the two that are asked for again later."""
  if not issubclass(what.exc_type, (KeyboardInterrupt, Stopped)):
    shown(what)


def _end_late(reading: int, grace: float) -> None:
  while signal.SIGTERM not in os.read(reading, 64):
    pass
  _asked.set()
  time.sleep(grace)
  print(f'launch.py: {SENTENCE}, and from its last checkpoint: the grace period of '
        f'{grace:g} s is over', file=sys.stderr, flush=True)
  os._exit(CODE)
