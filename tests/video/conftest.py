"""Videos whose truth is known, and what is measured of them."""

import cv2
import numpy as np
import pytest

from lightman_jax.faces import landmarks as alignment
from lightman_jax.synthetic import long
from lightman_jax.video import measurement
from lightman_jax.video.faces import Break, Face
from lightman_jax.video.reading import Frame

SIZE = 128


def drawn_faces(video, size=SIZE):
  """Each frame of a drawn video with its face, aligned by the known landmarks."""
  goal = alignment.canonical_landmarks(size)
  for shot in video:
    matrix = alignment.fit_similarity(shot.landmarks, goal)
    grey = cv2.cvtColor(shot.picture, cv2.COLOR_RGB2GRAY)
    aligned = alignment.warp_frames(grey[None, ..., None], matrix, size)[0, ..., 0]
    low, high = shot.landmarks.min(0), shot.landmarks.max(0)
    yield Frame(shot.number, shot.time, shot.picture), [Face(
        shot.number, shot.time, 0, (*map(float, low), *map(float, high - low)),
        shot.landmarks, (0., 0., 0.), 1., aligned=aligned,
        cut=None if shot.number else Break.FIRST)]


@pytest.fixture(scope='session')
def drawn():
  """Eight seconds at 40 frames a second with two micro-expressions."""
  beside = long.Disturbances(blinks=15., glances=8., speech=0., turns=0., sway=.3)
  scene = long.plan_long(seed=31, seconds=8., micro=15., macro=0., disturbances=beside)
  return long.LongVideo(scene, fps=40., face_size=100, shape=(124, 160))


@pytest.fixture(scope='session')
def measured(drawn):
  """The table of its frames."""
  table, size = measurement.measure(drawn_faces(drawn))
  assert size == SIZE and len(table.frame) == len(drawn)
  return table


def copy(table, **changes):
  """A table with some columns of its own."""
  return table._replace(**{name: np.asarray(value) for name, value in changes.items()})
