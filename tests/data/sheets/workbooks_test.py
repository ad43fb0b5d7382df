"""A workbook, whatever is in it, never ends the process that asks for its cells."""

import io

import openpyxl
import pytest
import xlwt

from lightman_jax.data import workbooks
from lightman_jax.errors import InputError


def xlsx(**tabs) -> bytes:
  book, out = openpyxl.Workbook(), io.BytesIO()
  book.remove(book.active)
  for name, lines in tabs.items():
    page = book.create_sheet(name)
    for line in lines:
      page.append(line)
  book.save(out)
  return out.getvalue()


def xls() -> bytes:
  book, out = xlwt.Workbook(), io.BytesIO()
  page = book.add_sheet('A')
  for row in range(20):
    page.write(row, row % 4, row)
  book.save(out)
  return out.getvalue()


def test_cells_come_with_their_places():
  content = xlsx(A=[[], ['x', None, 1.5]], B=[['b']])
  assert workbooks.read_workbook(content) == [[''] * 3, ['x', '', 1.5]]
  assert workbooks.read_workbook(content, 'B') == [['b']]


def test_a_sheet_that_is_not_there_is_named_with_those_that_are():
  with pytest.raises(workbooks.Broken, match="no sheet 'C', but 'A', 'B'"):
    workbooks.read_workbook(xlsx(A=[['a']], B=[['b']]), 'C')


def test_a_cell_at_the_far_corner_is_refused_and_not_fatal(tmp_path):
  book = openpyxl.Workbook()
  book.active['A1'] = book.active['XFD1048576'] = 'x'   # 17 thousand million cells
  book.save(tmp_path / 's.xlsx')
  with pytest.raises(InputError, match='s.xlsx .*2 GiB of memory'):
    workbooks.read_cells(tmp_path / 's.xlsx')


def test_blank_rows_far_below_do_not_count(tmp_path):
  book = openpyxl.Workbook()
  book.active['A1'], book.active['A300000'] = 'x', ''
  book.save(tmp_path / 's.xlsx')
  assert workbooks.read_cells(tmp_path / 's.xlsx') == [['x']]


# Offsets in the head of the file whose values its reader takes for sizes and places.
@pytest.mark.parametrize('place', [30, 44, 48, 60, 76, 512])
@pytest.mark.parametrize('value', [0, 0xff])
def test_a_damaged_old_workbook_is_read_or_refused(tmp_path, place, value):
  content = bytearray(xls())
  content[place:place + 3] = bytes([value] * 3)
  (tmp_path / 's.xls').write_bytes(content)
  try:
    assert workbooks.read_cells(tmp_path / 's.xls')
  except InputError as error:
    assert 's.xls' in str(error) and '\n' not in str(error)


def test_half_a_workbook_is_refused(tmp_path):
  for content in (xlsx(A=[['a']]), xls()):
    (tmp_path / 's').write_bytes(content[:len(content) // 2])
    with pytest.raises(InputError, match='not a readable workbook'):
      workbooks.read_cells(tmp_path / 's')
