"""How far each region of an aligned face has moved, once the head's motion is out.

Some hundred points of the face are followed from a reference picture of the same face
to each frame (Lucas and Kanade 1981, in pyramids: Bouguet 2001), after the light is
evened out. A head that shifts, turns in the picture, comes nearer, or turns aside and
nods moves every point in a way that six numbers describe; these are fitted so that the
few points that an expression moves do not sway them, and subtracted. What is left is
taken by its median in each region.

The reference is renewed while the face rests, and what has been moved by then is added
to all that follows: a region's place goes on across references. So slow onsets are
seen at any frame rate, and a frame takes the same time and memory whether it is the
first or the last.

Frame: the aligned face, x right and y down, in pixels. 'left' and 'right' are those of
the picture.
"""

import dataclasses
from typing import NamedTuple

import cv2
from jaxtyping import Bool, Float, Float32, UInt8
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.units import short_repr

REGIONS = ('left brow', 'right brow', 'left eye', 'right eye', 'nose', 'left cheek',
           'right cheek', 'left mouth corner', 'right mouth corner', 'upper lip',
           'lower lip', 'chin')
"""Regions of the face, in the order in which their motion is given."""

EYES = tuple(REGIONS.index(name) for name in ('left eye', 'right eye'))
BROWS = tuple(REGIONS.index(name) for name in ('left brow', 'right brow'))
LIPS = tuple(REGIONS.index(name) for name in (
    'left mouth corner', 'right mouth corner', 'upper lip', 'lower lip', 'chin'))


# Regions behind what covers a part of the face, as `Face.visible` names parts. A hand
# before the mouth moves what is followed beside it, too.
_MIDDLE = tuple(REGIONS.index(name) for name in ('nose', 'left cheek', 'right cheek'))
BEHIND = {'brows': BROWS, 'eyes': EYES, 'nose': _MIDDLE, 'mouth': (*_MIDDLE, *LIPS)}


@dataclasses.dataclass(frozen=True)
class MotionSettings:
  """How motion is measured; lengths are shares of the aligned face's side.

  Attributes:
    window: side of the square that is followed around each point.
    evened: standard deviation of the blur that evens out the light.
    renew: s, after which a reference is renewed as soon as the face rests.
    renew_at_last: s, after which it is renewed in any case.
    rest: speed below which a face rests, in shares of the side a second.
    near: how far from its reference a resting face is at most, a share of the side.
    unlike: mean difference of what is followed, in grey values of evened light, from
      which a point counts as lost.
  """
  window: float = .105
  evened: float = .05
  renew: float = 1.
  renew_at_last: float = 20.
  rest: float = .03
  near: float = .012
  unlike: float = 28.


class RegionMotion(NamedTuple):
  """One frame of one person.

  Attributes:
    moved: x and y of each region, in pixels of the aligned face, counted from the first
      frame after the last break.
    head: of the aligned face from the first frame on: shift x, shift y (pixels), turn
      in the picture (radians), scale (share), yaw and pitch (radians, about).
    lids: how far each eye is open, as a share of its width.
    seen: share of each region's points that could be followed.
  """
  moved: Float32[np.ndarray, 'regions 2']
  head: Float32[np.ndarray, '6']
  lids: Float32[np.ndarray, '2']
  seen: Float32[np.ndarray, 'regions']
  __repr__ = short_repr


def _skin(face: np.ndarray, *mix: tuple[int, float]) -> np.ndarray:
  """A place between landmarks, at the picture's left."""
  return sum(share * face[index] for index, share in mix)


