"""Annotation sheets, corrected where a setting says so, become a `Listing` of rows.

A correction changes cells before they are read. It says whose it is and why, changes
only what the sheet still holds as it was when the correction was written, and what it
changed is recorded with the built data set. For one error there may be several, which
exclude each other.

The short clips of SMIC have no sheet: folders say what its rows would, as in
s1/micro/negative/s1_ne_01. There a clip's own name tells its subject and class once
more; a clip whose name and place disagree is left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
import hashlib
import os
import pathlib
import re
import string
from typing import NamedTuple

from lightman_jax.data import spellings, workbooks
from lightman_jax.data.facts import ClassSet, Facts, Frames
from lightman_jax.data.recognition import OPTIONAL, records_of, tabs_of
from lightman_jax.data.rows import (
  GROUPS,
  Corrected,
  LeftOut,
  Line,
  Listing,
  Note,
  Row,
  line_key,
  onset_apex_offset,
  read_line,
)
from lightman_jax.data.spellings import find_disorder, whole_number
from lightman_jax.data.trees import Tree
from lightman_jax.errors import InputError, Reason, Unreadable
from lightman_jax.files import file_sha256
from lightman_jax.options import suggestion

# Named corrections of annotation sheets: none is on unless a configuration names it.

class Change(NamedTuple):
  """Other cells for the rows of one file."""
  clip: str                             # subject and file name: '028/028_4_1'
  before: Mapping[str, str]             # column -> what it must hold; may be {}
  after: Mapping[str, str]              # column -> what is read instead
  only_disordered: bool = False         # only rows that break onset <= apex <= offset


class Correction(NamedTuple):
  """Changes that belong together."""
  dataset: str
  source: str
  reason: str
  changes: tuple[Change, ...]


_OURS = 'a reading of our own: no correction of the authors is known'
_LOADER = ('public loaders that take the middle of onset and offset wherever the apex '
           'is not between them')
_SPOTTED = 'the apex counts as not given, so it is spotted, like any missing apex'
_BEFORE_028 = {'onset': '1071', 'apex': '1143', 'offset': '1134'}
_BEFORE_032 = {'onset': '4896', 'apex': '1930', 'offset': '4970'}


def _028(source: str, reason: str, **after: str) -> Correction:
  return Correction('samm', source, reason,
                    (Change('028/028_4_1', _BEFORE_028, after),))


def _032(source: str, reason: str, **after: str) -> Correction:
  return Correction('samm', source, reason,
                    (Change('032/032_3_1', _BEFORE_032, after),))


def _spotted(dataset: str, *clips: str) -> Correction:
  changes = (Change(clip, {}, {'apex': ''}, only_disordered=True) for clip in clips)
  return Correction(
      dataset, _OURS, f'the apex is not between onset and offset; {_SPOTTED}',
      tuple(changes))


CORRECTIONS = {
    'samm_028_4_1_swap': _028(
        _OURS, 'apex and offset stand in each other\'s column; against it speaks the '
        'duration, which agrees with the offset as it stands',
        apex='1134', offset='1143'),
    'samm_028_4_1_end': _028(
        _OURS, 'an apex beyond the offset is brought back to the offset', apex='1134'),
    'samm_028_4_1_middle': _028(
        _LOADER, 'the offset stands, and the apex is put in the middle', apex='1102'),
    'samm_028_4_1_spotted': _028(_OURS, f'the offset stands; {_SPOTTED}', apex=''),
    'samm_032_3_1': _032(
        _OURS, '1930 is a typing error of 4930, which differs in one digit and lies '
        'between onset and offset', apex='4930'),
    'samm_032_3_1_middle': _032(
        _LOADER, 'the apex is put in the middle of onset and offset', apex='4933'),
    'samm_032_3_1_spotted': _032(_OURS, _SPOTTED, apex=''),
    'smic_long_s18_sur_03': Correction(
        'smic_long', 'the name and the folder of the clip, and its place in the set of '
        'short clips', 'the sheet says negative, the file name surprise',
        (Change('s18/s18_sur_03', {'emotion': 'negative'}, {'emotion': 'surprise'}),)),
    'casme2_04_EP12_01f_middle': Correction(
        'casme2', 'public loaders that take the middle of onset and offset for the '
        'missing apex', 'the sheet gives no apex',
        (Change('sub04/EP12_01f', {'onset': '261', 'apex': '/', 'offset': '321'},
                {'apex': '291'}),)),
    'casme_squared_spotted': _spotted(
        'casme_squared', 's27/disgust1_5', 's31/happy2_1', 's32/anger1_12'),
    'casme_cubed_spotted': _spotted(
        'casme_cubed', 'spNO.149/d', 'spNO.216/d', 'spNO.40/e'),
}


def choose_corrections(names: Iterable[str], dataset: str) -> dict[str, Correction]:
  """Returns the named corrections of a data set; those of others do not matter here.

  Args:
    names: keys of `CORRECTIONS`, of whatever data set.
    dataset: whose corrections are wanted.

  Raises:
    InputError: a name is unknown, or two change the same cell of a clip.
  """
  corrections, cells = {}, {}
  for name in dict.fromkeys(names):
    if name not in CORRECTIONS:
      raise InputError(f'there is no correction {name!r}'
                       f'{suggestion(name, CORRECTIONS)}.')
    if CORRECTIONS[name].dataset != dataset:
      continue
    corrections[name] = CORRECTIONS[name]
    for change in CORRECTIONS[name].changes:
      for column in change.after:
        other = cells.setdefault((change.clip, column), name)
        if other != name:
          raise InputError(f'the corrections {other!r} and {name!r} both change the '
                           f'{column} of {change.clip}; choose one.')
  return corrections


# Chosen corrections are applied to the cells of a sheet, and what they did is said.


def apply_corrections(
    lines: Sequence[Line], facts: Facts, corrections: Mapping[str, Correction],
) -> tuple[list[Line], list[tuple[Note, ...]], tuple[Corrected, ...]]:
  """Returns the lines with other cells, the notes of each, and a report.

  Args:
    lines: of the sheet.
    facts: the data set.
    corrections: by name.
  """
  lines, notes, report = list(lines), [()] * len(lines), []
  clips = [line_key(line, facts)[0] for line in lines]
  for name, correction in corrections.items():
    for change in correction.changes:
      indices = [index for index, clip in enumerate(clips) if clip == change.clip]
      fitting = [index for index in indices if _fits(change, lines[index], facts)]
      for index in fitting:
        text = _describe_change(change, lines[index])
        lines[index] = lines[index]._replace(
            cells={**lines[index].cells, **change.after})
        notes[index] = (*notes[index], Note('corrected by {}: {}', (name, text)))
        report.append(Corrected(
            name, f'{change.clip}, {lines[index].where}: {text}', correction.reason))
      if not fitting:
        report.append(Corrected(
            name, f'not applied, {_describe_misfit(change, bool(indices))}'))
  return lines, notes, tuple(report)


def _fits(change: Change, line: Line, facts: Facts) -> bool:
  if change.only_disordered and not _disordered(line, facts):
    return False
  return all(_same(line.cells.get(column, ''), text)
             for column, text in change.before.items())


def _disordered(line: Line, facts: Facts) -> bool:
  onset, apex, offset = onset_apex_offset(line.cells, facts).values()
  return None not in (onset, apex, offset) and bool(
      find_disorder(onset, apex, offset))


def _same(cell: str, text: str) -> bool:
  number = whole_number(text)
  if number is not None:
    return whole_number(cell) == number
  return spellings.spell_emotion(cell) == text.casefold()


def _describe_change(change: Change, line: Line) -> str:
  return ', '.join(f'{column} {line.cells.get(column, "")!r} becomes '
                   f'{text!r}' if text else f'{column} '
                   f'{line.cells.get(column, "")!r} counts as not given'
                   for column, text in change.after.items())


def _describe_misfit(change: Change, has_row: bool) -> str:
  if not has_row:
    return f'the sheet has no row of {change.clip}'
  if change.only_disordered:
    return f'no row of {change.clip} breaks the order of its frames'
  cells = ', '.join(f'{column} {text!r}' for column, text in change.before.items())
  return f'the row of {change.clip} does not hold {cells}'


# Annotation sheets become a `Listing` of rows, and so do trees of folders without one.

# Annotation sheets become a `Listing`, by a data set's table of facts.

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
    corrections: names of `CORRECTIONS`; those of other data sets do not
      matter.

  Raises:
    InputError: a file is no table, or holds no header row with the data set's words;
      a correction is unknown or contradicts another.
  """
  one = isinstance(paths, str | os.PathLike)
  files = [pathlib.Path(path) for path in ([paths] if one else paths)]
  fixes = choose_corrections(corrections, facts.name)
  lines = _lines(files, facts)
  before = lines
  lines, known, report = apply_corrections(before, facts, fixes)
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


