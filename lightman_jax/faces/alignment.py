"""A face is brought to one place, size and angle: once for a clip, by its onset frame.

Coordinates are (x, y) in pixels, pixel centres at whole numbers. A transform is a
2 x 3 matrix A: a point p goes to A[:, :2] p + A[:, 2].
"""

import cv2
from jaxtyping import Float, UInt8
import numpy as np

from lightman_jax.faces import landmarks

STABLE = (36, 39, 42, 45, *landmarks.NOSE_BRIDGE, *landmarks.NOSTRILS)
"""Landmarks that hardly move in an expression: corners of the eyes, and the nose."""

_MOST = 16      # times as many pixels are drawn as are kept, at most


def canonical_landmarks(size: int) -> Float[np.ndarray, '68 2']:
  """The landmarks of `landmarks.mean_face` in a picture of size x size pixels.

  Args:
    size: the side in pixels.
  """
  return landmarks.mean_face() * size - .5


def fit_similarity(
    points: Float[np.ndarray, '68 2'], target: Float[np.ndarray, '68 2'],
) -> Float[np.ndarray, '2 3']:
  """Shift, turn and scale that bring `points` nearest to `target`; never a mirror.

  Least squares over the `STABLE` landmarks (Umeyama 1991).

  Args:
    points: landmarks in pixels of a picture.
    target: where they should lie.

  Returns:
    The matrix A (2, 3) of the transform.

  Raises:
    ValueError: the landmarks all lie in one spot, or are unknown.
  """
  p, q = (face[list(STABLE)].astype(np.float64) @ (1, 1j) for face in (points, target))
  centre_p, centre_q = p.mean(), q.mean()
  spread = np.sum(np.abs(p - centre_p)**2)
  if not spread > 0:
    raise ValueError('these landmarks give a face no size')
  factor = np.sum(np.conj(p - centre_p) * (q - centre_q)) / spread
  move = centre_q - factor * centre_p
  return np.array([[factor.real, -factor.imag, move.real],
                   [factor.imag, factor.real, move.imag]])


def transform_points(points: Float[np.ndarray, '*n 2'], matrix: Float[np.ndarray, '2 3']
                     ) -> Float[np.ndarray, '*n 2']:
  """Where points of the original pictures lie in the warped ones.

  Args:
    points: in pixels of the original picture.
    matrix: from it to the warped one.
  """
  return (points @ matrix[:, :2].T + matrix[:, 2]).astype(points.dtype)


def warp_frames(frames: UInt8[np.ndarray, 'T h w c'], matrix: Float[np.ndarray, '2 3'],
                size: int) -> UInt8[np.ndarray, 'T size size c']:
  """All frames through one transform, into pictures of size x size pixels.

  A picture that shrinks is averaged over areas, which keeps movements of less than a
  pixel. Beyond the border, its pixels repeat.

  Args:
    frames: of one clip.
    matrix: from the frames to the pictures.
    size: the side in pixels.
  """
  scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
  finer = int(np.clip(np.ceil(1 / scale), 1, _MOST))
  drawn = matrix * finer
  drawn[:, 2] += .5 * (finer - 1)
  pictures = []
  for frame in frames:
    picture = cv2.warpAffine(frame, drawn, (size * finer,) * 2, flags=cv2.INTER_LINEAR,
                             borderMode=cv2.BORDER_REPLICATE)
    pictures.append(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA))
  return np.stack(pictures).reshape(len(frames), size, size, frames.shape[-1])
