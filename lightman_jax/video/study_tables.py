"""What many videos say together: rates, what they are locked to, and tests.

The unit is the person: expressions of all videos of one person under one condition are
divided by the minutes in which that face was looked at. What was not looked at, and
videos whose rate of frames does not show a kind, are in neither.

A test between two conditions asks how often chance alone brings people's rates as far
apart. People who are under both conditions are compared with themselves: the signs of
their differences mean nothing under the null (Fisher 1935). Others are compared by
permuting which condition a person was under, by Welch's t, which stays valid where the
rates of one condition scatter more than those of the other (Janssen 1997): they do
where one was looked at for less time. Holm (1979) adjusts for the tests of a study.
"""

import bisect
from collections.abc import Iterable, Mapping, Sequence
import itertools
import math
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from lightman_jax.evaluation.comparison import LEVEL, holm, least_p
from lightman_jax.video import motion

KINDS = ('micro', 'macro')
ANY = 'any'
REGIONS = (ANY, *(name for k, name in enumerate(motion.REGIONS)
                  if k not in motion.EYES))
"""Regions that an expression is counted under, by which moves farthest."""
RESAMPLES = 9999

Span = tuple[float, float]


class Part(NamedTuple):
  """One face of one video that was looked at."""
  spans: tuple[Span, ...]             # s; stretches in which it was
  assessable: Mapping[str, bool]      # of each kind
  seconds: float                      # looked at; about the sum of spans


class Seen(NamedTuple):
  """What is known of one row of a study's table that has been looked at.

  Attributes:
    video: as the table has it.
    person, condition: of the row.
    parts: faces.
    expressions: kind, region and onset in seconds of each.
  """
  video: str
  person: str
  condition: str
  parts: tuple[Part, ...]
  expressions: tuple[tuple[str, str, float], ...]

  def minutes(self, kind: str) -> float:
    """Looked at, where a kind is assessable."""
    return sum(part.seconds for part in self.parts if part.assessable[kind]) / 60.


def summary_rows(videos: Sequence[Seen]) -> list[dict[str, Any]]:
  """A row for each person, condition, kind and region.

  Args:
    videos: that were looked at.

  Returns:
    person, condition, kind, region, videos, looked_at_min, expressions and a_minute;
    the last two are None where the kind is not assessable in any of them.
  """
  rows = []
  groups = sorted({(one.person, one.condition) for one in videos})
  for person, condition in groups:
    mine = [one for one in videos if (one.person, one.condition) == (person, condition)]
    for kind in KINDS:
      minutes = sum(one.minutes(kind) for one in mine)
      for region in REGIONS:
        count = sum(k == kind and region in (ANY, where)
                    for one in mine for k, where, _ in one.expressions)
        rows.append({
            'person': person, 'condition': condition, 'kind': kind, 'region': region,
            'videos': len(mine), 'looked_at_min': minutes,
            'expressions': count if minutes else None,
            'a_minute': count / minutes if minutes else None})
  return rows


class Event(NamedTuple):
  """Something that was shown or asked; time in seconds of its video."""
  video: str
  time: float
  name: str


def last_event(events: Sequence[Event], time: float) -> Event | None:
  """The latest event at or before a time; None before the first.

  Args:
    events: of one video, by time.
    time: in seconds.
  """
  at = bisect.bisect_right([one.time for one in events], time)
  return events[at - 1] if at else None


def by_video(events: Iterable[Event]) -> dict[str, list[Event]]:
  """The events of each video, by time.

  Args:
    events: of a study.
  """
  made: dict[str, list[Event]] = {}
  for event in sorted(events, key=lambda one: one.time):
    made.setdefault(event.video, []).append(event)
  return made


def event_rows(videos: Sequence[Seen], events: Iterable[Event]) -> list[dict[str, Any]]:
  """A row for each person, condition, event's name and kind.

  An event lasts until the next of its video. An expression is of the event in which it
  begins.

  Args:
    videos: that were looked at.
    events: of their videos.

  Returns:
    person, condition, event, kind, times, looked_at_min, expressions, a_minute, and
    latency_s: the median time from an event to the first expression in it.
  """
  cells: dict[tuple, dict[str, Any]] = {}
  ordered = by_video(events)
  for one in videos:
    mine = ordered.get(one.video, [])
    for event, after in itertools.zip_longest(mine, mine[1:]):
      end = after.time if after else math.inf
      for kind in KINDS:
        cell = cells.setdefault((one.person, one.condition, event.name, kind), {
            'times': 0, 'minutes': 0., 'count': 0, 'latencies': []})
        seconds = sum(overlap(part.spans, event.time, end) for part in one.parts
                      if part.assessable[kind])
        onsets = [onset for k, _, onset in one.expressions
                  if k == kind and event.time <= onset < end]
        cell['times'] += seconds > 0
        cell['minutes'] += seconds / 60.
        cell['count'] += len(onsets)
        cell['latencies'] += [min(onsets) - event.time] if onsets else []
  return [{'person': person, 'condition': condition, 'event': name, 'kind': kind,
           'times': cell['times'], 'looked_at_min': cell['minutes'],
           'expressions': cell['count'] if cell['minutes'] else None,
           'a_minute': cell['count'] / cell['minutes'] if cell['minutes'] else None,
           'latency_s': (float(np.median(cell['latencies'])) if cell['latencies']
                         else None)}
          for (person, condition, name, kind), cell in sorted(cells.items())]


def overlap(spans: Iterable[Span], start: float, end: float) -> float:
  """Seconds of some stretches that lie between two times.

  Args:
    spans: start and end of each in seconds.
    start, end: in seconds.
  """
  return sum(max(0., min(b, end) - max(a, start)) for a, b in spans)


