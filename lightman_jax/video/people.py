"""Who is who from frame to frame, and where the camera cuts."""

from collections.abc import Iterable
import dataclasses

import cv2
from jaxtyping import Float, UInt8
import numpy as np

from lightman_jax.faces import landmarks as faces
from lightman_jax.faces.detection import Square
from lightman_jax.units import short_repr
from lightman_jax.video.faces import Break
from lightman_jax.video.smoothing import OneEuro
from lightman_jax.video.visibility import Appearance

# Boxes and likeness.

Box = tuple[float, float, float, float]


def box_of(points: Float[np.ndarray, '68 2']) -> Box:
  """x, y, width and height of the rectangle about the landmarks."""
  low, high = points.min(0), points.max(0)
  return tuple(map(float, (*low, *(high - low))))


def overlap(one: Box, other: Box) -> float:
  """Intersection over union of two boxes."""
  low = np.maximum(one[:2], other[:2])
  high = np.minimum(np.add(one[:2], one[2:]), np.add(other[:2], other[2:]))
  shared = float(np.prod(np.maximum(0, high - low)))
  return shared / max(one[2] * one[3] + other[2] * other[3] - shared, 1e-9)


_SIDE = 24
_FINER = 4            # times as many pixels are drawn, which is enough to compare


def portrait(picture: UInt8[np.ndarray, 'h w 3'], points: Float[np.ndarray, '68 2']
             ) -> Float[np.ndarray, '24 24 3']:
  """A small aligned face, less its mean and of unit variance, to compare people by.

  Args:
    picture: RGB.
    points: landmarks in pixels of it.
  """
  matrix = faces.fit_similarity(points, faces.canonical_landmarks(_FINER * _SIDE))
  fine = cv2.warpAffine(picture, matrix, (_FINER * _SIDE,) * 2, flags=cv2.INTER_LINEAR,
                        borderMode=cv2.BORDER_REPLICATE)
  small = cv2.resize(fine, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
  small = small.astype(np.float32)
  return (small - small.mean()) / max(float(small.std()), 1.)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
  """Correlation of two portraits, from -1 to 1."""
  return float((one * other).mean() / max(
      float(np.sqrt((one**2).mean() * (other**2).mean())), 1e-6))


# A person who is followed, and people who are remembered.

_LEARNING = 1.        # seconds of the mean portrait
REMEMBERED = 2.       # seconds for which somebody who is lost keeps the number
_MOST_REMEMBERED = 16
_SAME_PLACE = .1      # overlap with where somebody was lost
_SAME_PERSON = .9     # likeness with whom was lost
CLEARLY = .1          # by how much more than anybody else


@dataclasses.dataclass
class Track:
  """One person.

  Attributes:
    person: the number.
    points: landmarks in the last frame, as they were found.
    square: where the face model looks next; None for landmarks from elsewhere.
    time: of the last frame in which the face was found, in seconds.
    portrait: mean over the last second.
    cut: what lies before the next row.
    blur: usual, see `quality.blur_of`.
  """
  person: int
  points: np.ndarray
  square: Square | None
  time: float
  portrait: np.ndarray
  cut: Break | None = Break.FIRST
  blur: float = 0.
  smooth: OneEuro = dataclasses.field(default_factory=OneEuro)
  appearance: Appearance = dataclasses.field(default_factory=Appearance)
  __repr__ = short_repr

  @property
  def box(self) -> Box:
    """About the landmarks."""
    return box_of(self.points)

  def learn(self, portrait_now: np.ndarray, step: float, blur: float) -> None:
    """What a good frame adds to what the person looks like.

    Args:
      portrait_now: of this frame.
      step: seconds since the frame before.
      blur: of this frame.
    """
    share = min(1., step / _LEARNING)
    self.portrait = self.portrait + share * (portrait_now - self.portrait)
    self.blur = blur if not self.blur else self.blur + share * (blur - self.blur)

  def interrupt(self, cut: Break) -> None:
    """No interval spans what happens here.

    Args:
      cut: what it is; who is seen for the first time remains so.
    """
    if self.cut is None:
      self.cut = cut
    self.smooth.reset()


class Memory:
  """People who were lost a moment ago; bounded, however many there are."""

  def __init__(self):
    self._lost: list[Track] = []

  def __len__(self) -> int:
    return len(self._lost)

  def keep(self, tracks: Iterable[Track]) -> None:
    """Remembers who is lost; once, however often they are named."""
    for track in tracks:
      if not any(track is other for other in self._lost):
        track.interrupt(Break.LOST)
        self._lost = [*self._lost, track][-_MOST_REMEMBERED:]

  def forget(self, time: float = np.inf) -> None:
    """Forgets who was lost too long before `time`."""
    self._lost = [track for track in self._lost if time - track.time <= REMEMBERED]

  def recall(self, points: np.ndarray, seen: np.ndarray) -> Track | None:
    """Who of them this face is; None where that is not clear.

    Somebody who returns where nobody was lost, or does not look the same, is another.

    Args:
      points: landmarks of the face.
      seen: its portrait.
    """
    near = [track for track in self._lost
            if overlap(track.box, box_of(points)) > _SAME_PLACE]
    ranked = sorted(((likeness(track.portrait, seen), -track.person, track)
                     for track in near), reverse=True)
    if not ranked or ranked[0][0] < _SAME_PERSON:
      return None
    if len(ranked) > 1 and ranked[0][0] - ranked[1][0] < CLEARLY:
      return None
    track = ranked[0][2]
    self._lost = [other for other in self._lost if other is not track]
    return track


# Camera cuts.

_ROWS, _COLUMNS = 24, 32
_CUT = .5             # correlation of two small pictures under which it is a cut


class CutFinder:
  """Tells a camera cut from a picture in which something moves."""

  def __init__(self):
    self._before: np.ndarray | None = None
    self._shape: tuple[int, ...] = ()

  def is_cut(self, picture: UInt8[np.ndarray, 'h w 3']) -> bool:
    """Whether a picture shows something else than the one before.

    Args:
      picture: RGB, of every frame in turn; brightness and contrast do not count.
    """
    height, width = picture.shape[:2]
    step = max(1, min(height // (4 * _ROWS), width // (4 * _COLUMNS)))
    small = cv2.resize(np.ascontiguousarray(picture[::step, ::step, 1]),
                       (_COLUMNS, _ROWS), interpolation=cv2.INTER_AREA)
    small = small.astype(np.float32)
    small -= small.mean()
    before, self._before = self._before, small
    shape, self._shape = self._shape, picture.shape
    if before is None:
      return False
    if shape != picture.shape:
      return True
    power = float(np.sqrt((small**2).mean() * (before**2).mean()))
    return power > 4. and float((small * before).mean()) < _CUT * power
