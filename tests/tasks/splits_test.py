"""Ways to divide subjects: against all ways tried one by one; refusals by name."""

import itertools

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Content, Pool
from lightman_jax.tasks import splits
from lightman_jax.tasks.folds import Fold, leave_one_subject_out
from lightman_jax.tasks.splits import plan_splits


def pool_with(micro, macro=None) -> Pool:
  """A pool with micro[subject][class] clips, and macro[subject] macro clips."""
  macro = [0] * len(micro) if macro is None else macro
  rows = [(k, s, False) for s, row in enumerate(micro)
          for k, count in enumerate(row) for _ in range(count)]
  rows += [(-1, s, True) for s, count in enumerate(macro) for _ in range(count)]
  label, subject, is_macro = map(np.array, zip(*rows))
  n = len(rows)
  return Pool(np.zeros((n, 1), np.float32), label, subject, is_macro, np.zeros(n, bool),
              tuple(f's{i}' for i in range(len(micro))), ('',) * n,
              tuple('abcd'[:len(micro[0])]), Content('flow', (1,), True))


def plan(pool: Pool, held_out=0, *, shots=1, queries=1, own_macro=False, seed=0,
         **more):
  fold, = [fold for fold in leave_one_subject_out(pool)
           if fold.held_out == f's{held_out}']
  return plan_splits(pool, fold, shots=shots, queries=queries, own_macro=own_macro,
                     rng=np.random.default_rng(seed), **more)


def by_trying(micro, macro, held_out, shots, queries, own_macro):
  """{subjects on the support side: clips that are lacking}, by definition."""
  train = [s for s in range(len(micro)) if s != held_out and sum(micro[s])]
  divisions = {}
  for size in range(len(train) + 1):
    for side in itertools.combinations(train, size):
      support = np.sum([micro[s] for s in side], 0) if side else np.zeros(1)
      others = [micro[s] for s in train if s not in side]
      query = np.sum(others, 0) if others else np.zeros(1)
      if min(support) == 0 or min(query) == 0:
        continue
      if own_macro and not sum(macro[s] for s in side):
        continue
      divisions[side] = (np.maximum(shots - support, 0).sum()
                         + np.maximum(queries - query, 0).sum())
  return divisions


COUNTS = st.integers(2, 3).flatmap(lambda classes: st.lists(
    st.lists(st.integers(0, 2), min_size=classes, max_size=classes),
    min_size=2, max_size=5))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(COUNTS, st.integers(1, 3), st.integers(1, 3), st.booleans(), st.data())
def test_all_ways_and_the_best_first(micro, shots, queries, own_macro, data):
  micro[0][0] = max(micro[0][0], 1)      # someone to hold out
  macro = data.draw(st.lists(st.integers(0, 1), min_size=len(micro),
                             max_size=len(micro)))
  want = by_trying(micro, macro, 0, shots, queries, own_macro)
  pool = pool_with(micro, macro)
  how = dict(shots=shots, queries=queries, own_macro=own_macro)
  if not want:
    with pytest.raises(InputError, match='^fold s0: '):
      plan(pool, **how)
    return
  got = plan(pool, **how)
  sides = [tuple(np.flatnonzero(row)) for row in got.support]
  assert sorted(sides) == sorted(want)
  lacking = [want[side] for side in sides]
  assert lacking == sorted(lacking)
  assert got.short == round(np.mean(lacking))
  assert not got.support[:, 0].any()         # whoever is held out is on no side
  few = plan(pool, **how, most=2)
  np.testing.assert_array_equal(few.support, got.support[:2])


def test_many_subjects_are_sampled_and_every_way_is_valid():
  rng = np.random.default_rng(0)
  micro = rng.integers(0, 3, (26, 3)).tolist()
  got = plan(pool_with(micro), 3, shots=2, queries=2)
  assert got.support.shape == (256, 26)
  assert len(np.unique(got.support, axis=0)) == 256
  counts = np.array(micro)
  counts[3] = 0
  assert ((got.support @ counts) >= 2).all() and got.short == 0
  assert ((~got.support @ counts) >= 2).all() and not got.support[:, 3].any()
  # Those that are kept are not all alike: people change sides.
  share = got.support.mean(0)[counts.any(1)]
  assert .3 < share.min() and share.max() < .7


@pytest.mark.parametrize('subjects', [6, 20])
def test_the_same_seed_gives_the_same_splits(subjects):
  pool = pool_with([[1, 1]] * subjects)
  first, again, other = (plan(pool, seed=seed).support for seed in (0, 0, 1))
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)


def test_a_class_of_one_subject_is_refused_by_name():
  micro = [[1, 1, 1], [1, 1, 5], [1, 1, 0], [1, 1, 0]]
  with pytest.raises(InputError, match=r'fold s0: class c has 5 training clips of 1'):
    plan(pool_with(micro))
  # Who holds the only other clips of a class out leaves too little for training.
  with pytest.raises(InputError, match=r'fold s1: class c has 1 training'):
    plan(pool_with(micro), 1)


def test_one_subject_is_refused_and_one_clip_is_not():
  with pytest.raises(InputError, match='fold s0: class a has 0 training'):
    plan(pool_with([[3, 3]]))
  got = plan(pool_with([[1, 0], [2, 2], [2, 2], [0, 1]]), 3)
  assert len(got.support) > 0


def test_no_division_is_refused_with_the_reason():
  # Each class has two subjects, but no two sides have both classes.
  micro = [[1, 1], [1, 0], [0, 1], [1, 1]]
  assert len(plan(pool_with(micro), 0).support) == 2
  with pytest.raises(InputError, match='fold s0: no division of its 3 training'):
    plan(pool_with([[1, 1], [1, 0], [1, 1], [0, 0], [0, 1]], [1, 0, 0, 1, 0]), 0,
         own_macro=True)
  with pytest.raises(InputError, match='macro-expression in the support; use another'):
    plan(pool_with(micro, [1, 0, 0, 0]), 0, own_macro=True)


def test_short_classes_are_counted():
  # Each side has one clip of each class; a task wants 3 and 2: 2 x (2 + 1) drawn again.
  got = plan(pool_with([[1, 1]] * 3), shots=3, queries=2)
  assert len(got.support) == 2 and got.short == 6


def test_a_fold_is_any_pair_of_masks():
  pool = pool_with([[1, 1]] * 4)
  fold = Fold('two people', pool.subject > 1, pool.subject <= 1)
  got = plan_splits(pool, fold, shots=1, queries=1, own_macro=False,
                    rng=np.random.default_rng(0))
  assert len(got.support) == 2 and not got.support[:, :2].any()


def test_what_is_tried_has_a_bound():
  assert splits.CANDIDATES >= 2 ** splits.ENUMERATE_UP_TO
