"""The table from the mesh to the 68 landmarks."""

import numpy as np

from lightman_jax.faces import landmarks


def test_every_landmark_has_points_of_the_mesh():
  assert sorted(landmarks.TABLE) == list(range(landmarks.COUNT))
  assert all(1 <= len(points) <= 2 and max(points) < landmarks.POINTS
             for points in landmarks.TABLE.values())


def test_no_two_landmarks_are_the_same_points():
  assert len(set(landmarks.TABLE.values())) == landmarks.COUNT


def test_a_landmark_is_the_middle_of_its_points():
  points = np.random.default_rng(0).normal(size=(3, 468, 2))
  marks = landmarks.landmarks_of(points)
  assert marks.shape == (3, 68, 2)
  for index, of in landmarks.TABLE.items():
    np.testing.assert_allclose(marks[:, index], points[:, list(of)].mean(1))


def test_mirrored_landmarks_have_as_many_points():
  for index, points in landmarks.TABLE.items():
    assert len(points) == len(landmarks.TABLE[int(landmarks.MIRROR[index])])
