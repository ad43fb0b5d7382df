"""Landmarks out of a user's table: placed with the clip, aligned by, missed by name."""

import csv

import numpy as np
import pytest

from lightman_jax.data import user_tables
from lightman_jax.data.choice import choose
from lightman_jax.data.load import load
from lightman_jax.data.planning import plan_data_set
from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks
from lightman_jax.synthetic.replicas.write import write_replica

HEADER = ['frame', 'clip', *(f' {axis}_{n}' for axis in 'xy' for n in range(68))]


def settings_of(folder, **more):
  return {'name': 'casme2', 'frames': 3, 'size': 16, 'data_dir': str(folder / 'built'),
          'manual_dir': str(folder / 'm'), 'class_set': 'casme2_3', **more}


def write(path, rows):
  with open(path, 'w', newline='') as file:
    csv.writer(file).writerows([HEADER, *rows])
  return str(path)


def row(clip, number, points):
  return [number, clip, *points[:, 0], *points[:, 1]]


@pytest.mark.parametrize('edition', ['cropped', 'raw'])
def test_they_are_stored_in_pixels_of_the_frame(tmp_path, edition):
  write_replica('casme2', tmp_path / 'm', edition=edition, per_class=1, frames=3,
                size=(32, 40))
  points = landmarks.mean_face() * 20 + (6, 10)
  planned = plan_data_set(choose(settings_of(tmp_path, landmarks='none')))
  rows = [row(item.row.clip, number, points + .25 * (number != item.numbers[0]))
          for item in planned.items for number in dict.fromkeys(item.numbers)]
  *rows, _ = rows
  table = write(tmp_path / 'points.csv', rows)
  clips = load(settings_of(tmp_path, landmarks=table), say=print)
  # The clip of the frame that was not given is left out, with its reason.
  assert len(clips.clip) == len(planned.items) - 1
  lost, = (reason for _, reason in clips.info['left_out'] if 'points.csv' in reason)
  assert lost.startswith('points.csv gives no landmarks of its frame')
  if edition == 'raw':
    canonical = landmarks.canonical_landmarks(16)
    want = np.broadcast_to(canonical, clips.landmarks[:][:, 0].shape)
    np.testing.assert_allclose(clips.landmarks[:][:, 0], want, atol=.05)
  else:
    want = (points + .5) * (16 / 32, 16 / 40) - .5
    np.testing.assert_allclose(clips.landmarks[0][0], want, atol=1e-3)
    moved = clips.landmarks[0][2] - clips.landmarks[0][0]
    np.testing.assert_allclose(moved, np.broadcast_to((.125, .1), (68, 2)), atol=1e-3)
  # Other landmarks, another build.
  write(tmp_path / 'points.csv', [[*line[:2], *(x + 1 for x in line[2:])]
                                  for line in rows])
  again = load(settings_of(tmp_path, landmarks=table), say=print)
  assert again.info['digest'] != clips.info['digest']


@pytest.mark.parametrize('change, word', [
    (lambda rows: rows + rows[:1], 'frame 5 of c stands twice'),
    (lambda rows: [[*rows[0][:9], 'x', *rows[0][10:]]], "row 2: x_7 is 'x'"),
    (lambda rows: [['', *rows[0][1:]]], 'not a frame of a clip'),
    (lambda rows: [[*rows[0][:2], 'nan', *rows[0][3:]]], "x_0 is 'nan'")])
def test_what_is_no_table_of_landmarks(tmp_path, change, word):
  rows = [row('c', 5, landmarks.mean_face())]
  with pytest.raises(InputError, match=word):
    user_tables.read_landmark_table(write(tmp_path / 'points.csv', change(rows)), ())
  with pytest.raises(InputError, match='is not there'):
    user_tables.read_landmark_table(str(tmp_path / 'none.csv'), ())
