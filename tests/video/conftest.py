"""Small videos, encoded by PyAV, and drawn ones whose expressions are known."""

from fractions import Fraction
import os

import cv2
import numpy as np
import pytest

from lightman_jax.faces import landmarks as alignment
from lightman_jax.synthetic import long
from lightman_jax.video import measurement
from lightman_jax.video.faces import Break, Face
from lightman_jax.video.reading import Frame

av = pytest.importorskip('av')


def write_video(path, frames, *, times=None, rate=25, codec='libx264', crf=18,
                pix_fmt='yuv420p', size=None, **options):
  """Encodes RGB frames; `times` in whole milliseconds, or `rate` frames a second."""
  base = Fraction(1, 1000) if times is not None else Fraction(1, rate)
  if codec in ('libx264', 'libsvtav1'):
    options = {'crf': str(crf), **options}
  flags = {'movflags': 'faststart'} if os.fspath(path).endswith('.mp4') else {}
  with av.open(os.fspath(path), 'w', options=flags) as container:
    stream = container.add_stream(
        codec, rate=1000 if times is not None else rate, options=options)
    stream.codec_context.time_base = base
    stream.pix_fmt = pix_fmt
    for number, picture in enumerate(frames):
      if number == 0:
        stream.height, stream.width = picture.shape[:2]
      frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format='rgb24')
      frame.pts = number if times is None else int(times[number])
      frame.time_base = base
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
  return path


def textured(count, *, height=96, width=128, seed=0, noise=0.):
  """Frames of a texture that moves by up to two pixels a frame."""
  rng = np.random.default_rng(seed)
  import cv2
  base = cv2.GaussianBlur(rng.uniform(0, 255, (height, width, 3)), (0, 0), 3)
  base = (base - base.min()) / np.ptp(base) * 255
  for number in range(count):
    move = np.float32([[1, 0, 8 * np.sin(number / 6)], [0, 1, 6 * np.cos(number / 7)]])
    picture = cv2.warpAffine(base, move, (width, height),
                             borderMode=cv2.BORDER_REFLECT)
    picture = picture + rng.normal(0, noise, picture.shape)
    yield np.clip(picture, 0, 255).astype(np.uint8)


def drawn_faces(count, *, size=120, seed=3):
  """Pictures of drawn people with their landmarks and a mask of the head."""
  import cv2

  from lightman_jax.synthetic import scenes
  plans = scenes.plan_scenes(seed=seed, subjects=count, micro=1, macro=0, fps=100.,
                             difficulty=scenes.Difficulty(framing=0.))
  people = []
  for scene in plans:
    drawn = scenes.render_scene(scene, frames=(scene.onset,), size=size)
    mask = np.zeros((size, size), np.uint8)
    cv2.ellipse(mask, (size // 2, size // 2), (round(.46 * size), round(.52 * size)), 0,
                0, 360, 1, -1)
    people.append((drawn.frames[0], drawn.landmarks[0].astype(float), mask > 0))
  return people


def backdrop(height=240, width=480):
  rows, columns = np.mgrid[:height, :width]
  wave = 110 + 40 * np.sin(columns / 23) * np.cos(rows / 31)
  return np.repeat(wave[..., None], 3, 2).astype(np.uint8)


def place(picture, person, x, y):
  """Pastes a person with the upper left corner at whole pixels; landmarks there."""
  face, points, mask = person
  top, left = max(0, y), max(0, x)
  bottom = min(picture.shape[0], y + len(face))
  right = min(picture.shape[1], x + len(face))
  if bottom > top and right > left:
    part = np.s_[top - y:bottom - y, left - x:right - x]
    inside = mask[part]
    picture[top:bottom, left:right][inside] = face[part][inside]
  return points + (x, y)


# A drawn video, and what is measured of it.

SIZE = 128


def faces_of(video, size=SIZE):
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
  """Five seconds at 30 frames a second with two micro-expressions."""
  beside = long.Disturbances(blinks=15., glances=8., speech=0., turns=0., sway=.3)
  scene = long.plan_long(seed=33, seconds=5., micro=24., macro=0., disturbances=beside)
  return long.LongVideo(scene, fps=30., face_size=100, shape=(124, 160))


@pytest.fixture(scope='session')
def measured(drawn):
  """The table of its frames."""
  table, size = measurement.measure(faces_of(drawn))
  assert size == SIZE and len(table.frame) == len(drawn)
  return table


def copy(table, **changes):
  """A table with some columns of its own."""
  return table._replace(**{name: np.asarray(value) for name, value in changes.items()})
