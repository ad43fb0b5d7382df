"""When expressions begin, are strongest, and end: from the motion of face regions.

Each region's place, less its level (a running median), is compared with a threshold
that the video's own quiet stretches give. Where some region passes it, what moves at
the strongest instant is followed back to where it began and on to where it ended.
Blinks, speech and a head that turns move a face as well: an interval that they explain
is no expression, and is listed as what it is.

Nothing is concluded about frames that were not looked at, nor across a break; copies
of frames are neither motion nor rest. Below `micro_rate` new frames a second a
micro-expression is not assessable, and that is what is said.

Micro- and macro-expressions are divided at half a second (Yan et al. 2013). Times are
those of the frames' stamps, in seconds.
"""

import dataclasses
from typing import NamedTuple

from jaxtyping import Bool, Float, Float32, Int
import numpy as np
from scipy import ndimage

from lightman_jax.errors import InputError
from lightman_jax.video import motion

_KINDS = ('micro', 'macro')
# How a minimum-jerk rise goes on before the share at which it is seen, in units of the
# time from there to half.
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
    held: distance of a level from rest, a share of the side, from which an expression
      counts as held.
    held_share: share of the time from which that is warned of.
    quiet: share of the stretches of half a second that count as quiet.
  """
  factor: float = 9.
  least: float = .0027
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
  held: float = .015
  held_share: float = .1
  quiet: float = .5


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


class Expression(NamedTuple):
  """An interval of one person; frames are numbers of the video, from 0.

  Attributes:
    person: number, from 0.
    onset_frame, apex_frame, offset_frame: frames at which it begins, is strongest, and
      ends.
    onset_s, apex_s, offset_s: their times.
    kind: 'micro' or 'macro'.
    region: which moves farthest at apex, of `motion.REGIONS`.
    strength: how far that is, in pixels of the aligned face.
    quality: mean of its frames.
    score: how many times the threshold that is.
  """
  person: int
  onset_frame: int
  apex_frame: int
  offset_frame: int
  onset_s: float
  apex_s: float
  offset_s: float
  kind: str
  region: str
  strength: float
  quality: float
  score: float = 0.


class Other(NamedTuple):
  """An interval that is no expression: a 'blink', 'speech', or a 'head turn'."""
  person: int
  kind: str
  onset_s: float
  offset_s: float


class Spotting(NamedTuple):
  """What was spotted of one person, and what that is worth.

  Attributes:
    expressions: in the order of time.
    others: blinks, speech.
    threshold: of each region, in pixels of the aligned face.
    calibrated_on: in words, from what the threshold comes.
    looked_at: s.
    rate: new frames a second.
    assessable: of 'micro' and 'macro', whether they can be seen at this rate.
    remarks: sentences for people.
  """
  expressions: list[Expression]
  others: list[Other]
  threshold: Float[np.ndarray, 'regions']
  calibrated_on: str
  looked_at: float
  rate: float
  assessable: dict[str, bool]
  remarks: list[str]

  def count(self, kind: str) -> str:
    """How many of a kind there are, in words: never a number where none can be seen."""
    if not self.assessable[kind]:
      return 'not assessable'
    return str(sum(e.kind == kind for e in self.expressions))


class _Stretch(NamedTuple):
  """Frames without a break, brought to an even rate."""
  index: np.ndarray         # of the frames that are new
  time: np.ndarray          # of the samples
  rate: float
  away: np.ndarray          # (n, regions, 2) from the level
  held: np.ndarray          # (n, regions, 2) of the level from rest, or from its median
  open: np.ndarray          # (n,) of the eyes, as a share of their level
  turning: np.ndarray       # (n,) speed of the head


def find_expressions(
    signals: Signals, *, size: int, person: int = 0,
    baseline: tuple[float, float] | None = None,
    settings: SpottingSettings = SpottingSettings(),
) -> Spotting:
  """The expressions of one person.

  Args:
    signals: what was measured.
    size: side of the aligned face in pixels.
    person: number.
    baseline: start and end in seconds of a stretch in which the face is at rest; None:
      the video's own quiet stretches.
    settings: how.

  Raises:
    InputError: the face is not looked at during the baseline.
  """
  new = signals.looked_at & ~signals.repeated
  rate = _rate(signals, new)
  assessable = {'micro': rate >= settings.micro_rate,
                'macro': rate >= settings.macro_rate}
  seconds = _seconds(signals, new, rate, settings)
  remarks = _rate_remarks(rate, assessable, settings) if new.any() else []
  rest = _baseline_level(signals, new, baseline)
  stretches = [_even(signals, index, rate, rest, settings)
               for index in _unbroken(signals, new, rate, settings)]
  stretches = [s for s in stretches if s is not None]
  if not stretches or not assessable['macro']:
    return Spotting([], [], np.full(len(motion.REGIONS), np.nan), 'nothing', seconds,
                    rate, assessable, remarks)
  threshold, words = calibrate(stretches, size=size, baseline=baseline,
                               settings=settings)
  expressions, others = [], []
  for stretch in stretches:
    spotted, beside = _spot(stretch, threshold, signals, person, settings)
    expressions += spotted
    others += beside
    if rest is not None:
      expressions += _held_intervals(stretch, threshold, signals, person, size,
                                     settings)
  if not assessable['micro']:
    # An end may be a frame off, and what is short is not seen.
    expressions = [e for e in expressions
                   if e.offset_s - e.onset_s > settings.longest_micro + 2. / rate]
  expressions.sort(key=lambda e: e.onset_s)
  if rest is None:
    remarks += _held_remark(stretches, threshold, size, settings)
  return Spotting(expressions, others, threshold, words, seconds, rate, assessable,
                  remarks)


def _rate(signals: Signals, new: np.ndarray) -> float:
  """New frames a second, over the frames that follow each other."""
  steps = np.diff(signals.time[new])
  if not len(steps):
    return 0.
  usual = np.median(steps)
  near = steps[steps < 3. * usual]
  return float(1. / near.mean()) if len(near) and near.mean() > 0 else 0.


def _widest(rate: float, settings: SpottingSettings) -> float:
  return max(settings.widest_gap, 2.5 / max(rate, 1e-9))


def _seconds(signals: Signals, new, rate: float, settings: SpottingSettings) -> float:
  """How long the face was looked at: steps between frames, but for gaps."""
  steps = np.diff(signals.time[new])
  inner = steps[steps <= _widest(rate, settings)]
  return float(inner.sum() + (1. / rate if rate else 0.))


def _rate_remarks(rate: float, assessable: dict[str, bool], settings: SpottingSettings
                  ) -> list[str]:
  least = {'micro': settings.micro_rate, 'macro': settings.macro_rate}
  return [f'{kind}-expressions are not assessable at {rate:.3g} new frames a second; '
          f'it takes {least[kind]:g}' for kind in _KINDS if not assessable[kind]]


def _unbroken(signals: Signals, new: np.ndarray, rate: float,
              settings: SpottingSettings) -> list[np.ndarray]:
  """Indices of new frames, divided at breaks, gaps, and frames not looked at."""
  index = np.flatnonzero(new)
  if not len(index):
    return []
  # A frame that is not looked at divides; a copy does not.
  barrier = np.cumsum(signals.broken | ~(signals.looked_at | signals.repeated))
  cut = np.diff(barrier[index]) > 0
  cut |= np.diff(signals.time[index]) > _widest(rate, settings)
  return np.split(index, np.flatnonzero(cut) + 1)


def _baseline_level(signals: Signals, new, baseline) -> np.ndarray | None:
  if baseline is None:
    return None
  inside = new & (signals.time >= baseline[0]) & (signals.time < baseline[1])
  if inside.sum() < 5:
    raise InputError(
        f'the baseline of {baseline[0]:g} to {baseline[1]:g} s holds '
        f'{inside.sum()} frames in which this face is looked at; name a stretch in '
        'which it is seen, at rest')
  return np.median(signals.moved[inside], axis=0)


def _even(signals: Signals, index: np.ndarray, rate: float, rest: np.ndarray | None,
          settings: SpottingSettings) -> _Stretch | None:
  """Samples at an even rate, as dense as the densest frames, smoothed."""
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
  held = level - np.median(level if rest is None else rest[None], axis=0)
  opening = even(signals.lids).mean(1)
  usual = np.maximum(running_median(opening, dense, settings.level), 1e-6)
  head = ndimage.gaussian_filter1d(even(signals.head)[:, 4:], .05 * dense, axis=0,
                                   mode='nearest')
  turning = np.abs(np.gradient(head, 1. / dense, axis=0)).sum(1)
  # A head stands still where it turns back.
  turning = ndimage.maximum_filter1d(turning, 2 * round(.3 * dense) + 1)
  return _Stretch(index, at, dense, away, held, opening / usual, turning)


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
    stretches: list[_Stretch], *, size: int, baseline: tuple[float, float] | None,
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
    away = stretch.away[chosen]
    step = max(2, round(.5 * stretch.rate))
    for start in range(0, len(away) - step + 1, step):
      part = away[start:start + step]
      spreads.append(np.sqrt((part**2).mean((0, 2))))
  least = settings.least * size
  if len(spreads) < 2:
    return np.full(len(motion.REGIONS), 3. * least), (
        'no quiet stretch was long enough; three times the lowest threshold')
  values = np.array(spreads)
  unit = np.maximum(np.median(values, axis=0), 1e-6)
  order = np.argsort((values / unit).max(1))
  quiet = values[order[:max(2, round(settings.quiet * len(values)))]]
  threshold = np.maximum(settings.factor * np.median(quiet, axis=0), least)
  words = (f'the baseline of {baseline[0]:g} to {baseline[1]:g} s' if baseline else
           f'the quieter half of the video, {.5 * len(quiet):.3g} s')
  return threshold, words


def _spot(stretch: _Stretch, threshold: np.ndarray, signals: Signals, person: int,
          settings: SpottingSettings) -> tuple[list[Expression], list[Other]]:
  """The expressions of a stretch, strongest first, then in the order of time."""
  limit = threshold * (1. + stretch.turning[:, None] / settings.turn)
  far = np.linalg.norm(stretch.away, axis=2)
  ratio = far / limit
  ratio[:, motion.EYES] = 0.
  shut = _blinks(stretch, settings)
  spoken = _speech(stretch, threshold, settings)
  others = [Other(person, kind, *_span(stretch, run)) for kind, mask in (
      ('blink', shut), ('speech', spoken)) for run in _runs(mask)]
  # Speech moves all of the lower face; brows are looked at.
  ratio[np.ix_(spoken, [k for k in range(ratio.shape[1]) if k not in motion.BROWS])] = 0.
  score = ratio.max(1)
  free, expressions = np.ones(len(score), bool), []
  while True:
    left = np.where(free, score, 0.)
    peak = int(left.argmax())
    if left[peak] < 1.:
      break
    place, flank = _extent(stretch, ratio, peak, free, settings)
    free[place[0]:place[2] + 1] = False
    free[peak] = False
    made = _expression(stretch, ratio, far, place, signals, person, settings)
    if made is not None and not flank and not _of_blink(
        stretch, ratio, far, shut, place):
      expressions.append(made)
  return sorted(expressions, key=lambda e: e.onset_s), others


def _extent(stretch: _Stretch, ratio: np.ndarray, peak: int, free: np.ndarray,
            settings: SpottingSettings) -> tuple[tuple[int, int, int], bool]:
  """First sample, apex and last: how far what moves at the peak goes each way.

  Also whether it is the flank of a stronger interval: it does not end before that.
  """
  active = np.flatnonzero(ratio[peak] >= 1.)
  goal = stretch.away[peak, active]
  # Each region's own course; one that went astray counts no more than four others.
  weight = np.minimum(ratio[peak, active], 4.) / (goal**2).sum(1)
  most = round(settings.longest * stretch.rate)
  start = max(0, peak - most - 1)
  course = np.zeros(len(ratio))
  near = slice(start, peak + most + 2)
  course[near] = np.einsum('nrk,rk,r->n', stretch.away[near][:, active], goal, weight)
  course /= np.minimum(ratio[peak, active], 4.).sum()
  top = course[peak]
  ends, flank = [], False
  for way in (-1, 1):
    side = course[peak::way][:most + 1]
    open_ = free[peak::way][:most + 1]
    stop = len(side) if open_.all() else int(np.argmin(open_))
    side = side[:max(stop, 1)]
    low = side < settings.edge * top
    flank |= stop < len(open_) and not low.any()
    end = int(np.argmax(low)) if low.any() else len(side) - 1
    half = side[:end + 1] < .5 * top
    middle = int(np.argmax(half)) if half.any() else end
    more = min(settings.reach * (end - middle), .35 * end) if low.any() else 0
    # What falls to half within some time is over within two and a half of it.
    last = min(round(end + more), max(round(2.5 * middle), 1), max(len(side) - 1, 0))
    ends.append(peak + way * last)
  first, last = ends
  inside = ndimage.gaussian_filter1d(course[first:last + 1], .04 * (last - first),
                                     mode='nearest') if last > first else course[[peak]]
  # Where it is held at its strongest, the apex is where that begins.
  apex = first + int(np.flatnonzero(inside >= .985 * inside.max())[0])
  return (first, apex, last), flank


def _expression(stretch, ratio, far, place, signals, person, settings
                ) -> Expression | None:
  first, apex, last = place
  seconds = (last - first) / stretch.rate
  if seconds < settings.shortest or seconds > settings.longest + 1e-9:
    return None
  if not first < apex < last:
    apex = min(max(apex, first + 1), last - 1)
    if not first < apex < last:
      return None
  numbers = [int(stretch.index[np.abs(
      signals.time[stretch.index] - stretch.time[at]).argmin()]) for at in place]
  region = int(ratio[apex].argmax())
  times = [float(signals.time[n]) for n in numbers]
  inside = slice(numbers[0], numbers[2] + 1)
  kind = 'micro' if times[2] - times[0] <= settings.longest_micro else 'macro'
  return Expression(
      person, *(int(signals.frame[n]) for n in numbers), *times, kind,
      motion.REGIONS[region], float(far[apex, region]),
      float(signals.quality[inside].mean()), float(ratio[apex].max()))


def _blinks(stretch: _Stretch, settings: SpottingSettings) -> np.ndarray:
  """Where the eyes are shut for no longer than a blink, and a little around it."""
  shut = stretch.open < settings.blink
  for run in _runs(shut):
    if (run.stop - run.start) / stretch.rate > .6:
      shut[run] = False
  return ndimage.binary_dilation(shut, iterations=max(1, round(.06 * stretch.rate)))


def _of_blink(stretch, ratio, far, shut, place) -> bool:
  """Whether an interval is what a blink does to the skin around the eyes."""
  first, apex, last = place
  inside = slice(first, last + 1)
  if not shut[inside].any():
    return False
  active = ratio[apex] >= 1.
  near = list(motion.BROWS) + [motion.REGIONS.index(name) for name in (
      'left cheek', 'right cheek', 'nose')]
  if active[list(motion.LIPS)].any():
    return False
  lids = far[inside][:, list(motion.EYES)].max()
  during = shut[max(0, apex - 1):apex + 2].any()
  return bool(during and far[apex, near].max() < .3 * max(lids, 1e-6))


def _speech(stretch: _Stretch, threshold: np.ndarray, settings: SpottingSettings
            ) -> np.ndarray:
  """Where the mouth opens and closes again and again."""
  lips = [motion.REGIONS.index(name) for name in ('lower lip', 'chin')]
  height = (stretch.away[:, lips, 1] / threshold[lips]).max(1)
  spoken = np.zeros(len(height), bool)
  peaks = _peaks(height, prominence=1.)
  span = round(settings.utterance * stretch.rate)
  for k in range(len(peaks) - settings.syllables + 1):
    last = peaks[k + settings.syllables - 1]
    if last - peaks[k] <= span:
      spoken[peaks[k]:last + 1] = True
  if spoken.any():
    spoken = ndimage.binary_dilation(spoken, iterations=max(1, round(
        .25 * stretch.rate)))
  return spoken


def _peaks(values: np.ndarray, *, prominence: float) -> np.ndarray:
  from scipy import signal
  return signal.find_peaks(values, prominence=prominence)[0]


def _far_levels(stretch: _Stretch, threshold: np.ndarray, size: int,
                settings: SpottingSettings) -> np.ndarray:
  """By how many times what counts as held each region's level is away, but eyes."""
  limit = np.maximum(3. * threshold, settings.held * size)
  far = np.linalg.norm(stretch.held, axis=2) / limit
  far[:, motion.EYES] = 0.
  return far


