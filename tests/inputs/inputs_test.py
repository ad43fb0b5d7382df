"""What the network sees of a clip, kind by kind, and what is refused by name."""

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks
from lightman_jax.inputs import inputs
from lightman_jax.inputs.inputs import Settings, make_inputs


@pytest.fixture(scope='module')
def clips(textured, clips_of):
  """Three clips of five frames; the second moves down, the third to the right."""
  still, down, right = [0] * 5, [0, 1, 2, 1, 0], [0, 1, 3, 2, 1]
  return clips_of(np.stack([np.stack([textured(shift) for shift in zip(rows, columns)])
                            for rows, columns in
                            ((still, still), (down, still), (still, right))]))


@pytest.mark.parametrize('how, shape', [
    (Settings('flow', 'each', size=32), (3, 4, 32, 32, 3)),
    (Settings('flow', 'apex', size=0), (3, 1, 64, 64, 3)),
    (Settings('frames', size=16), (3, 5, 16, 16, 3)),
    (Settings('difference', size=16), (3, 4, 16, 16, 1)),
    (Settings('picture', size=28), (3, 1, 28, 28, 3))])
def test_shapes(clips, how, shape):
  progress = []
  x = make_inputs(clips, how, progress=lambda *done: progress.append(done))
  assert x.shape == shape and x.dtype == np.float32 and np.isfinite(x).all()
  assert progress == [('inputs', 1, 3), ('inputs', 2, 3), ('inputs', 3, 3)]


def test_frames_lie_between_minus_one_and_one(clips):
  x = make_inputs(clips, Settings('frames', size=0))
  np.testing.assert_allclose(127.5 * (x + 1), clips.frames, atol=1e-4)


def test_difference_from_the_onset(clips):
  x = make_inputs(clips, Settings('difference', size=0))
  grey = clips.frames[..., 0].astype(float)     # the textures have no colour
  np.testing.assert_allclose(x[..., 0], (grey[:, 1:] - grey[:, :1]) / 255, atol=1e-6)
  assert not x[0].any()


def test_flow_is_the_movement(clips):
  x = make_inputs(clips, Settings('flow', 'each', size=0))
  movement = np.median(x, (2, 3))
  np.testing.assert_allclose(movement[0, :, :2], 0, atol=.05)
  np.testing.assert_allclose(movement[1, :, 1], [1, 2, 1, 0], atol=.1)
  np.testing.assert_allclose(movement[2, :, 0], [1, 3, 2, 1], atol=.1)


def test_ready_pictures_and_pictures_made_of_frames(clips, clips_of):
  rng = np.random.default_rng(0)
  ready = clips_of(rng.integers(0, 256, (2, 1, 28, 28, 3)))
  how = Settings('picture', size=28)
  want = ready.frames / 127.5 - 1
  np.testing.assert_allclose(make_inputs(ready, how), want, atol=1e-6)
  made = make_inputs(clips, how)
  field = inputs.clip_flow(clips.frames[2], span='apex', algorithm=how.algorithm,
                         size=28)
  np.testing.assert_allclose(made[2], inputs.as_picture(field) / 127.5 - 1, atol=1e-6)
  assert (made[1:].min((1, 2, 3)) == -1).all() and (made[1:].max((1, 2, 3)) == 1).all()


@pytest.fixture(scope='module')
def blinking(textured, clips_of):
  """The picture goes 1 right and 2 down; the landmarks lie as in the mean face."""
  frames = np.stack([textured((0, 0)), textured((2, 1)), textured((0, 0))])
  points = np.repeat(64 * landmarks.mean_face()[None, None] - .5, 3, 1)
  return clips_of(frames[None], landmarks=points)


def test_what_the_head_does_is_taken_off_and_eyes_do_not_count(blinking):
  plain = make_inputs(blinking, Settings('flow', 'apex', size=0))[0, 0]
  for how in ('nose', 'median'):
    still = make_inputs(blinking, Settings('flow', 'apex', size=0, stabilise=how))[0, 0]
    # A shift is the same everywhere: nothing is left of it, and strain is what it was.
    off = plain[..., :2] - still[..., :2]
    np.testing.assert_allclose(off, np.broadcast_to(off[0, 0], off.shape), atol=1e-5)
    np.testing.assert_allclose(off[0, 0], (1, 2), atol=.05)
    np.testing.assert_allclose(still[..., 2], plain[..., 2], atol=1e-5)
  masked = make_inputs(blinking, Settings('flow', 'apex', size=0, mask='eyes'))[0, 0]
  gone = (masked != plain).any(-1)
  assert not masked[gone].any()
  points = np.rint(blinking.landmarks[0, 0]).astype(int)
  inside = gone[points[:, 1], points[:, 0]]
  # Lids and their corners are in it; brows, nose and mouth are not.
  assert inside[36:48].all() and not inside[:36].any() and not inside[48:].any()
  assert .02 < gone.mean() < .12


