"""Clips become what the network sees, which is computed once and kept.

u is horizontal (to the right), v vertical (down), both in pixels of the stored frames,
which are those of the aligned face; strain has no unit.

Of flow, differences and landmarks zero is no motion. Ready flow pictures have no zero
level: each channel of each was stretched by its own minimum and maximum, so the grey
that is no motion differs from picture to picture (medians of 442 published ones have
standard deviations of 39 grey levels in u and 61 in v), as brightness does between
frames. `Settings.centre` takes each channel's median for it. A mirror image changes
the sign of u in either case: of what was stretched to -1 ... 1, the negative is the
stretched negative.
"""

from collections.abc import Callable, Iterator
import hashlib
import io
import os
import pathlib
from typing import NamedTuple

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax import places
from lightman_jax.code_digest import code_sha256
from lightman_jax.data.store import ClipSet
from lightman_jax.errors import InputError
from lightman_jax.faces import dense_flow, landmarks
from lightman_jax.files import remove_leftovers, write_atomically
from lightman_jax.inputs.pool import AT_ONCE, Content, Inputs, Stored
from lightman_jax.units import counted

# Clips become what the network sees: frames, difference, flow, landmarks, picture.

# Optical flow and strain as inputs: from the onset to later frames, resized.

CHANNELS = ('u', 'v', 'strain')


