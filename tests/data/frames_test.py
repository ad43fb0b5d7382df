"""Frames are found by number, decoded whole or not at all, and brought to one size."""

import os
import struct

import cv2
import numpy as np
from PIL import Image
import pytest

from lightman_jax.data import frames
from lightman_jax.errors import Unreadable

RED = np.zeros((6, 4, 3), np.uint8) + np.array([250, 10, 20], np.uint8)


def save(path, picture=RED):
  Image.fromarray(picture).save(path)
  return path


@pytest.mark.parametrize('names', [
    ['img46.png', 'img100.png', 'img9.png'],
    ['reg_img9.png', 'reg_img46.png', 'reg_img100.png'],
    ['006_05562.png', '006_0180.png', '006_00046.png'],
    ['EP01_12-73.png', 'EP01_12-100.png', 'EP01_12-009.png']])
def test_frames_are_sorted_as_integers(tmp_path, names):
  for name in names:
    save(tmp_path / name)
  (tmp_path / 'Thumbs1.db').touch()
  (tmp_path / '._img46.png').touch()
  (tmp_path / 'cover.png').touch()
  save(tmp_path / f'img{"9" * 40}.png')
  pictures = frames.pictures_by_number(tmp_path)
  assert list(pictures) == sorted(pictures) and len(pictures) == 3
  assert all(int(entry.name.split('.')[0][-len(str(number)):]) == number
             for number, entry in pictures.items())


def test_two_pictures_with_one_number_are_refused(tmp_path):
  save(tmp_path / 'img46.png')
  save(tmp_path / 'img046.png')
  with pytest.raises(Unreadable, match='both frame 46'):
    frames.pictures_by_number(tmp_path)


def test_what_is_no_file_is_no_picture(tmp_path):
  save(tmp_path / 'img1.png')
  (tmp_path / 'img2.png').mkdir()
  os.mkfifo(tmp_path / 'img3.png')      # reading from it would never end
  (tmp_path / 'img4.png').symlink_to(tmp_path / 'img4.png')
  (tmp_path / 'img5.png').symlink_to(tmp_path / 'nowhere.png')
  assert list(frames.pictures_by_number(tmp_path)) == [1]


@pytest.mark.parametrize('ending', ['png', 'bmp', 'tif'])
def test_colours_are_red_green_blue(tmp_path, ending):
  path = save(tmp_path / f'a1.{ending}')
  np.testing.assert_array_equal(frames.read_picture(path), RED)
  assert frames.check_picture(path) == (6, 4)


@pytest.mark.parametrize('stored', [
    np.arange(24, dtype=np.uint8).reshape(6, 4),
    (np.arange(24, dtype=np.uint16) * 257).reshape(6, 4)])
def test_grey_is_repeated(tmp_path, stored):
  path = save(tmp_path / 'a1.png', stored)
  expected = np.arange(24).reshape(6, 4, 1).repeat(3, axis=2)
  np.testing.assert_array_equal(frames.read_picture(path), expected)


@pytest.mark.parametrize('ending', ['jpg', 'png'])
def test_a_picture_that_is_cut_short_is_refused(tmp_path, ending):
  rng = np.random.default_rng(0)
  path = save(tmp_path / f'a1.{ending}', rng.integers(0, 256, (64, 64, 3), np.uint8))
  path.write_bytes(path.read_bytes()[:-1500])
  with pytest.raises(Unreadable, match='a1'):
    frames.read_picture(path)


def test_what_is_no_picture_is_refused(tmp_path):
  (tmp_path / 'a1.jpg').write_bytes(b'not a picture')
  with pytest.raises(Unreadable, match='a1.jpg'):
    frames.check_picture(tmp_path / 'a1.jpg')


@pytest.mark.parametrize('name, mode, others, words', [
    ('x.gif', 'L', {'save_all': True, 'append_images': [Image.new('L', (4, 6), 9)]},
     'holds 2 pictures'),
    ('x.tiff', 'F', {}, 'numbers of 32 bits'),
    ('x.tiff', 'I', {}, 'numbers of 32 bits'),
    ('x.png', 'RGBA', {}, 'transparent in places'),
    ('x.png', 'LA', {}, 'transparent in places'),
    ('x.png', 'P', {'transparency': 0}, 'transparent in places')])
