"""The tensors of a PyTorch file (.pth, .pt), read as data, and turned into safetensors.

`torch.save` writes a program for a stack machine. This is such a machine with no way
to import or call anything: it knows dictionaries, lists, numbers, strings and where a
tensor's numbers lie, and refuses every other name. Both forms are read: the zip file
of PyTorch 1.6 and later, and the row of streams of earlier ones.
"""

import argparse
from collections.abc import Iterator, Mapping
import csv
import io
import math
import os
import pathlib
import pickletools
from typing import Any, NamedTuple
import zipfile

import numpy as np

from lightman_jax import bounded
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.units import counted

# The tensors of a PyTorch file (.pth, .pt), read as data: nothing in it is run.

MOST = 256 * 1024**2          # bytes, of the file and of its tensors
MOST_PROGRAM = 16 * 1024**2   # bytes of the stream that says what the tensors are
MOST_TENSORS = 100_000
MAGIC = 0x1950A86A20F9469CFC6C       # of the form before PyTorch 1.6

TYPES = {'FloatStorage': 'f4', 'DoubleStorage': 'f8', 'HalfStorage': 'f2',
         'BFloat16Storage': 'bf2', 'LongStorage': 'i8', 'IntStorage': 'i4',
         'ShortStorage': 'i2', 'CharStorage': 'i1', 'ByteStorage': 'u1',
         'BoolStorage': '?'}


class Name(NamedTuple):
  """A name that a stream asks to import; here it is only compared."""
  module: str
  name: str


class Storage(NamedTuple):
  """Numbers in a row."""
  type: str                 # one of `TYPES`
  key: str                  # of the file's part in which they are
  size: int                 # how many


class Tensor(NamedTuple):
  """A view of a storage."""
  storage: Storage
  offset: int
  shape: tuple[int, ...]
  strides: tuple[int, ...]  # in numbers, not in bytes


_DICT = Name('collections', 'OrderedDict')
_TENSOR = Name('torch._utils', '_rebuild_tensor_v2')
_PARAMETER = Name('torch._utils', '_rebuild_parameter')
_MARK = object()


def read(path: str | os.PathLike) -> dict[str, np.ndarray]:
  """The tensors of a state dictionary by their names, without a leading `module.`.

  Args:
    path: of the file; the dictionary may be its `state_dict`, `model` or `net`.

  Raises:
    InputError: it cannot be read, is damaged or too large, or holds anything but
      tensors, such as a whole model, which only its own code can make.
  """
  try:
    content = bounded.read_bytes(path, MOST)
    tree, numbers = (_of_zip(content) if content[:4] == b'PK\x03\x04' else
                     _of_streams(content))
    return _arrays(_tensors(tree), numbers)
  except OSError as error:
    raise InputError(f'{path} cannot be read: {error.strerror or error}') from error
  except bounded.Refused as error:
    raise InputError(f'{path} is not converted: {error}') from error
  except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError,
          OverflowError, EOFError, RuntimeError,
          zipfile.BadZipFile) as error:
    raise InputError(f'{path} is no whole file of PyTorch tensors '
                     f'({type(error).__name__}: {error})') from error


def _of_zip(content: bytes) -> tuple[Any, Mapping[str, bytes]]:
  """What the file's stream says, and its numbers by their keys."""
  with zipfile.ZipFile(io.BytesIO(content)) as archive:
    members = {}
    for member in archive.infolist():
      # What is stored as it is cannot grow, and overlapping parts cannot add up.
      if member.compress_type != zipfile.ZIP_STORED:
        raise bounded.Refused(f'its part {member.filename!r} is compressed, and '
                              'torch.save compresses none')
      members[member.filename] = member
    if sum(member.file_size for member in members.values()) > MOST:
      raise bounded.Refused(f'its parts take more than {MOST} bytes')
    program = [name for name in members if name.split('/')[1:] == ['data.pkl']]
    if len(program) != 1:
      raise bounded.Refused('it is a zip file, but none that torch.save writes')
    if members[program[0]].file_size > MOST_PROGRAM:
      raise bounded.Refused(f'its data.pkl takes more than {MOST_PROGRAM} bytes')
    root = program[0].partition('/')[0]
    order = f'{root}/byteorder'
    if order in members and archive.read(order) != b'little':
      raise bounded.Refused('its numbers are big-endian; save it on another machine')
    start = f'{root}/data/'
    return _run(io.BytesIO(archive.read(program[0]))), {
        name[len(start):]: archive.read(name)
        for name in members if name.startswith(start)}


