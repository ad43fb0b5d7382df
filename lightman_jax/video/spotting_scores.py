"""How good spotted intervals are: F1, false alarms a minute, spot-then-recognise.

Counts add over videos and people, and a score is taken once, of the sum. Micro- and
macro-expressions are scored apart, each against its own kind. `both` is the sum of the
two (the overall score of MEGC 2020: an interval counts where its kind is right, too);
`pooled` leaves the kind out of account, and is what a table without kinds has. 0/0
counts as 0.

STRS (Liong, See and Chan 2023, "Spot-then-recognize: A micro-expression analysis
network for seamless evaluation of long videos") is the F1 of spotting times the F1 of
recognition on the intervals that were spotted: the harmonic mean of mean precision and
mean recall over the classes that either table has. Their script prints mean precision
under the name of UAR; here UAR is mean recall.
"""

from collections.abc import Mapping, Sequence
import os
from typing import Any, NamedTuple

from jaxtyping import Float, Int
import numpy as np

from lightman_jax.data.spellings import fold_characters
from lightman_jax.errors import InputError
from lightman_jax.evaluation import intervals as confidence, scores
from lightman_jax.options import check_seed
from lightman_jax.units import counted, listed, short_repr
from lightman_jax.video import intervals
from lightman_jax.video.intervals import KINDS, Interval, Length, Video

DRAWS = 100             # of the reference of intervals at random
_TP, _FP, _FN = range(3)


class Tables(NamedTuple):
  """What is scored against what.

  Attributes:
    spotted, truth: intervals of all videos.
    lengths: of videos; {} where they are not known.
    signal: of videos, frames and values; {} where there is none.
  """
  spotted: tuple[Interval, ...]
  truth: tuple[Interval, ...]
  lengths: Mapping[Video, Length] = {}
  signal: Mapping[Video, tuple[np.ndarray, np.ndarray]] = {}
  __repr__ = short_repr

  @property
  def people(self) -> list[str]:
    """Everybody in any table."""
    return sorted({one.subject for one in (*self.spotted, *self.truth)}
                  | {subject for subject, _ in self.lengths})

  @property
  def has_kinds(self) -> bool:
    """Whether micro and macro are told apart on both sides."""
    return (all(one.type for one in (*self.spotted, *self.truth))
            and bool(self.spotted or self.truth))


def score_spotting(
    spotted: str | os.PathLike | Sequence[Interval],
    truth: str | os.PathLike | Sequence[Interval], *,
    lengths: str | os.PathLike | Mapping[Video, Length] | None = None,
    signal: str | os.PathLike | None = None, seed: int = 0,
) -> dict[str, Any]:
  """Scores intervals that any program has spotted in long videos.

  Args:
    spotted: a table with the columns subject, video, onset, offset, emotion and perhaps
      type, or the intervals themselves.
    truth: the same, as coded.
    lengths: of the videos (columns subject, video, frames, fps), for false alarms a
      minute.
    signal: of motion (columns subject, video, frame, value), for the reference of its
      largest peaks.
    seed: of the reference of intervals at random.

  Returns:
    `rows` (micro, macro, both, pooled: counts, precision, recall, F1 with its interval
    over people, false alarms a minute), `recognition` with STRS, `references` and
    `remarks`.

  Raises:
    InputError: a table cannot be read, one spells a video otherwise, or nobody is in
      any of them.

  Example:
    >>> lm.score_spotting('FOUND.csv', 'TRUTH.csv')['rows']['pooled']['f1']
    ...                                                        # doctest: +SKIP
  """
  check_seed(seed)
  for one, word in ((spotted, 'spotted'), (truth, 'truth')):
    if not isinstance(one, (str, os.PathLike, Sequence)):
      raise InputError(f'{word} is {one!r}; give a table, or a list of intervals')
  read = lambda one, reader: (
      reader(one) if isinstance(one, (str, os.PathLike)) else one or ())
  tables = Tables(tuple(read(spotted, intervals.read_intervals)),
                  tuple(read(truth, intervals.read_intervals)),
                  dict(read(lengths, intervals.read_lengths)),
                  dict(read(signal, intervals.read_signal)))
  names = [str(one) if isinstance(one, (str, os.PathLike)) else word for one, word in (
      (spotted, 'the spotted intervals'), (truth, 'the truth'),
      (lengths, 'the lengths'), (signal, 'the signal'))]
  _check(tables, names)
  return score_tables(tables, seed=seed)


