"""A checkpoint that somebody prepared is data, or is refused: nothing in it is run."""

import json
import os
import pickle

import numpy as np
import pytest

from lightman_jax.training import checkpoints
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.state import TrainState


class Trap:
  """What a pickle of it does, once it is loaded."""

  def __init__(self, place):
    self.place = place

  def __reduce__(self):
    return os.mkdir, (str(self.place),)


def state(step):
  held = dict.fromkeys(TrainState._fields, {'a': np.ones((1, 3), np.float32)})
  return TrainState(**{**held, 'step': np.full(1, step, np.int32)})


@pytest.fixture
def saved(tmp_path):
  with Checkpoints(tmp_path / 'checkpoints') as kept:
    kept.save(['a'], state(2))
  return tmp_path / 'checkpoints'


def names(value):
  """Every text of nested JSON takes a module's name; numbers stay."""
  if isinstance(value, dict):
    return {key: names(part) for key, part in value.items()}
  if isinstance(value, list):
    return [*map(names, value)]
  return 'trap.Trap' if isinstance(value, str) else value


def opened(folder):
  """What is read, or the error; the digests are made to fit whatever was changed."""
  (place,) = [path for path in folder.iterdir() if path.name.isdigit()]
  about = json.loads((place / checkpoints.ABOUT).read_text())
  about = {**about, 'files': checkpoints._digests(place / checkpoints.ARRAYS)}
  (place / checkpoints.ABOUT).write_text(json.dumps(about))
  try:
    with Checkpoints(folder) as kept:
      assert kept.reached(['a']) == {'a': 2}
      return kept.load(['a'], state(2))
  except Exception as error:      # orbax raises whatever it meets
    return error


def test_what_was_saved_comes_back(saved):
  np.testing.assert_array_equal(opened(saved).params['a'], np.ones((1, 3)))


def test_no_file_of_a_checkpoint_is_a_pickle_or_is_loaded_as_one(saved, tmp_path):
  sprung, files = tmp_path / 'sprung', [
      path for path in saved.rglob('*')
      if path.is_file() and path.name != checkpoints.ABOUT]
  assert len(files) > 3
  for path in files:
    content = path.read_bytes()
    assert not content.startswith(b'\x80') or not content.endswith(b'.')
    path.write_bytes(pickle.dumps(Trap(sprung)))
  assert isinstance(opened(saved), Exception)
  assert not sprung.exists()


def test_a_name_in_a_description_imports_nothing(saved, tmp_path, monkeypatch):
  (tmp_path / 'trap.py').write_text('import os\nos.mkdir("sprung")\n')
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(tmp_path)
  changed = 0
  for path in saved.rglob('*METADATA*'):
    if path.is_file():
      path.write_text(json.dumps(names(json.loads(path.read_text()))))
      changed += 1
  assert changed
  opened(saved)
  assert not (tmp_path / 'sprung').exists()
