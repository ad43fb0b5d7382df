"""What a file claims is compared with a bound before memory is taken for it."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from lightman_jax import bounded
from lightman_jax.files import fold_path


def npz(path, **members):
  with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
    for name, content in members.items():
      archive.writestr(f'{name}.npy', content)
  return path


def header(shape, descr='<f4'):
  file = io.BytesIO()
  np.lib.format.write_array_header_1_0(
      file, {'descr': descr, 'fortran_order': False, 'shape': shape})
  return file.getvalue()


def test_arrays_come_back(tmp_path):
  arrays = {'a': np.arange(6.).reshape(2, 3), 'b': np.array('text'),
            'c': np.zeros((0, 4)), 'd': np.array([True]), 'e': np.asfortranarray(
                np.arange(12).reshape(3, 4))}
  np.savez(tmp_path / 'a.npz', **arrays)
  copies = bounded.read_arrays(tmp_path / 'a.npz')
  assert list(copies) == list(arrays)
  for name, value in arrays.items():
    np.testing.assert_array_equal(copies[name], value)
    assert copies[name].dtype == value.dtype


def test_objects_in_arrays_are_refused_unloaded(tmp_path):
  class Trap:
    def __reduce__(self):
      return os.mkdir, (str(tmp_path / 'sprung'),)
  np.savez(tmp_path / 'a.npz', a=np.array([Trap()], object))
  with pytest.raises(bounded.Refused, match='Python objects'):
    bounded.read_arrays(tmp_path / 'a.npz')
  (tmp_path / 'bare.npz').write_bytes(pickle.dumps(Trap()))
  with pytest.raises(ValueError):
    bounded.read_arrays(tmp_path / 'bare.npz')
  assert not (tmp_path / 'sprung').exists()


def test_a_claimed_shape_takes_no_memory(tmp_path):
  for shape in ((10**12,), (2**40, 2**40), (-1, 4)):
    path = npz(tmp_path / 'a.npz', a=header(shape) + bytes(64))
    with pytest.raises(ValueError, match='claims the shape'):
      bounded.read_arrays(path)


def test_a_bomb_is_refused_by_what_it_unpacks_to(tmp_path):
  path = npz(tmp_path / 'a.npz', a=header((16 * 2**20,), '|u1') + bytes(16 * 2**20))
  assert path.stat().st_size < 2**16
  with pytest.raises(bounded.Refused, match='take more than'):
    bounded.read_arrays(path, most=2**20)
  assert bounded.read_arrays(path)['a'].size == 16 * 2**20


def test_a_member_that_lies_about_its_size_gives_no_more_than_it_said(tmp_path):
  path = npz(tmp_path / 'a.npz', a=header((16 * 2**20,), '|u1') + bytes(16 * 2**20))
  content, size = path.read_bytes(), 16 * 2**20 + len(header((16 * 2**20,), '|u1'))
  path.write_bytes(content.replace(size.to_bytes(4, 'little'),
                                   (200).to_bytes(4, 'little')))
  with pytest.raises(ValueError):
    bounded.read_arrays(path, most=2**20)


@pytest.mark.parametrize('content', [b'', b'PK', b'PK\x05\x06' + bytes(18), b'x' * 99])
def test_what_is_no_archive_says_so(tmp_path, content):
  (tmp_path / 'a.npz').write_bytes(content)
  if content.startswith(b'PK\x05'):
    assert bounded.read_arrays(tmp_path / 'a.npz') == {}
  else:
    with pytest.raises(ValueError):
      bounded.read_arrays(tmp_path / 'a.npz')


@pytest.mark.parametrize('text', [
    '[' * 100_000, '[' * 65 + ']' * 65, '{"a":' * 900 + '1' + '}' * 900, '9' * 5000,
    '{', '', '\ud800'.encode('utf-8', 'surrogatepass')])
def test_json_is_json_and_not_deep(text):
  with pytest.raises(ValueError):
    bounded.parse_json(text if isinstance(text, bytes) else text.encode())


def test_json_of_a_usual_depth_comes_back(tmp_path):
  value = {'a': [[1, 2.5, None, 'x']], 'b': {'c': {}}}
  (tmp_path / 'a.json').write_text(json.dumps(value))
  assert bounded.read_json(tmp_path / 'a.json') == value
  assert bounded.parse_json(b'[' * 64 + b']' * 64)


def test_enormous_json_is_not_read(tmp_path):
  with open(tmp_path / 'a.json', 'wb') as file:
    file.truncate(2**40)          # sparse: a terabyte on paper
  with pytest.raises(bounded.Refused, match='more than'):
    bounded.read_json(tmp_path / 'a.json')


def test_what_has_no_end_is_not_read(tmp_path):
  os.mkfifo(tmp_path / 'pipe')
  for path in (tmp_path / 'pipe', '/dev/zero'):
    with pytest.raises(bounded.Refused, match='no regular file'):
      bounded.read_bytes(path)
  with pytest.raises(IsADirectoryError):
    bounded.read_bytes(tmp_path)
  with pytest.raises(FileNotFoundError):
    bounded.read_bytes(tmp_path / 'no')


def test_a_directory_of_an_archive_is_bounded_too(tmp_path):
  """Its end claims a directory of a gigabyte, and the file is that long."""
  size = 2**30
  end = struct.pack('<4s4H2LH', b'PK\5\6', 0, 0, 9, 9, size, 0, 0)
  with open(tmp_path / 'a.npz', 'wb') as file:
    file.truncate(size)
    file.seek(size)
    file.write(end)
  tracemalloc.start()
  with pytest.raises(bounded.Refused, match='may take 1048576'):
    bounded.read_arrays(tmp_path / 'a.npz', 2**20)
  assert tracemalloc.get_traced_memory()[1] < 2**20
  tracemalloc.stop()


def test_hostile_arrays_stay_within_little_memory(tmp_path):
  """In a process that may take half a gigabyte, nothing but a refusal comes."""
  npz(tmp_path / 'a.npz', a=header((2**31,), '|u1') + bytes(2**22))
  program = (
      'import sys, resource\nfrom lightman_jax import bounded\n'
      f'resource.setrlimit(resource.RLIMIT_AS, ({2**29 + 2**28}, {2**29 + 2**28}))\n'
      'try:\n  bounded.read_arrays(sys.argv[1])\n'
      'except bounded.Refused as error:\n  print(error)\n')
  done = subprocess.run([sys.executable, '-c', program, tmp_path / 'a.npz'],
                        capture_output=True, text=True, check=True,
                        env={**os.environ, 'OPENBLAS_NUM_THREADS': '1'})
  assert 'claims the shape' in done.stdout


def test_a_fold_never_lies_elsewhere(tmp_path):
  names = ('..', '.', '../../etc', '/etc/passwd', 'a/b', '.hidden.json.x', 'a.b')
  places = [fold_path(tmp_path, name) for name in names]
  assert len(set(places)) == len(names)
  for place in places:
    assert place.parent == tmp_path and place.resolve().parent == tmp_path.resolve()
    assert not place.name.startswith('.')
  assert places[-1].name == 'a.b'
