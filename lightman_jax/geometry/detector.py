"""Faces are found in pictures, and 68 landmarks on them, without a network connection.

Two graphs in OpenCV's own importer: BlazeFace finds a face and its eyes (Bazarevsky et
al. 2019), a second graph puts a mesh of 468 points on it (Kartynnik et al. 2019).
Coordinates are (x, y) in pixels, pixel centres at whole numbers.
"""

from collections.abc import Iterable
import functools
import os
from typing import NamedTuple

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.geometry import blaze
from lightman_jax.geometry import graphs
from lightman_jax.geometry import mesh

LEAST_SCORE = .5          # below it a mesh lies on no face
_SIDE = 192               # of the picture that the mesh is fitted to
_MARGIN = 1.5             # side of that picture's square in sides of a face
_PASSES = 2               # the square is taken anew from the mesh before it
# Squares of these sizes give meshes that are averaged. On synthetic clips this takes a
# fifth off the error of how far landmarks moved; three times as many, a tenth more.
_SHARES = (.92, 1., 1.08)
_EYES = (33, 263)         # outer corners, in the mesh


class Model(NamedTuple):
  """The two graphs. One process, one thread: OpenCV's networks are not shared."""
  detect: cv2.dnn.Net
  mesh: cv2.dnn.Net


class Square(NamedTuple):
  """A turned square of a picture; `angle` in radians, from x towards y."""
  x: float
  y: float
  side: float
  angle: float


def load(folder: str | os.PathLike = '') -> Model:
  """The graphs from a folder, '' being `graphs.default_folder`; kept once loaded.

  Raises:
    InputError: the files are not there (`python -m lightman_jax fetch` brings them),
      or are not the right ones.
  """
  return _load(os.fspath(folder or graphs.default_folder()), os.getpid())


@functools.lru_cache(maxsize=2)
def _load(folder: str, process: int) -> Model:
  files = graphs.locate(folder)
  # The newer engine of OpenCV 5 drops one of two outputs; OpenCV 4 has but one engine.
  # Given a buffer instead of a name, OpenCV 5.0 forgets which engine was asked for.
  engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, 'ENGINE_CLASSIC') else []
  return Model(*(cv2.dnn.readNetFromTFLite(os.fspath(files[graph]), *engine)
                 for graph in (graphs.DETECTOR, graphs.MESH)))


def find_face(model: Model, picture: UInt8[np.ndarray, 'h w 3']
              ) -> Float32[np.ndarray, '68 2'] | None:
  """The landmarks of the most prominent face of an RGB picture, or None.

  A face that fills the picture, as in cropped editions, is found too.
  """
  square = _first_square(model, picture)
  return None if square is None else _landmarks(model, picture, square)


def follow(model: Model, frames: Iterable[UInt8[np.ndarray, 'h w 3']]
           ) -> Float32[np.ndarray, 'T 68 2'] | None:
  """The landmarks of all frames of a clip; None if its first frame shows no face.

  The face is searched for in the first frame only: in the others it is near there.
  """
  frames = list(frames)
  first = _first_square(model, frames[0])
  if first is None:
    return None
  squares = [first, *(square_of(fit_mesh(model, frame, first)[0])
                      for frame in frames[1:])]
  return np.stack([_landmarks(model, frame, square)
                   for frame, square in zip(frames, squares)])


def fit_mesh(model: Model, picture: UInt8[np.ndarray, 'h w 3'], square: Square
             ) -> tuple[Float32[np.ndarray, '468 2'], float]:
  """The mesh within a square, in pixels of the picture, and its score, 0 to 1."""
  there = _to_square(square, _SIDE)
  cut = cv2.warpAffine(picture, there, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR,
                       borderMode=cv2.BORDER_REPLICATE)
  model.mesh.setInput(cut.astype(np.float32).transpose(2, 0, 1)[None] / 255)
  outputs = model.mesh.forward(model.mesh.getUnconnectedOutLayersNames())
  points, flag = sorted(outputs, key=lambda output: -output.size)
  points = points.reshape(mesh.POINTS, 3)[:, :2].astype(np.float64)
  back = cv2.invertAffineTransform(there)
  placed = (points @ back[:, :2].T + back[:, 2]).astype(np.float32)
  return placed, float(1 / (1 + np.exp(-float(flag.item()))))


def square_of(points: Float[np.ndarray, '468 2']) -> Square:
  """The square for a mesh: around all of its points, turned as the eyes are."""
  left, right = points[_EYES[0]], points[_EYES[1]]
  angle = float(np.arctan2(right[1] - left[1], right[0] - left[0]))
  turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
  upright = points @ turn
  low, high = upright.min(0), upright.max(0)
  x, y = turn @ (.5 * (low + high))
  return Square(float(x), float(y), float(_MARGIN * (high - low).max()), angle)


def _first_square(model: Model, picture: np.ndarray) -> Square | None:
  for view in blaze.VIEWS:
    face = blaze.detect(model.detect, picture, view=view)
    if face is None:
      continue
    square = Square(face.x, face.y, _MARGIN * face.side, face.angle)
    for _ in range(_PASSES):
      points, score = fit_mesh(model, picture, square)
      if score < LEAST_SCORE:
        break
      square = square_of(points)
    else:
      return square
  return None


def _landmarks(model: Model, picture: np.ndarray, square: Square) -> np.ndarray:
  meshes = [fit_mesh(model, picture, square._replace(side=share * square.side))[0]
            for share in _SHARES]
  return mesh.landmarks_of(np.mean(meshes, axis=0)).astype(np.float32)


def _to_square(square: Square, side: int) -> np.ndarray:
  """The affine map from the picture to the square's own side x side pixels."""
  scale = side / square.side
  cos, sin = scale * np.cos(square.angle), scale * np.sin(square.angle)
  return np.array([
      [cos, sin, .5 * side - cos * square.x - sin * square.y],
      [-sin, cos, .5 * side + sin * square.x - cos * square.y]])
