"""Intervals over subjects: coverage, pairing, and what they must contain."""

import numpy as np
import pytest
from scipy import stats

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


def uneven(rng, draws, subjects, folds=0, by_model=0., shares=(.6, .22, .18)):
  """(draws, S, K, K) and (draws, S): unequal classes, some people with few clips."""
  classes, shape = len(shares), (draws, subjects)
  clips = rng.multinomial(np.maximum(1, rng.negative_binomial(2, .25, shape)), shares)
  chance = .6 + .15 * rng.standard_normal(shape)
  group = np.broadcast_to(np.arange(subjects) % (folds or subjects), shape)
  chance += np.take_along_axis(by_model * rng.standard_normal(shape), group, 1)
  hits = rng.binomial(clips, np.clip(chance, 0, 1)[..., None])
  counts = np.zeros((*shape, classes, classes), int)
  for k in range(classes):
    others = [j for j in range(classes) if j != k]
    weight = np.array(shares)[others] / sum(shares[j] for j in others)
    counts[..., k, k] = hits[..., k]
    counts[..., k, others] = rng.multinomial(clips[..., k] - hits[..., k], weight)
  return counts, group


@pytest.mark.parametrize('subjects, folds, by_model', [
    (5, 0, 0.), (8, 0, 0.), (16, 0, 0.), (24, 0, 0.), (68, 0, 0.),
    (24, 10, .1), (24, 5, .1), (24, 3, .1)])
def test_covers_the_score_of_the_population(subjects, folds, by_model):
  """95 % intervals of UF1, with few people and few folds, cover in about 95 %."""
  rng, draws = np.random.default_rng(0), 400
  truth = scores.uf1(uneven(rng, 1, 100_000, by_model=by_model)[0].sum((0, 1)))
  inside = 0
  for counts, group in zip(*uneven(rng, draws, subjects, folds, by_model)):
    low, high = intervals.subject_interval(counts, scores.uf1,
                                           folds=group if folds else None)
    inside += low <= truth <= high
  assert .92 <= inside / draws <= .985


def test_without_folds_an_interval_of_few_models_is_too_narrow():
  rng = np.random.default_rng(1)
  truth = scores.uf1(uneven(rng, 1, 100_000, by_model=.1)[0].sum((0, 1)))
  inside = [low <= truth <= high for low, high in (
      intervals.subject_interval(counts, scores.uf1)
      for counts in uneven(rng, 300, 60, 3, .1)[0])]
  assert np.mean(inside) < .85


def test_the_jackknife_by_hand():
  counts = people(np.random.default_rng(1), subjects=8)
  root = lambda value: np.arcsin(np.sqrt(value))
  without = np.array([root(scores.uar(np.delete(counts, n, 0).sum(0)))
                      for n in range(8)])
  half = stats.t.ppf(.975, 7) * np.sqrt(7 / 8 * ((without - without.mean()) ** 2).sum())
  middle = root(scores.uar(counts.sum(0)))
  np.testing.assert_allclose(
      intervals.subject_interval(counts, scores.uar),
      [np.sin(middle - half) ** 2, np.sin(middle + half) ** 2])


def test_an_interval_holds_its_score_and_stays_between_0_and_1():
  counts = people(np.random.default_rng(5), subjects=3, skill=.85)
  low, high = intervals.subject_interval(counts, scores.uf1)
  assert 0 <= low < scores.uf1(counts.sum(0)) < high <= 1


def test_clips_of_one_person_are_not_independent():
  """Doubling every clip adds nothing, and the interval knows it."""
  counts = people(np.random.default_rng(6), subjects=12)
  one, two = (intervals.subject_interval(n * counts, scores.uf1) for n in (1, 2))
  assert one == pytest.approx(two)


def test_a_lower_level_is_narrower():
  counts = people(np.random.default_rng(8), subjects=12)
  wide, narrow = (intervals.subject_interval(counts, scores.accuracy, level=level)
                  for level in (.95, .5))
  assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_one_subject_says_nothing_of_others():
  counts = people(np.random.default_rng(10), subjects=1)
  assert np.isnan(intervals.subject_interval(counts, scores.uf1)).all()
  counts = people(np.random.default_rng(10), subjects=6)
  assert np.isnan(intervals.subject_interval(counts, scores.uf1,
                                             folds=np.zeros(6, int))).all()


def test_pairing():
  rng = np.random.default_rng(11)
  first = people(rng, subjects=24, spread=.3)
  same = intervals.paired_interval(first, first, scores.uf1)
  assert same == (0, 0)

  # The second errs on one more clip of every third subject.
  second = first.copy()
  for counts in second[::3]:
    k = int(np.argmax(np.diagonal(counts)))
    counts[k, k] -= 1
    counts[k, (k + 1) % 3] += 1
  low, high = intervals.paired_interval(first, second, scores.accuracy)
  alone = intervals.subject_interval(first, scores.accuracy)
  gap = scores.accuracy(first.sum(0)) - scores.accuracy(second.sum(0))
  assert 0 < low < gap < high
  assert high - low < .5 * (alone[1] - alone[0])


def test_pairing_needs_the_same_clips():
  rng = np.random.default_rng(12)
  with pytest.raises(ValueError, match='same clips'):
    intervals.paired_interval(people(rng, subjects=5), people(rng, subjects=5),
                              scores.uf1)
