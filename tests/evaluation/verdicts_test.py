"""Verdicts, simulated: equals are seldom called different, and what differs is seen.

People differ in how easy they are, for both methods alike; a trained model differs from
the next in how good it is; and clips are right or wrong by chance. Two methods are
equal where their models come from the same distribution.
"""

from typing import NamedTuple

import numpy as np
import pytest

from lightman_jax.evaluation import comparison, scores

SHARES = (.6, .22, .18)      # of the classes, as in MEGC2019
DRAWS = 200


class Protocol(NamedTuple):
  """How many people, folds (0: one for each person) and seeds; by name or drawn."""
  subjects: int
  folds: int = 0
  seeds: int = 1
  drawn: bool = True         # whether every seed divides people anew

  def folds_of(self, rng):
    if not self.folds:
      return None
    order = np.arange(self.subjects) % self.folds
    return np.stack([rng.permutation(order) if self.drawn else order
                     for _ in range(self.seeds)])


LOSO, LOSO_SEEDS = Protocol(24), Protocol(24, seeds=3)
KFOLD, KFOLD_SEEDS, FIVE = Protocol(24, 10), Protocol(24, 5, 3), Protocol(24, 5)
DATA_SETS = Protocol(24, 3, 3, drawn=False)
THREE = Protocol(24, 3, drawn=False)
EIGHT = Protocol(24, 8, 3, drawn=False)     # data sets


def predicted(rng, ease, folds, skill=.6, by_model=.1, by_fold=0., by_person=0.,
              repeated=False):
  """(R, S, 3, 3) counts of one method, each of whose models is a draw of its own.

  What people of a fold (such as a data set), and a person, are to the method is the
  same in every seed; `repeated`: so are its counts.
  """
  if repeated:
    one = predicted(rng, ease[:1], folds if folds is None else folds[:1], skill,
                    by_model, by_fold, by_person)
    return np.repeat(one, len(ease), 0)
  seeds, subjects = ease.shape
  unit = np.arange(subjects) if folds is None else folds
  suits = by_fold * rng.standard_normal(subjects)
  ease = ease + by_person * rng.standard_normal(subjects) + suits[
      np.broadcast_to(unit, ease.shape)]
  model = np.take_along_axis(
      by_model * rng.standard_normal((seeds, subjects)),
      np.broadcast_to(unit, ease.shape), 1)
  right = np.clip(skill + ease + model, 0, 1)[..., None]
  # Every person has clips of all classes, six on the average.
  clips = np.broadcast_to(np.random.default_rng(9).multinomial(
      6, SHARES, subjects), (seeds, subjects, 3))
  hits = rng.binomial(clips, right)
  counts = np.zeros((seeds, subjects, 3, 3), int)
  for k in range(3):
    others = [j for j in range(3) if j != k]
    counts[:, :, k, k] = hits[..., k]
    first = rng.binomial(clips[..., k] - hits[..., k], .5)
    counts[:, :, k, others[0]] = first
    counts[:, :, k, others[1]] = clips[..., k] - hits[..., k] - first
  return counts


def methods(rng, protocol, skills, **options):
  """Counts of methods on the same people, and their folds."""
  folds = protocol.folds_of(rng)
  ease = np.broadcast_to(.12 * rng.standard_normal(protocol.subjects),
                         (protocol.seeds, protocol.subjects))
  return [predicted(rng, ease, folds, skill, **options) for skill in skills], folds


def verdicts(protocol, skills=(.6, .6), *, draws=DRAWS, as_folds=True, seed=1,
             **options):
  """Of each draw, the difference and whether one is called better."""
  rng = np.random.default_rng(seed)
  differences, called = [], []
  for _ in range(draws):
    (one, two), folds = methods(rng, protocol, skills, **options)
    differences.append(comparison.difference(
        one, two, scores.uf1, rng=rng, folds=folds if as_folds else None,
        permutations=250))
    called.append(comparison.is_better(differences[-1], differences[-1].p)
                  or comparison.is_worse(differences[-1], differences[-1].p))
  return differences, np.array(called)


def error(share, draws=DRAWS):
  """Three standard errors of a share among so many draws."""
  return 3 * np.sqrt(share * (1 - share) / draws)


@pytest.mark.parametrize('protocol, units', [
    (LOSO, 24), (LOSO_SEEDS, 24), (KFOLD, 10), (KFOLD_SEEDS, 15), (EIGHT, 8)])
def test_equals_are_called_different_as_often_as_the_level_says(protocol, units):
  differences, called = verdicts(protocol)
  assert {one.units for one in differences} == {units}
  # Where people count as well as models, the larger p does, and is seldom small.
  least = 0. if protocol == KFOLD_SEEDS else .05 - error(.05)
  assert least <= np.mean([one.p < .05 for one in differences]) <= .05 + error(.05)
  # A verdict asks for the interval besides.
  assert called.mean() <= .05 + error(.05)


@pytest.mark.parametrize('seeds', [1, 2, 3, 5, 20])
def test_no_number_of_seeds_makes_more_of_three_data_sets(seeds):
  """Two methods without chance, whose seeds repeat one another, however far apart."""
  protocol = THREE._replace(seeds=seeds)
  rng = np.random.default_rng(3)
  (one, two), folds = methods(rng, protocol, (.9, .2), repeated=True)
  difference = comparison.difference(one, two, scores.uf1, rng=rng, folds=folds)
  assert (difference.p, difference.units) == (.25, 3) and comparison.least_p(3) == .25
  once = comparison.difference(one[:1], two[:1], scores.uf1, rng=rng, folds=folds[:1])
  assert difference == pytest.approx(once)


