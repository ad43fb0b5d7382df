"""What was measured of a person, as even samples beside a level and a threshold.

Frames come at the times of their stamps. They are divided where nothing may be
compared, brought to an even rate, smoothed, and set against a level that goes along
with what is slow. What is noise in a region is learnt from the video's own quiet
stretches, or from one that is named.
"""

import dataclasses
from typing import NamedTuple

from jaxtyping import Bool, Float, Float32, Int
import numpy as np
from scipy import ndimage

from lightman_jax.errors import InputError
from lightman_jax.units import counted, short_repr
from lightman_jax.video import motion

_DENSEST = 240.        # samples a second at most


@dataclasses.dataclass(frozen=True)
class SpottingSettings:
  """How expressions are spotted.

  Attributes:
    factor: threshold, as a multiple of the noise of a quiet face.
    least: the lowest threshold, a share of the aligned face's side.
    smooth: s, standard deviation of the smoothing over time.
    level: s, window of the running median that is a region's level.
    edge: share of the apex at which an interval is seen to begin and end.
    reach: how much farther it goes, in units of the time from there to half of the
      apex.
    longest_micro: s.
    longest: s; what lasts longer is a level.
    shortest: s; shorter motion is noise.
    micro_rate: new frames a second below which no micro-expression is assessable.
    macro_rate: the same of macro-expressions.
    widest_gap: s between two frames beyond which no interval goes, at least 2.5 frames.
    syllables: openings of the mouth in `utterance` that are speech.
    utterance: s.
    blink: openness of the eyes, as a share of its level, below which they are shut.
    turn: speed of the head, radians a second, at which thresholds are doubled.
    level_away: distance of a level from rest, a share of the side, from which an
      expression counts as held.
    level_share: share of the time from which that is warned of.
    quiet: share of the stretches of half a second that count as quiet.
    lost: multiple of its threshold beyond which a region of the face's middle line that
      goes alone was lost by whoever followed it.
    alone: how many times as far, each in units of its threshold, it then goes as any
      that it hangs on.
    uncovered: s before and after a region is covered in which it is not looked at, for
      what covers it comes and goes.
  """
  factor: float = 11.
  least: float = .0033
  smooth: float = .012
  level: float = 10.
  edge: float = .2
  reach: float = 1.2
  longest_micro: float = .5
  longest: float = 6.
  shortest: float = .05
  micro_rate: float = 20.
  macro_rate: float = 5.
  widest_gap: float = .15
  syllables: int = 3
  utterance: float = 1.2
  blink: float = .7
  turn: float = .12
  level_away: float = .015
  level_share: float = .1
  quiet: float = .5
  lost: float = 4.
  alone: float = 12.
  uncovered: float = .25


class Signals(NamedTuple):
  """What was measured of one person, frame by frame, in the order of time.

  Attributes:
    frame: numbers of the frames.
    time: in seconds.
    moved: place of each region, in pixels of the aligned face.
    head: the head's pose, as `motion.RegionMotion`.
    lids: how far the eyes are open.
    quality: from 0 to 1.
    looked_at: whether the face could be measured in this frame.
    repeated: whether the frame is a copy of the one before.
    broken: whether a break lies before this frame.
    covered: whether something covers a region, which is then not looked at.
  """
  frame: Int[np.ndarray, 'n']
  time: Float[np.ndarray, 'n']
  moved: Float32[np.ndarray, 'n regions 2']
  head: Float32[np.ndarray, 'n 6']
  lids: Float32[np.ndarray, 'n 2']
  quality: Float[np.ndarray, 'n']
  looked_at: Bool[np.ndarray, 'n']
  repeated: Bool[np.ndarray, 'n']
  broken: Bool[np.ndarray, 'n']
  covered: Bool[np.ndarray, 'n regions']
  __repr__ = short_repr


class Stretch(NamedTuple):
  """Frames without a break, brought to an even rate."""
  index: np.ndarray         # of the frames that are new
  time: np.ndarray          # of the samples
  rate: float
  away: np.ndarray          # (n, regions, 2) from the level
  level_away: np.ndarray    # (n, regions, 2) of the level from rest, or its median
  open: np.ndarray          # (n,) of the eyes, as a share of their level
  turning: np.ndarray       # (n,) speed of the head
  covered: np.ndarray       # (n, regions) what is not looked at
  __repr__ = short_repr

  @property
  def seen(self) -> 'Stretch':
    """The same, with covered regions at rest: what a hand does there is no motion."""
    hidden = self.covered[..., None]
    return self._replace(away=np.where(hidden, 0., self.away),
                         level_away=np.where(hidden, 0., self.level_away))


