"""Cells are stripped text, whatever the file holds and is called."""

import openpyxl
import pytest

from lightman_jax.data.workbooks import find_table, read_cells
from lightman_jax.errors import InputError

COLUMNS = {'subject': ('Subject',), 'units': ('Action Units', 'AU'), 'note': ('Note',)}


def workbook(path, lines):
  book = openpyxl.Workbook()
  for line in lines:
    book.active.append(line)
  book.create_sheet()
  book.save(path)
  return path


def test_numbers_of_a_workbook_are_text_without_a_point(tmp_path):
  path = workbook(tmp_path / 'a.xlsx', [[1, 12.0, ' x '], [None, '01', 1.5]])
  assert read_cells(path) == [['1', '12', 'x'], ['', '01', '1.5']]


def test_old_binary_workbooks_are_read(tmp_path):
  xlwt = pytest.importorskip('xlwt')
  book = xlwt.Workbook()
  sheet = book.add_sheet('s')
  for column, value in enumerate([12, '4+L10', '\\']):
    sheet.write(0, column, value)
  book.save(str(tmp_path / 'a.xls'))
  assert read_cells(tmp_path / 'a.xls') == [['12', '4+L10', '\\']]


def test_the_content_says_what_a_file_is(tmp_path):
  path = workbook(tmp_path / 'a.xlsx', [['a', 'b']])
  path.rename(tmp_path / 'a.csv')
  (tmp_path / 'b.xlsx').write_text('a,b\n1,2\n')
  assert read_cells(tmp_path / 'a.csv') == [['a', 'b']]
  assert read_cells(tmp_path / 'b.xlsx') == [['a', 'b'], ['1', '2']]


@pytest.mark.parametrize('mark', [',', ';', '\t'])
def test_csv_with_any_divider_and_a_byte_order_mark(tmp_path, mark):
  path = tmp_path / 'a.csv'
  path.write_bytes(f'Subject{mark}AU\r\n01{mark}"4{mark}7"\r\n'.encode('utf-8-sig'))
  assert read_cells(path) == [['Subject', 'AU'], ['01', f'4{mark}7']]


def test_the_header_is_found_by_its_words_below_a_preamble():
  cells = [['A title'], [], ['', ' sub ject ', '', 'au'], [], ['', '01', '', '4'], ['']]
  (record,) = find_table(cells, COLUMNS, optional=('note',), where='s.xlsx')
  assert record.row == 5
  assert record.cells == {'subject': '01', 'units': '4', 'note': ''}


def test_a_row_that_is_filled_in_another_column_is_not_passed_over():
  cells = [['Subject', 'AU', 'Notes'], ['', '', 'lost its cells'], ['', '', '']]
  (record,) = find_table(cells, COLUMNS, optional=('note',), where='s.xlsx')
  assert record.row == 2 and not any(record.cells.values())


def test_rows_before_a_repeated_header_are_not_passed_over():
  columns = {name: (name,) for name in 'abc'}
  cells = [['about', 'this'], ['a?', 'b', 'c'], ['1', '2', '3'], ['a', 'b', 'c'],
           ['4', '5', '6']]
  assert [record.row for record in find_table(cells, columns, where='s')] == [2, 3, 5]


def test_the_divider_of_a_csv_is_that_of_the_table(tmp_path):
  (tmp_path / 's.csv').write_text('a, b, c\n' * 22 + '1;2;3;4\n' * 40)
  assert read_cells(tmp_path / 's.csv')[-1] == ['1', '2', '3', '4']


@pytest.mark.parametrize('cells, words', [
    ([['Subject', 'x']], ['s.xlsx', 'Action Units']),
    ([['Subject', 'AU', 'subject']], ['s.xlsx', 'row 1', 'twice']),
])
def test_a_wrong_header_is_named(cells, words):
  with pytest.raises(InputError) as caught:
    find_table(cells, COLUMNS, optional=('note',), where='s.xlsx')
  assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize('content', [b'PK\x03\x04broken', b'\xff\xfe\x00', b'\x80abc'])
def test_what_is_no_table_is_refused(tmp_path, content):
  (tmp_path / 'a.xlsx').write_bytes(content)
  with pytest.raises(InputError, match='a.xlsx'):
    read_cells(tmp_path / 'a.xlsx')


HEADER = (('clip',), ('subject', 'person'), ('label',), ('path',))


@pytest.mark.parametrize('text, cells', [
    # Commas are in the majority, and the header row knows better.
    ('clip;person;label;path\n1;s;"a, b, c";x,y,z,w.png\n',
     ['1', 's', 'a, b, c', 'x,y,z,w.png']),
    ('clip\tperson\tlabel\tpath\n1\ts\ta;b;c;d;e\tx,y,z,w,v.png\n',
     ['1', 's', 'a;b;c;d;e', 'x,y,z,w,v.png']),
    ('"Clip ";"Person";"Label";"Path"\n1;s;a,b;x,y,z.png\n',
     ['1', 's', 'a,b', 'x,y,z.png']),
    ('of ours, made by us, in May, in London\nclip;person;label;path\n1;s;a;b\n',
     ['1', 's', 'a', 'b']),
])
def test_the_header_row_says_what_divides_a_csv(tmp_path, text, cells):
  (tmp_path / 'm.csv').write_text(text)
  assert read_cells(tmp_path / 'm.csv', columns=HEADER)[-1] == cells


