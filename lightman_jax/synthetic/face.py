"""Who is in front of the camera, and how the skin moves when a muscle contracts.

Frame: the unit square of `landmarks.mean_face`. Colours are RGB in [0, 1].

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

# Who is in front of the camera, and how the recording of one clip looks.

_SKIN_TONES = np.array([
    (.95, .80, .71), (.90, .72, .60), (.85, .66, .52), (.74, .54, .41),
    (.60, .41, .30), (.45, .30, .22)])
_HAIR = np.array([
    (.07, .06, .06), (.13, .09, .07), (.24, .15, .09), (.40, .24, .13), (.62, .48, .28),
    (.45, .43, .42)])
_IRIS = np.array([(.20, .12, .07), (.30, .18, .09), (.30, .38, .28), (.28, .42, .55)])
_CLOTHES = np.array([
    (.20, .22, .28), (.55, .20, .20), (.25, .35, .50), (.75, .75, .72),
    (.30, .40, .32)])


class Person(NamedTuple):
  """What stays the same in all clips of a subject."""
  face: Float[np.ndarray, '68 2']      # neutral landmarks
  gain: Float[np.ndarray, 'units 2']   # picture's left and right; rows as MUSCLES
  expressive: float                    # where in the range of amplitudes, 0 to 1
  skin: np.ndarray                     # colours
  hair: np.ndarray
  iris: np.ndarray
  clothes: np.ndarray
  lip_red: float                       # how far the lips differ from the skin, 0 to 1
  texture: float                       # contrast of the skin's texture
  freckles: int
  stubble: float                       # 0 where there is none
  creases: float                       # depth of the folds, at rest and in motion
  brow_weight: float                   # thickness, 1 is average
  hairline: tuple[float, float, float]   # height, roundness, parting
  long_hair: float                     # 0 to 1: how far down it hangs
  light: Float[np.ndarray, '3']        # direction towards the lamp; z to the camera
  ambient: float
  background: np.ndarray
  noise: float                         # camera noise, standard deviation in [0, 1]
  blur: float                          # camera blur, in pixels of a 64-pixel picture
  texture_seed: int


class Glasses(NamedTuple):
  """Spectacles, which move with the head alone; lengths in widths of an eye."""
  colour: np.ndarray                   # of the rims, in [0, 1]
  thickness: float                     # of the rims
  size: tuple[float, float]            # half the width and height of a lens
  roundness: float                     # 2 is an ellipse, more is squarer
  glint: float                         # how bright the lamp is in the lenses, 0 to 1


class Look(NamedTuple):
  """What changes from clip to clip, whatever the person feels."""
  rest: Float[np.ndarray, 'units 2']   # tone of every muscle before onset
  shift: Float[np.ndarray, '2']        # of the crop, in unit coordinates
  turn: float                          # degrees
  zoom: float
  gaze: Float[np.ndarray, '2']         # of the irises, in shares of their radius
  exposure: float
  light: Float[np.ndarray, '3']        # added to the person's
  noise_seed: int
  stretch: tuple[float, float] = (1., 1.)   # of the face across and down: a closer crop


def _scale(face: np.ndarray, part: list[int], x: float, y: float) -> None:
  centre = face[part].mean(0)
  face[part] = centre + (face[part] - centre) * (x, y)


def draw_face(rng: np.random.Generator) -> Float[np.ndarray, '68 2']:
  """The neutral landmarks of one person: the mean face, varied part by part."""
  face = landmarks.mean_face()
  part = {name: list(indices) for name, indices in landmarks.COMPONENTS.items()}
  tall = np.exp(rng.normal(0., .06, 10))
  for eye, brow in (('LEFT_EYE', 'LEFT_BROW'), ('RIGHT_EYE', 'RIGHT_BROW')):
    eye, brow = (list(getattr(landmarks, name)) for name in (eye, brow))
    _scale(face, eye, tall[0], tall[0] * tall[1] ** 2)
    _scale(face, brow, tall[2], tall[3] ** 3)
    face[eye, 1] += .15 * (face[eye, 0].mean() - face[eye, 0]) * np.log(tall[4])
  face[part['brows'], 1] += rng.normal(0., .010)
  slant = np.abs(face[part['brows'], 0] - .5) - .2
  face[part['brows'], 1] += rng.normal(0., .10) * slant
  _scale(face, part['nose'], tall[5] ** 1.5, tall[6])
  _scale(face, part['mouth'], tall[7], 1.)
  thick = np.exp(rng.normal(0., .18, 2))
  line = .727
  for i in landmarks.OUTER_LIPS:
    face[i, 1] = line + (face[i, 1] - line) * thick[int(face[i, 1] > line)]
  face[part['mouth'], 1] += rng.normal(0., .010)
  jaw = part['jaw']
  lower = np.clip(face[jaw, 1] - .45, 0., None)
  face[jaw, 0] = .5 + (face[jaw, 0] - .5) * (1. + rng.normal(0., .25) * lower)
  face[jaw, 1] += rng.normal(0., .06) * lower
  centre = np.array([.5, .5])
  face = centre + (face - centre) * (tall[8], tall[9] ** .5)
  uneven = rng.normal(0., .0025, face.shape)
  uneven[list(landmarks.INNER_LIPS)] = 0.
  return face + uneven


# A mean lamp: from above, before the face; and the share of light from elsewhere.
_LAMP = np.array([0., -.55, 1.])
_AMBIENT = .55


def draw_person(rng: np.random.Generator, *, gain: float) -> Person:
  """One subject; `gain` is the standard deviation of the log of muscle strengths.

  Args:
    rng: source of randomness.
    gain: standard deviation of the log of muscle strengths.
  """
  face = draw_face(rng)
  units = len(MUSCLES)
  both, side = rng.normal(0., gain, (units, 1)), rng.normal(0., .5 * gain, (units, 2))
  tone = rng.uniform(0., len(_SKIN_TONES) - 1.)
  low = int(tone)
  mix = tone - low
  skin = (1. - mix) * _SKIN_TONES[low] + mix * _SKIN_TONES[min(low + 1, 5)]
  return Person(
      face=face, gain=np.exp(both + side), expressive=float(rng.uniform()),
      skin=skin + rng.normal(0., .015, 3),
      hair=_HAIR[rng.choice(6 if tone < 2.5 else 2)],
      iris=_IRIS[rng.choice(4 if tone < 2.5 else 2)],
      clothes=_CLOTHES[rng.integers(len(_CLOTHES))],
      lip_red=float(rng.uniform(.35, .9)), texture=float(rng.uniform(.035, .06)),
      freckles=int(rng.choice([0, 4, 12, 60])),
      stubble=float(rng.choice([0., 0., rng.uniform(.08, .3)])),
      creases=float(rng.uniform(.25, .8)), brow_weight=float(rng.uniform(.7, 1.4)),
      hairline=(float(rng.uniform(.08, .15)), float(rng.uniform(.2, 1.1)),
                float(rng.uniform(-.2, .2))),
      long_hair=float(rng.choice([0., rng.uniform(.3, 1.)])),
      light=np.array([rng.normal(0., .55), _LAMP[1] + rng.normal(0., .2), _LAMP[2]]),
      ambient=float(rng.uniform(.45, .65)),
      background=rng.uniform(.35, .8) + rng.normal(0., .03, 3),
      noise=float(rng.uniform(.004, .014)), blur=float(rng.uniform(.2, .6)),
      texture_seed=int(rng.integers(2**31)))


def move_lamp(person: Person, lamp: float) -> Person:
  """The same person under a lamp that differs more or less from a mean one.

  Args:
    person: as drawn.
    lamp: by how much its direction and the share of light from elsewhere differ, as a
      multiple of what was drawn.
  """
  if lamp == 1.:
    return person
  return person._replace(
      light=_LAMP + lamp * (person.light - _LAMP),
      ambient=float(np.clip(_AMBIENT + lamp * (person.ambient - _AMBIENT), .1, 1.)))


def draw_glasses(rng: np.random.Generator) -> Glasses:
  """The spectacles of one person.

  Args:
    rng: source of randomness.
  """
  across = float(rng.uniform(.8, 1.))
  return Glasses(
      colour=np.clip(_HAIR[rng.integers(len(_HAIR))] + rng.normal(0., .03, 3), 0., 1.),
      thickness=float(rng.uniform(.05, .16)),
      size=(across, across * float(rng.uniform(.6, .95))),
      roundness=float(rng.uniform(2., 4.)), glint=float(rng.uniform(0., .5)))


def draw_look(rng: np.random.Generator, *, rest: float, framing: float,
              lamp: float = 1.) -> Look:
  """One recording.

  Args:
    rng: source of randomness.
    rest: standard deviation of each muscle's tone at rest, in pixels of a 64-pixel
      face; it hides what a single frame would tell about the emotion.
    framing: standard deviation of the crop's shift, in such pixels.
    lamp: multiplies how much the light differs between recordings.
  """
  units = list(MUSCLES)
  tone = rng.normal(0., rest / 64., (len(units), 1))
  tone = tone + rng.normal(0., .3 * rest / 64., (len(units), 2))
  # A jaw can hang and lips can part, but neither goes through closed teeth.
  for unit in (25, 26):
    tone[units.index(unit)] = .3 * np.abs(tone[units.index(unit)])
  return Look(
      rest=tone, shift=rng.normal(0., framing / 64., 2),
      turn=float(rng.normal(0., 1.2 * framing)),
      zoom=float(np.exp(rng.normal(0., .02 * framing))),
      gaze=rng.normal(0., .12, 2), exposure=float(np.exp(lamp * rng.normal(0., .05))),
      light=lamp * rng.normal(0., .1, 3) * (1., 1., 0.),
      noise_seed=int(rng.integers(2**31)))


# Which way the skin moves when a facial muscle contracts, and the warp it makes.

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
