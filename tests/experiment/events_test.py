"""TensorBoard event files hold what metrics.jsonl holds."""

import struct

import pytest
from tensorboardX.proto import event_pb2

from configs import synthetic
from lightman_jax.errors import InputError
from lightman_jax.runs import progress
from lightman_jax.runs.folder import RunFolder


def scalars(path):
  """(tag, step, value) of an event file: records of length, its check, data, check."""
  data, events = path.read_bytes(), []
  while data:
    size, = struct.unpack('<Q', data[:8])
    event = event_pb2.Event.FromString(data[12:12 + size])
    events += [(value.tag, event.step, value.simple_value)
               for value in event.summary.value]
    data = data[size + 16:]
  return events


@pytest.fixture
def config():
  config = synthetic.get_config().to_dict()
  config['evaluation']['tensorboard'] = True
  return config


def test_every_step_of_the_fold_once(config, tmp_path):
  folder = RunFolder(tmp_path, None)
  progress.append(folder.metrics, [
      {'stage': 'train', 'fold': fold, 'step': step, 'loss': step / 4}
      for fold in ('a/b', 'c') for step in (1, 2)])
  for _ in range(2):      # as after a kill
    progress.write_fold(config, folder, 'a/b')
  place, = folder.tensorboard.iterdir()
  file, = place.iterdir()
  assert place.name == 'a%2Fb'
  assert scalars(file) == [('loss', 1, .25), ('loss', 2, .5)]


def test_nothing_is_written_that_nobody_asked_for(config, tmp_path):
  config['evaluation']['tensorboard'] = False
  progress.write_fold(config, RunFolder(tmp_path, None), 'c')
  assert not list(tmp_path.iterdir())


def test_a_missing_package_is_told_of(config, monkeypatch):
  progress.check(config)
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  with pytest.raises(InputError, match=r"pip install -e '\.\[tensorboard\]'"):
    progress.check(config)
