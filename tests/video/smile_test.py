"""A real face: still, shifted, zoomed, and with one smile that was warped into it.

The photograph of Grace Hopper (US Navy, public domain) comes with matplotlib; where her
eyes, nose, mouth and chin are was read off by eye, the rest is the mean face's.
"""

import pathlib

import cv2
import matplotlib
import numpy as np
import pytest

from lightman_jax.data.frames import read_picture
from lightman_jax.faces import detection, landmarks as marks
from lightman_jax.synthetic import scenes
from lightman_jax.video import measurement, spotting
from lightman_jax.video.reading import Frame
from lightman_jax.video.tracking import track_faces

FPS, SECONDS = 100., 3.
# In the part of the photograph that is used: eyes, the nose's end, the mouth, the chin.
SEEN = np.array([(275, 388), (525, 378), (410, 565), (300, 660), (525, 650),
                 (410, 820)]) / 3.


@pytest.fixture(scope='module')
def face():
  path = pathlib.Path(matplotlib.__file__).parent / 'mpl-data/sample_data'
  return read_picture(path / 'grace_hopper.jpg')[60:360, 130:400]


def known():
  """The landmarks: the mean face, brought to what was seen."""
  mean = marks.mean_face()
  anchors = np.array([*marks.eye_centres(mean), mean[33], mean[48], mean[54], mean[8]])
  ones = np.ones((len(anchors), 1))
  matrix, *_ = np.linalg.lstsq(np.hstack([anchors, ones]), SEEN, rcond=None)
  return np.hstack([mean, np.ones((68, 1))]) @ matrix


def spot(face, *, move=None, warp=None, noise=2., landmarks='known'):
  """What is spotted in three seconds of the photograph, frame by frame altered."""
  rng, points = np.random.default_rng(0), {}

  def frames():
    for k in range(round(SECONDS * FPS)):
      matrix = np.eye(2, 3) if move is None else move(k / FPS)
      picture = face if warp is None else warp(k / FPS)
      picture = cv2.warpAffine(picture, matrix, face.shape[1::-1],
                               flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
      grain = rng.normal(0., noise, picture.shape)
      points[k] = marks.transform_points(known(), matrix) + rng.normal(0., .2, (68, 2))
      yield Frame(k, k / FPS, np.clip(picture + grain, 0, 255).astype(np.uint8))
  table, size = measurement.measure(track_faces(
      frames(), landmarks=points if landmarks == 'known' else None))
  assert len(table.frame) == round(SECONDS * FPS)
  return spotting.find_expressions(measurement.signals_of(table, 0), size=size), table


def test_a_still_photograph_with_noise_shows_no_expression(face):
  result, table = spot(face)
  assert (table.reason == '').all()
  assert result.expressions == [] and result.count('micro') == '0'


def test_a_photograph_that_shifts_turns_and_grows_shows_none(face):
  def move(time):
    matrix = cv2.getRotationMatrix2D((135, 150), 2. * np.sin(2 * time),
                                     1. + .03 * np.sin(1.5 * time))
    matrix[:, 2] += 4 * np.sin(3 * time), 3 * np.sin(2.2 * time)
    return matrix
  result, _ = spot(face, move=move)
  assert result.expressions == []


def smile(face):
  """The photograph at a time: a smile from 1.5 s to 1.9 s, its apex at 1.66 s."""
  y, x = np.indices(face.shape[:2], dtype=np.float32)
  points = known()
  field = sum(np.exp(-.5 * ((x - cx)**2 + (y - cy)**2) / 18.**2)[..., None]
              * np.array([side * 4., -4.], np.float32)
              for side, (cx, cy) in ((-1., points[48]), (1., points[54])))
  timing = scenes.Timing(1.5, 1.66, 1.9)

  def warp(time):
    share = scenes.activation(np.array([time]), timing, delay=0., hold=0., residue=0.)
    moved = (share[0] * field).astype(np.float32)
    return cv2.remap(face, x - moved[..., 0], y - moved[..., 1], cv2.INTER_CUBIC,
                     borderMode=cv2.BORDER_REPLICATE)
  return warp


@pytest.mark.parametrize('landmarks', ['known', pytest.param('found', marks=[
    pytest.mark.slow, pytest.mark.skipif(not detection.has_graphs(), reason='no model')
])])
def test_one_smile_of_four_tenths_of_a_second_is_spotted(face, landmarks):
  result, _ = spot(face, warp=smile(face), landmarks=landmarks)
  best = max(result.expressions, key=lambda e: e.score)
  inner = min(best.offset_s, 1.9) - max(best.onset_s, 1.5)
  assert inner / (max(best.offset_s, 1.9) - min(best.onset_s, 1.5)) >= .5
  assert best.kind == 'micro' and abs(best.apex_s - 1.66) < .05
  assert len(result.expressions) <= 2
