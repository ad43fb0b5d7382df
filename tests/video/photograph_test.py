"""Real faces: photographs, still, shifted and encoded; where the face model is there.

The photograph of Grace Hopper (US Navy, public domain) comes with matplotlib.
"""

import pathlib

import cv2
import matplotlib
import numpy as np
import pytest

from lightman_jax.data.frames import read_picture
from lightman_jax.faces import detection, landmarks as marks
from lightman_jax.video import measurement, reading, spotting, tracking
from lightman_jax.video.faces import FaceReason
from tests.video.conftest import backdrop, drawn_faces, place, write_video

pytestmark = [pytest.mark.slow, pytest.mark.skipif(
    not detection.has_graphs(), reason='python -m lightman_jax fetch was not run')]


@pytest.fixture(scope='module')
def photograph():
  path = pathlib.Path(matplotlib.__file__).parent / 'mpl-data/sample_data'
  face = read_picture(path / 'grace_hopper.jpg')
  face = cv2.resize(face, (410, 480), interpolation=cv2.INTER_AREA)
  picture = np.full((480, 640, 3), 90, np.uint8)
  picture[:, 115:525] = face
  return picture


def rows_of(path, **options):
  with reading.open_video(path) as video:
    return [rows for _, rows in tracking.track_faces(video, **options)]


def noisy(picture, rng, spread=3.):
  return np.clip(picture + rng.normal(0, spread, picture.shape), 0, 255
                 ).astype(np.uint8)


def test_landmarks_of_a_still_photograph_rest(tmp_path, photograph, capsys):
  rng = np.random.default_rng(0)
  path = write_video(tmp_path / 'a.mp4', [noisy(photograph, rng) for _ in range(90)],
                     rate=30, crf=20)
  with reading.open_video(path) as video:
    pairs = list(tracking.track_faces(video))
  rows = [row for _, (row,) in pairs]
  table, size = measurement.measure(pairs)
  spotted = spotting.find_expressions(measurement.signals_of(table, 0), size=size)
  assert spotted.expressions == [] and spotted.count('micro') == '0'
  points = np.stack([row.landmarks for row in rows])
  unit = marks.inter_ocular_distance(points[0])
  jitter = points.std(0).mean()
  with capsys.disabled():
    print(f'\nlandmarks of a still photograph with noise, h264: {jitter:.3f} pixels, '
          f'of {unit:.0f} between the eyes')
  assert jitter < .003 * unit
  assert {row.person for row in rows} == {0}
  assert all(row.reason is None and all(row.visible.values()) for row in rows)


def test_a_photograph_that_shifts_and_grows_is_followed(tmp_path, photograph):
  moves = [np.array([[1 + .002 * k, 0, 1.5 * k], [0, 1 + .002 * k, -.8 * k]])
           for k in range(30)]
  path = write_video(tmp_path / 'a.mp4', [
      cv2.warpAffine(photograph, move, (640, 480), borderMode=cv2.BORDER_REPLICATE)
      for move in moves], rate=30)
  rows = [row for row, in rows_of(path)]
  unit = marks.inter_ocular_distance(rows[0].landmarks)
  for row, move in zip(rows, moves):
    true = marks.transform_points(rows[0].landmarks, move)
    assert np.abs(row.landmarks - true).mean() < .015 * unit
  assert {row.person for row in rows} == {0} and rows[-1].cut is None


def test_a_photograph_on_its_side_or_small_is_found_and_scenery_is_not(photograph):
  small = cv2.resize(photograph, None, fx=.35, fy=.35, interpolation=cv2.INTER_AREA)
  wide = np.full((480, 960, 3), 120, np.uint8)
  wide[20:20 + len(small), 700:700 + small.shape[1]] = small
  frame = reading.Frame(0, 0., wide)
  (_, rows), = tracking.track_faces([frame], largest=False)
  assert len(rows) == 1 and rows[0].box[0] > 700
  (_, rows), = tracking.track_faces([frame._replace(picture=backdrop())])
  assert rows == []


def test_a_face_that_is_blurred_is_not_looked_at(photograph):
  frames = [reading.Frame(k, k / 30, cv2.GaussianBlur(photograph, (0, 0), 6)
                          if k == 3 else photograph) for k in range(5)]
  reasons = [rows[0].reason for _, rows in tracking.track_faces(frames)]
  assert reasons == [None, None, None, FaceReason.BLURRED, None]


def test_drawn_people_are_found_and_kept_apart():
  people = drawn_faces(2)
  frames = []
  for number in range(22):
    picture = backdrop()
    for person, x in zip(people, (320 - 14 * number, 30 + 14 * number)):
      place(picture, person, x, 60)
    frames.append(reading.Frame(number, number / 30, picture))
  numbers = {0: set(), 1: set()}
  for frame, rows in tracking.track_faces(frames, largest=False):
    middles = np.array([320 - 14 * frame.number, 30 + 14 * frame.number]) + 60
    for row in rows:
      away = np.abs(middles - row.box[0] - .5 * row.box[2])
      if abs(np.diff(middles)) > 60:
        numbers[int(away.argmin())].add(row.person)
  assert numbers[0] == {0, 2} and numbers[1] == {1}


def test_part_of_a_video_has_the_rows_of_the_whole(tmp_path, photograph):
  moves = [np.float32([[1, 0, 8 * np.sin(k / 9)], [0, 1, 0]]) for k in range(40)]
  path = write_video(tmp_path / 'a.mp4', [
      cv2.warpAffine(photograph, move, (640, 480)) for move in moves], rate=30)
  whole = rows_of(path)
  with reading.open_video(path, start=.5) as video:
    part = {frame.number: rows for frame, rows in tracking.track_faces(video)}
  assert list(part) == list(range(15, 40))
  # The mesh depends a little on where it was put, and that on the frames before.
  unit = marks.inter_ocular_distance(whole[0][0].landmarks)
  for number, (row,) in part.items():
    assert np.abs(row.landmarks - whole[number][0].landmarks).mean() < .01 * unit
    assert row.reason is whole[number][0].reason


def test_time_and_memory_do_not_grow(tmp_path, photograph):
  """2000 frames: what is kept for the next one is as large at the end."""
  resource = pytest.importorskip('resource')
  small = cv2.resize(photograph, (320, 240), interpolation=cv2.INTER_AREA)
  rng = np.random.default_rng(0)
  few = [noisy(small, rng) for _ in range(10)]
  path = write_video(tmp_path / 'a.mp4', (few[k % 10] for k in range(2000)), rate=100,
                     preset='ultrafast')
  peaks, count = [], 0
  with reading.open_video(path) as video:
    for frame, rows in tracking.track_faces(reading.read_ahead(video)):
      count += len(rows)
      if frame.number in (300, 1999):
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
  assert count == 2000
  assert peaks[1] - peaks[0] < 20_000        # kB
