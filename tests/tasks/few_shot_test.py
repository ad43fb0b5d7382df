"""Test episodes hold what their protocol's name says, and refuse what cannot be."""

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Content, Pool
from lightman_jax.tasks import few_shot
from lightman_jax.tasks.few_shot import Form, plan_episodes
from lightman_jax.tasks.folds import k_folds, leave_one_subject_out

ORIGINS = ('training_subjects', 'held_out_subject', 'held_out_dataset')


def pool_with(counts, macro=1) -> Pool:
  """A pool with counts[subject][class] micro clips, and macro clips of everybody."""
  rows = [(k, s, False) for s, row in enumerate(counts)
          for k, n in enumerate(row) for _ in range(n)]
  rows += [(0, s, True) for s in range(len(counts)) for _ in range(macro)]
  label, subject, is_macro = map(np.array, zip(*rows))
  n = len(rows)
  return Pool(np.arange(n, dtype=np.float32)[:, None], label, subject, is_macro,
              np.zeros(n, bool), tuple(f's{i}' for i in range(len(counts))),
              tuple(f'c{i}' for i in range(n)), tuple('abcd'[:len(counts[0])]),
              Content('flow', (1,), True))


def planned(pool, folds, origin, *, episodes=60, ways=0, shots=1, queries=1, seed=0):
  return plan_episodes(pool, folds, [pool.label] * len(folds),
                       Form(episodes, ways, shots, queries, origin), seed=seed)


@pytest.fixture(scope='module')
def pool():
  return pool_with([[3, 4, 5]] * 8)


@pytest.mark.parametrize('ways', [0, 2])
@pytest.mark.parametrize('origin', ORIGINS)
def test_an_episode_is_what_its_name_says(pool, origin, ways):
  folds = k_folds(pool, 2, seed=0)
  plan = planned(pool, folds, origin, ways=ways, shots=2, queries=1)
  w = ways or 3
  assert plan.form.ways == w and plan.held_out_people == len(plan.people) == 8
  assert sum(len(part.classes) for part in plan.folds.values()) == 60
  for fold in folds:
    test, train = set(np.flatnonzero(fold.test)), set(
        np.flatnonzero(fold.train & ~pool.macro))
    for classes, support, query in zip(*plan.folds[fold.held_out], strict=True):
      assert len(classes) == w and (np.diff(classes) > 0).all()
      np.testing.assert_array_equal(pool.label[support], classes.repeat(2))
      np.testing.assert_array_equal(pool.label[query], classes)
      assert len({*support, *query}) == 3 * w        # no clip twice, none on both sides
      assert set(query) <= test
      assert set(support) <= (train if origin == 'training_subjects' else test)
      support_people = set(pool.subject[support])
      query_people = set(pool.subject[query])
      if origin == 'held_out_subject':
        assert support_people == query_people and len(query_people) == 1
      else:
        assert not support_people & query_people


def test_everybody_who_qualifies_is_asked_about_alike(pool):
  folds = leave_one_subject_out(pool)
  plan = planned(pool, folds, 'held_out_subject', episodes=83)
  share = lambda plan: sorted(len(part.classes) for part in plan.folds.values())
  assert share(plan) == [10] * 5 + [11] * 3
  plan = planned(pool, k_folds(pool, 3, seed=0), 'held_out_subject', episodes=80)
  queried = [pool.subject[query[0]] for part in plan.folds.values()
             for query in part.query]
  assert np.bincount(queried).tolist() == [10] * 8
  assert share(plan) == [20, 30, 30]


def test_both_sides_of_a_divided_fold_have_people_enough():
  pool = pool_with([[3, 3]] * 8)
  plan = planned(pool, k_folds(pool, 2, seed=1), 'held_out_dataset', queries=3, shots=3)
  for part in plan.folds.values():
    sides = {frozenset(pool.subject[query]) for query in part.query}
    # Two of four give, and two are asked: six ways.
    assert all(len(side) <= 2 for side in sides) and set.union(*map(set, sides))
  with pytest.raises(InputError, match='held_out_dataset: 0 of 8 held-out people'):
    planned(pool, k_folds(pool, 4, seed=1), 'held_out_dataset')


