"""How the skin moves when a muscle contracts.

Action units and what they do: Ekman, Friesen and Hager, Facial Action Coding System
(2002). The directions and relative sizes below are ours, read from its descriptions;
no data set went into them. Frame: the unit square of `landmarks.mean_face`, x right, y
down. Beside the 68 landmarks a face has 15 skin points (cheeks, forehead and so on)
where no landmark lies; they only steer the warp.

Between points the movement is a Gaussian-process mean with a Matern 3/2 kernel: it
passes (nearly) through every point, does not overshoot and fades to nothing away
from the face. A mouth opens, so there are two sheets of skin, one hanging from the
upper lip and one from the lower; they meet at the line between the lips and agree
at its corners.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
from jaxtyping import Float, Float32
import numpy as np

from lightman_jax.faces import landmarks

# Which way the skin moves when a facial muscle contracts.

# A skin point is a mix of landmarks, so that it follows the shape of the face.
_SKIN = {
    'cheek': ((41, .45), (48, .25), (3, .30)),
    'under_eye': ((41, .55), (40, .25), (48, .20)),
    'nasolabial': ((31, .45), (48, .55)),
    'jowl': ((4, .55), (48, .45)),
    'forehead_outer': ((18, 1.9), (37, -.9)),
    'forehead_inner': ((20, 2.0), (38, -1.0)),
    'temple': ((17, .9), (36, -.5), (0, .6)),
}
_SKIN_NAMES = tuple(_SKIN)
CHIN_BOSS = landmarks.COUNT + 2 * len(_SKIN)
POINTS = CHIN_BOSS + 1


def _index(name: int | str) -> int:
  if isinstance(name, int):
    return name
  return (CHIN_BOSS if name == 'chin_boss'
          else landmarks.COUNT + 2 * _SKIN_NAMES.index(name))


def _mirror() -> np.ndarray:
  skin = np.arange(landmarks.COUNT, CHIN_BOSS).reshape(-1, 2)[:, ::-1].ravel()
  return np.concatenate([landmarks.MIRROR, skin, [CHIN_BOSS]])


MIRROR = _mirror()


class Muscle(NamedTuple):
  """One action unit as the picture's left half performs it; the right is mirrored.

  moves: point -> (dx, dy), relative to the unit's strongest point, which is about 1.
  size: how far that point goes relative to the other units when all contract alike.
  reach: the farthest it can go, in pixels of a 64-pixel face.
  """
  meaning: str
  size: float
  reach: float
  moves: dict[int | str, tuple[float, float]]


MUSCLES: dict[int, Muscle] = {
    1: Muscle('inner brow raiser', 1., 6.5, {
        21: (0., -1.), 20: (0., -.85), 19: (0., -.4), 18: (0., -.1), 27: (0., -.1),
        'forehead_inner': (0., -.65), 'forehead_outer': (0., -.15),
        38: (0., -.15)}),
    2: Muscle('outer brow raiser', 1., 6.5, {
        17: (0., -.8), 18: (0., -1.), 19: (0., -.8), 20: (0., -.3),
        'forehead_outer': (0., -.65), 'temple': (0., -.35), 37: (0., -.15),
        36: (0., -.1)}),
    4: Muscle('brow lowerer', .9, 5., {
        21: (.5, .85), 20: (.45, .9), 19: (.3, .8), 18: (.2, .5), 17: (.1, .2),
        27: (0., .15), 'forehead_inner': (.25, .5), 'forehead_outer': (.1, .3),
        38: (.1, .35), 37: (.05, .25), 39: (.05, .1)}),
    5: Muscle('upper lid raiser', .45, 4., {
        37: (0., -.95), 38: (0., -1.), 36: (0., -.1)}),
    6: Muscle('cheek raiser', .65, 4.5, {
        41: (.05, -.55), 40: (.05, -.45), 36: (.2, .1), 'under_eye': (0., -.9),
        'cheek': (0., -1.), 'temple': (.25, .1), 37: (0., .15), 17: (.05, .15)}),
    7: Muscle('lid tightener', .45, 4., {
        41: (.05, -1.), 40: (.05, -1.), 37: (0., .6), 38: (0., .5),
        'under_eye': (0., -.45)}),
    9: Muscle('nose wrinkler', .9, 5., {
        31: (-.1, -.8), 32: (0., -.75), 33: (0., -.5), 30: (0., -.3),
        29: (0., -.2), 49: (0., -.35), 50: (0., -.65), 51: (0., -.45),
        61: (0., -.35), 62: (0., -.3), 'nasolabial': (0., -.8),
        'under_eye': (.1, -.5), 21: (.35, .6), 20: (.25, .5), 19: (.1, .3),
        40: (0., -.35), 38: (0., .25)}),
    10: Muscle('upper lip raiser', .9, 5., {
        49: (-.05, -.85), 50: (0., -1.), 51: (0., -.75), 61: (0., -.8),
        62: (0., -.7), 31: (-.15, -.35), 32: (0., -.2), 'nasolabial': (-.15, -.75),
        'cheek': (0., -.3), 48: (0., -.25), 60: (0., -.2)}),
    12: Muscle('lip corner puller', 1.1, 7., {
        48: (-.72, -.7), 60: (-.65, -.6), 49: (-.5, -.45), 59: (-.5, -.4),
        50: (-.18, -.08), 58: (-.18, -.05), 61: (-.15, -.05), 67: (-.15, 0.),
        'nasolabial': (-.45, -.5), 'cheek': (-.2, -.5), 'jowl': (-.35, -.3),
        'under_eye': (0., -.3), 41: (0., -.12), 40: (0., -.08), 3: (-.12, -.05),
        4: (-.12, -.05), 31: (-.08, -.05)}),
    14: Muscle('dimpler', .8, 4.5, {
        48: (-.95, .05), 60: (-.85, .05), 49: (-.55, .1), 59: (-.55, -.05),
        50: (-.15, .08), 58: (-.15, -.08), 'jowl': (-.2, 0.),
        'nasolabial': (-.25, 0.)}),
    15: Muscle('lip corner depressor', .9, 5., {
        48: (-.1, 1.), 60: (-.1, .85), 59: (-.1, .65), 49: (-.05, .55),
        50: (0., .12), 58: (0., .15), 'jowl': (-.05, .6), 'nasolabial': (0., .35),
        5: (0., .15)}),
    17: Muscle('chin raiser', .8, 4.5, {
        57: (0., -.8), 58: (0., -.75), 59: (0., -.35), 66: (0., -.5),
        67: (0., -.4), 51: (0., -.45), 50: (0., -.35), 62: (0., -.5),
        61: (0., -.4), 'chin_boss': (0., -1.), 8: (0., -.45), 7: (0., -.35),
        48: (0., .1)}),
    20: Muscle('lip stretcher', 1., 6., {
        48: (-1., .2), 60: (-.9, .2), 59: (-.65, .2), 49: (-.65, .12),
        58: (-.2, .1), 50: (-.2, .05), 'jowl': (-.5, .15), 'nasolabial': (-.4, .05),
        4: (-.25, .05), 5: (-.2, .1)}),
    23: Muscle('lip tightener', .6, 4., {
        48: (.9, 0.), 60: (.8, 0.), 49: (.5, .45), 50: (.1, .5), 51: (0., .4),
        59: (.5, -.45), 58: (.1, -.55), 57: (0., -.5), 'jowl': (.25, 0.)}),
    24: Muscle('lip pressor', .6, 4., {
        49: (.05, .6), 50: (0., .75), 51: (0., .65), 61: (0., .1), 62: (0., .1),
        59: (.05, -.7), 58: (0., -1.), 57: (0., -1.), 67: (0., -.1),
        66: (0., -.1), 'chin_boss': (0., -.4)}),
    25: Muscle('lips part', .6, 4.5, {
        57: (0., .95), 58: (0., .9), 59: (0., .5), 66: (0., 1.), 67: (0., .95),
        50: (0., -.25), 51: (0., -.25), 61: (0., -.35), 62: (0., -.4),
        'chin_boss': (0., .35)}),
    26: Muscle('jaw drop', 1.25, 8., {
        57: (0., 1.), 58: (0., .97), 59: (.05, .7), 66: (0., .95), 67: (0., .9),
        48: (.1, .3), 60: (.1, .3), 'chin_boss': (0., 1.), 8: (0., 1.),
        7: (0., .97), 6: (0., .85), 5: (.05, .6), 4: (.08, .35), 3: (.05, .15),
        'jowl': (.1, .4)}),
}


def face_points(
    face: Float[np.ndarray, '68 2'],
) -> Float[np.ndarray, '83 2']:
  """The landmarks and the skin points between them."""
  skin = np.zeros((POINTS - landmarks.COUNT, 2))
  for k, mix in enumerate(_SKIN.values()):
    for side, turn in enumerate((np.arange(landmarks.COUNT), landmarks.MIRROR)):
      skin[2 * k + side] = sum(weight * face[turn[i]] for i, weight in mix)
  skin[-1] = .5 * (face[57] + face[8])
  return np.concatenate([face, skin])


@lru_cache
def directions(unit: int) -> Float[np.ndarray, '2 83 2']:
  """How one action unit moves every point: the picture's left half, then its right.

  A point on the midline takes half of its movement from each side.
  """
  muscle = MUSCLES[unit]
  left = np.zeros((POINTS, 2))
  for name, move in muscle.moves.items():
    index = _index(name)
    share = .5 if MIRROR[index] == index else 1.
    left[index] = share * muscle.size * np.asarray(move)
  right = left[MIRROR] * (-1., 1.)
  both = np.stack([left, right])
  both.setflags(write=False)
  return both


# Moves of a few points -> a smooth movement of the whole face, and its inverse.

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
  every = np.arange(POINTS)
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
  """The movement of the whole face when its points want to move like this.

  Args:
    skin: the face at rest.
    moves: how far each point wants to go at each instant, in units.

  Returns:
    One `Bend` for each of the T instants.
  """
  wanted = moves.transpose(1, 0, 2).reshape(POINTS, -1)
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
      POINTS, -1, 2)
  upper, lower = sheets
  return [Bend(upper[:, :, t].copy(), lower[:, :, t].copy(),
               skin.points + moved[:, t]) for t in range(len(moves))]


def below_lips(
    points: Float[np.ndarray, '83 2'], where: Float[np.ndarray, '*n 2']
) -> Float[np.ndarray, '*n']:
  """0 above the line between the lips, 1 below; a wider ramp away from the mouth.

  Args:
    points: of the face, in units.
    where: places in units.
  """
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

  Args:
    bent: the movement.
    where: unit coordinates.

  Returns:
    What to add to `where` to come to the place at rest, in units.
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
