"""A user's own tables of clips: apexes and landmarks that no sheet gives.

A table of apexes has a row for each clip: `clip` and `apex`. One of landmarks has a row
for each frame: `clip`, `frame` (the number in its file name) and the 68 points of
iBUG's scheme as `x_0` to `x_67` and `y_0` to `y_67`, in pixels of the picture on disk:
what OpenFace writes, with a column for the clip.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
import math
import pathlib
from typing import NamedTuple, TypeVar

from jaxtyping import Float32
import numpy as np

from lightman_jax import places
from lightman_jax.data import workbooks
from lightman_jax.data.rows import LeftOut, Note, Row
from lightman_jax.data.spellings import find_disorder, whole_number
from lightman_jax.errors import InputError, Reason, Unreadable

# Tables that a user gives of clips: found, and their entries given to the clips.

Entry = TypeVar('Entry')


def find_table_file(setting: str, wanted: str) -> pathlib.Path:
  """Returns the path of a table.

  Args:
    setting: what the user gave.
    wanted: what it may be, for the message.

  Raises:
    InputError: it is not there.
  """
  path = places.expand(setting)
  if not path.is_file():
    raise InputError(f'{path} {"is no file" if path.exists() else "is not there"}; '
                     f'{wanted}.')
  return path


def entries_by_clip(entries: Mapping[str, Entry], rows: Iterable[Row]
                    ) -> dict[str, Entry]:
  """Returns the entries under the ids of clips.

  A clip is named by its id or, where no other has that name, by its file name: in most
  data sets several people have a file of one name.

  Args:
    entries: by the clip's id or its file name.
    rows: of one data set.
  """
  rows = tuple(rows)
  times = Counter(row.filename for row in rows)
  alone = {row.clip: entries[row.filename] for row in rows
           if times[row.filename] == 1 and row.filename in entries}
  return alone | {row.clip: entries[row.clip] for row in rows if row.clip in entries}


# Landmarks that a user's own table gives, in place of those of the face model.

_POINTS = [f'{axis}_{number}' for axis in 'xy' for number in range(68)]

Points = Float32[np.ndarray, '68 2']


class LandmarkTable(NamedTuple):
  """A table's name, and of each clip the points by frame number."""
  name: str
  clips: Mapping[str, Mapping[int, Points]]

  def of(self, row: Row, numbers) -> dict[int, Points]:
    """The points of a row's frames.

    Raises:
      Unreadable: the table lacks one of them.
    """
    points = self.clips.get(row.clip, {})
    missing = [number for number in numbers if number not in points]
    if missing:
      raise Unreadable(Reason.NO_LANDMARKS, table=self.name, number=missing[0])
    return {number: points[number] for number in numbers}


def read_landmark_table(setting: str, rows: tuple[Row, ...]) -> LandmarkTable:
  """Reads the table that `data.landmarks` names, for the clips of these rows.

  Args:
    setting: the table's path.
    rows: of one data set.

  Raises:
    InputError: it is not there, lacks a column, or a cell is no number; names the row.
  """
  path = find_table_file(
      setting, 'data.landmarks must be auto, model, none, a folder with the model, or '
      'a table with the columns clip, frame, x_0 to x_67, y_0 to y_67')
  columns = {name: (name,) for name in ('clip', 'frame', *_POINTS)}
  clips: dict[str, dict[int, Points]] = {}
  table = workbooks.read_cells(path, columns=columns.values())
  for record in workbooks.find_table(table, columns, where=path.name):
    where = f'{path.name} row {record.row}'
    clip, number = record.cells['clip'], whole_number(record.cells['frame'])
    if not clip or number is None:
      raise InputError(f'{where}: clip {clip!r}, frame {record.cells["frame"]!r}: not '
                       'a frame of a clip.')
    if number in clips.setdefault(clip, {}):
      raise InputError(f'{where}: frame {number} of {clip} stands twice; keep one.')
    flat = [_number(record.cells[name], f'{where}: {name}') for name in _POINTS]
    clips[clip][number] = np.array(flat, np.float32).reshape(2, 68).T
  return LandmarkTable(path.name, entries_by_clip(clips, rows))


def _number(text: str, where: str) -> float:
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  if not math.isfinite(value):
    raise InputError(f'{where} is {text!r}, and must be a number of pixels.')
  return value


# Apexes that a user's own table gives for clips whose sheet gives none.

GIVEN = Note('the apex is that of a table of the user')
WORDS = ('spotted', 'none')
_COLUMNS = {
    'clip': ('clip', 'clip name', 'clip id', 'Filename', 'file', 'name'),
    'apex': ('apex', 'ApexFrame', 'apex frame number', 'apex number', 'apex index',
             'apex idx', 'ApexF', 'ApexF1')}


def apexes_by_clip(
    rows: tuple[Row, ...], setting: str, *, spotted: Collection[str] = (),
) -> tuple[tuple[Row, ...], tuple[LeftOut, ...]]:
  """Fills apexes in from a table; what a sheet gives is never replaced.

  Args:
    rows: of one data set.
    setting: 'spotted' or 'none', which leave the rows as they are, or the path of a
      table with the columns `clip` and `apex`; a clip is named by its id or, where it
      is the only one, by its file name.
    spotted: clips whose apex a correction took away, so that it is spotted; they need
      none of the table's.

  Returns:
    The rows, and those that are left out because the table gives them no apex, or one
    that does not lie between onset and offset.

  Raises:
    InputError: the table cannot be read, or a cell of it is no frame number.
  """
  if setting in WORDS:
    return rows, ()
  path = find_table_file(setting, f'data.apex must be {", ".join(WORDS)} or a table '
                          'with the columns clip, apex')
  apexes = entries_by_clip(_read(path), rows)
  filled, left_out = [], []
  for row in rows:
    apex = apexes.get(row.clip)
    if row.apex is None and (apex is not None or row.clip not in spotted):
      if apex is None:
        left_out.append(LeftOut.of(
            row.clip, Reason.NO_APEX_IN_TABLE, table=path.name))
        continue
      if disorder := find_disorder(row.onset, apex, row.offset):
        left_out.append(LeftOut.of(row.clip, disorder, where=path.name, apex=apex,
                                   onset=row.onset, offset=row.offset))
        continue
      row = row._replace(apex=apex, notes=(*row.notes, GIVEN))
    filled.append(row)
  return tuple(filled), tuple(left_out)


def _read(path: pathlib.Path) -> dict[str, int]:
  apexes = {}
  table = workbooks.read_cells(path, columns=_COLUMNS.values())
  for record in workbooks.find_table(table, _columns(table), where=path.name):
    clip, number = record.cells['clip'], whole_number(record.cells['apex'])
    if number is None or not clip:
      raise InputError(f'{path} row {record.row}: clip {clip!r}, apex '
                       f'{record.cells["apex"]!r}; write a clip and a frame number.')
    if apexes.setdefault(clip, number) != number:
      raise InputError(f'{path} row {record.row}: {clip} has two apexes; keep one.')
  return apexes


def _columns(table: list[list[str]]) -> dict[str, tuple[str, ...]]:
  """For each column the first of its words that the table has."""
  return {name: next(((word,) for word in words
                      if workbooks.has_header(table, {name: (word,)})), words)
          for name, words in _COLUMNS.items()}
