"""Pictures and videos on disk become pixels.

Pixels are RGB, uint8, rows downwards. Grey pictures are repeated over three channels.
"""

from collections.abc import Iterator
import hashlib
import io
import os
import pathlib
import re
import warnings

import cv2
from jaxtyping import UInt8
import numpy as np
from PIL import Image, ImageOps

from lightman_jax import bounded
from lightman_jax.data.trees import PICTURES, is_file
from lightman_jax.errors import Reason, Unreadable

MOST_PIXELS = 50_000_000   # more is taken for a decompression bomb
MOST_BYTES = 16 * MOST_PIXELS   # of a file of a picture
# How files begin that hold their pictures themselves: a playlist, whatever its name,
# has the decoder open other files, and addresses.
_CONTAINERS = re.compile(
    rb'RIFF.{4}AVI |.{4}(?:ftyp|moov|mdat|wide|free|skip|pnot)|\x1a\x45\xdf\xa3'
    rb'|\x00\x00\x01[\xba\xb3]|\x30\x26\xb2\x75\x8e\x66\xcf\x11', re.DOTALL)
_FORMATS = ('JPEG', 'PNG', 'BMP', 'DIB', 'TIFF', 'WEBP')
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
    Unreadable: it is no picture, cut short, or larger than `MOST_PIXELS`.
  """
  with _opened(path, content) as image:
    try:
      # Pillow refuses files that lack pixels; OpenCV fills the rest with grey.
      image.load()
      image = ImageOps.exif_transpose(image)
      if image.mode.startswith('I;16'):
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        image = Image.fromarray(grey.astype(np.uint8))
      return np.asarray(image.convert('RGB'))
    except Exception as error:   # decoders raise whatever they meet
      raise Unreadable(Reason.BROKEN_PICTURE, path=path, error=error) from error


def video_length(path: str | os.PathLike) -> int:
  """Returns how many frames a video holds, by walking through it.

  Args:
    path: of the video.

  Raises:
    Unreadable: it is no video, or its pictures are larger than `MOST_PIXELS`.
  """
  count = sum(1 for _ in _grabbed(path))
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
  pictures = {}
  for number, capture in enumerate(_grabbed(path)):
    if number in numbers:
      good, picture = capture.retrieve()
      if not good:
        raise Unreadable(Reason.BROKEN_FRAME, number=number, path=path)
      pictures[number] = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    if number >= max(numbers):
      break
  missing = sorted(set(numbers) - set(pictures))
  if missing:
    raise Unreadable(Reason.VIDEO_ENDS, path=path, number=missing[0])
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


def _is_container(path: str | os.PathLike) -> bool:
  with open(path, 'rb') as file:
    return _CONTAINERS.match(file.read(16)) is not None


def _grabbed(path: str | os.PathLike) -> Iterator[cv2.VideoCapture]:
  if not pathlib.Path(path).is_file():
    raise Unreadable(Reason.NOT_THERE, path=path)
  if not _is_container(path):
    raise Unreadable(Reason.NO_CONTAINER, path=path)
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