def _left_places(face: Float[np.ndarray, '68 2']) -> dict[str, list[np.ndarray]]:
  """The points of the regions at the picture's left, on a face of 68 landmarks."""
  up = np.array([0., -1.]) * (face[8, 1] - face[27, 1])
  brow = [face[i] + share * up for i in (18, 19, 20, 21) for share in (.01, .07)]
  brow += [.5 * (face[i] + face[i + 1]) + .04 * up for i in (18, 19, 20)]
  return {
      'brow': brow,
      'eye': [face[37], face[38], face[40], face[41]],
      # At a distance from the lids, which blink.
      'cheek': [_skin(face, (41, .45), (48, .25), (3, .30)),
                _skin(face, (41, .45), (40, .25), (48, .30)),
                _skin(face, (41, .35), (31, .25), (48, .40)),
                _skin(face, (41, .45), (3, .40), (31, .15))],
      'mouth corner': [face[48], .5 * (face[48] + face[49]), face[49],
                       .5 * (face[48] + face[59]),
                       _skin(face, (31, .45), (48, .55)),
                       _skin(face, (4, .30), (48, .70)),
                       _skin(face, (31, .2), (48, .8)),
                       _skin(face, (6, .3), (48, .7))],
      'stable': [face[36] - (face[39] - face[36]) * .4,
                 _skin(face, (1, .6), (41, .4)), _skin(face, (2, .6), (41, .4)),
                 _skin(face, (0, .6), (36, .4)),
                 _skin(face, (39, .3), (28, .7)), _skin(face, (39, .3), (30, .7))],
  }


def points_of(face: Float[np.ndarray, '68 2']
              ) -> tuple[Float[np.ndarray, 'points 2'], list[np.ndarray], np.ndarray]:
  """What is followed on a face.

  Args:
    face: its landmarks.

  Returns:
    The points; the indices of each region's; and which are stable: an expression hardly
    moves them.
  """
  # The right side is that of the mirrored face, mirrored back.
  mirrored = landmarks.mirror_landmarks(face, width=0.)
  sides = {'left': _left_places(face), 'right': {
      name: [place * (-1., 1.) for place in places]
      for name, places in _left_places(mirrored).items()}}
  middle = {
      'nose': [face[30], *face[31:36], .5 * (face[31] + face[29]),
               .5 * (face[35] + face[29])],
      'upper lip': [face[50], face[51], face[52], .5 * (face[51] + face[33])],
      'lower lip': [face[56], face[57], face[58]],
      'chin': [.5 * (face[57] + face[8]), *(.7 * face[i] + .3 * face[57]
                                            for i in (7, 8, 9))],
  }
  points, members = [], []
  for region in REGIONS:
    side, _, name = region.partition(' ')
    places = middle[region] if region in middle else sides[side][name]
    members.append(np.arange(len(points), len(points) + len(places)))
    points += places
  stable = [*face[27:30], *sides['left']['stable'], *sides['right']['stable']]
  marks = np.zeros(len(points) + len(stable), bool)
  marks[len(points):] = True
  return np.asarray(points + stable), members, marks


def even_light(picture: UInt8[np.ndarray, 'h w'], width: float
               ) -> UInt8[np.ndarray, 'h w']:
  """The picture less its local mean, over its local contrast.

  Args:
    picture: grey.
    width: standard deviation of the neighbourhood, in pixels.
  """
  values = picture.astype(np.float32)
  rest = values - cv2.GaussianBlur(values, (0, 0), width)
  contrast = cv2.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), 1.5 * width))
  return cv2.convertScaleAbs(rest / (contrast + 6.) * 40. + 128.)


def region_motion(
    reference: UInt8[np.ndarray, 'size size'], current: UInt8[np.ndarray, 'size size'],
    face: Float[np.ndarray, '68 2'] | None = None,
    settings: MotionSettings = MotionSettings(),
) -> Float32[np.ndarray, 'regions 2']:
  """How far each region has moved from one aligned face to another, without the head.

  Args:
    reference: a grey aligned face.
    current: a later one.
    face: landmarks of the reference in its pixels; None is those of the mean face.
    settings: how it is measured.

  Returns:
    x and y of each of `REGIONS`, in pixels.
  """
  meter = MotionMeter(len(reference), settings)
  meter.push(reference, 0., face)
  return meter.push(current, 1e-3, face).moved


