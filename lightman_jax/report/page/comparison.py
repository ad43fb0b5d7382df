"""A data set's methods with their intervals, and which differ after Holm."""

from collections.abc import Callable, Iterable, Mapping
import itertools
from typing import NamedTuple

from jaxtyping import Bool
import numpy as np

from lightman_jax.evaluation import comparison, scores
from lightman_jax.evaluation.comparison import BySeed, Difference, Folds
from lightman_jax.evaluation.scores import Score
from lightman_jax.report.page.groups import Column, Group
from lightman_jax.report.table import is_of_units
from lightman_jax.runs import divisions, results
from lightman_jax.runs.results import SCORES
from lightman_jax.units import counted

GROUP_NOTE = (
    f'Intervals where a group has {divisions.LEAST_PEOPLE} people (or folds of them) '
    'or more; groups are other people, so their difference is in no test.')
SEED = 0              # of all draws of a page: the same people for every method


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
  clips_seen: str = '–'       # micro, by the training of a fold
  macro_clips_seen: str = '–'
  models: int = 1             # whose logits are averaged
  tried: str = '–'
  balance: str = '–'          # how unequal classes are dealt with
  augmentation: str = '–'
  seeds: int = 1
  best: bool = False          # better than every other method, after Holm
  reference: bool = False     # stands beside, is in no comparison of methods
  own: bool = False           # a reference that is of a method's own models


class Gap(NamedTuple):
  """Two rows of a table and what is known of their difference."""
  first: str
  second: str
  difference: Difference
  adjusted: float
  models: tuple[int, int]     # that each of the two averages
  pairs: int                  # of the family that p is adjusted for
  trial: bool = False         # a run of it was trained for a few steps alone

  @property
  def verdict(self) -> str:
    """'better', 'worse', that no difference was seen, or that none could be."""
    if self.why:
      return 'no verdict'
    if comparison.is_better(self.difference, self.adjusted):
      return 'better'
    if comparison.is_worse(self.difference, self.adjusted):
      return 'worse'
    return 'no difference seen'

  @property
  def why(self) -> str:
    """Why there is no verdict; '' where there is one."""
    one, two = self.models
    if self.trial:
      return ('a run was trained for a few steps alone, to try the program, so that '
              'its scores mean nothing; compare whole runs')
    if one != two:
      return (f'{counted(one, "averaged model")} against {two}, so that a difference '
              'shows what averaging brings as well as what the methods do; compare '
              'rows that average as many')
    if few := comparison.why_too_few(self.difference.units, self.pairs, of='fold'):
      return (f'{few}. A fold here is whoever stays together: a person who has models '
              'alone, people of one fold in every seed, or, where seeds divide people '
              'anew, those of one fold. More people who are held out one by one, or '
              'more folds, make a verdict possible; more seeds do only under kfold, '
              'which divides people anew in each')
    return ''

  @property
  def short_verdict(self) -> str:
    """`verdict`, and where there is none what is in the way."""
    one, two = self.models
    return (self.verdict if not self.why else
            'no verdict: a trial' if self.trial else
            f'no verdict: {counted(one, "averaged model")} against {two}'
            if one != two else
            'no verdict: too few folds')


def notes(gaps: Iterable[Gap]) -> tuple[str, ...]:
  """What stands below a table of differences: why some have no verdict, each once.

  Args:
    gaps: of the table.
  """
  return tuple(dict.fromkeys(f'no verdict: {gap.why}.' for gap in gaps if gap.why))


class Part(NamedTuple):
  """A data set of several that were pooled, or a group of people: its own scores."""
  dataset: str
  clips: int
  subjects: int
  remarks: tuple[str, ...]
  scores: dict[str, dict[str, Scored]]     # a row's label to its scores


class Comparison(NamedTuple):
  """What a data set's columns of a table say."""
  lines: tuple[Line, ...]      # methods, the highest mean first, then references
  gaps: tuple[Gap, ...]        # of all pairs of methods
  beside: tuple[Gap, ...]      # of methods and their references
  parts: tuple[Part, ...] = () # of a column of several data sets
  groups: tuple[tuple[str, tuple[Part, ...]], ...] = ()     # by what, and each group

  @property
  def divisions(self) -> tuple[tuple[str, str, tuple[Part, ...]], ...]:
    """By what people are divided, a note on that, and the parts."""
    data_sets = (('data set', '', self.parts),) if self.parts else ()
    return data_sets + tuple((name, GROUP_NOTE, parts) for name, parts in self.groups)

  @property
  def main(self) -> str:
    """The score that methods are compared by."""
    return scores.main_score(self.lines[0].scores)

  @property
  def heads(self) -> dict[str, str]:
    """What the columns of scores are called, by the scores' names."""
    return {name: scores.head(name) for name in self.lines[0].scores}

  @property
  def methods(self) -> tuple[Line, ...]:
    """The rows without references."""
    return tuple(line for line in self.lines if not line.reference)