def score_tables(tables: Tables, *, seed: int = 0) -> dict[str, Any]:
  """As `score_spotting`, of intervals that were checked.

  Args:
    tables: what is scored.
    seed: of the reference of intervals at random.
  """
  counts = counts_of(tables)
  rows = {name: describe(of_people, tables) for name, of_people in counts.items()}
  return {
      'rows': rows,
      'recognition': recognition(tables),
      'references': references(tables, seed=seed),
      'people': len(tables.people),
      'videos': len({one.place for one in (*tables.spotted, *tables.truth)}
                    | set(tables.lengths)),
      'minutes': minutes_of(tables),
      'remarks': _remarks(tables)}


def _check(tables: Tables, names: Sequence[str]) -> None:
  """Refuses a video that two tables spell differently, or whose length is missing."""
  spotted, truth, lengths, signal = names
  for rows, name in ((tables.spotted, spotted), (tables.truth, truth)):
    intervals.check_intervals(name, rows)
  for video, length in tables.lengths.items():
    intervals.check_length(f'{lengths}, {"/".join(map(str, video))}', *length)
  if not tables.people:
    raise InputError(f'there is no interval in {spotted} nor in {truth}, and no video '
                     'whose length is known, so there is nothing to score; give tables '
                     'with rows')
  intervals.check_spellings(tables.spotted, {one.place for one in tables.truth},
                            path=spotted, other_path=truth)
  for rows, name in ((tables.spotted, spotted), (tables.truth, truth)):
    for known, other in ((tables.lengths, lengths), (tables.signal, signal)):
      if known:
        intervals.check_spellings(rows, known, path=name, other_path=other)
    for one in rows:
      if tables.lengths and one.place not in tables.lengths:
        raise InputError(f'{lengths} has no row for subject {one.subject!r}, video '
                         f'{one.video!r} of {name}; give the length of every video')
  spelt: dict[str, str] = {}
  for one in (*tables.spotted, *tables.truth):
    known = spelt.setdefault(fold_characters(one.emotion), one.emotion)
    if known != one.emotion:
      raise InputError(f'the emotion {one.emotion!r} of subject {one.subject!r}, video '
                       f'{one.video!r} is {known!r} elsewhere in {spotted} or {truth}; '
                       'spell it alike')


# Counts and what comes of them.


def counts_of(tables: Tables) -> dict[str, Int[np.ndarray, 'people 3']]:
  """Hits, false alarms and misses of everybody: micro, macro, both, pooled.

  Args:
    tables: what is scored; without kinds there is `pooled` alone.
  """
  counts = {}
  if tables.has_kinds:
    for kind in KINDS:
      counts[kind] = _counts(*([one for one in rows if one.type == kind]
                               for rows in tables[:2]), tables.people)
    counts['both'] = counts['micro'] + counts['macro']
  counts['pooled'] = _counts(tables.spotted, tables.truth, tables.people)
  return counts


def _counts(spotted: Sequence[Interval], truth: Sequence[Interval],
            people: Sequence[str]) -> Int[np.ndarray, 'people 3']:
  index = {name: number for number, name in enumerate(people)}
  counts = np.zeros((len(people), 3), int)
  for one in spotted:
    counts[index[one.subject], _FP] += 1
  for one in truth:
    counts[index[one.subject], _FN] += 1
  for i, _ in intervals.match(spotted, truth):
    counts[index[spotted[i].subject]] += (1, -1, -1)
  return counts


def precision_recall_f1(counts: Int[np.ndarray, '*b k']
                        ) -> tuple[Float[np.ndarray, '*b'], ...]:
  """Precision, recall and F1 of hits, false alarms and misses.

  Args:
    counts: the last axis begins with these three.
  """
  hits, false, missed = (counts[..., k] for k in (_TP, _FP, _FN))
  return (_ratio(hits, hits + false), _ratio(hits, hits + missed),
          _ratio(2 * hits, 2 * hits + false + missed))


