"""Tables of text out of xlsx, xls and csv files.

Every cell becomes stripped text, so no reader guesses a type: `01` is a subject, and an
action-unit cell may be the integer 12 or the text `4+L10`. The content decides what a
file is, not its ending.

One wrong byte in a damaged workbook lets the library that reads it ask for gigabytes,
and then it ends the process it runs in, which no `except` can prevent. So that process
is not ours, and it may take little memory.
"""

import codecs
from collections import Counter
from collections.abc import Collection, Mapping
import csv
import functools
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import Any, NamedTuple

import python_calamine

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.units import counted

# Workbooks (xlsx, xls) are read by a process of their own.

MEMORY = 2 * 1024**3      # bytes; the largest sheet of any data set needs a hundredth
SECONDS = 60              # of processor time
MOST_WORKBOOK_CELLS = 4_000_000    # what it returns is bounded, too

_PROGRAM = """
import io, json, sys
try:
  import resource
  for kind, most in ((resource.RLIMIT_AS, int(sys.argv[1])),
                     (resource.RLIMIT_CPU, int(sys.argv[2])),
                     (resource.RLIMIT_CORE, 0)):
    resource.setrlimit(kind, (most, most))
except (ImportError, OSError, ValueError):
  pass
sys.path.insert(0, sys.argv[3])
import python_calamine
try:
  content = io.BytesIO(sys.stdin.buffer.read())
  book = python_calamine.CalamineWorkbook.from_filelike(content)
  names = book.sheet_names
  hidden = [one.name for one in book.sheets_metadata
            if one.visible != python_calamine.SheetVisibleEnum.Visible]
  room = int(sys.argv[5])
  def read(tab):
    global room
    sheet = book.get_sheet_by_name(tab)
    # These count from nought.
    high, wide = sheet.total_height + 1, sheet.total_width + 1
    if high * wide > room:
      raise ValueError(f'it has {high} rows of {wide} cells')
    room -= high * wide
    # Row numbers in messages must be those that a spreadsheet program shows.
    rows = sheet.to_python(skip_empty_area=False)
    while rows and not any(cell != '' for cell in rows[-1]):
      rows.pop()
    return rows
  if sys.argv[4] == '*':
    answer = {'names': names, 'rows': [read(tab) for tab in names],
              'hidden': hidden}
  else:
    tab = sys.argv[4] or next(iter(names), '')
    answer = {'names': names, 'rows': read(tab) if tab in names else None}
except BaseException as error:
  answer = {'error': str(error) or type(error).__name__}
spell = lambda value: value.isoformat() if hasattr(value, 'isoformat') else str(value)
sys.stdout.buffer.write(json.dumps(answer, default=spell).encode())
"""


class Broken(ValueError):
  """A workbook that cannot be read; says why."""


@functools.lru_cache(maxsize=32)
def _answer(content: bytes, tab: str) -> str:
  place = os.path.dirname(os.path.dirname(python_calamine.__file__))
  done = subprocess.run(
      [sys.executable, '-I', '-S', '-c', _PROGRAM, str(MEMORY), str(SECONDS), place,
       tab, str(MOST_WORKBOOK_CELLS)],
      input=content, capture_output=True, check=False,
      env={**os.environ, 'RUST_BACKTRACE': '0'})
  if done.returncode:
    if -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
      raise Broken(f'reading it takes more than {SECONDS} s')
    raise Broken(f'reading it takes more than {MEMORY // 1024**3} GiB of memory')
  return done.stdout.decode()


def read_workbook(content: bytes, tab: str = '') -> list[list[Any]]:
  """Returns a sheet's cells: text, numbers, truth values; dates as ISO text; '' empty.

  Args:
    content: the bytes of an xlsx or xls file.
    tab: the sheet's name; '' = the first.

  Raises:
    Broken: it is no workbook, is damaged, or has no such sheet.
  """
  answer = json.loads(_answer(content, tab))
  if 'error' in answer:
    raise Broken(answer['error'])
  if answer['rows'] is None:
    names = ', '.join(map(repr, answer['names'])) or 'no sheet at all'
    raise Broken(f'it has no sheet {tab!r}, but {names}')
  return answer['rows']


