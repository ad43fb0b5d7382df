"""A face at rest and its movements -> pictures, and the movement field that made them.

The face is drawn once for a clip (`skin`), then bent (`muscles`) for every frame; eyes
and mouth are painted in, and a camera looks at the result. Movements are in
the unit square of `landmarks.mean_face`; the picture's own unit square differs from it
by the pose of the head.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.synthetic import face, skin
from lightman_jax.synthetic.canvas import Canvas
from lightman_jax.synthetic.sitters import Glasses, Look, Person


class Sitter(NamedTuple):
  """A person in one recording, drawn and ready to move."""
  person: Person
  look: Look
  points: Float[np.ndarray, '83 2']
  skin: face.Skin
  canvas: Canvas
  picture: Float32[np.ndarray, 's s 3']
  folds: dict[int, np.ndarray]
  light: tuple[float, float]      # at the eyes, at the mouth


class Pose(NamedTuple):
  """x -> turn @ x + shift, from the face's unit square to the picture's."""
  turn: Float[np.ndarray, '2 2']
  shift: Float[np.ndarray, '2']

  def apply(self, points: Float[np.ndarray, '*n 2']) -> Float[np.ndarray, '*n 2']:
    """From the unit square to the picture."""
    return points @ self.turn.T + self.shift

  def undo_grid(
      self, canvas: Canvas
  ) -> tuple[Float32[np.ndarray, 's s'], Float32[np.ndarray, 's s']]:
    """`undo` of every pixel's centre, x and y apart."""
    back, ticks = np.linalg.inv(self.turn), canvas.ticks()
    start = -back @ self.shift
    return tuple((row[0] * ticks)[None] + (row[1] * ticks + at)[:, None]
                 for row, at in zip(back.astype(np.float32), start.astype(np.float32)))

  def after(self, other: 'Pose') -> 'Pose':
    """From the picture in which the head had another pose to this one's."""
    turn = self.turn @ np.linalg.inv(other.turn)
    return Pose(turn, self.shift - turn @ other.shift)


class Frame(NamedTuple):
  """What moves at one instant."""
  bent: face.Bend                    # the skin's movement from rest
  points: Float[np.ndarray, '83 2']  # where that and a blink bring them
  pose: Pose
  folds: dict[int, float]            # depth of each unit's creases, 0 to 1
  flicker: float                     # of the lamp, 1 is none
  noise_seed: int


def pose_of(look: Look, drift: Float[np.ndarray, '4']) -> Pose:
  """The head as framed in this clip, moved by shift x, shift y (pixels of a 64-pixel
  picture), turn (degrees) and zoom.

  Args:
    look: of the recording.
    drift: shift x, shift y, turn and zoom at one instant, see `scenes.drift_at`.
  """
  angle = np.deg2rad(look.turn + drift[2])
  zoom = look.zoom * (1. + drift[3])
  turn = zoom * np.array([[np.cos(angle), -np.sin(angle)],
                          [np.sin(angle), np.cos(angle)]])
  if look.stretch != (1., 1.):
    turn = np.diag(look.stretch) @ turn
  centre = np.array([.5, .6])
  return Pose(turn, centre - turn @ centre + look.shift + drift[:2] / 64.)


def rest_points(person: Person, look: Look) -> Float[np.ndarray, '83 2']:
  """The face before onset: the person's shape and the tone of every muscle.

  Args:
    person: whose face.
    look: of the recording, with the tone of the muscles.

  Returns:
    In unit coordinates.
  """
  points = face.face_points(person.face)
  for row, unit in enumerate(face.MUSCLES):
    points = points + np.tensordot(look.rest[row], face.directions(unit), 1)
  for upper, lower in ((61, 67), (62, 66), (63, 65)):
    points[lower, 1] = max(points[lower, 1], points[upper, 1] + .004)
  return points


def blinking(
    points: Float[np.ndarray, '83 2'], closed: float
) -> Float[np.ndarray, '83 2']:
  """The upper lids lowered; no other skin moves in a blink, so none is bent.

  Args:
    points: of the face, in units.
    closed: how far the lids are closed, 0 to 1.
  """
  points = points.copy()
  for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
    points[upper] += closed * (points[lower] - points[upper])
  return points


def sit(
    person: Person, look: Look, *, size: int, units: tuple[int, ...]
) -> Sitter:
  """Draws the face at rest, for pictures of `size` pixels.

  Args:
    person: whose face.
    look: of the recording.
    size: side of the pictures in pixels.
    units: action units of which folds are drawn.
  """
  points = rest_points(person, look)
  canvas = Canvas(2 * round(size * (1. + 2. * face.MARGIN)), face.MARGIN)
  lit = skin.shading(person, look, points, canvas)
  at = np.round(canvas.pixels(
      np.stack([points[36:48].mean(0), points[48:60].mean(0)]))).astype(int)
  eyes, mouth = (float(lit[y, x]) for x, y in at)
  return Sitter(
      person, look, points, face.skin_of(points), canvas,
      cv2.merge(tuple(skin.draw(person, points, canvas, lit))),
      skin.folds(points, canvas, units),
      (eyes, mouth))


