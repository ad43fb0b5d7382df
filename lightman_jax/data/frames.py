"""Pictures and videos on disk become pixels, brought to the frame of a clip.

Pixels are RGB, uint8, rows downwards. Grey pictures are repeated over three channels.

What is decided on the onset frame holds for the whole clip, so that motion is of the
face and not of the crop.
"""

from collections.abc import Iterator, Mapping, Sequence
import hashlib
import io
import os
import pathlib
import re
from typing import NamedTuple
import warnings

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np
from PIL import Image, ImageOps

from lightman_jax import bounded
from lightman_jax.data.trees import PICTURES, is_file
from lightman_jax.errors import Reason, Unreadable
from lightman_jax.faces import detection, landmarks as alignment

# Pictures and videos on disk become pixels.

MOST_PIXELS = 50_000_000   # more is taken for a decompression bomb
MOST_BYTES = 16 * MOST_PIXELS   # of a file of a picture
# How files begin that hold their pictures themselves: a playlist, whatever its name,
# has the decoder open other files, and addresses.
_CONTAINERS = re.compile(
    rb'RIFF.{4}AVI |.{4}(?:ftyp|moov|mdat|wide|free|skip|pnot)|\x1a\x45\xdf\xa3'
    rb'|\x00\x00\x01[\xba\xb3]|\x30\x26\xb2\x75\x8e\x66\xcf\x11'
    rb'|G.{187}G|.{4}G.{191}G', re.DOTALL)      # transport streams, as camcorders write
_FORMATS = ('JPEG', 'PNG', 'BMP', 'DIB', 'TIFF', 'WEBP', 'GIF')
# A number of more digits than a frame can have would not fit where clips are stored.
_NUMBER = re.compile(r'(?<![0-9])0*([0-9]{1,9})$')


def pictures_by_number(folder: str | os.PathLike) -> dict[int, os.DirEntry]:
  """Returns a folder's pictures by the integer at the end of their names, sorted.

  `img46.jpg`, `reg_img46.jpg` and `006_00046.bmp` are all frame 46. Hidden files,
  other files and pictures without a number do not count.

  Args:
    folder: a clip's frames.

  Raises:
    Unreadable: there is no such folder, or two pictures bear one number.
  """
  pictures = {}
  try:
    with os.scandir(folder) as entries:
      for entry in sorted(entries, key=lambda entry: entry.name):
        stem, ending = os.path.splitext(entry.name)
        number = _NUMBER.search(stem)
        if (entry.name.startswith('.') or ending.lower() not in PICTURES or not number
            or not is_file(entry)):
          continue
        before = pictures.setdefault(int(number[1]), entry)
        if before is not entry:
          raise Unreadable(Reason.TWO_OF_NUMBER, one=before.name, other=entry.name,
                           folder=folder, number=int(number[1]))
  except OSError as error:
    raise Unreadable(
        Reason.CLOSED_FOLDER, folder=folder, error=error.strerror) from error
  return dict(sorted(pictures.items()))


def check_picture(path: str | os.PathLike) -> tuple[int, int]:
  """Returns a picture's (height, width), from its head alone.

  Args:
    path: of the picture.

  Raises:
    Unreadable: it is no picture, or larger than `MOST_PIXELS`.
  """
  with _opened(path) as image:
    return image.height, image.width


def read_hashed(path: str | os.PathLike) -> tuple[UInt8[np.ndarray, 'h w 3'], str]:
  """Decodes a picture; also returns the SHA-256 of the very bytes that were decoded.

  Args:
    path: of the picture.

  Returns:
    The picture (h, w, 3) in RGB, and the hash in hexadecimal.

  Raises:
    Unreadable: as `read_picture`.
  """
  if not os.path.isfile(path):      # reading from a pipe never ends
    raise Unreadable(Reason.NO_FILE, path=path)
  try:
    content = bounded.read_bytes(path, MOST_BYTES)
  except (OSError, ValueError) as error:
    raise Unreadable(Reason.NO_PICTURE, path=path, error=error) from error
  return read_picture(path, content), hashlib.sha256(content).hexdigest()


def read_picture(path: str | os.PathLike, content: bytes | None = None
                 ) -> UInt8[np.ndarray, 'h w 3']:
  """Decodes a picture, from its content where that has been read.

  Args:
    path: of the picture; names it in messages where `content` is given.
    content: the bytes of its file.

  Returns:
    The picture (h, w, 3) in RGB.

  Raises:
    Unreadable: it is no picture, cut short, larger than `MOST_PIXELS`, several, or of
      colours that are not known.
  """
  with _opened(path, content) as image:
    try:
      # Pillow refuses files that lack pixels; OpenCV fills the rest with grey.
      image.load()
      reason, count = _doubt_of(image), getattr(image, 'n_frames', 1)
      image = ImageOps.exif_transpose(image)
      if image.mode.startswith('I;16'):
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        image = Image.fromarray(grey.astype(np.uint8))
      picture = np.asarray(image.convert('RGB'))
    except Exception as error:   # decoders raise whatever they meet
      raise Unreadable(Reason.BROKEN_PICTURE, path=path, error=error) from error
  if reason:
    raise Unreadable(reason, path=path, count=count)
  return picture


def _doubt_of(image: Image.Image) -> Reason | None:
  """Why it is not known which colours a picture means; None where it is."""
  if getattr(image, 'n_frames', 1) > 1:
    return Reason.SEVERAL
  if image.mode in ('I', 'F'):
    return Reason.NO_RANGE
  if image.has_transparency_data and (
      image.convert('RGBA').getchannel('A').getextrema()[0] < 255):
    return Reason.SEE_THROUGH
  return None


