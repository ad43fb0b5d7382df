"""A video file, or a folder of pictures, becomes a stream of frames with their times."""

from typing import NamedTuple

from jaxtyping import UInt8
import numpy as np


class Frame(NamedTuple):
  """One decoded frame, upright.

  Attributes:
    number: counted from 0 over all frames that decode, wherever reading starts.
    time: seconds from the start of the video, from the frame's own time stamp.
    picture: RGB.
    repeated: a copy of the frame before, as made where a rate was raised.
    gap: frames are lost between the frame before and this one.
  """
  number: int
  time: float
  picture: UInt8[np.ndarray, 'h w 3']
  repeated: bool = False
  gap: bool = False
