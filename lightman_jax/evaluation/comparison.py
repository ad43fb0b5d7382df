"""Methods over seeds and subjects: scores, intervals, and whether one is better.

Counts are (R, S, K, K): R seeds, the same S subjects in the same order, truth by
prediction. The score of a method is the mean over its seeds of the score of the counts
pooled over subjects. `folds` (R, S) says which subjects of a seed were predicted by one
and the same trained model; None is a model for every subject, as under leave one
subject out.

Whether two methods differ is asked twice, and both must agree. The permutation test
swaps their names in units of people: what all seeds predicted of a person, or of people
who are in one fold in every seed, goes together, for such seeds repeat the training and
not the people, and people of a fold share its models' luck. Where seeds divide people
anew, what a fold's model of one seed predicted is swapped, too, and the larger p
counts:
people differ in what the methods make of them, and models in their luck. The interval
(`intervals.difference_interval`) adds up what people, models and seeds contribute. U
units can be swapped in 2^U ways, two of which are as far apart as what was observed, so
p is never below 2 / 2^U: with too few units no difference could ever be told from luck,
and there is no verdict, whatever the number of seeds.

Seeds that predict all alike, such as those of references without chance in them, are
one seed, with the folds of the first, whatever folds the others drew.
"""

from collections.abc import Mapping, Sequence
import itertools
from typing import Any, NamedTuple

from jaxtyping import Float, Int
import numpy as np

from lightman_jax.evaluation.intervals import (
  Score,
  check_pair,
  difference_interval,
  merge_people,
  score_interval,
)
from lightman_jax.units import counted

LEVEL = .05

BySeed = Mapping[int, Int[np.ndarray, 'S *k']]
Folds = Mapping[int, Int[np.ndarray, 'S']]    # seed to `folds` of it


class Difference(NamedTuple):
  """Score of the first method minus that of the second."""
  value: float
  low: float      # of the interval; NaN with fewer than two units
  high: float
  p: float        # two-sided, of the permutation test; not adjusted
  units: int      # whose names are swapped; of two kinds the fewer


def mean_score(counts: Int[np.ndarray, 'R S *k'], score: Score) -> float:
  """The mean over seeds of the pooled score.

  Args:
    counts: of every seed and subject.
    score: of pooled counts, vectorised over leading axes.
  """
  return float(score(counts.sum(1)).mean())


def crossed_interval(counts: Int[np.ndarray, 'R S *k'], score: Score, *,
                     folds: Int[np.ndarray, 'R S'] | None = None, level: float = .95,
                     bounds: tuple[float, float] | None = (0., 1.)
                     ) -> tuple[float, float]:
  """Interval of `mean_score`; see `intervals.score_interval`.

  Args:
    counts: of every seed and subject.
    score: of pooled counts, vectorised over leading axes.
    folds: see the module.
    level: how often such intervals should hold the score of all people.
    bounds: of the score, see `intervals.score_interval`.
  """
  (counts,), folds = _distinct([counts], folds)
  return score_interval(counts, score, folds=folds, level=level, bounds=bounds)


def difference(first: Int[np.ndarray, 'R S *k'], second: Int[np.ndarray, 'Q S *k'],
               score: Score, *, rng: np.random.Generator,
               folds: Int[np.ndarray, 'R S'] | None = None,
               permutations: int = 10_000, level: float = .95) -> Difference:
  """The paired difference of two methods, on the same subjects, folds and seeds.

  Args:
    first, second: counts of the same clips, subject by subject, and as many seeds.
    score: of pooled counts, vectorised over leading axes, such as `scores.uf1`.
    rng: draws permutations.
    folds: see the module; those of both methods.
    permutations: see `permutation_p`.
    level: of the interval.

  Raises:
    ValueError: the two do not count the same clips, or differ in the number of seeds.
  """
  check_pair(first, second)
  (first, second), folds = _distinct([first, second], folds)
  value = mean_score(first, score) - mean_score(second, score)
  return Difference(
      value, *difference_interval(first, second, score, folds=folds, level=level),
      permutation_p(first, second, score, rng=rng, folds=folds,
                    permutations=permutations),
      count_units(folds, *first.shape[:2]))