def select_rows(
    rows: tuple[Row, ...], class_set: ClassSet,
) -> tuple[tuple[tuple[Row, int], ...], tuple[LeftOut, ...]]:
  """Divides rows into those of a class set, with their labels, and the others.

  Args:
    rows: of one data set.
    class_set: which emotions or objective classes count, and under which class.

  Returns:
    The rows of the class set, each with its label; and the others, with the reason.
  """
  kept, left_out = [], []
  word = {'emotion': 'emotion', 'objective': 'objective class',
          'coded': 'action unit'}[class_set.by]
  for row in rows:
    value = getattr(row, class_set.by)
    if row.clip in class_set.excluded:
      left_out.append(LeftOut.of(
          row.clip, Reason.NOT_OF_SET, why=class_set.excluded[row.clip]))
    elif value not in class_set.folding:
      left_out.append(
          LeftOut.of(row.clip, Reason.NO_CLASS, word=word, value=value) if value
          else LeftOut.of(row.clip, Reason.NO_WORD, word=word))
    else:
      kept.append((row, class_set.classes.index(class_set.folding[value])))
  return tuple(kept), tuple(left_out)


def _lines(files: list[pathlib.Path], facts: Facts) -> list[Line]:
  """The lines of all sheets, with what supplements add to them."""
  if not facts.sheets:
    raise InputError(f'{facts.title} has no annotation sheet: its rows are the names '
                     'of its folders.')
  lines, added = [], {}
  tabs_in = {path: tabs_of(path, facts) for path in files}
  for path, tab in [(file, tab) for file in files for tab in tabs_in[file]]:
    table = workbooks.read_cells(
        path, tab, columns=(*facts.columns.values(), *facts.supplement.values()))
    where = path.name
    if facts.supplement and len(files) > 1 and not workbooks.has_header(
        table, facts.columns, optional=OPTIONAL):
      for record in workbooks.find_table(table, facts.supplement, where=where):
        line = Line(where, record.row, where, record.cells)
        added[line_key(line, facts)[0]] = record.cells
      continue
    before = (f'{where}, sheet {tab}, row' if len(tabs_in[path]) > 1 else
              f'{where} row' if len(files) > 1 else 'row')
    records = records_of(table, facts, where)
    groups = _group_places(table, records[0].row if records else 0)
    lines += [Line(where, record.row, f'{before} {record.row}', {
        **record.cells, **{name: table[record.row - 1][place]
                           for name, place in groups.items()
                           if place < len(table[record.row - 1])}})
              for record in records]
  if not lines:
    raise InputError(f'{" and ".join(path.name for path in files)}: the sheet names no '
                     'clip.')
  for index, line in enumerate(lines):
    more = added.get(line_key(line, facts)[0], {}) if added else {}
    more = {name: text for name, text in more.items() if not line.cells.get(name)}
    lines[index] = line._replace(cells={**line.cells, **more})
  return lines


