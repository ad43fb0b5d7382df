import numpy as np
import pytest

from lightman_jax.faces import landmarks


def test_components_are_a_partition():
  every = sorted(i for part in landmarks.COMPONENTS.values() for i in part)
  assert every == list(range(landmarks.COUNT))


def test_mirror_is_an_involution_that_keeps_components():
  assert (landmarks.MIRROR[landmarks.MIRROR] == np.arange(landmarks.COUNT)).all()
  for part in landmarks.COMPONENTS.values():
    assert sorted(landmarks.MIRROR[list(part)]) == sorted(part)


@pytest.mark.parametrize(('left', 'right'), [
    (36, 45), (39, 42), (48, 54), (0, 16), (17, 26), (59, 55), (67, 65), (8, 8)])
def test_mirror_names_the_known_pairs(left, right):
  assert landmarks.MIRROR[left] == right


def test_mean_face_is_symmetric_and_upright():
  face = landmarks.mean_face()
  mirrored = landmarks.mirror_landmarks(face, width=1.)
  np.testing.assert_allclose(mirrored, face, atol=1e-12)
  assert ((face > 0.) & (face < 1.)).all()
  middle = {name: face[list(part), 1].mean()
            for name, part in landmarks.COMPONENTS.items()}
  assert middle['brows'] < middle['eyes'] < middle['nose'] < middle['mouth']
  assert face[8, 1] == face[:, 1].max()


def test_mirroring_twice_changes_nothing():
  points = np.random.default_rng(0).uniform(0., 63., (3, 68, 2))
  twice = landmarks.mirror_landmarks(
      landmarks.mirror_landmarks(points, width=63.), width=63.)
  np.testing.assert_allclose(twice, points)


def test_eye_measures():
  face = landmarks.mean_face()
  left, right = landmarks.eye_centres(face)
  assert left[0] < .5 < right[0]
  assert landmarks.inter_ocular_distance(face) == pytest.approx(.552)
  assert landmarks.inter_ocular_distance(np.stack([face, 2. * face])).shape == (2,)
