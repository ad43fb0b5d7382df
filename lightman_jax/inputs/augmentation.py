"""Inputs are changed: lightly in training, with noise where robustness is measured.

A clip is shifted, mirrored and made stronger or weaker as a whole: the same change
for all of its frames. Written for one clip; the caller maps it over many.

Pixels are 0-255 RGB of the stored frames, which are those of the aligned face; a clip
is one (T, h, w, c) array, onset first, apex in the middle, offset last. What is random
is a function of seed, clip, kind and level, so that all folds, methods and starts see
the same noise.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, UInt8
import numpy as np

from lightman_jax import keys
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks
from lightman_jax.faces.apex import sample_frames
from lightman_jax.inputs import inputs
from lightman_jax.inputs.pool import Content
from lightman_jax.units import counted

# Light augmentation of one clip, inside the compiled step.

class Augmentation(NamedTuple):
  """How much; zeros leave a clip as it is."""
  shift: int = 1           # pixels of the input, at most, each way
  flip: float = .5         # probability of a mirror image
  amplitude: float = .2    # factor from 1 - a to 1 + a, where amplitude is known
  mixup: float = 0.        # of the query's clips in pairs; see `mixup`


def applicable_augmentation(how: Augmentation, content: Content) -> Augmentation:
  """What of an augmentation these inputs can have; the rest of it is zero.

  Numbers that are no pictures stay as they are, landmarks are not shifted, and where
  zero is not known to be no motion, no clip is made stronger or weaker.

  Args:
    how: as configured.
    content: what the inputs hold.
  """
  if content.kind == 'array':
    return Augmentation(0, 0., 0., how.mixup)
  return Augmentation(
      shift=0 if content.kind == 'landmarks' else how.shift, flip=how.flip,
      amplitude=how.amplitude if content.amplitude_known else 0., mixup=how.mixup)


def describe_augmentation(how: Augmentation, content: Content) -> str:
  """What is done to the clips of a training task, as results state it.

  Args:
    how: as configured.
    content: what the inputs hold.
  """
  done = applicable_augmentation(how, content)._asdict()
  return ', '.join(
      f'{name} {value}' if done[name] == value else f'no {name} (not of these inputs)'
      for name, value in how._asdict().items())


def augment(key: Key[Array, ''], clip: Float[Array, '*clip'], *, content: Content,
            how: Augmentation) -> Float[Array, '*clip']:
  """A random variant of a clip (t, h, w, c), or of landmark movements (t, 68, 2).

  Args:
    key: of this clip at this step.
    clip: one clip's input.
    content: what the inputs hold.
    how: as configured; what these inputs cannot have is left out.
  """
  key_shift, key_flip, key_amplitude = jax.random.split(key, 3)
  how = applicable_augmentation(how, content)
  if how.shift:
    clip = shift(clip, jax.random.randint(key_shift, (2,), -how.shift, how.shift + 1),
                 most=how.shift)
  if how.flip:
    flipped = jax.random.bernoulli(key_flip, how.flip)
    clip = jnp.where(flipped, mirror(clip, content), clip)
  if how.amplitude:
    clip *= jax.random.uniform(key_amplitude, (), clip.dtype, 1 - how.amplitude,
                               1 + how.amplitude)
  return clip


def shift(clip: Float[Array, 't h w c'], by: Int[Array, '2'], *, most: int
          ) -> Float[Array, 't h w c']:
  """Moved by up to `most` pixels down and right; the border pixels are repeated.

  Args:
    clip: one clip's input.
    by: pixels down and to the right, from -most to most.
    most: pixels.
  """
  padded = jnp.pad(clip, ((0, 0), (most, most), (most, most), (0, 0)), mode='edge')
  start = (0, most - by[0], most - by[1], 0)
  return jax.lax.dynamic_slice(padded, start, clip.shape)


def mirror(clip: Float[Array, '*clip'], content: Content) -> Float[Array, '*clip']:
  """Left and right exchanged: horizontal motion changes sign, landmarks their names.

  Args:
    clip: one clip's input, or landmark movements (t, 68, 2).
    content: which channels change their sign.
  """
  sign = jnp.array(content.flip_sign, clip.dtype)
  if content.kind == 'landmarks':
    return clip[:, np.asarray(landmarks.MIRROR)] * sign
  return clip[:, :, ::-1] * sign


def mixup(key: Key[Array, ''], x: Float[Array, 'n *clip'], label: Int[Array, 'n'], *,
          classes: int, concentration: float
          ) -> tuple[Float[Array, 'n *clip'], Float[Array, 'n K']]:
  """Each clip mixed with another one, and its label likewise.

  Zhang et al. 2018 (mixup), section 2: shares are drawn from Beta(a, a).

  Args:
    key: of this task at this step.
    x: clips, divided by their scale.
    label: of each.
    classes: how many there are.
    concentration: a; small ones leave most clips nearly as they are.

  Returns:
    The mixed clips, and of each the shares of its classes.
  """
  key_order, key_share = jax.random.split(key)
  order = jax.random.permutation(key_order, len(x))
  share = jax.random.beta(key_share, concentration, concentration, (len(x),))

  def mixed(values):
    of_each = share.reshape(-1, *(1 for _ in values.shape[1:]))
    return of_each * values + (1 - of_each) * values[order]
  return mixed(x), mixed(jax.nn.one_hot(label, classes))


# Stored frames with noise, before anything is computed from them.

Frames = UInt8[np.ndarray, 'T h w c']
Level = int | float


def gaussian(frames: Frames, level: Level, rng: np.random.Generator) -> Frames:
  """Independent normal noise on every value."""
  return _bytes(frames + rng.normal(0., level, frames.shape))


def salt_pepper(frames: Frames, level: Level, rng: np.random.Generator) -> Frames:
  """A share of the pixels of each frame is black or white."""
  place = frames.shape[:-1]
  value = 255 * rng.integers(0, 2, place).astype(np.uint8)
  return np.where((rng.random(place) < level)[..., None], value[..., None], frames)


def blur(frames: Frames, level: Level, rng: np.random.Generator) -> Frames:
  """Every frame smoothed by the same Gaussian."""
  del rng
  return _each(frames, lambda picture: cv2.GaussianBlur(picture, (0, 0), level))


def brightness(frames: Frames, level: Level, rng: np.random.Generator) -> Frames:
  """A light that grows or fades evenly: the last frame is `level` brighter or darker.

  A single picture is brighter or darker as a whole.
  """
  ramp = np.linspace(0, 1, len(frames)) if len(frames) > 1 else np.ones(1)
  sign = rng.choice([-1., 1.])
  return _bytes(frames + sign * level * ramp[:, None, None, None])


def jpeg(frames: Frames, level: Level, rng: np.random.Generator) -> Frames:
  """Every frame written as JPEG and read again."""
  del rng
  quality = [cv2.IMWRITE_JPEG_QUALITY, int(100 - level)]

  def again(picture):
    # OpenCV's order is BGR, and JPEG weighs the channels.
    data = cv2.imencode('.jpg', picture[..., ::-1], quality)[1]
    return cv2.imdecode(data, cv2.IMREAD_UNCHANGED).reshape(picture.shape)[..., ::-1]
  return _each(frames, again)


def occlusion(frames: Frames, level: Level, rng: np.random.Generator) -> Frames:
  """A grey square at one random place, the same in all frames."""
  h, w = frames.shape[1:3]
  side = round(level * min(h, w))
  top, left = rng.integers(0, h - side + 1), rng.integers(0, w - side + 1)
  covered = frames.copy()
  covered[:, top:top + side, left:left + side] = 128
  return covered


def drop_frames(length: int, level: Level, rng: np.random.Generator) -> np.ndarray:
  """Which stored frame stands at each place: a dropped one's is the last one kept.

  Args:
    length: T.
    level: share of the frames after the onset that are dropped.
    rng: source of randomness.
  """
  index = np.arange(length)
  lost = 1 + rng.choice(length - 1, round(level * (length - 1)), replace=False)
  index[lost] = 0
  return np.maximum.accumulate(index)


def misplace_apex(length: int, level: Level, rng: np.random.Generator) -> np.ndarray:
  """Which stored frame stands at each place when the apex is off by `level` of them.

  The middle is the stored frame so many places before (-) or after (+) the true apex,
  and the others are spaced evenly on both sides of it again, as the builder would have
  done with this apex, had it had these frames alone. One place is 1 / ((T - 1) / 2) of
  the time from onset to apex, or from apex to offset.

  Args:
    length: T.
    level: places too early (-) or too late (+).
    rng: not used.
  """
  del rng
  return np.array(sample_frames(0, length // 2 + int(level), length - 1, frames=length))


class Kind(NamedTuple):
  """One way in which clips suffer."""
  unit: str
  levels: tuple[Level, ...]         # 0 is none
  pixels: Callable | None = None    # (frames, level, rng) -> frames
  order: Callable | None = None     # (T, level, rng) -> (T,) places of stored frames


KINDS = {
    'gaussian': Kind('standard deviation in grey levels of 255', (0, 2, 5, 10, 20),
                     gaussian),
    'salt_pepper': Kind('share of the pixels', (0, .005, .02, .05, .1), salt_pepper),
    'blur': Kind('standard deviation in pixels of the stored frame', (0, .5, 1, 2, 4),
                 blur),
    'brightness': Kind('grey levels of 255 between first and last frame',
                       (0, 10, 25, 50, 100), brightness),
    'jpeg': Kind('100 - quality; 0 is not compressed', (0, 10, 30, 50, 80), jpeg),
    'occlusion': Kind("side of a grey square, as a share of the frame's",
                      (0, .1, .2, .3, .5), occlusion),
    'dropped': Kind('share of the frames after the onset', (0, .25, .5, .75),
                    order=drop_frames),
    'apex': Kind('stored frames too early (-) or too late (+)',
                 (-3, -2, -1, 0, 1, 2, 3), order=misplace_apex),
    'jitter': Kind('standard deviation of a landmark in pixels of the stored frame',
                   (0, .25, .5, 1, 2)),
}


def applicable_noise(how: inputs.Settings, length: int) -> tuple[str, ...]:
  """The kinds that mean something for inputs made of clips of `length` frames.

  Landmarks see no pixel: they jitter, and follow the frames' order. A ready picture has
  no order.

  Args:
    how: what the inputs are.
    length: T.
  """
  return tuple(
      name for name, kind in KINDS.items()
      if (kind.order is not None and length > 2)
      or (kind.pixels is not None and how.kind != 'landmarks')
      or (name == 'jitter' and how.kind == 'landmarks'))


def check_noise(names: tuple[str, ...], how: inputs.Settings, length: int) -> None:
  """Refuses kinds of noise, asked for by name, that these inputs cannot have.

  Args:
    names: keys of `KINDS`.
    how: what the inputs are.
    length: T.

  Raises:
    InputError: names them, and those that there are.
  """
  allowed = applicable_noise(how, length)
  refused = [name for name in names if name not in allowed]
  if refused:
    raise InputError(
        f'evaluation.noise={",".join(refused)} means nothing for '
        f'inputs.kind={how.kind} with {counted(length, "stored frame")} a clip; there '
        f'are {", ".join(allowed)}')


def noise_levels(name: str, length: int) -> tuple[Level, ...]:
  """Of a kind, none among them; an apex can be off by (T - 1) / 2 places at most.

  Args:
    name: a key of `KINDS`.
    length: T.
  """
  values = KINDS[name].levels
  return tuple(n for n in values if abs(n) <= length // 2) if name == 'apex' else values


def corrupt_clips(clips: ClipSet, name: str, level: Level, *, seed: int) -> ClipSet:
  """The same clips under one kind of noise; level 0 leaves them as they are.

  Args:
    clips: a data set.
    name: a key of `KINDS`.
    level: in the unit of that kind.
    seed: another seed, other noise.
  """
  if not level:
    return clips
  kind, frames, landmarks = KINDS[name], clips.frames.copy(), clips.landmarks.copy()
  for n, clip in enumerate(clips.clip):
    rng = keys.generator(seed, 'noise', clip, name, f'{level:g}')
    if kind.order is not None:
      places = kind.order(frames.shape[1], level, rng)
      frames[n], landmarks[n] = frames[n, places], landmarks[n, places]
    elif kind.pixels is not None:
      frames[n] = kind.pixels(frames[n], level, rng)
    else:
      landmarks[n] += rng.normal(0., level, landmarks[n].shape)
  return clips._replace(frames=frames, landmarks=landmarks)


def _each(frames: Frames, change: Callable) -> Frames:
  return np.stack([change(picture).reshape(picture.shape) for picture in frames])


def _bytes(values: np.ndarray) -> np.ndarray:
  return np.rint(np.clip(values, 0, 255)).astype(np.uint8)
