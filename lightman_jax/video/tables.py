"""Tables that come from elsewhere: known landmarks, clips that are cut already."""

from collections.abc import Iterator, Sequence
import csv
import io
import pathlib

from jaxtyping import Float
import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError, describe_fault

CLIP_COLUMNS = ('path', 'onset', 'apex', 'offset')
_MOST_TABLE = 50_000_000        # bytes of a table


def read_landmarks(path: pathlib.Path) -> dict[int, Float[np.ndarray, 'people 68 2']]:
  """A table of known landmarks: frame, x_0 to x_67, y_0 to y_67.

  Args:
    path: of a csv; frames are counted from 0, places are in pixels of the upright
      picture; several rows of one frame are several people, and an empty cell is a
      landmark that is not known.

  Raises:
    InputError: it cannot be read, lacks a column, or a cell is no number.
  """
  names = ['frame', *(f'{axis}_{k}' for axis in 'xy' for k in range(68))]
  rows: dict[int, list[np.ndarray]] = {}
  for line, cells in read_table(path, names, 'a table of landmarks'):
    number = _frame(path, line, 'frame', cells['frame'])
    try:
      values = [float(cells[name] or 'nan') for name in names[1:]]
    except ValueError as error:
      raise InputError(f'{path}, line {line}: {error}') from error
    rows.setdefault(number, []).append(np.array(values).reshape(2, 68).T)
  return {number: np.stack(people) for number, people in rows.items()}


def read_clips(path: pathlib.Path) -> list[tuple[str, int, int, int]]:
  """The rows of a table of clips: path, onset, apex, offset.

  Args:
    path: of a csv with these columns; others are ignored. Paths start at its folder.

  Raises:
    InputError: it cannot be read, lacks a column, or a row has no frame numbers in
      order.
  """
  rows = []
  for line, cells in read_table(path, CLIP_COLUMNS, 'a table of clips'):
    rows.append((cells['path'], *(_frame(path, line, name, cells[name])
                                  for name in CLIP_COLUMNS[1:])))
    if not rows[-1][1] <= rows[-1][2] <= rows[-1][3]:
      raise InputError(f'{path}, line {line}: onset, apex and offset are not in order')
  if not rows:
    raise InputError(f'{path} names no clip')
  return rows


def read_table(path: pathlib.Path, names: Sequence[str], what: str
           ) -> Iterator[tuple[int, dict[str, str]]]:
  """The lines of a csv that has some columns, with their numbers.

  Args:
    path: of the csv.
    names: of columns that it must have.
    what: it is, as 'a table of clips'.

  Raises:
    InputError: it cannot be read, or lacks a column.
  """
  try:
    text = bounded.read_bytes(path, _MOST_TABLE).decode('utf-8-sig')
  except (OSError, ValueError) as error:
    raise InputError(f'{path} cannot be read as a table ({describe_fault(error)}); '
                     f'give {what} as a csv in UTF-8') from error
  table = csv.DictReader(io.StringIO(text, newline=''), strict=True, restval='',
                         skipinitialspace=True)
  try:
    missing = [name for name in names if name not in (table.fieldnames or ())]
    if missing:
      wanted = (', '.join(names) if len(names) < 8 else
                f'{names[0]}, {names[1]}, ... {names[-1]}')
      raise InputError(f'{path} has no column {missing[0]}; {what} has {wanted}')
    for cells in table:
      for name, cell in cells.items():
        if isinstance(cell, str) and len(cell.splitlines()) > 1:
          raise InputError(f'{path}, line {table.line_num}: {name} holds a line break; '
                           'write it in one line')
      yield table.line_num, cells
  except csv.Error as error:
    raise InputError(f'{path}, line {table.line_num}: {error}') from error


def _frame(path: pathlib.Path, line: int, name: str, text: str) -> int:
  if not text.strip().isdecimal() or len(text.strip()) > 9:
    raise InputError(f'{path}, line {line}: {name} {text!r} is not a frame number, '
                     'counted from 0')
  return int(text)
