"""BlazeFace: where in a picture a face is, how large and how turned.

Bazarevsky et al. 2019, "BlazeFace: sub-millisecond neural face detection on mobile
GPUs"; the short-range graph, whose picture is 128 x 128 and holds 896 anchors.
"""

from typing import NamedTuple

import cv2
from jaxtyping import Float, UInt8
import numpy as np

_SIDE = 128
_GRIDS = ((16, 2), (8, 6))      # cells a side, anchors a cell
_LEAST_SCORE = .5
_OVERLAP = .3                   # boxes that share more than this are one face
VIEWS = (1., 2., .6)
"""Sides of what is looked at, in longer sides of the picture: as it is; with a margin,
for faces that fill it; its middle, for small ones."""


class Face(NamedTuple):
  """A detection, in pixels of the picture; `angle` in radians, from x towards y."""
  x: float
  y: float
  side: float
  angle: float
  score: float


def _anchors() -> np.ndarray:
  centres = []
  for cells, count in _GRIDS:
    middle = (np.arange(cells) + .5) / cells
    y, x = np.meshgrid(middle, middle, indexing='ij')
    centres.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), count, axis=0))
  return np.concatenate(centres)


_ANCHORS = _anchors()


def detect(net: cv2.dnn.Net, picture: UInt8[np.ndarray, 'h w 3'], *, view: float
           ) -> Face | None:
  """The most prominent face, or None.

  Args:
    net: the graph.
    picture: RGB.
    view: one of `VIEWS`; what lies outside of the picture is black.
  """
  height, width = picture.shape[:2]
  side = view * max(height, width)
  cut = _square(picture, side)
  net.setInput((cut.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])
  outputs = net.forward(net.getUnconnectedOutLayersNames())
  logits, values = sorted(outputs, key=lambda output: output.size)
  score = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80).astype(np.float64)))
  keep = score >= _LEAST_SCORE
  if not keep.any():
    return None
  # Each row: centre, size, then six points: the eyes first, the picture's left before.
  rows = values.reshape(-1, 8, 2)[keep].astype(np.float64) / _SIDE
  rows[:, [0, 2, 3, 4, 5, 6, 7]] += _ANCHORS[keep][:, None]
  (x, y), (w, h), left, right = _merged(rows, score[keep])[:4]
  angle = float(np.arctan2(right[1] - left[1], right[0] - left[0]))
  return Face(float(.5 * width + (x - .5) * side), float(.5 * height + (y - .5) * side),
              float(max(w, h) * side), angle, float(score.max()))


def _square(picture: np.ndarray, side: float) -> np.ndarray:
  """The square about the picture's middle, brought to the size of the graph."""
  height, width = picture.shape[:2]
  scale = _SIDE / side
  whole = max(1, round(width * scale)), max(1, round(height * scale))
  small = cv2.resize(picture, whole, interpolation=cv2.INTER_AREA if scale < 1
                     else cv2.INTER_LINEAR)
  scale_x, scale_y = small.shape[1] / width, small.shape[0] / height
  move = np.array([[1., 0., .5 * _SIDE - .5 * width * scale_x],
                   [0., 1., .5 * _SIDE - .5 * height * scale_y]])
  return cv2.warpAffine(small, move, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR)


def _merged(rows: Float[np.ndarray, 'n 8 2'], score: Float[np.ndarray, 'n']
            ) -> Float[np.ndarray, '8 2']:
  """The mean, weighted by score, of all boxes that overlap the most prominent one."""
  low, high = rows[:, 0] - .5 * rows[:, 1], rows[:, 0] + .5 * rows[:, 1]
  area = np.prod(high - low, axis=1)
  best = int(np.argmax(area * score))
  inside = np.minimum(high, high[best]) - np.maximum(low, low[best])
  shared = np.prod(np.maximum(inside, 0), axis=1)
  same = shared / (area + area[best] - shared) > _OVERLAP
  weight = np.where(same, score, 0)
  return np.tensordot(weight / weight.sum(), rows, 1)
