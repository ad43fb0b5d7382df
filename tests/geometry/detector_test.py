"""Faces are found where they are; only where `python -m lightman_jax fetch` was run."""

import numpy as np
import pytest

from lightman_jax.clips.faces import scenes
from lightman_jax.geometry import alignment, detector, graphs, landmarks

pytestmark = pytest.mark.skipif(
    not graphs.present(), reason='python -m lightman_jax fetch was not run')


@pytest.fixture(scope='module')
def model():
  return detector.load()


@pytest.fixture(scope='module')
def clips():
  """Drawn faces that fill the picture, at onset and at apex, with true landmarks."""
  return [scenes.render(scene, frames=(scene.onset, scene.apex), size=128)
          for scene in scenes.plan(seed=5, subjects=4, micro=1, macro=0, fps=100.)]


def error(found, true):
  distance = np.linalg.norm(found - true, axis=-1).mean(-1)
  return distance / landmarks.inter_ocular_distance(true)


def test_every_drawn_face_is_found(model, clips):
  errors = [error(detector.find_face(model, clip.frames[0]), clip.landmarks[0])
            for clip in clips]
  assert np.mean(errors) < .045 and max(errors) < .06


def test_a_small_face_in_a_large_picture(model, clips):
  picture = np.full((480, 640, 3), 90, np.uint8)
  picture[200:328, 260:388] = clips[0].frames[0]
  found = detector.find_face(model, picture)
  assert error(found - (260, 200), clips[0].landmarks[0]) < .06


@pytest.mark.parametrize('turns', [1, 2, 3])
def test_a_turned_face_keeps_its_names(model, clips, turns):
  upright = detector.find_face(model, clips[0].frames[0])
  turned = detector.find_face(
      model, np.ascontiguousarray(np.rot90(clips[0].frames[0], turns)))
  back = turned
  for _ in range(turns):
    back = np.stack([127 - back[:, 1], back[:, 0]], -1)
  assert error(back, upright) < .05


def test_a_mirrored_face_has_mirrored_landmarks(model, clips):
  picture = np.ascontiguousarray(clips[1].frames[0][:, ::-1])
  found = landmarks.mirrored(detector.find_face(model, picture), width=127)
  assert error(found, detector.find_face(model, clips[1].frames[0])) < .03


@pytest.mark.parametrize('shape', [(1, 1), (3, 900), (900, 3), (64, 64)])
def test_where_there_is_no_face(model, shape):
  noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
  assert detector.find_face(model, noise) is None
  assert detector.follow(model, [noise, noise]) is None


def test_a_clip_is_followed(model, clips):
  for clip in clips:
    found = detector.follow(model, clip.frames)
    assert found.shape == (2, 68, 2) and found.dtype == np.float32
    np.testing.assert_array_equal(found[0], detector.find_face(model, clip.frames[0]))
    unit = landmarks.inter_ocular_distance(clip.landmarks[0])
    wrong = np.diff(found - clip.landmarks, axis=0) / unit
    assert np.linalg.norm(wrong, axis=-1).mean() < .015


def test_faces_come_to_lie_on_the_canonical_one(model, clips):
  target = alignment.canonical(64)
  for clip in clips:
    matrix = alignment.similarity(detector.find_face(model, clip.frames[0]), target)
    eyes = landmarks.eye_centres(alignment.transform(clip.landmarks[0], matrix))
    np.testing.assert_allclose(eyes, landmarks.eye_centres(target), atol=2.5)
