"""Seeds and subjects: known values, coverage, and a test that keeps its level."""

import itertools

import numpy as np
import pytest
from scipy import stats

from lightman_jax.evaluation import comparison, intervals, scores


def simulated(rng, *, seeds=3, subjects=20, clips=8, skill=.6, by_subject=.12,
              by_seed=.03):
  """(R, S, 2, 2): people differ in how easy they are, seeds in how good."""
  chance = np.clip(skill + by_subject * rng.standard_normal((1, subjects))
                   + by_seed * rng.standard_normal((seeds, 1)), 0, 1)
  half = clips // 2
  right = rng.binomial(half, chance[..., None], (seeds, subjects, 2))
  return np.stack([np.stack([right[..., 0], half - right[..., 0]], -1),
                   np.stack([half - right[..., 1], right[..., 1]], -1)], -2)


def by_seed(counts, first=0):
  return dict(enumerate(counts, first))


def test_score_is_the_mean_over_seeds_of_the_pooled_score():
  counts = simulated(np.random.default_rng(0))
  by_hand = np.mean([scores.uf1(one.sum(0)) for one in counts])
  assert comparison.mean_score(counts, scores.uf1) == pytest.approx(by_hand)


def test_with_one_seed_only_subjects_are_drawn():
  counts = simulated(np.random.default_rng(1), seeds=1)
  got = comparison.crossed_interval(counts, scores.uf1)
  alone = intervals.subject_interval(counts[0], scores.uf1)
  assert got == pytest.approx(alone)
  # Five times the same seed is no more knowledge about people.
  again = comparison.crossed_interval(np.repeat(counts, 5, 0), scores.uf1)
  assert again == pytest.approx(alone)


def test_seeds_that_differ_widen_the_interval():
  counts = simulated(np.random.default_rng(3), subjects=8, by_seed=0.)
  low, high = comparison.crossed_interval(counts, scores.uf1)
  apart = counts.copy()
  # One seed that is right everywhere, one that is wrong where it was.
  apart[0] = np.eye(2, dtype=int) * counts[0].sum(-1)[..., None]
  wide = comparison.crossed_interval(apart, scores.uf1)
  assert wide[1] - wide[0] > high - low


@pytest.mark.parametrize('by_seed', [0., .04])
def test_intervals_cover(by_seed):
  rng = np.random.default_rng(6)
  # Every class is as likely to be right, so UAR's expectation is the skill.
  inside = 0
  for _ in range(400):
    low, high = comparison.crossed_interval(
        simulated(rng, seeds=5, subjects=24, by_seed=by_seed), scores.uar)
    inside += low <= .6 <= high
  assert .92 <= inside / 400 <= .99


def test_interval_of_a_difference_covers_and_is_narrower_than_two():
  rng = np.random.default_rng(7)
  inside = 0
  for _ in range(200):
    ease = np.clip(.6 + .2 * rng.standard_normal((1, 20, 1)), .1, .8)
    one, two = (np.stack([np.stack([h, 6 - h], -1), np.stack([6 - h, h], -1)], -2)
                for h in (rng.binomial(6, np.repeat(ease + up, 3, 0))[..., 0]
                          for up in (.1, 0.)))
    result = comparison.difference(one, two, scores.accuracy, rng=rng,
                                   permutations=100)
    inside += result.low <= .1 <= result.high
  assert .88 <= inside / 200 <= 1.
  alone = comparison.crossed_interval(one, scores.accuracy)
  assert result.high - result.low < alone[1] - alone[0]


def test_exact_permutations_equal_scipy():
  rng = np.random.default_rng(8)
  one, two = (simulated(rng, seeds=1, subjects=9, skill=skill) for skill in (.65, .5))
  right = lambda counts: np.trace(counts[0], axis1=-2, axis2=-1) / 8
  theirs = stats.permutation_test(
      (right(one), right(two)), lambda x, y: np.mean(x - y), vectorized=False,
      permutation_type='samples', n_resamples=np.inf)
  mine = comparison.permutation_p(one, two, scores.accuracy, rng=rng)
  assert mine == pytest.approx(theirs.pvalue)


