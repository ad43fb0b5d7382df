"""From a clip's files to its pixels: decoded, brought to one size, the apex found.

What is planned here runs in processes of its own, so it is handed over as plain values.
"""

from collections.abc import Iterable, Iterator, Mapping
import hashlib
import os
import pathlib

from jaxtyping import UInt8
import numpy as np

from lightman_jax.data import frames as placement
from lightman_jax.data.frames import fit_picture, read_hashed, read_video
from lightman_jax.data.plan import File, Pixels, stat_file
from lightman_jax.errors import Reason, Unreadable
from lightman_jax.faces import apex
from lightman_jax.faces.apex import sample_frames

SPOTTING = 128      # side in pixels of the pictures in which an apex is looked for


def read_pixels(
    paths: tuple[str, ...], *, size: int, crop: bool,
    face: placement.Face | placement.KnownLandmarks | None = None, each: bool = False,
) -> Pixels:
  """Reads a clip's T pictures; a path may stand in it more than once.

  Args:
    paths: the files, the onset first.
    size: the side in pixels to which they are brought; 0 leaves them.
    crop: the face does not fill the picture: it is cut out, by its landmarks or, where
      these are not asked for, as the largest square in the middle.
    face: how landmarks are found, or what they are; None where they are not known.
    each: every picture is placed by its own face, not by that of the onset.

  Raises:
    Unreadable: one of them cannot be read, they differ in size, or a face that is to be
      cut out is not found.
  """
  pictures, sums = {}, []
  for path, picture, sha256 in _read(paths):
    pictures[path] = picture
    sums.append(sha256)
  frames, points = placement.place_clip(
      list(pictures.values()), size=size, crop=crop, face=face, paths=list(pictures),
      each=each)
  index = [list(pictures).index(path) for path in paths]
  has_lost = face is not None and np.isnan(points).any()
  return Pixels(frames[index], points[index],
                faceless=bool(has_lost),
                sums=tuple(sums))


def read_video_pixels(path: str, numbers: tuple[int, ...], size: int) -> Pixels:
  """Reads the frames of a video with these numbers, counted from 0; no landmarks.

  Args:
    path: of the video.
    numbers: of its T frames, the onset's first.
    size: the side in pixels to which they are brought.

  Raises:
    Unreadable: it is no video, or ends before the last of them.
  """
  sha256 = ''
  if os.path.isfile(path):          # else `read_video` says what is wrong
    with open(path, 'rb') as file:
      sha256 = hashlib.file_digest(file, 'sha256').hexdigest()
  stored = [fit_picture(frame, size, crop=False) for frame in read_video(path, numbers)]
  return Pixels(np.stack(stored), np.full((len(numbers), 68, 2), np.nan, np.float32),
                sums=(sha256,))


def spot_and_read(
    files: tuple[tuple[int, str], ...], *, frames: int, **options,
) -> Pixels:
  """Finds the apex of a clip first (see `faces.apex`), then reads its T pictures.

  Args:
    files: number and path of every frame from onset to offset, in order.
    frames: T.
    **options: as of `read_pixels`.

  Raises:
    Unreadable: as `read_pixels`; or one of the T frames is not there.
  """
  paths_by_number, placed, how, points, sums = dict(files), [], None, None, {}
  for path, picture, sums[path] in _read(tuple(paths_by_number.values())):
    if how is None:
      # Always of one size, so that the apex does not depend on what is stored.
      how, points = placement.place_onset(picture, size=SPOTTING, crop=options['crop'],
                                 face=options['face'], path=path)
    placed.append(placement.warp_picture(picture, how))
  numbers = list(paths_by_number)
  index = apex.spot_apex(np.stack(placed), points)
  chosen = sample_frames(numbers[0], numbers[index], numbers[-1], frames=frames)
  missing = [number for number in chosen if number not in paths_by_number]
  if missing:
    raise Unreadable(Reason.FRAME_MISSING, number=missing[0],
                     folder=pathlib.Path(files[0][1]).parent)
  paths = tuple(paths_by_number[number] for number in chosen)
  made = read_pixels(paths, **options)
  if made.sums != tuple(sums[path] for path in dict.fromkeys(paths)):
    raise Unreadable(Reason.CHANGED, folder=pathlib.Path(files[0][1]).parent)
  return made._replace(numbers=chosen, apex_source='spotted',
                       sums=tuple(sums.values()))


def pick_files(
    files_by_number: Mapping[int, os.DirEntry | os.PathLike],
    numbers: tuple[int, ...], folder: os.PathLike,
) -> tuple[os.DirEntry | os.PathLike, ...]:
  """Returns the files of these frame numbers.

  Args:
    files_by_number: a folder's pictures, see `frames.pictures_by_number`.
    numbers: of the frames.
    folder: where they lie, for the message.

  Raises:
    Unreadable: one of them is not there; says which are.
  """
  missing = [number for number in numbers if number not in files_by_number]
  if missing:
    if not files_by_number:
      raise Unreadable(Reason.NO_FRAMES, number=missing[0], folder=folder)
    raise Unreadable(Reason.FRAME_OUTSIDE, number=missing[0], folder=folder,
                     first=min(files_by_number), last=max(files_by_number))
  return tuple(files_by_number[number] for number in numbers)


def trace_files(files: Iterable[os.DirEntry | os.PathLike]
                ) -> tuple[list[str], tuple[File, ...]]:
  """Returns the names of files, and what the system says of each, once.

  Args:
    files: of one clip; one that stands there twice counts once.

  Raises:
    Unreadable: one of them is a link to nothing, or to itself.
  """
  try:
    traces = tuple(map(stat_file, dict.fromkeys(map(os.fspath, files))))
  except OSError as error:
    raise Unreadable(
        Reason.CLOSED_FILE, path=error.filename, error=error.strerror) from error
  return [os.path.basename(file.path) for file in traces], traces


def _read(paths: tuple[str, ...]
          ) -> Iterator[tuple[str, UInt8[np.ndarray, 'h w 3'], str]]:
  shape = None
  for path in dict.fromkeys(paths):
    picture, sha256 = read_hashed(path)
    shape = shape or picture.shape
    if picture.shape != shape:
      raise Unreadable(Reason.TWO_SIZES, folder=pathlib.Path(path).parent)
    yield path, picture, sha256