def rate_of(signals: Signals, new: Bool[np.ndarray, 'n']) -> float:
  """New frames a second, over the frames that follow each other.

  Args:
    signals: of one person.
    new: frames that are looked at and no copies.
  """
  steps = np.diff(signals.time[new])
  if not len(steps):
    return 0.
  usual = np.median(steps)
  near = steps[steps < 3. * usual]
  return float(1. / near.mean()) if len(near) and near.mean() > 0 else 0.


def widest_gap(rate: float, settings: SpottingSettings) -> float:
  """The longest time between two frames that are compared, in seconds.

  Args:
    rate: new frames a second.
    settings: how.
  """
  return max(settings.widest_gap, 2.5 / max(rate, 1e-9))


def seconds_of(signals: Signals, new: Bool[np.ndarray, 'n'], rate: float,
               settings: SpottingSettings) -> float:
  """How long the face was looked at, in seconds: steps between frames, but for gaps.

  Args:
    signals: of one person.
    new: frames that are looked at and no copies.
    rate: new frames a second.
    settings: how.
  """
  steps = np.diff(signals.time[new])
  inner = steps[steps <= widest_gap(rate, settings)]
  return float(inner.sum() + (1. / rate if rate else 0.))


def unbroken(signals: Signals, new: Bool[np.ndarray, 'n'], rate: float,
             settings: SpottingSettings) -> list[np.ndarray]:
  """Indices of new frames, divided at breaks, gaps, and frames not looked at.

  Args:
    signals: of one person.
    new: frames that are looked at and no copies.
    rate: new frames a second.
    settings: how.
  """
  index = np.flatnonzero(new)
  if not len(index):
    return []
  # A frame that is not looked at divides; a copy does not.
  barrier = np.cumsum(signals.broken | ~(signals.looked_at | signals.repeated))
  cut = np.diff(barrier[index]) > 0
  cut |= np.diff(signals.time[index]) > widest_gap(rate, settings)
  return np.split(index, np.flatnonzero(cut) + 1)


def baseline_level(signals: Signals, new: Bool[np.ndarray, 'n'],
                   baseline: tuple[float, float] | None) -> np.ndarray | None:
  """Where each region is at rest, by a stretch that is named; None without one.

  Args:
    signals: of one person.
    new: frames that are looked at and no copies.
    baseline: start and end in seconds.

  Raises:
    InputError: the face is not looked at in it.
  """
  if baseline is None:
    return None
  inside = new & (signals.time >= baseline[0]) & (signals.time < baseline[1])
  if inside.sum() < 5:
    raise InputError(
        f'the baseline of {baseline[0]:g} to {baseline[1]:g} s holds '
        f'{counted(inside.sum(), "frame")} in which this face is looked at; name a '
        'stretch in which it is seen, at rest')
  return np.median(signals.moved[inside], axis=0)


def even_samples(signals: Signals, index: Int[np.ndarray, 'k'], rate: float,
                 rest: np.ndarray | None, settings: SpottingSettings
                 ) -> Stretch | None:
  """Samples at an even rate, as dense as the densest frames, smoothed.

  Args:
    signals: of one person.
    index: frames without a break.
    rate: new frames a second.
    rest: place of each region at rest, where it is known.
    settings: how.

  Returns:
    None where there are too few.
  """
  times = signals.time[index]
  if len(index) < 4 or times[-1] - times[0] < 4 * settings.shortest:
    return None
  dense = float(min(_DENSEST, 1. / max(np.quantile(np.diff(times), .1), 1e-3)))
  at = np.arange(times[0], times[-1] + .25 / dense, 1. / dense)

  def even(values: np.ndarray) -> np.ndarray:
    flat = values[index].reshape(len(index), -1).astype(np.float64)
    columns = [np.interp(at, times, column) for column in flat.T]
    return np.stack(columns, 1).reshape(len(at), *values.shape[1:])

  width = settings.smooth * dense
  moved = even(signals.moved)
  if width > .3:
    moved = ndimage.gaussian_filter1d(moved, width, axis=0, mode='nearest')
  level = running_median(moved, dense, settings.level)
  away = moved - level
  level_away = level - np.median(level if rest is None else rest[None], axis=0)
  opening = even(signals.lids).mean(1)
  usual = np.maximum(running_median(opening, dense, settings.level), 1e-6)
  head = ndimage.gaussian_filter1d(even(signals.head)[:, 4:], .05 * dense, axis=0,
                                   mode='nearest')
  turning = np.abs(np.gradient(head, 1. / dense, axis=0)).sum(1)
  # A head stands still where it turns back.
  turning = ndimage.maximum_filter1d(turning, 2 * round(.3 * dense) + 1)
  covered = even(signals.covered) > 0.
  if covered.any():
    covered = ndimage.maximum_filter1d(
        covered, 2 * round(settings.uncovered * dense) + 1, axis=0)
  return Stretch(index, at, dense, away, level_away, opening / usual, turning, covered)