def describe(counts: Int[np.ndarray, 'people 3'], tables: Tables) -> dict[str, Any]:
  """A row of the table: counts, scores, F1's interval, false alarms a minute.

  Args:
    counts: of everybody.
    tables: whose lengths are known.
  """
  total = counts.sum(0)
  precision, recall, f1 = map(float, precision_recall_f1(total))
  low, high = confidence.subject_interval(
      counts, lambda pooled: precision_recall_f1(pooled)[2])
  minutes = minutes_of(tables)
  return {'tp': int(total[_TP]), 'fp': int(total[_FP]), 'fn': int(total[_FN]),
          'precision': precision, 'recall': recall, 'f1': f1, **_span(low, high),
          'false_alarms_a_minute': total[_FP] / minutes if minutes else None}


def _span(low: float, high: float) -> dict[str, float | None]:
  """An interval; of fewer than two people there is none."""
  return {name: value if np.isfinite(value) else None
          for name, value in (('low', low), ('high', high))}


def minutes_of(tables: Tables) -> float:
  """How long all videos are, 0 where that is not known.

  Args:
    tables: with their lengths.
  """
  return float(sum(length.minutes for length in tables.lengths.values()))


def recognition(tables: Tables) -> dict[str, Any] | None:
  """Classes of the intervals that were spotted, and STRS; None where none are named.

  A spotted interval without a class is a miss of the true one, and no false alarm.

  Args:
    tables: what is scored.
  """
  classes = sorted({one.emotion for one in (*tables.spotted, *tables.truth)} - {''})
  if not all(any(one.emotion for one in rows) for rows in tables[:2]):
    return None
  index = {name: number for number, name in enumerate([*classes, ''])}
  person = {name: number for number, name in enumerate(tables.people)}
  size = len(classes) + 1               # the last is no class
  counts = np.zeros((len(person), 3 + size * size), int)
  counts[:, :3] = _counts(tables.spotted, tables.truth, tables.people)
  for i, j in intervals.match(tables.spotted, tables.truth):
    one, other = tables.spotted[i], tables.truth[j]
    if other.emotion:
      counts[person[one.subject], 3 + size * index[other.emotion]
             + index[one.emotion]] += 1
  total = counts.sum(0)
  mean_precision, mean_recall, f1, uf1 = map(float, _recognised(total, size))
  spotting = float(precision_recall_f1(total)[2])
  low, high = confidence.subject_interval(
      counts, lambda pooled: precision_recall_f1(pooled)[2] * _recognised(
          pooled, size)[2])
  return {'classes': classes, 'intervals': int(total[3:].sum()),
          'mean_precision': mean_precision, 'mean_recall': mean_recall, 'f1': f1,
          'uf1': uf1, 'f1_spotting': spotting, 'strs': spotting * f1,
          **_span(low, high)}


def _recognised(counts: Int[np.ndarray, '*b k'], size: int
                ) -> tuple[Float[np.ndarray, '*b'], ...]:
  """Mean precision, mean recall, their harmonic mean, and UF1, over the classes."""
  square = counts[..., 3:].reshape(*counts.shape[:-1], size, size)
  # Of the class that stands for none there is neither precision nor recall.
  precision, recall, each = (np.asarray(score(square)[..., :-1].mean(-1)) for score in (
      scores.class_precision, scores.class_recall, scores.class_f1))
  return precision, recall, _ratio(2 * precision * recall, precision + recall), each


def _ratio(part, whole) -> np.ndarray:
  return np.divide(part, whole, out=np.zeros(np.shape(whole)),
                   where=np.greater(whole, 0))


# References: what knows nothing of expressions.


def references(tables: Tables, *, seed: int = 0) -> dict[str, dict[str, float]]:
  """Precision, recall and F1 of intervals at random, and of a signal's largest peaks.

  At random: as many and as long as those spotted, anywhere in the same video; the mean
  of `DRAWS`. Peaks: as many over all videos, each the middle of an interval of the
  usual length, and none within another.

  Args:
    tables: what is scored; without lengths a video ends with its last interval.
    seed: of the draws.
  """
  rows = {}
  kinds = (*KINDS, 'pooled') if tables.has_kinds else ('pooled',)
  spans = _spans(tables)
  rng = np.random.default_rng(seed)
  draws = [tuple(_moved(one, *spans[one.place], rng) for one in tables.spotted)
           for _ in range(DRAWS)]
  for kind in kinds if tables.spotted else ():
    of_kind = lambda rows: [one for one in rows if kind in (one.type, 'pooled')]
    values = [precision_recall_f1(_counts(
        of_kind(draw), of_kind(tables.truth), tables.people).sum(0)) for draw in draws]
    rows[f'at random, {kind}'] = dict(zip(
        ('precision', 'recall', 'f1'), map(float, np.mean(values, axis=0))))
  if tables.signal and tables.spotted:
    peaks = largest_peaks(tables.signal, count=len(tables.spotted), frames=round(
        float(np.median([one.frames for one in tables.spotted]))))
    everybody = sorted({*tables.people, *(one.subject for one in peaks)})
    rows['largest peaks, pooled'] = dict(zip(
        ('precision', 'recall', 'f1'), map(float, precision_recall_f1(
            _counts(peaks, tables.truth, everybody).sum(0)))))
  return rows


