"""The apex of a clip whose sheet gives none: the frame that moved farthest from onset.

Dense flow is taken from the onset frame to each later one; what all regions share is
the head's motion and is subtracted. The apex is where the flow's magnitude, averaged
over the brows, the nose and the mouth, is greatest.
"""

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.geometry import dense_flow


def spot(frames: UInt8[np.ndarray, 'T h w c'],
         points: Float[np.ndarray, '68 2'] | None = None) -> int:
  """Index of the apex among frames from onset to offset.

  Args:
    frames: the onset first, all of one placement; at least one.
    points: the onset's landmarks in pixels of the frames; None looks at the whole
      picture.
  """
  return int(np.argmax(course(frames, points)))


def course(frames: UInt8[np.ndarray, 'T h w c'],
           points: Float[np.ndarray, '68 2'] | None = None
           ) -> Float32[np.ndarray, 'T']:
  """How far each frame has moved from the onset, in pixels; 0 at the onset."""
  pictures = dense_flow.grey(frames)
  mask = np.ones(pictures.shape[1:], bool)
  moved = [0.]
  for picture in pictures[1:]:
    flow = dense_flow.optical_flow(pictures[0], picture, algorithm='dis')
    flow = flow - np.median(flow[mask], 0)
    moved.append(np.linalg.norm(flow, axis=-1)[mask].mean())
  return np.asarray(moved, np.float32)
