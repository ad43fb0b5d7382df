"""Anyone's own clips: folders, videos and pictures, and what can be wrong with them."""

import cv2
import numpy as np
from PIL import Image
import pytest

from lightman_jax.data.load import load
from lightman_jax.errors import InputError

HEADER = 'clip,subject,label,path'
TIMED = HEADER + ',onset,apex,offset'


def shade(value, size=(12, 10)):
  return Image.new('RGB', size, (value, 0, 255 - value))


@pytest.fixture
def place(tmp_path):
  """Two folders of frames 1 to 9 whose red is ten times the frame's number."""
  for name in ('one', 'two'):
    (tmp_path / 'in' / name).mkdir(parents=True)
    for number in range(1, 10):
      shade(10 * number).save(tmp_path / 'in' / name / f'f{number}.png')
  return tmp_path


def run(place, *lines, frames=3, size=8, **settings):
  (place / 'in' / 'm.csv').write_text('\n'.join(lines) + '\n')
  said = []
  return load({'name': 'manifest', 'path': str(place / 'in/m.csv'), 'frames': frames,
               'size': size, 'data_dir': str(place / 'home'), **settings},
              say=said.append), said


def reds(clips):
  return clips.frames[:][..., 0].mean((2, 3)).tolist()


def test_folders_of_frames(place):
  clips, said = run(place, TIMED, 'b,s2,sad,two,2,3,8', 'a,s1,joy,one,1,7,9')
  assert clips.clip == ('a', 'b') and clips.classes == ('joy', 'sad')
  assert reds(clips) == [[10, 70, 90], [20, 30, 80]]
  assert clips.label.tolist() == [0, 1] and not said


def test_without_an_apex_the_middle_stands_in_and_is_said(place):
  clips, said = run(place, HEADER, 'a,s1,joy,one', 'b,s2,sad,two')
  assert reds(clips) == [[10, 50, 90]] * 2
  assert '2 clips have no apex' in said[0] and '2 clips' in clips.info['notes'][0]


def test_pictures_as_they_are_and_brought_to_a_size(place):
  rng = np.random.default_rng(0)
  stored = rng.integers(0, 256, (2, 28, 28, 3), np.uint8)
  for index, picture in enumerate(stored):
    Image.fromarray(picture).save(place / 'in' / f'{index}.png')
  lines = [HEADER, 'a,s1,joy,0.png', f'b,s2,sad,{place}/in/1.png']
  clips, _ = run(place, *lines, frames=1, size=0)
  np.testing.assert_array_equal(clips.frames[:][:, 0], stored)
  assert run(place, *lines, frames=1, size=14)[0].frames.shape == (2, 1, 14, 14, 3)


