"""Faces are found where they are; only where `python -m lightman_jax fetch` was run."""

import cv2
import numpy as np
import pytest

from lightman_jax.faces import detection, landmarks
from lightman_jax.synthetic import scenes

pytestmark = pytest.mark.skipif(
    not detection.has_graphs(), reason='python -m lightman_jax fetch was not run')


@pytest.fixture(scope='module')
def model():
  return detection.load_model()


@pytest.fixture(scope='module')
def clips():
  """Drawn faces that fill the picture, at onset and at apex, with true landmarks."""
  return [scenes.render_scene(scene, frames=(scene.onset, scene.apex), size=128)
          for scene in scenes.plan_scenes(
              seed=5, subjects=4, micro=1, macro=0, fps=100.)]


def error(points, true):
  distance = np.linalg.norm(points - true, axis=-1).mean(-1)
  return distance / landmarks.inter_ocular_distance(true)


def test_every_drawn_face_is_found(model, clips):
  errors = [error(detection.find_face(model, clip.frames[0]), clip.landmarks[0])
            for clip in clips]
  assert np.mean(errors) < .045 and max(errors) < .06


def test_a_small_face_in_a_large_picture(model, clips):
  picture = np.full((480, 640, 3), 90, np.uint8)
  picture[200:328, 260:388] = clips[0].frames[0]
  points = detection.find_face(model, picture)
  assert error(points - (260, 200), clips[0].landmarks[0]) < .06


@pytest.mark.parametrize('degrees', [-30, 30])
def test_a_turned_face(model, clips, degrees):
  for clip in clips:
    matrix = cv2.getRotationMatrix2D((64, 64), degrees, .8)
    picture = cv2.warpAffine(clip.frames[0], matrix, (128, 128))
    true = landmarks.transform_points(clip.landmarks[0], matrix)
    assert error(detection.find_face(model, picture), true) < .06


def test_a_mirrored_face_has_mirrored_landmarks(model, clips):
  picture = np.ascontiguousarray(clips[1].frames[0][:, ::-1])
  points = landmarks.mirror_landmarks(detection.find_face(model, picture), width=127.)
  assert error(points, detection.find_face(model, clips[1].frames[0])) < .03


@pytest.mark.parametrize('shape', [(1, 1), (3, 900), (900, 3), (64, 64)])
def test_where_there_is_no_face(model, shape):
  noise = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
  assert detection.find_face(model, noise) is None
  assert detection.follow_face(model, [noise, noise]) is None


def test_a_clip_is_followed(model, clips):
  for clip in clips:
    points = detection.follow_face(model, clip.frames)
    assert points.shape == (2, 68, 2) and points.dtype == np.float32
    np.testing.assert_array_equal(points[0], detection.find_face(model, clip.frames[0]))
    unit = landmarks.inter_ocular_distance(clip.landmarks[0])
    wrong = np.diff(points - clip.landmarks, axis=0) / unit
    assert np.linalg.norm(wrong, axis=-1).mean() < .015


def test_faces_come_to_lie_on_the_canonical_one(model, clips):
  target = landmarks.canonical_landmarks(64)
  for clip in clips:
    points = detection.find_face(model, clip.frames[0])
    matrix = landmarks.fit_similarity(points, target)
    eyes = landmarks.eye_centres(landmarks.transform_points(clip.landmarks[0], matrix))
    np.testing.assert_allclose(eyes, landmarks.eye_centres(target), atol=2.5)


# What dlib's 68-point predictor says of the photograph, a mean over 30 shifted boxes.
PHOTOGRAPHED = {
    8: (221, 178), 17: (186, 94), 21: (216, 92), 22: (236, 93), 26: (265, 98),
    30: (225, 127), 36: (195, 101), 39: (212, 104), 42: (238, 105), 45: (255, 104),
    48: (200, 139), 51: (223, 141), 54: (246, 141), 57: (222, 156)}


def test_a_photograph(model):
  picture = pytest.importorskip('skimage.data').astronaut()
  points = detection.find_face(model, picture)[list(PHOTOGRAPHED)]
  distance = np.linalg.norm(points - list(PHOTOGRAPHED.values()), axis=-1)
  assert distance.mean() < .03 * 62 and distance.max() < .06 * 62   # between the eyes
  around = [detection.find_face(model, np.ascontiguousarray(picture[top:200, 160:290]))
            for top in (40, 60)]                  # cropped editions: ever tighter
  for face, top in zip(around, (40, 60)):
    moved = face[list(PHOTOGRAPHED)] + (160, top) - points
    assert np.linalg.norm(moved, axis=-1).mean() < .02 * 62