def test_episodes_go_by_seed_fold_and_number(pool):
  folds = leave_one_subject_out(pool)
  plan = lambda **how: planned(pool, folds, 'held_out_subject', **how).folds
  few, many, other = plan(), plan(episodes=160), plan(seed=1)
  for held_out, part in few.items():
    for mine, more in zip(part, many[held_out]):
      np.testing.assert_array_equal(mine, more[:len(mine)])
    assert not np.array_equal(part.support, other[held_out].support)
    assert len({tuple(row) for row in np.hstack([part.support, part.query])}) > 1
  # Someone else's clips are nobody's business.
  less = pool_with([[3, 4, 5]] * 7 + [[9, 9, 9]])
  again = planned(less, leave_one_subject_out(less), 'held_out_subject').folds['s0']
  for one, two in zip(few['s0'], again):
    np.testing.assert_array_equal(one, two)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=3,
                max_size=7), st.integers(2, 3), st.integers(1, 2), st.integers(1, 2))
def test_who_has_enough_clips(counts, ways, shots, queries):
  counts[0][0] = max(counts[0][0], 1)
  pool = pool_with(counts)
  folds = leave_one_subject_out(pool)
  want = [f's{s}' for s, row in enumerate(counts)
          if sum(n >= shots + queries for n in row) >= ways]
  how = dict(ways=ways, shots=shots, queries=queries)
  if len(want) < few_shot.FEWEST:
    with pytest.raises(InputError, match=f'{len(want)} of {len(folds)} held-out') as no:
      planned(pool, folds, 'held_out_subject', **how)
    assert 'evaluation.shots' in str(no.value)
    return
  plan = planned(pool, folds, 'held_out_subject', **how)
  assert list(plan.people) == want
  for held_out, part in plan.folds.items():
    assert (len(part.classes) > 0) == (held_out in want)
    for classes, support, query in zip(*part):
      np.testing.assert_array_equal(pool.label[query], classes.repeat(queries))
      assert len({*support, *query}) == ways * (shots + queries)


def test_supports_of_training_subjects_are_as_their_fold_believes(pool):
  """Wrong labels of training clips are the method's to bear, not the query's."""
  folds = leave_one_subject_out(pool)
  wrong = [np.where(fold.train & ~pool.macro, (pool.label + 1) % 3, pool.label)
           for fold in folds]
  plan = plan_episodes(pool, folds, wrong, Form(60, 0, 1, 1, 'training_subjects'),
                       seed=0)
  for label, part in zip(wrong, plan.folds.values()):
    assert (label[part.support] == part.classes).all()
    assert (pool.label[part.query] == part.classes).all()


def test_how_many_episodes_differ():
  """Of two clips a class one is given and one asked about: four ways a person."""
  pool = pool_with([[2, 2]] * 3)
  plan = planned(pool, leave_one_subject_out(pool), 'held_out_subject', episodes=300)
  assert few_shot.count_distinct_episodes(plan) == 3 * 4


def test_more_ways_than_classes(pool):
  with pytest.raises(InputError, match='evaluation.ways is 4 and there are 3 classes'):
    planned(pool, leave_one_subject_out(pool), 'held_out_subject', ways=4)


@pytest.mark.parametrize('origin, protocol, words', [
    ('training_subjects', 'loso', 'training subjects'),
    ('held_out_subject', 'loso', 'other clips of the same held-out subject'),
    ('held_out_dataset', 'kfold', 'other people of the held-out fold'),
    ('held_out_dataset', 'leave_one_dataset_out',
     'other people of the held-out data set')])
def test_the_supports_origin_is_in_the_name(origin, protocol, words):
  said = few_shot.protocol_name(Form(600, 2, 5, 1, origin), 3, protocol=protocol)
  assert said == f'few-shot, 2 ways of 3 classes, 5-shot, support from {words}'


def test_how_many_qualify_is_told(pool):
  said = few_shot.describe_episodes(
      planned(pool, leave_one_subject_out(pool), 'held_out_subject'))
  assert said.startswith('few-shot: 8 of 8 held-out people have enough clips for 3 ')
