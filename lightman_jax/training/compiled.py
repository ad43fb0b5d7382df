"""The folder of compiled programs, and what a fault leaves in it.

jax writes an entry in place: a program that is killed meanwhile, or a full disk, leaves
half of one. jax then compiles anew, says so in a warning of several lines, and never
replaces the entry. So damaged entries are deleted at the start of a run.
"""

from collections.abc import Iterator
import contextlib
import json
import pathlib
import warnings
import zlib

from lightman_jax import bounded
from lightman_jax.files import sweep, write_atomically

INDEX = 'lightman_jax.checked.json'   # name of an entry -> its size and time
MOST_BYTES = 2**30                    # of an entry that is looked at
ZSTD = b'\x28\xb5\x2f\xfd'            # where that is installed: it has no check sum


def mend(folder: pathlib.Path) -> list[str]:
  """Deletes the damaged entries of a folder; returns their names.

  Entries that were whole before and look untouched are not read again: of those, one
  that was damaged meanwhile costs a compilation.
  """
  known, whole, damaged = _index(folder), {}, []
  for path in _entries(folder):
    # Deleted by another program meanwhile; or nobody may; or too large to look at.
    with contextlib.suppress(OSError, bounded.Refused):
      about = path.stat()
      mark = [about.st_size, about.st_mtime_ns]
      if known.get(path.name) == mark or _is_whole(path):
        whole[path.name] = mark
      else:
        path.unlink()
        damaged.append(path.name)
  if whole != known:
    with contextlib.suppress(OSError):
      sweep(folder, f'.{INDEX}.*')
      with write_atomically(folder / INDEX) as file:
        json.dump(whole, file)
  return damaged


def hush() -> None:
  """A cache that cannot be read or written costs time, and nothing else."""
  warnings.filterwarnings('ignore', message='Error (reading|writing) persistent '
                          'compilation cache entry')


def _entries(folder: pathlib.Path) -> Iterator[pathlib.Path]:
  with contextlib.suppress(OSError):
    yield from sorted(folder.glob('*-cache'))


def _is_whole(path: pathlib.Path) -> bool:
  content = bounded.read_bytes(path, MOST_BYTES)
  if content.startswith(ZSTD):
    return True
  unpack = zlib.decompressobj()
  try:
    # In pieces: what is unpacked is not kept.
    for begin in range(0, len(content), 2**16):
      unpack.decompress(content[begin:begin + 2**16])
  except zlib.error:
    return False
  return unpack.eof and not unpack.unused_data


def _index(folder: pathlib.Path) -> dict:
  try:
    found = bounded.read_json(folder / INDEX)
  except (OSError, ValueError):
    return {}
  return found if isinstance(found, dict) else {}
