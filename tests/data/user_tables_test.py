"""Entries of a user's table reach the clips that they name, and nobody else's."""

import pytest

from lightman_jax.data import user_tables
from lightman_jax.data.rows import Row


def row(clip):
  return Row(clip, clip.split('/')[0], 'casme2', 'others', 'micro', 1, None, 9, 200.,
             filename=clip.split('/')[1])


ROWS = tuple(map(row, ('sub01/EP01', 'sub02/EP01', 'sub02/EP02', 'sub03/EP03')))


def test_a_file_name_that_two_people_have_names_no_clip():
  entries = user_tables.entries_by_clip(
      {'EP01': 'of whom?', 'EP02': 'two', 'sub03/EP03': 'three', 'EP03': 'not this',
       'sub09/EP01': 'of nobody'}, ROWS)
  assert entries == {'sub02/EP02': 'two', 'sub03/EP03': 'three'}


def test_an_apex_is_not_given_to_another_person(tmp_path):
  path = tmp_path / 'apexes.csv'
  path.write_text('clip,apex\nEP01,4\nEP02,5\nsub03/EP03,6\n')
  filled, left_out = user_tables.apexes_by_clip(ROWS, str(path))
  assert [(row.clip, row.apex) for row in filled] == [
      ('sub02/EP02', 5), ('sub03/EP03', 6)]
  assert [clip for clip, _ in left_out] == ['sub01/EP01', 'sub02/EP01']


@pytest.mark.parametrize('header', [
    'clip,apex', 'Filename,ApexFrame', 'file_name,apex_frame', 'clip-name,Apex Frame',
    'name,clip,apex_frame', 'Clip ID,APEX_INDEX', 'filename,apex_idx',
    'subject,file,apex frame number'])
def test_an_apexs_header_may_be_spelt_in_many_ways(tmp_path, header):
  path = tmp_path / 'apexes.csv'
  cells = ['x'] * (header.count(',') - 1)
  path.write_text(f"{header}\n{','.join([*cells, 'EP02', '5'])}\n")
  filled, _ = user_tables.apexes_by_clip(ROWS, str(path))
  assert [(row.clip, row.apex) for row in filled] == [('sub02/EP02', 5)]


def test_an_apex_that_a_correction_took_away_is_spotted_beside_a_table(tmp_path):
  path = tmp_path / 'apexes.csv'
  path.write_text('clip,apex\nEP02,5\n')
  filled, left_out = user_tables.apexes_by_clip(
      ROWS, str(path), spotted={'sub03/EP03', 'sub02/EP02'})
  assert {row.clip: row.apex for row in filled} == {'sub02/EP02': 5, 'sub03/EP03': None}
  assert [clip for clip, _ in left_out] == ['sub01/EP01', 'sub02/EP01']
