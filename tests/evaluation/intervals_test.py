"""Intervals over subjects: coverage, pairing, and what they must contain."""

import numpy as np
import pytest

from lightman_jax.evaluation import intervals, scores


def people(rng, *, subjects, clips=6, spread=.15, skill=.6, classes=3):
  """Counts of subjects who differ in how often they are recognised."""
  truth = rng.integers(0, classes, (subjects, clips))
  chance = np.clip(skill + spread * rng.standard_normal((subjects, 1)), 0, 1)
  wrong = (truth + rng.integers(1, classes, truth.shape)) % classes
  guess = np.where(rng.random(truth.shape) < chance, truth, wrong)
  group = np.repeat(np.arange(subjects), clips)
  return scores.confusion_by(group, truth.ravel(), guess.ravel(), groups=subjects,
                             classes=classes)


def test_covers_the_score_of_the_population():
  rng = np.random.default_rng(0)
  truth = scores.uf1(people(rng, subjects=20_000).sum(0))
  inside = 0
  for _ in range(300):
    low, high = intervals.subject_interval(
        people(rng, subjects=24), scores.uf1, rng=rng, resamples=400)
    inside += low <= truth <= high
  # Percentile intervals of 24 subjects are a little too narrow: 95 % is not reached.
  assert .88 <= inside / 300 <= .99


def test_a_draw_is_a_sum_over_subjects_with_replacement():
  counts = people(np.random.default_rng(1), subjects=8)
  got = intervals.subject_interval(counts, scores.uar, rng=np.random.default_rng(2),
                                   resamples=20_000)
  rng = np.random.default_rng(3)
  drawn = [scores.uar(counts[rng.integers(0, 8, 8)].sum(0)) for _ in range(4000)]
  np.testing.assert_allclose(got, np.quantile(drawn, [.025, .975]), atol=.01)


def test_same_generator_same_interval():
  counts = people(np.random.default_rng(4), subjects=10)
  one, two = (intervals.subject_interval(counts, scores.uf1,
                                         rng=np.random.default_rng(5))
              for _ in range(2))
  assert one == two and one[0] < scores.uf1(counts.sum(0)) < one[1]


def test_clips_of_one_person_are_not_independent():
  """Doubling every clip adds nothing, and the interval knows it."""
  counts = people(np.random.default_rng(6), subjects=12)
  one, two = (intervals.subject_interval(n * counts, scores.uf1,
                                         rng=np.random.default_rng(7))
              for n in (1, 2))
  assert one == two


def test_a_lower_level_is_narrower():
  counts = people(np.random.default_rng(8), subjects=12)
  wide, narrow = (intervals.subject_interval(counts, scores.accuracy, level=level,
                                             rng=np.random.default_rng(9))
                  for level in (.95, .5))
  assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_one_subject_says_nothing_of_others():
  counts = people(np.random.default_rng(10), subjects=1)
  assert np.isnan(intervals.subject_interval(
      counts, scores.uf1, rng=np.random.default_rng(0))).all()


def test_pairing():
  rng = np.random.default_rng(11)
  first = people(rng, subjects=24, spread=.3)
  same = intervals.paired_interval(first, first, scores.uf1, rng=rng)
  assert same == (0, 0)

  # The second errs on one more clip of every third subject.
  second = first.copy()
  for counts in second[::3]:
    k = int(np.argmax(np.diagonal(counts)))
    counts[k, k] -= 1
    counts[k, (k + 1) % 3] += 1
  low, high = intervals.paired_interval(first, second, scores.accuracy, rng=rng)
  alone = intervals.subject_interval(first, scores.accuracy, rng=rng)
  gap = scores.accuracy(first.sum(0)) - scores.accuracy(second.sum(0))
  assert 0 < low < gap < high
  assert high - low < .5 * (alone[1] - alone[0])


def test_pairing_needs_the_same_clips():
  rng = np.random.default_rng(12)
  with pytest.raises(ValueError, match='same clips'):
    intervals.paired_interval(people(rng, subjects=5), people(rng, subjects=5),
                              scores.uf1, rng=rng)
