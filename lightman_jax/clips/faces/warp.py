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


class Sheets(NamedTuple):
  """The two movements on a regular grid over the unit square and its margin."""
  upper: Float32[np.ndarray, 'g g 2']
  lower: Float32[np.ndarray, 'g g 2']


class Skin(NamedTuple):
  """One face's kernels, for the sheet of the upper lip and that of the lower."""
  points: Float[np.ndarray, '83 2']
  grid: tuple[Float32[np.ndarray, 'gg n'], ...]
  at_points: tuple[Float[np.ndarray, '83 n'], ...]
  solve: tuple[Float[np.ndarray, 'n n'], ...]


@lru_cache
def _members() -> tuple[np.ndarray, np.ndarray]:
  every = np.arange(muscles.POINTS)
  return (np.setdiff1d(every, _LOWER_LIP), np.setdiff1d(every, _UPPER_LIP))


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
  squared = ((a * a).sum(1)[:, None] + (b * b).sum(1) - 2. * a @ b.T)
  r = np.sqrt(3. * np.maximum(squared, 0.)) / REACH
  return (1. + r) * np.exp(-r)


def skin_of(points: Float[np.ndarray, '83 2']) -> Skin:
  """Prepares one face at rest; all its frames share this."""
  ticks = np.linspace(-MARGIN, 1. + MARGIN, _CELLS)
  grid = np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2)
  on_grid = _kernel(grid.astype(np.float32), points.astype(np.float32))
  between = _kernel(points, points)
  members = _members()
  return Skin(
      points=points, grid=tuple(on_grid[:, m] for m in members),
      at_points=tuple(between[:, m] for m in members),
      solve=tuple(np.linalg.inv(between[np.ix_(m, m)] + _RIDGE * np.eye(len(m)))
                  for m in members))


def stretch(skin: Skin, moves: Float[np.ndarray, '83 2']) -> Sheets:
  """The movement of the whole face when its points want to move like this."""
  sheets = []
  for grid, solve, member in zip(skin.grid, skin.solve, _members()):
    weights = (solve @ moves[member]).astype(np.float32)
    sheets.append((grid @ weights).reshape(_CELLS, _CELLS, 2))
  return Sheets(*sheets)


def at_points(
    skin: Skin, moves: Float[np.ndarray, '83 2']
) -> Float[np.ndarray, '83 2']:
  """Where the points really go: what `stretch` says, but without its grid."""
  upper, lower = (k @ solve @ moves[m] for k, solve, m
                  in zip(skin.at_points, skin.solve, _members()))
  share = below_lips(skin.points, skin.points)[:, None]
  share[list(_UPPER_LIP)], share[list(_LOWER_LIP)] = 0., 1.
  return (1. - share) * upper + share * lower


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
  cells = ((where + MARGIN) * ((_CELLS - 1) / (1. + 2. * MARGIN))).astype(np.float32)
  return cv2.remap(sheet, cells[..., 0], cells[..., 1], cv2.INTER_LINEAR,
                   borderMode=cv2.BORDER_REPLICATE)


def forward(
    skin: Skin, sheets: Sheets, where: Float[np.ndarray, 'h w 2']
) -> Float[np.ndarray, 'h w 2']:
  """The movement of the skin that lies at `where` at rest."""
  below = below_lips(skin.points, where)[..., None]
  return ((1. - below) * _sample(sheets.upper, where)
          + below * _sample(sheets.lower, where))


def backward(
    moved: Float[np.ndarray, '83 2'], sheets: Sheets,
    where: Float[np.ndarray, 'h w 2'],
) -> Float[np.ndarray, 'h w 2']:
  """Where the skin that is now at `where` lay at rest: solves x + forward(x) = where.

  Args:
    moved: the points after the movement.
    sheets: the movement.
    where: unit coordinates.

  A fixed-point iteration, which converges where the skin is not folded; it stops at
  1/80 of a 64-pixel picture's pixel.
  """
  sources = []
  for sheet in sheets:
    source = where - _sample(sheet, where)
    for _ in range(25):
      better = where - _sample(sheet, source)
      step = np.abs(better - source).max()
      source = better
      if step < 2e-4:
        break
    sources.append(source)
  below = below_lips(moved, where)[..., None]
  return (1. - below) * sources[0] + below * sources[1]
