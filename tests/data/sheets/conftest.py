"""Sheets of made-up rows, in the form that a data set's own sheets have."""

import pathlib

import openpyxl
import pytest

from lightman_jax.data.sheets import read_listing


def workbook(path: pathlib.Path, **tabs) -> pathlib.Path:
  """Writes lines of cells into the sheets of a workbook."""
  book = openpyxl.Workbook()
  book.remove(book.active)
  for name, lines in tabs.items():
    sheet = book.create_sheet(name)
    for line in lines:
      sheet.append(line)
  book.save(path)
  return path


@pytest.fixture
def read(tmp_path):
  """Reads lines, header first, as the sheet of a data set."""
  def read(facts, *lines, corrections=()):
    path = workbook(tmp_path / 's.xlsx', data=lines, empty=[])
    return read_listing(path, facts, corrections=corrections)
  return read
