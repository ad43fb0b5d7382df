"""Workbooks (xlsx, xls) are read by a process of their own.

One wrong byte in a damaged file lets the library that reads them ask for gigabytes, and
then it ends the process it runs in, which no `except` can prevent. So that process is
not ours, and it may take little memory.
"""

import functools
import json
import os
import signal
import subprocess
import sys
from typing import Any

import python_calamine

MEMORY = 2 * 1024**3      # bytes; the largest sheet of any data set needs a hundredth
SECONDS = 60              # of processor time
MOST_CELLS = 4_000_000    # what it returns is bounded, too

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
    answer = {'names': names, 'rows': [read(tab) for tab in names]}
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
       tab, str(MOST_CELLS)],
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


def read_sheets(content: bytes) -> dict[str, list[list[Any]]]:
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
