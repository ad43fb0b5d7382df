"""Times, numbers and rotation of frames, and what is said of a video."""

import builtins
import os
import pathlib
import struct
import sys
import tracemalloc

import numpy as np
from PIL import Image
import pytest

from lightman_jax.data import frames as pictures
from lightman_jax.errors import InputError
from lightman_jax.video import reading
from tests.video.conftest import textured, write_video


def rows(path, **options):
  with reading.open_video(path, **options) as video:
    return list(video), video.facts


def numbered(count, **shape):
  """Frame n is grey of brightness 5 n, so that each frame knows its number."""
  height, width = shape.get('height', 64), shape.get('width', 96)
  return [np.full((height, width, 3), 5 * n, np.uint8) for n in range(count)]


@pytest.mark.parametrize('name, codec', [('a.mp4', 'libx264'), ('a.mkv', 'libx264'),
                                         ('a.webm', 'libvpx-vp9'), ('a.avi', 'mjpeg')])
def test_times_are_those_of_the_stamps(tmp_path, name, codec):
  times = np.cumsum([0, *([50, 20] * 20)])[:40]
  pix_fmt = 'yuvj420p' if codec == 'mjpeg' else 'yuv420p'
  path = write_video(tmp_path / name, numbered(40), times=times, codec=codec,
                     pix_fmt=pix_fmt)
  frames, facts = rows(path)
  np.testing.assert_allclose([f.time for f in frames], times / 1000, atol=1e-6)
  assert [f.number for f in frames] == list(range(40))
  assert [round(f.picture.mean() / 5) for f in frames] == list(range(40))
  assert not any(f.gap for f in frames)
  assert facts.rate == pytest.approx(39 / (times[-1] / 1000))


def test_start_within_h264_gives_the_rows_of_the_whole(tmp_path):
  path = write_video(tmp_path / 'a.mp4', textured(60, noise=3.), g='25', bf='3')
  whole, _ = rows(path)
  part, facts = rows(path, start=.9, end=1.7)
  same = [f for f in whole if .9 <= f.time < 1.7]
  assert [f._replace(picture=None) for f in part] == [
      f._replace(picture=None) for f in same]
  assert all(np.array_equal(a.picture, b.picture) for a, b in zip(part, same))
  assert len(part) == 20 and part[0].number == 23 and not facts.finished
  few, facts = rows(path, start=.9, end=1.7, numbers={3, 25, 30, 50})
  assert [f.number for f in few] == [25, 30] and facts.decoded == 43
  assert few[1].time == part[7].time
  np.testing.assert_array_equal(few[1].picture, part[7].picture)
  with pytest.raises(InputError, match='holds no frame from 9 s on: it ends at 2.360'):
    rows(path, start=9.)
  with pytest.raises(InputError, match='nothing lies between'):
    rows(path, start=2., end=1.)