# Tests between conditions, over people.


class Test(NamedTuple):
  """Whether the rates of one kind differ between two conditions.

  Attributes:
    kind: of the expressions.
    first, second: conditions.
    paired: whether people are compared with themselves.
    people: how many are in it: pairs, or those of both conditions together.
    left_out: how many others have a rate and are not.
    mean_first, mean_second: rates a minute, each person alike.
    difference: of these; low, high: 95 % interval, by Student's t.
    p: of the permutation test; adjusted: after Holm, over the study.
    verdict: in words.
  """
  kind: str
  first: str
  second: str
  paired: bool
  people: int
  left_out: int
  mean_first: float
  mean_second: float
  difference: float
  low: float
  high: float
  p: float
  adjusted: float
  verdict: str


def compare_conditions(rows: Sequence[Mapping[str, Any]], *, seed: int = 0
                       ) -> list[Test]:
  """Every two conditions, for each kind, over all regions together.

  Args:
    rows: of `summary_rows`.
    seed: of the permutations that are drawn.
  """
  rates: dict[str, dict[str, dict[str, float]]] = {kind: {} for kind in KINDS}
  for row in rows:
    if row['region'] == ANY and row['a_minute'] is not None:
      rates[row['kind']].setdefault(row['condition'], {})[row['person']] = float(
          row['a_minute'])
  tests = [compare_rates(kind, first, second, rates[kind][first], rates[kind][second],
                         seed=seed)
           for kind in KINDS for first, second in itertools.combinations(
               sorted(rates[kind]), 2)]
  return judge(tests)


def judge(tests: Sequence[Test]) -> list[Test]:
  """The tests with adjusted p and a verdict.

  Args:
    tests: of one study, which are the family.
  """
  known = [k for k, test in enumerate(tests) if math.isfinite(test.p)]
  adjusted = dict(zip(known, holm([tests[k].p for k in known]).tolist()))
  made = []
  for k, test in enumerate(tests):
    p = adjusted.get(k, math.nan)
    called = p < LEVEL and (test.low > 0 or test.high < 0)
    if not math.isfinite(p) or least(test) * len(known) > LEVEL:
      words = 'too few people: chance alone could not be excluded'
    elif called:
      more, less = ((test.first, test.second) if test.difference > 0 else
                    (test.second, test.first))
      words = f'more a minute in {more} than in {less}'
    else:
      words = 'not told apart from chance'
    made.append(test._replace(adjusted=p, verdict=words))
  return made


def least(test: Test) -> float:
  """The least p that so many people can give.

  Args:
    test: with `people`; of two conditions they are taken as evenly divided.
  """
  if test.paired:
    return least_p(test.people)
  return 2. / math.comb(test.people, test.people // 2) if test.people > 1 else 1.


def compare_rates(kind: str, first: str, second: str, one: Mapping[str, float],
                  other: Mapping[str, float], *, seed: int = 0) -> Test:
  """The difference of two conditions; without adjustment and verdict.

  Paired where at least half of all people are under both conditions: these alone are
  compared then. Else people who are under one alone.

  Args:
    kind: of the expressions.
    first, second: conditions.
    one, other: a person's rate under each, a minute.
    seed: of the permutations that are drawn.
  """
  both = sorted(one.keys() & other.keys())
  everyone = one.keys() | other.keys()
  paired = 2 * len(both) >= len(everyone)
  names = (both, both) if paired else (sorted(one.keys() - other.keys()),
                                       sorted(other.keys() - one.keys()))
  a, b = (np.array([rates[name] for name in people], float)
          for rates, people in zip((one, other), names))
  count = len(a) if paired else len(a) + len(b)
  low, high, p = (_paired if paired else _apart)(a, b, np.random.default_rng(seed))
  means = [float(x.mean()) if len(x) else math.nan for x in (a, b)]
  return Test(kind, first, second, paired, count, len(everyone) - count, *means,
              means[0] - means[1], low, high, p, math.nan, '')


def _paired(a: np.ndarray, b: np.ndarray, rng: np.random.Generator
            ) -> tuple[float, float, float]:
  if len(a) < 2:
    return math.nan, math.nan, math.nan
  test = stats.permutation_test(
      (a, b), lambda a, b, axis: np.mean(a - b, axis=axis), permutation_type='samples',
      vectorized=True, n_resamples=RESAMPLES, random_state=rng)
  gap = a - b
  half = float(stats.t.ppf(.975, len(a) - 1) * gap.std(ddof=1) / math.sqrt(len(a)))
  return float(gap.mean()) - half, float(gap.mean()) + half, float(test.pvalue)


def _apart(a: np.ndarray, b: np.ndarray, rng: np.random.Generator
           ) -> tuple[float, float, float]:
  if min(len(a), len(b)) < 2:
    return math.nan, math.nan, math.nan
  test = stats.permutation_test(
      (a, b), _welch, permutation_type='independent', vectorized=True,
      n_resamples=RESAMPLES, random_state=rng)
  parts = [x.var(ddof=1) / len(x) for x in (a, b)]
  variance = sum(parts)
  freedom = variance**2 / max(sum(part**2 / (len(x) - 1) for part, x in zip(
      parts, (a, b))), 1e-300)
  half = float(stats.t.ppf(.975, max(freedom, 1.)) * math.sqrt(variance))
  gap = float(a.mean() - b.mean())
  return gap - half, gap + half, float(test.pvalue)


def _welch(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray | float:
  """Welch's t; where nobody scatters, the sign and size of the difference."""
  variance = sum(x.var(ddof=1, axis=axis) / x.shape[axis] for x in (a, b))
  return (a.mean(axis) - b.mean(axis)) / np.sqrt(variance + 1e-12)
