import cv2
import numpy as np
import pytest

from lightman_jax.data.choice import choose
from lightman_jax.data.synthetic_plan import read_settings, row_of, spell_settings
from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks
from lightman_jax.synthetic import face as muscles, scenes
from lightman_jax.synthetic.canvas import Canvas

STILL = scenes.Difficulty(head=0., blink=0.)


def plan(**changes):
  options = dict(seed=3, subjects=3, micro=3, macro=3, fps=200.)
  return scenes.plan_scenes(**{**options, **changes})


def at_apex(scene, *, size=64):
  return scenes.render_scene(scene, frames=(scene.onset, scene.apex), size=size)


def flow(first, second):
  grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (first, second)]
  method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
  method.setFinestScale(0)
  return method.calc(*grey, None)


def hull(points, size):
  outline = cv2.convexHull(points.astype(np.float32))[:, 0]
  return Canvas(size, 0.).fill((outline + .5) / size) > .5


@pytest.fixture(scope='module')
def still():
  """Scene and clip of heads that do not move and eyes that do not blink."""
  return [(s, at_apex(s)) for s in plan(difficulty=STILL)]


def test_same_seed_same_clip():
  (first, second) = (at_apex(plan()[4]) for _ in range(2))
  for a, b in zip(first, second):
    np.testing.assert_array_equal(a, b)


def test_another_seed_is_another_person():
  assert not np.array_equal(at_apex(plan()[0]).frames, at_apex(plan(seed=4)[0]).frames)


def test_more_people_and_clips_leave_the_others_as_they_are():
  more = {s.clip: s for s in plan(subjects=5, micro=6)}
  for scene in plan():
    assert more[scene.clip] == scene


def test_a_frame_is_the_same_whatever_is_rendered_with_it():
  scene = plan()[0]
  alone = scenes.render_scene(scene, frames=(scene.apex,), size=48)
  numbers = (scene.onset, scene.apex, scene.offset)
  together = scenes.render_scene(scene, frames=numbers, size=48)
  np.testing.assert_array_equal(alone.frames[0], together.frames[1])
  np.testing.assert_array_equal(alone.landmarks[0], together.landmarks[1])


def test_shapes_and_types():
  clip = at_apex(plan()[0], size=40)
  assert clip.frames.shape == (2, 40, 40, 3) and clip.frames.dtype == np.uint8
  assert clip.landmarks.shape == (2, 68, 2) and clip.landmarks.dtype == np.float32
  assert clip.displacement.shape == (2, 40, 40, 2)


def test_nothing_has_moved_at_onset(still):
  moving = [at_apex(s) for s in plan()[:3]]
  for clip in [clip for _, clip in still] + moving:
    assert np.abs(clip.displacement[0]).max() < 1e-3


@pytest.mark.parametrize('kind', ['micro', 'macro'])
def test_amplitudes(still, kind):
  low, high = getattr(STILL, kind)
  for scene, clip in still:
    if scene.kind == kind:
      largest = np.linalg.norm(clip.displacement[1], axis=-1).max()
      assert low <= scene.amplitude <= high
      # The pixel grid can miss the very peak.
      assert largest == pytest.approx(scene.amplitude, rel=.08)


def test_landmarks_move_with_the_skin(still):
  # Not lips and lids: there the skin's movement changes within a pixel.
  calm = list(range(17, 36))
  for _, clip in still:
    where = clip.landmarks[0][calm]
    field = cv2.remap(clip.displacement[1], where[:, :1], where[:, 1:],
                      cv2.INTER_LINEAR)
    moved = clip.landmarks[1][calm] - where
    assert np.abs(field[:, 0] - moved).max() < .5