def test_frames_that_do_not_decode_are_stated_and_are_no_rows(tmp_path):
  path = write_video(tmp_path / 'a.mp4', textured(60, noise=20.))
  content = path.read_bytes()
  path.write_bytes(content[:len(content) * 2 // 3])
  frames, facts = rows(path)
  assert 5 < len(frames) < 60
  assert [f.number for f in frames] == list(range(len(frames)))
  assert f'the header states 60 frames; {len(frames)} decode' in facts.remarks


TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def turn_on_display(path: pathlib.Path, degrees: int) -> None:
  """Writes the matrix of an MP4 that has players turn it clockwise."""
  content = bytearray(path.read_bytes())
  at = content.index(b'tkhd') + 4 + 40
  a, b, c, d = TURNS[degrees]
  struct.pack_into('>9i', content, at, a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0,
                   1 << 30)
  path.write_bytes(content)


@pytest.mark.parametrize('degrees', TURNS)
def test_a_phone_on_its_side_is_shown_upright(tmp_path, degrees):
  upright = list(textured(4, height=96, width=128))
  stored = [np.rot90(picture, degrees // 90) for picture in upright]
  path = write_video(tmp_path / 'a.mp4', stored, crf=4)
  turn_on_display(path, degrees)
  frames, facts = rows(path)
  assert facts.rotation % 360 == -degrees % 360
  assert (facts.height, facts.width) == (96, 128)
  for frame, picture in zip(frames, upright):
    assert np.abs(frame.picture.astype(int) - picture).mean() < 6


def test_av1_is_read(tmp_path):
  path = write_video(tmp_path / 'a.mp4', textured(8, height=128, width=128),
                     codec='libsvtav1', preset='12')
  frames, facts = rows(path)
  assert len(frames) == 8 and facts.codec == 'av1'


def test_an_unknown_codec_is_named_with_the_line_that_converts_it(tmp_path):
  path = write_video(tmp_path / 'a.mp4', numbered(4))
  path.write_bytes(path.read_bytes().replace(b'avc1', b'zz9q'))
  with pytest.raises(InputError) as error:
    rows(path)
  assert 'is of the codec zz9q' in str(error.value)
  assert 'ffmpeg -i "a.mp4" -an -c:v libx264' in str(error.value)


@pytest.mark.parametrize('crf, noise', [(12, 2.), (23, 2.), (12, 0.)])
def test_copies_are_told_where_25_frames_a_second_became_30(tmp_path, crf, noise):
  new = list(textured(150, noise=noise))
  source = [i - (i + 1) // 6 for i in range(180)]
  path = write_video(tmp_path / 'a.mp4', [new[n] for n in source], rate=30, crf=crf)
  frames, facts = rows(path)
  copies = np.array([False, *(np.diff(source) == 0)])
  repeated = np.array([f.repeated for f in frames])
  settled = slice(reading._WINDOW + reading._LONGEST, None)
  assert (repeated == copies)[settled].mean() > .97
  if crf == 12:
    assert facts.new_rate == pytest.approx(25, abs=.8)
    assert any('new frames a second' in remark for remark in facts.remarks)


def test_a_still_picture_with_noise_and_moving_frames_hold_no_copies(tmp_path):
  rng = np.random.default_rng(0)
  still = next(textured(1))
  noisy = [np.clip(still + rng.normal(0, 4, still.shape), 0, 255).astype(np.uint8)
           for _ in range(90)]
  for name, frames in (('a.mp4', noisy), ('b.mp4', [still] * 90),
                       ('c.mp4', list(textured(90, noise=2.)))):
    _, facts = rows(write_video(tmp_path / name, frames, rate=30, crf=16))
    assert facts.repeated == 0 and facts.remarks == []


def test_lost_frames_are_a_gap(tmp_path):
  times = np.arange(40) * 33
  times[20:] += 300
  path = write_video(tmp_path / 'a.mp4', numbered(40), times=times)
  frames, facts = rows(path)
  assert [f.number for f in frames if f.gap] == [20]
  assert facts.gaps == [(pytest.approx(.627), pytest.approx(.96))]
  assert facts.rate == pytest.approx(1000 / 33, rel=.01)
  assert facts.remarks == ['frames are lost in 1 place (0.627 to 0.960 s)']


@pytest.mark.parametrize('rate', [1, 15, 25, 240])
def test_any_steady_rate_has_no_gap(tmp_path, rate):
  frames, facts = rows(write_video(tmp_path / 'a.mp4', numbered(12), rate=rate))
  assert not any(f.gap for f in frames)
  assert facts.rate == pytest.approx(rate, rel=.01)


def test_what_is_no_video_is_a_sentence(tmp_path):
  (tmp_path / 'empty.mp4').write_bytes(b'')
  (tmp_path / 'text.mp4').write_text('not a video')
  (tmp_path / 'list.mp4').write_text('#EXTM3U\nhttp://example.com/a.ts\n')
  (tmp_path / 'head.mp4').write_bytes(b'\0\0\0\x18ftypisom' + bytes(60))
  (tmp_path / 'folder').mkdir()
  for name, words in (('empty.mp4', '0 bytes'), ('text.mp4', 'begins as no'),
                      ('list.mp4', 'begins as no'), ('head.mp4', 'cannot be read'),
                      ('gone.mp4', 'is not there'),
                      ('folder', 'no picture with a number')):
    with pytest.raises(InputError, match=words):
      rows(tmp_path / name)
  (tmp_path / 'folder' / '1.png').write_bytes(b'')
  with pytest.raises(InputError, match='--fps'):
    rows(tmp_path / 'folder')


def test_a_video_of_no_frames_is_a_sentence(tmp_path):
  path = write_video(tmp_path / 'a.mp4', numbered(1))
  content = path.read_bytes()
  at = content.rindex(b'mdat')
  path.write_bytes(content[:at + 8] + bytes(len(content) - at - 8))
  with pytest.raises(InputError, match='holds no frame that decodes .codec h264.: '
                                       'convert it: ffmpeg'):
    rows(path)


def test_grey_and_ten_bits_are_pictures_of_three_colours(tmp_path):
  for name, codec, pix_fmt in (('a.mkv', 'ffv1', 'gray'),
                               ('b.mp4', 'libx264', 'yuv420p10le')):
    path = write_video(tmp_path / name, numbered(5), codec=codec, pix_fmt=pix_fmt)
    frames, _ = rows(path)
    assert [round(f.picture.mean() / 5) for f in frames] == list(range(5))
    assert frames[0].picture.shape == (64, 96, 3)


@pytest.mark.slow
def test_8k_is_read(tmp_path):
  picture = np.zeros((4320, 7680, 3), np.uint8)
  picture[1000:2000] = 200
  path = write_video(tmp_path / 'a.mp4', [picture] * 3, preset='ultrafast')
  frames, _ = rows(path)
  assert len(frames) == 3 and frames[2].picture.shape == picture.shape


def test_more_pixels_than_are_decoded_are_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(pictures, 'MOST_PIXELS', 5000)
  with pytest.raises(InputError, match='96 x 64 pixels'):
    rows(write_video(tmp_path / 'a.mp4', numbered(2)))


def test_a_folder_has_the_times_of_its_numbers(tmp_path):
  for number in (1, 2, 3, 4, 5, 6, 7, 8, 40, 41):
    Image.fromarray(np.full((20, 30, 3), number, np.uint8)).save(
        tmp_path / f'img{number}.png')
  (tmp_path / 'img42.png').write_bytes(b'broken')
  frames, facts = rows(tmp_path, fps=100.)
  assert [f.number for f in frames] == list(range(10))
  np.testing.assert_allclose([f.time for f in frames], [
      0, .01, .02, .03, .04, .05, .06, .07, .39, .40])
  assert [f.number for f in frames if f.gap] == [8]
  assert 'frame 0 is img1.png' in facts.remarks
  assert any('1 packet does not decode' in r for r in facts.remarks)


def test_slow_motion_has_the_rate_that_is_given(tmp_path):
  frames, facts = rows(write_video(tmp_path / 'a.mp4', numbered(10), rate=25), fps=200.)
  np.testing.assert_allclose([f.time for f in frames], np.arange(10) / 200)
  assert any('as given, and not the time stamps' in r for r in facts.remarks)


def test_opencv_reads_where_pyav_is_not_installed(tmp_path, monkeypatch):
  path = write_video(tmp_path / 'a.mp4', numbered(12), rate=25)
  import_module = builtins.__import__

  def without_av(name, *rest, **options):
    if name == 'av':
      raise ImportError(name)
    return import_module(name, *rest, **options)
  monkeypatch.delitem(sys.modules, 'av')
  monkeypatch.setattr(builtins, '__import__', without_av)
  frames, facts = rows(path)
  np.testing.assert_allclose([f.time for f in frames], np.arange(12) / 25, atol=2e-3)
  assert [round(f.picture.mean() / 5) for f in frames] == list(range(12))
  assert any('PyAV is not installed' in remark for remark in facts.remarks)


def test_memory_does_not_grow_with_the_length(tmp_path):
  path = write_video(tmp_path / 'a.mp4', [next(textured(1))] * 2000, rate=200,
                     preset='ultrafast')
  tracemalloc.start()
  peaks = []
  with reading.open_video(path) as video:
    for frame in video:
      if frame.number in (200, 1999):
        peaks.append(tracemalloc.get_traced_memory()[1])
  tracemalloc.stop()
  assert peaks[1] < peaks[0] + 500_000 and frame.number == 1999


def test_reading_needs_no_data_set_library(tmp_path):
  import subprocess
  program = ('import sys; from lightman_jax.video import reading; '
             'assert not {"jax", "tensorflow_datasets", "array_record"} & '
             'set(sys.modules)')
  subprocess.run([sys.executable, '-c', program], check=True,
                 cwd=pathlib.Path(reading.__file__).parents[2], env=dict(os.environ))