def _of_streams(content: bytes) -> tuple[Any, Mapping[str, bytes]]:
  """The form before PyTorch 1.6: streams one after the other, then the numbers."""
  file = io.BytesIO(content)
  if content[:1] != b'\x80' or _run(file) != MAGIC:
    raise bounded.Refused('it is no file that torch.save writes')
  _run(file)                                        # the version of the form
  system = _run(file)
  if system.get('little_endian') is not True:
    raise bounded.Refused('its numbers are big-endian; save it on another machine')
  storages: dict[str, Storage] = {}
  tree = _run(file, storages)
  numbers = {}
  for key in _run(file):
    storage = storages[key]
    head = file.read(8)
    size = int.from_bytes(head, 'little')
    if len(head) < 8 or size != storage.size:
      raise bounded.Refused(f'the numbers {key!r} are {size}, not {storage.size}')
    numbers[key] = file.read(size * _width(storage))
  return tree, numbers


class _Machine:
  """The stack machine, of the operations that data need."""

  def __init__(self, storages: dict[str, Storage] | None):
    self.stack: list[Any] = []
    self.memory: dict[Any, Any] = {}
    self.storages = storages

  def to_mark(self) -> list[Any]:
    """Takes all that lies above the last mark."""
    place = len(self.stack) - 1
    while self.stack[place] is not _MARK:
      place -= 1
      if place < 0:
        raise ValueError('a mark is missing')
    items = self.stack[place + 1:]
    del self.stack[place:]
    return items

  def set_items(self, items: list[Any]) -> None:
    target = self.stack[-1]
    if type(target) is not dict or len(items) % 2:
      raise ValueError('items of no dictionary')
    for key, value in zip(items[::2], items[1::2]):
      if type(key) is not str:
        raise bounded.Refused(f'a dictionary has the key {key!r}, which is no name')
      target[key] = value

  def call(self) -> None:
    """Of three names that make data; what they would do is done here."""
    arguments, name = self.stack.pop(), self.stack.pop()
    if name == _DICT and arguments == ():
      value = {}
    elif name == _TENSOR and type(arguments[0]) is Storage:
      value = Tensor(*arguments[:4])
    elif name == _PARAMETER and type(arguments[0]) is Tensor:
      value = arguments[0]
    else:
      raise _unknown(name)
    self.stack.append(value)

  def name(self, module: str, name: str) -> None:
    global_name = Name(module, name)
    known = global_name in (_DICT, _TENSOR, _PARAMETER) or (
        module == 'torch' and name in TYPES)
    if not known:
      raise _unknown(global_name)
    self.stack.append(global_name)

  def storage(self) -> None:
    """('storage', type, key, device, how many numbers), and more in the older form."""
    what, type_, key, _, size, *rest = self.stack.pop()
    if what != 'storage' or any(part is not None for part in rest):
      raise bounded.Refused('a storage is a view of another; save the state again')
    storage = Storage(type_.name, key, size)
    if type(key) is not str or type(size) is not int or not 0 <= size <= MOST:
      raise bounded.Refused(f'a storage claims {size} numbers')
    if self.storages is not None:
      self.storages[key] = storage
    self.stack.append(storage)


def _unknown(name: Any) -> bounded.Refused:
  called = '.'.join(name) if isinstance(name, Name) else repr(name)
  return bounded.Refused(
      f'it names {called}, which is code and is not run; save tensors alone, with '
      'torch.save(model.state_dict(), PATH)')


