"""Leaving one subject out: every micro clip is held out once, and nobody leaks."""

import numpy as np

from lightman_jax.episodes.folds import leave_one_subject_out


def test_masks(pool_of):
  pool = pool_of(subjects=5, micro=2, macro=1, foreign=3)
  folds = leave_one_subject_out(pool)
  assert [fold.held_out for fold in folds] == ['s0', 's1', 's2', 's3', 's4']
  names = np.array(pool.subjects)[pool.subject]
  for fold in folds:
    theirs = names == fold.held_out
    np.testing.assert_array_equal(fold.train, ~theirs)
    np.testing.assert_array_equal(fold.test, theirs & ~pool.macro)
    # Their macro clips are in neither; those of another data set are for all.
    assert not (fold.train | fold.test)[theirs & pool.macro].any()
    assert fold.train[pool.foreign].all()
  np.testing.assert_array_equal(sum(fold.test.astype(int) for fold in folds),
                                ~pool.macro)


def test_folds_go_by_name_and_only_who_can_be_tested_has_one(pool_of):
  pool = pool_of(subjects=3)
  pool = pool._replace(subjects=('zoe', 'adam', 'mia'),
                       macro=pool.macro | (pool.subject == 2))
  assert [fold.held_out for fold in leave_one_subject_out(pool)] == ['adam', 'zoe']


def test_a_subject_with_one_clip_is_a_fold(pool_of):
  pool = pool_of(subjects=3, macro=0)
  keep = (pool.subject != 0) | (pool.label == 1)
  pool = pool._replace(**{name: getattr(pool, name)[keep]
                          for name in ('x', 'label', 'subject', 'macro', 'foreign')})
  assert leave_one_subject_out(pool)[0].test.sum() == 1
