"""What a disk or a number can do to a run under way."""

import errno
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.state import TrainState


class Disk:
  """A file system of its own that holds so and so many bytes."""

  def __init__(self, path):
    self.path = path
    self._mount('-t', 'tmpfs', '-o', 'size=4k', 'tmpfs')

  def resize(self, size, mode='rw'):
    self._mount('-o', f'remount,{mode},size={size}')

  def _mount(self, *words):
    done = subprocess.run(['mount', *words, self.path], capture_output=True, text=True)
    if done.returncode:
      pytest.skip(f'no disk can be mounted here: {done.stderr}')


@pytest.fixture
def disk(tmp_path):
  if os.geteuid():
    pytest.skip('mounting a disk needs root')
  path = tmp_path / 'disk'
  path.mkdir()
  yield Disk(path)
  subprocess.run(['umount', path], check=True)


@pytest.mark.slow
def test_full_disk(finished, program, tiny, disk):
  command = (*tiny, f'--workdir={disk.path / "run"}')
  assert program.run(*command).refused_with('disk is full', 'same command again')
  assert not list(disk.path.iterdir())
  disk.resize('360k')
  assert program.run(*command).refused_with('disk is full', 'same command again')
  assert list((disk.path / 'run' / 'checkpoints').iterdir())
  assert not (disk.path / 'run' / 'results.json').exists()
  disk.resize('20m')
  assert program.run(*command).code == 0
  for name in ('results.json', 'predictions.csv', 'metrics.jsonl'):
    assert ((disk.path / 'run' / name).read_bytes()
            == (finished.folder / name).read_bytes()), name


def test_a_disk_that_is_full_anywhere_in_a_save_keeps_what_is_whole(disk):
  place = disk.path / 'checkpoints'
  for size in range(8, 220, 20):
    disk.resize(f'{size}k')
    reached = 0
    with pytest.raises(OSError) as full, Checkpoints(place) as checkpoints:
      for reached in range(1, 100):
        checkpoints.save([f's{reached}'], TrainState(
            np.ones(1, np.int32), {'w': np.ones((1, 2000), np.float32)}, ()))
    assert full.value.errno == errno.ENOSPC
    assert str(full.value.filename).startswith(str(place))
    assert not [path for path in place.iterdir() if path.name.startswith('.')]
    with Checkpoints(place, say=pytest.fail) as checkpoints:
      steps = checkpoints.reached([f's{n}' for n in range(1, 100)])
    assert [*steps.values()] == [1] * (reached - 1) + [0] * (100 - reached)
    shutil.rmtree(place)


def test_read_only_disk(program, tiny, disk):
  disk.resize('1m', 'ro')
  refused = program.run(*tiny, f'--workdir={disk.path / "run"}')
  assert refused.refused_with(str(disk.path), 'Read-only')


@pytest.mark.slow
def test_loss_that_is_no_number(program, tiny, tmp_path):
  """A weight decay of 1 at a rate of 100 multiplies every weight by -99."""
  command = (*tiny, '--config.method.name=supervised', '--config.training.steps=40',
             '--config.training.checkpoint_every=4', '--config.training.outer_rate=100',
             '--config.training.weight_decay=1', f'--workdir={tmp_path / "run"}')
  kept = tmp_path / 'run' / 'checkpoints' / '8'
  refused = program.run(*command)
  assert refused.refused_with('fold sub01, task 1 of 1: loss/query_loss, '
                              'gradient/encoder/', 'not a number at step',
                              'of step 4', str(kept), '--replay', 'training.outer_rate')
  assert kept.is_dir() and not (tmp_path / 'run' / 'results.json').exists()
  fault = json.loads((tmp_path / 'run' / 'fault.json').read_text())
  assert 4 < fault['step'] <= 8 and fault['fold'] == 'sub01'
  assert not any(clip.startswith('sub01') for clip in fault['clips']['query micro'])
  with np.load(tmp_path / 'run' / 'fault.npz', allow_pickle=False) as arrays:
    assert all(np.isfinite(arrays[name]).all() for name in arrays)
