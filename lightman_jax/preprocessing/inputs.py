"""Clips become what the network sees: frames, difference, flow, landmarks, picture.

All are centred on zero, so that no motion is zero and a mirror image changes signs.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from jaxtyping import Float, Float32
import numpy as np

from lightman_jax.clips.clipset import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.geometry import alignment
from lightman_jax.geometry import dense_flow
from lightman_jax.geometry import landmarks
from lightman_jax.preprocessing import flow
from lightman_jax.preprocessing.pool import Content

Progress = Callable[[str, int, int], None]


class Settings(NamedTuple):
  """The `inputs` section of a configuration."""
  kind: str = 'flow'            # one of `KINDS`
  span: str = 'each'            # flow: from onset to 'each' later frame, or the 'apex'
  algorithm: str = 'dis'        # flow: 'dis', 'farneback' or 'tvl1'
  size: int = 64                # side of the input in pixels; 0 = as stored
  holds: str = 'flow'           # picture: 'flow' (u, v, strain) or 'intensity'


def frames(clip, how: Settings):
  """All T frames, -1 to 1."""
  return flow.resize(clip / np.float32(127.5) - 1, how.size)


def difference(clip, how: Settings):
  """Grey value of each later frame less that of the onset, -1 to 1; t = T - 1."""
  grey = dense_flow.grey(clip).astype(np.float32)
  return flow.resize((grey[1:] - grey[:1])[..., None] / 255, how.size)


def optical_flow(clip, how: Settings):
  """u, v, strain; see `flow.clip_flow`."""
  return flow.clip_flow(clip, span=how.span, algorithm=how.algorithm, size=how.size)


def picture(clip, how: Settings):
  """A ready picture, 0-255 to -1 ... 1; a flow picture is made where frames are given.

  The latter is how clips of another data set join a pool of ready flow pictures.
  """
  if len(clip) > 1:
    fields = flow.clip_flow(clip, span='apex', algorithm=how.algorithm, size=how.size)
    clip = flow.as_picture(fields)
  return flow.resize(clip / np.float32(127.5) - 1, how.size)


def movements(points: Float[np.ndarray, 'T 68 2']) -> Float32[np.ndarray, 'T 68 2']:
  """Landmarks less those of the onset, in inter-ocular distances of the onset.

  Each frame is first brought back to the onset by the similarity transform that fits
  its stable points best, so that what the whole head does is no movement: a shift, a
  turn in the picture's plane, or coming nearer. What turning the head out of that
  plane does to the landmarks stays.
  """
  onset = points[0].astype(np.float64)
  still = np.stack([
      alignment.transform(frame, alignment.similarity(frame, onset))
      for frame in points.astype(np.float64)])
  return ((still - onset) / landmarks.inter_ocular_distance(onset)).astype(np.float32)


KINDS = {'frames': frames, 'difference': difference, 'flow': optical_flow,
         'picture': picture}


def make_inputs(clips: ClipSet, how: Settings, *,
                progress: Progress = lambda stage, done, total: None
                ) -> Float32[np.ndarray, 'N *clip']:
  """The inputs of all clips: (N, t, h, w, c), or (N, T, 68, 2) for landmarks.

  Raises:
    InputError: the clips do not hold what the inputs are made of.
  """
  return np.stack([*each_input(clips, how, progress=progress)])


def each_input(clips: ClipSet, how: Settings, *,
               progress: Progress = lambda stage, done, total: None
               ) -> Iterator[Float32[np.ndarray, '*clip']]:
  """The inputs of one clip after the other; see `make_inputs`."""
  _check(clips, how)
  total = len(clips.clip)
  for number in range(total):
    if how.kind == 'landmarks':
      x = movements(clips.landmarks[number])
    else:
      x = KINDS[how.kind](clips.frames[number], how)
      progress('inputs', number + 1, total)
    if not np.isfinite(x).all():
      raise InputError(
          f'inputs.kind={how.kind} of {clips.clip[number]} of '
          f'{clips.info.get("dataset", "the data set")} is not finite: see to its '
          'frames and landmarks, or leave the clip out')
    yield x


def content(how: Settings, channels: int) -> Content:
  """What augmentation must know of these inputs."""
  signed = how.kind == 'flow' or (how.kind == 'picture' and how.holds == 'flow')
  if how.kind == 'landmarks':
    signs = (-1, 1)
  else:
    signs = tuple(-1 if signed and channel == 0 else 1 for channel in range(channels))
  return Content(how.kind, signs, how.kind in ('flow', 'difference', 'landmarks'))


def _check(clips: ClipSet, how: Settings) -> None:
  """Refuses, by name, clips that cannot become these inputs."""
  name, length = clips.info.get('dataset', 'the data set'), clips.frames.shape[1]
  if how.kind == 'flow' or (how.kind == 'picture' and length > 1):
    dense_flow.check_algorithm(how.algorithm)
  if how.kind in ('flow', 'difference', 'landmarks') and length < 3:
    raise InputError(
        f'{name} holds {length} picture(s) a clip, and inputs.kind={how.kind} needs '
        'onset, apex and offset: set data.frames to 3 or more, or inputs.kind=picture')
  if how.kind == 'picture' and length > 1 and how.holds != 'flow':
    raise InputError(
        f'{name} holds {length} frames a clip and inputs.kind=picture takes one: set '
        'data.frames=1, or inputs.kind to frames, difference or flow')
  if how.kind == 'landmarks':
    _check_landmarks(clips, name)


def _check_landmarks(clips: ClipSet, name: str) -> None:
  """Landmarks may lie in files: each clip's are read once, and no more are held."""
  unknown, in_one_spot = [], []
  for clip, points in zip(clips.clip, clips.landmarks):
    if not np.isfinite(points).all():
      unknown.append(clip)
    elif (np.ptp(points[:, list(alignment.STABLE)], 1) == 0).all(-1).any():
      in_one_spot.append(clip)
  if unknown:
    raise InputError(f'{name} has no landmarks for {len(unknown)} of {len(clips.clip)} '
                     f'clips, {unknown[0]} for one: use another inputs.kind')
  if in_one_spot:
    raise InputError(f'the landmarks of {in_one_spot[0]} of {name} lie in one spot, '
                     'which is no face: correct them, or use another inputs.kind')
