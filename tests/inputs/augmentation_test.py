"""Augmentation: what a mirror, a shift and a factor must do to each kind of input."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.faces import landmarks
from lightman_jax.inputs import augmentation, inputs
from lightman_jax.inputs.augmentation import Augmentation, augment
from lightman_jax.inputs.pool import Content

FLOW = inputs.describe_content(inputs.Settings('flow'), 3)
FACES = inputs.describe_content(inputs.Settings('frames'), 3)
POINTS = inputs.describe_content(inputs.Settings('landmarks'), 2)
READY = inputs.describe_content(inputs.Settings('picture', holds='flow'), 3)
GREY = inputs.describe_content(inputs.Settings('picture', holds='intensity'), 1)


def clip_of(content: Content):
  channels = len(content.flip_sign)
  shape = (2, 68, 2) if content.kind == 'landmarks' else (2, 7, 6, channels)
  return jax.random.normal(jax.random.key(1), shape)


every_content = pytest.mark.parametrize(
    'content', [FLOW, FACES, POINTS, READY, GREY],
    ids=['flow', 'frames', 'landmarks', 'flow picture', 'grey picture'])


@every_content
def test_a_mirror_twice_is_nothing(content):
  clip = clip_of(content)
  once = augmentation.mirror(clip, content)
  assert not np.array_equal(once, clip)
  np.testing.assert_array_equal(augmentation.mirror(once, content), clip)


def test_only_horizontal_motion_changes_sign():
  clip = clip_of(FLOW)
  turned = clip[:, :, ::-1]
  got = augmentation.mirror(clip, FLOW)
  np.testing.assert_array_equal(got[..., 0], -turned[..., 0])
  np.testing.assert_array_equal(got[..., 1:], turned[..., 1:])
  np.testing.assert_array_equal(augmentation.mirror(clip, FACES), turned)


def test_landmarks_change_their_names():
  rng = np.random.default_rng(0)
  points = rng.normal(30, 9, (3, landmarks.COUNT, 2)).astype(np.float32)
  mirrored = landmarks.mirror_landmarks(points, width=63.)
  want = inputs.landmark_movements(mirrored.astype(np.float32))
  got = augmentation.mirror(jnp.asarray(inputs.landmark_movements(points)), POINTS)
  np.testing.assert_allclose(got, want, atol=1e-5)


@pytest.mark.parametrize('algorithm', ['farneback', 'dis'])
def test_the_flow_of_mirrored_frames_is_the_mirrored_flow(textured, algorithm):
  frames = np.stack([textured(shift) for shift in ((0, 0), (1., 2.), (0, 0))])
  how = inputs.Settings('flow', span='apex', algorithm=algorithm, size=0)
  straight = inputs.flow_input(frames, how)
  turned = inputs.flow_input(np.ascontiguousarray(frames[:, :, ::-1]), how)
  want = np.asarray(augmentation.mirror(jnp.asarray(straight), FLOW))
  inner = (slice(None), slice(12, -12), slice(12, -12))
  assert np.abs(straight[inner][..., 0]).mean() > 1.5
  assert np.abs(turned - want)[inner][..., :2].mean() < .15


@pytest.mark.parametrize('by', [(0, 0), (2, -1), (-2, 2), (1, 0)])
def test_a_shift_is_numpys_roll_inside(by):
  clip = clip_of(FLOW)
  got = augmentation.shift(clip, jnp.array(by), most=2)
  want = np.roll(clip, by, (1, 2))
  np.testing.assert_array_equal(got[:, 2:-2, 2:-2], want[:, 2:-2, 2:-2])
  assert got.shape == clip.shape


def test_the_border_is_repeated():
  got = augmentation.shift(clip_of(FLOW), jnp.array((2, 0)), most=2)
  np.testing.assert_array_equal(got[:, 0], got[:, 2])
  np.testing.assert_array_equal(got[:, 1], got[:, 2])


@every_content
def test_amplitude_changes_only_where_it_is_known(content):
  clip = clip_of(content)
  how = Augmentation(shift=0, flip=0., amplitude=.2)
  change = jax.vmap(functools.partial(augment, content=content, how=how), (0, None))
  drawn = np.asarray(change(jax.random.split(jax.random.key(0), 200), clip))
  if content.kind not in ('flow', 'landmarks'):
    np.testing.assert_array_equal(drawn, np.broadcast_to(clip, drawn.shape))
    return
  factor = (drawn / clip).reshape(200, -1)     # the same for the whole clip
  np.testing.assert_allclose(factor, np.repeat(factor[:, :1], factor.shape[1], 1),
                             rtol=1e-5)
  assert .8 <= factor.min() < .82 and 1.18 < factor.max() <= 1.2001


@every_content
def test_zeros_leave_a_clip_as_it_is(content):
  clip = clip_of(content)
  got = augment(jax.random.key(0), clip, content=content, how=Augmentation(0, 0., 0.))
  np.testing.assert_array_equal(got, clip)


@every_content
def test_each_variant_is_a_shift_a_mirror_and_a_factor(content):
  """Every drawn variant is one of the few that the settings allow, and all occur."""
  clip = clip_of(content)
  how = Augmentation(shift=1, flip=.5, amplitude=0.)
  moved = [(0, 0)] if content is POINTS else [(i, j) for i in (-1, 0, 1)
                                              for j in (-1, 0, 1)]
  shifted = [clip if content is POINTS
             else augmentation.shift(clip, jnp.array(by), most=1) for by in moved]
  allowed = np.stack(shifted + [augmentation.mirror(x, content) for x in shifted])
  change = jax.vmap(functools.partial(augment, content=content, how=how), (0, None))
  drawn = np.asarray(change(jax.random.split(jax.random.key(3), 300), clip))
  same = (drawn[:, None] == allowed[None]).reshape(300, len(allowed), -1).all(-1)
  assert (same.sum(1) == 1).all() and same.any(0).all()


def test_clips_are_mixed_in_pairs_as_their_labels_are():
  # A clip of 2 ** n in all its numbers tells by any of them what it was mixed of.
  x = 2. ** jnp.arange(5)[:, None] * jnp.ones(3)
  mixed, shares = augmentation.mixup(jax.random.key(2), x, jnp.arange(5), classes=5,
                                     concentration=.5)
  np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
  np.testing.assert_allclose(mixed, shares @ x, rtol=1e-6)
  assert (shares > 0).sum(1).max() == 2 and (shares > 0).any(0).all()
  # Beta(1/2, 1/2) has mean 1/2 and variance 1/8; of its own clip a pair keeps all.
  many = jax.vmap(lambda key: augmentation.mixup(
      key, x[:2], jnp.arange(2), classes=2, concentration=.5)[1])(
          jax.random.split(jax.random.key(0), 2000))
  paired = np.asarray(many[:, 0, 0])[np.asarray(many[:, 0, 1]) > 0]
  assert abs(paired.mean() - .5) < .05 and abs(paired.var() - 1 / 8) < .02


@pytest.mark.parametrize('content, words', [
    (FLOW, 'shift 2, flip 0.5, amplitude 0.2, mixup 0.0'),
    (READY, 'shift 2, flip 0.5, no amplitude (not of these inputs), mixup 0.0'),
    (FACES, 'shift 2, flip 0.5, no amplitude (not of these inputs), mixup 0.0'),
    (POINTS, 'no shift (not of these inputs), flip 0.5, amplitude 0.2, mixup 0.0')])
def test_what_results_state_is_what_is_done(content, words):
  how = Augmentation(2, .5, .2)
  assert augmentation.describe_augmentation(how, content) == words
  clip, keys = clip_of(content), jax.random.split(jax.random.key(0), 8)
  done = augmentation.applicable_augmentation(how, content)
  for key in keys:
    # By the words alone: what is said not to be done changes no number.
    np.testing.assert_array_equal(augment(key, clip, content=content, how=how),
                                  augment(key, clip, content=content, how=done))
  only = Augmentation(0, 0., .2)
  moved = any(not np.array_equal(augment(key, clip, content=content, how=only), clip)
              for key in keys)
  assert moved == ('amplitude 0.2' in words)