def video_length(path: str | os.PathLike) -> int:
  """Returns how many frames a video holds, by walking through it.

  Args:
    path: of the video.

  Raises:
    Unreadable: it is no video, or its pictures are larger than `MOST_PIXELS`.
  """
  count = sum(1 for _ in grab_frames(path))
  if not count:
    raise Unreadable(Reason.EMPTY_VIDEO, path=path)
  return count


def read_video(
    path: str | os.PathLike, numbers: tuple[int, ...],
) -> list[UInt8[np.ndarray, 'h w 3']]:
  """Decodes the frames of a video with these numbers, counted from 0.

  Args:
    path: of the video.
    numbers: of the frames, in any order.

  Returns:
    A picture (h, w, 3) in RGB for each number, in the order of `numbers`.

  Raises:
    Unreadable: it is no video, or ends before the last of them.
  """
  pictures, length = {}, 0
  for number, capture in enumerate(grab_frames(path)):
    length = number + 1
    if number in numbers:
      good, picture = capture.retrieve()
      if not good:
        raise Unreadable(Reason.BROKEN_FRAME, number=number, path=path)
      pictures[number] = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    if number >= max(numbers):
      break
  missing = sorted(set(numbers) - set(pictures))
  if missing:
    raise Unreadable(Reason.VIDEO_ENDS, path=path, number=missing[0], length=length)
  return [pictures[number] for number in numbers]


def fit_picture(
    picture: UInt8[np.ndarray, 'h w 3'], size: int, *, crop: bool,
) -> UInt8[np.ndarray, 'H W 3']:
  """Brings a picture to size x size pixels; 0 leaves it as it is.

  Args:
    picture: any picture.
    size: the side in pixels.
    crop: cut out the largest centred square first; else the whole picture is used,
      whatever its proportions.
  """
  if crop:
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    picture = picture[top:top + side, left:left + side]
  if size == 0 or picture.shape[:2] == (size, size):
    return picture
  # Averaging over areas keeps sub-pixel motion when shrinking; it cannot enlarge.
  shrinks = min(picture.shape[:2]) >= size
  return cv2.resize(picture, (size, size),
                    interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def _opened(path: str | os.PathLike, content: bytes | None = None) -> Image.Image:
  if content is None and not os.path.isfile(path):   # reading from a pipe never ends
    raise Unreadable(Reason.NO_FILE, path=path)
  try:
    with warnings.catch_warnings():
      warnings.simplefilter('ignore')   # whatever matters comes as an error
      # By content, whatever the name says: other decoders start other programs.
      image = Image.open(path if content is None else io.BytesIO(content),
                         formats=_FORMATS)
  except Exception as error:   # decoders raise whatever they meet
    raise Unreadable(Reason.NO_PICTURE, path=path, error=error) from error
  if image.width * image.height > MOST_PIXELS:
    image.close()
    raise Unreadable(Reason.TOO_LARGE, path=path, width=image.width,
                     height=image.height, most=MOST_PIXELS // 10**6)
  return image


def check_container(path: str | os.PathLike) -> None:
  """Refuses a file that does not begin as one that holds its pictures itself.

  Args:
    path: of a video.

  Raises:
    Unreadable: it is not there, or begins otherwise.
  """
  if not pathlib.Path(path).is_file():
    raise Unreadable(Reason.NO_FILE if os.path.exists(path) else Reason.NOT_THERE,
                     path=path)
  with open(path, 'rb') as file:
    if not _CONTAINERS.match(file.read(256)):
      raise Unreadable(Reason.NO_CONTAINER, path=path)


def grab_frames(path: str | os.PathLike) -> Iterator[cv2.VideoCapture]:
  """Walks through a video by OpenCV, which is at the next frame each time.

  Args:
    path: of the video.

  Raises:
    Unreadable: it is no video, or its pictures are larger than `MOST_PIXELS`.
  """
  check_container(path)
  # A whole path is no address of another protocol, whatever stands in its name.
  capture = cv2.VideoCapture(os.path.abspath(path), cv2.CAP_FFMPEG)
  # A phone stores its pictures on their side, with a note of how to turn them. Whether
  # that is heeded by default differs between versions of OpenCV.
  capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
  try:
    pixels = (capture.get(cv2.CAP_PROP_FRAME_WIDTH)
              * capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if not capture.isOpened() or pixels > MOST_PIXELS:
      raise Unreadable(Reason.NO_VIDEO, path=path)
    while capture.grab():
      yield capture
  finally:
    capture.release()


# How a picture is brought to a clip's frame: whole, its middle, or its face, upright.

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
    paths: Sequence[str] = (), each: bool = False,
) -> tuple[UInt8[np.ndarray, 'n H W 3'], Float32[np.ndarray, 'n 68 2']]:
  """Returns a clip's frames and their landmarks, the onset first; NaN where unknown.

  Args:
    pictures: the clip's, the onset first.
    size: the side of the frame in pixels; 0 leaves pictures as they are.
    crop: the face does not fill the picture.
    face: how landmarks are found, or what they are; None where they are not wanted.
    paths: of the pictures, by which known landmarks are found.
    each: every picture is placed by its own face: they are stills, between which the
      head has moved.

  Raises:
    Unreadable: a face is to be cut out by its landmarks, and none is found.
  """
  if each:
    placed = [place_clip([picture], size=size, crop=crop, face=face, paths=[path])
              for picture, path in zip(pictures, paths)]
    return tuple(map(np.concatenate, zip(*placed)))
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
