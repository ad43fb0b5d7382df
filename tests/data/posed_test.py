"""Posed expressions in pixels: stills that are aligned each by itself, and CK+."""

import cv2
import numpy as np
from PIL import Image
import pytest

from lightman_jax.data import frames as placement, planning
from lightman_jax.data.choice import choose
from lightman_jax.data.load import load
from lightman_jax.data.people import family, match_people
from lightman_jax.errors import InputError, Reason
from lightman_jax.faces import landmarks
from lightman_jax.inputs import inputs, macros
from lightman_jax.synthetic.replicas.write import write_replica

SIZE = 64


def drawn(points):
  """A picture of 100 pixels with a bright spot at each landmark."""
  picture = np.zeros((100, 100, 3), np.uint8)
  for x, y in points:
    cv2.circle(picture, (round(x * 8), round(y * 8)), 12, (255, 255, 255), -1,
               cv2.LINE_AA, 3)
  return picture


def test_each_still_is_placed_by_its_own_face():
  """Two pictures of one face, of which the second is larger and elsewhere."""
  face = landmarks.mean_face()
  first, second = 40 * face + 5, 55 * face + (30, 20)
  pictures = [drawn(first), drawn(second)]
  known = placement.KnownLandmarks({'a': first.astype(np.float32),
                                    'b': second.astype(np.float32)})
  options = dict(size=SIZE, crop=True, face=known, paths=['a', 'b'])
  frames, points = placement.place_clip(pictures, each=True, **options)
  np.testing.assert_allclose(points[0], points[1], atol=1e-3)
  np.testing.assert_allclose(points[0], landmarks.canonical_landmarks(SIZE), atol=1e-3)
  # As frames of one film the second would be where its head is.
  other, followed = placement.place_clip(pictures, **options)
  assert np.abs(followed[1] - followed[0]).max() > 10
  alike = [np.corrcoef(*pair[..., 0].reshape(2, -1))[0, 1] for pair in (frames, other)]
  assert alike[0] > alike[1] + .2


@pytest.fixture(scope='module')
def home(tmp_path_factory):
  """A small replica of CK+, beside which those of others come to lie."""
  place = tmp_path_factory.mktemp('posed')
  write_replica('ck_plus', place / 'ck_plus', per_class=2, frames=3, size=(84, 64))
  return place


def settings(home, name, **others):
  return {'name': name, 'manual_dir': str(home), 'data_dir': str(home / 'built'),
          'frames': 3, 'size': 32, **others}


@pytest.mark.parametrize('name', ['ck_plus', 'jaffe', 'yale'])
def test_they_are_a_data_set_in_their_own_right(home, name):
  if name != 'ck_plus':
    write_replica(name, home / name, per_class=3, size=(64, 64))
  clips = load(settings(home, name, class_set=f'{name}_3'), say=lambda line: None)
  assert clips.macro.all() and set(clips.datasets) == {name}
  # The neutral picture or frame is another than the apex, which is the last, too.
  assert all((clip[0] != clip[1]).any() for clip in clips.frames)
  np.testing.assert_array_equal(clips.frames[:][:, 1], clips.frames[:][:, 2])
  pool = macros.make_pool(clips, inputs.Settings('flow', 'apex', size=8), source='own',
                          make=lambda some: inputs.make_inputs(
                              some, inputs.Settings('flow', 'apex', size=8)))
  assert not pool.macro.any() and (pool.label >= 0).all()
  assert len(pool.x) == (clips.label >= 0).sum() > 6
  assert set(pool.label.tolist()) == {0, 1, 2}


def test_ck_plus_is_aligned_by_its_own_landmarks(home):
  clips = load(settings(home, 'ck_plus'), say=lambda line: None)
  want = landmarks.canonical_landmarks(32)
  np.testing.assert_allclose(clips.landmarks[0][0], want, atol=.02)
  units = dict(zip(clips.clip, clips.action_units))
  assert all(units.values())


def test_landmarks_that_are_not_there_cost_the_clip(home):
  plan = planning.plan_data_set(choose(settings(home, 'ck_plus')))
  clip = plan.items[0].row.clip
  file = sorted((home / 'ck_plus' / 'Landmarks' / clip).glob('*'))[0]
  text = file.read_text()
  file.write_text(text.partition('\n')[0])
  try:
    lost, = planning.plan_data_set(choose(settings(home, 'ck_plus'))).left_out
  finally:
    file.write_text(text)
  assert lost.clip == clip and lost.cause.reason is Reason.BESIDE
  assert 'does not hold 68 points' in str(lost.cause)


def test_a_pair_without_a_neutral_picture_is_left_out(home, tmp_path):
  Image.new('RGB', (20, 20)).save(tmp_path / 'KA.HA1.1.tiff')
  Image.new('RGB', (20, 20)).save(tmp_path / 'KL.NE1.2.tiff')
  lost, = planning.plan_data_set(choose(settings(tmp_path, 'jaffe'))).left_out
  assert lost.cause.reason is Reason.NO_NEUTRAL and 'KA' in str(lost.cause)


def test_a_folder_that_is_no_set_of_stills_is_none(tmp_path):
  Image.new('RGB', (20, 20)).save(tmp_path / 'holiday.tiff')
  with pytest.raises(InputError, match='JAFFE: no frames'):
    planning.plan_data_set(choose(settings(tmp_path, 'jaffe')))


@pytest.mark.parametrize('name', ['CK+', 'ck plus', 'CK+48', 'Cohn-Kanade',
                                  'extended Cohn-Kanade'])
def test_people_of_ck_plus_are_the_same_however_it_is_written(name):
  assert family(name) == 'ck_plus'
  assert match_people([(name, 'S010')], [('ck_plus', 'S010'), ('ck_plus', 'S011'),
                                         ('jaffe', 'S010')]) == ['S010', '', '']
