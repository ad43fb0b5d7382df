"""How a head is turned, how sharp its picture is, and whether it can be looked at."""

from typing import NamedTuple

import cv2
from jaxtyping import Float, UInt8
import numpy as np

from lightman_jax.faces import landmarks as faces
from lightman_jax.video.faces import FaceReason

# How a head is turned.

# Depth towards the camera of landmarks that hardly move, in sides of the unit square of
# `landmarks.mean_face`; our own, and no data set went into it.
_DEPTH = {36: -.05, 45: -.05, 39: -.01, 42: -.01, 27: .03, 28: .07, 29: .11, 30: .15,
          31: .05, 35: .05, 32: .08, 34: .08, 33: .10}
_RIGID = list(_DEPTH)


def rigid_points() -> Float[np.ndarray, '13 3']:
  """A head's fixed landmarks, x to the right, y down, z to the camera, centred."""
  points = np.column_stack([faces.mean_face()[_RIGID], list(_DEPTH.values())])
  return points - points.mean(0)


def estimate_pose(points: Float[np.ndarray, '68 2']) -> tuple[float, float, float]:
  """Yaw, pitch and roll of a head under weak perspective.

  The least-squares affine camera of the fixed landmarks, and the rotation nearest to
  it (DeMenthon and Davis 1995, "Model-based object pose in 25 lines of code", first
  step). What is at rest depends on a face's proportions: differences are exact.

  Args:
    points: in pixels of a picture.

  Returns:
    Degrees: positive yaw turns the face to the picture's right, positive pitch down,
    positive roll clockwise.
  """
  seen = points[_RIGID].astype(np.float64)
  camera = np.linalg.lstsq(rigid_points(), seen - seen.mean(0), rcond=None)[0].T
  u, _, v = np.linalg.svd(camera, full_matrices=False)
  x, y = u @ v
  z = np.cross(x, y)
  yaw = np.arcsin(np.clip(x[2], -1, 1))
  pitch = np.arctan2(y[2], z[2])
  roll = np.arctan2(-x[1], x[0])
  return tuple(float(np.degrees(angle)) for angle in (yaw, pitch, roll))


# How sharp a picture is, and whether it shows a face.


def blur_of(aligned: UInt8[np.ndarray, 'size size']) -> float:
  """How little a picture changes if it is blurred, from 0 (sharp) to 1.

  Crete et al. 2007, "The blur effect: perception and estimation with a new no-reference
  perceptual blur metric"; it does not depend on contrast.

  Args:
    aligned: the grey face.
  """
  picture = aligned.astype(np.float32)
  values = []
  for axis, window in ((1, (9, 1)), (0, (1, 9))):
    change = np.abs(np.diff(picture, axis=axis))
    blurred = np.abs(np.diff(cv2.blur(picture, window), axis=axis))
    values.append(1 - np.maximum(0, change - blurred).sum() / max(change.sum(), 1e-6))
  return float(max(values))


_EYE_SPOTS = ((.297, .38), (.703, .38))           # in the aligned picture
_CHEEK_SPOTS = ((.29, .56), (.71, .56))
_BRIDGE_SPOT = (.5, .42)
_SPOT = .09
_LINES = 2.           # times as many lines as a cheek: 2.4 in a photograph, 3.5 drawn
_LEAST_LINES = .3     # grey levels from row to row


def looks_like_face(aligned: UInt8[np.ndarray, 'size size']) -> bool:
  """Whether both eyes are darker than the cheek below, or have far more lines.

  Eyes are no darker than dark skin is, and on any skin lids and pupils are lines where
  a cheek has none. For landmarks that come from elsewhere; what the face model finds
  has a score.

  Args:
    aligned: the grey face.
  """
  size = len(aligned)

  def spot_of(picture, spot):
    x, y = (round(size * at) for at in spot)
    reach = max(1, round(_SPOT * size / 2))
    return picture[y - reach:y + reach + 1, x - reach:x + reach + 1].astype(np.float32)
  bridge = spot_of(aligned, _BRIDGE_SPOT).mean()
  eyes, cheeks = ([float(spot_of(aligned, spot).mean()) for spot in spots]
                  for spots in (_EYE_SPOTS, _CHEEK_SPOTS))
  least = .03 * max(1., float(np.mean(cheeks)))
  if all(cheek - eye > least for eye, cheek in zip(eyes, cheeks)) and (
      bridge > sum(eyes) / 2):
    return True
  # Without what is a camera's noise.
  smooth = cv2.GaussianBlur(aligned, (0, 0), .012 * size)
  drawn, plain = ([float(np.abs(np.diff(spot_of(smooth, spot), axis=0)).mean())
                   for spot in spots] for spots in (_EYE_SPOTS, _CHEEK_SPOTS))
  return min(drawn) > _LINES * max(float(np.mean(plain)), _LEAST_LINES)


# Whether a face can be looked at.

LEAST_DISTANCE = 20.  # between the outer corners of the eyes, in pixels
_GOOD_DISTANCE = 40.
MOST_TURN = 40.       # degrees of yaw or pitch
_GOOD_TURN = 20.
MOST_BLUR = .75
_GOOD_BLUR = .55
_MOTION_BLUR = 1.25   # times the person's usual blur
_LEAST_SCORE = .5
_INNER = slice(17, 68)


class Verdict(NamedTuple):
  """How good a face's picture is, and why it is not looked at."""
  quality: float
  reason: FaceReason | None


def judge(points: Float[np.ndarray, '68 2'], pose: tuple[float, float, float],
          blur: float, *, usual_blur: float, score: float, shape: tuple[int, ...]
          ) -> Verdict:
  """Whether a face can be looked at.

  Args:
    points: landmarks in pixels of the picture.
    pose: yaw, pitch and roll in degrees.
    blur: of the face, see `blur_of`.
    usual_blur: of this person so far; 0 where nothing is known.
    score: of the face model, 0 to 1; below .5 it is no face.
    shape: of the picture.

  Returns:
    The product of what each fault leaves of 1, and the first fault that leaves nothing.
  """
  height, width = shape[:2]
  inner = points[_INNER]
  inside = np.all((inner >= 0) & (inner <= (width - 1, height - 1)), axis=1).mean()
  distance = float(faces.inter_ocular_distance(points))
  yaw, pitch, _ = np.abs(pose)
  # A camera that is soft throughout is no motion blur.
  limit = min(MOST_BLUR, max(_GOOD_BLUR, _MOTION_BLUR * usual_blur)
              if usual_blur else MOST_BLUR)
  shares = (
      (FaceReason.NOT_A_FACE, (score - _LEAST_SCORE) / .4),
      (FaceReason.TOO_SMALL, (distance - .5 * LEAST_DISTANCE)
       / (_GOOD_DISTANCE - .5 * LEAST_DISTANCE) if distance >= LEAST_DISTANCE else 0.),
      (FaceReason.TURNED, (MOST_TURN - max(yaw, pitch)) / (MOST_TURN - _GOOD_TURN)),
      (FaceReason.CUT_OFF, float(inside == 1)),
      (FaceReason.BLURRED, (limit - blur) / .1),
  )
  quality = 1.
  for reason, share in shares:
    if not share > 0:
      return Verdict(0., reason)
    quality *= min(1., share)
  return Verdict(float(quality), None)