def compare_methods(column: Column, *, permutations: int = 10_000,
                    every: Mapping[str, Score] = SCORES) -> Comparison:
  """Scores, intervals and differences of a column; see `evaluation.comparison`.

  Args:
    column: the runs.
    permutations: of a test, at most.
    every: score by name.
  """
  folds = column.folds
  if is_of_units(column.about):
    every = scores.UNIT_SCORES
  main = every[scores.main_score(every)].of_counts
  options = dict(seed=SEED, folds=folds, permutations=permutations)
  groups = sorted(column.groups, key=lambda group: (
      -_mean(group.counts(), main), group.label))
  trial = any(group.about('trial') != '–' for group in groups)
  gaps = _gaps({(one.label, two.label): _alike(one, two)
                for one, two in itertools.combinations(groups, 2)}, main, options,
               trial=trial)
  references = _references(groups)
  beside = _gaps({names: sides for label, (row, owners) in references.items()
                  for group in owners
                  for names, sides in _beside(group, label, row).items()}, main,
                 options, trial=trial)
  lines = [_line(group.label, group, group.runs[0].method, folds, every)._replace(
      best=_best(group.label, gaps, len(groups))) for group in groups]
  lines += [_line(label, owners[0], row, folds, every)._replace(
      reference=True, own=_is_own(row, owners[0]), encoder='–', clips_seen='–',
      macro_clips_seen='–', tried='–',
      balance='–', augmentation='–', models=owners[0].models(row))
            for label, (row, owners) in references.items()]
  by_label = {group.label: group.counts() for group in groups}
  by_label |= {label: owners[0].counts(row)
               for label, (row, owners) in references.items()}
  groups_of_people = tuple(
      (name, _parts(column, by_label, every, masks, least=divisions.LEAST_PEOPLE))
      for name, masks in column.first.groups.items())
  return Comparison(
      tuple(lines), gaps, beside,
      _parts(column, by_label, every, column.first.data_sets), groups_of_people)


def _is_own(row: str, group: Group) -> bool:
  """Whether a reference is the method itself, drawn once or not adapted."""
  return row in results.own_rows(group.runs[0].method)


def _parts(column: Column, by_label: dict[str, BySeed], every: Mapping[str, Score],
           masks: Mapping[str, Bool[np.ndarray, 'S']], *, least: int = 0
           ) -> tuple[Part, ...]:
  """Scores of the subjects of each mask; of fewer units than `least` no intervals."""
  parts = []
  for dataset, mine in masks.items():
    folds = {seed: own[mine] for seed, own in column.folds.items()}
    counts = {label: {seed: own[mine] for seed, own in by_seed.items()}
              for label, by_seed in by_label.items()}
    one = next(iter(next(iter(counts.values())).values()))
    sizes = dict(zip(column.first.classes, results.class_sizes(one).tolist()))
    clips = one[:, 0].sum() if one.ndim == 4 else one.sum()
    parts.append(Part(dataset, int(clips), int(mine.sum()),
                      tuple(results.remarks(sizes, units=one.ndim == 4)),
                      {label: _few(_scores(own, folds, every)[0], folds, least)
                       for label, own in counts.items()}))
  return tuple(parts)


def _few(scores: dict[str, Scored], folds: Folds, least: int) -> dict[str, Scored]:
  """Without intervals where a seed has fewer units than `least`."""
  if min(len(set(own.tolist())) for own in folds.values()) >= least:
    return scores
  return {name: one._replace(low=np.nan, high=np.nan) for name, one in scores.items()}


Side = tuple[BySeed, int]      # counts, and how many models each averages


def _alike(one: Group, two: Group) -> tuple[Side, Side]:
  """Two methods with as many averaged models each: where that differs, with one."""
  if one.models() == two.models():
    return (one.counts(), one.models()), (two.counts(), two.models())
  return tuple((group.counts(group.single()), group.models(group.single()))
               for group in (one, two))


def _beside(group: Group, label: str, row: str
            ) -> dict[tuple[str, str], tuple[Side, Side]]:
  """A method and a reference: one draw, and, of the same weights, the mean too."""
  single, method = group.single(), group.runs[0].method
  reference = group.counts(row), group.models(row)
  name = results.one_draw(group.label) if single != method else group.label
  pairs = {}
  if row != single:
    pairs[name, label] = (group.counts(single), group.models(single)), reference
  if single != method and row in results.own_rows(method):
    pairs[f'{group.label}, mean of {group.models()} draws', label] = (
        (group.counts(), group.models()), reference)
  return pairs