def test_permutations_by_hand_over_seeds():
  rng = np.random.default_rng(9)
  one, two = simulated(rng, subjects=4), simulated(rng, subjects=4)
  gap = lambda a, b: scores.uf1(a.sum(1)).mean() - scores.uf1(b.sum(1)).mean()
  seen = []
  for swap in itertools.product((False, True), repeat=4):
    swap = np.array(swap)[None, :, None, None]
    seen.append(gap(np.where(swap, two, one), np.where(swap, one, two)))
  by_hand = np.mean(np.abs(seen) >= abs(gap(one, two)) - 1e-12)
  assert comparison.permutation_p(one, two, scores.uf1, rng=rng) == by_hand


def test_drawn_permutations_approach_all_of_them():
  rng = np.random.default_rng(10)
  one, two = simulated(rng, subjects=11, skill=.68), simulated(rng, subjects=11)
  exact = comparison.permutation_p(one, two, scores.uf1, rng=rng)
  drawn = comparison.permutation_p(one, two, scores.uf1, rng=rng, permutations=2000)
  assert drawn == pytest.approx(exact, abs=.04)
  far = simulated(rng, subjects=40, skill=.95), simulated(rng, subjects=40, skill=.2)
  least = comparison.permutation_p(*far, scores.uf1, rng=rng, permutations=1000)
  assert least == pytest.approx(1 / 1000)


def test_p_is_uniform_where_nothing_differs():
  rng = np.random.default_rng(11)
  p = np.array([comparison.permutation_p(
      simulated(rng, subjects=10, by_seed=0.), simulated(rng, subjects=10, by_seed=0.),
      scores.uf1, rng=rng, permutations=1024) for _ in range(300)])
  assert np.mean(p <= .05) <= .085
  assert .42 <= p.mean() <= .58
  assert .15 <= np.mean(p <= .25) <= .35


def swapped_by_hand(one, two, units):
  """p over all swaps of units, each a list of (seed, subject)."""
  gap = lambda a, b: scores.uf1(a.sum(1)).mean() - scores.uf1(b.sum(1)).mean()
  seen = []
  for swap in itertools.product((False, True), repeat=len(units)):
    here = np.zeros((*one.shape[:2], 1, 1), bool)
    for cell in itertools.chain(*itertools.compress(units, swap)):
      here[cell] = True
    seen.append(gap(np.where(here, two, one), np.where(here, one, two)))
  return np.mean(np.abs(seen) >= abs(gap(one, two)) - 1e-12)


def test_seeds_that_divide_people_anew_are_swapped_by_people_and_by_models():
  """By hand: a person with all seeds, or a fold of a seed; the larger p counts."""
  larger = set()
  for seed in range(8):
    rng = np.random.default_rng(16 + seed)
    one, two = (simulated(rng, seeds=2, subjects=4) for _ in range(2))
    folds = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    people = swapped_by_hand(one, two, [[(0, n), (1, n)] for n in range(4)])
    models = swapped_by_hand(one, two, [[(r, n) for n in range(4) if folds[r, n] == f]
                                        for r in range(2) for f in range(2)])
    difference = comparison.difference(one, two, scores.uf1, rng=rng, folds=folds)
    assert (difference.p, difference.units) == (max(people, models), 4)
    larger.add(people > models)
  assert larger == {False, True}


def test_people_of_one_fold_in_every_seed_are_one_unit_of_people():
  rng = np.random.default_rng(16)
  one, two = (simulated(rng, seeds=3, subjects=6) for _ in range(2))
  # The numbers of a seed's folds mean nothing to another seed.
  folds = np.array([[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], [2, 2, 0, 0, 1, 1]])
  by_hand = swapped_by_hand(one, two, [
      [(r, n) for r in range(3) for n in pair] for pair in ((0, 1), (2, 3), (4, 5))])
  difference = comparison.difference(one, two, scores.uf1, rng=rng, folds=folds)
  assert (difference.p, difference.units) == (by_hand, 3)
  together = lambda counts: counts.reshape(3, 3, 2, 2, 2).sum(2)
  assert difference == pytest.approx(comparison.difference(
      together(one), together(two), scores.uf1, rng=rng))
  # Of two divisions, folds that hold the same people in both are one unit.
  folds = np.array([[0, 0, 1, 1, 2, 2], [0, 0, 1, 2, 1, 2]])
  assert comparison.count_units(folds, 2, 6) == 5
  # Folds of one person each are that person's, all seeds together.
  alone = np.array([[3, 1, 0, 2, 4, 5], [0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]])
  assert comparison.difference(one, two, scores.uf1, rng=rng, folds=alone
                               ) == comparison.difference(one, two, scores.uf1, rng=rng)


