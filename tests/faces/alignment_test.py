"""Similarity transforms against known ones, and where warped pixels land."""

import cv2
import numpy as np
import pytest

from lightman_jax.faces import landmarks


def moved(points, *, angle, scale, shift):
  cos, sin = scale * np.cos(angle), scale * np.sin(angle)
  return points @ np.array([[cos, -sin], [sin, cos]]).T + shift


@pytest.mark.parametrize('angle, scale, shift', [
    (0., 1., (0., 0.)), (.4, 2.5, (30., -7.)), (-3., .2, (-100., 40.))])
def test_a_known_transform_is_undone(angle, scale, shift):
  target = landmarks.canonical_landmarks(64)
  face = moved(target, angle=angle, scale=scale, shift=shift)
  matrix = landmarks.fit_similarity(face, target)
  np.testing.assert_allclose(
      landmarks.transform_points(face, matrix), target, atol=1e-9)


def test_an_expression_does_not_turn_the_head():
  target = landmarks.canonical_landmarks(64)
  smiling = target.copy()
  smiling[list(landmarks.OUTER_LIPS)] += (3., -4.)
  smiling[list(landmarks.LEFT_BROW)] -= (0., 5.)
  np.testing.assert_allclose(landmarks.fit_similarity(smiling, target),
                             [[1, 0, 0], [0, 1, 0]], atol=1e-12)


def test_it_never_mirrors():
  target = landmarks.canonical_landmarks(64)
  face = target * (-1., 1.)           # the same outline without a change of names
  assert np.linalg.det(landmarks.fit_similarity(face, target)[:, :2]) >= 0


def test_least_squares():
  rng = np.random.default_rng(0)
  target = landmarks.canonical_landmarks(64)
  face = target + rng.normal(0., 2., target.shape)
  stable = list(landmarks.STABLE)
  cost = lambda m: np.sum((face[stable] @ m[:, :2].T + m[:, 2] - target[stable])**2)
  best = landmarks.fit_similarity(face, target)
  # Similarities are (a, -b, x), (b, a, y): none of the neighbours is better.
  for a, b, x, y in rng.normal(0., .01, (50, 4)):
    assert cost(best) <= cost(best + np.array([[a, -b, x], [b, a, y]]))


@pytest.mark.parametrize('face', [np.zeros((68, 2)), np.full((68, 2), np.nan)])
def test_no_face_has_no_size(face):
  with pytest.raises(ValueError, match='no size'):
    landmarks.fit_similarity(face, landmarks.canonical_landmarks(64))


@pytest.mark.parametrize('scale', [.13, .5, 1., 1.7])
def test_pixels_land_where_points_do(scale):
  """A bright spot is found, after the warp, where `transform` says it lies."""
  spot = np.array([[97., 71.]])
  y, x = np.mgrid[:150, :200]
  sigma = 2. / min(scale, 1.)
  bump = 255 * np.exp(-((x - 97)**2 + (y - 71)**2) / (2 * sigma**2))
  frames = np.repeat(bump.astype(np.uint8)[None, :, :, None], 3, -1)
  turn = moved(np.eye(2), angle=.3, scale=scale, shift=0.).T
  matrix = np.c_[turn, np.array([20., 18.]) - turn @ spot[0]]
  warped = landmarks.warp_frames(frames, matrix, 40)
  assert warped.shape == (1, 40, 40, 3) and warped.dtype == np.uint8
  weight = warped[0, ..., 0].astype(float)
  rows, columns = np.mgrid[:40, :40]
  centre = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
  want = landmarks.transform_points(spot, matrix)[0]
  np.testing.assert_allclose(centre, want, atol=.06)


def test_shrinking_averages():
  """Stripes of a pixel become grey; a plain warp would alias them into wide ones."""
  frame = np.zeros((1, 256, 256, 1), np.uint8)
  frame[:, :, ::2] = 255
  matrix = np.array([[.26, 0, 0], [0, .26, 0]])
  ours = landmarks.warp_frames(frame, matrix, 64).astype(float)
  naive = cv2.warpAffine(frame[0], matrix, (64, 64)).astype(float)
  assert ours[0, 4:-4, 4:-4].std() < .4 * naive[4:-4, 4:-4].std()


def test_all_frames_go_one_way():
  frame = np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)
  warped = landmarks.warp_frames(np.stack([frame] * 3), np.eye(3)[:2] * .8, 32)
  assert (warped == warped[:1]).all()
