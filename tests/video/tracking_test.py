"""People are found, followed, told apart and judged, with landmarks that are known."""

import cv2
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks as marks
from lightman_jax.synthetic import long
from lightman_jax.video import (
  measurement,
  motion,
  quality,
  reading,
  spotting,
  tracking,
)
from lightman_jax.video.faces import Break, FaceReason
from lightman_jax.video.smoothing import OneEuro
from tests.video.conftest import backdrop, drawn_faces, place

PEOPLE = drawn_faces(3)


def frames_of(scenes, *, rate=30., gaps=()):
  """Frames and landmarks from people's places (who, x, y), those behind first."""
  time = 0.
  for number, scene in enumerate(scenes):
    time += (.4 if number in gaps else 1 / rate)
    picture, points = backdrop(), []
    for who, x, y in scene:
      points.append(place(picture, PEOPLE[who], x, y))
    yield (reading.Frame(number, time, picture, False, number in gaps),
           np.array(points).reshape(-1, 68, 2))


def track(scenes, *, largest=False, hide=lambda number, points: points, **options):
  frames, known = zip(*frames_of(scenes, **options))
  known = {f.number: hide(f.number, p) for f, p in zip(frames, known)}
  return list(tracking.track_faces(frames, landmarks=known, largest=largest))


def who_is_who(tracked, scenes):
  """For every row, who was drawn there -> the person's number."""
  pairs = set()
  for (_, rows), scene in zip(tracked, scenes):
    for row in rows:
      middle = np.array(row.box[:2]) + .5 * np.array(row.box[2:])
      near = min(scene, key=lambda s: np.linalg.norm(middle - np.add(s[1:], 60)))
      pairs.add((near[0], row.person))
  return pairs


def never_swapped(pairs):
  numbers = [number for _, number in pairs]
  return len(numbers) == len(set(numbers))


def test_one_person_has_one_number_and_a_row_a_frame():
  tracked = track([[(0, 100 + n, 60)] for n in range(20)], largest=True)
  rows = [row for _, rows in tracked for row in rows]
  assert [row.frame for row in rows] == list(range(20))
  assert {row.person for row in rows} == {0}
  assert [row.cut for row in rows] == [Break.FIRST] + [None] * 19
  assert all(row.reason is None and row.quality > .3 for row in rows)
  assert all(all(row.visible.values()) for row in rows)


def test_faces_are_aligned_as_the_clips_of_training_are():
  (frame, (row,)), = track([[(0, 100, 60)]], largest=True)
  matrix = marks.fit_similarity(row.landmarks, marks.canonical_landmarks(128))
  import cv2
  clip = marks.warp_frames(frame.picture[None], matrix, 128)[0]
  np.testing.assert_array_equal(row.aligned, cv2.cvtColor(clip, cv2.COLOR_RGB2GRAY))
  moved = marks.transform_points(row.landmarks, matrix)
  gap = np.abs(moved - marks.canonical_landmarks(128))[list(marks.STABLE)]
  assert gap.mean() < 3


@pytest.mark.parametrize('shuffled', [False, True])
@pytest.mark.parametrize('hidden', [False, True])
def test_two_people_cross_and_are_never_swapped(shuffled, hidden):
  scenes = [[(1, 300 - 10 * n, 60), (0, 40 + 10 * n, 64)] for n in range(27)]
  rng = np.random.default_rng(0)

  def hide(number, points):
    if hidden and abs(points[0] - points[1]).mean() < 40:
      points = points[1:]            # who is behind is not seen
    return rng.permutation(points) if shuffled else points
  tracked = track(scenes, hide=hide)
  # Where the two middles are one spot, no box says whose it is.
  apart = [n for n, ((_, x, _), (_, y, _)) in enumerate(scenes) if abs(x - y) >= 40]
  pairs = who_is_who([tracked[n] for n in apart], [scenes[n] for n in apart])
  assert never_swapped(pairs), pairs
  assert (0, 0) in pairs and {who for who, _ in pairs} == {0, 1}
  assert {who for who, _ in who_is_who(tracked[-3:], scenes[-3:])} == {0, 1}