def _spans(tables: Tables) -> dict[Video, tuple[int, int]]:
  """First and last frame of each video that has an interval."""
  spans: dict[Video, tuple[int, int]] = {}
  for one in (*tables.spotted, *tables.truth):
    length = tables.lengths.get(one.place)
    first, last = spans.get(one.place, (
        (length.first, length.first + length.frames - 1) if length else (0, 0)))
    spans[one.place] = min(first, one.onset), max(last, one.offset)
  return spans


def _moved(one: Interval, first: int, last: int, rng: np.random.Generator) -> Interval:
  onset = int(rng.integers(first, max(last - one.frames + 1, first) + 1))
  return one._replace(onset=onset, offset=onset + one.frames - 1)


def largest_peaks(signal: Mapping[Video, tuple[np.ndarray, np.ndarray]], *, count: int,
                  frames: int) -> list[Interval]:
  """Intervals about the largest values of a signal, over all videos.

  Args:
    signal: of each video, frames and values.
    count: how many.
    frames: how long each is.

  Returns:
    At most `count`: no middle lies within another interval.
  """
  order = sorted(((float(value), -int(number), video)
                  for video, (numbers, values) in signal.items()
                  for number, value in zip(numbers, values)), reverse=True)
  chosen: list[Interval] = []
  taken: dict[Video, list[int]] = {}
  for _, number, video in order:
    if len(chosen) == count:
      break
    middles = taken.setdefault(video, [])
    if all(abs(-number - middle) >= frames for middle in middles):
      middles.append(-number)
      onset = -number - frames // 2
      chosen.append(Interval(*video, onset, onset + frames - 1))
  return chosen


def _remarks(tables: Tables) -> list[str]:
  remarks = []
  if not tables.has_kinds:
    remarks.append('micro- and macro-expressions are not told apart: not all rows '
                   'say of which type they are, so there is the pooled score alone')
  for rows, word, left in (
      (tables.truth, 'true', 'are left out of recognition'),
      (tables.spotted, 'spotted', 'count as a miss of the true one')):
    without = sum(not one.emotion for one in rows)
    if without and without < len(rows):
      remarks.append(f'{without} of {len(rows)} {word} intervals name no emotion, and '
                     f'{left}')
    twice = len(rows) - len(set(rows))
    if twice:
      first = next(one for n, one in enumerate(rows) if one in rows[:n])
      remarks.append(
          f'{twice} of {len(rows)} {word} intervals stand there before, each counted '
          f'once more, the first {first.onset} to {first.offset} of subject '
          f'{first.subject!r}, video {first.video!r}')
  nobody = sorted({one.subject for one in tables.spotted}
                  - {one.subject for one in tables.truth})
  if tables.truth and nobody:
    remarks.append(f'no true interval is of {listed(nobody)}, so that all that is '
                   'spotted there is a false alarm')
  if not tables.lengths:
    remarks.append('without the lengths of the videos there are no false alarms a '
                   'minute, and intervals at random lie before the last interval of a '
                   'video')
  late = [one for one in tables.spotted if one.place in tables.lengths
          and one.offset >= tables.lengths[one.place].end]
  if late:
    several = counted(len(tables.spotted), 'spotted interval', 'ends', 'end')
    remarks.append(f'{len(late)} of {several} behind the video, the first '
                   f'{late[0].onset} to {late[0].offset} of subject '
                   f'{late[0].subject!r}, video {late[0].video!r}, whose last frame is '
                   f'{tables.lengths[late[0].place].end - 1}: are its frames counted '
                   'as in the truth?')
  if len(tables.people) < 2:
    remarks.append('there is one person, so nothing is said of others: no intervals')
  return remarks