def _run(file: io.BytesIO, storages: dict[str, Storage] | None = None) -> Any:
  """The value of one stream; the file is then behind it.

  Raises:
    Refused: an operation that is not of data.
    ValueError, TypeError, KeyError, IndexError: the stream is damaged.
  """
  machine = _Machine(storages)
  stack, memory = machine.stack, machine.memory
  for operation, argument, position in pickletools.genops(file):
    name = operation.name
    if (position or 0) > MOST_PROGRAM:
      raise bounded.Refused(f'its stream takes more than {MOST_PROGRAM} bytes')
    if name == 'STOP':
      return stack.pop()
    if name in _VALUES:
      stack.append(argument)
    elif name in _CONSTANTS:
      stack.append(_CONSTANTS[name]())
    elif name in ('BINPUT', 'LONG_BINPUT', 'PUT', 'MEMOIZE'):
      memory[len(memory) if name == 'MEMOIZE' else argument] = stack[-1]
    elif name in ('BINGET', 'LONG_BINGET', 'GET'):
      stack.append(memory[argument])
    elif name in _OPERATIONS:
      _OPERATIONS[name](machine, argument)
    elif name not in ('PROTO', 'FRAME'):
      raise bounded.Refused(f'its stream has the operation {name}, which tensors do '
                            'not need')
  raise ValueError('the stream has no end')


_VALUES = {'BININT', 'BININT1', 'BININT2', 'LONG1', 'LONG4', 'INT', 'LONG', 'BINFLOAT',
           'FLOAT', 'BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8', 'UNICODE',
           'BINSTRING', 'SHORT_BINSTRING', 'STRING'}
_CONSTANTS = {'NONE': lambda: None, 'NEWTRUE': lambda: True, 'NEWFALSE': lambda: False,
              'EMPTY_DICT': dict, 'EMPTY_LIST': list, 'EMPTY_TUPLE': tuple,
              'MARK': lambda: _MARK}


def _take(machine: _Machine, count: int) -> list[Any]:
  items = machine.stack[-count:]
  if len(items) < count:
    raise ValueError('the stack is empty')
  del machine.stack[-count:]
  return items


def _dict(machine: _Machine) -> None:
  items = machine.to_mark()
  machine.stack.append({})
  machine.set_items(items)


def _extend(machine: _Machine, items: list[Any]) -> None:
  if type(machine.stack[-1]) is not list:
    raise ValueError('items of no list')
  machine.stack[-1].extend(items)


_OPERATIONS = {
    'TUPLE': lambda m, _: m.stack.append(tuple(m.to_mark())),
    'TUPLE1': lambda m, _: m.stack.append(tuple(_take(m, 1))),
    'TUPLE2': lambda m, _: m.stack.append(tuple(_take(m, 2))),
    'TUPLE3': lambda m, _: m.stack.append(tuple(_take(m, 3))),
    'LIST': lambda m, _: m.stack.append(m.to_mark()),
    'DICT': lambda m, _: _dict(m),
    'APPEND': lambda m, _: _extend(m, _take(m, 1)),
    'APPENDS': lambda m, _: _extend(m, m.to_mark()),
    'SETITEM': lambda m, _: m.set_items(_take(m, 2)),
    'SETITEMS': lambda m, _: m.set_items(m.to_mark()),
    'GLOBAL': lambda m, argument: m.name(*argument.split(' ', 1)),
    'STACK_GLOBAL': lambda m, _: m.name(*_take(m, 2)),
    'REDUCE': lambda m, _: m.call(),
    # The attributes of an OrderedDict, such as a state's _metadata: no tensors.
    'BUILD': lambda m, _: m.stack.pop(),
    'BINPERSID': lambda m, _: m.storage(),
}


