"""Moves of a few points -> a smooth movement of the whole face, and its inverse.

Between points the movement is a Gaussian-process mean with a Matern 3/2 kernel: it
passes (nearly) through every point, does not overshoot and fades to nothing away
from the face. A mouth opens, so there are two sheets of skin, one hanging from the
upper lip and one from the lower; they meet at the line between the lips and agree
at its corners. Frame: the unit square of `landmarks.mean_face`.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
from jaxtyping import Float, Float32
import numpy as np

from lightman_jax.clips.faces import muscles

REACH = .15       # the kernel's length
_RIDGE = 3e-3     # share of a point's movement that its neighbours may overrule
MARGIN = .12      # the grid goes this far beyond the unit square
_CELLS = 41

_UPPER_LIP = (49, 50, 51, 52, 53, 61, 62, 63)
_LOWER_LIP = (55, 56, 57, 58, 59, 65, 66, 67)
_LIP_LINE = ((60, 60), (61, 67), (62, 66), (63, 65), (64, 64))


class Bend(NamedTuple):
  """One instant's movement of a face; the grids span the unit square and its margin."""
  upper: Float32[np.ndarray, 'g g 2']    # of the upper lip's sheet
  lower: Float32[np.ndarray, 'g g 2']
  points: Float[np.ndarray, '83 2']      # where the points come to lie


class Skin(NamedTuple):
  """One face's kernels, for the sheet of the upper lip and that of the lower."""
  points: Float[np.ndarray, '83 2']
  grid: Float32[np.ndarray, 'gg 83']
  between: Float[np.ndarray, '83 83']


@lru_cache
def _members() -> tuple[np.ndarray, np.ndarray]:
  every = np.arange(muscles.POINTS)
  return (np.setdiff1d(every, _LOWER_LIP), np.setdiff1d(every, _UPPER_LIP))


@lru_cache
def _grid() -> np.ndarray:
  ticks = np.linspace(-MARGIN, 1. + MARGIN, _CELLS, dtype=np.float32)
  return np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  r = np.hypot(a[:, :1] - b[:, 0], a[:, 1:] - b[:, 1]) * (3.**.5 / REACH)
  return (1. + r) * np.exp(-r)


def skin_of(points: Float[np.ndarray, '83 2']) -> Skin:
  """Prepares one face at rest; all its frames share this."""
  return Skin(points, _kernel(_grid(), points.astype(np.float32)),
              _kernel(points, points))


def bend(skin: Skin, moves: Float[np.ndarray, 'T 83 2']) -> list[Bend]:
  """The movement of the whole face when its points want to move like this."""
  wanted = moves.transpose(1, 0, 2).reshape(muscles.POINTS, -1)
  sheets, reached = [], []
  for member in _members():
    kernel = skin.between[np.ix_(member, member)]
    weights = np.linalg.solve(kernel + _RIDGE * np.eye(len(member)), wanted[member])
    reached.append(skin.between[:, member] @ weights)
    # Not `@`: its threads wait for each other longer than this takes.
    sheet = cv2.gemm(skin.grid[:, member], weights.astype(np.float32), 1., None, 0.)
    sheets.append(sheet.reshape(_CELLS, _CELLS, -1, 2))
  share = below_lips(skin.points, skin.points)[:, None]
  share[list(_UPPER_LIP)], share[list(_LOWER_LIP)] = 0., 1.
  moved = ((1. - share) * reached[0] + share * reached[1]).reshape(
      muscles.POINTS, -1, 2)
  upper, lower = sheets
  return [Bend(upper[:, :, t].copy(), lower[:, :, t].copy(),
               skin.points + moved[:, t]) for t in range(len(moves))]


def below_lips(
    points: Float[np.ndarray, '83 2'], where: Float[np.ndarray, '*n 2']
) -> Float[np.ndarray, '*n']:
  """0 above the line between the lips, 1 below; a wider ramp away from the mouth."""
  line = np.array([.5 * (points[a] + points[b]) for a, b in _LIP_LINE])
  x, y = where[..., 0], where[..., 1]
  middle = np.interp(x, line[:, 0], line[:, 1]).astype(where.dtype)
  reach = np.asarray(.5 * (line[-1, 0] - line[0, 0]), where.dtype)
  outside = np.abs(x - np.asarray(line[0, 0], where.dtype) - reach) - reach
  ramp = .004 + .7 * np.maximum(outside, 0.)
  return .5 + .5 * np.tanh((y - middle) / ramp)


def _sample(sheet: np.ndarray, where: np.ndarray) -> np.ndarray:
  cells = (where + MARGIN) * ((_CELLS - 1) / (1. + 2. * MARGIN))
  cells = cells.astype(np.float32, copy=False)
  return cv2.remap(sheet, cells[..., 0], cells[..., 1], cv2.INTER_LINEAR,
                   borderMode=cv2.BORDER_REPLICATE)


def forward(
    bent: Bend, where: Float[np.ndarray, 'h w 2'], below: Float[np.ndarray, 'h w']
) -> Float[np.ndarray, 'h w 2']:
  """The movement of the skin that lies at `where` at rest.

  Args:
    bent: the movement.
    where: unit coordinates.
    below: `below_lips` at rest of these.
  """
  upper = _sample(bent.upper, where)
  return upper + below[..., None] * (_sample(bent.lower, where) - upper)


def backward(
    bent: Bend, where: Float[np.ndarray, 'h w 2']
) -> Float[np.ndarray, 'h w 2']:
  """How far from `where` the skin that is there now lay at rest.

  Solves x + forward(x) = where for both sheets by fixed-point iteration, which
  converges where the skin is not folded; it stops at 1/80 of a pixel in 64.
  """
  upper, lower = (_sample(_inverse(sheet), where) for sheet in (bent.upper, bent.lower))
  below = below_lips(bent.points, where)[..., None]
  return upper + below * (lower - upper)


def _inverse(sheet: np.ndarray) -> np.ndarray:
  grid = _grid().reshape(sheet.shape)
  back = -sheet
  for _ in range(25):
    better = -_sample(sheet, grid + back)
    step = np.abs(better - back).max()
    back = better
    if step < 2e-4:
      break
  return back
