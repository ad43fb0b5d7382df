"""Stored frames larger than the memory that their reading may take."""

import functools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from lightman_jax.data import build
from lightman_jax.data.plan import Item, Pixels, Plan
from lightman_jax.data.rows import Row

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNT, SHAPE = 100, (9, 160, 160)     # 69 MB

# From the built data set to inputs in the cache. The most that the process held is
# looked at when a few clips have been through all of it, and at the end. It is not that
# of getrusage, which begins at what the parent held.
PROGRAM = """
import json, pathlib, re, sys
import numpy as np
from lightman_jax.data.store import read_data_set
from lightman_jax.inputs.inputs import cached_inputs
from lightman_jax.inputs.inputs import Settings
status = pathlib.Path('/proc/self/status')
most = lambda: int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1]) / 1024
how, folders = Settings('frames', size=2), [*map(pathlib.Path, sys.argv[1:])]
cached_inputs(read_data_set(folders[0]), how)
before = most()
x = cached_inputs(read_data_set(folders[1]), how)
print(json.dumps({'grown': most() - before, 'x': x[:][:, 0, 0, 0, 0].tolist()}))
"""


def pixels(number: int) -> Pixels:
  return Pixels(np.full((*SHAPE, 3), number, np.uint8),
                np.full((SHAPE[0], 68, 2), np.nan, np.float32))


@pytest.fixture
def built(tmp_path):
  """A function of a number of clips to the folder of so many."""
  def make(count):
    items = tuple(
        Item(Row(f'c{i:03d}', f's{i % 2}', 'large', 'ab'[i % 2], 'micro', 1, 2, 3,
                 fps=0.), i % 2, tuple(range(9)), (i,), f'key{i}',
             functools.partial(pixels, i)) for i in range(count))
    plan = Plan('synthetic', f'large{count}', 'large', ('a', 'b'), SHAPE, items, ())
    return build.build(plan, tmp_path, progress=lambda *_: None,
                       say=lambda line: None, workers=1)[0]
  return make


def test_frames_become_inputs_clip_by_clip(built, tmp_path):
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': '',
                 'PYTHONPATH': str(ROOT), 'XDG_CACHE_HOME': str(tmp_path / 'cache')}
  done = subprocess.run(
      [sys.executable, '-c', PROGRAM, str(built(4)), str(built(COUNT))], text=True,
      capture_output=True, env=environment, timeout=100)
  assert done.returncode == 0, done.stderr
  answer = json.loads(done.stdout.splitlines()[-1])
  assert answer['grown'] < 30, f'{answer["grown"]:.0f} MiB'
  np.testing.assert_allclose(answer['x'], np.arange(COUNT) / 127.5 - 1, atol=1e-3)