@pytest.mark.parametrize('first, mark', [
    ('sep=;', ';'), ('SEP=|', '|'), ('"sep=;"', ';'), ('sep=\t', '\t'),
    ('sep=,,,', ',')])
def test_the_line_by_which_excel_learns_the_delimiter(tmp_path, first, mark):
  path = tmp_path / 'm.csv'
  path.write_bytes(f'\ufeff{first}\r\nclip{mark}label\r\n1{mark}"a,b;c"\r\n'.encode())
  assert read_cells(path) == [[], ['clip', 'label'], ['1', 'a,b;c']]


@pytest.mark.parametrize('encoding', ['utf-16', 'utf-16-le', 'utf-16-be'])
def test_utf_16_with_and_without_a_mark(tmp_path, encoding):
  path = tmp_path / 'm.csv'
  path.write_bytes('clip\tlabel\r\n1\t悲しみ\r\n2\tjoy\r\n'.encode(encoding))
  assert read_cells(path) == [['clip', 'label'], ['1', '悲しみ'], ['2', 'joy']]


def test_zero_bytes_are_no_text(tmp_path):
  (tmp_path / 'm.csv').write_bytes(b'clip,label\n' + b'1,joy\n' * 9 + b'\0')
  with pytest.raises(InputError, match='m.csv is not a text: it holds zero bytes'):
    read_cells(tmp_path / 'm.csv')


ROWS = ['clip,subject,label,path,notes', 'a,s1,pos,a.png,ok', 'b,s1,pos,b.png,{}',
        'c,s2,neg,c.png,{}', 'd,s2,neg,d.png,ok', 'e,s3,neg,e.png,{}', '']


@pytest.mark.parametrize('notes', [
    ('"5 minutes', 'ok', 'ok'),                # open to the end of the file
    ('"5 minutes', 'ok', '6"'),
    ('"5 minutes', 'ok', '"seen"'),
    ('"5 minutes', '"well, seen"', 'ok'),
    ('"5 minutes', '6"', 'ok')])
@pytest.mark.parametrize('mark, end', [(',', '\n'), (';', '\r\n'), (',', '\r')])
def test_rows_behind_a_stray_quote_are_not_one_cell(tmp_path, notes, mark, end):
  lines = end.join(ROWS).replace(',', mark).format(*notes)
  (tmp_path / 'm.csv').write_bytes(lines.encode())
  with pytest.raises(InputError,
                     match=r'^\S*m\.csv row 3: a quote .* more rows?; take it'):
    read_cells(tmp_path / 'm.csv', columns=HEADER)


@pytest.mark.parametrize('rows', [
    'b,"s1,pos,b.png,x\nc,s2",neg,c.png,y\n',
    'b,s1,pos,b.png,"5\nc,s2,neg,6",c.png,y\n',
    'b,s1,pos,"b.png","5\nc,s2,neg,"c.png",y\n',
    'b,s1,pos,b.png,"5'])
def test_a_stray_quote_in_any_column_is_named(tmp_path, rows):
  (tmp_path / 'm.csv').write_text(f'sep=,\n{ROWS[0]}\n{ROWS[1]}\n{rows}')
  with pytest.raises(InputError, match=r'^\S*m\.csv row 4: a quote'):
    read_cells(tmp_path / 'm.csv', columns=HEADER)


@pytest.mark.parametrize('cell, text', [
    ('"two\nlines"', 'two\nlines'), ('"a, b,\nand then, c, d, e, f, so"', None),
    ('"he said ""so""\nand, ""no"", went"', 'he said "so"\nand, "no", went'),
    ('5" wide', '5" wide'), ('"5"" wide"', '5" wide'), ('"5" wide', '5 wide')])
def test_a_cell_of_several_lines_of_text_is_one_cell(tmp_path, cell, text):
  (tmp_path / 'm.csv').write_text('\n'.join(ROWS).format(cell, 'x', 'y'))
  cells = read_cells(tmp_path / 'm.csv', columns=HEADER)
  assert [row[0] for row in cells] == ['clip', *'abcde']
  assert cells[2][4] == (text or 'a, b,\nand then, c, d, e, f, so')
  # In the first column, too, where the rest of the row follows.
  lines = [','.join(line.split(',', 4)[::-1]) for line in ROWS[:-1]]
  (tmp_path / 'm.csv').write_text('\n'.join(lines).format(cell, 'x', 'y') + '\n')
  assert [row[-1] for row in read_cells(tmp_path / 'm.csv', columns=HEADER)] == [
      'clip', *'abcde']
