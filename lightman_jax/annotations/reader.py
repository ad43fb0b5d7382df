"""An annotation sheet becomes a `Listing`, by a data set's table of facts."""

from collections import Counter
import os
import pathlib
import re

from lightman_jax.annotations import action_units, cells
from lightman_jax.annotations.facts import ClassSet, Facts
from lightman_jax.annotations.rows import LeftOut, Listing, Row

_WHOLE = re.compile(r'[0-9]+(\.0+)?')
_OPTIONAL = ('apex', 'action_units')


def read_listing(path: str | os.PathLike, facts: Facts) -> Listing:
  """Reads a sheet; every row that is not blank ends as a row or with its reason.

  Nothing is repaired. A row is left out whose numbers cannot be read or break
  onset <= apex <= offset, and so are all rows of a clip that is named twice. A row
  without an apex stays: whether one is needed is the next stage's matter.

  Raises:
    InputError: the file is no table, or holds no header row with the data set's words.
  """
  path = pathlib.Path(path)
  columns = facts.columns
  records = cells.find_table(
      cells.read_cells(path), columns,
      optional=tuple(name for name in _OPTIONAL if name in columns), where=path.name)
  read = [_row(record, facts) for record in records]
  times = Counter(entry.clip for entry in read)
  rows = tuple(entry for entry in read
               if isinstance(entry, Row) and times[entry.clip] == 1)
  left_out = tuple(
      LeftOut(entry.clip, f'stands in the sheet {times[entry.clip]} times')
      if times[entry.clip] > 1 else entry
      for entry in read if isinstance(entry, LeftOut) or times[entry.clip] > 1)
  return Listing(rows, left_out, path.name, cells.file_sha256(path))


def select(
    rows: tuple[Row, ...], class_set: ClassSet,
) -> tuple[tuple[tuple[Row, int], ...], tuple[LeftOut, ...]]:
  """Divides rows into those of a class set, with their labels, and the others."""
  kept, left_out = [], []
  for row in rows:
    if row.clip in class_set.excluded:
      left_out.append(LeftOut(row.clip, class_set.excluded[row.clip]))
    elif row.emotion not in class_set.folding:
      left_out.append(LeftOut(
          row.clip, f'its emotion {row.emotion!r} is in no class of the class set'))
    else:
      kept.append((row, class_set.classes.index(class_set.folding[row.emotion])))
  return tuple(kept), tuple(left_out)


def whole(text: str) -> int | None:
  """Returns the whole number that `text` spells ('46', '46.0'), else None."""
  return int(float(text)) if _WHOLE.fullmatch(text) else None


def disorder(onset: int, apex: int | None, offset: int) -> str:
  """Says how frame numbers break onset <= apex <= offset; '' where they keep it."""
  if onset > offset:
    return f'onset {onset} comes after offset {offset}'
  if apex is not None and not onset <= apex <= offset:
    return f'apex {apex} is not between onset {onset} and offset {offset}'
  return ''


def _row(record: cells.Record, facts: Facts) -> Row | LeftOut:
  cell = record.cells
  number = whole(cell['subject'].removeprefix(facts.subject.partition('{')[0]))
  if number is None or not cell['filename']:
    return LeftOut(f'row {record.row}',
                   f'subject {cell["subject"]!r}, file name {cell["filename"]!r}: '
                   'not a clip')
  subject = facts.subject.format(number)
  clip = f'{subject}/{cell["filename"]}'
  frames = {}
  for name in ('onset', 'apex', 'offset'):
    text = cell.get(name, '')
    frames[name] = None if text in facts.missing else whole(text)
    if frames[name] is None and not (name == 'apex' and text in facts.missing):
      return LeftOut(clip, f'row {record.row}: {name} {text!r} is not a frame number')
  wrong = disorder(**frames)
  if wrong:
    return LeftOut(clip, f'row {record.row}: {wrong}')
  raw = cell.get('action_units', '')
  word = cell['emotion'].casefold()
  return Row(
      clip=clip, subject=subject, dataset=facts.name,
      emotion=facts.emotions.get(word, word), kind=facts.kind, fps=facts.fps,
      action_units_raw=raw, action_units=action_units.parse(raw), **frames)
