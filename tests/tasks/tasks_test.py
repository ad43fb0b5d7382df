"""Tasks, many at once: nobody held out, nobody on both sides, every class alike."""

import functools

from hypothesis import given, settings, strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.tasks import sampling
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.tasks.splits import plan_splits

DRAWS = 500
SIZES = Sizes(3, 2, 1, 4)


def fold_of(pool, number, sizes, *, own_macro=False):
  """Clips whose inputs are their own numbers, so a task tells what it holds."""
  fold = leave_one_subject_out(pool)[number]
  splits = plan_splits(pool, fold, shots=sizes.shots, queries=sizes.queries,
                       own_macro=own_macro, rng=np.random.default_rng(0)).support
  x = np.arange(len(pool.label), dtype=np.float32)[:, None]
  clips = fold_clips(pool._replace(x=x), fold.train, np.ones((2, 1), np.float32))
  return fold, splits, jax.tree.map(jnp.asarray, clips)


def scaled_by(clips, scale):
  return clips._replace(view=clips.view._replace(scale=scale))


@functools.partial(jax.jit, static_argnames='sizes')
def several(keys, clips, splits, sizes):
  return jax.vmap(lambda key: sampling.sample_task(
      key, clips, splits, len(splits), sizes))(keys)


draw = jax.jit(sampling.draw, static_argnums=2)


def draw_tasks(pool, sizes, *, number=0, own_macro=False, seed=0):
  fold, splits, clips = fold_of(pool, number, sizes, own_macro=own_macro)
  task = several(jax.random.split(jax.random.key(seed), DRAWS), clips, splits, sizes)
  index = lambda x: np.asarray(x)[..., 0].astype(int)
  return (fold, task, index(task.support.x), index(task.query.x),
          index(task.support.macro))


@pytest.fixture(scope='module')
def pool(pool_of):
  return pool_of(subjects=5, micro=2, macro=1, classes=3, foreign=2)


@pytest.fixture(scope='module', params=[0, 3])
def drawn(pool, request):
  return draw_tasks(pool, SIZES, number=request.param, own_macro=True)


def test_what_a_task_holds(pool, drawn):
  _, task, support, query, macro = drawn
  assert support.shape == (DRAWS, 6) and query.shape == (DRAWS, 3)
  assert macro.shape == (DRAWS, 4) and task.query.macro.shape == (DRAWS, 0, 1)
  np.testing.assert_array_equal(task.support.label, [[0, 0, 1, 1, 2, 2]] * DRAWS)
  np.testing.assert_array_equal(task.query.label, [[0, 1, 2]] * DRAWS)
  np.testing.assert_array_equal(pool.label[support], task.support.label)
  np.testing.assert_array_equal(pool.label[query], task.query.label)
  np.testing.assert_array_equal(pool.label[macro], task.support.macro_label)
  assert not pool.macro[support].any() and not pool.macro[query].any()
  assert pool.macro[macro].all()


def test_nobody_held_out(drawn):
  fold, _, *index = drawn
  for part in index:
    assert fold.train[part].all()


def test_support_and_query_are_different_people(pool, drawn):
  _, _, support, query, macro = drawn
  who = pool.subject
  for s, q, m in zip(support, query, macro):
    assert not set(who[s]) & set(who[q])
    mine = m[~pool.foreign[m]]
    assert not set(who[mine]) & set(who[q])
  assert pool.foreign[macro].any() and not pool.foreign[macro].all()


def test_macro_clips_are_of_the_supports_people(pool):
  _, splits, clips = fold_of(pool, 0, SIZES, own_macro=True)
  side = jnp.asarray(splits[0][pool.subject])
  clips = clips._replace(
      table=clips.table._replace(foreign=jnp.zeros_like(clips.table.foreign)))
  own = np.asarray(jax.jit(jax.vmap(lambda key: sampling.sample_support(
      key, clips, side, SIZES).macro))(jax.random.split(jax.random.key(0), 100)))
  assert set(pool.subject[own[..., 0].astype(int)].ravel()) <= set(
      np.flatnonzero(splits[0]))


def test_no_clip_twice_while_there_are_enough(drawn):
  for part in drawn[2:]:
    assert all(len(set(row)) == len(row) for row in part)


def test_every_task_is_another(drawn):
  assert len({tuple(row) for row in np.concatenate(drawn[2:], 1)}) > .95 * DRAWS


def test_without_macro_clips(pool):
  sizes = SIZES._replace(macros=0)
  _, splits, clips = fold_of(pool, 0, sizes)
  task = jax.eval_shape(lambda key: sampling.sample_task(
      key, clips, jnp.asarray(splits), len(splits), sizes), jax.random.key(0))
  assert task.support.macro.shape == (0, 1) and task.support.macro_label.shape == (0,)


def test_padding_of_splits_is_not_drawn(pool):
  _, splits, clips = fold_of(pool, 0, SIZES)
  some, none = splits[:3], np.zeros_like(splits[:1]).repeat(5, 0)
  keys = jax.random.split(jax.random.key(0), DRAWS)
  draw_from = jax.jit(jax.vmap(lambda key, splits, ways: sampling.sample_task(
      key, clips, splits, ways, SIZES).query.x, (0, None, None)))
  np.testing.assert_array_equal(draw_from(keys, some, 3),
                                draw_from(keys, np.concatenate([some, none]), 3))