def read_workbook_sheets(content: bytes) -> dict[str, list[list[Any]]]:
  """Returns the cells of all sheets of a workbook by their names, in order.

  Args:
    content: the bytes of an xlsx or xls file.

  Raises:
    Broken: it is no workbook, or is damaged.
  """
  # No sheet can have this name.
  answer = json.loads(_answer(content, '*'))
  if 'error' in answer:
    raise Broken(answer['error'])
  return dict(zip(answer['names'], answer['rows']))


def two_sheets(path: str | os.PathLike, first: str, second: str) -> InputError:
  """The refusal of a workbook two of whose sheets are the table, with other rows.

  Args:
    path: of the workbook
    first, second: the sheets' names
  """
  hidden = json.loads(_answer(_content(pathlib.Path(path)), '*'))['hidden']
  called = [f'{name!r}' + (' (hidden)' if name in hidden else '')
            for name in (first, second)]
  return InputError(
      f'{path} has two sheets with these columns and different rows, '
      f'{" and ".join(called)}; nothing tells which one counts: put all rows that do '
      'into one of them and delete the other.')


MOST_CELLS = 20_000_000    # of a csv file, 145 000 frames of a landmark table
_MANY = 3         # filled cells above a header that are no remark
_XLSX, _XLS = b'PK\x03\x04', b'\xd0\xcf\x11\xe0'
_DELIMITERS = ',;\t'
# The first line of a csv by which Excel learns the delimiter.
_DELIMITER_LINE = re.compile(
    r'"?sep=([^\w\s"]|\t)"?[,;\t]*(?:\r\n|\r|\n|$)', re.IGNORECASE)


class Record(NamedTuple):
  """One line of a table: its number in the file, counted from 1, and its cells."""
  row: int
  cells: Mapping[str, str]


def read_cells(
    path: str | os.PathLike, tab: str = '', *,
    columns: Collection[Collection[str]] = (),
) -> list[list[str]]:
  """Returns a sheet of a workbook, or a csv file, as rows of stripped text.

  A csv file is UTF-8 or UTF-16, with or without a byte-order mark, its cells divided by
  commas, semicolons or tabs, or as a first line `sep=;` says; that line is returned as
  an empty row. Empty cells are ''; whole numbers lose their point.

  Args:
    path: the file.
    tab: the sheet's name in a workbook; '' = the first, which may then be the only one
      with most of its columns, unless the others have the same rows. A csv file has
      none.
    columns: for each column the header words that a sheet may use for it. What divides
      the cells of a csv file is what divides the most of these in one line; where none
      is known, what is there most often.

  Raises:
    InputError: the file is neither a workbook with this sheet nor such a text.
  """
  path = pathlib.Path(path)
  content = _content(path)
  if content.startswith((_XLSX, _XLS)):
    table = _workbook(path, content, tab)
    if columns and not tab:
      _check_alone(path, table, columns)
    return table
  return _csv(path, _decoded(path, content), columns)


def read_sheets(
    path: str | os.PathLike, *, columns: Collection[Collection[str]] = (),
) -> dict[str, list[list[str]]]:
  """Returns all sheets of a workbook by their names; a csv file is one, named ''.

  Args:
    path: the file.
    columns: as of `read_cells`.

  Raises:
    InputError: the file is neither a workbook nor such a text.
  """
  path = pathlib.Path(path)
  content = _content(path)
  if not content.startswith((_XLSX, _XLS)):
    return {'': _csv(path, _decoded(path, content), columns)}
  try:
    sheets = read_workbook_sheets(content)
  except Broken as error:
    raise InputError(f'{path} is not a readable workbook ({error}).') from error
  return {name: [[_text(value) for value in row] for row in rows]
          for name, rows in sheets.items()}


def _check_alone(path: pathlib.Path, table: list[list[str]], columns) -> None:
  """Refuses a workbook whose first sheet is the table, and another one, too."""
  words = [{_folded(word) for word in spelt} for spelt in columns]

  def known(rows: list[list[str]]) -> int:
    return max((sum(not spelt.isdisjoint(row) for spelt in words)
                for row in ({_folded(cell) for cell in row} for row in rows)),
               default=0)

  plain = lambda rows: [row for row in rows if any(row)]
  most = known(table)
  (first, _), *others = read_sheets(path).items()
  for name, rows in others:
    if known(rows) >= max(2, most / 2) and plain(rows) != plain(table):
      raise two_sheets(path, first, name)