class MotionMeter:
  """Measures one person's motion, frame by frame.

  Args:
    size: side of the aligned faces in pixels.
    settings: how it is measured.
  """

  def __init__(self, size: int, settings: MotionSettings = MotionSettings()):
    self.size, self.settings = size, settings
    self._window = (max(7, round(settings.window * size) | 1),) * 2
    self._reference: np.ndarray | None = None
    self._start()

  def _start(self) -> None:
    self._moved = np.zeros((len(REGIONS), 2), np.float32)
    self._head = np.zeros(6, np.float32)
    self._recent: list[tuple[float, np.ndarray]] = []

  def reset(self) -> None:
    """Forgets the reference: what comes next lies beyond a break."""
    self._reference = None
    self._start()

  def push(self, aligned: UInt8[np.ndarray, 'size size'], time: float,
           face: Float[np.ndarray, '68 2'] | None = None) -> RegionMotion:
    """Measures one frame.

    Args:
      aligned: the grey aligned face.
      time: of the frame in seconds.
      face: its landmarks in pixels of the aligned face; None is the mean face's.
    """
    if face is None:
      face = landmarks.canonical_landmarks(self.size)
    picture = even_light(aligned, self.settings.evened * self.size)
    if self._reference is None:
      self._renew(picture, face, time)
    places, good = self._follow(picture)
    change = places - self._points
    head = fit_head(self._basis, change, self._weights * good)
    rest = (change - (self._basis @ head).reshape(-1, 2)).astype(np.float32)
    middle, seen = self._regions(rest, good)
    known = seen >= .5
    before = self._recent[-1][1] if self._recent else self._moved
    # What is not seen stays as it was.
    moved = np.where(known[:, None], self._moved + middle, before)
    # A point that went astray starts again from where its region is, or last was.
    goal = np.where(known[:, None], middle, before - self._moved)[self._region_of]
    astray = (np.abs(rest[:len(goal)] - goal).max(1) > .02 * self.size) | ~good[
        :len(goal)]
    places[:len(goal)][astray] += (goal - rest[:len(goal)])[astray]
    turned = self._head + head.astype(np.float32)
    self._guess = places
    self._recent.append((time, moved))
    while self._recent and time - self._recent[0][0] > .12:
      self._recent.pop(0)
    if self._may_renew(time, good, moved):
      self._moved, self._head = moved, turned
      self._renew(picture, face, time)
    return RegionMotion(moved, turned, openness(face), seen)

  def _follow(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    places, status, unlike = cv2.calcOpticalFlowPyrLK(
        self._reference, picture, self._points, self._guess.copy(),
        winSize=self._window, maxLevel=1,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, .01),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW)
    good = status[:, 0].astype(bool) & (unlike[:, 0] < self.settings.unlike)
    good &= np.linalg.norm(places - self._points, axis=1) < .15 * self.size
    return np.where(good[:, None], places, self._points), good

  def _regions(self, rest, good):
    """The median of each region's points that are followed, and their share."""
    values = np.where(good[:, None], rest, np.inf).astype(np.float32)
    values = np.concatenate([values, np.full((1, 2), np.inf, np.float32)])
    ranked = np.sort(values[self._padded], axis=1)
    count = np.append(good, False)[self._padded].sum(1)
    at = np.maximum(count - 1, 0)
    rows = np.arange(len(REGIONS))
    middle = .5 * (ranked[rows, at // 2] + ranked[rows, (at + 1) // 2])
    middle[count == 0] = 0.
    return middle, (count / self._counts).astype(np.float32)

  def _may_renew(self, time: float, good: Bool[np.ndarray, 'points'],
                 moved: Float32[np.ndarray, 'regions 2']) -> bool:
    age = time - self._since
    if age > self.settings.renew_at_last or (good.mean() < .5 and age > .2):
      return True
    if age < self.settings.renew or len(self._recent) < 3:
      return False
    if np.abs(moved - self._moved).max() > self.settings.near * self.size:
      return False
    (first, before), (last, now) = self._recent[0], self._recent[-1]
    speed = np.abs(now - before).max() / max(last - first, 1e-3)
    return bool(speed < self.settings.rest * self.size)

  def _renew(self, picture: np.ndarray, face: np.ndarray, time: float) -> None:
    points, members, stable = points_of(np.asarray(face, np.float64))
    self._counts = np.array([len(member) for member in members])
    self._region_of = np.repeat(np.arange(len(members)), self._counts)
    self._padded = np.full((len(members), self._counts.max()), -1)
    for row, member in zip(self._padded, members):
      row[:len(member)] = member
    edge = .5 * self._window[0]
    self._points = np.clip(points, edge, self.size - 1 - edge).astype(np.float32)
    self._guess, self._reference, self._since = self._points.copy(), picture, time
    least = cv2.cornerMinEigenVal(picture, self._window[0] // 2 * 2 + 1)
    x, y = np.round(self._points).astype(int).T
    texture = least[y, x]
    trust = texture / (texture + np.median(texture)) + .05
    self._weights = trust * np.where(stable, 3., 1.)
    for eye in EYES:
      self._weights[members[eye]] = 0.
    self._basis = head_basis(self._points, self.size)


def openness(face: Float[np.ndarray, '68 2']) -> Float32[np.ndarray, '2']:
  """How far the eyes are open: height over width (Soukupova and Cech 2016).

  Args:
    face: landmarks, in any unit.
  """
  shares = []
  for outer, inner, pairs in ((36, 39, ((37, 41), (38, 40))),
                              (42, 45, ((43, 47), (44, 46)))):
    high = np.mean([np.linalg.norm(face[a] - face[b]) for a, b in pairs])
    shares.append(high / max(float(np.linalg.norm(face[outer] - face[inner])), 1e-6))
  return np.asarray(shares, np.float32)


def head_basis(points: Float[np.ndarray, 'points 2'], size: int
               ) -> Float[np.ndarray, 'twopoints 6']:
  """How a head's small motion moves points of an aligned face, column by column.

  Columns: shift x, shift y, turn (radians), scale, yaw, pitch. A head that turns aside
  moves what stands out towards the camera; how far, an ellipsoid with a nose says.

  Args:
    points: in pixels of the aligned face.
    size: its side.
  """
  unit = (points + .5) / size
  x, y = (points - size * np.array([.5, .55])).T
  depth = size * depth_of(unit)
  one, none = np.ones_like(x), np.zeros_like(x)
  columns = ((one, none), (none, one), (-y, x), (x, y), (depth, none), (none, depth))
  return np.stack([np.stack(pair, 1).ravel() for pair in columns], 1).astype(np.float64)


def depth_of(points: Float[np.ndarray, '*n 2']) -> Float[np.ndarray, '*n']:
  """How far points of a face stand out towards the camera, in sides of the picture.

  Args:
    points: in units of the mean face.
  """
  x, y = points[..., 0] - .5, points[..., 1] - .55
  round_ = np.maximum(0., 1. - (x / .5)**2 - (y / .6)**2)
  nose = np.exp(-.5 * ((x / .06)**2 + (y / .07)**2))
  return .3 * np.sqrt(round_) + .1 * nose


def fit_head(
    basis: Float[np.ndarray, 'twopoints 6'], change: Float[np.ndarray, 'points 2'],
    weights: Float[np.ndarray, 'points'], *, refits: int = 4, scale: float = .25,
) -> Float[np.ndarray, '6']:
  """The head's motion that explains most points' change.

  Deviations count less the larger they are (Cauchy's weights, iteratively
  reweighted), so that what an expression moves hardly counts.

  Args:
    basis: of `head_basis`.
    change: of each point, in pixels.
    weights: how far each point is relied on.
    refits: rounds.
    scale: deviation in pixels at which a point counts half.
  """
  values = change.astype(np.float64).ravel()
  ridge = 1e-6 * len(values) * np.diag((basis**2).mean(0) + 1e-9)
  now, head = weights, np.zeros(basis.shape[1])
  for _ in range(refits):
    each = np.repeat(now, 2)[:, None] * basis
    head = np.linalg.solve(basis.T @ each + ridge, each.T @ values)
    miss = np.linalg.norm((values - basis @ head).reshape(-1, 2), axis=1)
    now = weights / (1. + (miss / scale)**2)
  return head
