"""Faces are aligned by the onset's landmarks, apexes are found, and both are said."""

import numpy as np
from PIL import Image
import pytest

from lightman_jax.data import frames, pixels, user_tables
from lightman_jax.data.load import load
from lightman_jax.data.rows import Row
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError, Unreadable
from lightman_jax.faces import landmarks
from lightman_jax.synthetic.replicas.write import write_replica

FACE = frames.Face('anywhere')


def bright(picture):
  """A face model for pictures whose face is their one bright square, side 40."""
  rows, columns = np.nonzero(picture[..., 0] > 100)
  if not len(rows):
    return None
  return landmarks.mean_face() * 40 + (columns.min(), rows.min()) - .5


@pytest.fixture
def model(monkeypatch):
  monkeypatch.setattr(frames.detection, 'load_model', lambda folder: folder)
  monkeypatch.setattr(frames.detection, 'find_face', lambda model, picture:
                      bright(picture))

  def follow(model, pictures):
    points = [bright(picture) for picture in pictures]
    return None if points[0] is None else np.stack(points)
  monkeypatch.setattr(frames.detection, 'follow_face', follow)
  monkeypatch.setattr(frames.detection, 'locate_graphs', lambda folder='': {})
  monkeypatch.setattr(frames.detection, 'has_graphs', lambda folder='': True)


def save(folder, corners, size=(120, 100)):
  paths = []
  for number, (x, y) in enumerate(corners):
    picture = np.zeros((*size, 3), np.uint8)
    picture[y:y + 40, x:x + 40] = 200
    paths.append(str(folder / f'{number}.png'))
    Image.fromarray(picture).save(paths[-1])
  return tuple(paths)


def test_a_raw_clip_is_placed_by_its_onset_and_keeps_its_motion(model, tmp_path):
  paths = save(tmp_path, [(10, 20), (14, 20), (10, 20)])
  made = pixels.read_pixels(paths, size=20, crop=True, face=FACE)
  assert made.frames[0].min() > 150          # the face fills the frame
  want = landmarks.canonical_landmarks(20)
  np.testing.assert_allclose(made.landmarks[0], want, atol=.05)
  # Four pixels of 40 are two of 20, and they stay.
  np.testing.assert_allclose(made.landmarks[1] - made.landmarks[0],
                             np.tile([2., 0.], (68, 1)), atol=.05)
  assert made.frames[1][:, 0].max() < 60 and not made.faceless


def test_a_cropped_clip_is_used_whole_and_its_landmarks_are_scaled(model, tmp_path):
  paths = save(tmp_path, [(10, 20)] * 3, size=(80, 80))
  made = pixels.read_pixels(paths, size=40, crop=False, face=FACE)
  bright_pixels = np.argwhere(made.frames[0][..., 0] > 100)
  np.testing.assert_allclose(bright_pixels.min(0), [10, 5])
  np.testing.assert_allclose(made.landmarks[0, :, 0].min(),
                             5 - .5 + 20 * landmarks.mean_face()[:, 0].min(), atol=.01)


def test_without_a_face_a_raw_clip_is_refused_and_a_cropped_one_is_noted(
    model, tmp_path):
  paths = save(tmp_path, [(10, 20)] * 3)
  Image.new('RGB', (100, 120)).save(paths[0])
  with pytest.raises(Unreadable, match='no face is found'):
    pixels.read_pixels(paths, size=16, crop=True, face=FACE)
  made = pixels.read_pixels(paths, size=16, crop=False, face=FACE)
  assert np.isnan(made.landmarks).all() and made.faceless
  plain = pixels.read_pixels(paths, size=16, crop=True)
  assert np.isnan(plain.landmarks).all() and not plain.faceless


