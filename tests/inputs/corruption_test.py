"""Noise at test time: what it is by hand, how much of it, and the same every time."""

import numpy as np
import pytest

from lightman_jax import listed_settings
from lightman_jax.errors import InputError
from lightman_jax.inputs import augmentation
from lightman_jax.inputs.augmentation import KINDS, corrupt_clips
from lightman_jax.inputs.inputs import Settings, make_inputs

RNG = np.random.default_rng(0)
PIXELS = [name for name, kind in KINDS.items() if kind.pixels is not None]


@pytest.fixture(scope='module')
def clips(textured, clips_of):
  """Two clips of seven frames that move to the right, with landmarks."""
  frames = np.stack([np.stack([textured((0, min(n, 6 - n))) for n in range(7)])] * 2)
  points = np.random.default_rng(0).uniform(10, 50, (2, 7, 68, 2))
  return clips_of(frames, landmarks=points)


def changed(clips, name, level, seed=0):
  return corrupt_clips(clips, name, level, seed=seed)


def test_the_settings_know_all_kinds():
  assert tuple(KINDS) == listed_settings.NOISE
  assert listed_settings.noise('all') == tuple(KINDS)
  assert listed_settings.noise('none') == ()
  assert listed_settings.noise('blur, apex,blur') == ('blur', 'apex')
  with pytest.raises(InputError, match="'bluur'"):
    listed_settings.noise('bluur')


@pytest.mark.parametrize('name', KINDS)
def test_levels(clips, name):
  """At least four, none among them, which changes nothing; the others do, all alike
  in every start, and otherwise in another clip, seed or level."""
  some = augmentation.noise_levels(name, 7)
  assert len(some) >= 4 and some.count(0) == 1 and list(some) == sorted(some)
  assert changed(clips, name, 0) is clips
  for level in filter(None, some):
    one, same = changed(clips, name, level), changed(clips, name, level)
    for a, b in zip(one[:2], same[:2]):
      np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(one[:2], clips[:2]))
    assert one.frames.dtype == np.uint8 and one.frames.shape == clips.frames.shape
    assert one[2:] == clips[2:] or all(a is b for a, b in zip(one[2:], clips[2:]))
  if name in ('gaussian', 'salt_pepper', 'occlusion', 'jitter'):
    other = changed(clips, name, some[-1], seed=1)
    part = 1 if name == 'jitter' else 0
    assert (other[part] != one[part]).any()
    assert (one[part][0] - clips[part][0] != one[part][1] - clips[part][1]).any()


@pytest.mark.parametrize('name', PIXELS)
def test_a_clip_suffers_alone(clips, name):
  """Whoever else is in the set: folds and subsets see the same noise."""
  level = augmentation.noise_levels(name, 7)[-1]
  second = clips._replace(frames=clips.frames[1:], landmarks=clips.landmarks[1:],
                          clip=clips.clip[1:])
  np.testing.assert_array_equal(changed(clips, name, level).frames[1:],
                                changed(second, name, level).frames)


def test_amounts_by_hand(clips_of):
  grey = clips_of(np.full((1, 5, 40, 40, 3), 100), name='grey')
  noise = changed(grey, 'gaussian', 10).frames - 100.
  assert noise.std() == pytest.approx(10, rel=.02) and abs(noise.mean()) < .2
  spots = changed(grey, 'salt_pepper', .1).frames
  assert set(np.unique(spots)) == {0, 100, 255}
  assert (spots != 100).all(-1).mean() == pytest.approx(.1, abs=.015)
  light = changed(grey, 'brightness', 50).frames.astype(int) - 100
  sign = np.sign(light[0, -1, 0, 0, 0])
  np.testing.assert_array_equal(light[0, :, 3, 4, 1], sign * np.rint([0, 12.5, 25,
                                                                      37.5, 50]))
  square = changed(grey, 'occlusion', .3).frames
  assert (square == 128).sum() == 5 * 12 * 12 * 3
  assert (square == square[:, :1]).all()
  points = changed(grey._replace(landmarks=np.zeros((1, 5, 68, 2), np.float32)),
                   'jitter', 2).landmarks
  assert points.std() == pytest.approx(2, rel=.1)


def test_blur_and_jpeg(clips):
  """A point becomes a Gaussian; a coarse JPEG is further away than a fine one, and
  keeps the colours in their places."""
  point = np.zeros((1, 1, 41, 41, 3), np.uint8)
  point[..., 20, 20, :] = 255
  frames = augmentation.blur(point[0], 1., RNG)[0, :, :, 0]
  assert frames[20, 20] == pytest.approx(255 / (2 * np.pi), abs=2)
  assert frames[20, 21] / frames[20, 20] == pytest.approx(np.exp(-.5), abs=.03)
  gaps = [np.abs(changed(clips, 'jpeg', level).frames - clips.frames.astype(float))
          .mean() for level in (10, 50, 90)]
  assert 0 < gaps[0] < gaps[1] < gaps[2] < 20
  red = np.zeros((1, 16, 16, 3), np.uint8)
  red[..., 0] = 200
  assert np.abs(augmentation.jpeg(red, 10, RNG) - red.astype(int)).max() < 5
  single = clips.frames[0, ..., :1]
  assert augmentation.jpeg(single, 10, RNG).shape == single.shape


def test_dropped_frames():
  """The one before is shown again; the onset is never lost."""
  for seed in range(20):
    places = augmentation.drop_frames(9, .5, np.random.default_rng(seed))
    kept = places == np.arange(9)
    assert kept[0] and kept.sum() == 5
    for n in np.flatnonzero(~kept):
      assert places[n] == places[n - 1]


@pytest.mark.parametrize('length, level, want', [
    (9, 1, [0, 1, 3, 4, 5, 6, 7, 7, 8]), (9, -2, [0, 1, 1, 2, 2, 4, 5, 7, 8]),
    (5, 1, [0, 2, 3, 4, 4]), (5, -2, [0, 0, 0, 2, 4]), (3, 1, [0, 2, 2]),
    (7, 0, [0, 1, 2, 3, 4, 5, 6])])
def test_apex_off(length, level, want):
  assert augmentation.misplace_apex(length, level, RNG).tolist() == want
  assert set(augmentation.noise_levels('apex', 3)) == {-1, 0, 1}


def test_order_holds_for_frames_and_landmarks(clips):
  off = changed(clips, 'apex', 2)
  np.testing.assert_array_equal(off.frames[:, 3], clips.frames[:, 5])
  np.testing.assert_array_equal(off.landmarks[:, 3], clips.landmarks[:, 5])


def test_inputs_are_made_again(clips):
  """Noise comes before flow: shown the onset alone, nothing moves."""
  how = Settings('flow', 'apex', size=16)
  still = make_inputs(changed(clips, 'apex', -3), how)
  assert np.abs(make_inputs(clips, how)[..., 0]).mean() > 1
  assert np.abs(still).max() < .05


@pytest.mark.parametrize('how, length, without', [
    (Settings('flow'), 9, {'jitter'}), (Settings('frames'), 5, {'jitter'}),
    (Settings('picture'), 1, {'jitter', 'dropped', 'apex'}),
    (Settings('landmarks'), 9, set(PIXELS))])
def test_what_applies(how, length, without):
  some = augmentation.applicable_noise(how, length)
  assert set(KINDS) - set(some) == without
  augmentation.check_noise(some, how, length)
  for name in without:
    with pytest.raises(InputError, match=f'evaluation.noise={name} means nothing'):
      augmentation.check_noise((name,), how, length)