def test_the_least_p_of_few_units():
  assert [comparison.least_p(n) for n in (1, 3, 5, 6)] == [1, .25, .0625, .03125]
  assert comparison.least_p(9, 45) == pytest.approx(45 / 256)


def test_whoever_reads_a_table_is_told_why_there_is_no_verdict():
  assert comparison.why_too_few(6, of='fold') == ''
  said = comparison.why_too_few(5, of='person')
  assert said.startswith('5 people are too few to tell any difference from chance')
  assert '32 ways' in said and 'below .0625, where' in said and 'Holm' not in said
  assert said.endswith('it takes 6 people or more')
  # Of 45 pairs, 45 / 2^9 is above .05 and 45 / 2^10 is not.
  said = comparison.why_too_few(9, 45, of='fold')
  assert 'after Holm, over 45 pairs' in said and 'takes 11 folds or more' in said


def test_holm_by_hand():
  # .005 * 4, .01 * 3, .03 * 2, and .04 * 1, which may not be below the one before.
  np.testing.assert_allclose(comparison.holm([.01, .04, .03, .005]),
                             [.03, .06, .06, .02])
  np.testing.assert_allclose(comparison.holm([.5, .6]), [1, 1])
  np.testing.assert_allclose(comparison.holm([.02]), [.02])
  assert comparison.holm([]).size == 0


def test_a_table_of_equals_rarely_calls_one_better():
  rng = np.random.default_rng(12)
  wrong = 0
  for _ in range(40):
    pairs = comparison.all_pairs(
        [by_seed(simulated(rng, subjects=10, by_seed=0.)) for _ in range(4)],
        scores.uf1, permutations=1024)
    wrong += any(comparison.is_better(*one) or comparison.is_worse(*one)
                 for one in pairs.values())
  assert wrong <= 6


def test_what_is_far_better_is_called_so():
  rng = np.random.default_rng(13)
  table = [by_seed(simulated(rng, skill=skill)) for skill in (.55, .9, .56)]
  pairs = comparison.all_pairs(table, scores.uf1)
  assert list(pairs) == [(0, 1), (0, 2), (1, 2)]
  assert comparison.is_worse(*pairs[0, 1]) and comparison.is_better(*pairs[1, 2])
  assert not comparison.is_better(*pairs[0, 2])
  assert not comparison.is_worse(*pairs[0, 2])
  same, p = comparison.all_pairs([table[0], table[0]], scores.uf1)[0, 1]
  assert tuple(same) == (0, 0, 0, 1, 20) and p == 1


def test_pairs_are_of_the_seeds_that_both_have():
  rng = np.random.default_rng(15)
  one, two, three = (simulated(rng, subjects=9) for _ in range(3))
  pairs = comparison.all_pairs([by_seed(one), by_seed(two, 1), by_seed(three, 9)],
                               scores.uf1)
  assert list(pairs) == [(0, 1)]
  assert pairs[0, 1][0].value == pytest.approx(
      comparison.mean_score(one[1:], scores.uf1)
      - comparison.mean_score(two[:-1], scores.uf1))


def test_what_cannot_be_compared_is_refused():
  rng = np.random.default_rng(14)
  with pytest.raises(ValueError, match='as many seeds'):
    comparison.difference(simulated(rng, seeds=2), simulated(rng, seeds=3),
                          scores.uf1, rng=rng)
  one = simulated(rng, subjects=1)
  assert np.isnan(comparison.crossed_interval(one, scores.uf1)).all()
  assert comparison.difference(one, one[::-1], scores.uf1, rng=rng).p == 1
