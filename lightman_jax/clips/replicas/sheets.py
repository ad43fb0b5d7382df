"""Annotation sheets are written: xlsx, csv, and the old binary xls."""

import csv
import importlib
import io
import pathlib

import openpyxl

from lightman_jax.clips.replicas.replica import Book
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically

FORMS = ('xlsx', 'xls', 'csv')


def write_book(folder: pathlib.Path, book: Book, form: str) -> None:
  """Writes a workbook, or its first tab as csv, into a folder.

  Raises:
    InputError: an xls file is asked for, and xlwt is not installed.
  """
  with write_atomically(folder / f'{book.stem}.{form}', 'wb') as file:
    file.write({'xlsx': _xlsx, 'xls': _xls, 'csv': _csv}[form](book))


def check_form(form: str) -> None:
  """Says at once what is lacking to write a form.

  Raises:
    InputError: as `write_book`, or the form is unknown.
  """
  if form not in FORMS:
    raise InputError(f'{form!r} is no form of a sheet; choose one of '
                     f'{", ".join(FORMS)}.')
  if form == 'xls':
    _xlwt()


def _xlsx(book: Book) -> bytes:
  made = openpyxl.Workbook()
  made.remove(made.active)
  for tab in book.tabs:
    sheet = made.create_sheet(tab.title)
    for line in tab.lines:
      sheet.append([None if cell == '' else cell for cell in line])
  held = io.BytesIO()
  made.save(held)
  return held.getvalue()


def _xls(book: Book) -> bytes:
  made = _xlwt().Workbook()
  for tab in book.tabs:
    sheet = made.add_sheet(tab.title)
    for row, line in enumerate(tab.lines):
      for column, cell in enumerate(line):
        if cell != '':
          sheet.write(row, column, cell)
  held = io.BytesIO()
  made.save(held)
  return held.getvalue()


def _csv(book: Book) -> bytes:
  held = io.StringIO(newline='')
  csv.writer(held, lineterminator='\r\n').writerows(book.tabs[0].lines)
  return held.getvalue().encode('utf-8-sig')


def _xlwt():
  # Unmaintained, so no requirement: it comes with the extra for tests.
  try:
    return importlib.import_module('xlwt')
  except ImportError:
    raise InputError(
        'an xls file is written by xlwt, which is not installed; '
        "pip install 'lightman_jax[test]' brings it, or choose another form (xlsx, "
        'csv).') from None