def _group_places(table: list[list[str]], first: int) -> dict[str, int]:
  """Columns with a person's sex, age or ethnicity, by the header above a table."""
  for row in reversed(table[:max(first - 1, 0)]):
    words = [re.sub(r'[\W_]+', '', cell).casefold() for cell in row]
    places = {name: words.index(word) for name, spelt in GROUPS.items()
              for word in spelt if words.count(word) == 1}
    if places:
      return places
  return {}


def _clips(lines: list[Line], facts: Facts) -> list[str]:
  """The id of each line's clip; '' where it names none."""
  names = [line_key(line, facts)[0] for line in lines]
  times = Counter(names)
  clips = []
  for line, name in zip(lines, names):
    onset = whole_number(line.cells['onset'])
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
      left_out.append(LeftOut.of(
          entry.clip, Reason.REPEATED, where=line.where, first=first.where))
    else:
      left_out.append(LeftOut.of(
          entry.clip, Reason.TWICE_IN_SHEET, where=line.where,
          times=len(same[entry.clip]),
          lines=', '.join(other.where for _, other in same[entry.clip])))
  return tuple(rows), tuple(left_out)


# Rows of a data set that has no sheet: class, subject and clip are names of folders.

SHEET = 'names of folders'


def read_folders(tree: Tree, frames: Frames, facts: Facts) -> Listing:
  """Lists the clips of a tree; onset and offset are their first and last frame.

  Every folder in the place of a clip ends as a row or with its reason. There is no
  apex.

  Args:
    tree: of the frames.
    frames: its edition, whose folders name class, subject and clip.
    facts: the data set.
  """
  from lightman_jax.data.plan import fingerprint  # takes numpy
  read = [_row(tree, place, fields, facts)
          for place, fields in walk_clips(tree, frames)]
  read = once_each(read)
  rows = tuple(entry for entry in read if isinstance(entry, Row))
  return Listing(
      rows, tuple(entry for entry in read if isinstance(entry, LeftOut)), SHEET,
      fingerprint(sorted((row.clip, row.emotion, row.onset, row.offset)
                         for row in rows)))


