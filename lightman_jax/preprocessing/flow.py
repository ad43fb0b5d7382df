"""Optical flow and strain as inputs: from the onset to later frames, resized.

u is horizontal (to the right), v vertical (down), both in pixels of the stored frames,
which are those of the aligned face; strain has no unit.
"""

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.geometry import dense_flow

CHANNELS = ('u', 'v', 'strain')


def clip_flow(frames: UInt8[np.ndarray, 'T h w c'], *, span: str, algorithm: str,
              size: int) -> Float32[np.ndarray, 't _h _w 3']:
  """u, v and strain from the onset to later frames, averaged down to size x size.

  Args:
    frames: onset first, apex in the middle.
    span: 'apex' (t = 1) or 'each' (t = T - 1: to each later frame).
    algorithm: see `dense_flow.optical_flow`.
    size: of the result in pixels; u and v keep the pixels of `frames` as their unit.
  """
  pictures = dense_flow.grey(frames)
  later = pictures[1:] if span == 'each' else pictures[[len(pictures) // 2]]
  fields = np.stack([
      dense_flow.optical_flow(pictures[0], picture, algorithm=algorithm)
      for picture in later])
  fields = np.concatenate([fields, dense_flow.strain(fields)[..., None]], -1)
  return resize(fields, size)


def resize(maps: Float[np.ndarray, 't h w c'], size: int
           ) -> Float32[np.ndarray, 't _h _w c']:
  """Each map averaged down (or interpolated up) to size x size; 0 leaves it."""
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
  """
  low, high = fields.min((1, 2), keepdims=True), fields.max((1, 2), keepdims=True)
  return np.rint(255 * (fields - low) / np.maximum(high - low, 1e-12)).astype(np.uint8)