def test_a_picture_whose_colours_are_not_known_is_refused(tmp_path, name, mode, others,
                                                          words):
  Image.new(mode, (4, 6), 0).save(tmp_path / name, **others)
  with pytest.raises(Unreadable, match=f'{name} .*{words}'):
    frames.read_picture(tmp_path / name)


def test_an_alpha_channel_that_hides_nothing_is_left_out(tmp_path):
  Image.new('RGBA', (4, 6), (1, 2, 3, 255)).save(tmp_path / 'x.png')
  assert (frames.read_picture(tmp_path / 'x.png') == (1, 2, 3)).all()


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path):
  Image.new('1', (12_000, 9_000)).save(tmp_path / 'a1.png')
  with pytest.raises(Unreadable, match='12000 x 9000'):
    frames.read_picture(tmp_path / 'a1.png')


def test_fit_leaves_the_right_size_alone_and_keeps_the_mean():
  picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
  assert frames.fit_picture(picture, 32, crop=False) is picture
  assert frames.fit_picture(picture, 0, crop=False) is picture
  small = frames.fit_picture(picture, 8, crop=False)
  blocks = picture.reshape(8, 4, 8, 4, 3).mean((1, 3))
  assert np.abs(small - blocks).max() <= 1
  assert frames.fit_picture(picture, 64, crop=False).shape == (64, 64, 3)


def test_crop_takes_the_middle_square_and_whole_takes_all():
  picture = np.zeros((8, 16, 3), np.uint8)
  picture[:, 4:12] = 200
  assert frames.fit_picture(picture, 8, crop=True).min() == 200
  assert frames.fit_picture(picture, 8, crop=False)[:, 0].max() == 0


@pytest.fixture
def video(tmp_path):
  path = tmp_path / 'v.avi'
  writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 25., (32, 24))
  assert writer.isOpened()
  for number in range(7):
    picture = np.zeros((24, 32, 3), np.uint8)
    picture[..., 2] = 30 * number   # red, in OpenCV's order
    writer.write(picture)
  writer.release()
  return path


def test_a_videos_frames_are_counted_from_zero(video):
  assert frames.video_length(video) == 7
  shown = [frame[..., 0].mean() for frame in frames.read_video(video, (0, 3, 3, 6))]
  np.testing.assert_allclose(shown, [0, 90, 90, 180], atol=4)


def test_a_video_that_ends_early_is_refused(video, tmp_path):
  with pytest.raises(Unreadable, match='no frame 7'):
    frames.read_video(video, (0, 7))
  (tmp_path / 'x.avi').write_bytes(b'nothing')
  with pytest.raises(Unreadable, match='x.avi'):
    frames.video_length(tmp_path / 'x.avi')


def lay_on_its_side(path):
  """Notes in an MP4, as a phone does, that its pictures are to be turned by 90°."""
  content = bytearray(path.read_bytes())
  place = content.index(b'tkhd') + 4 + 40       # of the matrix in a header of version 0
  turn = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
  content[place:place + 36] = struct.pack('>9i', *turn)
  path.write_bytes(content)


@pytest.mark.parametrize('default', [0, 1])
def test_a_video_of_a_phone_stands_upright(tmp_path, monkeypatch, default):
  path = tmp_path / 'a.mp4'
  writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 25., (64, 32))
  picture = np.zeros((32, 64, 3), np.uint8)
  picture[:, :16] = 250                         # what is left in the file is above
  for _ in range(3):
    writer.write(picture)
  writer.release()
  lay_on_its_side(path)
  opened = cv2.VideoCapture

  def other_version(*arguments):
    capture = opened(*arguments)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, default)
    return capture
  monkeypatch.setattr(frames.cv2, 'VideoCapture', other_version)
  (picture,) = frames.read_video(path, (1,))
  assert picture.shape == (64, 32, 3)
  assert picture[:12].mean() > 200 and picture[20:].mean() < 50
