"""Which regions of a face are seen, and which a hand or a mask covers, by their pixels.

A region is covered where most of it differs from the same place of the person's own
face so far, in structure, brightness or colour: a mouth that opens changes the middle
of its region and leaves cheeks and chin as they were, a hand changes all. A mask that
is worn from the start has the colour of no skin.
"""

import cv2
from jaxtyping import Bool, Float32, UInt8
import numpy as np

from lightman_jax.video.faces import REGIONS

_SIDE = 64
_CELL = 4             # pixels of a side of what is compared
_BOXES = {            # left, top, right, bottom in the aligned picture
    'brows': (.12, .20, .88, .33), 'eyes': (.14, .33, .86, .45),
    'nose': (.34, .42, .66, .64), 'mouth': (.18, .60, .82, .92)}
_MOST_CHANGED = .55   # of a region's cells
_LIGHTER = 28.        # grey levels of another brightness
_COLOUR = 12.         # of another colour (red and blue difference)
_LEAST_TEXTURE = 3.   # grey levels of structure that can be compared
_ALIKE = .35          # correlation of structure
_NO_SKIN = 22.        # difference of colour between a mask and the rest of a face
_LEARNING = 2.        # seconds of the mean
_RELEARNING = 30.     # seconds after which a change is the face's own
_TURN = 12.           # degrees: a face turned otherwise has a mean of its own


def _cells(name: str) -> tuple[slice, slice]:
  left, top, right, bottom = (round(_SIDE / _CELL * edge) for edge in _BOXES[name])
  return slice(top, bottom), slice(left, right)


class Appearance:
  """How one person's face has looked so far, and what of it is seen now."""

  def __init__(self):
    self._means: dict[tuple[int, int], np.ndarray] = {}
    self._since: dict[str, float] = {}
    self._time: float | None = None

  def look(self, aligned: UInt8[np.ndarray, 'size size 3'], time: float,
           pose: tuple[float, float, float]) -> dict[str, bool]:
    """Which regions are seen; what is seen becomes part of how the person looks.

    Args:
      aligned: the face in colour, placed by points that expressions do not move.
      time: in seconds.
      pose: yaw, pitch and roll in degrees.
    """
    small = cv2.resize(aligned, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    now = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).astype(np.float32)
    view = round(pose[0] / _TURN), round(pose[1] / _TURN)
    step = 0. if self._time is None else max(0., time - self._time)
    self._time = time
    mean = self._means.get(view)
    changed = None if mean is None else _changed(now, mean)
    visible = {name: changed is None
               or bool(changed[_cells(name)].mean() <= _MOST_CHANGED)
               for name in REGIONS}
    visible['mouth'] = visible['mouth'] and not _is_mask(now)
    for name in REGIONS:
      if visible[name]:
        self._since.pop(name, None)
      elif time - self._since.setdefault(name, time) > _RELEARNING:
        self._means.pop(view, None)
    if mean is None:
      if all(visible.values()):
        self._means[view] = now
    elif all(visible.values()):
      mean += min(1., step / _LEARNING) * (now - mean)
    return visible


def _changed(now: Float32[np.ndarray, '64 64 3'], mean: Float32[np.ndarray, '64 64 3']
             ) -> Bool[np.ndarray, '16 16']:
  """Cells that look otherwise; a lamp that is brighter or darker changes none."""
  gain = float(np.median(now[..., 0])) / max(1., float(np.median(mean[..., 0])))
  mean = mean * np.float32((np.clip(gain, .5, 2.), 1., 1.))
  lighter = np.abs(_block(now[..., 0]) - _block(mean[..., 0])) > _LIGHTER
  tint = np.hypot(*(_block(now[..., k]) - _block(mean[..., k]) for k in (1, 2)))
  # Structure is compared within three cells across, for a few pixels have none.
  a, b = (cv2.subtract(x[..., 0], cv2.blur(x[..., 0], (3 * _CELL,) * 2))
          for x in (now, mean))
  window = (3 * _CELL, 3 * _CELL)
  power_a, power_b, both = (cv2.blur(x, window) for x in (a * a, b * b, a * b))
  textured = np.maximum(power_a, power_b) > _LEAST_TEXTURE**2
  alike = both > _ALIKE * np.maximum(power_a, power_b)
  other = _block((textured & ~alike).astype(np.float32)) > .5
  return lighter | (tint > _COLOUR) | other


def _block(x: Float32[np.ndarray, '64 64']) -> Float32[np.ndarray, '16 16']:
  return cv2.resize(x, (_SIDE // _CELL,) * 2, interpolation=cv2.INTER_AREA)


def _is_mask(now: Float32[np.ndarray, '64 64 3']) -> bool:
  """Whether the mouth's region has another colour than the skin beside the nose.

  A beard differs, too, but is dark.
  """
  cells = np.stack([_block(now[..., k]) for k in range(3)])
  rows, columns = _cells('mouth')
  low, high = (np.median(part.reshape(3, -1), axis=1)
               for part in (cells[:, rows, columns], cells[:, 5:8, 3:13]))
  return bool(np.hypot(*(low - high)[1:]) > _NO_SKIN and low[0] > .7 * high[0])
