"""PyTorch files are read as data: tensors come out, and nothing in them is run."""

import collections
import io
import pathlib
import pickle
import pickletools
import struct
import sys
import types
import zipfile

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.models import torch_files

TYPES = {np.dtype('f4'): 'FloatStorage', np.dtype('f8'): 'DoubleStorage',
         np.dtype('i8'): 'LongStorage', np.dtype('u1'): 'ByteStorage',
         np.dtype('?'): 'BoolStorage'}


class Tensor:
  """What the stand-in for torch.save writes as a tensor: a view of an array."""

  def __init__(self, array, base=None, offset=0):
    self.array, self.offset = array, offset
    self.base = array if base is None else base


@pytest.fixture
def torch(monkeypatch):
  """As much of PyTorch's names as a stream of tensors holds."""
  torch, utils = types.ModuleType('torch'), types.ModuleType('torch._utils')
  for name in TYPES.values():
    setattr(torch, name, type(name, (), {'__module__': 'torch'}))

  def _rebuild_tensor_v2():
    raise AssertionError('it was run')
  _rebuild_tensor_v2.__module__ = 'torch._utils'
  _rebuild_tensor_v2.__qualname__ = '_rebuild_tensor_v2'
  utils._rebuild_tensor_v2 = _rebuild_tensor_v2
  monkeypatch.setitem(sys.modules, 'torch', torch)
  monkeypatch.setitem(sys.modules, 'torch._utils', utils)
  return types.SimpleNamespace(torch=torch, rebuild=_rebuild_tensor_v2)


class Storage:
  """Stands for a storage until the pickler asks for its persistent id."""

  def __init__(self, base, number):
    self.base, self.number = base, str(number)


