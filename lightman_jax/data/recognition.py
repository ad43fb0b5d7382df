"""Annotation sheets are found on a disk, and recognised by their columns and rows.

Sheets travel under other names (`CASME2.xlsx`), and one edition's labels under the name
of another. A file is a sheet of a data set where it has that data set's columns, and
most of its rows name clips as that data set does. It is of the edition whose counts per
class it has, or whose columns; its name decides only where neither does.

What a file holds decides; among files that hold the same edition, the published name.
Where other files fit as well, they are named.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
import functools
import itertools
import os
import pathlib
import re
from typing import NamedTuple

from lightman_jax.data import spellings, trees, workbooks
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import Facts, Sheet
from lightman_jax.data.rows import Line, line_key
from lightman_jax.errors import InputError
from lightman_jax.units import counted

# Which sheet of a data set a file is: its columns and rows tell, its name does not.

# Columns that no sheet must have; a data set's own ones are `Facts.optional`.
OPTIONAL = ('action_units', 'objective', 'duration', 'apex_end', 'onset_2', 'offset_2',
            'onset_3', 'offset_3', 'first', 'last', 'fps')


class Identity(NamedTuple):
  """What a file is to a data set."""
  stems: tuple[str, ...]    # of the published files whose rows it holds
  remark: str = ''          # where its name does not say so: what it is taken for
  readable: bool = True     # else its name alone says what it is


class _Content(NamedTuple):
  """What tells editions apart."""
  rows: int
  emotions: Counter
  columns: frozenset[str]   # those of `Facts.columns` that hold something


def identify_sheet(path: str | os.PathLike, facts: Facts) -> Identity | None:
  """Returns what a file is to a data set; None where it is no sheet of it.

  Args:
    path: of a workbook or a csv file.
    facts: the data set.
  """
  if not facts.sheets:
    return None
  path = pathlib.Path(path)
  exact = next((stem for sheet in facts.sheets for stem in sheet.stems
                if stem.casefold() == path.stem.casefold()), '')
  content = _content(path, facts)
  if content is None and _is_supplement(path, facts):
    stem = next(sheet.stems[-1] for sheet in facts.sheets if len(sheet.stems) > 1)
    return Identity((stem,), '' if stem == exact else
                    f'{path.name} is taken for {stem}, whose columns it has')
  if content is None:
    return Identity((exact,), readable=False) if exact else None
  stems, why = _stems(content, facts, exact or _published(path.stem, facts))
  if exact and stems == (exact,):
    return Identity(stems)
  name = edition_of(stems, facts)
  other = edition_of((exact,), facts) if exact else ''
  return Identity(stems, f'{path.name} is taken for the sheet of {name}: {why}' + (
      f'; its name is that of {other}' if other else ''))


def edition_of(stems: tuple[str, ...], facts: Facts) -> str:
  """Returns what the edition is called that these published files make.

  Args:
    stems: names of published files, without ending.
    facts: the data set.
  """
  return next((sheet.edition for sheet in facts.sheets if set(sheet.stems) == {*stems}),
              ' and '.join(stems))


def parts_of_a_whole(facts: Facts) -> Sheet | None:
  """The edition whose published files are parts of one table, such as CASME's."""
  return None if facts.supplement else next(
      (sheet for sheet in facts.sheets if len(sheet.stems) > 1), None)


def tabs_of(path: str | os.PathLike, facts: Facts) -> tuple[str, ...]:
  """Returns the sheets of a workbook that hold the data set's rows.

  There is one, but where a data set is published in parts; a csv file has ('',). Where
  none has the columns, it is the one that the data set's table of facts names.

  Args:
    path: of a workbook or a csv file.
    facts: the data set.

  Raises:
    InputError: two of them hold different rows, and the table of facts names neither.
  """
  path = pathlib.Path(path)
  tabs = [tab for tab, _ in _tables(path, facts)]
  if tabs and parts_of_a_whole(facts):
    return tuple(tabs)
  # Sheets without a header row are known by their place: the first is the one.
  named_tabs = [sheet.tab for sheet in facts.sheets]
  if len(tabs) > 1 and not facts.positions and tabs[0] not in named_tabs:
    raise workbooks.two_sheets(path, *tabs[:2])
  if tabs:
    return (tabs[0],)
  named = next((sheet.tab for sheet in facts.sheets for stem in sheet.stems
                if stem.casefold() == path.stem.casefold()), facts.sheets[0].tab)
  return (named,)


def records_of(table: list[list[str]], facts: Facts, where: str
               ) -> list[workbooks.Record]:
  """Returns the lines of a table by the names of the data set's columns.

  Args:
    table: rows of cells.
    facts: the data set.
    where: the file's name, for messages.

  Raises:
    InputError: the table has no header row with them.
  """
  if facts.positions:
    return workbooks.place_table(table, facts.positions)
  return workbooks.find_table(
      table, facts.columns, where=where,
      optional=tuple(name for name in (*OPTIONAL, *facts.optional)
                     if name in facts.columns))