def test_both_sides_as_one_batch(drawn):
  _, task, support, query, macro = drawn
  both = jax.tree.map(lambda x: x[0], task).everything
  np.testing.assert_array_equal(both.x[:, 0], [*support[0], *query[0]])
  np.testing.assert_array_equal(both.label, [0, 0, 1, 1, 2, 2, 0, 1, 2])
  np.testing.assert_array_equal(both.macro[:, 0], macro[0])


def test_magnified_clips_are_the_supports(pool_of):
  pool = pool_of(subjects=4, micro=2, macro=0, classes=2)
  sizes = Sizes(2, 1, 1, 3, magnification=4.)
  fold, splits, clips = fold_of(pool, 1, sizes)
  clips = scaled_by(clips, jnp.array([[2.], [np.nan]]))
  task = several(jax.random.split(jax.random.key(0), DRAWS), clips, splits, sizes)
  query = np.asarray(task.query.x)[..., 0] * 2
  macro = np.asarray(task.support.macro)[..., 0] / 4 * 2
  np.testing.assert_array_equal(macro, np.rint(macro))
  query, macro = query.astype(int), macro.astype(int)
  assert fold.train[macro].all() and not pool.macro[macro].any()
  np.testing.assert_array_equal(task.support.macro_label, pool.label[macro])
  for m, q in zip(macro, query):
    assert len(set(m)) == 3 and not set(pool.subject[m]) & set(pool.subject[q])


def test_micro_and_macro_clips_have_their_own_scale(pool):
  sizes = Sizes(3, 1, 1, 2)
  _, splits, clips = fold_of(pool, 0, sizes, own_macro=True)
  key = jax.random.key(0)
  one = jax.jit(lambda scale: sampling.sample_task(
      key, scaled_by(clips, scale), jnp.asarray(splits), len(splits), sizes))
  plain, scaled = one(jnp.ones((2, 1))), one(jnp.array([[2.], [8.]]))
  np.testing.assert_allclose(scaled.support.x * 2, plain.support.x)
  np.testing.assert_allclose(scaled.query.x * 2, plain.query.x)
  np.testing.assert_allclose(scaled.support.macro * 8, plain.support.macro)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.booleans(), min_size=6, max_size=6).filter(any),
       st.sampled_from([1, 3, 6, 9]), st.integers(0, 99))
def test_each_once_and_then_again(allowed, size, seed):
  allowed = np.array(allowed)
  got = np.asarray(draw(jax.random.key(seed), jnp.array(allowed), size))
  assert len(got) == size and allowed[got].all()
  often = np.bincount(got, minlength=6)[allowed]
  assert often.max() - often.min() <= 1 and often.sum() == size


def frequency(index, n):
  """How often each of n clips was drawn, a draw."""
  return np.bincount(np.ravel(index), minlength=n) / len(index)


def test_as_likely_as_numpys_choice():
  """Every pair of allowed clips, as `Generator.choice` without replacement draws it."""
  allowed = jnp.array([1, 0, 1, 1, 0, 1, 1], bool)
  pairs = np.asarray(jax.jit(jax.vmap(lambda key: sampling.draw(key, allowed, 2)))(
      jax.random.split(jax.random.key(0), 4000)))
  rng = np.random.default_rng(0)
  choice = np.stack([rng.choice(np.flatnonzero(allowed), 2, replace=False)
                     for _ in range(4000)])
  ours, numpys = (frequency(x[:, :1] * 7 + x[:, 1:], 49) for x in (pairs, choice))
  assert np.count_nonzero(ours) == 20                     # 5 x 4 ordered pairs
  np.testing.assert_array_equal(ours > 0, numpys > 0)
  np.testing.assert_allclose(ours[ours > 0], 1 / 20, atol=.016)


def test_clips_of_a_class_are_drawn_alike(pool):
  """A split first, then two of its support side's clips of a class."""
  _, splits, clips = fold_of(pool, 0, SIZES, own_macro=True)
  index = np.concatenate([
      draw_tasks(pool, SIZES, own_macro=True, seed=seed)[2] for seed in range(12)])
  want = np.zeros(len(pool.label))
  for split in splits:                     # the expectation, not a sample of it
    side = split[pool.subject] & ~pool.macro & np.asarray(clips.view.train)
    for k in range(3):
      mine = side & (pool.label == k)
      want[mine] += 2 / mine.sum() / len(splits)
  np.testing.assert_allclose(frequency(index, len(want)), want, atol=.03)


def test_macro_classes_are_drawn_alike(pool_of):
  """However many macro clips a class has, and those without a class are one more."""
  pool = pool_of(subjects=2, micro=0, macro=0, classes=2, foreign=30)
  pool = pool._replace(label=np.repeat([0, 1, -1], [40, 10, 10]).astype(np.int32))
  clips = fold_clips(pool, np.ones(60, bool), np.ones((2, 1), np.float32))
  table, view = jax.tree.map(jnp.asarray, clips[1:])
  index = jax.jit(jax.vmap(lambda key: sampling.draw_macro(
      key, table, view, jnp.zeros(60, bool), 2, 1)))(
          jax.random.split(jax.random.key(0), 3000))
  share = frequency(index, 60)
  np.testing.assert_allclose([share[:40].sum(), share[40:50].sum(), share[50:].sum()],
                             1 / 3, atol=.04)