def test_pictures_follow_the_stated_movement():
  """Undoing the movement brings the onset frame back, but for eyes, lips and folds."""
  quiet = STILL._replace(noise=0., flicker=0., head=.5)
  across, down = np.meshgrid(*2 * [np.arange(64, dtype=np.float32)])
  before, after = [], []
  for scene in plan(difficulty=quiet):
    clip = at_apex(scene)
    onset, apex = clip.frames.astype(np.float32)
    move = clip.displacement[1]
    undone = cv2.remap(apex, across + move[..., 0], down + move[..., 1],
                       cv2.INTER_CUBIC)
    face = hull(clip.landmarks[0], 64)
    before.append(np.abs(apex - onset)[face].mean())
    after.append(np.abs(undone - onset)[face].mean())
  assert np.mean(after) < .4 * np.mean(before)


def test_measured_flow_correlates_with_the_movement():
  correlations = []
  for scene in plan(subjects=6, macro=0):
    clip = at_apex(scene)
    face = hull(clip.landmarks[0], 64)
    measured = flow(*clip.frames)[face].ravel()
    correlations.append(np.corrcoef(measured, clip.displacement[1][face].ravel())[0, 1])
  assert np.mean(correlations) >= .8
  assert np.quantile(correlations, .1) >= .7


def test_skin_does_not_fold(still):
  for scene, clip in still:
    move = clip.displacement[1].astype(float)
    du, dv = np.gradient(move[..., 0]), np.gradient(move[..., 1])
    area = (1. + du[1]) * (1. + dv[0]) - du[0] * dv[1]
    around = np.zeros((64, 64), np.uint8)
    for part in (landmarks.LEFT_EYE, landmarks.RIGHT_EYE, landmarks.OUTER_LIPS):
      outline = cv2.convexHull(clip.landmarks[0][list(part)])
      cv2.fillPoly(around, [np.round(outline).astype(np.int32)], 1)
    skin = cv2.dilate(around, np.ones((5, 5))) == 0
    assert area[skin].min() > 0., scene.clip


def test_warp_and_its_inverse():
  points = muscles.face_points(landmarks.mean_face())
  skin = muscles.skin_of(points)
  pull = sum(muscles.directions(unit).sum(0) for unit in (1, 2, 12)) * .04
  bent, = muscles.bend(skin, pull[None])
  where = np.stack(np.meshgrid(*2 * [np.linspace(.2, .8, 40)]), -1)
  there = where + muscles.forward(bent, where, muscles.below_lips(points, where))
  back = there + muscles.backward(bent, there)
  wrong = np.linalg.norm(back - where, axis=-1) * 64.
  assert np.quantile(wrong, .95) < .1


def test_mirrored_muscles_move_mirrored():
  for unit in muscles.MUSCLES:
    left, right = muscles.directions(unit)
    np.testing.assert_array_equal(left[muscles.MIRROR] * (-1., 1.), right)


@pytest.mark.parametrize(('unit', 'point', 'axis', 'sign'), [
    (1, 21, 1, -1), (2, 18, 1, -1), (4, 21, 1, 1), (4, 21, 0, 1), (5, 37, 1, -1),
    (7, 41, 1, -1), (9, 31, 1, -1), (10, 50, 1, -1), (12, 48, 1, -1), (12, 48, 0, -1),
    (15, 48, 1, 1), (17, 57, 1, -1), (20, 48, 0, -1), (23, 48, 0, 1), (24, 57, 1, -1),
    (25, 66, 1, 1), (26, 8, 1, 1)])
def test_action_units_move_as_facs_says(unit, point, axis, sign):
  assert np.sign(muscles.directions(unit).sum(0)[point, axis]) == sign


def test_every_combination_is_of_known_muscles_and_a_distribution():
  assert set(scenes.CLASS_OF) == set(scenes.COMBINATIONS)
  assert set(scenes.CLASS_OF.values()) == set(scenes.CLASSES)
  for sets in scenes.COMBINATIONS.values():
    assert sum(sets.values()) == pytest.approx(1.)
    assert {unit for units in sets for unit in units} <= set(muscles.MUSCLES)
  shared = set.intersection(*(
      {unit for emotion, sets in scenes.COMBINATIONS.items()
       if scenes.CLASS_OF[emotion] == label for units in sets for unit in units}
      for label in ('negative', 'surprise')))
  assert shared