def permutation_p(first: Int[np.ndarray, 'R S *k'],
                  second: Int[np.ndarray, 'R S *k'], score: Score, *,
                  rng: np.random.Generator,
                  folds: Int[np.ndarray, 'R S'] | None = None,
                  permutations: int = 10_000) -> float:
  """Two-sided p of the difference when the methods' names mean nothing to a unit.

  Each unit's counts are swapped or not; see the module for what a unit is, and for two
  kinds of units the larger p is returned. All 2^U ways are gone through where they are
  no more than `permutations`; else that many are drawn, the observed one among them, so
  that p is never 0 (Phipson and Smyth 2010).

  Args:
    first, second: counts of the same clips, subject by subject, and as many seeds.
    score: of pooled counts, vectorised over leading axes.
    rng: draws permutations.
    folds: see the module; those of both methods.
    permutations: how many at most.

  Raises:
    ValueError: see `difference`.
  """
  check_pair(first, second)
  first, merged = merge_people(first, folds)
  second, _ = merge_people(second, folds)
  return max(_swapped(first, second, score, unit, rng, permutations)
             for unit in _units(merged, *first.shape[:2]))


def _swapped(first: np.ndarray, second: np.ndarray, score: Score,
             unit: Int[np.ndarray, 'R S'], rng: np.random.Generator,
             permutations: int) -> float:
  """The share of swaps of units that bring the methods as far apart as they are."""
  seeds, _, *size = first.shape
  units = int(unit.max()) + 1
  if 2 ** units <= permutations:
    swaps = (np.arange(2 ** units)[:, None] >> np.arange(units) & 1).astype(float)
  else:
    swaps = rng.integers(0, 2, (permutations, units)).astype(float)
    swaps[0] = 0.
  # What swapping a unit adds to the first method's pooled counts, by seed.
  change = np.zeros((units, seeds, *size))
  np.add.at(change, (unit, np.arange(seeds)[:, None]), second - first)
  both = (first + second).sum(1)
  one = first.sum(1) + np.rint(np.tensordot(swaps, change, 1)).astype(int)
  gap = score(one).mean(-1) - score(both - one).mean(-1)
  # The first row is the observed one; equal sums differ in their last bits.
  return float(np.mean(np.abs(gap) >= abs(gap[0]) - 1e-12))


def count_units(folds: Int[np.ndarray, 'R S'] | None, seeds: int, subjects: int) -> int:
  """How many units can be swapped: of two kinds, see the module, the fewer.

  Args:
    folds: see the module; None where every subject has models of their own.
    seeds, subjects: how many there are.
  """
  people, merged = merge_people(np.zeros((seeds, subjects, 0), int), folds)
  return min(int(unit.max()) + 1 for unit in _units(merged, *people.shape[:2]))


def least_p(units: int, pairs: int = 1) -> float:
  """The least p, after Holm in a family of `pairs`, that so many units can give.

  Args:
    units: whose names can be swapped.
    pairs: of the family.
  """
  return min(1., pairs * 2. ** (1 - units))


def why_too_few(units: int, pairs: int = 1, *, of: str) -> str:
  """Why no verdict is possible, for whoever reads a table; '' where one is.

  Args:
    units: whose answers can be swapped.
    pairs: of the family that p is adjusted for.
    of: what a unit is, in the singular, as 'fold'.
  """
  least = least_p(units, pairs)
  if least < LEVEL:
    return ''
  enough = next(n for n in itertools.count(units) if least_p(n, pairs) < LEVEL)
  holm_of = f' (after Holm, over {counted(pairs, "pair")})' if pairs > 1 else ''
  return (f'{counted(units, of, "is", "are")} too few to tell any difference from '
          f'chance, however large it is. Two rows are compared by swapping their '
          f'answers {of} by {of}; there are {2 ** units} ways to do so, and p, the '
          'share of them that set the rows as far apart as they are, cannot be below '
          f'{_plain(least)}{holm_of}, where a verdict needs less than '
          f'{_plain(LEVEL)}: it takes {counted(enough, of)} or more')


def _plain(p: float) -> str:
  return f'{p:.3g}'.removeprefix('0')