def test_one_leaves_and_another_comes_who_is_another():
  stays = [(0, 60, 60)]
  scenes = [stays + ([(1, 300, 60)] if n < 10 else [] if n < 20 else [(2, 300, 60)])
            for n in range(30)]
  tracked = track(scenes)
  assert who_is_who(tracked, scenes) == {(0, 0), (1, 1), (2, 2)}


def test_who_is_gone_for_a_moment_keeps_the_number_and_no_interval_spans_it():
  scenes = [[(0, 60, 60)] + ([(1, 300, 60)] if not 10 <= n < 20 else [])
            for n in range(30)]
  tracked = track(scenes)
  assert who_is_who(tracked, scenes) == {(0, 0), (1, 1)}
  cuts = [(row.frame, row.cut) for _, rows in tracked for row in rows
          if row.person == 1 and row.cut]
  assert cuts == [(0, Break.FIRST), (20, Break.LOST)]


def test_who_returns_elsewhere_or_later_may_be_anybody():
  scenes = ([[(0, 60, 60)]] * 10 + [[]] * 5 + [[(0, 300, 60)]] * 5 + [[]] * 70
            + [[(0, 300, 60)]] * 5)
  tracked = track(scenes)
  assert {row.person for _, rows in tracked for row in rows} == {0, 1, 2}
  assert [len(rows) for _, rows in tracked] == [len(scene) for scene in scenes]


def test_a_face_that_is_found_twice_is_one_row():
  def twice(number, points):
    return np.concatenate([points, points + .8, points * 1.01])
  tracked = track([[(0, 100, 60)]] * 12, hide=twice)
  assert [len(rows) for _, rows in tracked] == [1] * 12
  assert {row.person for _, rows in tracked for row in rows} == {0}


def test_the_largest_face_is_followed_until_it_is_lost():
  scenes = [[(0, 40, 60), (1, 300, 60)][n >= 10:] for n in range(15)]

  def larger_first(number, points):
    points = points.copy()
    if len(points) == 2:
      points[1] = points[1].mean(0) + .8 * (points[1] - points[1].mean(0))
    return points
  tracked = track(scenes, largest=True, hide=larger_first)
  assert [row.person for _, rows in tracked for row in rows] == [0] * 10 + [1] * 5


def test_lost_frames_reset_who_was_followed():
  scenes = [[(0, 100 + n, 60)] for n in range(20)]
  tracked = track(scenes, largest=True, gaps=(12,))
  cuts = [(row.frame, row.cut) for _, rows in tracked for row in rows if row.cut]
  assert cuts == [(0, Break.FIRST), (12, Break.GAP)]
  raw = PEOPLE[0][1] + (112, 60)
  np.testing.assert_allclose(tracked[12][1][0].landmarks, raw, atol=1e-3)


def test_a_camera_cut_numbers_people_anew():
  scenes = [[(0, 100, 60)]] * 8
  frames, known = map(list, zip(*frames_of(scenes)))
  other = np.random.default_rng(0).integers(0, 255, (15, 30, 1)).repeat(16, 0)
  other = other.repeat(16, 1).repeat(3, 2).astype(np.uint8)
  for number in range(4, 8):
    picture = other.copy()
    place(picture, PEOPLE[0], 100, 60)
    frames[number] = frames[number]._replace(picture=picture)
  tracked = list(tracking.track_faces(frames, landmarks=np.stack(known)))
  assert [(row.person, row.cut) for _, (row,) in tracked] == [
      (0, Break.FIRST), *[(0, None)] * 3, (1, Break.CUT), *[(1, None)] * 3]


def test_a_lamp_that_flickers_and_a_face_that_moves_are_no_cuts():
  frames, known = zip(*frames_of([[(0, 20 + 12 * n, 60)] for n in range(25)]))
  frames = [f._replace(picture=(f.picture * (.7 + .3 * (n % 2))).astype(np.uint8))
            for n, f in enumerate(frames)]
  tracked = tracking.track_faces(frames, landmarks=np.stack(known))
  rows = [row for _, rows in tracked for row in rows]
  assert {row.person for row in rows} == {0} and len(rows) == 25


