"""Methods over seeds and subjects: scores, intervals, and whether one is better.

Counts are (R, S, K, K): R seeds, the same S subjects in the same order, truth by
prediction. The score of a method is the mean over its seeds of the score of the counts
pooled over subjects.

Intervals draw subjects and seeds, both with replacement and crossed: every drawn seed
meets every drawn subject (the pigeonhole bootstrap, Owen 2007). The part that is
neither the subject's nor the seed's is counted more than once, which widens them; few
seeds say little about seeds, which narrows them. One seed leaves the subjects alone,
and then the interval says nothing of other seeds.

The test swaps the two methods' counts of a subject, all seeds together (the signed
permutation test). It asks whether *these trained models* differ on other people; that
other seeds would differ too is the interval's part. So `is_better` asks both.
"""

from collections.abc import Mapping, Sequence
import itertools
from typing import Any, NamedTuple

from jaxtyping import Float, Int
import numpy as np

from lightman_jax.evaluation.intervals import Score

LEVEL = .05

BySeed = Mapping[int, Int[np.ndarray, 'S K K']]


class Difference(NamedTuple):
  """Score of the first method minus that of the second."""
  value: float
  low: float      # of the interval; NaN with fewer than two subjects
  high: float
  p: float        # two-sided, of the permutation test; not adjusted


def mean_score(counts: Int[np.ndarray, 'R S K K'], score: Score) -> float:
  """The mean over seeds of the pooled score."""
  return float(score(counts.sum(1)).mean())


def crossed_interval(counts: Int[np.ndarray, 'R S K K'], score: Score, *,
                     rng: np.random.Generator, resamples: int = 2000,
                     level: float = .95) -> tuple[float, float]:
  """Percentile interval of `mean_score` over draws of subjects and seeds.

  Args:
    counts: of one method.
    score: of pooled counts, vectorised over leading axes, such as `scores.uf1`.
    rng: in one state for all methods of a table, so that all see the same people.
    resamples: number of draws.
    level: share of the draws within.

  Returns:
    low, high; NaN twice with fewer than two subjects.
  """
  if counts.shape[1] < 2:
    return float('nan'), float('nan')
  subjects, seeds = _weights(rng, resamples, *counts.shape[1::-1])
  return _percentiles(_drawn(counts, score, subjects, seeds), level)


def difference(first: Int[np.ndarray, 'R S K K'], second: Int[np.ndarray, 'Q S K K'],
               score: Score, *, rng: np.random.Generator, resamples: int = 2000,
               permutations: int = 10_000, level: float = .95) -> Difference:
  """The paired difference of two methods, on the same drawn subjects and seeds.

  Args:
    first, second: counts of the same clips, subject by subject, and as many seeds.
    score: see `crossed_interval`.
    rng: draws subjects and seeds, then permutations.
    resamples, level: of the interval.
    permutations: see `permutation_p`.

  Raises:
    ValueError: the two do not count the same clips, or differ in the number of seeds.
  """
  _check(first, second)
  value = mean_score(first, score) - mean_score(second, score)
  if first.shape[1] < 2:
    return Difference(value, float('nan'), float('nan'), 1.)
  subjects, seeds = _weights(rng, resamples, *first.shape[1::-1])
  drawn = (_drawn(first, score, subjects, seeds)
           - _drawn(second, score, subjects, seeds))
  return Difference(value, *_percentiles(drawn, level), permutation_p(
      first, second, score, rng=rng, permutations=permutations))


def permutation_p(first: Int[np.ndarray, 'R S K K'],
                  second: Int[np.ndarray, 'R S K K'], score: Score, *,
                  rng: np.random.Generator, permutations: int = 10_000) -> float:
  """Two-sided p of the difference when the methods' names mean nothing to a subject.

  Each subject's counts, of all seeds together, are swapped or not. All 2^S ways are
  gone through where they are no more than `permutations`; else that many are drawn,
  the observed one among them, so that p is never 0 (Phipson and Smyth 2010).

  Raises:
    ValueError: see `difference`.
  """
  _check(first, second)
  subjects = first.shape[1]
  if 2 ** subjects <= permutations:
    swaps = np.array(list(itertools.product((0., 1.), repeat=subjects)))
  else:
    swaps = rng.integers(0, 2, (permutations, subjects)).astype(float)
    swaps[0] = 0.
  both = (first + second).sum(1)
  one = first.sum(1) + _weighted(swaps, second - first)
  gap = score(one).mean(-1) - score(both - one).mean(-1)
  # The first row is the observed one; equal sums differ in their last bits.
  return float(np.mean(np.abs(gap) >= abs(gap[0]) - 1e-12))


