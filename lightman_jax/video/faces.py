"""What is known of a face in a frame of a video, and why it may not be looked at."""

from collections.abc import Iterator, Mapping, Sequence
import enum
import types
from typing import NamedTuple

from jaxtyping import Float, UInt8
import numpy as np

from lightman_jax.video.reading import Frame


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


REGIONS = ('brows', 'eyes', 'nose', 'mouth')
"""Regions that a hand or a mask may cover, as `Face.visible` names them."""


# The rows of frames.csv.

FRAME_COLUMNS = {
    'frame': 'number of the frame, counted from 0 over all that decode',
    'time_s': 'its time stamp, in seconds from the start of the video',
    'repeated': '1 where it is a copy of the frame before',
    'person': 'who it is, counted from 0; empty where nobody is found',
    'looked_at': '1 where expressions are looked for',
    'why_not': 'why they are not',
    'x': 'left edge of the box about the landmarks, in pixels of the upright picture',
    'y': 'its upper edge', 'width': 'its width', 'height': 'its height',
    'yaw': 'degrees by which the head is turned to the right of the picture',
    'pitch': 'degrees by which it is bent down',
    'roll': 'degrees by which it is tilted clockwise',
    'quality': 'from 0 to 1: size, turn, border, sharpness',
    'covered': 'regions that a hand or a mask covers',
    'cut': "what lies between this row and the person's one before: no expression "
           'spans it',
}
"""Columns of `frames.csv`, and what they hold."""


def frame_rows(frame: Frame, faces: Sequence[Face], *, known: bool = False
               ) -> Iterator[dict[str, str]]:
  """The rows of a frame: one for each person, or one that says that there is nobody.

  Args:
    frame: that was looked at.
    faces: in it.
    known: landmarks were given, rather than looked for.
  """
  row = {'frame': str(frame.number), 'time_s': f'{frame.time:.6f}',
         'repeated': str(int(frame.repeated))}
  if not faces:
    reason = FaceReason.NO_LANDMARKS if known else FaceReason.NO_FACE
    gap = Break.GAP.value if frame.gap else ''
    yield {**dict.fromkeys(FRAME_COLUMNS, ''), **row, 'looked_at': '0',
           'why_not': reason.value, 'cut': gap}
  for face in faces:
    yield {**row, 'person': str(face.person),
           'looked_at': str(int(face.reason is None)),
           'why_not': face.reason.value if face.reason else '',
           **{name: f'{value:.2f}' for name, value in zip(
               ('x', 'y', 'width', 'height', 'yaw', 'pitch', 'roll'),
               (*face.box, *face.pose))},
           'quality': f'{face.quality:.3f}',
           'covered': ' '.join(n for n, seen in face.visible.items() if not seen),
           'cut': face.cut.value if face.cut else ''}