def test_a_video(place):
  for name, more in (('a', 0), ('b', 1)):       # two people's videos are two
    writer = cv2.VideoWriter(
        str(place / f'in/{name}.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 25., (32, 24))
    for number in range(9):
      writer.write(np.full((24, 32, 3), 20 * number + more, np.uint8))
    writer.release()
  with pytest.raises(InputError, match='a.avi holds no frame 9: it has 9, '):
    run(place, TIMED, 'a,s1,joy,a.avi,0,2,9', 'b,s2,sad,b.avi,,4,')
  clips, _ = run(place, TIMED, 'a,s1,joy,a.avi,0,2,8', 'b,s2,sad,b.avi,,4,')
  assert np.abs(np.array(reds(clips)) - [[0, 40, 160], [0, 80, 160]]).max() < 4


def test_macro_clips_may_bear_other_labels_or_none(place):
  clips, _ = run(
      place, TIMED + ',kind,dataset', 'a,s1,joy,one,1,2,3,,', 'b,s2,sad,two,1,2,3,,',
      'c,s1,joy,one,1,5,9,macro,mine', 'd,s2,fury,two,1,5,9,macro,',
      'e,s2,,two,1,5,9,macro,')
  assert clips.classes == ('joy', 'sad')
  assert clips.label.tolist() == [0, 1, 0, -1, -1]
  assert clips.macro.tolist() == [False, False, True, True, True]
  assert clips.info['without_class'] == 2


def test_a_pool_of_macro_clips_alone_has_classes_of_its_own(place):
  clips, _ = run(place, TIMED + ',kind', 'a,s1,joy,one,1,2,3,macro',
                 'b,s2,sad,two,1,2,3,macro')
  assert clips.classes == ('joy', 'sad') and clips.macro.all()


def test_a_changed_row_is_seen(place):
  lines = [TIMED, 'a,s1,joy,one,1,7,9', 'b,s2,sad,two,2,3,8']
  before, _ = run(place, *lines)
  after, said = run(place, *lines[:2], 'b,s2,sad,two,2,4,8')
  assert 'built again' in said[0]
  assert before.info['sha256'] != after.info['sha256']
  (place / 'in' / 'm.csv').unlink()
  again = load({'name': 'manifest', 'path': str(place / 'in/m.csv'), 'frames': 3,
                'size': 8, 'data_dir': str(place / 'home')}, say=said.append)
  assert again.info == after.info
  assert 'm.csv' in said[-1] and 'earlier build' in said[-1]


def test_columns_that_are_not_used_are_said_and_recorded(place):
  clips, said = run(place, TIMED + ',mood', 'a,s1,joy,one,1,7,9,x',
                    'b,s2,sad,two,2,3,8,')
  assert "not used: 'mood'" in said[0] and "'mood'" in clips.info['notes'][0]


def test_frames_of_one_person_are_nobody_elses_wherever_a_clip_begins(place):
  rng = np.random.default_rng(0)
  for folder in 'ab':
    (place / 'in' / folder).mkdir()
  for number in range(1, 7):
    picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
    for folder, shift in (('a', 0), ('b', 40)):
      Image.fromarray(picture).save(place / f'in/{folder}/img{number + shift}.png')
  rows = ('clip,subject,label,path,onset,apex,offset', 'one,s,joy,a,1,2,3',
          'two,t,sad,b,43,45,46')
  with pytest.raises(InputError, match=r"'one' of 's' and 'two' of 't' have the "
                     r"content of 'img3\.png' in common.*\.repeated_clips="):
    run(place, *rows)
  meant = run(place, *rows, repeated_clips='one,two')[0].info['meant']
  assert any("the content of 'img3.png'" in line for line in meant)
  run(place, rows[0], rows[1], 'two,t,sad,b,44,45,46')


@pytest.fixture
def noisy(place):
  """Pictures a to d of their own, and a copy of the first under another name."""
  rng = np.random.default_rng(0)
  for name in 'abcd':
    picture = rng.integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(picture).save(place / f'in/{name}.png')
  (place / 'in/copy.png').write_bytes((place / 'in/a.png').read_bytes())
  (place / 'in/link.png').symlink_to('a.png')
  return place


NEAR = {
    'people': ['a,s0,joy,a.png', 'b,S0,sad,b.png'],
    'zeros': ['a,sub01,joy,a.png', 'b,1,sad,b.png', 'c,1.0,sad,c.png'],
    'labels': ['a,s,joy,a.png', 'b,t,Joy,b.png', 'c,t,sad,c.png'],
    'one path': ['a,s,joy,a.png', 'b,t,sad,a.png'],
    'a link': ['a,s,joy,a.png', 'b,t,sad,link.png'],
    'one content': ['a,s,joy,a.png', 'b,t,sad,copy.png'],
}


@pytest.mark.parametrize('case, words, settings', [
    ('people', ["'S0' and 's0' look like one person"], {'different_people': 's0,S0'}),
    ('zeros', ["'1' and '1.0' and 'sub01'"], {'different_people': 'all'}),
    ('labels', ["'Joy' and 'joy' look like one class"],
     {'different_labels': 'joy,Joy'}),
    ('one path', ["'a' of 's' and 'b' of 't'", "'a.png'"], {'repeated_clips': 'a,b'}),
    ('a link', ["'a' of 's' and 'b' of 't'", "'a.png'"], {'repeated_clips': 'all'}),
    ('one content', ["'a' of 's' and 'b' of 't'", 'the frames'],
     {'repeated_clips': 'a,b'})])
def test_what_looks_like_a_mistake_is_refused_unless_a_setting_says_it_is_none(
    noisy, case, words, settings):
  with pytest.raises(InputError) as caught:
    run(noisy, HEADER, *NEAR[case], frames=1)
  message, (name,) = str(caught.value), settings
  assert '\n' not in message and f'--config.data.{name}=' in message
  assert all(word in message for word in ('m.csv', *words)), message
  clips, said = run(noisy, HEADER, *NEAR[case], frames=1, **settings)
  assert len(clips.clip) == len(NEAR[case])
  assert clips.info['meant'] and all(f'data.{name}' in line and str(noisy) not in line
                                     for line in clips.info['meant'])
  assert said[-1].endswith(clips.info['meant'][-1])
  # What was built under that setting is not used without it.
  (noisy / 'in/m.csv').unlink()
  with pytest.raises(InputError, match=name):
    load({'name': 'manifest', 'path': str(noisy / 'in/m.csv'), 'frames': 1, 'size': 8,
          'data_dir': str(noisy / 'home')})


def test_one_person_may_have_a_clip_twice_and_pictures_of_one_colour_show_nobody(noisy):
  run(noisy, HEADER, 'a,s,joy,a.png', 'b,s,joy,copy.png', 'c,t,sad,b.png', frames=1)
  for name in ('black', 'dark'):
    shade(0).save(noisy / f'in/{name}.png')
  run(noisy, HEADER, 'a,s,joy,black.png', 'b,t,sad,dark.png', frames=1)


def test_the_column_dataset_tells_people_apart(noisy):
  clips, _ = run(noisy, HEADER + ',dataset', 'a,1,joy,a.png,smic', 'b,1,sad,b.png,Mine',
                 'c,1,sad,c.png,CASME II', 'd,2,joy,d.png,Mine', frames=1)
  assert clips.subject == ('smic/1', 'Mine/1', 'casme2/1', 'Mine/2')
  assert clips.dataset == ('smic', 'Mine', 'casme2', 'Mine')


def test_another_data_set_of_the_same_rows_is_another_content(noisy):
  rows = [HEADER + ',dataset', 'a,1,joy,a.png,mine', 'b,2,sad,b.png,mine']
  one = run(noisy, *rows, frames=1)[0]
  other = run(noisy, *(row.replace('mine', 'smic') for row in rows), frames=1)[0]
  assert one.subject == other.subject == ('1', '2')
  assert one.info['sha256'] != other.info['sha256']


def broken_picture(place):
  path = place / 'in/one/f7.png'
  path.write_bytes(path.read_bytes()[:50])


def no_picture(place):
  (place / 'in/one/f7.png').write_bytes(b'hello')


def empty_folder(place):
  (place / 'in/empty').mkdir()


def other_size(place):
  shade(70, (5, 5)).save(place / 'in/one/f7.png')


def text_file(place):
  (place / 'in/notes.txt').touch()


@pytest.mark.parametrize('prepare, row, words', [
    (None, 'a,s1,joy,one,1,7,12', ['row 2', "'a'", 'frame 12 is not in', '1 to 9']),
    (None, 'a,s1,joy,gone,1,7,9', ['row 2', "'a'", 'gone is not there']),
    (None, 'a,s1,joy,one,1,12,', ['row 2', 'apex 12 is not between', '1 to 9']),
    (None, 'a,s1,joy,one/f1.png,1,1,1', ['row 2', 'f1.png is one picture', '3']),
    (broken_picture, 'a,s1,joy,one,1,7,9', ["'a'", 'f7.png cannot be decoded']),
    (no_picture, 'a,s1,joy,one,1,7,9', ['row 2', 'f7.png cannot be read']),
    (empty_folder, 'a,s1,joy,empty,1,7,9', ['row 2', 'empty holds no picture']),
    (other_size, 'a,s1,joy,one,1,7,9', ['row 2', 'differ in size']),
    (text_file, 'a,s1,joy,notes.txt,1,7,9', ['row 2', 'notes.txt is neither']),
    (None, 'a,s2,joy,one,1,7,9', ['one subject only', "'s2'"]),
])
def test_bad_input_is_one_sentence_and_nothing_is_built(place, prepare, row, words):
  if prepare:
    prepare(place)
  with pytest.raises(InputError) as caught:
    run(place, TIMED, row, 'b,s2,sad,two,2,3,8')
  message = str(caught.value)
  assert 'm.csv' in message or 'subject' in message
  assert '\n' not in message and all(word in message for word in words), message
  assert not list(place.glob('home/**/1.0.0'))


def test_pictures_of_different_sizes_cannot_stay_as_they_are(place):
  shade(1, (28, 28)).save(place / 'in/a.png')
  shade(2, (28, 30)).save(place / 'in/b.png')
  lines = [HEADER, 'a,s1,joy,a.png', 'b,s2,sad,b.png']
  with pytest.raises(InputError, match=r"row 3 .*28 x 30 pixels.*row 2 28 x 28"):
    run(place, *lines, frames=1, size=0)
  assert run(place, *lines, frames=1, size=28)[0].frames.shape == (2, 1, 28, 28, 3)


def test_groups_of_people_reach_the_clips_and_are_one_a_person(place):
  lines = [HEADER + ',group_sex,group_age', 'a,s1,joy,one,f,21', 'b,s2,sad,two,m,']
  clips, said = run(place, *lines)
  groups = {'sex': {'a': 'f', 'b': 'm'}, 'age': {'a': '21'}}
  assert clips.info['groups'] == groups and not any('group' in line for line in said)
  # The files are gone, and the build is used as it is: it says them, too.
  (place / 'in' / 'm.csv').rename(place / 'away.csv')
  again = load({'name': 'manifest', 'path': str(place / 'in/m.csv'), 'frames': 3,
                'size': 8, 'data_dir': str(place / 'home')}, say=said.append)
  assert again.info['groups'] == groups
  with pytest.raises(InputError, match="row 4 .*'s1' has group_sex 'm' here and 'f' in "
                                       'row 2; a person is in one group'):
    run(place, *lines[:2], lines[2], 'c,s1,joy,one,m,21')


UNITS = HEADER + ',Action Units'


def test_units_are_read_as_those_of_sheets_are(place):
  clips, said = run(place, UNITS, 'a,s1,joy,one,4+L10/12B', 'b,s2,sad,two,?',
                    'c,s2,sad,two,')
  assert clips.action_units == ('4+L10/12B', '', '')
  assert not any('unit' in line for line in said)


@pytest.mark.parametrize('cell, word', [
    ('smile', 'smile'), ('12, smile', 'smile'), ('no AU4', 'no'), ('AU4=0', 'AU4=0'),
    ('4:0,12:1', '4:0'), ('2012-04-12', '2012-04-12'), ('1.5', '1.5'), ('-4', '-4'),
    ('0', '0'), ('12 B', 'B'), ('100', '100')])
def test_what_is_no_unit_is_refused(place, cell, word):
  with pytest.raises(InputError, match=f"row 2 .*'{word}' is no action unit; write"):
    run(place, UNITS, f'a,s1,joy,one,"{cell}"', 'b,s2,sad,two,')


def test_a_column_that_may_be_of_units_is_named(place):
  _, said = run(place, HEADER + ',AU', 'a,s1,joy,one,4', 'b,s2,sad,two,')
  assert any("if 'AU' is its action_units, rename it to 'action_units'" in line
             for line in said)


PAIRS = HEADER + ',neutral'


@pytest.fixture
def stills(place):
  """Pictures of two people: 10 and 20 are neutral, 60 and 90 are not."""
  for value in (10, 20, 60, 90):
    shade(value).save(place / 'in' / f'{value}.png')
  return place


def test_a_neutral_picture_and_another_are_a_clip(stills):
  clips, said = run(stills, PAIRS, 'a,s1,joy,60.png,10.png', 'b,s2,sad,90.png,20.png',
                    'c,s1,sad,10.png,10.png', frames=5)
  assert reds(clips) == [[10, 60, 60, 60, 60], [20, 90, 90, 90, 90], [10] * 5]
  assert not said and clips.label.tolist() == [0, 1, 1]


def test_pairs_and_folders_are_of_one_manifest(stills):
  clips, _ = run(stills, TIMED + ',neutral', 'a,s1,joy,60.png,,,,10.png',
                 'b,s2,sad,two,1,5,9,')
  assert reds(clips) == [[10, 60, 60], [10, 50, 90]]


@pytest.mark.parametrize('row, frames, message', [
    ('a,s1,joy,60.png,gone.png', 3, 'gone.png is not there'),
    ('a,s1,joy,one,10.png', 3, 'one is no picture, and a neutral picture goes with'),
    ('a,s1,joy,60.png,10.png', 1, 'data.frames=1 takes one: set it to 3'),
    ('a,s1,joy,60.png,90.png', 3, "file or folder '90.png'"),
    ('a,s1,joy,wide.png,10.png', 3, '10.png and .*wide.png differ in size')])
def test_what_is_no_pair_is_refused(stills, row, frames, message):
  shade(60, (20, 10)).save(stills / 'in' / 'wide.png')
  with pytest.raises(InputError, match=message):
    run(stills, PAIRS, row, 'b,s2,sad,90.png,20.png', frames=frames)


def test_two_pictures_have_no_frame_numbers(stills):
  with pytest.raises(InputError, match='two pictures have no onset, apex or offset'):
    run(stills, TIMED + ',neutral', 'a,s1,joy,60.png,1,2,3,10.png')