def once_each(read: Sequence[Row | LeftOut]) -> list[Row | LeftOut]:
  """What a tree holds, with every clip that is in it twice left out.

  Args:
    read: of the folders or files in the place of clips.
  """
  times = Counter(entry.clip for entry in read)
  return [entry if times[entry.clip] == 1 else
          LeftOut.of(entry.clip, Reason.TWICE_IN_TREE, times=times[entry.clip])
          for entry in read]


def walk_clips(tree: Tree, frames: Frames
               ) -> Iterator[tuple[pathlib.Path, dict[str, str]]]:
  """Yields the folders in the place of clips, and what the names above them are.

  Args:
    tree: of the frames.
    frames: its edition.
  """
  return _walk(tree, tree.root, frames.folder.split('/'), {})


def _walk(tree: Tree, place: pathlib.Path, names: list[str], fields: dict[str, str]):
  if not names:
    yield place, fields
    return
  ((literal, field, _, _),) = string.Formatter().parse(names[0])
  folders = sorted(name for spellings in tree.children(place).values()
                   for name in spellings)
  if place.name in folders:             # unzipping nested it
    yield from _walk(tree, place / place.name, names, fields)
  for name in folders:
    if name != place.name and (field or name.casefold() == literal.casefold()):
      yield from _walk(tree, place / name, names[1:],
                       {**fields, field: name} if field else fields)


def _row(tree: Tree, place: pathlib.Path, fields: dict[str, str], facts: Facts
         ) -> Row | LeftOut:
  # It takes numpy and OpenCV, and the names of corrections above are asked for before.
  from lightman_jax.data.frames import pictures_by_number
  folder, name, emotion = (fields[word] for word in ('folder', 'filename', 'emotion'))
  match = re.fullmatch(facts.owner, name, re.IGNORECASE)
  number = re.search('[0-9]+$', folder)
  if not match or not number:
    return LeftOut.of(f'{folder}/{name}', Reason.NOT_NAMED, folder=place)
  subject = facts.subject.format(int(match['subject']))
  clip, label = f'{subject}/{name}', facts.emotions[match['emotion'].casefold()]
  if int(match['subject']) != int(number[0]):
    return LeftOut.of(clip, Reason.OTHER_FOLDER, folder=folder,
                      place=place.relative_to(tree.root))
  if label != emotion.casefold():
    return LeftOut.of(clip, Reason.OTHER_CLASS, label=label,
                      place=place.relative_to(tree.root))
  try:
    tree.check(place)
    numbers = list(pictures_by_number(place))
  except Unreadable as error:
    return LeftOut(clip, error.cause)
  if not numbers:
    return LeftOut.of(clip, Reason.EMPTY, folder=place)
  return Row(clip=clip, subject=subject, dataset=facts.name, emotion=label,
             kind=facts.kind, onset=numbers[0], apex=None, offset=numbers[-1],
             fps=facts.fps, filename=name, folder=folder, sheet=SHEET)
