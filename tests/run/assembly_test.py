"""What is refused once the clips are there, and what is shown on the way to them."""

import io

import numpy as np
import pytest
from rich.console import Console

from configs import synthetic
from lightman_jax.clips.clipset import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.report.progress import Progress
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


def test_each_data_set_that_is_read_is_a_stage():
  """Two of one name were one bar, and its count went past its end."""
  out = io.StringIO()
  with Progress(console=Console(file=out)) as progress:
    shown = assembly.Stages(progress)
    for stage, total in (('load', 4), ('load', 4), ('load', 6), ('input', 6)):
      for done in range(total + 1):
        shown(stage, done, total)
  ends = [line.split(',')[0] for line in out.getvalue().splitlines() if 'took' in line]
  assert ends == ['load: 4/4', 'load: 4/4', 'load: 6/6', 'input: 6/6']
