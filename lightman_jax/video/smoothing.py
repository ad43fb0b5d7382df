"""Landmarks smoothed over time, so that little is lost of a micro-expression."""

from jaxtyping import Float
import numpy as np

LEAST_CUTOFF = 12.     # Hz, of a face that does not move: a delay of 13 ms
_SPEED = 60.           # Hz for each distance between the eyes' corners a second
_SPEED_CUTOFF = 2.     # Hz, of the speed itself


class OneEuro:
  """A low-pass filter of first order that lets more pass the faster a point moves.

  Casiez, Roussel and Vogel 2012, "1 euro filter". A bump of .2 s and a hundredth of a
  face's width keeps more than nine tenths of its height, and a head that moves is not
  left behind. Coordinates are taken in units of the distance between the eyes.
  """

  def __init__(self):
    self._time = 0.
    self._value: np.ndarray | None = None
    self._speed: np.ndarray | float = 0.

  def reset(self) -> None:
    """Forgets what came before: the next points pass as they are."""
    self._value = None

  def __call__(self, time: float, points: Float[np.ndarray, 'n 2'], unit: float
               ) -> Float[np.ndarray, 'n 2']:
    """The smoothed points.

    Args:
      time: in seconds, later than that of the call before.
      points: in pixels.
      unit: the distance between the outer corners of the eyes in pixels.
    """
    step, self._time = time - self._time, time
    if self._value is None or not step > 0:
      self._value, self._speed = points.astype(np.float64), 0.
      return points.astype(np.float64)
    speed = (points - self._value) / (step * max(unit, 1e-6))
    self._speed = self._speed + _share(step, _SPEED_CUTOFF) * (speed - self._speed)
    share = _share(step, LEAST_CUTOFF + _SPEED * np.abs(self._speed))
    self._value = self._value + share * (points - self._value)
    return self._value.copy()


def _share(step: float, cutoff):
  """Of the new value, in the mean of new and old."""
  return 1 / (1 + 1 / (2 * np.pi * cutoff * step))
