"""Ways in which an annotation sheet gets damaged: by people, programs and disks.

Every operation takes a `Sheet` and a random generator and returns another sheet; it
keeps account of what each line still is, so that a reader can be held to it.
"""

import codecs
import csv
import datetime
import io
from typing import Any, NamedTuple

import openpyxl
import xlwt

ODD = (
    '', ' ', '/', '\\', '-1', '0', '?', 'null', 'NaN', 'inf', '1e3', '-46', '4.5',
    '46.0', '４６', '٤٦', '²', '1' * 400, '9' * 5000, 'x' * 40000, 'remake',
    '#REF!',
    '=1+1', '46 ', '../../etc/passwd', '..', '.', '/etc', 'C:\\clips', 'a/b',
    'EP01_12.zip', 'x.tar.gz', 'frames.avi', '*', '?', '[a-z]*', '{subject}',
    '{0.__class__}', '%s', '[red]x[/red]', '\x1b[31mred', 'a\nb', 'a\tb', 'a"b', "a'b",
    'a,b;c', 'é', '面孔', '\u202e', '\u200b46', '\ufeff46', 'sub01', 's1', 'True',
    'Subject', 'Filename', 'OnsetFrame')
TYPED = (46, 46.0, 46.5, -3, 10**15, 1e300, True, False, datetime.date(2014, 5, 8),
         datetime.datetime(2014, 5, 8, 1, 2), datetime.time(1, 2), None)


class Sheet(NamedTuple):
  """A table, and for each of its lines the number it had at first (-1: a new one)."""
  lines: list[list[Any]]
  origin: list[int]
  head: int | None          # index of the header row; None where there is none
  touched: frozenset[int] = frozenset()   # original lines some cell of which changed


def begin(lines: list[list[Any]], head: int | None) -> Sheet:
  """A sheet that nothing has happened to."""
  return Sheet([list(line) for line in lines], list(range(len(lines))), head)


def empty_cells(sheet: Sheet, rng) -> Sheet:
  """Some cells are cleared."""
  return _cells(sheet, rng, lambda cell: '')


def odd_cells(sheet: Sheet, rng) -> Sheet:
  """Some cells hold what no one foresees."""
  return _cells(sheet, rng, lambda cell: ODD[rng.integers(len(ODD))])


def retype_cells(sheet: Sheet, rng) -> Sheet:
  """Some cells become numbers, dates or truth values."""
  return _cells(sheet, rng, lambda cell: TYPED[rng.integers(len(TYPED))])


def pad_cells(sheet: Sheet, rng) -> Sheet:
  """Some cells get blanks, other letter case or another zero: nothing is lost."""
  def pad(cell):
    text = str(cell)
    return (f' {text} ', text.upper(), f'\u00a0{text}', text)[rng.integers(4)]
  return _cells(sheet, rng, pad)


def shuffle_cells(sheet: Sheet, rng) -> Sheet:
  """The cells of one column change places among some rows."""
  body, lines = _body(sheet), _copy(sheet)
  if len(body) < 2:
    return sheet
  column = int(rng.integers(_width(sheet)))
  chosen = rng.choice(body, min(len(body), int(rng.integers(2, 9))), replace=False)
  for place, other in zip(chosen, rng.permutation(chosen)):
    _put(lines[place], column, _get(sheet.lines[other], column))
  return _changed(sheet, lines, chosen)


def shift_cells(sheet: Sheet, rng) -> Sheet:
  """A row's cells move to the right or to the left, as after a stray separator."""
  body, lines = _body(sheet), _copy(sheet)
  if not body:
    return sheet
  place = int(rng.choice(body))
  lines[place] = [''] + lines[place] if rng.random() < .5 else lines[place][1:]
  return _changed(sheet, lines, [place])


def shuffle_rows(sheet: Sheet, rng) -> Sheet:
  """Rows change places."""
  body = _body(sheet)
  return _rows(sheet, list(rng.permutation(body)))


def delete_rows(sheet: Sheet, rng) -> Sheet:
  """Rows go missing; their clips are then in no sheet."""
  keep = [place for place in _body(sheet) if rng.random() > .2]
  return _rows(sheet, keep)


def double_rows(sheet: Sheet, rng) -> Sheet:
  """Rows stand twice."""
  body = _body(sheet)
  return _rows(sheet, body + [place for place in body if rng.random() < .1])


def foreign_rows(sheet: Sheet, rng) -> Sheet:
  """Blank rows, remarks and a second header come in between."""
  lines, origin = list(sheet.lines), list(sheet.origin)
  for _ in range(int(rng.integers(1, 4))):
    place = int(rng.integers(0 if sheet.head is None else sheet.head + 1,
                             len(lines) + 1))
    new = ([], [''] * _width(sheet), ['checked by the second coder'],
           ['', '', '', 'remark'], list((lines or [[]])[sheet.head or 0]),
           [''] * 40 + ['far away'])[rng.integers(6)]
    lines.insert(place, new)
    origin.insert(place, -1)
  return sheet._replace(lines=lines, origin=origin)


def preamble(sheet: Sheet, rng) -> Sheet:
  """Lines stand above the header."""
  count = int(rng.integers(1, 30))
  lines = [['about this file'] if rng.random() < .5 else [] for _ in range(count)]
  return sheet._replace(
      lines=lines + sheet.lines, origin=[-1] * count + sheet.origin,
      head=None if sheet.head is None else sheet.head + count)


def reorder_columns(sheet: Sheet, rng) -> Sheet:
  """Columns change places, their words with them."""
  order = rng.permutation(_width(sheet))
  return _every(sheet, lambda line: [_get(line, place) for place in order],
                harmless=sheet.head is not None)