# Why a face is not looked at.


def first_row(frame, points, **options):
  (_, (row,)), = tracking.track_faces([frame], landmarks={frame.number: points},
                                      **options)
  return row


def test_each_fault_has_its_reason():
  import cv2
  face, points, _ = PEOPLE[0]
  picture = backdrop()
  there = place(picture, PEOPLE[0], 100, 60)
  frame = reading.Frame(0, 0., picture)
  assert first_row(frame, there).reason is None
  assert first_row(frame, there + (200, 0)).reason is FaceReason.NOT_A_FACE
  blurred = frame._replace(picture=cv2.GaussianBlur(picture, (0, 0), 5))
  assert first_row(blurred, there).reason is FaceReason.BLURRED
  small = cv2.resize(face, (30, 30), interpolation=cv2.INTER_AREA)
  tiny = frame._replace(picture=np.pad(small, ((60, 60), (60, 60), (0, 0))))
  assert first_row(tiny, points / 4 + 60).reason is FaceReason.TOO_SMALL
  half = frame._replace(picture=np.ascontiguousarray(picture[:, 150:]))
  row = first_row(half, there - (150, 0))
  assert row.reason in (FaceReason.CUT_OFF, FaceReason.NOT_A_FACE)
  assert row.quality == 0


def rotated(yaw=0., pitch=0., roll=0.):
  y, p, r = np.radians([yaw, pitch, roll])
  return (np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
          @ np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)],
                      [0, -np.sin(p), np.cos(p)]])
          @ np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0],
                      [-np.sin(y), 0, np.cos(y)]]))


@pytest.mark.parametrize('axis', ['yaw', 'pitch', 'roll'])
def test_the_pose_of_a_head_that_is_turned(axis):
  for degrees in (-35., 10., 30.):
    points = np.zeros((68, 2))
    turned = quality.rigid_points() @ rotated(**{axis: degrees}).T
    points[quality._RIGID] = 140 * turned[:, :2] + (200, 150)
    expected = [degrees if name == axis else 0. for name in ('yaw', 'pitch', 'roll')]
    np.testing.assert_allclose(quality.estimate_pose(points), expected, atol=1e-6)
  tip = quality._RIGID.index(30)
  toward = (quality.rigid_points() @ rotated(yaw=20., pitch=20.).T)[tip]
  assert (toward[:2] > quality.rigid_points()[tip, :2]).all()


def test_a_head_that_is_turned_away_is_not_looked_at():
  points, good = PEOPLE[0][1], dict(usual_blur=0., score=1., shape=(240, 320, 3))
  assert quality.judge(points, (45., 0., 0.), .4, **good).reason is FaceReason.TURNED
  assert quality.judge(points, (0., -42., 0.), .4, **good).reason is FaceReason.TURNED
  assert quality.judge(points, (10., 5., 60.), .4, **good).reason is None
  assert quality.judge(points, (0., 0., 0.), .4, **{**good, 'score': .3}
                       ).reason is FaceReason.NOT_A_FACE


@pytest.mark.parametrize('seed, subject', [(505, 'sub10'), (556, 'sub01')])
def test_a_face_whose_eyes_are_no_darker_than_its_skin_is_one(seed, subject,
                                                              monkeypatch):
  still = long.Disturbances(blinks=0., glances=0., speech=0., turns=0., sway=.3)
  scene = long.plan_long(seed=seed, seconds=2., subject=subject, micro=0., macro=0.,
                         disturbances=still)
  video = long.LongVideo(scene, fps=30., face_size=100, shape=(124, 160))
  shot = video.shot(0)
  grey = cv2.cvtColor(shot.picture, cv2.COLOR_RGB2GRAY)
  goal = marks.canonical_landmarks(128)
  aligned = marks.warp_frames(grey[None, ..., None], marks.fit_similarity(
      shot.landmarks, goal), 128)[0, ..., 0]
  assert quality.looks_like_face(aligned)
  frame = reading.Frame(0, 0., shot.picture)
  assert first_row(frame, shot.landmarks).reason is None
  # A wall, and one as bright as the face, are none.
  wall = backdrop()[:128, :128, 0]
  assert not quality.looks_like_face(wall)
  assert not quality.looks_like_face(np.full_like(aligned, 90))
  monkeypatch.setattr(quality, '_LINES', np.inf)       # by brightness alone
  assert not quality.looks_like_face(aligned)