def _tensors(tree: Any) -> dict[str, Tensor]:
  """The tensors of a state dictionary, which may lie in a checkpoint's."""
  for name in ('state_dict', 'model', 'net'):
    if type(tree) is dict and type(tree.get(name)) is dict:
      tree = tree[name]
  if type(tree) is not dict or not tree:
    raise bounded.Refused('it holds no dictionary of tensors')
  if len(tree) > MOST_TENSORS:
    raise bounded.Refused(f'it holds {len(tree)} tensors')
  for name, tensor in tree.items():
    if type(tensor) is not Tensor:
      raise bounded.Refused(f'{name!r} is no tensor; save the state dictionary alone, '
                            'with torch.save(model.state_dict(), PATH)')
  return {name.removeprefix('module.'): tensor for name, tensor in tree.items()}


def _arrays(tensors: Mapping[str, Tensor], numbers: Mapping[str, bytes]
            ) -> dict[str, np.ndarray]:
  """The numbers of each tensor, in an array of its own."""
  for name, tensor in tensors.items():
    _check(name, tensor)
  if sum(4 * math.prod(tensor.shape) for tensor in tensors.values()) > MOST:
    raise bounded.Refused(f'its tensors take more than {MOST} bytes')
  return dict(_each(tensors, numbers))


def _each(tensors, numbers) -> Iterator[tuple[str, np.ndarray]]:
  for name, (storage, offset, shape, strides) in tensors.items():
    content = numbers[storage.key]
    if len(content) != storage.size * _width(storage):
      raise bounded.Refused(f'the numbers of {name!r} are {len(content)} bytes, and '
                            f'{storage.size} of {storage.type} are said to be there')
    kind = TYPES[storage.type]
    if kind == 'bf2':       # the first half of a float32
      row = (np.frombuffer(content, '<u2').astype('<u4') << 16).view('<f4')
    else:
      row = np.frombuffer(content, np.dtype(kind).newbyteorder('<'))
    view = np.lib.stride_tricks.as_strided(
        row[offset:], shape, tuple(step * row.itemsize for step in strides),
        writeable=False)
    array = view.astype(view.dtype.newbyteorder('='))
    if array.dtype.kind == 'f' and not np.isfinite(array).all():
      raise bounded.Refused(f'the tensor {name!r} does not hold finite numbers')
    yield name, array


def _check(name: str, tensor: Tensor) -> None:
  """A view lies inside of its storage; NumPy would read beyond it."""
  storage, offset, shape, strides = tensor
  def whole(values) -> bool:
    return type(values) is tuple and all(
        type(value) is int and 0 <= value <= MOST for value in values)
  if not (whole((offset,)) and whole(shape) and whole(strides)
          and len(shape) == len(strides) <= 8):
    raise bounded.Refused(f'the tensor {name!r} has no shape that a tensor can have')
  last = offset + sum((size - 1) * step for size, step in zip(shape, strides))
  if math.prod(shape) and last >= storage.size or offset > storage.size:
    raise bounded.Refused(f'the tensor {name!r} claims numbers that are not there')


def _width(storage: Storage) -> int:
  return int(TYPES[storage.type][-1].replace('?', '1'))


# The command `convert-weights`: published PyTorch weights become safetensors.

UNKNOWN = 'unknown'


@refusing('convert-weights')
def convert_weights(arguments: list[str]) -> int:
  """python -m lightman_jax convert-weights X.pth --out=Y.safetensors ..."""
  parser = Parser(
      prog='python -m lightman_jax convert-weights',
      description='Turns a state dictionary that PyTorch saved into safetensors for '
                  '--config.model.weights, without running what is in the file. What '
                  'the weights need and whom they saw is written beside them. The '
                  "defaults are those of STSTNet's PyTorch port.")
  parser.add_argument('weights', help='a .pth or .pt file: a state dictionary')
  parser.add_argument('--out', required=True, help='file.safetensors')
  parser.add_argument('--trained_on', required=True, metavar='CSV',
                      help='whom the weights were trained on: a csv with the columns '
                           'dataset, subject (a manifest is one); or unknown, which '
                           'every result of theirs will say')
  parser.add_argument('--held_out', action='append', default=[],
                      metavar='DATASET/SUBJECT',
                      help='of the csv, who was held out after all; may be repeated')
  parser.add_argument('--classes', default='negative,positive,surprise',
                      help='in the order of the logits')
  parser.add_argument('--holds', default='flow', choices=('flow', 'intensity'),
                      help='what the pictures show')
  parser.add_argument('--channels', default='strain,v,u',
                      help='of the pictures: u, v, strain of flow (red, green, blue of '
                           'a ready flow picture), or red, green, blue of intensity; '
                           'OpenCV reads them in the order strain, v, u')
  parser.add_argument('--range', default='0,255',
                      help='what the weights take for 0 and 255 of a picture')
  parser.add_argument('--size', type=int, default=28,
                      help='side of the pictures in pixels; 28')
  options = parser.parse_args(arguments)
  print(_convert(options))
  return 0


