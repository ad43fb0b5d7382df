"""Landmarks that a user's own table gives, in place of those of the face model.

One row a frame: `clip`, `frame` (the number in its file name) and the 68 points of
iBUG's scheme as `x_0` to `x_67` and `y_0` to `y_67`, in pixels of the picture on disk:
what OpenFace writes, with a column for the clip.
"""

from collections.abc import Mapping
import math
from typing import NamedTuple

from jaxtyping import Float32
import numpy as np

from lightman_jax.annotations import cells
from lightman_jax.annotations.frame_numbers import whole
from lightman_jax.annotations.rows import Row
from lightman_jax.clips import user_tables
from lightman_jax.clips.unreadable import Unreadable
from lightman_jax.errors import InputError

_POINTS = [f'{axis}_{number}' for axis in 'xy' for number in range(68)]

Points = Float32[np.ndarray, '68 2']


class Table(NamedTuple):
  """A table's name, and of each clip the points by frame number."""
  name: str
  clips: Mapping[str, Mapping[int, Points]]

  def of(self, row: Row, numbers) -> dict[int, Points]:
    """The points of a row's frames.

    Raises:
      Unreadable: the table lacks one of them.
    """
    held = self.clips.get(row.clip, {})
    missing = [number for number in numbers if number not in held]
    if missing:
      raise Unreadable(f'{self.name} gives no landmarks of its frame {missing[0]}')
    return {number: held[number] for number in numbers}


def read(setting: str, rows: tuple[Row, ...]) -> Table:
  """Reads the table that `data.landmarks` names, for the clips of these rows.

  Raises:
    InputError: it is not there, lacks a column, or a cell is no number; names the row.
  """
  path = user_tables.find(
      setting, 'data.landmarks must be auto, model, none, a folder with the model, or '
      'a table with the columns clip, frame, x_0 to x_67, y_0 to y_67')
  columns = {name: (name,) for name in ('clip', 'frame', *_POINTS)}
  clips: dict[str, dict[int, Points]] = {}
  table = cells.read_cells(path, columns=columns.values())
  for record in cells.find_table(table, columns, where=path.name):
    where = f'{path.name} row {record.row}'
    clip, number = record.cells['clip'], whole(record.cells['frame'])
    if not clip or number is None:
      raise InputError(f'{where}: clip {clip!r}, frame {record.cells["frame"]!r}: not '
                       'a frame of a clip.')
    if number in clips.setdefault(clip, {}):
      raise InputError(f'{where}: frame {number} of {clip} stands twice; keep one.')
    flat = [_number(record.cells[name], f'{where}: {name}') for name in _POINTS]
    clips[clip][number] = np.array(flat, np.float32).reshape(2, 68).T
  return Table(path.name, user_tables.by_clip(clips, rows))


def _number(text: str, where: str) -> float:
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  if not math.isfinite(value):
    raise InputError(f'{where} is {text!r}, and must be a number of pixels.')
  return value