def find_table(
    cells: list[list[str]], columns: Mapping[str, tuple[str, ...]], *,
    optional: tuple[str, ...] = (), where: str,
) -> list[Record]:
  """Returns the records below the header row, keyed by the names in `columns`.

  Where the header is repeated and only a later one can be read, rows above it that fill
  three of the needed columns are records, too.

  Args:
    cells: what `read_cells` returns.
    columns: for each name the header words that a sheet may use for it; case, blanks,
      underscores and hyphens do not count.
    optional: names whose column may be absent; their cells are then ''.
    where: the file's name, for messages.

  Raises:
    InputError: no row holds all the words, or one of them stands twice in it.
  """
  words = {name: {_folded(word) for word in spelt} for name, spelt in columns.items()}
  index = _header(cells, columns, optional)
  if index is not None:
    header = [_folded(cell) for cell in cells[index]]
    needed = [name for name in columns if name not in optional]
    return list(_records(cells, index, header, words, needed, where))
  headings = ', '.join(columns[name][0] for name in columns if name not in optional)
  raise InputError(f'{where} has no header row with the columns {headings}.')


def has_header(
    cells: list[list[str]], columns: Mapping[str, tuple[str, ...]], *,
    optional: tuple[str, ...] = (),
) -> bool:
  """Whether `find_table` would find its header row.

  Args:
    cells: what `read_cells` returns.
    columns: as of `find_table`.
    optional: as of `find_table`.
  """
  return _header(cells, columns, optional) is not None


def place_table(
    cells: list[list[str]], positions: Mapping[str, int],
) -> list[Record]:
  """Returns the records of a sheet without a header row, by the columns' places.

  A row that is too short has '' there; blank rows do not count.

  Args:
    cells: what `read_cells` returns.
    positions: name -> column, counted from 0.
  """
  records = []
  for number, row in enumerate(cells, start=1):
    if any(row):
      records.append(Record(number, {
          name: row[place] if place < len(row) else ''
          for name, place in positions.items()}))
  return records


def _header(cells, columns, optional):
  words = [{_folded(word) for word in spelt} for name, spelt in columns.items()
           if name not in optional]
  for index, row in enumerate(cells):
    header = {_folded(cell) for cell in row}
    if all(spelt & header for spelt in words):
      return index
  return None


def _records(cells, index, header, words, needed, where):
  places = {}
  for name, spelt in words.items():
    columns = [place for place, word in enumerate(header) if word in spelt]
    if len(columns) > 1:
      raise InputError(f'{where} row {index + 1}: the column '
                       f'{cells[index][columns[0]]!r} stands twice; keep one.')
    places[name] = columns[0] if columns else None
  for number, row in enumerate(cells, start=1):
    record = {name: row[place] if place is not None and place < len(row) else ''
              for name, place in places.items()}
    # Below the header every row is accounted for, wherever it is filled. Above it are
    # remarks; what looks like a clip came before a header that is repeated.
    if number > index + 1 and any(row) or number <= index and _MANY <= sum(
        bool(record[name]) for name in needed):
      yield Record(number, record)


def _folded(word: str) -> str:
  """A header word as it is compared: `Apex Frame`, `apex_frame` and `ApexFrame`."""
  return ''.join(word.replace('_', ' ').replace('-', ' ').split()).casefold()


def _content(path: pathlib.Path) -> bytes:
  try:
    return bounded.read_bytes(path)
  except OSError as error:
    raise InputError(f'{path} cannot be read: {error.strerror}.') from error
  except bounded.Refused as error:
    raise InputError(f'{path} is not read as a table: {error}.') from error


def _workbook(path, content, tab):
  try:
    rows = read_workbook(content, tab)
  except Broken as error:
    raise InputError(f'{path} is not a readable workbook ({error}).') from error
  return [[_text(value) for value in row] for row in rows]


def _text(value: Any) -> str:
  if isinstance(value, float) and value.is_integer():
    return str(int(value))
  return str(value).strip()


def _decoded(path: pathlib.Path, content: bytes) -> str:
  """The text of a csv file, in the encoding that its bytes show."""
  try:
    text = content.decode(_encoding(content))
  except UnicodeDecodeError as error:
    raise InputError(
        f'{path} is neither a workbook nor UTF-8 or UTF-16 text; export it as csv '
        'UTF-8.') from error
  if '\0' in text:
    raise InputError(f'{path} is not a text: it holds zero bytes; export it as csv '
                     'UTF-8.')
  return text


