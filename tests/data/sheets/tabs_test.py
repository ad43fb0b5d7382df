"""Of several sheets of one workbook none is chosen by luck."""

import openpyxl
import pytest

from lightman_jax.data import workbooks
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.recognition import tabs_of
from lightman_jax.errors import InputError
from lightman_jax.synthetic.replicas import casme

LINES = casme.second_table(casme.second_clips(), '2014')
OTHERS = [LINES[0], *[[*line[:8], 'others', *line[9:]] for line in LINES[1:]]]
MANIFEST = [['clip', 'subject', 'label', 'path'], ['a', 's1', 'pos', 'a.png'],
            ['b', 's2', 'neg', 'b.png']]


def write(path, hidden=(), /, **tabs):
  book = openpyxl.Workbook()
  book.remove(book.active)
  for name, lines in tabs.items():
    sheet = book.create_sheet(name.replace('_', ' '))
    for line in lines:
      sheet.append(line)
    if name in hidden:
      sheet.sheet_state = hidden[name]
  book.save(path)
  return path


@pytest.mark.parametrize('second', [OTHERS, [LINES[0], *LINES[100:]]])
@pytest.mark.parametrize('state', ['', 'hidden', 'veryHidden'])
def test_two_sheets_with_different_rows_are_refused(tmp_path, second, state):
  path = write(tmp_path / 's.xlsx', {'old': state} if state else {},
               old=LINES, Sheet2=second)
  hidden = r' \(hidden\)' if state else ''
  with pytest.raises(InputError, match=f"'old'{hidden} and 'Sheet2'; nothing tells"):
    tabs_of(path, TABLES['casme2'])


def test_rows_divided_over_two_sheets_are_refused(tmp_path):
  path = write(tmp_path / 's.xlsx', a=LINES[:120], b=[LINES[0], *LINES[120:]])
  with pytest.raises(InputError, match="s.xlsx has two sheets .* 'a' and 'b'"):
    tabs_of(path, TABLES['casme2'])


def test_sheets_that_are_equal_or_no_table_need_no_word(tmp_path):
  path = write(tmp_path / 's.xlsx', {'copy': 'hidden'}, Sheet1=LINES, copy=LINES,
               Sheet2=[], notes=[['Subject', 'age'], ['sub01', 20]])
  assert tabs_of(path, TABLES['casme2']) == ('Sheet1',)


def test_the_sheet_that_the_published_workbook_names_is_the_one(tmp_path):
  facts = TABLES['smic_long']
  header = [words[0] for words in facts.columns.values()]
  cells = {'subject': 's1', 'filename': 's1_ne_01', 'emotion': 'negative'}
  lines = [header, [cells.get(name, 1) for name in facts.columns]]
  path = write(tmp_path / 's.xlsx', VIS=[*lines, lines[1]], HS=lines)
  assert tabs_of(path, facts) == ('HS',)


def test_the_sections_of_casme_in_one_workbook_are_both_read_once(tmp_path):
  a, b = (casme.table(casme.clips(), name) for name in 'AB')
  path = write(tmp_path / 's.xlsx', {'old': 'hidden'}, Section_A=a, old=a, Section_B=b)
  assert tabs_of(path, TABLES['casme']) == ('Section A', 'Section B')


@pytest.mark.parametrize('second, refused', [
    ([*MANIFEST[:2]], True), ([MANIFEST[0], ['c', 's3', 'neg', 'c.png']], True),
    (MANIFEST, False), ([], False), ([['clip', 'remark'], ['a', 'blurred']], False)])
def test_a_manifest_or_a_table_of_a_user_is_one_sheet(tmp_path, second, refused):
  path = write(tmp_path / 'm.xlsx', {'old': 'hidden'}, clips=MANIFEST, old=second)
  read = lambda: workbooks.read_cells(
      path, columns=[(name,) for name in MANIFEST[0]])
  if not refused:
    assert read() == MANIFEST
    return
  with pytest.raises(InputError, match=r"'clips' and 'old' \(hidden\)"):
    read()
