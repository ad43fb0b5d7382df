"""Anyone's own clips: folders, videos and pictures, and what can be wrong with them."""

import cv2
import numpy as np
from PIL import Image
import pytest

from lightman_jax.clips.load import load
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


def run(place, *lines, frames=3, size=8):
  (place / 'in' / 'm.csv').write_text('\n'.join(lines) + '\n')
  said = []
  return load({'name': 'manifest', 'path': str(place / 'in/m.csv'), 'frames': frames,
               'size': size, 'data_dir': str(place / 'home')}, say=said.append), said


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
  for name in ('a', 'b'):
    writer = cv2.VideoWriter(
        str(place / f'in/{name}.avi'), cv2.VideoWriter_fourcc(*'MJPG'), 25., (32, 24))
    for number in range(9):
      writer.write(np.full((24, 32, 3), 20 * number, np.uint8))
    writer.release()
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