def same_table(first: pathlib.Path, second: pathlib.Path, facts: Facts) -> bool:
  """Whether two files hold the same rows, whatever their form.

  Args:
    first, second: the files.
    facts: the data set, whose columns count.
  """
  one, two = ([[record.cells for record in records] for _, records
               in _tables(path, facts)] for path in (first, second))
  return one == two


def _content(path: pathlib.Path, facts: Facts) -> _Content | None:
  tables = _tables(path, facts)
  if not tables:
    return None
  records = [record for _, lines in (tables if parts_of_a_whole(facts) else tables[:1])
             for record in _clips(lines, facts)]
  return _Content(
      len(records),
      Counter(spellings.spell_emotion(record.cells.get('emotion', ''))
              for record in records),
      frozenset(name for record in records for name, cell in record.cells.items()
                if cell))


def _tables(path: pathlib.Path, facts: Facts
            ) -> list[tuple[str, list[workbooks.Record]]]:
  """The tabs of a file that are a sheet of the data set, with their lines.

  Of those that hold the same lines there is the first.
  """
  sheets = _read(path, facts)
  first = [sheet.tab for sheet in facts.sheets if sheet.tab in sheets]
  tables = []
  for tab in dict.fromkeys((*first, *sheets)):
    records = _fitting(sheets[tab], facts)
    cells = [record.cells for record in records]
    if records and all(cells != [record.cells for record in lines]
                       for _, lines in tables):
      tables.append((tab, records))
  return tables


def _fitting(table, facts) -> list[workbooks.Record]:
  """The lines of a table whose columns and clips are those of the data set."""
  try:
    records = records_of(table, facts, '')
  except InputError:
    return []
  lines = [record for record in records if record.cells['filename']]
  return records if len(_clips(lines, facts)) * 2 > len(lines) else []


def _clips(records: Sequence[workbooks.Record], facts: Facts) -> list[workbooks.Record]:
  """The lines whose clips are named as the data set names its own."""
  pattern = re.compile(facts.owner or facts.video or facts.names, re.IGNORECASE)
  kinds = ('micro', 'macro')
  clips = [line_key(Line('', 0, '', record.cells), facts)[0] for record in records]
  return [record for clip, record in zip(clips, records)
          if pattern.fullmatch(clip.partition('/')[2]) and (
              facts.kind or record.cells['kind'].casefold().startswith(kinds))]


def _is_supplement(path: pathlib.Path, facts: Facts) -> bool:
  if not facts.supplement:
    return False
  table = next(iter(_read(path, facts).values()), [])
  try:
    records = workbooks.find_table(table, facts.supplement, where='')
  except InputError:
    return False
  return len(_clips(records, facts)) * 2 > len(records)


def _read(path: pathlib.Path, facts: Facts) -> dict[str, list[list[str]]]:
  """All sheets of a file by their names; none where it cannot be read."""
  try:
    stat = path.stat()
  except OSError:
    return {}
  return _read_once(
      path, (*facts.columns.values(), *facts.supplement.values()),
      (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino))


@functools.lru_cache(maxsize=64)
def _read_once(path, columns, stamp) -> dict[str, list[list[str]]]:
  try:
    return workbooks.read_sheets(path, columns=columns)
  except InputError:
    return {}


def _published(stem: str, facts: Facts) -> str:
  """The published file whose name is in this one: `CASME2-coding-20140508 (1)`."""
  bare = _bare(stem)
  within = [known for sheet in facts.sheets for known in sheet.stems
            if _bare(known) in bare]
  if within:
    return max(within, key=len)
  near = [known for known, pattern in facts.words.items()
          if re.search(pattern, stem, re.IGNORECASE)]
  return near[0] if len(near) == 1 else ''


def _bare(name: str) -> str:
  """A name's letters and digits, in lower case."""
  return re.sub('[^a-z0-9]', '', name.casefold())


def _stems(content: _Content, facts: Facts, named: str) -> tuple[tuple[str, ...], str]:
  """The published files that a content stands for, and what tells it."""
  whole = parts_of_a_whole(facts)
  if whole and whole.rows and content.rows >= whole.rows:
    return whole.stems, f'it has {counted(content.rows, "row")}'
  edition, why = _edition(content, facts, named)
  if edition:
    return edition.stems, why
  if named:
    return (named,), 'so says its name, and its columns fit'
  if whole:
    return whole.stems, (
        f'its columns fit; it has {counted(content.rows, "row")}, and the whole '
        f'{whole.rows} or more: {" or ".join(whole.stems)} may be missing')
  others = [sheet.edition for sheet in facts.sheets[1:] if len(sheet.stems) == 1]
  return facts.sheets[0].stems, 'its columns fit' + (
      f'; they do not tell it from {", ".join(others)}' if others else '')