def test_a_soft_camera_is_looked_at_and_motion_blur_is_not():
  points, good = PEOPLE[0][1], dict(score=1., shape=(240, 320, 3))
  still = (0., 0., 0.)
  assert quality.judge(points, still, .62, usual_blur=0., **good).reason is None
  assert quality.judge(points, still, .62, usual_blur=.6, **good).reason is None
  assert quality.judge(points, still, .62, usual_blur=.4, **good
                       ).reason is FaceReason.BLURRED
  assert quality.judge(points, still, .8, usual_blur=.7, **good
                       ).reason is FaceReason.BLURRED


# A hand, a mask.


def covered(colour, *, start=15, texture=6., count=40, mask=None):
  frames, known = map(list, zip(*frames_of([[(0, 100, 60)]] * count)))
  rng = np.random.default_rng(1)
  lips = known[0][0][48:68].mean(0)
  rows, columns = np.mgrid[:240, :480]
  shape = mask or (np.hypot((columns - lips[0]) / 48, (rows - lips[1]) / 30) < 1)
  for number in range(start, count):
    picture = frames[number].picture.copy()
    grain = rng.normal(0, texture, (240, 480, 1))
    picture[shape] = np.clip(np.array(colour) + grain, 0, 255).astype(np.uint8)[shape]
    frames[number] = frames[number]._replace(picture=picture)
  tracked = tracking.track_faces(frames, landmarks=np.stack(known))
  return [rows[0] for _, rows in tracked]


@pytest.mark.parametrize('colour', [(90, 140, 200), (20, 20, 20), (236, 236, 236)])
def test_a_mask_covers_the_mouth_and_leaves_the_eyes(colour):
  rows = covered(colour)
  assert all(row.visible['mouth'] for row in rows[:15])
  assert not any(row.visible['mouth'] for row in rows[15:])
  assert all(row.visible['eyes'] and row.visible['brows'] for row in rows)
  assert all(row.reason is None for row in rows)


def test_a_hand_of_the_colour_of_the_skin_covers_the_mouth():
  skin = PEOPLE[0][0][70:76, 28:34].reshape(-1, 3).mean(0)
  rows = covered(skin, texture=3.)
  assert all(row.visible['mouth'] for row in rows[:15])
  assert not any(row.visible['mouth'] for row in rows[15:])


@pytest.mark.slow
def test_a_hand_that_comes_and_goes_makes_no_expression():
  """Drawn before the mouth from 2 s to 5 s, in the colour of the skin."""
  beside = long.Disturbances(blinks=10., glances=0., speech=0., turns=0., sway=.3)
  video = long.LongVideo(long.plan_long(seed=41, seconds=7., micro=0., macro=0.,
                                        disturbances=beside),
                         fps=30., face_size=100, shape=(124, 124))
  points = {}

  def frames():
    for shot in video:
      picture, points[shot.number] = shot.picture.copy(), shot.landmarks
      share = float(np.clip(min(shot.time - 2., 5. - shot.time) / .25, 0., 1.))
      if share:
        x, y = shot.landmarks[48:68].mean(0) + (0., 70. * (1. - share))
        cv2.ellipse(picture, (int(x), int(y)), (26, 20), 10, 0, 360, (205, 160, 140),
                    -1)
      yield reading.Frame(shot.number, shot.time, picture)
  table, size = measurement.measure(tracking.track_faces(frames(), landmarks=points))
  signals = measurement.signals_of(table, 0)
  hidden = signals.time[signals.covered[:, motion.LIPS].all(1)]
  assert abs(hidden[0] - 2.) < .3 and abs(hidden[-1] - 5.) < .3
  assert spotting.find_expressions(signals, size=size).expressions == []
  nothing_known = signals._replace(covered=np.zeros_like(signals.covered))
  assert spotting.find_expressions(nothing_known, size=size).expressions