def _gaps(pairs: dict[tuple[str, str], tuple[Side, Side]],
          main: Callable[[np.ndarray], np.ndarray], options, *, trial: bool
          ) -> tuple[Gap, ...]:
  differences = comparison.family({names: (one[0], two[0]) for names, (one, two)
                                   in pairs.items()}, main, **options)
  # What has no verdict, for it is not like against like, is in no family.
  even = [names for names in differences if pairs[names][0][1] == pairs[names][1][1]]
  adjusted = dict(zip(even, comparison.holm([differences[names][0].p
                                             for names in even])))
  return tuple(Gap(*names, one, float(adjusted.get(names, np.nan)),
                   tuple(side[1] for side in pairs[names]), len(even), trial)
               for names, (one, _) in differences.items())


def _references(groups: list[Group]) -> dict[str, tuple[str, list[Group]]]:
  """Label to the row's name and the groups that it stands beside.

  A reference that is the same for several groups, such as the ridge on the same
  inputs, is one row.
  """
  rows: dict[tuple, tuple[str, list[Group]]] = {}
  for group in groups:
    for row in list(group.runs[0].counts)[1:]:
      if not all(row in run.counts for run in group.runs):
        continue
      key = (group.label,) if _is_own(row, group) else ()
      key += (row, group.runs[0].counts[row].tobytes())
      rows.setdefault(key, (row, []))[1].append(group)
  labels, shared = {}, [row for row, _ in rows.values()]
  for row, owners in rows.values():
    method = owners[0].runs[0].method
    apart = results.own_rows(method).get(row)
    label = f'{owners[0].label}, {apart}' if apart else row
    if label in labels or (shared.count(row) > 1 and label == row):
      label = f'{row} (on the inputs of {owners[0].label})'
    labels[label] = (row, owners)
  def place(item) -> tuple[bool, bool]:
    row, owners = item[1]
    return (not _is_own(row, owners[0]),
            row != results.not_adapted(owners[0].runs[0].method))
  return dict(sorted(labels.items(), key=place))      # methods' own rows first


def _line(label: str, group: Group, row: str, folds: Folds,
          every: Mapping[str, Score]) -> Line:
  scored, seeds = _scores(group.counts(row), folds, every)
  scored |= {name: _recorded(group, row, name) for name, score in every.items()
             if score.needs_probabilities}
  return Line(label, scored, group.encoder, group.about('clips_seen'),
              group.about('macro_clips_seen'), group.models(), group.about('tried'),
              group.about('balance'), group.about('augmentation'), seeds)


def _recorded(group: Group, row: str, name: str) -> Scored:
  """A score of probabilities, of which a report has what the runs recorded."""
  recorded = [run.results['rows'][row].get(name) for run in group.runs]
  recorded = [one if isinstance(one, dict) else {} for one in recorded]
  number = lambda one, key: (
      float(one[key]) if isinstance(one.get(key), (int, float)) else np.nan)
  values = [number(one, 'value') for one in recorded]
  low, high = ((number(recorded[0], key) for key in ('low', 'high'))
               if len(recorded) == 1 else (np.nan, np.nan))
  return Scored(float(np.mean(values)), low, high, tuple(values))


def _scores(counts: BySeed, folds: Folds, every: Mapping[str, Score]
            ) -> tuple[dict[str, Scored], int]:
  """All scores, and over how many seeds; none of those that need probabilities."""
  stacked = np.stack([counts[seed] for seed in sorted(counts)])
  models = np.stack([folds[seed] for seed in sorted(counts)])
  if len(stacked) > 1 and (stacked == stacked[0]).all() and (models == models[0]).all():
    stacked, models = stacked[:1], models[:1]   # nothing in it depends on the seed
  return {
      name: Scored(
          comparison.mean_score(stacked, score.of_counts),
          *comparison.crossed_interval(stacked, score.of_counts, folds=models,
                                       bounds=score.bounds),
          tuple(score.of_counts(stacked.sum(1)).tolist()))
      for name, score in every.items() if not score.needs_probabilities}, len(stacked)


def _best(label: str, gaps: tuple[Gap, ...], methods: int) -> bool:
  """Whether it was compared with every other method and is better than each."""
  won = [gap for gap in gaps if (gap.first == label and gap.verdict == 'better')
         or (gap.second == label and gap.verdict == 'worse')]
  return methods > 1 and len(won) == methods - 1


def _mean(counts: BySeed, main: Callable[[np.ndarray], np.ndarray]) -> float:
  return comparison.mean_score(np.stack([counts[n] for n in sorted(counts)]), main)