def clip_flow(frames: UInt8[np.ndarray, 'T h w c'], *, span: str, algorithm: str,
              size: int, stabilise: str = 'none', mask: str = 'none',
              points: Float[np.ndarray, '68 2'] | None = None
              ) -> Float32[np.ndarray, 't _h _w 3']:
  """u, v and strain from the onset to later frames, averaged down to size x size.

  Args:
    frames: onset first, apex in the middle.
    span: 'apex' (t = 1) or 'each' (t = T - 1: to each later frame).
    algorithm: see `dense_flow.optical_flow`.
    size: of the result in pixels; u and v keep the pixels of `frames` as their unit.
    stabilise: see `dense_flow.stabilise`.
    mask: 'eyes' takes what moves in them away.
    points: landmarks of the onset in pixels, where the two need them.
  """
  pictures = dense_flow.grey(frames)
  later = pictures[1:] if span == 'each' else pictures[[len(pictures) // 2]]
  fields = np.stack([
      dense_flow.optical_flow(pictures[0], picture, algorithm=algorithm)
      for picture in later])
  fields = dense_flow.stabilise(fields, stabilise, points)
  fields = np.concatenate([fields, dense_flow.strain(fields)[..., None]], -1)
  if mask == 'eyes':
    fields *= dense_flow.outside_eyes(points, fields.shape[1:3])[..., None]
  return resize_maps(fields, size)


def resize_maps(maps: Float[np.ndarray, 't h w c'], size: int
                ) -> Float32[np.ndarray, 't _h _w c']:
  """Each map averaged down (or interpolated up) to size x size; 0 leaves it.

  Args:
    maps: fields or pictures, channels last.
    size: the side in pixels.
  """
  if not size or maps.shape[1:3] == (size, size):
    return maps.astype(np.float32)
  way = cv2.INTER_AREA if size < maps.shape[1] else cv2.INTER_LINEAR
  resized = [cv2.resize(x.astype(np.float32), (size, size), interpolation=way)
             for x in maps]
  return np.stack(resized).reshape(len(maps), size, size, -1)


def as_picture(fields: Float[np.ndarray, '1 h w 3']) -> UInt8[np.ndarray, '1 h w 3']:
  """A flow field as the field's data sets of ready pictures store it.

  Each channel is stretched to 0-255 by its own minimum and maximum, so the zero level
  and the amplitude are lost.

  Args:
    fields: u, v and strain, as `clip_flow` returns them.
  """
  low, high = fields.min((1, 2), keepdims=True), fields.max((1, 2), keepdims=True)
  return np.rint(255 * (fields - low) / np.maximum(high - low, 1e-12)).astype(np.uint8)


Progress = Callable[[str, int, int], None]


class Settings(NamedTuple):
  """The `inputs` section of a configuration."""
  kind: str = 'flow'            # one of `KINDS`
  span: str = 'each'            # flow: from onset to 'each' later frame, or the 'apex'
  algorithm: str = 'dis'        # flow: 'dis', 'farneback' or 'tvl1'
  size: int = 64                # side of the input in pixels; 0 = as stored
  holds: str = 'flow'           # picture: 'flow' (u, v, strain) or 'intensity'
  centre: str = 'none'          # or 'median': each channel of each clip less its median
  stabilise: str = 'none'       # flow: less that of the 'nose', or its 'median'
  mask: str = 'none'            # flow: none in the 'eyes'
  # Root mean square that is divided by: of the 'clip', or of each 'channel' of it.
  unit: str = 'none'

  @property
  def needs_landmarks(self) -> bool:
    """Whether inputs cannot be made without landmarks, for flow those of the onset."""
    return (self.kind == 'landmarks' or self.stabilise == 'nose'
            or self.mask == 'eyes')


def frame_input(clip, how: Settings, points=None):
  """All T frames, -1 to 1."""
  return resize_maps(clip / np.float32(127.5) - 1, how.size)


def difference_input(clip, how: Settings, points=None):
  """Grey value of each later frame less that of the onset, -1 to 1; t = T - 1."""
  grey = dense_flow.grey(clip).astype(np.float32)
  return resize_maps((grey[1:] - grey[:1])[..., None] / 255, how.size)


def flow_input(clip, how: Settings, points=None):
  """u, v, strain; see `clip_flow`."""
  return clip_flow(clip, span=how.span, algorithm=how.algorithm, size=how.size,
                   stabilise=how.stabilise, mask=how.mask, points=points)


def picture_input(clip, how: Settings, points=None):
  """A ready picture, 0-255 to -1 ... 1; a flow picture is made where frames are given.

  The latter is how clips of another data set join a pool of ready flow pictures.
  """
  if len(clip) > 1:
    clip = as_picture(flow_input(clip, how._replace(span='apex'), points))
  return resize_maps(clip / np.float32(127.5) - 1, how.size)


def landmark_movements(points: Float[np.ndarray, 'T 68 2']
                       ) -> Float32[np.ndarray, 'T 68 2']:
  """Landmarks less those of the onset, in inter-ocular distances of the onset.

  Each frame is first brought back to the onset by the similarity transform that fits
  its stable points best, so that what the whole head does is no movement: a shift, a
  turn in the picture's plane, or coming nearer. What turning the head out of that
  plane does to the landmarks stays.

  Args:
    points: in pixels of the frame, the onset's first.
  """
  onset = points[0].astype(np.float64)
  still = np.stack([
      landmarks.transform_points(frame, landmarks.fit_similarity(frame, onset))
      for frame in points.astype(np.float64)])
  return ((still - onset) / landmarks.inter_ocular_distance(onset)).astype(np.float32)


def subtract_median(x: Float[np.ndarray, '*n c']) -> Float32[np.ndarray, '*n c']:
  """A clip's input less the median of each channel over all its frames and pixels.

  Most of a face does not move, so the median estimates the level that is no motion.

  Args:
    x: one clip's input, channels last.
  """
  over = tuple(range(x.ndim - 1))
  return (x - np.median(x, axis=over)).astype(np.float32)


# Of inputs, below which they are what rounding leaves of pictures of one colour: one
# pixel of 28 by 28 that is a grey level off is fourteen times as much.
LEAST_RMS = 1e-5


def divide_by_rms(x: Float[np.ndarray, '*n'], over: tuple[int, ...]
                  ) -> Float32[np.ndarray, '*n']:
  """Inputs over their own root mean square: what moves how, and not how much.

  People differ in how much they move, and data sets in how many pixels a face has.
  Where there is nothing but rounding, it is 0 and not brought to full strength.

  Args:
    x: inputs.
    over: the axes that a mean is taken over.
  """
  rms = np.sqrt(np.square(x, dtype=np.float64).mean(over, keepdims=True))
  return np.where(rms < LEAST_RMS, 0, x / np.maximum(rms, LEAST_RMS)).astype(np.float32)


KINDS = {'frames': frame_input, 'difference': difference_input, 'flow': flow_input,
         'picture': picture_input}


def encode_clip(frames: UInt8[np.ndarray, 'T h w c'] | None,
                points: Float[np.ndarray, 'T 68 2'] | None, how: Settings
                ) -> Float32[np.ndarray, '*clip']:
  """The input of one clip.

  Args:
    frames: onset first, apex in the middle; or one ready picture. Not looked at where
      inputs are of landmarks.
    points: landmarks of the frames, in their pixels; looked at there, and where flow is
      freed of the nose's motion or of the eyes.
    how: what the inputs are.
  """
  if how.kind == 'landmarks':
    x = landmark_movements(points)
  else:
    x = KINDS[how.kind](frames, how, points[0] if how.needs_landmarks else None)
  if how.centre == 'median':
    x = subtract_median(x)
  if how.unit == 'none':
    return x
  return divide_by_rms(x, tuple(range(x.ndim - (how.unit == 'channel'))))


def make_inputs(clips: ClipSet, how: Settings, *,
                progress: Progress = lambda stage, done, total: None
                ) -> Float32[np.ndarray, 'N *clip']:
  """The inputs of all clips: (N, t, h, w, c), or (N, T, 68, 2) for landmarks.

  Args:
    clips: the data set.
    how: what its inputs are.
    progress: called with 'inputs', how many are made, and of how many.

  Raises:
    InputError: the clips do not hold what the inputs are made of.
  """
  return np.stack([*iterate_inputs(clips, how, progress=progress)])


def iterate_inputs(clips: ClipSet, how: Settings, *,
                   progress: Progress = lambda stage, done, total: None
                   ) -> Iterator[Float32[np.ndarray, '*clip']]:
  """The inputs of one clip after the other; see `make_inputs`.

  Args:
    clips: the data set.
    how: what its inputs are.
    progress: called with 'inputs', how many are made, and of how many.
  """
  _check(clips, how)
  total = len(clips.clip)
  for number in range(total):
    frames = None if how.kind == 'landmarks' else clips.frames[number]
    points = clips.landmarks[number] if how.needs_landmarks else None
    x = encode_clip(frames, points, how)
    progress('inputs', number + 1, total)
    if not np.isfinite(x).all():
      raise InputError(
          f'inputs.kind={how.kind} of {clips.clip[number]} of '
          f'{clips.info.get("dataset", "the data set")} is not finite: see to its '
          'frames and landmarks, or leave the clip out')
    yield x


def describe_content(how: Settings, channels: int) -> Content:
  """What augmentation and references must know of these inputs.

  Centred or not, the amplitude of frames and stretched pictures is not known.

  Args:
    how: what the inputs are.
    channels: how many the last axis has.
  """
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
        f'{name} holds {counted(length, "picture")} a clip, and inputs.kind={how.kind} '
        'needs onset, apex and offset: set data.frames to 3 or more, or '
        'inputs.kind=picture')
  if how.kind == 'picture' and length > 1 and how.holds != 'flow':
    raise InputError(
        f'{name} holds {counted(length, "frame")} a clip and inputs.kind=picture takes '
        'one: set data.frames=1, or inputs.kind to frames, difference or flow')
  if how.kind == 'landmarks':
    _check_landmarks(clips, name)
  elif how.needs_landmarks and length > 1:
    setting = 'stabilise=nose' if how.stabilise == 'nose' else 'mask=eyes'
    _check_onsets(clips, name, setting)


def _check_onsets(clips: ClipSet, name: str, setting: str) -> None:
  """Refuses clips of which it is not known where the eyes and the nose are."""
  unknown = [clip for clip, points in zip(clips.clip, clips.landmarks)
             if not np.isfinite(points[0]).all()
             or not landmarks.inter_ocular_distance(points[0])]
  if unknown:
    raise InputError(
        f'inputs.{setting} needs landmarks, and {name} has none of {len(unknown)} of '
        f'{counted(len(clips.clip), "clip")}, {unknown[0]} for one: python -m '
        'lightman_jax fetch brings the face model, data.landmarks=TABLE takes your '
        'own; or use inputs.stabilise=median and inputs.mask=none')


def _check_landmarks(clips: ClipSet, name: str) -> None:
  """Landmarks may lie in files: each clip's are read once, and no more are held."""
  unknown, in_one_spot = [], []
  for clip, points in zip(clips.clip, clips.landmarks):
    if not np.isfinite(points).all():
      unknown.append(clip)
    elif (np.ptp(points[:, list(landmarks.STABLE)], 1) == 0).all(-1).any():
      in_one_spot.append(clip)
  if unknown:
    raise InputError(f'{name} has no landmarks for {len(unknown)} of '
                     f'{counted(len(clips.clip), "clip")}, {unknown[0]} for one: use '
                     'another inputs.kind')
  if in_one_spot:
    raise InputError(f'the landmarks of {in_one_spot[0]} of {name} lie in one spot, '
                     'which is no face: correct them, or use another inputs.kind')


# Inputs are computed once and kept under a hash of all that they depend on.

STAGE = 'lightman_jax.inputs.inputs'      # computes what is kept


def cache_folder() -> pathlib.Path:
  """`$XDG_CACHE_HOME`, or `~/.cache`, and our name."""
  return places.standard('XDG_CACHE_HOME') / 'lightman_jax' / 'inputs'


def cache_parameters(how: Settings) -> dict:
  """Everything beside the clips that moves a number of the inputs."""
  return {**how._asdict(), 'farneback': dense_flow.FARNEBACK, 'dis': dense_flow.DIS,
          'tvl1': dense_flow.TVL1, 'channels': CHANNELS,
          'nose': dense_flow.NOSE_WIDTH, 'eyes': dense_flow.EYE_MARGIN,
          'opencv': cv2.__version__, 'code': code_sha256(STAGE)}


def cached_inputs(clips: ClipSet, how: Settings, *,
                  progress: Progress = lambda stage, done, total: None,
                  say: Callable[[str], None] = print) -> Inputs:
  """`make_inputs`, left in the cache: made clip by clip where they are not there.

  Where the cache cannot be written they are in memory.

  Args:
    clips: the data set.
    how: what its inputs are.
    progress: called with 'inputs', how many are made, and of how many.
    say: called with a line for the person who waits.
  """
  named = repr((clips.info['sha256'], sorted(cache_parameters(how).items())))
  path = cache_folder() / f'{hashlib.sha256(named.encode()).hexdigest()[:32]}.npy'
  remove_leftovers(path.parent, '.*.npy.*')
  try:
    return _read(path)
  except (FileNotFoundError, NotADirectoryError):
    pass            # not made yet
  except (ValueError, OSError):
    say(f'{path} is damaged and is computed again')
  try:
    _write(path, len(clips.clip),
           lambda: iterate_inputs(clips, how, progress=progress))
    return Stored.open(path)
  except OSError as error:
    # A cache that cannot be written costs time, and the memory that it would spare.
    say(f'inputs are not kept: cannot write {path} ({error.strerror or error})')
  return make_inputs(clips, how, progress=progress)


def _write(path: pathlib.Path, count: int,
           make: Callable[[], Iterator[np.ndarray]]) -> None:
  """What `np.save` would write, clip by clip, and the digest of that."""
  digest = hashlib.sha256()
  with write_atomically(path, 'wb') as file:
    for number, x in enumerate(make()):
      if not number:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {
            'descr': np.lib.format.dtype_to_descr(x.dtype), 'fortran_order': False,
            'shape': (count, *x.shape)})
        file.write(header.getvalue())
        digest.update(header.getvalue())
      x = np.ascontiguousarray(x)
      file.write(x)
      digest.update(x)
    file.write(digest.digest())


def _read(path: pathlib.Path) -> Stored:
  """The digest is looked at first: NumPy may fail in any way on a damaged header."""
  digest, size = hashlib.sha256(), hashlib.sha256().digest_size
  with open(path, 'rb') as file:
    rest = os.fstat(file.fileno()).st_size - size
    while rest > 0 and (part := file.read(min(rest, AT_ONCE))):
      digest.update(part)
      rest -= len(part)
    if rest or file.read() != digest.digest():
      raise ValueError(f'{path} is not what was written')
  return Stored.open(path)
