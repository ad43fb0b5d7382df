"""Which sheet of a data set a file is: its columns and rows tell, its name does not.

Sheets travel under other names (`CASME2.xlsx`), and one edition's labels under the name
of another. A file is a sheet of a data set where it has that data set's columns, and
most of its rows name clips as that data set does. It is of the edition whose counts per
class it has, or whose columns; its name decides only where neither does.
"""

from collections import Counter
from collections.abc import Sequence
import functools
import os
import pathlib
import re
from typing import NamedTuple

from lightman_jax.data import spellings, workbooks
from lightman_jax.data.facts import Facts, Sheet
from lightman_jax.data.rows import Line, line_key
from lightman_jax.errors import InputError

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
    return whole.stems, f'it has {content.rows} rows'
  edition, why = _edition(content, facts, named)
  if edition:
    return edition.stems, why
  if named:
    return (named,), 'so says its name, and its columns fit'
  if whole:
    return whole.stems, (
        f'its columns fit; it has {content.rows} rows, and the whole '
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
      return sheet, f'it has {content.rows} rows'
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