@pytest.mark.parametrize('fps', [25., 60., 200.])
def test_time_course(fps):
  for scene in plan(fps=fps, subjects=6):
    assert 1 <= scene.onset < scene.apex < scene.offset
    low, high = scenes.SECONDS[scene.kind]
    seconds = (scene.offset - scene.onset) / fps
    assert low - 1. / fps <= seconds <= high + 1. / fps
  timing = scenes.Timing(10, 20, 40)
  course = scenes.activation(np.arange(0., 50.), timing, delay=.2, hold=.1, residue=.1)
  assert course[10] == 0. and course[20] == 1. and course.argmax() == 20
  assert course[40] == pytest.approx(.1)
  assert (np.diff(course[:21]) >= 0.).all() and (np.diff(course[20:]) <= 0.).all()


def test_rows_say_what_was_planned():
  for scene in plan():
    row = row_of(scene)
    assert (row.clip, row.subject, row.kind) == (scene.clip, scene.subject, scene.kind)
    assert row.emotion in scenes.CLASS_OF and row.dataset == 'synthetic'
    assert [u.number for u in row.action_units] == [a.unit for a in scene.actions]
    assert row.action_units_raw.count('+') == len(row.action_units) - 1


def test_every_subject_shows_every_class():
  for kind in ('micro', 'macro'):
    for subject in ('sub01', 'sub03'):
      shown = {scenes.CLASS_OF[s.emotion] for s in plan()
               if (s.subject, s.kind) == (subject, kind)}
      assert shown == set(scenes.CLASSES)


@pytest.mark.parametrize('name, value', [
    ('subjects', 0), ('subjects', 10**9), ('micro', -1), ('fps', float('nan')),
    ('fps', float('inf')), ('fps', 1e9)])
def test_bad_numbers_are_refused(name, value):
  with pytest.raises(InputError, match=f'{name} is {value}; it must be from'):
    plan(**{name: value})


def landmarks_of(scene):
  return at_apex(scene).landmarks.astype(float)


def test_a_closer_crop_stretches_the_face_and_its_movements():
  plain = landmarks_of(plan(difficulty=STILL)[0])
  cut = landmarks_of(plan(difficulty=STILL._replace(crop=(.5, .8)))[0])
  # What half of the width shows is twice as wide; the middle stays where it is.
  for now, before in ((cut[0], plain[0]), (cut[1] - cut[0], plain[1] - plain[0])):
    np.testing.assert_allclose(now - now[30], (before - before[30]) / (.5, .8),
                               atol=1e-3)


def test_crops_differ_from_clip_to_clip_around_their_middle():
  level = STILL._replace(crop=(.7, .75), crop_spread=.1)
  width = {False: [], True: []}
  for n, scene in enumerate(plan(difficulty=level)):
    before = landmarks_of(plan(difficulty=STILL)[n])
    ratio = landmarks.inter_ocular_distance(before[0]) / (
        landmarks.inter_ocular_distance(landmarks_of(scene)[0]))
    width[scene.kind == 'macro'].append(ratio)
  ratios = np.concatenate([*width.values()])
  assert .58 < ratios.min() and ratios.max() < .82 and np.ptp(ratios) > .05


def test_rates_and_compression():
  level = scenes.Difficulty(slowest=25., jpeg=1.)
  rates = [scene.fps for scene in plan(subjects=8, difficulty=level)]
  assert 25 <= min(rates) < 40 and 120 < max(rates) <= 200
  scene = plan(fps=100., difficulty=level._replace(slowest=0.))[0]
  plain = plan(fps=100.)[0]
  pictures, before = at_apex(scene).frames, at_apex(plain).frames
  np.testing.assert_array_equal(landmarks_of(scene), landmarks_of(plain))
  difference = np.abs(pictures.astype(int) - before)
  assert .2 < difference.mean() < 6


def test_close_faces_show_surprise_in_the_brows():
  for name, known in scenes.LEXICONS.items():
    assert set(known) == set(scenes.CLASS_OF)
    for sets in known.values():
      assert sum(sets.values()) == pytest.approx(1), name
      assert all(unit in muscles.MUSCLES for units in sets for unit in units)
  for name, share in (('posed', .2), ('micro', .05)):
    surprise = scenes.LEXICONS[name]['surprise']
    jaw = sum(weight for units, weight in surprise.items() if 26 in units)
    assert jaw == pytest.approx(share)


