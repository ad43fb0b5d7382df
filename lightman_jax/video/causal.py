"""Expressions spotted by what came before alone, a little after they have ended.

Every quarter of a second the last half minute is looked at as a video of its own is,
with its own level and thresholds. An expression is reported once it has been over for a
second, so that its end is seen and not guessed, and never altered afterwards; what
overlaps one that was reported is the same one. So what is said of a video does not
depend on whether it is a file or is still being filmed, and time and memory for a frame
do not depend on how many there were.
"""

from typing import NamedTuple

import numpy as np

from lightman_jax.video.measurement import FrameTable, signals_of
from lightman_jax.video.signals import SpottingSettings
from lightman_jax.video.spotting import Expression, Spotting, find_expressions


class CausalSettings(NamedTuple):
  """How a stream is looked at; all in seconds.

  window: that is looked at, back from now.
  delay: between an offset and the report of it, at least.
  period: between two looks.
  """
  window: float = 30.
  delay: float = 1.
  period: float = .25

  @property
  def most_delay(self) -> float:
    """After its offset an expression is reported by the frame at this time."""
    return self.delay + self.period


class CausalSpotter:
  """What has been reported of one person.

  Args:
    person: number.
    how: see `CausalSettings`.
    settings: how expressions are spotted.

  Attributes:
    last: of the latest look; None before the first.
  """

  def __init__(self, person: int, how: CausalSettings = CausalSettings(),
               settings: SpottingSettings = SpottingSettings()):
    self.person, self.last = person, None
    self._how, self._settings = how, settings
    self._reported = -np.inf

  def look(self, window: FrameTable, now: float, size: int, *, ended: bool = False
           ) -> list[Expression]:
    """What can be reported now, and was not before.

    Args:
      window: rows of the last `window` seconds.
      now: time of the latest frame in seconds.
      size: side of the aligned faces in pixels.
      ended: no frame follows, so nothing is waited for.

    Returns:
      The expressions, in the order of time.
    """
    signals = signals_of(window, self.person)
    if not len(signals.frame):
      return []
    self.last = find_expressions(signals, size=size, person=self.person,
                                 settings=self._settings)
    limit = now if ended else now - self._how.delay
    new = [e for e in self.last.expressions
           if e.offset_s <= limit and e.onset_s > self._reported]
    if new:
      self._reported = max(e.offset_s for e in new)
    return new


def is_due(before: float | None, now: float, period: float) -> bool:
  """Whether a look is due between two frames: not yet at the first.

  Args:
    before: time of the frame before; None at the first.
    now: time of this frame.
    period: s, between two looks.
  """
  return before is not None and int(now / period) != int(before / period)


def causal_spotting(table: FrameTable, *, size: int, person: int,
                    how: CausalSettings = CausalSettings(),
                    settings: SpottingSettings = SpottingSettings()) -> Spotting:
  """What a stream would have reported of a person in a video that is over.

  Args:
    table: of all frames.
    size: side of the aligned faces in pixels.
    person: number.
    how: see `CausalSettings`.
    settings: how expressions are spotted.

  Returns:
    As `find_expressions`, with thresholds of the last look; blinks and speech likewise.
  """
  spotter = CausalSpotter(person, how, settings)
  times = np.unique(table.time)
  expressions: list[Expression] = []
  for number, now in enumerate(times.tolist()):
    ended = number == len(times) - 1
    before = float(times[number - 1]) if number else None
    if is_due(before, now, how.period) or ended:
      inside = (table.time > now - how.window) & (table.time <= now)
      window = FrameTable(*(column[inside] for column in table))
      if is_due(before, now, how.period):
        expressions += spotter.look(window, now, size)
      if ended:
        expressions += spotter.look(window, now, size, ended=True)
  whole = find_expressions(signals_of(table, person), size=size, person=person,
                           settings=settings)
  last = spotter.last or whole
  return last._replace(
      expressions=expressions, looked_at=whole.looked_at, rate=whole.rate,
      calibrated_on=f'what came before: {last.calibrated_on}')
