"""When the host looks at a training that runs on the devices, and when it saves.

A chunk of steps may take milliseconds or an hour. Its program makes as many steps as it
is told to, so the host takes a piece of a few seconds at a time: it shows how far
training is, looks for a signal, and now and then keeps a checkpoint between the regular
ones. Where the pieces end has no part in what is computed.
"""

from collections.abc import Callable, Iterator
import contextlib
import math
import time

LOOK = 5.       # seconds of a piece, where a step does not take longer
SAVE = 60.      # seconds between two checkpoints at most, where a step is not longer
SLOW = 10.      # seconds of a step that is not begun before the last one is saved


class Pace:
  """Measures steps, and says how many come next."""

  def __init__(self, clock: Callable[[], float] = time.monotonic):
    """`clock` tells seconds."""
    self._clock, self._aside = clock, 0.
    self._step, self._timed = 0., 0       # seconds of a step; pieces
    self._began = self._saved = clock()

  def next(self, rest: int) -> int:
    """How many steps make the next piece, which begins now.

    The first two are of one step: the first shows soon that there is one, and is slower
    than any other.

    Args:
      rest: steps of the chunk that are left.
    """
    self._began = self._now()
    if self._timed < 2:
      return 1
    return max(1, min(rest, math.floor(LOOK / max(self._step, LOOK / rest))))

  def done(self, steps: int) -> None:
    """The piece is over; it made so many steps."""
    self._step = (self._now() - self._began) / steps
    self._timed += 1

  def is_due(self) -> bool:
    """Whether to save before the next piece."""
    return self._step > SLOW or self._now() - self._saved >= SAVE

  def saved(self) -> None:
    """All steps are saved, or none is made yet."""
    self._saved = self._now()

  @contextlib.contextmanager
  def aside(self) -> Iterator[None]:
    """What happens inside, such as compiling, is not counted."""
    began = self._clock()
    try:
      yield
    finally:
      self._aside += self._clock() - began

  def _now(self) -> float:
    return self._clock() - self._aside
