"""CAS(ME)^3, MMEW and DFME: keys of three parts, mixed rates, folders by emotion."""

import pytest

from lightman_jax.data.datasets import casme_cubed, dfme, mmew
from lightman_jax.data.sheets import read_listing, select_rows

A = ['Subject', 'Filename', 'Onset', 'Apex', 'Offset', 'AU', 'Objective class',
     'emotion']
C = ['sub', 'count', 'onset', 'offset', 'au', 'emotion']
MMEW = ['Subject', 'Filename', 'OnsetFrame', 'ApexFrame', 'OffsetFrame', 'Action Units',
        'Estimated Emotion', 'remarks']
DFME = ['Subject', 'Filename', 'OnsetFrame', 'ApexFrame', 'OffsetFrame', 'Emotion',
        'EmotionId', 'Fps', 'AU']


def a(subject='spNO.1', name='a', onset='355', apex='359', offset='370',
      objective='II', emotion='Surprise'):
  return [subject, name, onset, apex, offset, '1+2', objective, emotion]


def test_a_clip_of_part_a_is_subject_file_and_onset(read):
  rows = read(casme_cubed.PART_A, A, a(), a(onset='400', apex='400', offset='420'),
              a('spNO.10')).rows
  assert [row.clip for row in rows] == [
      'spNO.1/a/355', 'spNO.1/a/400', 'spNO.10/a/355']
  assert rows[1].apex == rows[1].onset == 400
  assert casme_cubed.PART_A.editions[0].folder.format(**rows[0]._asdict()) == (
      'spNO.1/a/color')


def test_file_names_of_part_a_are_in_lower_case_on_disk(read):
  assert read(casme_cubed.PART_A, A, a(name='L')).rows[0].filename == 'l'


@pytest.mark.parametrize('word', ['Others', 'others'])
def test_others_in_any_case(read, word):
  (row,) = read(casme_cubed.PART_A, A, a(emotion=word, objective='VII')).rows
  assert (row.emotion, row.objective) == ('others', 'VII')


@pytest.mark.parametrize('name, frames, word', [
    ('spNO.149/d', (112, 140, 130), 'apex 140'), ('spNO.216/d', (9, 3, 30), 'apex 3'),
    ('spNO.40/e', (1812, 1900, 1850), 'apex 1900')])
def test_order_errors_are_listed(read, name, frames, word):
  listing = read(casme_cubed.PART_A, A, a(*name.split('/'), *map(str, frames)))
  assert listing.rows == () and word in listing.left_out[0].in_words[1]


@pytest.mark.parametrize('cells, frames, notes', [
    (('0', '0', '25'), (0, 0, 25), 0), (('0', '7', '25'), (0, 7, 25), 0),
    (('355', '0', '370'), (355, None, 370), 0),
    (('355', '359', '0'), (355, 359, 359), 1), (('0', '4', '0'), (0, 4, 4), 1)])
def test_onset_0_is_a_frame_and_a_missing_offset_ends_a_clip_at_its_apex(
    read, cells, frames, notes):
  (row,) = read(casme_cubed.PART_A, A, a('spNO.216', 'e', *cells)).rows
  assert (row.onset, row.apex, row.offset) == frames
  assert [str(note) for note in row.notes if 'ends with its apex' in str(note)] == (
      ['the sheet gives no offset: the clip ends with its apex'] * notes)


def test_one_file_may_hold_two_disordered_rows_and_a_good_one(read):
  lines = [a('spNO.40', 'e', *frames) for frames in (
      ('1812', '1900', '1850'), ('2327', '2400', '2350'), ('5', '7', '9'))]
  assert len(read(casme_cubed.PART_A, A, *lines).rows) == 1
  listing = read(casme_cubed.PART_A, A, *lines, corrections=['casme_cubed_spotted'])
  assert [row.apex for row in listing.rows] == [None, None, 7]
  assert sum('not applied' not in str(line) for line in listing.corrected) == 2


def test_negative_of_part_a_is_four_emotions(read):
  emotions = ('Disgust', 'fear', 'anger', 'sad', 'happy', 'Surprise', 'Others')
  rows = read(casme_cubed.PART_A, A, *(
      a(name=name, emotion=word) for name, word in zip('abcdefg', emotions))).rows
  kept, _ = select_rows(rows, casme_cubed.PART_A.class_sets['casme_cubed_4'])
  assert [label for _, label in kept] == [0, 0, 0, 0, 1, 2, 3]


