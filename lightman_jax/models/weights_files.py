"""Files of published weights: safetensors, whose metadata say what the weights need.

The metadata are strings: `form` is `FORM`; `inputs`, `classes` and `trained_on` are
JSON, as `metadata_of` writes them; `source` is free text. Without `trained_on` it is
not known whom the weights were trained on.
"""

from collections.abc import Mapping
import json
import math
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, numpy as safetensors

from lightman_jax import bounded
from lightman_jax.data.spellings import is_missing
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.models.ststnet import Scaling

FORM = 'lightman_jax weights 1'
ENDING = '.safetensors'
MOST = 256 * 1024**2       # bytes of a file
CHANNELS = {'flow': ('u', 'v', 'strain'), 'intensity': ('red', 'green', 'blue')}


class Declared(NamedTuple):
  """What a file says of its weights."""
  holds: str                        # what the pictures show: one of `CHANNELS`
  channels: tuple[str, ...]         # of the pictures, in the order of the weights
  low: float                        # what the weights take for 0 of 0 to 255
  high: float                       # and for 255
  size: int                         # side of the pictures, in pixels
  classes: tuple[str, ...]          # in the order of the logits
  trained_on: tuple[tuple[str, str], ...] | None     # (data set, person); None: unknown
  source: str = ''

  @property
  def scaling(self) -> Scaling:
    """From our channels, -1 to 1, to those of the weights."""
    ours = CHANNELS[self.holds]
    return Scaling(tuple(map(ours.index, self.channels)), self.low, self.high)


def files_of(path: str | os.PathLike) -> tuple[pathlib.Path, ...]:
  """The file, or all `.safetensors` of the folder, by their names.

  Args:
    path: of a file or a folder; ~ is the home folder.

  Raises:
    InputError: there is none.
  """
  path = pathlib.Path(path).expanduser()
  if not path.is_dir():
    return (path,)
  files = tuple(sorted(path.glob(f'*{ENDING}')))
  if not files:
    raise InputError(f'model.weights: the folder {path} holds no {ENDING} file; make '
                     'them with python -m lightman_jax convert-weights')
  return files


def scaling_of(path: str | os.PathLike) -> Scaling:
  """What the weights of a file, or of a folder, take for our pictures.

  Args:
    path: of a file or a folder.

  Raises:
    InputError: the first of them cannot be read.
  """
  return read(files_of(path)[0])[0].scaling


def read(path: str | os.PathLike) -> tuple[Declared, dict[str, np.ndarray]]:
  """What a file declares, and its arrays by their names.

  Args:
    path: of a file.

  Raises:
    InputError: it cannot be read, is no such file, or declares no inputs or classes.
  """
  try:
    content = bounded.read_bytes(path, MOST)
    size = int.from_bytes(content[:8], 'little')
    header = bounded.parse_json(content[8:8 + size])
    declared = _declared(header['__metadata__'])
    arrays = dict(safetensors.load(content))
  except OSError as error:
    raise InputError(f'{path} cannot be read: {error.strerror or error}') from error
  except (ValueError, KeyError, TypeError, AttributeError, OverflowError,
          SafetensorError) as error:
    raise InputError(
        f'{path} is no safetensors file with the metadata that model.weights needs '
        f'({type(error).__name__}: {error}); python -m lightman_jax convert-weights '
        'makes one') from error
  for name, array in arrays.items():
    if array.dtype.kind not in 'fiu' or not np.isfinite(array).all():
      raise InputError(f'{path}: the array {name!r} does not hold finite numbers')
  return declared, arrays


def write(path: str | os.PathLike, arrays: Mapping[str, np.ndarray], declared: Declared
          ) -> None:
  """Writes a file that `read` reads.

  Args:
    path: of the file, which is replaced where it exists.
    arrays: by the names of the PyTorch port.
    declared: what the file says of them.
  """
  with write_atomically(path, 'wb') as file:
    file.write(content_of(arrays, declared))


