"""A data set's methods with their intervals, and which differ after Holm."""

from typing import NamedTuple

import numpy as np

from lightman_jax.evaluation import comparison
from lightman_jax.evaluation.comparison import BySeed, Difference
from lightman_jax.report.page.groups import Column, Group
from lightman_jax.report.results import SCORES

SEED = 0              # of all draws of a page: the same people for every method
MAIN = 'uf1'          # what methods are compared by
HEADS = {'uf1': 'UF1', 'uar': 'UAR', 'accuracy': 'accuracy'}


class Scored(NamedTuple):
  """A mean over seeds with its interval, and the single seeds' scores."""
  value: float
  low: float
  high: float
  by_seed: tuple[float, ...]


class Line(NamedTuple):
  """A row of a table."""
  label: str
  scores: dict[str, Scored]
  encoder: str = ''
  clips_seen: str = '–'
  tried: str = '–'
  balance: str = '–'          # how unequal classes are dealt with
  augmentation: str = '–'
  seeds: int = 1
  best: bool = False          # better than every other method, after Holm
  reference: bool = False     # stands beside, is in no comparison of methods


class Gap(NamedTuple):
  """Two rows of a table and what is known of their difference."""
  first: str
  second: str
  found: Difference
  adjusted: float

  @property
  def verdict(self) -> str:
    """'better', 'worse', or that no difference was seen."""
    if comparison.is_better(self.found, self.adjusted):
      return 'better'
    if comparison.is_worse(self.found, self.adjusted):
      return 'worse'
    return 'no difference seen'


class Judged(NamedTuple):
  """What a data set's columns of a table say."""
  lines: tuple[Line, ...]      # methods, the highest mean first, then references
  gaps: tuple[Gap, ...]        # of all pairs of methods
  beside: tuple[Gap, ...]      # of methods and their references

  @property
  def methods(self) -> tuple[Line, ...]:
    """The rows without references."""
    return tuple(line for line in self.lines if not line.reference)


def judge(column: Column, *, resamples: int = 2000,
          permutations: int = 10_000) -> Judged:
  """Scores, intervals and differences of a column; see `evaluation.comparison`."""
  options = dict(seed=SEED, resamples=resamples, permutations=permutations)
  groups = sorted(column.groups, key=lambda group: (
      -_mean(group.counts()), group.label))
  pairs = comparison.all_pairs([group.counts() for group in groups], SCORES[MAIN],
                               **options)
  gaps = tuple(Gap(groups[i].label, groups[j].label, *found)
               for (i, j), found in pairs.items())
  references = _references(groups)
  named = {(group.label, label): (group.counts(), group.counts(row))
           for label, (row, owners) in references.items() for group in owners}
  beside = tuple(Gap(*names, *found) for names, found in
                 comparison.family(named, SCORES[MAIN], **options).items())
  lines = [_line(group.label, group, group.counts(), resamples)._replace(
      best=_best(group.label, gaps, len(groups))) for group in groups]
  lines += [_line(label, owners[0], owners[0].counts(row), resamples)._replace(
      reference=True, encoder='–', clips_seen='–', tried='–', balance='–',
      augmentation='–')
            for label, (row, owners) in references.items()]
  return Judged(tuple(lines), gaps, beside)


def _references(groups: list[Group]) -> dict[str, tuple[str, list[Group]]]:
  """Label to the row's name and the groups that it stands beside.

  A reference that is the same for several groups, such as the ridge on the same
  inputs, is one row.
  """
  found: dict[tuple, tuple[str, list[Group]]] = {}
  for group in groups:
    for row in list(group.runs[0].counts)[1:]:
      if not all(row in run.counts for run in group.runs):
        continue
      own = row.startswith(group.runs[0].method)
      key = (group.label,) if own else ()
      key += (row, group.runs[0].counts[row].tobytes())
      found.setdefault(key, (row, []))[1].append(group)
  labels, shared = {}, [row for row, _ in found.values()]
  for row, owners in found.values():
    method = owners[0].runs[0].method
    label = (owners[0].label + row.removeprefix(method) if row.startswith(method)
             else row)
    if label in labels or (shared.count(row) > 1 and label == row):
      label = f'{row} (on the inputs of {owners[0].label})'
    labels[label] = (row, owners)
  return dict(sorted(labels.items(), key=lambda item: ', not' not in item[0]))


def _line(label: str, group: Group, counts: BySeed, resamples: int) -> Line:
  stacked = np.stack([counts[seed] for seed in sorted(counts)])
  if len(stacked) > 1 and (stacked == stacked[0]).all():
    stacked = stacked[:1]          # nothing in it depends on the seed
  scores = {
      name: Scored(
          comparison.mean_score(stacked, score),
          *comparison.crossed_interval(stacked, score, resamples=resamples,
                                       rng=np.random.default_rng(SEED)),
          tuple(score(stacked.sum(1)).tolist()))
      for name, score in SCORES.items()}
  return Line(label, scores, group.encoder, group.noted('clips_seen'),
              group.noted('tried'), group.noted('balance'),
              group.noted('augmentation'), len(stacked))


def _best(label: str, gaps: tuple[Gap, ...], methods: int) -> bool:
  """Whether it was compared with every other method and is better than each."""
  won = [gap for gap in gaps if (gap.first == label and gap.verdict == 'better')
         or (gap.second == label and gap.verdict == 'worse')]
  return methods > 1 and len(won) == methods - 1


def _mean(counts: BySeed) -> float:
  return comparison.mean_score(np.stack([counts[n] for n in sorted(counts)]),
                               SCORES[MAIN])
