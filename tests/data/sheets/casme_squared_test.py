"""CAS(ME)^2: no header, other numbers on disk, offsets of 0, macro beside micro."""

import pytest

from lightman_jax.data.datasets.casme_squared import FACTS
from lightman_jax.data.sheets import read_listing

PARTICIPANTS = {
    1: 15, 2: 16, 3: 19, 4: 20, 5: 21, 6: 22, 7: 23, 8: 24, 9: 25, 10: 26, 11: 27,
    12: 29, 13: 30, 14: 31, 15: 32, 16: 33, 17: 34, 18: 35, 19: 36, 20: 37, 21: 38,
    22: 40}


def line(participant=1, name='anger1_2', onset=557, apex=572, offset=608, units='4+7',
         emotion='negative', kind='macro-expression', report='anger', *more):
  return [participant, name, onset, apex, offset, units, emotion, kind, report, *more]


def test_the_first_row_is_a_clip_and_no_header(read):
  rows = read(FACTS, line(), line(2, kind='micro-expression')).rows
  assert [(row.row, row.kind) for row in rows] == [(1, 'macro'), (2, 'micro')]


def test_a_header_that_somebody_added_is_listed(read):
  listing = read(FACTS, ['participant', 'video', 'onset', 'apex'], line())
  assert len(listing.rows) == 1 and listing.left_out[0].clip == 'row 1'


@pytest.mark.parametrize('participant, number', PARTICIPANTS.items())
def test_participants_have_other_numbers_on_disk(read, participant, number):
  (row,) = read(FACTS, line(participant)).rows
  assert (row.subject, row.folder) == (f's{number}', f's{number}')
  assert (row.clip, row.video) == (f's{number}/anger1_2', f'{number}_0401')


@pytest.mark.parametrize('video, code', [
    ('disgust1', '0101'), ('disgust2', '0102'), ('anger1', '0401'), ('anger2', '0402'),
    ('happy1', '0502'), ('happy2', '0503'), ('happy3', '0505'), ('happy4', '0507'),
    ('happy5', '0508')])
def test_videos_have_codes_that_are_text(read, video, code):
  assert read(FACTS, line(name=f'{video}_1')).rows[0].video == f'15_{code}'


@pytest.mark.parametrize('cells, reason', [
    ({'participant': 23}, 'not a clip'), ({'name': 'sad1_1'}, 'no known video'),
    ({'kind': ''}, 'neither micro nor macro')])
def test_what_is_unknown_is_listed(read, cells, reason):
  assert reason in read(FACTS, line(**cells)).left_out[0].in_words[1]


def test_offset_0_ends_the_clip_with_its_apex_and_says_so(read):
  (row,) = read(FACTS, line(offset=0)).rows
  assert (row.offset, len(row.notes)) == (572, 1)


def test_apex_0_is_missing(read):
  (row,) = read(FACTS, line(17, 'anger1_1', apex=0)).rows
  assert (row.clip, row.apex) == ('s34/anger1_1', None)


@pytest.mark.parametrize('participant, name, clip', [
    (11, 'disgust1_5', 's27/disgust1_5'), (14, 'happy2_1', 's31/happy2_1'),
    (15, 'anger1_12', 's32/anger1_12')])
def test_an_apex_after_the_offset_is_listed_or_spotted_by_name(
    read, participant, name, clip):
  odd = line(participant, name, 10, 90, 50)
  (left_out,) = read(FACTS, odd).left_out
  assert left_out.clip == clip and 'apex 90' in left_out.in_words[1]
  listing = read(FACTS, odd, corrections=['casme_squared_spotted'])
  assert [(row.clip, row.apex) for row in listing.rows] == [(clip, None)]


def test_the_emotion_is_not_the_self_report(read):
  (row,) = read(FACTS, line(emotion='others', report='happiness')).rows
  assert row.emotion == 'others'


@pytest.mark.parametrize('cell, numbers', [
    ('NULL', []), ('null', []), ('4,7+10', [4, 7, 10]), ('14or23', [14, 23]),
    (12, [12])])
def test_action_units(read, cell, numbers):
  (row,) = read(FACTS, line(units=cell)).rows
  assert [unit.number for unit in row.action_units] == numbers
  assert row.action_units_raw == str(cell)


def test_a_csv_with_further_columns_reads_the_same(tmp_path, read):
  path = tmp_path / 'CAS(ME)^2code_final(Updated).csv'
  path.write_text('1,anger1_2,557,572,608,4+7,negative,macro-expression,anger,x,,y\n')
  (row,) = read_listing(path, FACTS).rows
  assert row._replace(sheet='') == read(FACTS, line()).rows[0]._replace(sheet='')


def test_the_cropped_clips_lie_under_the_bare_number(read):
  (row,) = read(FACTS, line()).rows
  cropped = FACTS.editions[0]
  assert [form.format(**row._asdict()) for form in (cropped.folder,
                                                    *cropped.otherwise)] == [
      's15/15_0401*', 's15/anger1_2', '15/anger1_2']
