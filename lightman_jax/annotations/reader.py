"""Annotation sheets become a `Listing`, by a data set's table of facts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
import hashlib
import os
import pathlib

from lightman_jax.annotations import cells
from lightman_jax.annotations.correcting import correct
from lightman_jax.annotations.corrections import chosen
from lightman_jax.annotations.entries import Line, key, read_line
from lightman_jax.annotations.facts import ClassSet, Facts
from lightman_jax.annotations.frame_numbers import whole
from lightman_jax.annotations.recognition import OPTIONAL, records_of, tabs_of
from lightman_jax.annotations.rows import LeftOut, Listing, Row
from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256

Paths = str | os.PathLike | Sequence[str | os.PathLike]


def read_listing(
    paths: Paths, facts: Facts, *, corrections: Iterable[str] = (),
) -> Listing:
  """Reads the sheets of an edition; every row ends as a row or with its reason.

  Nothing is repaired that no correction names. A row is left out whose numbers cannot
  be read or break onset <= apex <= offset, whose file name belongs to another subject,
  and so are all rows of a clip that is named twice, unless they are the same in every
  cell. A row without an apex stays: whether one is needed is the next stage's matter.

  Args:
    paths: one sheet, or all that make the edition together.
    facts: the data set.
    corrections: names of `corrections.CORRECTIONS`; those of other data sets do not
      matter.

  Raises:
    InputError: a file is no table, or holds no header row with the data set's words;
      a correction is unknown or contradicts another.
  """
  one = isinstance(paths, str | os.PathLike)
  files = [pathlib.Path(path) for path in ([paths] if one else paths)]
  fixes = chosen(corrections, facts.name)
  lines = _lines(files, facts)
  before = lines
  lines, known, report = correct(before, facts, fixes)
  clips = _clips(lines, facts)
  entries = [read_line(line, facts, clip=clip, notes_before=notes)
             for line, clip, notes in zip(lines, clips, known)]
  rows, left_out = _unique(entries, lines)
  hashes = [file_sha256(path) for path in files]
  return Listing(
      rows, left_out, ' + '.join(path.name for path in files),
      hashes[0] if len(hashes) == 1
      else hashlib.sha256(''.join(hashes).encode()).hexdigest(), report,
      frozenset(clip for clip, old, new in zip(clips, before, lines)
                if old.cells.get('apex') and not new.cells.get('apex')))


def select(
    rows: tuple[Row, ...], class_set: ClassSet,
) -> tuple[tuple[tuple[Row, int], ...], tuple[LeftOut, ...]]:
  """Divides rows into those of a class set, with their labels, and the others."""
  kept, left_out = [], []
  word = {'emotion': 'emotion', 'objective': 'objective class'}[class_set.by]
  for row in rows:
    held = getattr(row, class_set.by)
    if row.clip in class_set.excluded:
      left_out.append(LeftOut(row.clip, class_set.excluded[row.clip]))
    elif held not in class_set.folding:
      left_out.append(LeftOut(
          row.clip, f'its {word} {held!r} is in no class of the class set' if held
          else f'the sheet gives no {word}'))
    else:
      kept.append((row, class_set.classes.index(class_set.folding[held])))
  return tuple(kept), tuple(left_out)


def _lines(files: list[pathlib.Path], facts: Facts) -> list[Line]:
  """The lines of all sheets, with what supplements add to them."""
  if not facts.sheets:
    raise InputError(f'{facts.title} has no annotation sheet: its rows are the names '
                     'of its folders.')
  lines, added = [], {}
  for path, tab, many in [(path, tab, len(tabs) > 1) for path in files
                          for tabs in [tabs_of(path, facts)] for tab in tabs]:
    table = cells.read_cells(
        path, tab, columns=(*facts.columns.values(), *facts.supplement.values()))
    where = path.name
    if facts.supplement and len(files) > 1 and not cells.has_header(
        table, facts.columns, optional=OPTIONAL):
      for record in cells.find_table(table, facts.supplement, where=where):
        line = Line(where, record.row, where, record.cells)
        added[key(line, facts)[0]] = record.cells
      continue
    before = (f'{where}, sheet {tab}, row' if many else
              f'{where} row' if len(files) > 1 else 'row')
    lines += [Line(where, record.row, f'{before} {record.row}', record.cells)
              for record in records_of(table, facts, where)]
  if not lines:
    raise InputError(f'{" and ".join(path.name for path in files)}: the sheet names no '
                     'clip.')
  for index, line in enumerate(lines):
    more = added.get(key(line, facts)[0], {}) if added else {}
    more = {name: text for name, text in more.items() if not line.cells.get(name)}
    lines[index] = line._replace(cells={**line.cells, **more})
  return lines


def _clips(lines: list[Line], facts: Facts) -> list[str]:
  """The id of each line's clip; '' where it names none."""
  names = [key(line, facts)[0] for line in lines]
  times = Counter(names)
  clips = []
  for line, name in zip(lines, names):
    onset = whole(line.cells['onset'])
    added = (facts.naming == 'onset'
             or facts.naming == 'repeated' and times[name] > 1)
    clips.append(f'{name}/{onset}' if name and added and onset is not None else name)
  return clips


def _unique(
    entries: list[Row | LeftOut], lines: list[Line],
) -> tuple[tuple[Row, ...], tuple[LeftOut, ...]]:
  """Clips that are named once, and what is left out, in the order of the sheet."""
  same = defaultdict(list)
  for entry, line in zip(entries, lines):
    same[entry.clip].append((entry, line))
  rows, left_out = [], []
  for entry, line in zip(entries, lines):
    first = same[entry.clip][0][1]
    if isinstance(entry, LeftOut):
      left_out.append(entry)
    elif len(same[entry.clip]) == 1 or (line is first and all(
        other.cells == line.cells for _, other in same[entry.clip])):
      rows.append(entry)
    elif all(other.cells == line.cells for _, other in same[entry.clip]):
      left_out.append(LeftOut(
          entry.clip, f'{line.where}: repeats {first.where} cell by cell'))
    else:
      where = ', '.join(other.where for _, other in same[entry.clip])
      left_out.append(LeftOut(
          entry.clip, f'{line.where}: stands in the sheet {len(same[entry.clip])} '
          f'times ({where})'))
  return tuple(rows), tuple(left_out)
