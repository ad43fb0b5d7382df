"""Anyone's own clips: a csv with a clip a row.

Columns `clip, subject, label, path`, and optionally `onset, apex, offset` (frame
numbers), `fps`, `dataset`, `kind` (micro or macro), `action_units` (as sheets of data
sets write them: `4+L10+12C`) and `group_NAME` (groups of people, as group_sex, each of
which gets scores of its own). `path` is a folder of frames, a video file or a picture,
relative to the csv's folder; on a system where names are divided by slashes, the
backslashes of Windows do as well. Where `neutral` names a second picture, of the same
person without an expression, the two are a clip: from it to the picture of `path`.
Other columns are not used, and a remark says so. A workbook does as well.
"""

from collections import defaultdict
import difflib
import os
import pathlib
import re
from typing import NamedTuple
import unicodedata

from lightman_jax import places
from lightman_jax.data import workbooks
from lightman_jax.data.spellings import (
    find_disorder,
    fold_characters,
    is_missing,
    whole_number,
)
from lightman_jax.data.trees import form_of
from lightman_jax.errors import InputError, Unusable

REQUIRED = ('clip', 'subject', 'label', 'path')
OPTIONAL = ('onset', 'apex', 'offset', 'fps', 'dataset', 'kind', 'neutral',
            'action_units')
_KNOWN = REQUIRED + OPTIONAL
GROUP = 'group_'          # begins the name of a column by which people are grouped
_ALIKE = .75      # from here on a word is taken for a misspelt column
# What others call these columns, without spaces and signs. A word that is in several
# lines is taken for the first that is missing.
SYNONYMS = {
    'clip': ('filename', 'file', 'name', 'id', 'clipid', 'clipname', 'video', 'videoid',
             'videoname', 'sample', 'sampleid', 'sequence', 'imagecode'),
    'subject': ('sub', 'subj', 'subjectid', 'subjectname', 'subjectno', 'subjectnumber',
                'person', 'personid', 'participant', 'participantid', 'identity'),
    'label': ('emotion', 'emotionlabel', 'emotionclass', 'estimatedemotion', 'class',
              'classname', 'category', 'expression', 'objectiveclass', 'target'),
    'path': ('file', 'filename', 'filepath', 'folder', 'directory', 'dir', 'location',
             'image', 'imagepath', 'picture', 'frames', 'video', 'videopath'),
    'onset': ('start', 'startframe', 'begin', 'firstframe', 'onsetf'),
    'apex': ('peak', 'peakframe', 'apexf', 'apexf1'),
    'offset': ('end', 'endframe', 'stop', 'lastframe', 'offsetf'),
    'fps': ('framerate', 'framespersecond', 'hz'),
    'dataset': ('database', 'db', 'corpus', 'collection'),
    'kind': ('type', 'expressiontype', 'micromacro'),
    'neutral': ('neutralpath', 'neutralimage', 'neutralpicture', 'neutralface',
                'baseline', 'reference'),
    'action_units': ('au', 'aus', 'unit', 'units', 'actionunit', 'facs')}
# An action unit (with side and intensity) or an action descriptor, and what may stand
# between two; the reader of sheets tells which is which.
_ONE_UNIT = re.compile(
    r'(?:AU)?[LRTB]?0*[1-9][0-9]?(?:\.0+)?[A-E]?[LR]?|(?:AD|M)[0-9]+', re.IGNORECASE)
_BETWEEN_UNITS = re.compile(r'\s*[+,;/]\s*|\s+')
_DRIVE = re.compile(r'[A-Za-z]:[/\\]|\\\\')


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
  groups: tuple[tuple[str, str], ...] = ()   # of the columns group_NAME: NAME, value
  neutral: pathlib.Path | None = None   # the same person without an expression
  action_units: str = ''    # as they are written; '' where nobody coded them

  @property
  def form(self) -> str:
    """What it is: 'pair' of pictures, or what `path` is; see `trees.form_of`."""
    return 'pair' if self.neutral else form_of(self.path)

  @property
  def paths(self) -> tuple[pathlib.Path, ...]:
    """All that the row names, the neutral picture first."""
    return (*filter(None, [self.neutral]), self.path)

  @property
  def where(self) -> str:
    """The row's name in a message."""
    return f'row {self.row} (clip {self.clip!r})'


class Manifest(NamedTuple):
  """All that a manifest says, and all that is wrong with its rows."""
  path: pathlib.Path
  entries: tuple[Entry, ...]
  wrong: tuple[str, ...] = ()       # a sentence for each row that cannot be used
  remarks: tuple[str, ...] = ()     # what a person should know of its columns


def read_manifest(path: str | os.PathLike) -> tuple[Entry, ...]:
  """Reads and checks a manifest, all but the paths' existence.

  Args:
    path: of the csv or workbook.

  Raises:
    InputError: a column or a cell is wrong, or two rows bear one clip id.
  """
  return check_rows(examine_manifest(path)).entries


