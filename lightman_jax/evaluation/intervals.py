"""How far a score would move with other people: intervals over subjects.

Clips of one person are alike, so clips are not the unit: subjects are drawn with
replacement, their counts added, and the score taken of the sum (Efron's percentile
interval). With few subjects such intervals are somewhat too narrow. Subjects who miss
a class leave it empty in some draws, where its F1 counts as 0.
"""

from collections.abc import Callable

from jaxtyping import Float, Int
import numpy as np

Score = Callable[[np.ndarray], np.ndarray]   # counts (*b, K, K) -> (*b)


def subject_interval(counts: Int[np.ndarray, 'S K K'], score: Score, *,
                     rng: np.random.Generator, resamples: int = 2000,
                     level: float = .95) -> tuple[float, float]:
  """Percentile interval of `score` over draws of S subjects with replacement.

  Args:
    counts: confusion counts of every subject.
    score: of pooled counts, vectorised over leading axes, such as `scores.uf1`.
    rng: two rows of one table compare best with generators in the same state.
    resamples: number of draws.
    level: share of the draws within.

  Returns:
    low, high; NaN twice with fewer than two subjects, who say nothing of others.
  """
  if len(counts) < 2:
    return float('nan'), float('nan')
  drawn = score(_resampled(counts, _weights(rng, resamples, len(counts))))
  return _percentiles(drawn, level)


def paired_interval(first: Int[np.ndarray, 'S K K'], second: Int[np.ndarray, 'S K K'],
                    score: Score, *, rng: np.random.Generator, resamples: int = 2000,
                    level: float = .95) -> tuple[float, float]:
  """Interval of score(first) - score(second), both on the same drawn subjects.

  Far narrower than the two intervals suggest, because hard subjects are hard for both.

  Raises:
    ValueError: the two do not count the same clips of the same subjects.
  """
  if first.shape != second.shape or np.any(first.sum(-1) != second.sum(-1)):
    raise ValueError('a paired interval needs counts of the same clips, subject by '
                     'subject')
  if len(first) < 2:
    return float('nan'), float('nan')
  weights = _weights(rng, resamples, len(first))
  drawn = score(_resampled(first, weights)) - score(_resampled(second, weights))
  return _percentiles(drawn, level)


def _weights(rng: np.random.Generator, resamples: int,
             subjects: int) -> Int[np.ndarray, 'R S']:
  """How often each subject is drawn."""
  return rng.multinomial(subjects, np.full(subjects, 1 / subjects), size=resamples)


def _resampled(counts: Int[np.ndarray, 'S K K'],
               weights: Int[np.ndarray, 'R S']) -> Int[np.ndarray, 'R K K']:
  return np.tensordot(weights, counts, axes=1)


def _percentiles(drawn: Float[np.ndarray, 'R'], level: float) -> tuple[float, float]:
  low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
  return float(low), float(high)