def rename_column(sheet: Sheet, rng) -> Sheet:
  """A header word is spelt otherwise, or takes another column's place."""
  if sheet.head is None:
    return sheet
  lines = _copy(sheet)
  head = lines[sheet.head]
  place, other = rng.integers(_width(sheet), size=2)
  word = str(_get(head, place))
  if rng.random() < .3:
    first, second = _get(head, place), _get(head, other)
    _put(head, place, second)
    _put(head, other, first)
    return _changed(sheet, lines, _body(sheet))
  _put(head, place, (word.upper(), f' {word} ', word.replace('Frame', ' frame'),
                     word + '?', '', '文件')[rng.integers(6)])
  return _changed(sheet, lines, _body(sheet))


def double_column(sheet: Sheet, rng) -> Sheet:
  """A column stands twice, word and all."""
  place = int(rng.integers(_width(sheet)))
  return _every(sheet, lambda line: [*line, *[''] * (_width(sheet) - len(line)),
                                     _get(line, place)])


def delete_column(sheet: Sheet, rng) -> Sheet:
  """A column goes missing."""
  place = int(rng.integers(_width(sheet)))
  return _every(sheet, lambda line: line[:place] + line[place + 1:])


def insert_column(sheet: Sheet, rng) -> Sheet:
  """An empty column comes in between."""
  place = int(rng.integers(_width(sheet)))
  return _every(sheet, lambda line: line[:place] + [''] + line[place:],
                harmless=sheet.head is not None)


def cut_rows(sheet: Sheet, rng) -> Sheet:
  """The sheet ends early; all of it may be gone."""
  end = int(rng.integers(len(sheet.lines) + 1))
  head = sheet.head if sheet.head is not None and sheet.head < end else None
  return sheet._replace(lines=sheet.lines[:end], origin=sheet.origin[:end], head=head)


OPERATIONS = (
    empty_cells, odd_cells, odd_cells, retype_cells, pad_cells, shuffle_cells,
    shuffle_cells, shift_cells, shuffle_rows, delete_rows, double_rows, foreign_rows,
    preamble, reorder_columns, rename_column, double_column, delete_column,
    insert_column, cut_rows)


def write_csv(lines: list[list[Any]], rng) -> bytes:
  """As one program or another exports it."""
  out = io.StringIO(newline='')
  ends = ('\n', '\r\n')[rng.integers(2)]
  writer = csv.writer(out, delimiter=',;\t'[rng.integers(3)], lineterminator=ends)
  writer.writerows(['' if cell is None else cell for cell in line] for line in lines)
  text = out.getvalue()
  coding = ('utf-8', 'utf-8-sig', 'utf-8', 'utf-8', 'latin-1', 'gbk', 'utf-16')
  return text.encode(coding[rng.integers(len(coding))], 'replace')


def write_book(tabs: dict[str, list[list[Any]]], ending: str) -> bytes:
  """As xlsx or xls; what the form cannot hold is left out of it."""
  out = io.BytesIO()
  if ending == '.xls':
    book = xlwt.Workbook()
    for name, lines in tabs.items():
      page = book.add_sheet(name[:31])
      for row, line in enumerate(lines[:60000]):
        for column, cell in enumerate(line[:250]):
          if cell not in ('', None):
            page.write(row, column, cell if not isinstance(cell, str) else cell[:32000])
  else:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, lines in tabs.items():
      page = book.create_sheet(name)
      for line in lines:
        page.append([_holdable(cell) for cell in line])
  book.save(out)
  return out.getvalue()


def damage_bytes(content: bytes, rng) -> bytes:
  """A disk, a transfer or an editor was at it."""
  kind = rng.integers(6)
  if kind == 0:
    return content[:int(rng.integers(len(content) + 1))]
  if kind == 1:
    return b''
  if kind == 2:
    return codecs.BOM_UTF8 + content
  if kind == 3:
    return rng.bytes(int(rng.integers(2000)))
  if not content:
    return content
  damaged = bytearray(content)
  for place in rng.integers(len(damaged), size=int(rng.choice([1, 4, 40]))):
    damaged[place] = rng.integers(256)
  return bytes(damaged)


def _holdable(cell):
  if isinstance(cell, str):
    kept = ''.join(mark for mark in cell if mark in '\t\n' or ord(mark) >= 32)
    return kept[:32000] or None
  return cell


def _cells(sheet, rng, change):
  body, lines = _body(sheet), _copy(sheet)
  if not body:
    return sheet
  chosen = rng.choice(body, int(rng.integers(1, 6)))
  for place in chosen:
    column = int(rng.integers(_width(sheet)))
    _put(lines[place], column, change(_get(lines[place], column)))
  return _changed(sheet, lines, chosen)


def _rows(sheet, order):
  top = [] if sheet.head is None else list(range(sheet.head + 1))
  order = top + [int(place) for place in order]
  return sheet._replace(lines=[list(sheet.lines[place]) for place in order],
                        origin=[sheet.origin[place] for place in order])


def _every(sheet, change, harmless=False):
  lines = [change(line) for line in sheet.lines]
  return sheet._replace(lines=lines) if harmless else _changed(
      sheet, lines, _body(sheet))


def _changed(sheet, lines, places):
  origins = {sheet.origin[place] for place in places}
  return sheet._replace(lines=lines, touched=sheet.touched | origins)


def _body(sheet):
  return list(range(0 if sheet.head is None else sheet.head + 1, len(sheet.lines)))


def _copy(sheet):
  return [list(line) for line in sheet.lines]


def _width(sheet):
  return max(map(len, sheet.lines), default=1) or 1


def _get(line, column):
  return line[column] if column < len(line) else ''


def _put(line, column, cell):
  line.extend([''] * (column + 1 - len(line)))
  line[column] = cell