def test_landmarks_change_the_configuration_and_are_stored(model, tmp_path):
  write_replica('casme2', tmp_path / 'm', per_class=1, frames=3, size=(32, 39))
  settings = {'name': 'casme2', 'frames': 3, 'size': 16, 'data_dir': str(tmp_path),
              'manual_dir': str(tmp_path / 'm')}
  with_points = load(settings, say=print)
  without = load({**settings, 'landmarks': 'none'}, say=print)
  assert isinstance(with_points, ClipSet)
  assert '-points-' in with_points.info['config']
  assert '-points-' not in without.info['config']
  assert not np.isnan(with_points.landmarks).any()
  np.testing.assert_array_equal(with_points.frames, without.frames)


def test_the_model_is_asked_for_by_name():
  assert frames.find_face_model('none') is None
  assert frames.find_face_model('auto') is None
  with pytest.raises(InputError, match='python -m lightman_jax fetch'):
    frames.find_face_model('model')


def test_a_spotted_apex_does_not_depend_on_what_is_stored(tmp_path):
  rng = np.random.default_rng(0)
  ground = rng.integers(0, 256, (24, 24, 3), np.uint8).repeat(4, 0).repeat(4, 1)
  files = []
  for number, shift in enumerate([0, 1, 2, 4, 2, 1, 0]):
    picture = ground.copy()
    picture[50:80, 30:60] = np.roll(ground, shift, 1)[50:80, 30:60]
    files.append((10 + number, str(tmp_path / f'{10 + number}.png')))
    Image.fromarray(picture).save(files[-1][1])
  clips = [pixels.spot_and_read(tuple(files), frames=t, size=size, crop=False,
                                face=None)
           for t, size in ((3, 16), (3, 96), (1, 32), (5, 8))]
  assert [made.numbers for made in clips] == [
      (10, 13, 16), (10, 13, 16), (13,), (10, 12, 13, 15, 16)]
  assert {made.apex_source for made in clips} == {'spotted'}


def test_only_pictures_are_decoded_whatever_a_name_says(tmp_path):
  picture = Image.new('RGB', (8, 8))
  picture.save(tmp_path / 'a1.jpg', format='TGA')
  (tmp_path / 'a2.jpg').write_bytes(
      b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n')
  for name in ('a1.jpg', 'a2.jpg'):
    with pytest.raises(Unreadable, match=name):
      frames.read_picture(tmp_path / name)


def row(clip, apex=None):
  return Row(clip, 's1', 'smic', 'positive', 'micro', 10, apex, 20, 100.,
             filename=clip.split('/')[1])


def test_a_table_of_apexes_fills_in_what_the_sheet_lacks(tmp_path):
  path = tmp_path / 'apex.csv'
  path.write_text('clip,apex\na/one,12\ntwo,99\nfour,11\n')
  rows, left_out = user_tables.apexes_by_clip(
      tuple(map(row, ('a/one', 'a/two', 'a/three', 'a/four'))) + (row('a/five', 15),),
      str(path))
  assert {row.clip: row.apex for row in rows} == {
      'a/one': 12, 'a/four': 11, 'a/five': 15}
  assert user_tables.GIVEN in rows[0].notes and not rows[2].notes
  reasons = dict(entry.in_words for entry in left_out)
  assert 'apex 99 is not between' in reasons['a/two']
  assert 'neither the sheet nor apex.csv' in reasons['a/three']
  assert user_tables.apexes_by_clip((row('a/one'),), 'spotted') == ((row('a/one'),), ())


@pytest.mark.parametrize('lines, words', [
    ('clip,apex\none,x\n', "row 2: clip 'one', apex 'x'"),
    ('clip,apex\none,1\none,2\n', 'row 3: one has two apexes'), ('a,b\n1,2\n', 'clip')])
def test_a_wrong_table_of_apexes_is_one_sentence(tmp_path, lines, words):
  path = tmp_path / 'apex.csv'
  path.write_text(lines)
  with pytest.raises(InputError, match=words):
    user_tables.apexes_by_clip((row('a/one'),), str(path))
  with pytest.raises(InputError, match='is not there'):
    user_tables.apexes_by_clip((row('a/one'),), str(tmp_path / 'no.csv'))
