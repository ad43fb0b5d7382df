"""SAMM and its long videos: a preamble, errors of order, a duration to check by."""

import pytest

from lightman_jax.data.datasets import samm, samm_long
from lightman_jax.data.sheets import read_listing, select_rows

PREAMBLE = [['SAMM Micro FACS Codes'], ['Subject numbers are text'], *[[]] * 11]
HEADER = ['Subject', 'Filename', 'Inducement Code', 'Onset Frame', 'Apex Frame',
          'Offset Frame', 'Duration', 'Micro', 'Action Units', 'Estimated Emotion',
          'Objective Classes', 'Notes']
LONG = ['Subject', 'Filename', 'Inducement Code', 'Onset', 'Apex', 'Offset', 'Duration',
        'Type', 'Action Units', 'Notes']


def line(subject='006', name='006_1_2', onset=5562, apex=5588, offset=5632,
         duration=71, units='12', emotion='Happiness', objective='I'):
  return [subject, name, 1, onset, apex, offset, duration, '1/2', units, emotion,
          objective, '']


def long_line(name='006_1_1', onset=30, apex=40, offset=60, kind='Macro'):
  return [name[:3], name, 1, onset, apex, offset, offset - onset + 1, kind, '12', '']


def test_the_header_stands_in_row_14(read):
  (row,) = read(samm.FACTS, *PREAMBLE, HEADER, line()).rows
  assert (row.clip, row.subject, row.row) == ('006/006_1_2', '006', 15)
  assert (row.onset, row.apex, row.offset) == (5562, 5588, 5632)
  assert (row.emotion, row.objective) == ('happiness', 'I')


@pytest.mark.parametrize('subject', ['006', '6', 6, 6.])
def test_a_subject_is_three_digits_whatever_a_spreadsheet_made_of_it(read, subject):
  assert read(samm.FACTS, HEADER, line(subject)).rows[0].subject == '006'


def test_other_in_the_singular_is_others_and_counts(read):
  (row,) = read(samm.FACTS, HEADER, line(emotion='Other', objective='VII')).rows
  assert row.emotion == 'others'
  assert select_rows((row,), samm.FACTS.class_sets['samm_5'])[0][0][1] == 2
  assert select_rows((row,), samm.FACTS.class_sets['samm_3'])[0] == ()


@pytest.mark.parametrize('name, frames', [
    ('028_4_1', (1071, 1143, 1134)), ('032_3_1', (4896, 1930, 4970))])
def test_errors_of_order_are_listed_and_not_repaired(read, name, frames):
  listing = read(samm.FACTS, HEADER, line(name[:3], name, *frames))
  assert listing.rows == ()
  assert listing.left_out[0].clip == f'{name[:3]}/{name}'
  assert f'apex {frames[1]} is not between' in listing.left_out[0].in_words[1]


def test_the_suspicious_apex_is_used_and_remarked(read):
  (row,) = read(samm.FACTS, HEADER, line('032', '032_3_2', 5126, 5127, 5180, 55)).rows
  assert row.apex == 5127 and 'typing error' in str(row.notes[0])


def test_a_duration_that_disagrees_is_noted(read):
  assert read(samm.FACTS, HEADER, line()).rows[0].notes == ()
  (row,) = read(samm.FACTS, HEADER, line(duration=70)).rows
  assert '70' in str(row.notes[0]) and '71' in str(row.notes[0])


def test_a_row_is_never_given_to_another_subject(read):
  listing = read(samm.FACTS, HEADER, line('007'))
  assert listing.rows == ()
  assert 'belongs to subject 006' in listing.left_out[0].in_words[1]


def test_long_videos_say_what_is_macro_and_where_it_lies(read):
  rows = read(samm_long.FACTS, *[[]] * 9, LONG, long_line(), long_line(
      '006_5_9', kind='Micro - 1/2')).rows
  assert [(row.kind, row.video) for row in rows] == [
      ('macro', '006_1'), ('micro', '006_5')]
  assert {row.emotion for row in rows} == {''}


def test_a_kind_that_is_neither_is_left_out(read):
  listing = read(samm_long.FACTS, LONG, long_line(kind='Mixed'))
  assert "'Mixed' says neither" in listing.left_out[0].in_words[1]


def test_minus_one_is_a_missing_apex_but_no_missing_onset(read):
  assert read(samm_long.FACTS, LONG, long_line(apex=-1)).rows[0].apex is None
  listing = read(samm_long.FACTS, LONG, long_line(onset=-1))
  assert "onset '-1'" in listing.left_out[0].in_words[1]


def test_the_file_that_stands_twice_becomes_two_clips(read):
  rows = read(samm_long.FACTS, LONG, long_line('037_4_1', 10, 12, 20),
              long_line('037_4_1', 210, 212, 220), long_line('037_4_2')).rows
  assert [row.clip for row in rows] == [
      '037/037_4_1/10', '037/037_4_1/210', '037/037_4_2']


def test_a_csv_with_the_preamble_reads_the_same(tmp_path, read):
  lines = [*[[''] * 10] * 9, LONG, long_line(), long_line('007_2_1')]
  path = tmp_path / 'SAMM_LongVideos_V2_Release.csv'
  path.write_text('\n'.join(','.join(map(str, cells)) for cells in lines))
  rows = read_listing(path, samm_long.FACTS).rows
  assert [row.clip for row in rows] == ['006/006_1_1', '007/007_2_1']
