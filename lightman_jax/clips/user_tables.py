"""Tables that a user gives of clips: found, and their entries given to the clips."""

from collections import Counter
from collections.abc import Iterable, Mapping
import pathlib
from typing import TypeVar

from lightman_jax import places
from lightman_jax.annotations.rows import Row
from lightman_jax.errors import InputError

Entry = TypeVar('Entry')


def find(setting: str, wanted: str) -> pathlib.Path:
  """Returns the path of a table.

  Args:
    setting: what the user gave.
    wanted: what it may be, for the message.

  Raises:
    InputError: it is not there.
  """
  path = places.expand(setting)
  if not path.is_file():
    raise InputError(f'{path} is not there; {wanted}.')
  return path


def by_clip(entries: Mapping[str, Entry], rows: Iterable[Row]) -> dict[str, Entry]:
  """Returns the entries under the ids of clips.

  A clip is named by its id or, where no other has that name, by its file name: in most
  data sets several people have a file of one name.
  """
  rows = tuple(rows)
  times = Counter(row.filename for row in rows)
  alone = {row.clip: entries[row.filename] for row in rows
           if times[row.filename] == 1 and row.filename in entries}
  return alone | {row.clip: entries[row.clip] for row in rows if row.clip in entries}