def holm(p: Sequence[float]) -> Float[np.ndarray, 'n']:
  """Adjusted p of a family of tests (Holm 1979), in the order given.

  The i-th smallest of n is multiplied by n - i + 1; none is below one before it, or
  above 1. Rejecting where it is below .05 errs anywhere in the family in at most 5 %
  of the cases, however the tests depend on each other.

  Args:
    p: of each test.
  """
  p = np.asarray(p, float)
  order = np.argsort(p, kind='stable')
  stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
  adjusted = np.empty_like(p)
  adjusted[order] = np.minimum(stepped, 1.)
  return adjusted


def all_pairs(counts: Sequence[BySeed], score: Score, *, seed: int = 0,
              folds: Folds | None = None, permutations: int = 10_000
              ) -> dict[tuple[int, int], tuple[Difference, float]]:
  """Every pair of a table's methods (i < j): their difference and adjusted p.

  The family is all pairs, not 'the best against the rest': which one is best is itself
  read off the data, and all pairs stay valid whichever that is.

  Args:
    counts: of each method, seed to counts, of the same clips.
    score: see `difference`.
    seed: of the draws; every pair sees the same ones.
    folds: of every seed; see the module.
    permutations: see `permutation_p`.

  Returns:
    A pair is compared on the seeds that both have; one without any is left out.
  """
  pairs = itertools.combinations(range(len(counts)), 2)
  return family({(i, j): (counts[i], counts[j]) for i, j in pairs}, score, seed=seed,
                folds=folds, permutations=permutations)


def family(pairs: Mapping[Any, tuple[BySeed, BySeed]], score: Score, *, seed: int = 0,
           folds: Folds | None = None, **options
           ) -> dict[Any, tuple[Difference, float]]:
  """The same for the named pairs alone; they are the family that Holm adjusts for.

  Args:
    pairs: name of a pair to the counts of both methods, by seed.
    score: see `difference`.
    seed: of the draws; every pair sees the same ones.
    folds: of every seed; see the module.
    options: of `difference`.
  """
  differences = {}
  for name, (first, second) in pairs.items():
    seeds = sorted(first.keys() & second.keys())
    if seeds:
      differences[name] = difference(
          np.stack([first[n] for n in seeds]), np.stack([second[n] for n in seeds]),
          score, rng=np.random.default_rng(seed),
          folds=None if folds is None else np.stack([folds[n] for n in seeds]),
          **options)
  return dict(zip(differences, zip(differences.values(), holm(
      [one.p for one in differences.values()]).tolist())))


def is_better(result: Difference, adjusted: float) -> bool:
  """Whether the first may be called better: beyond the interval, and by the test.

  Args:
    result: of the pair.
    adjusted: its p, after `holm`.
  """
  return bool(result.low > 0 and adjusted < LEVEL)


def is_worse(result: Difference, adjusted: float) -> bool:
  """The same for the second.

  Args:
    result: of the pair.
    adjusted: its p, after `holm`.
  """
  return bool(result.high < 0 and adjusted < LEVEL)


def _units(folds: Int[np.ndarray, 'R S'] | None, seeds: int, subjects: int
           ) -> list[Int[np.ndarray, 'R S']]:
  """For each kind of unit, the number, from 0, of that of every seed and subject.

  Of what `intervals.merge_people` returns: people, with all seeds; and where seeds
  divide them anew, folds of a seed, but those that hold the same people are one.
  """
  people = np.broadcast_to(np.arange(subjects), (seeds, subjects))
  if folds is None:
    return [people]
  numbers: dict[tuple, int] = {}
  models = np.zeros_like(folds)
  for seed, row in enumerate(folds):
    for fold in np.unique(row):
      same = row == fold
      models[seed, same] = numbers.setdefault(tuple(same.tolist()), len(numbers))
  return [people, models]


def _distinct(counts: Sequence[np.ndarray], folds: np.ndarray | None
              ) -> tuple[list[np.ndarray], np.ndarray | None]:
  """One seed for all where no method has chance in it, whatever their folds are."""
  if not all((one == one[0]).all() for one in counts):
    return [*counts], folds
  return [one[:1] for one in counts], folds if folds is None else folds[:1]
