"""What is known of a face in a frame of a video, and why it may not be looked at."""

from collections.abc import Mapping
import enum
import types
from typing import NamedTuple

from jaxtyping import Float, UInt8
import numpy as np

from lightman_jax.units import short_repr


class FaceReason(enum.Enum):
  """Why a frame, or a face in it, is not looked at; the value is what tables say."""
  NO_FACE = 'no face'
  NOT_A_FACE = 'the box holds no face'
  TOO_SMALL = 'too small'
  TURNED = 'turned away'
  CUT_OFF = 'cut off by the border of the picture'
  BLURRED = 'blurred'
  COVERED = 'covered'
  NO_LANDMARKS = 'no landmarks are given'


class Break(enum.Enum):
  """What lies between a person's face and the one before: no interval spans it."""
  FIRST = 'first seen'
  LOST = 'not found in the frames before'
  GAP = 'frames are lost'
  CUT = 'camera cut'


class Face(NamedTuple):
  """One person's face in one frame.

  Attributes:
    frame: its number.
    time: in seconds.
    person: counted from 0 in the order in which people are first seen.
    box: x, y of the upper left corner, width and height, in pixels of the picture.
    landmarks: smoothed over time, in pixels of the picture.
    pose: yaw, pitch and roll of the head in degrees; positive to the picture's right,
      downwards and clockwise.
    quality: from 0 to 1; 0 where it is not looked at.
    reason: why it is not looked at; None where it is.
    aligned: the grey face, placed by points that expressions do not move; None where
      the landmarks are not known.
    cut: what lies between this face and the person's one before; None: nothing.
    visible: region -> whether its pixels are the person's skin, rather than a hand's
      or a mask's; see `REGIONS`.
    repeated: the frame is a copy of the one before.
  """
  frame: int
  time: float
  person: int
  box: tuple[float, float, float, float]
  landmarks: Float[np.ndarray, '68 2']
  pose: tuple[float, float, float]
  quality: float
  reason: FaceReason | None = None
  aligned: UInt8[np.ndarray, 'size size'] | None = None
  cut: Break | None = None
  visible: Mapping[str, bool] = types.MappingProxyType({})
  repeated: bool = False
  __repr__ = short_repr


REGIONS = ('brows', 'eyes', 'nose', 'mouth')
"""Regions that a hand or a mask may cover, as `Face.visible` names them."""
