"""Spotted apexes against those of drawn faces, whose apex is known."""

import numpy as np
import pytest

from lightman_jax.faces import apex, landmarks
from lightman_jax.synthetic import scenes


@pytest.fixture(scope='module')
def clips():
  plan = scenes.plan_scenes(seed=11, subjects=3, micro=3, macro=0, fps=60.,
                            difficulty=scenes.Difficulty(head=2., blink=1.))
  drawn = []
  for scene in plan:
    numbers = tuple(range(scene.onset, scene.offset + 1))
    drawn.append((scene, scenes.render_scene(scene, frames=numbers, size=128)))
  return drawn


def errors(clips, *, known):
  return [abs(apex.spot_apex(clip.frames, clip.landmarks[0] if known else None)
              - (scene.apex - scene.onset)) / (scene.offset - scene.onset)
          for scene, clip in clips]


def test_apexes_are_found_though_heads_move_and_eyes_blink(clips):
  middle = np.mean([abs(.5 - (s.apex - s.onset) / (s.offset - s.onset))
                    for s, _ in clips])
  error = np.mean(errors(clips, known=True))
  assert error < .05 and error < .5 * middle


def test_landmarks_help(clips):
  assert np.mean(errors(clips, known=True)) < np.mean(errors(clips, known=False))


def test_a_head_that_only_moves_has_not_moved(textured_face):
  """Shift, turn and scale are the head's: what is left is a fraction of a pixel."""
  matrices = [np.array([[1, -.02 * t, t], [.02 * t, 1, -.5 * t]]) for t in range(4)]
  frames = np.concatenate([landmarks.warp_frames(textured_face[None], m, 96)
                           for m in matrices])
  points = landmarks.canonical_landmarks(96)
  moved = apex.measure_motion(frames, points)
  assert moved[0] == 0 and moved.max() < .25


@pytest.fixture
def textured_face():
  rng = np.random.default_rng(0)
  rough = rng.integers(0, 255, (24, 24, 3), np.uint8)
  return rough.repeat(4, 0).repeat(4, 1)


@pytest.mark.parametrize('length', [1, 2, 3, 60])
def test_a_still_clip_peaks_at_its_onset(length):
  frames = np.full((length, 32, 32, 3), 80, np.uint8)
  assert apex.spot_apex(frames) == 0
  assert apex.spot_apex(frames, landmarks.canonical_landmarks(32)) == 0


def test_landmarks_outside_of_the_picture_are_not_relied_on():
  features, skin = apex.find_regions(landmarks.canonical_landmarks(32) + 500, (32, 32))
  assert features.all() and skin.all()


def test_eyes_do_not_count():
  points = landmarks.canonical_landmarks(128)
  features, skin = apex.find_regions(points, (128, 128))
  for index in (37, 41, 43, 47):
    x, y = np.round(points[index]).astype(int)
    assert not features[y, x] and not skin[y, x]
  for index in (19, 24, 33, 48, 57):
    x, y = np.round(points[index]).astype(int)
    assert features[y, x]


def test_smoothing_keeps_length_and_level():
  values = np.random.default_rng(0).normal(size=60)
  assert apex.smooth(values).shape == values.shape
  np.testing.assert_allclose(apex.smooth(np.full(60, 3.)), 3.)
  np.testing.assert_array_equal(apex.smooth(values[:9]), values[:9])