def _encoding(content: bytes) -> str:
  if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
    return 'utf-16'
  # Without a mark, UTF-16 has a zero in every letter of a header: first or second.
  if b'\0' not in content:
    return 'utf-8-sig'
  first, second = content[::2].count(0), content[1::2].count(0)
  most, least = max(first, second), min(first, second)
  if most * 10 > len(content) // 2 and least * 10 <= most:
    return 'utf-16-le' if second > first else 'utf-16-be'
  return 'utf-8-sig'


def _csv(path: pathlib.Path, text: str, columns) -> list[list[str]]:
  line = _DELIMITER_LINE.match(text)
  body = text[line.end():] if line else text
  delimiter = line[1] if line else _delimiter(body, columns)
  count = body.count(delimiter)
  if count > MOST_CELLS:
    raise InputError(f'{path} has {counted(count, "cell")}; more than {MOST_CELLS} are '
                     'not read.')
  try:
    rows = _rows(path, body, delimiter, bool(line))
  except InputError:
    raise
  except (csv.Error, TypeError, ValueError) as error:
    raise InputError(f'{path} is not a csv file ({error}).') from error
  # The line that names the delimiter counts, where rows are numbered.
  return [[]] * bool(line) + [[cell.strip() for cell in row] for row in rows]


def _rows(path: pathlib.Path, body: str, delimiter: str, above: int
          ) -> list[list[str]]:
  """The rows of a csv text, unless a stray quote made one cell out of several rows."""
  lines = list(io.StringIO(body, newline=''))
  if lines and not lines[-1].endswith(('\n', '\r')):
    lines[-1] += '\n'
  # An open quote swallows whatever follows, so also this.
  end = 'end of the file'
  reader = csv.reader([*lines, end], delimiter=delimiter)
  rows, several, first = [], [], 0
  for row in reader:
    if reader.line_num - first > 1:
      several.append((len(rows), lines[first:reader.line_num]))
    rows.append(row)
    first = reader.line_num
  sizes = Counter(len(row) for row in rows if len(row) > 1)
  width = max(sizes, key=lambda size: (sizes[size], size), default=1)
  for index, raw in several:
    if index == len(rows) - 1 or _swallowed(rows[index], raw, delimiter, width):
      many = max(0, len(raw) - (index == len(rows) - 1) - 1)
      what = (f'makes one cell of what looks like '
              f'{counted(many, "more row")}' if many else 'is never closed')
      raise InputError(
          f'{path} row {index + 1 + above}: a quote (") in {raw[0].strip()[:60]!r} '
          f'{what}; take it out, or write the cell in quotes and each quote in it '
          'twice, as in "5"" minutes".')
  return rows[:-1]


def _swallowed(row: list[str], raw: list[str], delimiter: str, width: int) -> bool:
  """Whether the lines of one record are rows of their own, rather than a long text."""
  if len(row) > width and any(cell.strip() for cell in row[width:]):
    return True
  try:
    list(csv.reader(raw, delimiter=delimiter, strict=True))
  except csv.Error:     # text goes on behind what closes a cell
    return True
  # In prose a blank follows every comma.
  like = [line for line in raw if line.count(delimiter) >= width - 1 > 0
          and re.search(re.escape(delimiter) + r'[^ \t]', line)]
  return len(like) > 1


def _delimiter(text: str, columns: Collection[Collection[str]]) -> str:
  """What divides the cells: what divides the header row into words that are known."""
  words = [{_folded(word) for word in spelt} for spelt in columns]
  best = Counter()
  for line in io.StringIO(text) if words else ():
    for mark in _DELIMITERS:
      cells = {_folded(cell.strip().strip('"')) for cell in line.split(mark)}
      best[mark] = max(best[mark], sum(not spelt.isdisjoint(cells) for spelt in words))
    if max(best.values()) == len(words):
      break
  # Of those that do so alike, all of the text decides: there may be much above a table.
  likely = [mark for mark in _DELIMITERS if best[mark] == max(best.values(), default=0)]
  counts = Counter(text)
  return max(likely, key=lambda mark: counts[mark])
