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

from jaxtyping import Float
import numpy as np
from scipy import ndimage, signal

from lightman_jax.units import short_repr
from lightman_jax.video import motion
from lightman_jax.video.signals import (
  Signals,
  SpottingSettings,
  Stretch,
  baseline_level,
  calibrate,
  even_samples,
  rate_of,
  seconds_of,
  unbroken,
)

_KINDS = ('micro', 'macro')
# Skin of a face's middle line never goes far without what it hangs on: where it seems
# to, whoever followed it lost it. Corners of the mouth, cheeks and brows do go alone.
_HANGS_ON = {motion.REGIONS.index(name): [motion.REGIONS.index(one) for one in others]
             for name, others in {
                 'nose': ('left cheek', 'right cheek', 'upper lip'),
                 'upper lip': ('nose', 'lower lip'), 'lower lip': ('upper lip', 'chin'),
                 'chin': ('lower lip',)}.items()}


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
  __repr__ = short_repr

  def count(self, kind: str) -> str:
    """How many of a kind there are, in words: never a number where none can be seen."""
    if not self.assessable[kind]:
      return 'not assessable'
    return str(sum(e.kind == kind for e in self.expressions))


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
  rate = rate_of(signals, new)
  assessable = {'micro': rate >= settings.micro_rate,
                'macro': rate >= settings.macro_rate}
  seconds = seconds_of(signals, new, rate, settings)
  remarks = _rate_remarks(rate, assessable, settings) if new.any() else []
  rest = baseline_level(signals, new, baseline)
  stretches = [even_samples(signals, index, rate, rest, settings)
               for index in unbroken(signals, new, rate, settings)]
  stretches = [s for s in stretches if s is not None]
  if not stretches or not assessable['macro']:
    return Spotting([], [], np.full(len(motion.REGIONS), np.nan), 'nothing', seconds,
                    rate, assessable, remarks)
  threshold, words = calibrate(stretches, size=size, baseline=baseline,
                               settings=settings)
  remarks += _covered_remarks(signals, new, rate)
  stretches = [stretch.seen for stretch in stretches]
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


def _rate_remarks(rate: float, assessable: dict[str, bool], settings: SpottingSettings
                  ) -> list[str]:
  least = {'micro': settings.micro_rate, 'macro': settings.macro_rate}
  return [f'{kind}-expressions are not assessable at {rate:.3g} new frames a second; '
          f'it takes {least[kind]:g}' for kind in _KINDS if not assessable[kind]]


def _covered_remarks(signals: Signals, new: np.ndarray, rate: float) -> list[str]:
  """How long which regions were behind a hand or a mask."""
  names: dict[int, list[str]] = {}
  for name, count in zip(motion.REGIONS, signals.covered[new].sum(0).tolist()):
    names.setdefault(count, []).append(name)
  return [f'not looked at for {count / rate:.1f} s, in which something covers them: '
          + ', '.join(regions) for count, regions in sorted(names.items()) if count]


def _spot(stretch: Stretch, threshold: np.ndarray, signals: Signals, person: int,
          settings: SpottingSettings) -> tuple[list[Expression], list[Other]]:
  """The expressions of a stretch, strongest first, then in the order of time."""
  limit = threshold * (1. + stretch.turning[:, None] / settings.turn)
  far = np.linalg.norm(stretch.away, axis=2)
  ratio = far / limit
  ratio[:, motion.EYES] = 0.
  ratio[_lost(ratio, settings)] = 0.
  shut = _blinks(stretch, settings)
  spoken = _speech(stretch, threshold, settings)
  others = [Other(person, kind, *_span(stretch, run)) for kind, mask in (
      ('blink', shut), ('speech', spoken)) for run in _runs(mask)]
  # Speech moves all of the lower face; brows are looked at.
  lower = [k for k in range(ratio.shape[1]) if k not in motion.BROWS]
  ratio[np.ix_(spoken, lower)] = 0.
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


def _lost(ratio: np.ndarray, settings: SpottingSettings) -> np.ndarray:
  """Where a region of the middle line goes far without what it hangs on."""
  lost = np.zeros(ratio.shape, bool)
  for region, others in _HANGS_ON.items():
    for run in _runs(ratio[:, region] >= 1.):
      peak = run.start + int(ratio[run, region].argmax())
      lost[run, region] = ratio[peak, region] > max(
          settings.lost, settings.alone * ratio[peak, others].max())
  return lost


def _extent(stretch: Stretch, ratio: np.ndarray, peak: int, free: np.ndarray,
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


def _blinks(stretch: Stretch, settings: SpottingSettings) -> np.ndarray:
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


def _speech(stretch: Stretch, threshold: np.ndarray, settings: SpottingSettings
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
  return signal.find_peaks(values, prominence=prominence)[0]


def _far_levels(stretch: Stretch, threshold: np.ndarray, size: int,
                settings: SpottingSettings) -> np.ndarray:
  """By how many times what counts as held each region's level is away, but eyes."""
  limit = np.maximum(3. * threshold, settings.level_away * size)
  far = np.linalg.norm(stretch.level_away, axis=2) / limit
  far[:, motion.EYES] = 0.
  return far


def _held_remark(stretches: list[Stretch], threshold: np.ndarray, size: int,
                 settings: SpottingSettings) -> list[str]:
  """A level that differs from that of other times: an expression that is held."""
  away = np.concatenate([_far_levels(s, threshold, size, settings) > 1.
                         for s in stretches]).mean(0)
  region = int(away.argmax())
  if away[region] < settings.level_share:
    return []
  return [f'an expression seems to be held for long ({motion.REGIONS[region]}, about '
          f'{away[region]:.0%} of the time, or all of the rest): name a stretch at '
          'rest with --baseline=START:END']


def _held_intervals(stretch: Stretch, threshold: np.ndarray, signals: Signals,
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
    distance = np.linalg.norm(stretch.level_away, axis=2)
    made = _expression(stretch, far, distance, (first, apex, last), signals, person,
                       dataclasses.replace(settings, longest=np.inf))
    intervals += [] if made is None else [made]
  return intervals


def _runs(mask: np.ndarray) -> list[slice]:
  edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
  return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]


def _span(stretch: Stretch, run: slice) -> tuple[float, float]:
  return float(stretch.time[run.start]), float(stretch.time[run.stop - 1])