def check_rows(manifest: Manifest) -> Manifest:
  """Returns the manifest itself.

  Args:
    manifest: as `examine_manifest` returns it.

  Raises:
    InputError: a row of it cannot be used; names the first, and how many are like it.
  """
  if manifest.wrong:
    more = len(manifest.wrong) - 1
    raise InputError(
        f'{manifest.path} {manifest.wrong[0]}' + (
            f' {more} more of its rows cannot be used; python -m lightman_jax doctor '
            f'{manifest.path} lists them.' if more else ''))
  return manifest


def examine_manifest(path: str | os.PathLike) -> Manifest:
  """Reads a manifest; rows that cannot be used do not keep the others from it.

  Args:
    path: of the csv or workbook.

  Returns:
    Its rows, and a sentence on each row that cannot be used.

  Raises:
    InputError: the file is no table, lacks a column or names no clip.
  """
  path = pathlib.Path(path)
  table = workbooks.read_cells(path, columns=[(name,) for name in _KNOWN])
  start = next((index for index, row in enumerate(table) if any(row)), None)
  if start is None:
    raise InputError(f'{path} is empty; its first line must name the columns '
                     f'{", ".join(REQUIRED)}.')
  header, remarks = _header(table[start], path)
  entries, wrong = [], []
  for number, row in enumerate(table[start + 1:], start=start + 2):
    if not any(row):
      continue
    try:
      if any(row[len(header):]):
        raise InputError('has more cells than the header has columns; put quotes '
                         'around a cell that holds a comma.')
      cells = dict.fromkeys(_KNOWN, '') | dict(zip(header, row))
      entries.append(_entry(cells, number, path))
    except InputError as error:
      wrong.append(f'row {number} {error}')
  if not entries and not wrong:
    raise InputError(f'{path} names no clip.')
  return Manifest(path, tuple(entries), (*wrong, *_repeated(entries),
                                         *_in_two_groups(entries)),
                  remarks)


def _header(row: list[str], path: pathlib.Path
            ) -> tuple[list[str], tuple[str, ...]]:
  """The columns' names in order, and a remark on those that a manifest does not have.
  """
  while row and not row[-1]:
    row = row[:-1]
  header = [_column(word) for word in row]
  unused = [(word, shown) for word, shown in zip(header, row)
            if word not in _KNOWN and not word.startswith(GROUP)]
  missing = [name for name in _KNOWN if name not in header]
  for name in _KNOWN:
    spellings = [shown for word, shown in zip(header, row) if word == name]
    if len(spellings) > 1:
      raise InputError(f'{path}: the column {name!r} stands twice, as '
                       f'{spellings[0]!r} and {spellings[1]!r}; keep one.')
  near, known_by = _renamed(unused, missing)
  renaming = '; '.join(f'rename {shown!r} to {name!r}'
                       for name, shown in (near | known_by).items())
  for name, shown in near.items():
    raise InputError(f'{path}: {shown!r} is not a column of a manifest; the nearest '
                     f'is {name!r} (all: {", ".join(_KNOWN)})'
                     + f'; {renaming}' * (len(near | known_by) > 1) + '.')
  lacking = [name for name in REQUIRED if name in missing]
  if lacking:
    others = ', '.join(repr(shown) for _, shown in unused if shown)
    raise InputError(f'{path}: the column {lacking[0]!r} is missing; a manifest needs '
                     f'{", ".join(REQUIRED)}'
                     + f' (there are also: {others})' * bool(others)
                     + f'; {renaming}' * bool(renaming) + '.')
  return header, _remarks([shown for _, shown in unused], known_by)


def _renamed(unused: list[tuple[str, str]], missing: list[str]
             ) -> tuple[dict[str, str], dict[str, str]]:
  """Missing columns with the word that stands for each: misspelt, or another for it."""
  near, known_by, words = {}, {}, dict(unused)
  for word, shown in unused:
    for name in difflib.get_close_matches(word, missing, n=1, cutoff=_ALIKE):
      near.setdefault(name, words.pop(word, shown))
  for name in missing:
    other = next((word for word in words
                  if re.sub(r'[\W_]+', '', word) in SYNONYMS[name]), None)
    if other is not None and name not in near:
      known_by[name] = words.pop(other)
  return near, known_by


def _column(word: str) -> str:
  """The known column that a header word spells: `Apex Frame` is apex; else itself."""
  bare = re.sub(r'[\W_]+', '', word.casefold())
  return next((name for name in _KNOWN
               if bare in (name.replace('_', ''), f'{name}frame')), word.casefold())


def _remarks(unused: list[str], known_by: dict[str, str]) -> tuple[str, ...]:
  if not unused:
    return ()
  # Without a name it is the index that pandas writes in front.
  names = ', '.join(repr(name) if name else 'one without a name' for name in unused)
  renaming = [f'if {shown!r} is its {name}, rename it to {name!r}'
              for name, shown in known_by.items()]
  return ('; '.join([f'columns that a manifest does not have are not used: {names}',
                     *renaming]),)