def test_a_mask_of_the_first_frame_on_has_no_colour_of_skin():
  rows = covered((90, 140, 200), start=0)
  assert not any(row.visible['mouth'] for row in rows)


def test_expressions_cover_nothing():
  from lightman_jax.synthetic import scenes
  for scene in scenes.plan_scenes(seed=1, subjects=1, micro=0, macro=3, fps=30.):
    numbers = tuple(np.linspace(1, scene.apex + 2, 7).astype(int).tolist())
    drawn = scenes.render_scene(scene, frames=numbers, size=120)
    frames = [reading.Frame(k, numbers[k] / 30, picture)
              for k, picture in enumerate(drawn.frames)]
    rows = [row for _, rows in tracking.track_faces(frames, landmarks=drawn.landmarks)
            for row in rows]
    hidden = [(row.frame, name) for row in rows for name, seen in row.visible.items()
              if not seen]
    assert len(rows) == len(frames) and hidden == []


# Smoothing.


@pytest.mark.parametrize('rate', [25, 30, 60, 100, 200])
def test_a_micro_expression_keeps_nine_tenths_of_its_height(rate):
  smooth, times = OneEuro(), np.arange(0, 2, 1 / rate)
  bump = np.where(np.abs(times - 1) < .1, np.cos((times - 1) / .2 * np.pi)**2, 0.)
  out = np.array([smooth(t, np.full((1, 2), 2 * b), 100.)[0, 0]
                  for t, b in zip(times, bump)])
  assert out.max() > .9 * 2 * bump.max()
  fine = np.arange(.5, 1.5, .001)
  late, true = (np.interp(fine, times, values) for values in (out, 2 * bump))
  delay = max(range(40), key=lambda k: (true[:len(true) - k] * late[k:]).sum())
  assert delay <= 10      # ms


def test_noise_is_halved_at_200_frames_a_second_and_heads_are_not_left_behind():
  rng, smooth = np.random.default_rng(0), OneEuro()
  noise = rng.normal(0, .13, (400, 68, 2))
  out = np.array([smooth(k / 200, points, 60.) for k, points in enumerate(noise)])
  assert out[20:].std() < .5 * .13
  smooth = OneEuro()
  lag = [100 * k / 200 - smooth(k / 200, np.full((1, 2), 100 * k / 200), 100.)[0, 0]
         for k in range(200)]
  assert max(lag) < .7 and lag[-1] < .25       # pixels, at an eye distance a second


# What is refused.


def test_every_frame_is_accounted_for():
  scenes = [[], [], [(0, 60, 60), (1, 300, 60)], [(0, 60, 60)], []]
  tracked = track(scenes)
  assert [(frame.number, [row.person for row in rows]) for frame, rows in tracked] == [
      (0, []), (1, []), (2, [0, 1]), (3, [0]), (4, [])]


def test_landmarks_of_another_shape_are_refused():
  frame = reading.Frame(0, 0., backdrop())
  with pytest.raises(InputError, match='frame 0 are .5, 2. in shape'):
    list(tracking.track_faces([frame], landmarks={0: np.zeros((5, 2))}))


@pytest.mark.parametrize('count', [1, 3, 50])
def test_what_is_decoded_ahead_changes_nothing(count):
  frames = [frame for frame, _ in frames_of([[(0, 100, 60)]] * 7)]
  assert [f.number for f in reading.read_ahead(iter(frames), count)] == list(range(7))

  def broken():
    yield frames[0]
    raise InputError('here')
  ahead = reading.read_ahead(broken(), count)
  assert next(ahead).number == 0
  with pytest.raises(InputError, match='here'):
    next(ahead)
  stopped = reading.read_ahead(iter(frames), count)
  next(stopped)
  stopped.close()