def running_median(values: Float[np.ndarray, 'n *k'], rate: float, window: float
                   ) -> Float[np.ndarray, 'n *k']:
  """The median of a window around each sample, in time that is linear in n.

  Args:
    values: at an even rate; the median is over the first axis.
    rate: samples a second.
    window: s.
  """
  step = max(1, round(rate * .1))
  blocks = -(-len(values) // step)
  flat = values.reshape(len(values), -1)
  padded = np.concatenate([flat, np.repeat(flat[-1:], blocks * step - len(flat), 0)])
  coarse = np.median(padded.reshape(blocks, step, -1), axis=1)
  reach = min(round(window * rate / step), blocks - 1) // 2
  coarse = ndimage.median_filter(coarse, size=(2 * reach + 1, 1), mode='nearest')
  # Near an end the window is as wide as elsewhere, and lies within.
  coarse[:reach], coarse[blocks - reach:] = coarse[reach], coarse[blocks - 1 - reach]
  # A median has steps, and a level has none.
  coarse = ndimage.uniform_filter1d(coarse, 11, axis=0, mode='nearest')
  where = (np.arange(blocks) + .5) * step - .5
  fine = [np.interp(np.arange(len(values)), where, column) for column in coarse.T]
  return np.stack(fine, 1).reshape(values.shape)


def calibrate(
    stretches: list[Stretch], *, size: int, baseline: tuple[float, float] | None,
    settings: SpottingSettings,
) -> tuple[Float[np.ndarray, 'regions'], str]:
  """Each region's threshold, in pixels, from the quietest stretches of the video.

  The noise of a region is the median of its root mean square over the quiet half of
  the stretches of half a second: expressions, which are rare, do not raise it.

  Args:
    stretches: of one person.
    size: side of the aligned face in pixels.
    baseline: s; where it is given, only what lies in it counts.
    settings: how.

  Returns:
    The thresholds, and in words from what they come.
  """
  spreads = []
  for stretch in stretches:
    chosen = np.ones(len(stretch.time), bool)
    if baseline is not None:
      chosen = (stretch.time >= baseline[0]) & (stretch.time < baseline[1])
    away = np.where(stretch.covered[..., None], np.nan, stretch.away)[chosen]
    step = max(2, round(.5 * stretch.rate))
    for start in range(0, len(away) - step + 1, step):
      part = away[start:start + step]
      spreads.append(np.sqrt((part**2).mean((0, 2))))
  least = settings.least * size
  if len(spreads) < 2:
    return np.full(len(motion.REGIONS), 3. * least), (
        'no quiet stretch was long enough; three times the lowest threshold')
  values = np.array(spreads)
  # A region that is covered counts as it does at other times, if there are any.
  values[:, np.isnan(values).all(0)] = 0.
  values = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
  unit = np.maximum(np.median(values, axis=0), 1e-6)
  order = np.argsort((values / unit).max(1))
  quiet = values[order[:max(2, round(settings.quiet * len(values)))]]
  threshold = np.maximum(settings.factor * np.median(quiet, axis=0), least)
  words = (f'the baseline of {baseline[0]:g} to {baseline[1]:g} s' if baseline else
           f'the quieter half of the video, {.5 * len(quiet):.3g} s')
  return threshold, words