@pytest.mark.parametrize('protocol', [LOSO, KFOLD, EIGHT._replace(seeds=1)])
def test_seeds_that_repeat_one_another_are_one(protocol):
  rng = np.random.default_rng(4)
  (one, two), folds = methods(rng, protocol, (.7, .5))
  say = lambda times: comparison.difference(
      *(np.repeat(counts, times, 0) for counts in (one, two)), scores.uf1,
      rng=np.random.default_rng(0), permutations=500,
      folds=None if folds is None else np.repeat(folds, times, 0))
  assert say(4) == pytest.approx(say(1))


def test_seeds_that_predict_alike_are_one_in_whatever_folds():
  rng = np.random.default_rng(5)
  (one, two), folds = methods(rng, KFOLD_SEEDS, (.7, .5), repeated=True)
  assert (folds[0] != folds[1]).any()
  all_seeds, once = (comparison.difference(
      one[:seeds], two[:seeds], scores.uf1, rng=np.random.default_rng(0),
      permutations=500, folds=folds[:seeds]) for seeds in (3, 1))
  assert all_seeds == once and once.units == 5


@pytest.mark.parametrize('protocol', [DATA_SETS, EIGHT._replace(seeds=5)])
def test_what_suits_a_data_set_is_no_more_known_with_more_seeds(protocol):
  _, called = verdicts(protocol, by_fold=.12, draws=100)
  assert called.mean() <= .05 + error(.05, 100)


@pytest.mark.slow
@pytest.mark.parametrize('options', [
    {}, {'by_fold': .12}, {'by_person': .12}, {'repeated': True},
    {'by_person': .12, 'by_model': 0.}])
@pytest.mark.parametrize('protocol', [
    LOSO, Protocol(24, seeds=5), KFOLD, KFOLD_SEEDS, Protocol(24, 5, 5),
    Protocol(24, 10, 2), DATA_SETS, Protocol(24, 3, 5, drawn=False), EIGHT,
    EIGHT._replace(seeds=5), Protocol(24, 8, drawn=False)])
def test_equals_are_rarely_called_different_whatever_seeds_share(protocol, options):
  if 'by_fold' in options and protocol.drawn:
    pytest.skip('folds that are drawn have nothing of their own')
  _, called = verdicts(protocol, draws=300, **options)
  assert called.mean() <= .05 + error(.05, 300)


@pytest.mark.parametrize('protocol, least', [(FIVE, .0625), (THREE, .25)])
def test_too_few_units_give_no_verdict(protocol, least):
  differences, called = verdicts(protocol, draws=40)
  assert comparison.least_p(differences[0].units) == least >= comparison.LEVEL
  assert min(one.p for one in differences) >= least
  assert not called.any()
  # However far apart they are.
  assert not verdicts(protocol, (.9, .2), draws=10)[1].any()


@pytest.mark.parametrize('protocol', [FIVE, THREE])
def test_people_of_a_fold_are_not_independent(protocol):
  """Swapped person by person, equals would be called different far too often."""
  differences, called = verdicts(protocol, as_folds=False)
  assert np.mean([one.p < .05 for one in differences]) > .05 + error(.05)
  assert called.mean() > .05 + error(.05)


def test_a_difference_of_fifteen_hundredths_is_seen():
  """24 people, leave one subject out, one seed: called in most of the draws."""
  skills = (.6, .7515)
  apart = [scores.uf1(methods(np.random.default_rng(1), Protocol(100_000), skills)[0][n]
                      .sum(1)).item() for n in (1, 0)]
  assert apart[0] - apart[1] == pytest.approx(.15, abs=.003)
  differences, called = verdicts(LOSO, skills)
  assert called.mean() >= .5
  assert all(one.high < 0 for one, yes in zip(differences, called) if yes)


def family_rate(protocol, count, draws, seed=0):
  """How often any pair of so many equal methods is called different."""
  rng, wrong = np.random.default_rng(seed), 0
  for _ in range(draws):
    table, folds = methods(rng, protocol, (.6,) * count)
    pairs = comparison.all_pairs(
        [dict(enumerate(counts)) for counts in table], scores.uf1,
        folds=None if folds is None else dict(enumerate(folds)), permutations=1000)
    wrong += any(comparison.is_better(*one) or comparison.is_worse(*one)
                 for one in pairs.values())
  return wrong / draws


@pytest.mark.parametrize('protocol', [LOSO, KFOLD, KFOLD_SEEDS])
def test_a_table_of_equals_rarely_calls_any_better(protocol):
  assert family_rate(protocol, 4, 40) <= .05 + error(.05, 40)


@pytest.mark.slow
@pytest.mark.parametrize('protocol', [LOSO, KFOLD, KFOLD_SEEDS, FIVE, DATA_SETS])
def test_a_large_table_of_equals_rarely_calls_any_better(protocol):
  """All 45 pairs of ten methods."""
  assert family_rate(protocol, 10, 40) <= .05 + error(.05, 40)
