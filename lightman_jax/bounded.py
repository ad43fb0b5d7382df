"""Files of unknown origin are read up to a size, and as data only.

What a file claims to hold (its length, the shape of an array, the size of a member of
an archive, the depth of JSON) is compared with a bound before memory is taken for it.
"""

from collections.abc import Mapping
import errno
import json
import math
import os
import pathlib
import stat
from typing import Any
import zipfile

MOST_BYTES = 256 * 1024**2      # of a file of text; a thousand times the usual
MOST_JSON = 32 * 1024**2        # of a file of JSON, which takes up to 50 times as much
DEEPEST = 64                    # of JSON: objects and lists within each other
MOST_ARRAYS = 4 * 1024**3       # of all arrays of an .npz file, unpacked
MOST_NAMES = 16 * 1024**2       # of what else stands in such a file


# Windows has neither pipes with names nor the first two, and else changes line ends.
_FLAGS = (getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_CLOEXEC', 0)
          | getattr(os, 'O_BINARY', 0))


class Refused(ValueError):
  """A file that is not read; says why, and does not name it."""


def read_bytes(path: str | os.PathLike, most: int = MOST_BYTES) -> bytes:
  """Returns the content of a file.

  Args:
    path: of the file.
    most: bytes.

  Returns:
    The bytes, all of them.

  Raises:
    Refused: it is no regular file (a pipe and /dev/zero have no end), or larger than
      `most` bytes.
    OSError: it cannot be read.
  """
  # A pipe that nobody writes to would not even open.
  number = os.open(path, os.O_RDONLY | _FLAGS)
  about = os.fstat(number)
  if stat.S_ISDIR(about.st_mode):     # `open` would name the number
    os.close(number)
    raise IsADirectoryError(errno.EISDIR, 'it is a folder', os.fspath(path))
  with open(number, 'rb') as file:
    if not stat.S_ISREG(about.st_mode):
      raise Refused('it is no regular file')
    content = file.read(most + 1)
  if len(content) > most:
    raise Refused(f'it holds {max(about.st_size, most + 1)} bytes; more than {most} '
                  'are not read')
  return content


def read_json(path: str | os.PathLike, most: int = MOST_JSON) -> Any:
  """Returns the value of a file of JSON in UTF-8.

  Args:
    path: of the file.
    most: bytes.

  Raises:
    ValueError: it is no JSON, larger than `most` bytes or deeper than `DEEPEST`.
    OSError: it cannot be read.
  """
  return parse_json(read_bytes(path, most))


def parse_json(content: bytes) -> Any:
  """Returns the value of JSON in UTF-8.

  Args:
    content: the bytes of JSON.

  Raises:
    ValueError: it is none, or deeper than `DEEPEST`.
  """
  try:
    value = json.loads(content.decode('utf-8'))
  except RecursionError:
    raise Refused(_DEEP) from None
  level = [value]
  for _ in range(DEEPEST + 1):
    level = [node for node in level if isinstance(node, (dict, list))]
    if not level:
      return value
    level = [part for node in level
             for part in (node.values() if isinstance(node, dict) else node)]
  raise Refused(_DEEP)


def read_arrays(path: str | os.PathLike, most: int = MOST_ARRAYS
                ) -> Mapping[str, Any]:
  """Returns the arrays of an .npz file, none of them of Python objects.

  Args:
    path: of the .npz file.
    most: bytes of all arrays, unpacked.

  Returns:
    Name -> array.

  Raises:
    ValueError: it is no such file, is damaged, or its arrays take more than `most`
      bytes.
    OSError: it cannot be read.
  """
  import numpy as np  # not above: who reads text alone does not wait for it
  path = pathlib.Path(path)
  if path.exists() and not path.is_file():
    raise Refused('it is no regular file')
  # A compressed array may be larger than its content, and each has a name.
  if (size := path.stat().st_size) > most + most // 1000 + MOST_NAMES:
    raise Refused(f'it holds {size} bytes, and its arrays may take {most}')
  try:
    with zipfile.ZipFile(path) as archive:
      left = most
      for member in archive.infolist():
        left -= member.file_size
        if left < 0:
          raise Refused(f'its arrays take more than {most} bytes')
        with archive.open(member) as file:
          _check_array(file, member.file_size)
    with np.load(path, allow_pickle=False) as arrays:
      return dict(arrays)
  except (OSError, ValueError):
    raise
  except Exception as error:    # NumPy and zipfile fail in any way on a damaged file
    raise Refused(f'it is no whole .npz file ({type(error).__name__}: {error})'
                  ) from error


def _check_array(file, size: int) -> None:
  """Its shape must be that of the bytes there, for NumPy takes memory by its shape."""
  import numpy as np
  version = np.lib.format.read_magic(file)
  header = (np.lib.format.read_array_header_1_0 if version == (1, 0)
            else np.lib.format.read_array_header_2_0)
  shape, _, dtype = header(file)
  if dtype.hasobject:
    raise Refused('it holds Python objects, which are not loaded')
  bytes_of_it = math.prod(shape) * dtype.itemsize + file.tell()
  if bytes_of_it != size or min(shape, default=0) < 0:
    raise Refused(f'an array claims the shape {shape} and is of another size')


_DEEP = f'its lists stand in each other deeper than {DEEPEST}'
