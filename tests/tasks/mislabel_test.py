"""Wrong labels: as many as asked for, of other classes, in training alone."""

import numpy as np
import pytest

from configs import synthetic
from lightman_jax import keys
from lightman_jax.data.store import ClipSet
from lightman_jax.experiment import assembly
from lightman_jax.tasks.folds import mislabel

LABEL = np.arange(40, dtype=np.int32) % 4
WHICH = np.arange(40) < 30


def wrong(share, seed=0):
  return mislabel(LABEL, WHICH, share=share, classes=4,
                  rng=np.random.default_rng(seed))


@pytest.mark.parametrize(
    'share, count', [(0., 0), (.1, 3), (.25, 8), (.4, 12), (1., 30)])
def test_counts_by_hand(share, count):
  changed = wrong(share)
  assert np.count_nonzero(changed != LABEL) == count
  assert np.array_equal(changed[~WHICH], LABEL[~WHICH])
  assert changed.dtype == LABEL.dtype and set(changed) <= {0, 1, 2, 3}
  assert np.array_equal(LABEL, np.arange(40) % 4), 'the given labels stay'


def test_every_other_class_is_equally_likely():
  by = np.concatenate([(wrong(1., seed) - LABEL)[WHICH] % 4 for seed in range(100)])
  counts = np.bincount(by, minlength=4)
  assert counts[0] == 0
  np.testing.assert_allclose(counts[1:], 1000, atol=4 * np.sqrt(3000 * 2 / 9))


def test_a_greater_share_has_the_wrong_labels_of_a_smaller_one():
  few, many = wrong(.2), wrong(.5)
  assert np.array_equal(few[few != LABEL], many[few != LABEL])
  assert not np.array_equal(few, wrong(.2, seed=1))


@pytest.fixture(scope='module')
def arranged(pool_of):
  """A function of settings to the material of five people, eight micro clips each."""
  pool = pool_of(subjects=5, micro=4, macro=1, classes=2, shape=(1, 2, 2, 2))
  n = len(pool.label)
  clips = ClipSet(
      np.zeros((n, 3, 8, 8, 3), np.uint8), np.full((n, 3, 68, 2), np.nan, np.float32),
      pool.label, pool.macro, tuple(pool.subjects[s] for s in pool.subject), pool.clips,
      ('',) * n, pool.classes, {'sha256': '', 'dataset': 'made-up'})

  def arrange(seed=0, share=.5):
    config = synthetic.get_config().to_dict()
    config['seed'], config['training']['wrong_labels'] = seed, share
    return config, assembly.arrange(config, clips, make=lambda clips: pool.x,
                                    say=lambda line: None)
  return arrange


def test_a_folds_own(arranged):
  """Half of the 32 training micro clips; test clips and macro clips keep theirs."""
  config, material = arranged()
  pool = material.pool
  for number, (fold, label) in enumerate(zip(material.folds, material.labels)):
    mistaken = label != pool.label
    assert np.count_nonzero(mistaken) == 16
    assert not (mistaken & (fold.test | pool.macro)).any()
    data = assembly.fold_data(config, material, number)
    assert np.array_equal(data.clips.view.label, label)
  assert not np.array_equal(*material.labels[:2])
  assert np.array_equal(material.labels, arranged()[1].labels)
  assert not np.array_equal(material.labels, arranged(seed=1)[1].labels)
  for label in arranged(share=0.)[1].labels:
    assert np.array_equal(label, pool.label)


def test_tasks_are_divided_by_what_the_fold_believes(arranged):
  """Both sides of every split hold both classes, as they are believed to be."""
  _, material = arranged()
  pool = material.pool
  for fold, label, splits in zip(material.folds, material.labels, material.splits):
    for side in splits[:, pool.subject]:
      for part in (side, ~side):
        assert set(label[part & fold.train & ~pool.macro]) == {0, 1}


def test_draws_on_the_host_are_named():
  one, same, other = (keys.generator(0, 'a', name).random() for name in ('b', 'b', 'c'))
  assert one == same != other and keys.generator(1, 'a', 'b').random() != one