def content_of(arrays: Mapping[str, np.ndarray], declared: Declared) -> bytes:
  """What such a file holds: equal arrays and declarations give equal bytes.

  The library puts metadata into the header in an order that changes from call to call,
  so they are put there here; places of arrays are counted from the header's end.

  Args:
    arrays: by the names of the PyTorch port.
    declared: what the file says of them.
  """
  content = safetensors.save(
      {name: np.array(array, order='C') for name, array in sorted(arrays.items())})
  size = int.from_bytes(content[:8], 'little')
  header = json.dumps({'__metadata__': metadata_of(declared),
                       **json.loads(content[8:8 + size])}).encode()
  header += b' ' * (-len(header) % 8)
  return len(header).to_bytes(8, 'little') + header + content[8 + size:]


def metadata_of(declared: Declared) -> dict[str, str]:
  """The metadata of a file, for whoever writes one in another way."""
  inputs = {name: getattr(declared, name)
            for name in ('holds', 'channels', 'low', 'high', 'size')}
  metadata = {'form': FORM, 'inputs': json.dumps(inputs),
              'classes': json.dumps(declared.classes), 'source': declared.source}
  if declared.trained_on is not None:
    metadata['trained_on'] = json.dumps(declared.trained_on)
  return metadata


def _declared(metadata: Mapping[str, Any]) -> Declared:
  if metadata['form'] != FORM:
    raise ValueError(f'its form is {metadata["form"]!r}, not {FORM!r}')
  parse = lambda name: bounded.parse_json(metadata[name].encode())
  inputs, people = parse('inputs'), None
  if 'trained_on' in metadata:
    people = tuple(map(tuple, _lists(parse('trained_on'))))
  if not isinstance(inputs, dict):
    raise ValueError('inputs is no object')
  if not all(type(inputs[name]) in (int, float) for name in ('low', 'high')):
    raise ValueError('low and high are no numbers')
  classes, channels = _lists([parse('classes'), inputs['channels']])
  return checked(Declared(
      inputs['holds'], tuple(channels), float(inputs['low']),
      float(inputs['high']), inputs['size'], tuple(classes), people,
      str(metadata.get('source', ''))))


def _lists(value: Any) -> list[list]:
  """A list of lists, for a string is a sequence, too.

  Raises:
    ValueError: it is none.
  """
  if type(value) is not list or not all(type(one) is list for one in value):
    raise ValueError(f'{json.dumps(value)[:60]} is not made of lists')
  return value


def checked(declared: Declared) -> Declared:
  """The same.

  Args:
    declared: what somebody has written.

  Raises:
    ValueError: its channels, range, size, classes or people are none.
  """
  people = declared.trained_on
  if people is not None and not people:
    raise ValueError('trained_on names nobody; leave it out where it is not known whom '
                     'the weights were trained on')
  if not all(len(pair) == 2 and all(isinstance(word, str) for word in pair)
             and not any(map(is_missing, pair)) for pair in people or ()):
    raise ValueError('trained_on holds no pairs of data set and person')
  if sorted(declared.channels) != sorted(CHANNELS.get(declared.holds, ())):
    raise ValueError(f'pictures of {declared.holds!r} with the channels '
                     f'{", ".join(map(str, declared.channels))} are not known')
  if not (math.isfinite(declared.low) and math.isfinite(declared.high)
          and declared.low != declared.high):
    raise ValueError(f'{declared.low} to {declared.high} is no range of numbers')
  if type(declared.size) is not int or not 1 <= declared.size <= 4096:
    raise ValueError(f'pictures of {declared.size} pixels a side')
  if (len(declared.classes) < 2 or len(set(declared.classes)) < len(declared.classes)
      or not all(isinstance(name, str) and name.strip()
                 for name in declared.classes)):
    raise ValueError('classes are two names or more, each once')
  return declared
