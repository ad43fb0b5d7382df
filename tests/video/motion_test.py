"""Motion of regions in pictures whose motion is known."""

import cv2
import numpy as np
import pytest

from lightman_jax.faces import landmarks as alignment
from lightman_jax.synthetic import long
from lightman_jax.video import motion

SIZE = 128
FACE = alignment.canonical_landmarks(SIZE)


@pytest.fixture(scope='module')
def still():
  """A drawn face, aligned, without noise."""
  scene = long.plan_long(seed=5, seconds=4., micro=0., macro=0.,
                         disturbances=long.Disturbances(
                             noise=0., sway=0., blinks=0., glances=0., speech=0.,
                             turns=0.))
  shot = long.LongVideo(scene, fps=30.).shot(0)
  matrix = alignment.fit_similarity(shot.landmarks, FACE)
  picture = alignment.warp_frames(shot.picture[None], matrix, SIZE)[0]
  return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def warp(picture, field):
  """The picture whose points have moved by a field (h, w, 2), small and smooth."""
  y, x = np.indices(picture.shape, dtype=np.float32)
  return cv2.remap(picture, x - field[..., 0].astype(np.float32),
                   y - field[..., 1].astype(np.float32), cv2.INTER_CUBIC,
                   borderMode=cv2.BORDER_REPLICATE)


def at(point, width, by):
  """A hill of motion about a point, in pixels."""
  y, x = np.indices((SIZE, SIZE))
  hill = np.exp(-.5 * (((x - point[0])**2 + (y - point[1])**2) / width**2))
  return hill[..., None] * np.array(by)


def known(field, name):
  """The median of a field over the points of a region."""
  points, members, _ = motion.points_of(FACE)
  x, y = np.round(points[members[motion.REGIONS.index(name)]]).astype(int).T
  return np.median(field[y, x], axis=0)


def test_a_face_that_does_not_move_has_no_motion(still):
  assert np.abs(motion.region_motion(still, still, FACE)).max() < .01
  rng = np.random.default_rng(0)
  noisy = [np.clip(still + rng.normal(0., 3., still.shape), 0, 255).astype(np.uint8)
           for _ in range(2)]
  # This chin has no texture: a region's noise is what its own threshold is made of.
  chin = motion.REGIONS.index('chin')
  assert np.abs(np.delete(motion.region_motion(*noisy, FACE), chin, 0)).max() < .25


@pytest.mark.parametrize('angle, scale, shift', [
    (0., 1., (1.5, -1.)), (1.2, 1., (0., 0.)), (0., 1.015, (.5, .5))])
def test_the_heads_own_motion_is_taken_out(still, angle, scale, shift):
  matrix = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), angle, scale)
  matrix[:, 2] += shift
  moved = cv2.warpAffine(still, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC,
                         borderMode=cv2.BORDER_REPLICATE)
  assert np.abs(motion.region_motion(still, moved, FACE)).max() < .2


def test_a_head_that_turns_aside_is_no_expression(still):
  y, x = np.indices((SIZE, SIZE))
  unit = (np.stack([x, y], -1) + .5) / SIZE
  yaw = np.stack([.04 * SIZE * motion.depth_of(unit), np.zeros((SIZE, SIZE))], -1)
  turned = warp(still, yaw)
  assert np.abs(yaw).max() > 1.5
  assert np.abs(motion.region_motion(still, turned, FACE)).max() < .3


def test_a_region_moves_by_what_moves_it(still):
  brow = FACE[list(alignment.LEFT_BROW)].mean(0)
  field = at(brow, 10., (0., -2.))
  moved = motion.region_motion(still, warp(still, field), FACE)
  region, true = motion.REGIONS.index('left brow'), known(field, 'left brow')
  assert true[1] < -1. and moved[region, 1] == pytest.approx(true[1], abs=.3)
  assert abs(moved[region, 0]) < .3
  others = [motion.REGIONS.index(name) for name in (
      'right brow', 'chin', 'lower lip', 'right mouth corner')]
  assert np.abs(moved[others]).max() < .25


def test_light_that_changes_moves_nothing(still):
  for brighter in (still * .8, still * .7 + 40., np.clip(still * (
      1. + .1 * np.sin(np.arange(SIZE) / 9.))[:, None], 0, 255)):
    light = np.round(brighter).astype(np.uint8)
    assert np.abs(np.delete(motion.region_motion(still, light, FACE),
                            motion.REGIONS.index('chin'), 0)).max() < .25


def test_motion_that_is_slower_than_noise_adds_up(still):
  """A frame differs from the next by 1/50 of a pixel; in 150 frames it is 3 pixels."""
  corner = FACE[48]
  meter = motion.MotionMeter(SIZE)
  rng = np.random.default_rng(1)
  for k in range(151):
    picture = warp(still, at(corner, 12., (-.02 * k, 0.)))
    noisy = np.clip(picture + rng.normal(0., 1.5, picture.shape), 0, 255)
    moved = meter.push(noisy.astype(np.uint8), k / 200., FACE).moved
  region = motion.REGIONS.index('left mouth corner')
  assert moved[region, 0] < -1.5


def test_a_renewed_reference_goes_on_from_where_the_face_was(still):
  settings = motion.MotionSettings(renew=.1, near=1.)
  brow = FACE[list(alignment.LEFT_BROW)].mean(0)
  field = at(brow, 10., (0., -2.))
  raised, true = warp(still, field), known(field, 'left brow')[1]
  meter = motion.MotionMeter(SIZE, settings)
  region, heights = motion.REGIONS.index('left brow'), []
  for k in range(60):
    picture = still if k < 10 or k >= 40 else raised
    heights.append(float(meter.push(picture, k / 30., FACE).moved[region, 1]))
  assert np.ptp(heights[15:40]) < .15 and heights[30] == pytest.approx(
      true, abs=.3)
  assert abs(heights[-1]) < .25


def test_a_frame_takes_as_much_memory_whether_it_is_the_first_or_the_last(still):
  meter = motion.MotionMeter(SIZE)
  for k in range(200):
    meter.push(still, k / 100., FACE)
    if k == 50:
      kept = sum(np.asarray(v).nbytes for v in vars(meter).values()
                 if isinstance(v, np.ndarray)), len(meter._recent)
  assert kept == (sum(np.asarray(v).nbytes for v in vars(meter).values()
                      if isinstance(v, np.ndarray)), len(meter._recent))


def test_what_is_hidden_for_a_while_is_found_again(still):
  meter = motion.MotionMeter(SIZE)
  hand = still.copy()
  hand[80:] = 90
  region = motion.REGIONS.index('lower lip')
  seen = []
  for k in range(40):
    seen.append(meter.push(hand if 10 <= k < 25 else still, k / 30., FACE))
  assert seen[12].seen[region] < .5
  assert np.abs(seen[-1].moved).max() < .2


def test_regions_are_of_the_pictures_left_and_right():
  points, members, stable = motion.points_of(FACE)
  for k, name in enumerate(motion.REGIONS):
    x = points[members[k], 0].mean()
    side = name.split()[0]
    assert {'left': x < 55, 'right': x > 72}.get(side, 55 < x < 72), name
  assert stable.sum() > 12 and not stable[np.concatenate(members)].any()


def test_open_eyes_are_higher_than_shut_ones():
  face = FACE.copy()
  assert motion.openness(face).min() > .25
  for upper, lower in ((37, 41), (38, 40)):
    face[upper] = face[lower]
  left, right = motion.openness(face)
  assert left < .05 and right > .25
