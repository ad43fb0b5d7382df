"""SMIC: long clips with further events; short clips have no sheet at all."""

import pytest

from lightman_jax.data.datasets import smic, smic_long
from lightman_jax.data.sheets import read_listing
from lightman_jax.errors import InputError
from tests.data.sheets.conftest import workbook

HEADER = ['Subject', 'Filename', None, 'OnsetF', 'OffsetF', 'Onset2F', 'Offset2F',
          'Onset3F', 'Offset3F', None, 'FirstF', 'LastF', 'TotalMF1', 'TotalMF2',
          'TotalMF3', 'TotalVL', 'Emotion']
VIS = [word for word in HEADER if word not in ('Onset3F', 'Offset3F', 'LastF',
                                               'TotalMF3')]


def line(subject=3, name='s3_ne_03', onset=302400, offset=302430, second=(None, None),
         third=(None, None), first=302370, last=302500, emotion='negative'):
  return [subject, name, None, onset, offset, *second, *third, None, first, last,
          31, None, None, 131, emotion]


@pytest.fixture
def long(read):
  return lambda *lines: read(smic_long.FACTS, HEADER, *lines)


@pytest.fixture
def read(tmp_path):
  def read(facts, *lines, corrections=()):
    path = workbook(tmp_path / 'SMIC-HS-E_annotation.xlsx',
                    VIS=[VIS, [11, 's11_po_01', None, 5, 9]], HS=lines)
    return read_listing(path, facts, corrections=corrections)
  return read


def test_the_sheet_named_hs_is_read_wherever_it_stands(long):
  (row,) = long(line()).rows
  assert (row.clip, row.subject, row.folder) == ('s03/s3_ne_03', 's03', 's03')
  assert (row.onset, row.apex, row.offset, row.notes) == (302400, None, 302430, ())


def test_a_workbook_without_that_sheet_is_refused(tmp_path):
  path = workbook(tmp_path / 'SMIC-HS-E_annotation.xlsx', VIS=[VIS])
  with pytest.raises(InputError, match='HS'):
    read_listing(path, smic_long.FACTS)


@pytest.mark.parametrize('subject, name', [(3, 's3_ne_03'), ('s3', 's3_ne_03'),
                                           ('s03', 's3_ne_03'), ('03', 's03_ne_03')])
def test_subjects_are_padded_or_not_and_one_person(long, subject, name):
  assert long(line(subject, name)).rows[0].subject == 's03'


def test_text_at_the_end_is_listed_and_blank_rows_are_not(long):
  listing = long(line(), [None] * 17, ['Total: 157 clips'], [' '])
  assert [row.clip for row in listing.rows] == ['s03/s3_ne_03']
  assert [entry.clip for entry in listing.left_out] == ['row 4']
  assert 'Total: 157 clips' in listing.left_out[0].in_words[1]


def test_further_events_are_noted_and_garbage_costs_no_clip(long):
  (row,) = long(line(second=(302440, 302460), third=('see', 7))).rows
  assert 'second event, frames 302440 to 302460' in str(row.notes[0])
  assert "third event read 'see' and '7'" in str(row.notes[1])
  assert (row.onset, row.offset) == (302400, 302430)


def test_a_recording_that_does_not_contain_its_clip_is_noted(long):
  (row,) = long(line(1, 's1_ne_03', first=1, last=100)).rows
  assert 'frames 1 to 100' in str(row.notes[0])


def test_the_sheets_word_stands_against_the_name_with_a_note(long, read):
  odd = line(18, 's18_sur_03')
  (row,) = long(odd).rows
  assert row.emotion == 'negative' and "'surprise'" in str(row.notes[0])
  listing = read(smic_long.FACTS, HEADER, odd, corrections=['smic_long_s18_sur_03'])
  assert listing.rows[0].emotion == 'surprise' and len(listing.corrected) == 1


def test_short_clips_have_no_sheet(tmp_path):
  path = workbook(tmp_path / 's.xlsx', a=[HEADER, line()])
  with pytest.raises(InputError, match='names of its folders'):
    read_listing(path, smic.HS)


def test_short_subjects_are_unpadded_on_disk():
  assert smic.HS.subject.format(1) == 's01' and smic.HS.folder.format(1) == 's1'
  assert smic.HS.editions[0].folder.format(
      folder='s1', emotion='negative', filename='s1_ne_01',
  ) == 's1/micro/negative/s1_ne_01'