class Saver(pickle.Pickler):
  """Writes tensors as torch.save does."""

  def __init__(self, file, torch, storages, *, older, protocol):
    super().__init__(file, protocol)
    self.torch, self.storages, self.older = torch, storages, older

  def persistent_id(self, value):
    if not isinstance(value, Storage):
      return None
    kind = getattr(self.torch.torch, TYPES[value.base.dtype])
    return ('storage', kind, value.number, 'cpu', value.base.size,
            *([None] if self.older else []))

  def reducer_override(self, value):
    if not isinstance(value, Tensor):
      return NotImplemented
    for known in self.storages:
      if known.base is value.base:
        storage = known
        break
    else:
      storage = Storage(value.base, len(self.storages))
      self.storages.append(storage)
    strides = tuple(step // value.array.itemsize for step in value.array.strides)
    return self.torch.rebuild, (storage, value.offset, value.array.shape, strides,
                                False, collections.OrderedDict())


def saved(torch, value, *, older=False, protocol=2) -> bytes:
  """The bytes of a file, in the form of PyTorch 1.6 and later, or before it."""
  storages, out, stream = [], io.BytesIO(), io.BytesIO()
  Saver(stream, torch, storages, older=older, protocol=protocol).dump(value)
  numbers = {part.number: np.ascontiguousarray(part.base).tobytes()
             for part in storages}
  if older:
    for head in (torch_files.MAGIC, 1001, {'little_endian': True}):
      pickle.dump(head, out, protocol=2)
    out.write(stream.getvalue())
    pickle.dump(sorted(numbers), out, protocol=2)
    for key in sorted(numbers):
      size = next(part.base.size for part in storages if part.number == key)
      out.write(struct.pack('<q', size) + numbers[key])
    return out.getvalue()
  with zipfile.ZipFile(out, 'w') as archive:
    archive.writestr('archive/data.pkl', stream.getvalue())
    archive.writestr('archive/byteorder', 'little')
    for key, content in numbers.items():
      archive.writestr(f'archive/data/{key}', content)
    archive.writestr('archive/version', '3\n')
  return out.getvalue()


def example():
  rng = np.random.default_rng(0)
  base = rng.standard_normal(40).astype(np.float32)
  arrays = {'conv1.weight': rng.standard_normal((2, 3, 3)).astype(np.float32),
            'part': base[4:16].reshape(3, 4), 'turned': base[:6].reshape(2, 3).T,
            'bn1.num_batches_tracked': np.array(7), 'double': rng.standard_normal(5),
            'none': np.zeros((0, 3), np.float32)}
  state = collections.OrderedDict((name, Tensor(array))
                                  for name, array in arrays.items())
  state['part'] = Tensor(arrays['part'], base, 4)
  state['turned'] = Tensor(arrays['turned'], base, 0)
  return arrays, state


def read(tmp_path: pathlib.Path, content: bytes):
  path = tmp_path / 'x.pth'
  path.write_bytes(content)
  return torch_files.read(path)


@pytest.mark.parametrize('older', [False, True])
@pytest.mark.parametrize('protocol', [2, 4])
def test_tensors_come_out_as_they_were_saved(torch, tmp_path, older, protocol):
  arrays, state = example()
  state._metadata = collections.OrderedDict(version=1)     # as a module's state has
  got = read(tmp_path, saved(torch, state, older=older, protocol=protocol))
  assert list(got) == list(arrays)
  for name, array in arrays.items():
    np.testing.assert_array_equal(got[name], array)
    assert got[name].dtype == array.dtype and got[name].flags.owndata


def test_a_checkpoint_holds_its_state_deeper(torch, tmp_path):
  state = {f'module.{name}': part for name, part in example()[1].items()}
  got = read(tmp_path, saved(torch, {'epoch': 3, 'state_dict': state}))
  assert list(got) == list(example()[0])


class Evil:
  """Runs a program when a pickle of it is loaded."""

  def __init__(self, path):
    self.path = str(path)

  def __reduce__(self):
    return open, (self.path, 'w')


@pytest.mark.parametrize('older', [False, True])
@pytest.mark.parametrize('protocol', [2, 4])
def test_what_would_run_is_named_and_not_run(torch, tmp_path, older, protocol):
  victim = tmp_path / 'made by the file'
  state = example()[1] | {'fc.bias': Evil(victim)}
  content = saved(torch, state, older=older, protocol=protocol)
  with pytest.raises(InputError, match=r'x.pth .*names \w*io.open, which is code'):
    read(tmp_path, content)
  assert not victim.exists()


def test_every_operation_that_could_call_is_unknown():
  """Only REDUCE, GLOBAL and their like know names, and those are compared alone."""
  known = (torch_files._VALUES | set(torch_files._CONSTANTS)
           | set(torch_files._OPERATIONS))
  assert known <= {operation.name for operation in pickletools.opcodes}
  assert not known & {'INST', 'OBJ', 'NEWOBJ', 'NEWOBJ_EX', 'EXT1', 'EXT2', 'EXT4',
                      'PERSID', 'NEXT_BUFFER'}


def zipped(program: bytes, *, data=(('archive/data/0', bytes(4)),), compress=False):
  out = io.BytesIO()
  kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
  with zipfile.ZipFile(out, 'w', kind) as archive:
    archive.writestr('archive/data.pkl', program)
    for name, content in data:
      archive.writestr(name, content)
  return out.getvalue()


def program(*, size=1, offset=0, shape=(1,), strides=(1,), numbers='0') -> bytes:
  """A stream with one tensor, written by hand."""
  def whole(value):
    return b'\x8a\x08' + struct.pack('<q', value)       # LONG1 of eight bytes
  def row(values):
    return b'(' + b''.join(map(whole, values)) + b't'
  def word(text):
    return b'X' + struct.pack('<I', len(text)) + text.encode()
  storage = (b'(' + word('storage') + b'ctorch\nFloatStorage\n' + word(numbers)
             + word('cpu') + whole(size) + b'tQ')
  return (b'\x80\x02}' + word('w') + b'ctorch._utils\n_rebuild_tensor_v2\n(' + storage
          + whole(offset) + row(shape) + row(strides) + b'\x89}tRs.')


def test_the_stream_by_hand_is_right(tmp_path):
  got = read(tmp_path, zipped(program(), data=[('archive/data/0',
                                                np.float32([5]).tobytes())]))
  assert got['w'].tolist() == [5.]


@pytest.mark.parametrize('content, words', [
    (zipped(program(offset=1)), 'numbers that are not there'),
    (zipped(program(offset=-1)), 'no shape'),
    (zipped(program(shape=(2,))), 'numbers that are not there'),
    (zipped(program(shape=(-1,))), 'no shape'),
    (zipped(program(shape=(2, 2), strides=(0, 1))), 'numbers that are not there'),
    # A bomb of no bytes: each of a quarter of a thousand million numbers is the same.
    (zipped(program(shape=(2**28,), strides=(0,))), 'take more than'),
    (zipped(program(shape=(2**20, 2**20), strides=(0, 0))), 'take more than'),
    (zipped(program(size=2**40)), 'claims 1099511627776 numbers'),
    (zipped(program(size=2)), '4 bytes'),
    (zipped(program(numbers='1')), 'no whole file'),
    (zipped(program(), compress=True), 'is compressed'),
    (zipped(program()[:-3]), 'no whole file'),
    (zipped(b'\x80\x02}.'), 'no dictionary of tensors'),
    (zipped(b'\x80\x02}X\x01\x00\x00\x00aK\x01s.'), "'a' is no tensor"),
    (zipped(b'\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.'), 'names os.system'),
    (zipped(b'\x80\x02(X\x04\x00\x00\x00trueios\nsystem\n.'), 'operation INST'),
    (zipped(b'\x80\x02' + b'(' * 10**5 + b't' * 10**5 + b'.'), 'no dictionary'),
    (zipped(b'\x80\x02}K\x01K\x02s.'), 'is no name'),
    (zipped(b'\x80\x02.'), 'no whole file'),
    (b'PK\x03\x04 not a zip', 'no whole file'),
    (b'\x80\x02K\x01.', 'no file that torch.save writes'),
    (b'', 'no file that torch.save writes'),
])
def test_what_is_damaged_or_hostile_is_refused(tmp_path, content, words):
  with pytest.raises(InputError, match=words) as caught:
    read(tmp_path, content)
  assert 'x.pth' in str(caught.value) and '\n' not in str(caught.value)


def test_a_cut_file_is_refused_wherever_it_is_cut(torch, tmp_path):
  for older in (False, True):
    content = saved(torch, example()[1], older=older)
    for end in range(0, len(content), 7):
      with pytest.raises(InputError):
        read(tmp_path, content[:end])


def test_a_file_that_is_not_there_is_said(tmp_path):
  with pytest.raises(InputError, match='cannot be read'):
    torch_files.read(tmp_path / 'no.pth')
