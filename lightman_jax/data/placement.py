"""How a picture is brought to a clip's frame: whole, its middle, or its face, upright.

What is decided on the onset frame holds for the whole clip, so that motion is of the
face and not of the crop.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.data.frames import fit
from lightman_jax.errors import Unreadable
from lightman_jax.faces import alignment, detection

Picture = UInt8[np.ndarray, 'h w 3']


class Face(NamedTuple):
  """Where the two graphs that find faces lie; '' is their usual place."""
  folder: str = ''


class KnownLandmarks(NamedTuple):
  """Landmarks that are known, of every picture of a clip by its path."""
  points: Mapping[str, Float32[np.ndarray, '68 2']]


class Placement(NamedTuple):
  """What is done to every picture of a clip."""
  size: int                     # in pixels; 0 leaves a picture as it is
  crop: bool                    # the face does not fill the picture
  matrix: np.ndarray | None     # (2, 3), from the picture to the frame, where aligned


def find_face_model(setting: str) -> Face | None:
  """Returns the face model of a setting, or None where landmarks are not found.

  Args:
    setting: `data.landmarks`: 'none'; 'auto', where it is there; 'model'; or a folder.

  Raises:
    InputError: it is asked for and not there.
  """
  folder = '' if setting in ('none', 'auto', 'model') else setting
  if setting == 'none' or (setting == 'auto' and not detection.present()):
    return None
  detection.locate(folder)
  return Face(folder)


def place(picture: Picture, *, size: int, crop: bool,
          face: Face | KnownLandmarks | None, path: str = ''
          ) -> tuple[Placement, Float[np.ndarray, '68 2'] | None]:
  """Decides by a clip's onset frame how its pictures are placed.

  Returns:
    What is done, and the landmarks of this picture in pixels of the frame: None where
    they are not asked for, or no face is found.

  Raises:
    Unreadable: a face is to be cut out by its landmarks, and none is found.
  """
  if isinstance(face, KnownLandmarks):
    found = face.points[path]
  else:
    found = face and detection.find_face(detection.load(face.folder), picture)
  how = _placement(found, size=size, crop=crop, face=face)
  return how, None if found is None else place_points(found, picture.shape, how)


def place_all(
    pictures: Sequence[Picture], *, size: int, crop: bool,
    face: Face | KnownLandmarks | None, paths: Sequence[str] = (),
) -> tuple[UInt8[np.ndarray, 'n H W 3'], Float32[np.ndarray, 'n 68 2']]:
  """Returns a clip's frames and their landmarks, the onset first; NaN where unknown.

  Raises:
    Unreadable: a face is to be cut out by its landmarks, and none is found.
  """
  if isinstance(face, KnownLandmarks):
    found = np.stack([face.points[path] for path in paths])
  else:
    found = face and detection.follow(detection.load(face.folder), pictures)
  how = _placement(None if found is None else found[0], size=size, crop=crop, face=face)
  points = (np.full((len(pictures), 68, 2), np.nan) if found is None
            else place_points(found, pictures[0].shape, how))
  frames = np.stack([warp_picture(picture, how) for picture in pictures])
  return frames, points.astype(np.float32)


def warp_picture(picture: Picture, how: Placement) -> UInt8[np.ndarray, 'H W 3']:
  """Returns the frame that a picture becomes."""
  if how.matrix is None:
    return fit(picture, how.size, crop=how.crop)
  return alignment.warp(picture[None], how.matrix, how.size)[0]


def place_points(points: Float[np.ndarray, '*n 68 2'], shape: tuple[int, ...],
                 how: Placement) -> Float[np.ndarray, '*n 68 2']:
  """Landmarks of a picture of this shape, in pixels of the frame."""
  if how.matrix is not None:
    return alignment.transform(points, how.matrix)
  scale = how.size / np.array(shape[1::-1]) if how.size else np.ones(2)
  # Pixel centres are whole numbers, so half a pixel lies before the first.
  return (points + .5) * scale - .5


def _placement(found, *, size: int, crop: bool, face: Face | KnownLandmarks | None
               ) -> Placement:
  if not (crop and face):
    return Placement(size, crop, None)
  if found is None:
    raise Unreadable('no face is found in its onset frame, so it cannot be aligned')
  return Placement(size, crop,
                   alignment.similarity(found, alignment.canonical(size)))