def holm(p: Sequence[float]) -> Float[np.ndarray, 'n']:
  """Adjusted p of a family of tests (Holm 1979), in the order given.

  The i-th smallest of n is multiplied by n - i + 1; none is below one before it, or
  above 1. Rejecting where it is below .05 errs anywhere in the family in at most 5 %
  of the cases, however the tests depend on each other.
  """
  p = np.asarray(p, float)
  order = np.argsort(p, kind='stable')
  stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
  adjusted = np.empty_like(p)
  adjusted[order] = np.minimum(stepped, 1.)
  return adjusted


def all_pairs(counts: Sequence[BySeed], score: Score, *, seed: int = 0,
              resamples: int = 2000, permutations: int = 10_000
              ) -> dict[tuple[int, int], tuple[Difference, float]]:
  """Every pair of a table's methods (i < j): their difference and adjusted p.

  The family is all pairs, not 'the best against the rest': which one is best is itself
  read off the data, and all pairs stay valid whichever that is.

  Args:
    counts: of each method, seed to counts, of the same clips.
    score: see `crossed_interval`.
    seed: of the draws; every pair sees the same ones.
    resamples, permutations: see `difference`.

  Returns:
    A pair is compared on the seeds that both have; one without any is left out.
  """
  pairs = itertools.combinations(range(len(counts)), 2)
  return family({(i, j): (counts[i], counts[j]) for i, j in pairs}, score, seed=seed,
                resamples=resamples, permutations=permutations)


def family(pairs: Mapping[Any, tuple[BySeed, BySeed]], score: Score, *, seed: int = 0,
           **options) -> dict[Any, tuple[Difference, float]]:
  """The same for the named pairs alone; they are the family that Holm adjusts for."""
  found = {}
  for name, (first, second) in pairs.items():
    seeds = sorted(first.keys() & second.keys())
    if seeds:
      found[name] = difference(
          np.stack([first[n] for n in seeds]), np.stack([second[n] for n in seeds]),
          score, rng=np.random.default_rng(seed), **options)
  return dict(zip(found, zip(found.values(),
                             holm([one.p for one in found.values()]).tolist())))


def is_better(found: Difference, adjusted: float) -> bool:
  """Whether the first may be called better: beyond the interval, and by the test."""
  return bool(found.low > 0 and adjusted < LEVEL)


def is_worse(found: Difference, adjusted: float) -> bool:
  """The same for the second."""
  return bool(found.high < 0 and adjusted < LEVEL)


def _weights(rng: np.random.Generator, resamples: int, subjects: int, seeds: int
             ) -> tuple[Float[np.ndarray, 'B S'], Float[np.ndarray, 'B R']]:
  """How often each subject is drawn, and the share of each seed."""
  draw = lambda n: rng.multinomial(n, np.full(n, 1 / n), resamples).astype(float)
  return draw(subjects), draw(seeds) / seeds


def _drawn(counts: Int[np.ndarray, 'R S K K'], score: Score,
           subjects: Float[np.ndarray, 'B S'],
           seeds: Float[np.ndarray, 'B R']) -> Float[np.ndarray, 'B']:
  return (score(_weighted(subjects, counts)) * seeds).sum(1)


def _weighted(weights: Float[np.ndarray, 'B S'], counts: Int[np.ndarray, 'R S K K']
              ) -> Int[np.ndarray, 'B R K K']:
  # As floats it is one matrix product; sums of clips are exact there.
  return np.rint(np.tensordot(weights, counts.astype(float), (1, 1))).astype(int)


def _percentiles(drawn: Float[np.ndarray, 'B'], level: float) -> tuple[float, float]:
  low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
  return float(low), float(high)


def _check(first: np.ndarray, second: np.ndarray) -> None:
  if first.shape != second.shape or np.any(first.sum(-1) != second.sum(-1)):
    raise ValueError('two methods are compared on the same clips, subject by subject, '
                     'over as many seeds of each')
