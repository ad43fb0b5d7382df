"""What is refused once the clips are there."""

import numpy as np
import pytest

from configs import synthetic
from lightman_jax.clips.clipset import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.run import assembly


def arrange(pool, label, method):
  n = len(label)
  clips = ClipSet(
      np.zeros((n, 3, 8, 8, 3), np.uint8), np.full((n, 3, 68, 2), np.nan, np.float32),
      label, pool.macro, tuple(pool.subjects[s] for s in pool.subject), pool.clips,
      ('',) * n, pool.classes, {'sha256': '', 'dataset': 'made-up'})
  config = synthetic.get_config().to_dict()
  config['episodes'].update(shots=1, queries=1)
  config['method'].update(method)
  return assembly.arrange(config, clips, make=lambda clips: pool.x,
                          say=lambda line: None)


def test_alignment_by_class_needs_macro_clips_of_every_class(pool_of):
  pool = pool_of(subjects=4, micro=2, macro=1, classes=3, shape=(1, 2, 2, 2))
  some = np.where(pool.macro & (pool.label == 1), -1, pool.label)
  by_class = {'alignment': 'per_class'}
  arrange(pool, pool.label, by_class)
  arrange(pool, some, {})
  with pytest.raises(InputError, match='no macro clip is of class b'):
    arrange(pool, some, by_class)
