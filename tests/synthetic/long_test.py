"""Videos of minutes, whose truth is known to the frame."""

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.synthetic import face, long, scenes


@pytest.fixture(scope='module')
def scene():
  return long.plan_long(seed=2, seconds=20., micro=9., macro=3.)


def test_expressions_are_of_their_kind_and_apart(scene):
  spans = [(e.onset, e.offset) for e in scene.expressions]
  assert [e.kind for e in scene.expressions].count('micro') == 3
  for e in scene.expressions:
    low, high = scenes.SECONDS[e.kind]
    assert low <= e.offset - e.onset <= high and e.onset < e.apex < e.offset
  assert all(b - a >= .6 for (_, a), (b, _) in zip(spans, spans[1:]))
  assert spans[0][0] >= .6 and spans[-1][1] <= 20. - .6


def test_the_truth_is_the_same_at_any_rate(scene):
  fast, slow = (long.LongVideo(scene, fps=fps, face_size=100, shape=(124, 124))
                for fps in (200., 30.))
  for a, b in zip(fast.truth(), slow.truth()):
    assert (a.onset_s, a.apex_s, a.offset_s) == (b.onset_s, b.apex_s, b.offset_s)
    assert b.onset_frame == round(b.onset_s * 30) and a.apex_frame == round(
        a.apex_s * 200)
  assert len(fast) == 4000 and len(slow) == 600


def test_a_frame_is_a_function_of_its_number(scene):
  video = long.LongVideo(scene, fps=60., face_size=100, shape=(124, 160))
  again = long.LongVideo(scene, fps=60., face_size=100, shape=(124, 160))
  last = again.shot(500)
  first = video.shot(3), video.shot(500)
  np.testing.assert_array_equal(first[1].picture, last.picture)
  np.testing.assert_array_equal(first[1].landmarks, last.landmarks)
  assert last.picture.shape == (124, 160, 3) and last.time == 500 / 60.
  # The same instant at another rate is the same face.
  slow = long.LongVideo(scene, fps=30., face_size=100, shape=(124, 160)).shot(250)
  np.testing.assert_array_equal(slow.landmarks, last.landmarks)


def test_landmarks_move_by_the_amplitude_at_apex_and_not_before_onset():
  quiet = long.Disturbances(blinks=0., glances=0., speech=0., turns=0., sway=0.)
  scene = long.plan_long(seed=4, seconds=12., micro=5., macro=0., disturbances=quiet)
  video = long.LongVideo(scene, fps=100., face_size=100, shape=(124, 124))
  e, truth = scene.expressions[0], video.truth()[0]
  rest = video.shot_at(0., 0).landmarks
  before = video.shot_at(e.onset - .01, 0).landmarks
  np.testing.assert_allclose(before, rest, atol=1e-4)
  moved = np.linalg.norm(video.shot(truth.apex_frame).landmarks - rest, axis=1).max()
  # The largest over the face, on a face of 100 pixels; a landmark may have less.
  assert .3 * e.amplitude < moved * 64 / 100 <= 1.05 * e.amplitude


def test_a_head_that_turns_moves_its_nose_farther_than_its_ears():
  scene = long.plan_long(seed=4, seconds=6., micro=0., macro=0.,
                         disturbances=long.Disturbances(
                             blinks=0., glances=0., speech=0., turns=0., sway=0.))
  scene = scene._replace(turns=(long.Turn(1., 1., 8., 0., 0., (0., 0.)),))
  video = long.LongVideo(scene, fps=30., face_size=100, shape=(124, 124))
  moved = video.shot_at(3., 0).landmarks - video.shot_at(0., 0).landmarks
  assert moved[30, 0] > 2 * moved[[0, 16], 0].mean() > 0
  assert np.abs(moved[:, 1]).max() < .5


def test_a_lamp_on_the_mains_flickers_and_moves_nothing():
  steady = long.Disturbances(blinks=0., glances=0., speech=0., turns=0., sway=0.,
                             noise=0.)
  level = scenes.Difficulty(flicker=0.)
  pictures = {}
  for mains in (0., 50.):
    scene = long.plan_long(seed=4, seconds=3., micro=0., macro=0., difficulty=level,
                           disturbances=steady._replace(mains=mains))
    video = long.LongVideo(scene, fps=60., face_size=100, shape=(124, 124))
    pictures[mains] = [video.shot(k) for k in range(6)]
  for shots, least in ((pictures[0.], 0.), (pictures[50.], 4.)):
    means = [shot.picture[:20].mean() for shot in shots]
    assert np.ptp(means) >= least and (least or np.ptp(means) == 0.)
    np.testing.assert_array_equal(shots[0].landmarks, shots[5].landmarks)


def test_speech_stays_apart_from_expressions(scene):
  for start, end in scene.speech:
    assert all(end <= e.onset or start >= e.offset for e in scene.expressions)


def test_what_cannot_be_is_refused(scene):
  with pytest.raises(InputError, match='no room for'):
    long.plan_long(seed=0, seconds=10., micro=0., macro=90.)
  with pytest.raises(InputError, match='multiple of 25'):
    long.LongVideo(scene, fps=30., face_size=110)
  with pytest.raises(InputError, match='at most 175 in a picture of 320 x 240'):
    long.LongVideo(scene, fps=30., face_size=200)


def test_the_depth_is_greatest_at_the_tip_of_the_nose():
  points = face.face_points(scenes.person_of(0, 'a', scenes.Difficulty()).face)
  assert int(np.argmax(long.depth_of(points))) in (28, 29, 30, 33)