def test_part_c_gives_an_apex_where_its_sheet_has_the_column(read):
  rows = read(casme_cubed.PART_C, [*C[:3], 'apex', *C[3:]],
              [4, 1, 20, 25, 31, '4+7', 'negative'],
              [4, 2, 90, 0, 99, 12, 'positive']).rows
  assert [row.apex for row in rows] == [25, None]
  assert casme_cubed.PART_C.editions[0].folder.format(**rows[0]._asdict()) == (
      '4/1/color')


def test_part_c_has_no_apex(read):
  rows = read(casme_cubed.PART_C, C, [4, 1, 20, 31, '4+7', 'negative'],
              [4, 2, 90, 99, 12, 'positive']).rows
  assert [(row.clip, row.apex) for row in rows] == [('4/1/20', None), ('4/2/90', None)]


def test_frames_of_mmew_lie_under_the_emotion(read):
  (row,) = read(mmew.FACTS, MMEW, [
      'S01', 'S01-07-001', 1, 7, 21, '4+7', 'Anger', 'x']).rows
  assert (row.clip, row.subject) == ('S01/S01-07-001', 'S01')
  assert mmew.FACTS.editions[0].folder.format(**row._asdict()) == 'anger/S01-07-001'


@pytest.mark.parametrize('word', ['../..', '/etc', 'a/b', '..'])
def test_an_emotion_that_is_a_path_never_becomes_a_folder(read, word):
  listing = read(mmew.FACTS, MMEW, ['S01', 'S01-07-001', 1, 7, 21, '', word, ''])
  assert listing.rows == () and 'folder' in listing.left_out[0].in_words[1]


def test_a_file_of_mmew_names_its_person(read):
  listing = read(mmew.FACTS, MMEW, ['S02', 'S01-07-001', 1, 7, 21, '', 'anger', ''])
  assert 'belongs to subject 01' in listing.left_out[0].in_words[1]


def test_dfme_has_a_rate_for_each_clip_and_scattered_subjects(read):
  def line(subject, name, fps):
    return [subject, name, 10, 20, 30, 'Happiness', 4, fps, '12']
  rows = read(dfme.FACTS, DFME, line('sub0003', 'sub0003_01', 200),
              line('sub0001', 'sub0001_01', '500'), line('sub0003', 'sub0003_02', 300),
              line('sub0003', 'sub0003_03', '?')).rows
  assert [(row.subject, row.fps) for row in rows] == [
      ('sub0003', 200), ('sub0001', 500), ('sub0003', 300), ('sub0003', 0)]
  assert "frame rate reads '?'" in str(rows[3].notes[0])


def test_the_three_parts_of_dfme_are_one_edition(tmp_path):
  paths = []
  for number, stem in enumerate(dfme.FACTS.sheets[0].stems):
    path = tmp_path / f'{stem}.csv'
    name = f'sub000{number}'
    path.write_text(','.join(DFME) + f'\n{name},{name}_01,1,2,3,fear,1,200,4\n')
    paths.append(path)
  assert len(read_listing(paths, dfme.FACTS).rows) == 3


@pytest.mark.parametrize('cell, units, words', [
    ('9R+AD32', [(9, 'R', '')], ["'9R+AD32'", "'AD32' is not an action unit"]),
    ('M61', [], ["'M61' is not an action unit"]),
    ('7(B/C)', [(7, '', 'B')], ['7(B/C) is read as 7B'])])
def test_what_is_no_action_unit_is_noted_of_the_row(read, cell, units, words):
  (row,) = read(casme_cubed.PART_A, A, [*a()[:5], cell, *a()[6:]]).rows
  assert list(row.action_units) == units
  assert all(word in str(row.notes[0]) for word in words), row.notes


def test_sides_behind_the_number_lose_nothing_and_need_no_note(read):
  (row,) = read(casme_cubed.PART_A, A, [*a()[:5], '6L+9R+17', *a()[6:]]).rows
  assert list(row.action_units) == [(6, 'L', ''), (9, 'R', ''), (17, '', '')]
  assert row.notes == ()
