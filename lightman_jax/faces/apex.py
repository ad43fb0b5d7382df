"""The apex of a clip whose sheet gives none, and which T frames of a clip are kept.

Dense flow is taken from the onset to each later frame. What a moving head does to the
whole face (shift, turn and scale, fitted so that a few moving features do not sway it)
is subtracted. What is left is averaged, by magnitude, over brows, nose and mouth: not
over the eyes, whose blinks are larger than a micro-expression. The course over time is
smoothed by a tenth of the clip, and its peak is the apex.

Feature regions and the peak of flow: as Liong et al. 2016, "Spontaneous subtle
expression detection and recognition based on facial strain", who take strain instead,
which served less well on synthetic faces.
"""

import cv2
from jaxtyping import Bool, Complex, Float, Float32, UInt8
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.faces import dense_flow, landmarks

# The apex of a clip whose sheet gives none: the frame that moved farthest from onset.

_FINEST = 1           # of the flow: as exact as 0 for this purpose, and 4 times as fast
_SMOOTHED = .1        # of the clip's length
_REFITS = 5


def spot_apex(frames: UInt8[np.ndarray, 'T h w c'],
              points: Float[np.ndarray, '68 2'] | None = None) -> int:
  """Index of the apex among frames from onset to offset; 0 where nothing moves.

  Args:
    frames: the onset first, all placed alike; at least one. For pictures of 128 x 128
      a frame takes 5 ms.
    points: the onset's landmarks in pixels of the frames. None looks at the whole
      picture, which errs about three times as much on synthetic faces.
  """
  return int(np.argmax(smooth(measure_motion(frames, points))))


def measure_motion(frames: UInt8[np.ndarray, 'T h w c'],
                   points: Float[np.ndarray, '68 2'] | None = None
                   ) -> Float32[np.ndarray, 'T']:
  """How far the features of each frame have moved from the onset, in pixels.

  Args:
    frames: the onset first, all placed alike.
    points: as of `spot_apex`.
  """
  pictures = dense_flow.grey(frames)
  features, skin = find_regions(points, pictures.shape[1:])
  moved = np.zeros(len(pictures), np.float32)
  for t, picture in enumerate(pictures[1:], start=1):
    flow = dense_flow.optical_flow(pictures[0], picture, algorithm='dis',
                                   finest_scale=_FINEST)
    moved[t] = np.abs(_own_motion(flow @ np.array((1, 1j)), skin)[features]).mean()
  return moved


def smooth(values: Float[np.ndarray, 'T']) -> Float[np.ndarray, 'T']:
  """A moving mean, weighted by a Hann window; the ends are repeated."""
  reach = round(_SMOOTHED * len(values)) // 2
  window = np.hanning(2 * reach + 3)[1:-1]
  return np.convolve(np.pad(values, reach, mode='edge'), window / window.sum(), 'valid')


def find_regions(points: Float[np.ndarray, '68 2'] | None, shape: tuple[int, int]
                 ) -> tuple[Bool[np.ndarray, 'h w'], Bool[np.ndarray, 'h w']]:
  """Where features move, and the skin that shows how the head does.

  Without landmarks, or with ones that lie outside of the picture, both are all of it.

  Args:
    points: landmarks in pixels of the picture.
    shape: its height and width.
  """
  everything = np.ones(shape, bool)
  if points is None:
    return everything, everything
  unit = float(landmarks.inter_ocular_distance(points))
  brows = [points[list(brow)] for brow in (landmarks.LEFT_BROW, landmarks.RIGHT_BROW)]
  raised = [np.concatenate([brow, brow - (0, .15 * unit)]) for brow in brows]
  eyes = np.any([_hull(points[list(eye)], .05 * unit, shape)
                 for eye in (landmarks.LEFT_EYE, landmarks.RIGHT_EYE)], axis=0)
  features = np.any([
      *(_hull(brow, .05 * unit, shape) for brow in raised),
      _hull(points[[27, *landmarks.NOSTRILS]], .08 * unit, shape),
      _hull(points[list(landmarks.OUTER_LIPS)], .12 * unit, shape)], axis=0)
  skin = _hull(np.concatenate([points[list(landmarks.JAW)], *raised]), 0., shape)
  both = features & ~eyes, skin & ~eyes
  return both if all(region.any() for region in both) else (everything, everything)


def _hull(points: np.ndarray, margin: float, shape: tuple[int, int]) -> np.ndarray:
  mask = np.zeros(shape, np.uint8)
  cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points).astype(np.int32)), 1)
  side = 2 * max(1, round(margin)) + 1
  brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
  return cv2.dilate(mask, brush) > 0


def _own_motion(flow: Complex[np.ndarray, 'h w'], skin: Bool[np.ndarray, 'h w']
                ) -> Complex[np.ndarray, 'h w']:
  """The flow u + iv less the similarity that fits the skin's best.

  Deviations count by their size, not its square (iteratively reweighted).
  """
  rows, columns = np.indices(flow.shape)
  at = columns + 1j * rows
  where, moved = at[skin], flow[skin]
  weight = np.ones(len(where))
  for _ in range(_REFITS):
    centre, mean = (np.average(x, weights=weight) for x in (where, moved))
    arm = where - centre
    spread = np.sum(weight * np.abs(arm)**2)
    turn = np.sum(weight * np.conj(arm) * (moved - mean)) / max(spread, 1e-9)
    weight = 1 / np.maximum(np.abs(moved - mean - turn * arm), .05)
  return flow - mean - turn * (at - centre)


# Which T frames of a clip are kept.


def sample_frames(onset: int, apex: int, offset: int, *, frames: int
                  ) -> tuple[int, ...]:
  """Returns T frame numbers: onset first, apex in the middle, offset last.

  Between these the numbers are evenly spaced, each half for itself, and rounded to
  the nearest whole number, halves upwards. In a half that is shorter than (T - 1) / 2
  frames numbers repeat, so such a frame stands still for a while; where apex equals
  onset, the first half is the onset frame throughout. T = 1 is the apex alone.

  Args:
    onset: first frame of the expression.
    apex: its strongest frame; onset <= apex <= offset.
    offset: last frame.
    frames: T, odd.

  Raises:
    InputError: T is even or below 1.
    ValueError: the three numbers are not in order.
  """
  if frames < 1 or frames % 2 == 0:
    raise InputError(f'frames is {frames}; it must be odd (onset, ..., apex, ..., '
                     'offset) or 1 (the apex alone).')
  if not onset <= apex <= offset:
    raise ValueError(f'{onset}, {apex}, {offset} are not in order.')
  half = frames // 2
  rise = (_part(onset, apex, step, half) for step in range(half))
  fall = (_part(apex, offset, step, half) for step in range(1, half + 1))
  return (*rise, apex, *fall)


def _part(start: int, end: int, step: int, steps: int) -> int:
  # Whole-number arithmetic: the same on every machine, and halves go one way.
  return start + (2 * step * (end - start) + steps) // (2 * steps)