def _held_remark(stretches: list[_Stretch], threshold: np.ndarray, size: int,
                 settings: SpottingSettings) -> list[str]:
  """A level that differs from that of other times: an expression that is held."""
  away = np.concatenate([_far_levels(s, threshold, size, settings) > 1.
                         for s in stretches]).mean(0)
  region = int(away.argmax())
  if away[region] < settings.held_share:
    return []
  return [f'an expression seems to be held for long ({motion.REGIONS[region]}, about '
          f'{away[region]:.0%} of the time, or all of the rest): name a stretch at '
          'rest with --baseline=START:END']


def _held_intervals(stretch: _Stretch, threshold: np.ndarray, signals: Signals,
                    person: int, size: int, settings: SpottingSettings
                    ) -> list[Expression]:
  """Where the level itself is away from a baseline for longer than an expression."""
  far = _far_levels(stretch, threshold, size, settings)
  intervals = []
  for run in _runs(far.max(1) > 1.):
    if (run.stop - run.start) / stretch.rate <= settings.longest:
      continue
    first, last = run.start, run.stop - 1
    apex = first + int(np.flatnonzero(
        far[run].max(1) >= .95 * far[run].max())[0])
    apex = min(max(apex, first + 1), last - 1)
    distance = np.linalg.norm(stretch.held, axis=2)
    made = _expression(stretch, far, distance, (first, apex, last), signals, person,
                       dataclasses.replace(settings, longest=np.inf))
    intervals += [] if made is None else [made]
  return intervals


def _runs(mask: np.ndarray) -> list[slice]:
  edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
  return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def _span(stretch: _Stretch, run: slice) -> tuple[float, float]:
  return float(stretch.time[run.start]), float(stretch.time[run.stop - 1])
