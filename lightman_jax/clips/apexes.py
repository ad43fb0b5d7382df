"""Apexes that a user's own table gives for clips whose sheet gives none."""

from collections.abc import Collection
import pathlib

from lightman_jax.annotations import cells
from lightman_jax.annotations.frame_numbers import disorder, whole
from lightman_jax.annotations.rows import LeftOut, Row
from lightman_jax.clips import user_tables
from lightman_jax.errors import InputError

GIVEN = 'the apex is that of a table of the user'
WORDS = ('spotted', 'none')
_COLUMNS = {
    'clip': ('clip', 'clip name', 'clip id', 'Filename', 'file', 'name'),
    'apex': ('apex', 'ApexFrame', 'apex frame number', 'apex number', 'apex index',
             'apex idx', 'ApexF', 'ApexF1')}


def given(
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
  path = user_tables.find(setting, f'data.apex must be {", ".join(WORDS)} or a table '
                          'with the columns clip, apex')
  held = user_tables.by_clip(_read(path), rows)
  filled, left_out = [], []
  for row in rows:
    apex = held.get(row.clip)
    if row.apex is None and (apex is not None or row.clip not in spotted):
      wrong = (f'neither the sheet nor {path.name} gives an apex' if apex is None
               else disorder(row.onset, apex, row.offset))
      if wrong:
        left_out.append(LeftOut(row.clip, wrong if apex is None
                                else f'{path.name}: {wrong}'))
        continue
      row = row._replace(apex=apex, notes=(*row.notes, GIVEN))
    filled.append(row)
  return tuple(filled), tuple(left_out)


def _read(path: pathlib.Path) -> dict[str, int]:
  found = {}
  table = cells.read_cells(path, columns=_COLUMNS.values())
  for record in cells.find_table(table, _columns(table), where=path.name):
    clip, number = record.cells['clip'], whole(record.cells['apex'])
    if number is None or not clip:
      raise InputError(f'{path} row {record.row}: clip {clip!r}, apex '
                       f'{record.cells["apex"]!r}; write a clip and a frame number.')
    if found.setdefault(clip, number) != number:
      raise InputError(f'{path} row {record.row}: {clip} has two apexes; keep one.')
  return found


def _columns(table: list[list[str]]) -> dict[str, tuple[str, ...]]:
  """For each column the first of its words that the table has."""
  return {name: next(((word,) for word in words
                      if cells.has_header(table, {name: (word,)})), words)
          for name, words in _COLUMNS.items()}
