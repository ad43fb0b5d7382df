"""A checkpoint that somebody prepared is data, or is refused: nothing in it is run."""

import io
import json
import os
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256
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
  parts = dict.fromkeys(TrainState._fields, {'a': np.ones((1, 3), np.float32)})
  return TrainState(**{**parts, 'step': np.full(1, step, np.int32)})


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
  """What is read, or the error; the sha256 is made to fit whatever was changed."""
  (place,) = [path for path in folder.iterdir() if path.name.isdigit()]
  about = json.loads((place / checkpoints.ABOUT).read_text())
  arrays = place / checkpoints.ARRAYS / checkpoints.FILE
  about = {**about, 'sha256': file_sha256(arrays)}
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
  assert checkpoints.ARRAYS in {path.parent.name for path in files}
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


def test_what_claims_to_be_vast_is_refused_before_memory_is_taken(saved):
  """A terabyte by its header, and 128 MiB of zeros in 128 KiB."""
  (place,) = saved.rglob(checkpoints.FILE)
  header = io.BytesIO()
  np.lib.format.write_array_header_1_0(
      header, {'descr': '<f4', 'fortran_order': False, 'shape': (2**38,)})
  for content in (header.getvalue() + bytes(64), header.getvalue() + bytes(2**27)):
    with zipfile.ZipFile(place, 'w', zipfile.ZIP_DEFLATED) as file:
      file.writestr('step.npy', content)
    assert place.stat().st_size < 2**18
    tracemalloc.start()
    error = opened(saved)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(error, InputError) and most < 2**26


@pytest.mark.parametrize('change, words', [
    (lambda arrays: arrays.pop('params/a'), 'holds no params/a'),
    (lambda arrays: arrays.update({'params/a': np.ones((1, 4), np.float32)}),
     r'params/a is float32(1, 4), not float32(1, 3)'),
    (lambda arrays: arrays.update({'params/a': np.ones((1, 3))}),
     'params/a is float64')])
def test_a_state_of_another_model_is_one_sentence(saved, change, words):
  (place,) = saved.rglob(checkpoints.FILE)
  arrays = dict(np.load(place))
  change(arrays)
  np.savez(place, **arrays)
  error = opened(saved)
  assert isinstance(error, InputError) and words in str(error)
  assert str(place.parent.parent) in str(error) and '--workdir' in str(error)