def _convert(options: argparse.Namespace) -> str:
  # Not above: who asks for help does not wait for jax.
  from lightman_jax.files import file_sha256
  from lightman_jax.models import weights_files
  out = pathlib.Path(options.out).expanduser()
  if out.suffix != weights_files.ENDING:
    raise InputError(f'--out={options.out} must end with {weights_files.ENDING}')
  people = read_people(options.trained_on, options.held_out)
  source = pathlib.Path(options.weights).expanduser()
  arrays = read(source)
  try:
    low, high = map(float, options.range.split(','))
  except ValueError:
    raise InputError(f'--range={options.range} must be two numbers, as 0,255') from None
  words = lambda text: tuple(word.strip() for word in text.split(',') if word.strip())
  try:
    declared = weights_files.checked(weights_files.Declared(
        options.holds, words(options.channels), low, high, options.size,
        words(options.classes), people,
        f'{source.name} (sha256 {file_sha256(source)})'))
  except ValueError as error:
    raise InputError(f'--channels, --range, --size or --classes: {error}') from None
  weights_files.write(out, arrays, declared)
  trained = ('whom they were trained on is not known' if people is None
             else f'trained on {counted(len(people), "person")}')
  return f'{out}: {len(arrays)} arrays, {trained}'


def read_people(path: str, held_out: list[str]) -> tuple[tuple[str, str], ...] | None:
  """The (data set, person) pairs of a csv; None where it is `unknown`.

  Args:
    path: of the csv, which has the columns dataset and subject.
    held_out: 'dataset/subject' of those to leave out of them.

  Raises:
    InputError: the csv cannot be read, or does not name whom to leave out.
  """
  from lightman_jax.data.spellings import is_missing
  if path == UNKNOWN:
    if held_out:
      raise InputError('--held_out leaves people out of a csv, and --trained_on is '
                       'unknown; give the csv')
    return None
  try:
    text = bounded.read_bytes(pathlib.Path(path).expanduser()).decode('utf-8-sig')
    rows = list(csv.DictReader(io.StringIO(text, newline='')))
    people = {(row['dataset'].strip(), row['subject'].strip()) for row in rows}
  except OSError as error:
    raise InputError(f'{path} cannot be read: {error.strerror or error}; write '
                     '--trained_on=unknown where you do not know') from None
  except KeyError as error:
    raise InputError(f'{path} has no column {error}; it needs dataset and subject'
                     ) from None
  except (ValueError, AttributeError, csv.Error) as error:
    raise InputError(f'{path} is no csv with the columns dataset, subject ({error})'
                     ) from None
  if not people or any(map(is_missing, (word for pair in people for word in pair))):
    raise InputError(f'{path} names nobody, or leaves a dataset or subject empty')
  for word in held_out:
    pair = tuple(word.partition('/')[::2])
    if pair not in people:
      raise InputError(f'--held_out={word} is nobody of {path}; write DATASET/SUBJECT '
                       'as they stand there')
    people.discard(pair)
  if not people:
    raise InputError(f'--held_out leaves nobody of {path}; give whom the weights were '
                     'trained on, or --trained_on=unknown')
  return tuple(sorted(people))
