"""Light augmentation of one clip, inside the compiled step.

A clip is shifted, mirrored and made stronger or weaker as a whole: the same change
for all of its frames. Written for one clip; the caller maps it over many.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.inputs.pool import Content


class Augmentation(NamedTuple):
  """How much; zeros leave a clip as it is."""
  shift: int = 1           # pixels of the input, at most, each way
  flip: float = .5         # probability of a mirror image
  amplitude: float = .2    # factor from 1 - a to 1 + a, where amplitude is known


def applicable_augmentation(how: Augmentation, content: Content) -> Augmentation:
  """What of an augmentation these inputs can have; the rest of it is zero.

  Numbers that are no pictures stay as they are, landmarks are not shifted, and where
  zero is not known to be no motion, no clip is made stronger or weaker.

  Args:
    how: as configured.
    content: what the inputs hold.
  """
  if content.kind == 'array':
    return Augmentation(0, 0., 0.)
  return Augmentation(
      shift=0 if content.kind == 'landmarks' else how.shift, flip=how.flip,
      amplitude=how.amplitude if content.amplitude_known else 0.)


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