def _edition(content: _Content, facts: Facts, named: str) -> tuple[Sheet | None, str]:
  """The edition by counts, else by the columns that not all editions have."""
  single = [sheet for sheet in facts.sheets
            if len(sheet.stems) == 1 or sheet == parts_of_a_whole(facts)]
  known = {expected.sheet: expected for expected in facts.expected}
  counts = [known[sheet.edition].emotions for sheet in single if sheet.edition in known]
  telling = sorted({word for emotions in counts for word in emotions
                    if len({other.get(word) for other in counts}) > 1})
  seen = [word for word in telling if content.emotions[word]]
  for sheet in single if len(counts) > 1 else ():
    expected = known.get(sheet.edition)
    if expected and not expected.emotions and expected.rows == content.rows:
      return sheet, f'it has {counted(content.rows, "row")}'
    if expected and seen and all(
        content.emotions[word] == expected.emotions.get(word) for word in seen):
      return sheet, 'it has ' + ', '.join(
          f'{content.emotions[word]} of {word}' for word in seen)
  claimed = {name for sheet in single for name in sheet.columns}
  fitting = [sheet for sheet in single
             if claimed & content.columns == set(sheet.columns)] if claimed else []
  if not fitting:
    return None, ''
  sheet = next((sheet for sheet in fitting if named in sheet.stems), fitting[0])
  words = ', '.join(facts.columns[name][0] for name in sorted(claimed))
  return sheet, f'it has {"a" if sheet.columns else "no"} column {words}'


# Annotation sheets are found on a disk, whatever their files are called.

ENDINGS = ('.xlsx', '.xls', '.csv')     # in the order of preference
_LARGEST = 2 * 2**20      # bytes of a file of another name that is looked into
_MOST = 200               # such files


class SheetFiles(NamedTuple):
  """An edition of the annotations that lies there."""
  paths: tuple[pathlib.Path, ...]
  sheet: Sheet
  remarks: tuple[str, ...] = ()           # what it was recognised by, what fits besides
  rivals: tuple[pathlib.Path, ...] = ()   # hold other rows, and nothing tells which of
                                          # them all is the one


class _Candidate(NamedTuple):
  path: pathlib.Path
  identity: Identity

  @property
  def published(self) -> bool:
    """Whether the file bears the published name of what it holds."""
    return self.path.stem.casefold() in [
        stem.casefold() for stem in self.identity.stems]


def find_sheets(
    tops: list[pathlib.Path], facts: Facts, wanted: str = 'auto',
) -> list[SheetFiles]:
  """Returns the editions of the annotations that are complete, the preferred first.

  They are looked for in the tops, and where none of a published name is there, in what
  lies below.

  Args:
    tops: folders in which the data set may lie.
    facts: the data set.
    wanted: 'auto', an edition, or the names of files, divided by commas.

  Raises:
    InputError: a file that is named is not there.
  """
  if wanted.lower().endswith(ENDINGS):
    return _of_files([find_file(tops, facts, name) for name in wanted.split(',')],
                     facts)
  editions = [sheet for sheet in facts.sheets if wanted in ('auto', sheet.edition)]
  first: list[SheetFiles] = []
  for candidates in _searches(tops, facts) if editions else ():
    complete = list(filter(None, (
        _complete(sheet, candidates, facts) for sheet in editions)))
    first = first or complete
    if complete and _bear_published_names(complete[0]):
      return complete
  return first


def describe_incomplete(tops: list[pathlib.Path], facts: Facts, wanted: str
                        ) -> tuple[str, ...]:
  """Returns sentences on sheets that are there, though none makes what is wanted.

  Args:
    tops: folders in which the data set may lie.
    facts: the data set.
    wanted: 'auto' or an edition.
  """
  *_, candidates = _searches(tops, facts)
  sentences = [candidate.identity.remark or
               f'{candidate.path.name} is the sheet of '
               f'{edition_of(candidate.identity.stems, facts)}'
               for candidate in candidates]
  stems = {stem for candidate in candidates for stem in candidate.identity.stems}
  for sheet in facts.sheets:
    lacking = [stem for stem in sheet.stems if stem not in stems]
    if wanted in ('auto', sheet.edition) and stems & {*sheet.stems} and lacking:
      sentences.append(f'{" and ".join(lacking)} is not there, and the sheet of '
                       f'{sheet.edition} needs it')
  return tuple(dict.fromkeys(sentences))


