"""Pictures, videos and built data sets that somebody prepared cost one sentence."""

import json
import os
import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest

from lightman_jax.data import frames, trees
from lightman_jax.data.store import read_data_set
from lightman_jax.errors import InputError, Unreadable


def chunk(name, content):
  return (struct.pack('>I', len(content)) + name + content
          + struct.pack('>I', zlib.crc32(name + content)))


def png(width, height, rows=1000):
  """A small file that unpacks to the first rows of a large picture."""
  return (b'\x89PNG\r\n\x1a\n'
          + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
          + chunk(b'IDAT', zlib.compress(bytes((3 * width + 1) * rows), 9))
          + chunk(b'IEND', b''))


def bmp(width, height):
  return (b'BM' + struct.pack('<IHHI', 60, 0, 0, 54)
          + struct.pack('<IiiHHIIiiII', 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0))


def webp(width, height):
  head = bytes([2, 0, 0, 0]) + b''.join(
      (side - 1).to_bytes(3, 'little') for side in (width, height))
  body = b'WEBPVP8X' + struct.pack('<I', len(head)) + head + b'ANIM' + struct.pack(
      '<I', 6) + bytes(6)
  return b'RIFF' + struct.pack('<I', len(body)) + body


BOMBS = {'a.png': png(60_000, 60_000), 'b.png': png(9_000, 9_000), 'c.bmp': bmp(
    60_000, 60_000), 'd.bmp': bmp(2**31 - 1, 1), 'e.webp': webp(16_383, 16_383),
         'f.webp': webp(9_000, 9_000)}


def test_pictures_larger_than_any_are_not_decoded(tmp_path):
  """In a process that may take little memory, every bomb is refused by its name."""
  for name, content in BOMBS.items():
    (tmp_path / name).write_bytes(content)
  program = (
      'import resource, sys\nfrom lightman_jax.data import frames\n'
      'from lightman_jax.errors import Unreadable\n'
      'now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()\n'
      'most = now + 100 * 2**20\n'
      'resource.setrlimit(resource.RLIMIT_AS, (most, most))\n'
      'for path in sys.argv[1:]:\n'
      '  for look in (frames.check_picture, frames.read_picture):\n'
      '    try:\n      look(path)\n'
      '    except Unreadable as error:\n      print(error)\n')
  done = subprocess.run(
      [sys.executable, '-c', program, *(tmp_path / name for name in BOMBS)],
      capture_output=True, text=True, check=True)
  lines = done.stdout.splitlines()
  assert len(lines) == 2 * len(BOMBS), done.stdout
  for name, pair in zip(BOMBS, zip(lines[::2], lines[1::2])):
    assert all(str(tmp_path / name) in line for line in pair)
    assert not any('emory' in line for line in pair)
  assert sum('million are not decoded' in line for line in lines) >= 2


def test_what_is_no_file_is_not_waited_for(tmp_path):
  os.mkfifo(tmp_path / 'pipe.png')
  (tmp_path / 'endless.png').symlink_to('/dev/zero')
  for name in ('pipe.png', 'endless.png'):
    with pytest.raises(Unreadable, match=f'{name} is not a file'):
      frames.read_picture(tmp_path / name)


@pytest.fixture
def secret(tmp_path):
  path = tmp_path / 'secret.avi'
  writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 25., (32, 24))
  for number in range(3):
    writer.write(np.full((24, 32, 3), 80 * number, np.uint8))
  writer.release()
  assert frames.video_length(path) == 3
  return path


PLAYLISTS = {
    'concat': 'ffconcat version 1.0\nfile secret.avi\n',
    'hls': '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.avi\n#EXT-X-ENDLIST\n',
    'address': '#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.avi\n#EXT-X-ENDLIST\n',
    'sdp': 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\n'}


@pytest.mark.parametrize('name', PLAYLISTS)
@pytest.mark.parametrize('ending', sorted(trees.VIDEOS))
def test_a_playlist_in_a_videos_name_opens_no_other_file(name, ending, secret):
  path = secret.parent / f'trap{ending}'
  path.write_text(PLAYLISTS[name])
  with pytest.raises(Unreadable, match='begins as no AVI'):
    frames.video_length(path)


def test_a_videos_name_is_no_address(secret, monkeypatch):
  monkeypatch.chdir(secret.parent)
  os.rename('secret.avi', 'concat:other.avi|x.avi')
  assert frames.video_length('concat:other.avi|x.avi') == 3


# The names by which TFDS would import a module of somebody's.
NAMES = ({'pythonClassName': 'trap.Feature'}, {'python_class_name': 'trap.Feature'},
         {'type': 'trap.Feature', 'content': {}},
         {'pythonClassName': 'tensorflow_datasets.core.features.text_feature.Text',
          'jsonFeature': {'json': '{"type": "trap.Feature", "content": {}}'}})


@pytest.mark.parametrize('feature', NAMES)
def test_a_data_set_imports_nothing(feature, tmp_path, monkeypatch):
  (tmp_path / 'trap.py').write_text('import os\nos.mkdir("sprung")\n')
  (tmp_path / 'features.json').write_text(json.dumps({'featuresDict': {'features': {
      'a': feature}}, 'pythonClassName':
      'tensorflow_datasets.core.features.features_dict.FeaturesDict'}))
  (tmp_path / 'dataset_info.json').write_text('{"name": "x", "version": "1.0.0"}')
  monkeypatch.chdir(tmp_path)
  monkeypatch.syspath_prepend(tmp_path)
  with pytest.raises(InputError, match='nothing of it is loaded'):
    read_data_set(tmp_path)
  assert not (tmp_path / 'sprung').exists()


@pytest.mark.parametrize('content', ['[' * 100_000, '', '{', None])
def test_a_data_sets_broken_description_is_one_sentence(content, tmp_path):
  if content is not None:
    (tmp_path / 'features.json').write_text(content)
  with pytest.raises(InputError, match='features.json cannot be read'):
    read_data_set(tmp_path)