def test_the_nose_is_where_its_landmarks_are(textured, clips_of):
  """Only there does the picture move, so that is what is taken off everywhere."""
  first, second = textured((0, 0)), textured((0, 0)).copy()
  second[20:36, 24:40] = textured((0, 1))[20:36, 24:40]
  points = np.repeat(64 * landmarks.mean_face()[None, None] - .5, 3, 1)
  x = make_inputs(clips_of(np.stack([first, second, first])[None], landmarks=points),
                  Settings('flow', 'apex', size=0, stabilise='nose'))[0, 0]
  assert np.median(x[44:, :, 0]) < -.5 and abs(np.median(x[26:32, 30:34, 0])) < .3


@pytest.mark.parametrize('how', [dict(stabilise='nose'), dict(mask='eyes')])
def test_without_landmarks_nobody_knows_where_the_nose_is(clips, how):
  with pytest.raises(InputError, match='needs landmarks, and made-up has none of 3 of'):
    make_inputs(clips, Settings('flow', **how))


def turned(points, *, angle, factor, by):
  """A rigid movement and change of size, written with a matrix."""
  cos, sin = np.cos(angle), np.sin(angle)
  return factor * points @ np.array([[cos, sin], [-sin, cos]]) + by


@pytest.fixture(scope='module')
def faces():
  """Two clips of three frames: the mouth moves, and the eyes and nose do not."""
  face = 60 * landmarks.mean_face() + 2
  points = np.repeat(np.repeat(face[None, None], 2, 0), 3, 1)
  points[0, 1, 48] += (-2, -1)
  points[1, 1, 17:22] += (0, -3)
  points[1, 2, 17:22] += (0, -1)
  return points


def test_landmark_movements(faces, clips_of):
  clips = clips_of(np.zeros((2, 3, 8, 8, 3)), landmarks=faces)
  x = make_inputs(clips, Settings('landmarks'))
  between = 60 * .552                     # outer corners of the eyes of the mean face
  want = np.zeros((2, 3, 68, 2))
  want[0, 1, 48] = (-2 / between, -1 / between)
  want[1, 1, 17:22, 1], want[1, 2, 17:22, 1] = -3 / between, -1 / between
  assert x.dtype == np.float32
  np.testing.assert_allclose(x, want, atol=1e-5)


@pytest.mark.parametrize('angle, factor, by', [
    (0., 1., (5., -3.)), (.2, 1., (0., 0.)), (0., 1.2, (0., 0.)),
    (-.15, .9, (3., 7.))])
def test_a_rigid_face_does_not_move(faces, angle, factor, by):
  """However the head goes; and it hides nothing of what the face does meanwhile."""
  how = dict(angle=angle, factor=factor, by=np.array(by))
  still = np.stack([faces[0, 0], turned(faces[0, 0], **how)])
  np.testing.assert_allclose(inputs.landmark_movements(still), 0, atol=1e-6)
  face = faces[0]
  moved = np.stack([face[0], turned(face[1], **how), face[2]])
  np.testing.assert_allclose(inputs.landmark_movements(moved),
                             inputs.landmark_movements(face), atol=1e-6)


def test_a_nearer_or_turned_face_moves_by_as_much(faces):
  """The whole clip, onset and all: twice the pixels are the same movement."""
  np.testing.assert_allclose(inputs.landmark_movements(2 * faces[0] + 5),
                             inputs.landmark_movements(faces[0]), atol=1e-6)


@pytest.mark.parametrize('value', [np.inf, -np.inf])
def test_a_clip_whose_landmarks_are_no_numbers_is_named(faces, clips_of, value):
  points = faces.copy()
  points[0, 1, 48] = value
  with pytest.raises(InputError, match='no landmarks for 1 of 2 clips, c0'):
    make_inputs(clips_of(np.zeros((2, 3, 8, 8, 3)), landmarks=points),
                Settings('landmarks'))


def test_a_clip_that_gives_no_finite_input_is_named(clips_of, monkeypatch):
  monkeypatch.setitem(inputs.KINDS, 'frames', lambda clip, how, at: clip / np.float32(
      np.nan if clip.any() else 1))
  frames = np.zeros((2, 3, 8, 8, 3))
  frames[1] = 1
  with pytest.raises(InputError, match='frames of c1 of made-up is not finite'):
    make_inputs(clips_of(frames), Settings('frames'))


def test_landmarks_in_one_spot_are_no_face(faces, clips_of):
  points = faces.copy()
  points[1, 2] = 7.
  with pytest.raises(InputError, match='of c1 of made-up lie in one spot'):
    make_inputs(clips_of(np.zeros((2, 3, 8, 8, 3)), landmarks=points),
                Settings('landmarks'))