def find_file(tops: list[pathlib.Path], facts: Facts, name: str) -> pathlib.Path:
  """Returns the path of a sheet that a setting names, by its path or its name alone.

  Args:
    tops: folders in which the data set may lie.
    facts: the data set.
    name: a path, or a file's name alone.

  Raises:
    InputError: there is no such file.
  """
  path = pathlib.Path(name.strip()).expanduser()
  for place in (pathlib.Path(), *tops):
    if (place / path).is_file():
      return place / path
  for place, _, files in walk_below(tops, facts):
    if path.name == str(path) and path.name in files:
      return place / path.name
  raise InputError(f'data.sheet names {str(path)!r}, and there is no such file in '
                   f'{tops[0] if tops else "the manual folder"}.')


def walk_tops(tops: list[pathlib.Path], facts: Facts) -> Iterator:
  """All of the tops, as `trees.walk_folders` yields them."""
  return itertools.islice(trees.walk_folders(tops), len(tops))


def walk_below(tops: list[pathlib.Path], facts: Facts) -> Iterator:
  """All folders, but for those that are named as another data set."""
  others = {trees.fold_name(name) for other in TABLES.values()
            for name in other.folders}
  own = set(map(trees.fold_name, facts.folders))
  return trees.walk_folders(tops, frozenset(others - own))


def _searches(tops, facts: Facts) -> Iterator[list[_Candidate]]:
  """Yields the sheets in the tops, then those in all that lies below, too."""
  stems = {stem.casefold() for sheet in facts.sheets for stem in sheet.stems}
  for walk in (walk_tops, walk_below):
    files = [place / name for place, _, names in walk(tops, facts) for name in names
             if name.lower().endswith(ENDINGS) and not name.startswith(('.', '~$'))]
    named = [path for path in files if path.stem.casefold() in stems]
    others = [path for path in files if path.stem.casefold() not in stems]
    others = [path for path in others[:_MOST] if _size(path) <= _LARGEST]
    candidates = [(path, identify_sheet(path, facts)) for path in (*named, *others)]
    candidates = [_Candidate(path, identity) for path, identity in candidates
                  if identity]
    yield sorted(candidates, key=_preference)


def _preference(candidate: _Candidate) -> tuple[bool, bool, int]:
  """The smaller, the sooner a file is taken."""
  return (not candidate.identity.readable, not candidate.published,
          ENDINGS.index(candidate.path.suffix.lower()))


def _bear_published_names(files: SheetFiles) -> bool:
  return {path.stem.casefold() for path in files.paths} == {
      stem.casefold() for stem in files.sheet.stems}


def _size(path: pathlib.Path) -> int:
  try:
    return os.stat(path).st_size
  except OSError:
    return _LARGEST + 1


def _complete(sheet: Sheet, candidates, facts: Facts) -> SheetFiles | None:
  """The files of an edition: one that is all of it, or one for each of its parts."""
  whole = [candidate for candidate in candidates
           if {*candidate.identity.stems} == {*sheet.stems}]
  parts = [[candidate for candidate in candidates
            if candidate.identity.stems == (stem,)]
           for stem in sheet.stems]
  if len(sheet.stems) > 1 and all(parts):
    chosen = [_choose(part, facts) for part in parts]
    spare = tuple(f'{candidate.path.name} holds all of it, too; --config.data.sheet='
                  f'{candidate.path.name} chooses it' for candidate in whole)
    return SheetFiles(
        tuple(path for part in chosen for path in part.paths), sheet,
        (*(line for part in chosen for line in part.remarks), *spare),
        tuple(path for part in chosen for path in part.rivals))
  return _choose(whole, facts)._replace(sheet=sheet) if whole else None


def _choose(candidates: list[_Candidate], facts: Facts) -> SheetFiles:
  """The first of some files, each of which would do."""
  first, *rest = candidates
  others = [other.path for other in rest if other.identity.readable
            and not (first.identity.readable
                     and same_table(first.path, other.path, facts))]
  remarks = [first.identity.remark] if first.identity.remark else []
  if others and first.published:
    remarks.append(
        f'{first.path.name} is taken, for its name; '
        f'{", ".join(map(str, others))} would fit, too: --config.data.sheet=FILE '
        'chooses')
  return SheetFiles((first.path,), facts.sheets[0], tuple(remarks),
                    () if first.published else tuple(others))


def _of_files(paths: list[pathlib.Path], facts: Facts) -> list[SheetFiles]:
  """The edition that these files make, which a person has chosen."""
  identities = [identify_sheet(path, facts) for path in paths]
  stems = [stem for identity in identities if identity for stem in identity.stems]
  sheet = next((sheet for sheet in facts.sheets if {*sheet.stems} == {*stems}),
               parts_of_a_whole(facts) or facts.sheets[0])
  return [SheetFiles(tuple(paths), sheet, tuple(
      identity.remark for identity in identities if identity and identity.remark))]