def _bent(sitter: Sitter, frame: Frame, size: int) -> np.ndarray:
  """The skin of one frame, twice as large as asked for, colours first."""
  where = np.stack(frame.pose.undo_grid(Canvas(size, 0.)), -1)
  back = cv2.resize(face.backward(frame.bent, where), (2 * size, 2 * size),
                    interpolation=cv2.INTER_LINEAR)
  source = [sitter.canvas.pixels(at + back[..., k]).astype(np.float32)
            for k, at in enumerate(frame.pose.undo_grid(Canvas(2 * size, 0.)))]

  def take(image):
    return cv2.remap(image, *source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

  bent = np.stack(cv2.split(take(sitter.picture)))
  depth = sum(value * sitter.folds[unit] for unit, value in frame.folds.items()
              if unit in sitter.folds)
  return bent if np.isscalar(depth) else bent * (1. - np.clip(take(depth), 0., .8))


def _camera(image: np.ndarray, sitter: Sitter, frame: Frame, size: int,
            noise: float) -> UInt8[np.ndarray, 's s 3']:
  """Exposure, lens, sampling and the sensor's noise."""
  image = cv2.merge(tuple(image)) * np.float32(sitter.look.exposure * frame.flicker)
  image = Canvas(2 * size, 0.).blur(image, sitter.person.blur / 64.)
  image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
  rng = np.random.default_rng(frame.noise_seed)
  grain = rng.standard_normal(image.shape, np.float32)
  spread = sitter.person.noise * noise * np.sqrt(.3 + np.clip(image, 0., 1.))
  return np.round(255 * np.clip(image + spread * grain, 0., 1.)).astype(np.uint8)


def picture(
    sitter: Sitter, frame: Frame, *, size: int, noise: float,
    glasses: Glasses | None = None,
) -> UInt8[np.ndarray, 's s 3']:
  """One frame as the camera sees it.

  Args:
    sitter: whom it sees.
    frame: what moves.
    size: side in pixels.
    noise: multiplies the person's camera noise.
    glasses: that the person wears.
  """
  image = _bent(sitter, frame, size)
  canvas, now = Canvas(2 * size, 0.), frame.pose.apply(frame.points)
  image = skin.eyes(
      image, canvas, sitter.person, now, rest=frame.pose.apply(sitter.points),
      gaze=sitter.look.gaze, light=sitter.light[0])
  image = skin.mouth(image, canvas, sitter.person, now, light=sitter.light[1])
  if glasses:
    image = skin.glasses(image, canvas, glasses, frame.pose.apply(sitter.points),
                         light=sitter.light[0])
  return _camera(image, sitter, frame, size, noise)


def compressed(pictures: Sequence[UInt8[np.ndarray, 's s 3']], quality: int
               ) -> list[UInt8[np.ndarray, 's s 3']]:
  """Pictures as they come back out of JPEG.

  Args:
    pictures: RGB.
    quality: of the compression, 1 to 100.
  """
  codes = [cv2.imencode('.jpg', cv2.cvtColor(picture, cv2.COLOR_RGB2BGR),
                        [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for picture in pictures]
  return [cv2.cvtColor(cv2.imdecode(code, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
          for code in codes]


def landmarks_at(frame: Frame, *, size: int) -> Float32[np.ndarray, '68 2']:
  """Where the 68 points are, in pixels.

  Args:
    frame: what moves.
    size: side of the picture in pixels.
  """
  points = frame.pose.apply(frame.points[:landmarks.COUNT])
  pixels = Canvas(size, 0.).pixels(points)
  return pixels.astype(np.float32)


def displacement(
    sitter: Sitter, onset: Pose, frames: Sequence[Frame], *, size: int
) -> Float32[np.ndarray, 'T s s 2']:
  """How far what a pixel shows at onset has gone in each frame, in pixels (x, y).

  Within the eyes' openings at rest it is the head's movement alone: eyeballs stay.

  Args:
    sitter: the face.
    onset: the head's pose at onset.
    frames: what moves in each of T frames.
    size: side of the pictures in pixels.
  """
  canvas = Canvas(size, 0.)
  ticks = canvas.ticks()
  rest = np.stack(onset.undo_grid(canvas), -1)
  below = face.below_lips(sitter.points, rest)
  lids = onset.apply(sitter.points)
  skin_share = 1. - canvas.fill(*(lids[list(eye)] for eye in (landmarks.LEFT_EYE,
                                                              landmarks.RIGHT_EYE)))
  moved = np.empty((len(frames), size, size, 2), np.float32)
  for field, frame in zip(moved, frames):
    move = face.forward(frame.bent, rest, below) * skin_share[..., None]
    head = frame.pose.after(onset)
    for axis in range(2):
      a, b = head.turn[axis] - np.eye(2)[axis]
      rigid = (a * ticks)[None] + (b * ticks + head.shift[axis])[:, None]
      (c, d) = map(float, frame.pose.turn[axis])
      field[..., axis] = size * (rigid + c * move[..., 0] + d * move[..., 1])
  return moved