def test_what_a_mirror_must_know():
  assert inputs.describe_content(Settings('flow'), 3)[1:] == ((-1, 1, 1), True)
  content = inputs.describe_content(Settings('picture', holds='flow'), 3)
  assert content[1:] == ((-1, 1, 1), False)
  assert inputs.describe_content(Settings('picture', holds='intensity'), 3)[1:] == (
      (1, 1, 1), False)
  assert inputs.describe_content(Settings('difference'), 1)[1:] == ((1,), True)
  assert inputs.describe_content(Settings('frames'), 3)[1:] == ((1, 1, 1), False)
  assert inputs.describe_content(Settings('landmarks'), 2)[1:] == ((-1, 1), True)


def test_each_channel_less_its_median(clips_of):
  frames = np.random.default_rng(0).integers(0, 256, (2, 1, 6, 6, 3))
  ready = clips_of(frames)
  plain = make_inputs(ready, Settings('picture', size=0))
  x = make_inputs(ready, Settings('picture', size=0, centre='median'))
  assert x.dtype == np.float32
  for n in range(2):
    for channel in range(3):
      level = sorted(plain[n, ..., channel].ravel().tolist())[17:19]     # of 36
      np.testing.assert_allclose(
          x[n, ..., channel], plain[n, ..., channel] - np.mean(level), atol=1e-6)
  assert np.abs(np.median(plain[0], (0, 1, 2))).max() > .02


@pytest.mark.parametrize('unit, over', [('clip', (1, 2, 3, 4)), ('channel', (1, 2, 3))])
def test_a_clip_over_its_own_root_mean_square(clips_of, unit, over):
  frames = np.random.default_rng(0).integers(0, 256, (3, 1, 6, 6, 3))
  frames[2] = 7                                            # one grey: no motion at all
  how = Settings('picture', size=0, centre='median')
  plain, x = (make_inputs(clips_of(frames), one) for one in (
      how, how._replace(unit=unit)))
  squares = np.mean(np.square(plain, dtype=np.float64), over, keepdims=True)
  np.testing.assert_allclose(x[:2] * np.sqrt(squares[:2]), plain[:2], atol=1e-5)
  assert (x[2] == 0).all()
  # Twice the motion is the same input.
  np.testing.assert_allclose(inputs.divide_by_rms(2 * plain, over)[0], x[0], atol=1e-5)


def test_a_mirror_image_of_a_stretched_picture_is_its_negative():
  fields = np.random.default_rng(1).standard_normal((1, 6, 6, 3)) + [3., -1., 0.]
  mirrored = fields[:, :, ::-1] * [-1, 1, 1]
  one, other = inputs.as_picture(fields), inputs.as_picture(mirrored)
  np.testing.assert_allclose(other[:, :, ::-1, :1], 255. - one[..., :1], atol=1)


@pytest.mark.parametrize('how, length, words', [
    (Settings('flow'), 1, 'data.frames'), (Settings('difference'), 1, 'data.frames'),
    (Settings('landmarks'), 1, 'data.frames'),
    (Settings('picture', holds='intensity'), 3, 'data.frames=1'),
    (Settings('landmarks'), 3, 'c0')])
def test_clips_that_cannot_become_these_inputs(clips_of, how, length, words):
  with pytest.raises(InputError) as caught:
    make_inputs(clips_of(np.zeros((2, length, 8, 8, 3))), how)
  assert words in str(caught.value) and 'made-up' in str(caught.value)


@pytest.mark.parametrize('unit', ['channel', 'clip'])
@pytest.mark.parametrize('size', [0, 16])
def test_what_rounding_leaves_of_one_colour_is_nothing(unit, size):
  """A picture of one colour, and a channel that is dead, are not brought to a unit."""
  how = inputs.Settings('picture', size=size, centre='median', unit=unit)
  rng = np.random.default_rng(0)
  for colour in (0, 3, 127, 128, 255):
    x = inputs.encode_clip(np.full((1, 28, 28, 3), colour, np.uint8), None, how)
    assert not x.any(), (colour, np.abs(x).max())
  picture = rng.integers(0, 256, (1, 28, 28, 3)).astype(np.uint8)
  picture[..., 1] = 128
  x = inputs.encode_clip(picture, None, how)
  assert np.abs(x[..., 1]).max() < 1e-6 < np.abs(x[..., 0]).mean()
  # A single pixel, a grey level off, is something.
  picture = np.full((1, 28, 28, 3), 100, np.uint8)
  picture[0, 14, 14] = 101
  assert inputs.encode_clip(picture, None, how).any()

