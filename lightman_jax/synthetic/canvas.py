"""Shapes on a picture whose coordinates are those of a face.

A canvas of `side` pixels shows the square from -margin to 1 + margin. Its masks are
float32 in [0, 1] with smooth edges; pictures have their three colours first, which
makes laying one over another several times faster.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
from jaxtyping import Float, Float32
import numpy as np

_FRACTION_BITS = 4


class Canvas(NamedTuple):
  """A square raster over unit coordinates."""
  side: int
  margin: float

  @property
  def scale(self) -> float:
    """Pixels for one unit."""
    return self.side / (1. + 2. * self.margin)

  def pixels(self, points):
    """Unit coordinates, x or y, to pixels; pixel centres lie at whole numbers."""
    return (np.asarray(points) + self.margin) * self.scale - .5

  def ticks(self) -> Float32[np.ndarray, 's']:
    """The unit coordinate of every pixel's centre, along x or y."""
    middle = (np.arange(self.side) + .5) / self.scale - self.margin
    return middle.astype(np.float32)

  def grid(self) -> Float32[np.ndarray, 's s 2']:
    """The unit coordinates of every pixel's centre, x then y."""
    return np.stack(np.meshgrid(self.ticks(), self.ticks()), -1)

  def fixed(self, points: Float[np.ndarray, 'n 2']) -> np.ndarray:
    """Pixels as the whole numbers that OpenCV's drawing takes with `shift`."""
    return np.round(self.pixels(points) * 2**_FRACTION_BITS).astype(np.int32)

  def fill(self, *outlines: Float[np.ndarray, 'n 2']) -> Float32[np.ndarray, 's s']:
    """The inside of polygons that do not overlap."""
    mask = np.zeros((self.side, self.side), np.uint8)
    cv2.fillPoly(mask, [self.fixed(line) for line in outlines], 255, cv2.LINE_AA,
                 _FRACTION_BITS)
    return mask.astype(np.float32) * np.float32(1 / 255)

  def lines(
      self, *strokes: Float[np.ndarray, 'n 2'], width: float, soft: float = 0.
  ) -> Float32[np.ndarray, 's s']:
    """Strokes of a width in units; thinner than a pixel they become faint."""
    mask = np.zeros((self.side, self.side), np.uint8)
    pixels = width * self.scale
    cv2.polylines(mask, [self.fixed(line) for line in strokes], False,
                  int(255 * min(1., pixels)),
                  max(1, round(pixels)), cv2.LINE_AA, _FRACTION_BITS)
    return self.blur(mask.astype(np.float32) * np.float32(1 / 255), soft)

  def dots(
      self, centres: Float[np.ndarray, 'n 2'], widths: Float[np.ndarray, 'n'],
      depths: Float[np.ndarray, 'n'],
  ) -> Float32[np.ndarray, 's s']:
    """Filled circles of given diameters in units."""
    mask = np.zeros((self.side, self.side), np.uint8)
    for at, width, depth in zip(self.fixed(centres), widths, depths):
      cv2.circle(mask, tuple(map(int, at)), max(8, round(8 * width * self.scale)),
                 int(255 * depth), -1, cv2.LINE_AA, _FRACTION_BITS)
    return mask.astype(np.float32) * np.float32(1 / 255)

  def hill(self, centre, width, height: float) -> Float32[np.ndarray, 's s']:
    """A Gaussian of a standard deviation in x and one in y."""
    ticks = self.ticks()
    across, down = (np.exp(-.5 * ((ticks - np.float32(c)) / np.float32(w))**2)
                    for c, w in zip(centre, width))
    return np.float32(height) * np.outer(down, across)

  def blur(
      self, image: Float32[np.ndarray, 'h w *c'], width: float
  ) -> Float32[np.ndarray, 'h w *c']:
    """Gaussian blur; the standard deviation is in units."""
    sigma = width * self.scale
    return image if sigma < .2 else cv2.GaussianBlur(image, (0, 0), sigma)


@lru_cache
def _catmull_rom(count: int, steps: int) -> np.ndarray:
  weights = np.zeros(((count - 1) * steps + 1, count))
  for row in range(len(weights)):
    k, t = divmod(row, steps)
    k, t = (k, t / steps) if k < count - 1 else (count - 2, 1.)
    basis = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3,
             t + 4 * t**2 - 3 * t**3, -t**2 + t**3)
    for offset, weight in enumerate(basis):
      weights[row, min(max(k - 1 + offset, 0), count - 1)] += .5 * weight
  return weights


def curve(
    points: Float[np.ndarray, 'n 2'], *, steps: int = 5
) -> Float[np.ndarray, 'm 2']:
  """A smooth open line through the points (Catmull-Rom).

  Args:
    points: in order.
    steps: points of the line for each given one.
  """
  return _catmull_rom(len(points), steps) @ points


def rows(
    canvas: Canvas, points: Float[np.ndarray, 'n 2'], *, margin: float
) -> slice:
  """The rows of a canvas that some points span, and a margin in units.

  Args:
    canvas: the raster.
    points: in unit coordinates.
    margin: in units.
  """
  top, bottom = canvas.pixels(points[:, 1].min() - margin), canvas.pixels(
      points[:, 1].max() + margin)
  return slice(int(np.clip(top, 0, canvas.side - 1)),
               int(np.clip(bottom + 2, 1, canvas.side)))


def over(
    image: Float32[np.ndarray, '3 h w'], mask: Float32[np.ndarray, 'h w'], colour
) -> Float32[np.ndarray, '3 h w']:
  """A colour (or picture) laid over a picture.

  Args:
    image: colours first, 0 to 1.
    mask: how much of the colour shows, 0 to 1.
    colour: (3,), or a picture (3, h, w).
  """
  colour = np.asarray(colour, np.float32)
  if colour.ndim == 1:
    colour = colour[:, None, None]
  return image + mask.astype(np.float32, copy=False) * (colour - image)
