"""CASME: two old sheets that together are one, and file names that are no key."""

import pytest

from lightman_jax.data.datasets.casme import FACTS
from lightman_jax.data.sheets import read_listing

HEADER = ['Subject', 'Filename', None, 'OnsetF', 'ApexF1', 'ApexF2', 'OffsetF', None,
          'Onset', 'Total', 'AU', 'Emotion']


def line(subject=1, name='EP01_12', onset=73, apex=80, end='\\', offset=91,
         emotion='tense'):
  return [subject, name, None, onset, apex, end, offset, None, 1217, 317, '14', emotion]


def test_both_sections_are_one_data_set_and_rows_name_theirs(tmp_path):
  xlwt = pytest.importorskip('xlwt')
  paths = []
  for section, lines in (('A', [line(), line(2)]), ('B', [line(8, onset='x')])):
    book = xlwt.Workbook()
    sheet = book.add_sheet('Sheet1')
    for row, cells in enumerate([HEADER, *lines]):
      for column, cell in enumerate(cells):
        if cell is not None:
          sheet.write(row, column, cell)
    book.save(str(tmp_path / f'Section {section}.xls'))
    paths.append(tmp_path / f'Section {section}.xls')
  listing = read_listing(paths, FACTS)
  assert listing.sheet == 'Section A.xls + Section B.xls'
  assert [(row.clip, row.sheet, row.row) for row in listing.rows] == [
      ('sub01/EP01_12', 'Section A.xls', 2), ('sub02/EP01_12', 'Section A.xls', 3)]
  assert listing.left_out[0].in_words[1].startswith('Section B.xls row 2: onset')
  assert listing.sheet_sha256 != read_listing(paths[:1], FACTS).sheet_sha256


def test_a_file_that_stands_twice_has_its_onset_in_the_clip(read):
  listing = read(FACTS, HEADER, line(), line(onset=74), line(name='EP01_13'))
  assert [row.clip for row in listing.rows] == [
      'sub01/EP01_12/73', 'sub01/EP01_12/74', 'sub01/EP01_13']
  assert [row.filename for row in listing.rows] == ['EP01_12', 'EP01_12', 'EP01_13']
  # An unreadable neighbour must not change what the others are called.
  listing = read(FACTS, HEADER, line(), line(onset='x'))
  assert [row.clip for row in listing.rows] == ['sub01/EP01_12/73']
  assert [entry.clip for entry in listing.left_out] == ['sub01/EP01_12']


def test_rows_of_one_file_and_onset_are_told_apart_or_left_out(read):
  listing = read(FACTS, HEADER, line(), line(), line(2), line(2, apex=81))
  assert [row.clip for row in listing.rows] == ['sub01/EP01_12/73']
  assert [entry.clip for entry in listing.left_out] == [
      'sub01/EP01_12/73', *['sub02/EP01_12/73'] * 2]
  assert 'row 3: repeats row 2 cell by cell' in listing.left_out[0].in_words[1]
  assert 'row 4, row 5' in listing.left_out[1].in_words[1]


def test_a_backslash_is_an_offset_that_is_not_given_and_the_clip_says_so(read):
  (row,) = read(FACTS, HEADER, line(offset='\\')).rows
  assert (row.apex, row.offset) == (80, 80)
  assert 'no offset' in str(row.notes[0])
  assert read(FACTS, HEADER, line()).rows[0].notes == ()


def test_without_apex_and_offset_there_is_no_clip(read):
  listing = read(FACTS, HEADER, line(apex='\\', offset='\\'))
  assert 'offset' in listing.left_out[0].in_words[1]


@pytest.mark.parametrize('end, notes', [('remake', 1), ('\\', 0), (82, 0), (None, 0)])
def test_the_end_of_the_apex_is_no_reason_to_lose_a_clip(read, end, notes):
  (row,) = read(FACTS, HEADER, line(end=end)).rows
  assert row.apex == 80
  assert len(row.notes) == notes and all('remake' in str(note) for note in row.notes)


def test_onset_is_a_frame_and_not_the_milliseconds_beside_it(read):
  assert read(FACTS, HEADER, line()).rows[0].onset == 73


def test_misspelt_contempt_is_contempt(read):
  assert read(FACTS, HEADER, line(emotion='comtempt')).rows[0].emotion == 'contempt'