def _entry(cell: dict[str, str], number: int, path: pathlib.Path) -> Entry:
  clip = f"(clip {cell['clip']!r}): "
  kind = cell['kind'].casefold() or 'micro'
  if kind not in ('micro', 'macro'):
    raise InputError(f"{clip}kind is {cell['kind']!r}; write micro or macro.")
  for name in REQUIRED:
    if not cell[name] and not (name == 'label' and kind == 'macro'):
      raise InputError(f'{clip}the cell under {name!r} is empty.')
  for name in ('clip', 'subject', 'label', 'dataset'):
    if len(cell[name].splitlines()) > 1 or '\0' in cell[name]:
      raise InputError(f'{clip}the cell under {name!r} holds a line break, '
                       f'{cell[name]!r}; write it in one line.')
  for name in ('subject', 'label'):
    if is_missing(cell[name]) and not (name == 'label' and kind == 'macro'):
      raise InputError(
          f'{clip}the cell under {name!r} is {cell[name]!r}, which programs write for '
          'a missing one; fill it, or where it is a name, write another.')
  frames = {}
  for name in ('onset', 'apex', 'offset'):
    frames[name] = whole_number(cell[name])
    if cell[name] and frames[name] is None:
      raise InputError(f'{clip}{name} is {cell[name]!r}, which is not a frame '
                       'number; write a whole number or leave the cell empty.')
  onset, apex, offset = frames.values()
  if cell['neutral'] and not is_missing(cell['neutral']) and any(
      number is not None for number in frames.values()):
    raise InputError(f'{clip}neutral names a picture, and two pictures have no onset, '
                     'apex or offset: leave these cells empty.')
  span = {'onset': onset or 0, 'apex': apex,
          'offset': offset if offset is not None else max(onset or 0, apex or 0)}
  if disorder := find_disorder(**span):
    raise InputError(f'{clip}{Unusable(disorder, **span)}; correct the row.')
  return Entry(
      number, cell['clip'], cell['subject'],
      '' if is_missing(cell['label']) else cell['label'],
      _path(cell['path'], path.parent, clip), **frames, fps=_fps(cell['fps'], clip),
      dataset=_dataset(cell['dataset']), kind=kind,
      groups=tuple((name.removeprefix(GROUP), value) for name, value in cell.items()
                   if name.startswith(GROUP) and not is_missing(value)),
      neutral=None if is_missing(cell['neutral']) else
      _path(cell['neutral'], path.parent, clip),
      action_units=_units(cell['action_units'], clip))


def _units(text: str, clip: str) -> str:
  """A cell that names action units; '' of one that says that none is known.

  Stricter than a sheet's reader, which takes what it can from cells that nobody can
  change any more: `no AU4` and `AU4=0` would be AU4 there.
  """
  if is_missing(text) or text.strip() == '?':
    return ''
  for word in _BETWEEN_UNITS.split(unicodedata.normalize('NFKC', text).strip()):
    if not _ONE_UNIT.fullmatch(word):
      raise InputError(f'{clip}action_units is {text!r}, and {word!r} is no action '
                       'unit; write numbers with signs between, as 4+L10+12C, or leave '
                       'the cell empty where nobody coded the clip.')
  return text


def _dataset(text: str) -> str:
  """What a cell names; 'manifest' where it says that it is not known."""
  unknown = is_missing(text) or fold_characters(text) == 'unknown'
  return 'manifest' if unknown else text


def _path(text: str, folder: pathlib.Path, clip: str) -> pathlib.Path:
  """What a cell names, in the csv's folder; one that was written on Windows, too."""
  path = folder / places.expand(text)
  # Elsewhere than on Windows a name may hold a backslash.
  if os.sep != '/' or '\\' not in text and ':' not in text or os.path.exists(path):
    return path
  if _DRIVE.match(text):
    raise InputError(
        f'{clip}{text!r} is a path of a Windows machine; write it relative to the '
        "csv's folder, or as this machine names it (in WSL, /mnt/c/... for C:).")
  return folder / text.replace('\\', '/')


def _fps(text: str, where: str) -> float:
  try:
    fps = float(text or 0)
  except ValueError:
    fps = -1.
  if not 0 <= fps < 1e6:
    raise InputError(f'{where}fps is {text!r}; write the frames a second as a '
                     'number, or leave the cell empty.')
  return fps


def _in_two_groups(entries: list[Entry]) -> list[str]:
  """A sentence on each person of whom two rows say different groups."""
  seen: dict[tuple[str, str, str], tuple[str, Entry]] = {}
  wrong = []
  for entry in entries:
    for name, value in entry.groups:
      before, first = seen.setdefault((entry.dataset, entry.subject, name),
                                      (value, entry))
      if before != value:
        wrong.append(f'{entry.where}: subject {entry.subject!r} has {GROUP}{name} '
                     f'{value!r} here and {before!r} in row {first.row}; a person is '
                     'in one group.')
  return wrong


def _repeated(entries: list[Entry]) -> list[str]:
  """A sentence on each clip id that several rows bear."""
  rows = defaultdict(list)
  for entry in entries:
    rows[entry.clip].append(str(entry.row))
  return [f'rows {" and ".join(same)}: the clip id {clip!r} stands there; each clip '
          'needs an id of its own.' for clip, same in rows.items() if len(same) > 1]