def test_faces_have_names():
  plain, level = read_settings({'seed': 1})
  assert level == scenes.Difficulty() and plain.seed == 1
  level = read_settings({'faces': 'close', 'difficulty': {'jpeg': 0.}})[1]
  assert level == scenes.FACES['close']._replace(jpeg=0.)
  with pytest.raises(InputError, match="the nearest that exists is 'close'"):
    read_settings({'faces': 'closed'})


# Glasses.

WORN = scenes.FACES['close']._replace(jpeg=0., head=0., blink=0., glasses=1.)


def test_glasses_lie_about_the_eyes_and_change_nothing_else():
  scene, bare = (plan(difficulty=WORN._replace(glasses=share))[0] for share in (1., 0.))
  first, second = at_apex(scene), at_apex(bare)
  np.testing.assert_array_equal(first.landmarks, second.landmarks)
  np.testing.assert_array_equal(first.displacement, second.displacement)
  apart = np.abs(first.frames[0].astype(int) - second.frames[0]).max(-1) > 3
  rows, columns = np.nonzero(apart)
  eyes, jaw = second.landmarks[0, 36:48], second.landmarks[0, :17]
  assert apart.mean() > .01 and rows.min() > second.landmarks[0, 17:27, 1].min() - 8
  assert rows.max() < second.landmarks[0, 33, 1] + 4
  assert columns.min() >= jaw[:, 0].min() - 2 and columns.max() <= jaw[:, 0].max() + 2
  assert rows.min() < eyes[:, 1].mean() < rows.max()


def test_some_people_wear_glasses_and_always_the_same():
  people = plan(subjects=40, difficulty=WORN._replace(glasses=.4))
  worn = {}
  for scene in people:
    worn.setdefault(scene.subject, []).append(scenes.glasses_of(scene) is not None)
  assert all(len(set(own)) == 1 for own in worn.values())
  assert 8 <= sum(own[0] for own in worn.values()) <= 24
  assert all(scenes.glasses_of(scene) is None for scene in plan())


# Lamps.

def test_lamps_differ_by_the_multiple_and_skin_moves_as_before():
  close = scenes.FACES['close']
  lamp = lambda name, **level: scenes.person_of(0, name, close._replace(**level))
  names = [f'sub{k:02d}' for k in range(1, 200)]
  spread = lambda **level: np.std([lamp(name, **level).light[:2] for name in names], 0)
  np.testing.assert_allclose(spread(lamp=2.), 2 * spread(), rtol=1e-9)
  np.testing.assert_allclose(spread(), (.55, .2), rtol=.15)
  same = lamp('sub01', lamp=0.)
  np.testing.assert_array_equal(same.light, lamp('sub02', lamp=0.).light)
  assert same.ambient == pytest.approx(.55) and lamp('sub01') == lamp('sub01', lamp=1.)
  first, second = (at_apex(plan(difficulty=close._replace(jpeg=0., lamp=one))[0])
                   for one in (1., 3.))
  np.testing.assert_array_equal(first.displacement, second.displacement)
  assert np.abs(first.frames.astype(int) - second.frames).mean() > 2.


def test_what_is_spelt_of_older_faces_stays_as_it_was():
  """A name is that of a folder; these were written by the version before."""
  spell = lambda **synthetic: spell_settings(choose({
      'name': 'synthetic', 'synthetic': synthetic}))
  assert scenes.Difficulty._fields[-2:] == ('glasses', 'lamp')
  names = {faces: spell(faces=faces) for faces in scenes.FACES}
  assert names['close'].endswith('-017c349f') and names['glasses'].endswith('-df4447c0')
  assert len(set(names.values())) == len(names)
  assert len({spell(difficulty={'lamp': lamp, 'glasses': share})
              for lamp in (0., 1., 2.) for share in (0., .5, 1.)}) == 9
