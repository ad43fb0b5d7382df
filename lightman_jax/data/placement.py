"""How a picture is brought to a clip's frame: whole, its middle, or its face, upright.

What is decided on the onset frame holds for the whole clip, so that motion is of the
face and not of the crop.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.data.frames import fit_picture
from lightman_jax.errors import Reason, Unreadable
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
  if setting == 'none' or (setting == 'auto' and not detection.has_graphs()):
    return None
  detection.locate_graphs(folder)
  return Face(folder)


def place_onset(picture: Picture, *, size: int, crop: bool,
                face: Face | KnownLandmarks | None,
                path: str = '') -> tuple[Placement, Float[np.ndarray, '68 2'] | None]:
  """Decides by a clip's onset frame how its pictures are placed.

  Args:
    picture: the onset frame.
    size: the side of the frame in pixels; 0 leaves pictures as they are.
    crop: the face does not fill the picture.
    face: how landmarks are found, or what they are; None where they are not wanted.
    path: of the picture, by which known landmarks are found.

  Returns:
    What is done, and the landmarks of this picture in pixels of the frame: None where
    they are not asked for, or no face is found.

  Raises:
    Unreadable: a face is to be cut out by its landmarks, and none is found.
  """
  if isinstance(face, KnownLandmarks):
    points = face.points[path]
  else:
    points = face and detection.find_face(detection.load_model(face.folder), picture)
  how = _placement(points, size=size, crop=crop, face=face)
  return how, None if points is None else place_points(points, picture.shape, how)


def place_clip(
    pictures: Sequence[Picture], *, size: int, crop: bool,
    face: Face | KnownLandmarks | None,
    paths: Sequence[str] = (),
) -> tuple[UInt8[np.ndarray, 'n H W 3'], Float32[np.ndarray, 'n 68 2']]:
  """Returns a clip's frames and their landmarks, the onset first; NaN where unknown.

  Args:
    pictures: the clip's, the onset first.
    size: the side of the frame in pixels; 0 leaves pictures as they are.
    crop: the face does not fill the picture.
    face: how landmarks are found, or what they are; None where they are not wanted.
    paths: of the pictures, by which known landmarks are found.

  Raises:
    Unreadable: a face is to be cut out by its landmarks, and none is found.
  """
  if isinstance(face, KnownLandmarks):
    landmarks = np.stack([face.points[path] for path in paths])
  else:
    model = face and detection.load_model(face.folder)
    landmarks = face and detection.follow_face(model, pictures)
  how = _placement(None if landmarks is None else landmarks[0], size=size, crop=crop,
                   face=face)
  points = (np.full((len(pictures), 68, 2), np.nan) if landmarks is None
            else place_points(landmarks, pictures[0].shape, how))
  frames = np.stack([warp_picture(picture, how) for picture in pictures])
  return frames, points.astype(np.float32)


def warp_picture(picture: Picture, how: Placement) -> UInt8[np.ndarray, 'H W 3']:
  """Returns the frame that a picture becomes.

  Args:
    picture: one of the clip's.
    how: as the onset frame decided.
  """
  if how.matrix is None:
    return fit_picture(picture, how.size, crop=how.crop)
  return alignment.warp_frames(picture[None], how.matrix, how.size)[0]


def place_points(points: Float[np.ndarray, '*n 68 2'], shape: tuple[int, ...],
                 how: Placement) -> Float[np.ndarray, '*n 68 2']:
  """Landmarks of a picture of this shape, in pixels of the frame.

  Args:
    points: in pixels of the picture.
    shape: of the picture: (h, w, ...).
    how: as the onset frame decided.
  """
  if how.matrix is not None:
    return alignment.transform_points(points, how.matrix)
  scale = how.size / np.array(shape[1::-1]) if how.size else np.ones(2)
  # Pixel centres are whole numbers, so half a pixel lies before the first.
  return (points + .5) * scale - .5


def _placement(points, *, size: int, crop: bool, face: Face | KnownLandmarks | None
               ) -> Placement:
  if not (crop and face):
    return Placement(size, crop, None)
  if points is None:
    raise Unreadable(Reason.NO_FACE)
  matrix = alignment.fit_similarity(points, alignment.canonical_landmarks(size))
  return Placement(size, crop, matrix)
