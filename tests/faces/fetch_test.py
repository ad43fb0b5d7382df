"""The graphs come out of a wheel, checked; here one of a few bytes stands for it."""

import hashlib
import subprocess
import zipfile

import pytest

from lightman_jax.errors import InputError
from lightman_jax.faces import detection

CONTENT = {'a/one.tflite': b'first', 'b/two.tflite': b'second'}


@pytest.fixture(autouse=True)
def small_graphs(monkeypatch):
  small = tuple(detection.Graph(member, hashlib.sha256(content).hexdigest())
                for member, content in CONTENT.items())
  monkeypatch.setattr(detection, 'GRAPHS', small)


@pytest.fixture
def wheel(tmp_path):
  def make(content=CONTENT):
    with zipfile.ZipFile(tmp_path / 'mediapipe.whl', 'w', zipfile.ZIP_DEFLATED) as file:
      for name, data in content.items():
        file.writestr(name, data)
    return tmp_path / 'mediapipe.whl'
  return make


def test_both_files_come_out_of_a_given_wheel(wheel, tmp_path, capsys):
  folder = tmp_path / 'models'
  assert not detection.has_graphs(folder)
  assert detection.fetch(['--wheel', str(wheel()), '--to', str(folder)]) == 0
  assert detection.has_graphs(folder)
  assert sorted(path.name for path in folder.iterdir()) == ['one.tflite', 'two.tflite']
  assert 'one.tflite' in capsys.readouterr().out


def test_once_is_enough(wheel, tmp_path, monkeypatch, capsys):
  folder = tmp_path / 'models'
  detection.fetch_graphs(folder, wheel=str(wheel()))
  monkeypatch.setattr(subprocess, 'run', None)
  assert detection.fetch(['--to', str(folder)]) == 0
  assert 'already' in capsys.readouterr().out


def test_a_damaged_file_is_named_and_then_replaced(wheel, tmp_path):
  folder = tmp_path / 'models'
  detection.fetch_graphs(folder, wheel=str(wheel()))
  (folder / 'two.tflite').write_bytes(b'secend')
  with pytest.raises(InputError, match='two.tflite is not the two.tflite of .*fetch'):
    detection.locate_graphs(folder)
  assert detection.fetch(['--wheel', str(wheel()), '--to', str(folder)]) == 0
  assert set(detection.locate_graphs(folder)) == set(detection.GRAPHS)


def test_a_missing_file_says_what_to_do(tmp_path):
  with pytest.raises(InputError, match='python -m lightman_jax fetch'):
    detection.locate_graphs(tmp_path)


def test_the_default_place_can_be_moved(monkeypatch, tmp_path):
  monkeypatch.setenv('XDG_DATA_HOME', str(tmp_path))
  assert detection.default_folder() == tmp_path / 'lightman_jax' / 'models'
  assert not detection.has_graphs()


@pytest.mark.parametrize('content, why', [
    ({'a/one.tflite': b'first'}, 'holds no b/two.tflite'),
    ({**CONTENT, 'b/two.tflite': b'other'}, 'is not the two.tflite'),
    ({**CONTENT, 'b/two.tflite': bytes(11 * 2**20)}, 'too large')])
def test_another_wheel_is_refused(wheel, tmp_path, capsys, content, why):
  folder = tmp_path / 'models'
  assert detection.fetch(['--wheel', str(wheel(content)), '--to', str(folder)]) == 2
  assert why in capsys.readouterr().err
  assert not folder.exists()


def test_whatever_is_done_to_the_wheel(wheel, tmp_path):
  """Cut short or with a changed byte: the right content, or one clear sentence."""
  whole = wheel().read_bytes()
  broken = [whole[:k] for k in range(0, len(whole), 7)]
  broken += [whole[:k] + bytes([whole[k] ^ 255]) + whole[k + 1:]
             for k in range(len(whole))]
  for content in broken:
    (tmp_path / 'broken.whl').write_bytes(content)
    try:
      detection.fetch_graphs(tmp_path / 'models', wheel=str(tmp_path / 'broken.whl'))
    except InputError as error:
      assert 'broken.whl' in str(error)


def test_no_network(tmp_path, monkeypatch, capsys):
  failed = subprocess.CompletedProcess([], 1, '', 'warning\nERROR: no route to host\n')
  monkeypatch.setattr(subprocess, 'run', lambda *_, **__: failed)
  assert detection.fetch(['--to', str(tmp_path / 'models')]) == 2
  said = capsys.readouterr().err
  assert 'no route to host' in said and '--wheel' in said


def test_a_folder_that_cannot_be_written(wheel, tmp_path, capsys):
  (tmp_path / 'file').write_bytes(b'')
  place = str(tmp_path / 'file' / 'models')
  assert detection.fetch(['--wheel', str(wheel()), '--to', place]) == 2
  assert 'cannot be written' in capsys.readouterr().err
