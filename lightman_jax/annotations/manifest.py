"""Anyone's own clips: a csv with a clip a row.

Columns `clip, subject, label, path`, and optionally `onset, apex, offset` (frame
numbers), `fps`, `dataset` and `kind` (micro or macro). `path` is a folder of frames, a
video file or one picture, relative to the csv's folder. A workbook does as well.
"""

from collections import Counter
import difflib
import os
import pathlib
from typing import NamedTuple

from lightman_jax import places
from lightman_jax.annotations import cells
from lightman_jax.annotations.frame_numbers import disorder, whole
from lightman_jax.errors import InputError

REQUIRED = ('clip', 'subject', 'label', 'path')
OPTIONAL = ('onset', 'apex', 'offset', 'fps', 'dataset', 'kind')


class Entry(NamedTuple):
  """One row of a manifest; what it does not say is None, '' or 0."""
  row: int                  # line in the file, counted from 1
  clip: str
  subject: str
  label: str                # '' only for a macro clip
  path: pathlib.Path        # joined to the csv's folder
  onset: int | None
  apex: int | None
  offset: int | None
  fps: float
  dataset: str
  kind: str                 # 'micro' or 'macro'

  @property
  def where(self) -> str:
    """The row's name in a message."""
    return f'row {self.row} (clip {self.clip!r})'


def read_manifest(path: str | os.PathLike) -> tuple[Entry, ...]:
  """Reads and checks a manifest, all but the paths' existence.

  Raises:
    InputError: a column or a cell is wrong, or two rows bear one clip id.
  """
  path = pathlib.Path(path)
  table = cells.read_cells(path)
  start = next((index for index, row in enumerate(table) if any(row)), None)
  if start is None:
    raise InputError(f'{path} is empty; its first line must name the columns '
                     f'{", ".join(REQUIRED)}.')
  header = _header(table[start], path)
  entries = []
  for number, row in enumerate(table[start + 1:], start=start + 2):
    if not any(row):
      continue
    if any(row[len(header):]):
      raise InputError(f'{path} row {number} has more cells than the header has '
                       'columns; put quotes around a cell that holds a comma.')
    named = dict.fromkeys(OPTIONAL, '') | dict.fromkeys(REQUIRED, '')
    entries.append(_entry(named | dict(zip(header, row)), number, path))
  _check_unique(entries, path)
  if not entries:
    raise InputError(f'{path} names no clip.')
  return tuple(entries)


def _header(row: list[str], path: pathlib.Path) -> list[str]:
  while row and not row[-1]:
    row = row[:-1]
  header = [word.casefold() for word in row]
  known = REQUIRED + OPTIONAL
  missing = [name for name in REQUIRED if name not in header]
  for word, shown in zip(header, row):
    if header.count(word) > 1:
      raise InputError(f'{path}: the column {shown!r} stands twice; keep one.')
    if word not in known:
      near = difflib.get_close_matches(word, missing or known, n=1, cutoff=0.)[0]
      raise InputError(f'{path}: {shown!r} is not a column of a manifest; the nearest '
                       f'is {near!r} (all: {", ".join(known)}).')
  if missing:
    raise InputError(f'{path}: the column {missing[0]!r} is missing; a manifest needs '
                     f'{", ".join(REQUIRED)}.')
  return header


def _entry(cell: dict[str, str], number: int, path: pathlib.Path) -> Entry:
  where = f'{path} row {number}'
  kind = cell['kind'].casefold() or 'micro'
  if kind not in ('micro', 'macro'):
    raise InputError(f"{where}: kind is {cell['kind']!r}; write micro or macro.")
  for name in REQUIRED:
    if not cell[name] and not (name == 'label' and kind == 'macro'):
      raise InputError(f'{where}: the cell under {name!r} is empty.')
  frames = {}
  for name in ('onset', 'apex', 'offset'):
    frames[name] = whole(cell[name])
    if cell[name] and frames[name] is None:
      raise InputError(f'{where}: {name} is {cell[name]!r}, which is not a frame '
                       'number; write a whole number or leave the cell empty.')
  onset, apex, offset = frames.values()
  wrong = disorder(
      onset if onset is not None else 0, apex,
      offset if offset is not None else max(onset or 0, apex or 0))
  if wrong:
    raise InputError(f"{where} (clip {cell['clip']!r}): {wrong}; correct the row.")
  return Entry(
      number, cell['clip'], cell['subject'], cell['label'],
      path.parent / places.expand(cell['path']), **frames, fps=_fps(cell['fps'], where),
      dataset=cell['dataset'] or 'manifest', kind=kind)


def _fps(text: str, where: str) -> float:
  try:
    fps = float(text or 0)
  except ValueError:
    fps = -1.
  if not 0 <= fps < 1e6:
    raise InputError(f'{where}: fps is {text!r}; write the frames a second as a '
                     'number, or leave the cell empty.')
  return fps


def _check_unique(entries: list[Entry], path: pathlib.Path) -> None:
  times = Counter(entry.clip for entry in entries)
  for clip, count in times.items():
    if count > 1:
      rows = ' and '.join(str(e.row) for e in entries if e.clip == clip)
      raise InputError(f'{path}: the clip id {clip!r} stands in rows {rows}; each clip '
                       'needs an id of its own.')
