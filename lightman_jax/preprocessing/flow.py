"""Optical flow between two grey pictures, and the strain of a flow field.

u is horizontal (to the right), v vertical (down), both in pixels of the given pictures;
strain has no unit. Dense flow is OpenCV's.
"""

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

CHANNELS = ('u', 'v', 'strain')

# Part of every result: what OpenCV is called with.
FARNEBACK = dict(pyr_scale=.5, levels=3, winsize=15, iterations=3, poly_n=5,
                 poly_sigma=1.2, flags=0)
# DIS 'medium' with its finest scale set to full resolution: at half of it, as the
# preset has it, motions of a pixel or two on a small face are lost.
DIS = dict(preset='medium', finest_scale=0)


def grey(frames: UInt8[np.ndarray, 'T h w c']) -> UInt8[np.ndarray, 'T h w']:
  """Luminance of RGB frames; a single channel stays as it is."""
  if frames.shape[-1] == 1:
    return frames[..., 0]
  return np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])


def optical_flow(first: UInt8[np.ndarray, 'h w'], second: UInt8[np.ndarray, 'h w'], *,
                 algorithm: str) -> Float32[np.ndarray, 'h w 2']:
  """(u, v) that carries `first` to `second`.

  Args:
    first: a picture.
    second: a later one of the same size.
    algorithm: 'farneback' (Farneback 2003) or 'dis' (Kroeger et al. 2016).
  """
  if algorithm == 'farneback':
    return cv2.calcOpticalFlowFarneback(first, second, None, **FARNEBACK)
  method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
  method.setFinestScale(DIS['finest_scale'])
  return method.calc(first, second, None)


def strain(flow: Float[np.ndarray, '*n h w 2']) -> Float[np.ndarray, '*n h w']:
  """Magnitude of the infinitesimal strain tensor (Shreve et al. 2011, eq. 5).

  sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2), by central differences.
  """
  u_y, u_x = np.gradient(flow[..., 0], axis=(-2, -1))
  v_y, v_x = np.gradient(flow[..., 1], axis=(-2, -1))
  return np.sqrt(u_x**2 + v_y**2 + (u_y + v_x)**2 / 2)


def clip_flow(frames: UInt8[np.ndarray, 'T h w c'], *, span: str, algorithm: str,
              size: int) -> Float32[np.ndarray, 't _h _w 3']:
  """u, v and strain from the onset to later frames, averaged down to size x size.

  Args:
    frames: onset first, apex in the middle.
    span: 'apex' (t = 1) or 'each' (t = T - 1: to each later frame).
    algorithm: see `optical_flow`.
    size: of the result in pixels; u and v keep the pixels of `frames` as their unit.
  """
  pictures = grey(frames)
  later = pictures[1:] if span == 'each' else pictures[[len(pictures) // 2]]
  fields = np.stack([optical_flow(pictures[0], picture, algorithm=algorithm)
                     for picture in later])
  fields = np.concatenate([fields, strain(fields)[..., None]], -1)
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
