"""What is in a file or a folder, and its frames as they are decoded.

PyAV (ffmpeg) decodes files, with the time stamp and the rotation of every frame; where
it is not installed OpenCV does, and what it cannot tell is a remark.
"""

from collections.abc import Callable, Iterator
import dataclasses
import os
import pathlib
import re
from typing import IO, NamedTuple

import cv2
from jaxtyping import UInt8
import numpy as np

from lightman_jax.data import frames as pictures
from lightman_jax.errors import InputError, Unreadable, printable
from lightman_jax.units import counted, short_repr

MOST_GAPS = 1000      # of which the times are kept


@dataclasses.dataclass
class Facts:
  """What a video claims of itself, and what is seen of it while it is read.

  Attributes:
    path: of the video.
    codec: its name, or the reader's where that is not known.
    width, height: of the upright picture, in pixels.
    rotation: by which frames are turned upright, in degrees, counterclockwise.
    stated_frames: as the header has it; None where it does not say.
    stated_rate: frames a second, likewise.
    duration: seconds, likewise.
    decoded: frames so far.
    repeated: of these, copies of the frame before.
    gaps: times in seconds at which frames are lost: the frame before, and after; the
      first `MOST_GAPS` of them.
    lost: how many gaps there are.
    first, last: time of the first and of the last frame so far.
    finished: all of it has been read.
    missing: seconds of all gaps.
    undecoded: pieces of the file, or pictures, that do not decode.
    notes: sentences about the file.
  """
  path: str
  codec: str = ''
  width: int = 0
  height: int = 0
  rotation: int = 0
  stated_frames: int | None = None
  stated_rate: float | None = None
  duration: float | None = None
  decoded: int = 0
  repeated: int = 0
  gaps: list[tuple[float, float]] = dataclasses.field(default_factory=list)
  lost: int = 0
  first: float = 0.
  last: float = 0.
  finished: bool = False
  missing: float = 0.
  undecoded: int = 0
  notes: list[str] = dataclasses.field(default_factory=list)

  @property
  def rate(self) -> float | None:
    """Decoded frames a second, by their times, gaps left out; None under two frames."""
    seconds = self.last - self.first - self.missing
    steps = self.decoded - 1 - self.lost
    return steps / seconds if seconds > 0 and steps > 0 else None

  @property
  def new_rate(self) -> float | None:
    """New frames a second: those that are no copies."""
    return self.rate and self.rate * (1 - self.repeated / self.decoded)

  @property
  def share(self) -> float | None:
    """How much has been read, from 0 to 1; None where the length is not stated."""
    if self.finished:
      return 1.
    if self.stated_frames:
      return min(1., self.decoded / self.stated_frames)
    return min(1., self.last / self.duration) if self.duration else None

  @property
  def remarks(self) -> list[str]:
    """What a reader of the results has to know, a sentence each."""
    remarks = list(self.notes)
    if self.finished and self.stated_frames and self.decoded != self.stated_frames:
      remarks.append(f'the header states {counted(self.stated_frames, "frame")}; '
                     f'{self.decoded} decode')
    if self.undecoded:
      remarks.append(f'{counted(self.undecoded, "packet", "does", "do")} not decode, '
                     'and the frames in there are missing')
    if self.repeated > .02 * self.decoded and self.new_rate:
      remarks.append(f'{self.new_rate:.3g} new frames a second: {self.repeated} of '
                     f'{counted(self.decoded, "frame", "is", "are")} copies of the one '
                     'before')
    if self.lost:
      shown = ', '.join(f'{start:.3f} to {end:.3f} s' for start, end in self.gaps[:5])
      more = ', ...' if self.lost > 5 else ''
      remarks.append(f'frames are lost in {counted(self.lost, "place")} '
                     f'({shown}{more})')
    return remarks


class Raw(NamedTuple):
  """A decoded frame before it has become a picture."""
  stamp: float | None                        # seconds
  sample: UInt8[np.ndarray, 'h w']           # some of its pixels, always the same
  picture: Callable[[], UInt8[np.ndarray, 'h w 3']]
  __repr__ = short_repr


def convert_line(path: str | os.PathLike) -> str:
  """The ffmpeg command that makes a video of which every frame and time is readable."""
  stem = os.path.splitext(os.path.basename(path))[0]
  return (f'convert it: ffmpeg -i "{printable(os.path.basename(path))}" -an -c:v '
          f'libx264 -crf 12 -pix_fmt yuv420p -fps_mode passthrough '
          f'"{printable(stem)}_h264.mp4"')


def sampled(picture: UInt8[np.ndarray, 'h w *c']) -> UInt8[np.ndarray, 'rows columns']:
  """Some two hundred rows of the brightness, or of the green, of a picture."""
  step = max(1, picture.shape[0] // 200)
  chosen = picture[::step, ::step]
  return np.ascontiguousarray(chosen if chosen.ndim == 2 else chosen[..., 1])


# Folders of pictures.


def folder_frames(folder: pathlib.Path, facts: Facts, fps: float | None
                  ) -> Iterator[Raw]:
  """The pictures of a folder by the numbers in their names.

  Args:
    folder: of pictures.
    facts: filled in.
    fps: frames a second.

  Raises:
    InputError: there is no such picture, two of one number, or no `fps`.
  """
  try:
    entries = pictures.pictures_by_number(folder)
  except Unreadable as error:
    raise InputError(str(error)) from error
  if not entries:
    raise InputError(f'{printable(facts.path)} holds no picture with a number in its '
                     'name')
  if fps is None:
    raise InputError(f'{printable(facts.path)} is a folder of pictures, which have no '
                     'times: give their rate with --fps')
  first, last = min(entries), max(entries)
  facts.codec = ''
  facts.stated_frames, facts.stated_rate = len(entries), fps
  facts.duration = (last - first + 1) / fps
  facts.notes.append(f'frame 0 is {printable(entries[first].name)}')

  def read():
    for number, entry in entries.items():
      try:
        picture = pictures.read_picture(entry.path)
      except Unreadable:
        facts.undecoded += 1
        continue
      yield Raw((number - first) / fps, sampled(picture), lambda: picture)
  return read()


# Files, by PyAV.


def file_frames(path: pathlib.Path, facts: Facts) -> Iterator[Raw]:
  """The frames of a file in the order in which they are shown.

  Args:
    path: of the file.
    facts: filled in.

  Raises:
    InputError: it is no video, or of a codec that is not decoded.
  """
  try:
    import av
  except ImportError:
    return _opencv_frames(path, facts)
  try:
    # A whole path is no address of another protocol, whatever stands in its name.
    container = _opened(av, 'file:' + os.path.abspath(path))
  except (av.FFmpegError, ValueError) as error:
    raise _no_video(facts, error) from error
  return _frames_in(av, container, facts)


def pipe_frames(pipe: IO[bytes], facts: Facts) -> Iterator[Raw]:
  """The frames of a video while it comes through a pipe.

  Args:
    pipe: that is read once, from its start; of a container that can be (Matroska,
      MPEG-TS, AVI, YUV4MPEG, or MP4 in fragments).
    facts: filled in.

  Raises:
    InputError: it is no such video, or PyAV is not installed.
  """
  try:
    import av
  except ImportError:
    raise InputError("a pipe is read by PyAV, which is not installed: pip install "
                     "'lightman_jax[video]'") from None
  try:
    container = av.open(pipe)
  except (av.FFmpegError, ValueError) as error:
    raise _no_video(facts, error) from error
  return _frames_in(av, container, facts)


def _no_video(facts: Facts, error: Exception) -> InputError:
  why = re.sub(r"^\[.*?\]\s*|: '.*$", '', str(error))
  return InputError(f'{printable(facts.path)} cannot be read as a video ({why})')


def _frames_in(av, container, facts: Facts) -> Iterator[Raw]:
  try:
    stream = _video_stream(container, facts)
    _state(stream, container, facts)
  except BaseException:
    container.close()
    raise
  return _av_frames(av, container, stream, facts)


_HEAD = 4 * 2**20     # bytes at either end of a file in which its codec is named
_CODEC_WORD = re.compile(rb'stsd.{12}(.{4})|vids(.{4})|(V_[A-Z0-9/_]+)', re.DOTALL)


def _opened(av, name: str):
  try:
    return av.open(name)
  except UnicodeDecodeError:    # before PyAV 19 the text in a file had to be UTF-8
    return av.open(name, metadata_errors='ignore')


def _video_stream(container, facts: Facts):
  """The first stream of pictures that is no cover of a record."""
  streams = [stream for stream in container.streams.video
             if not int(stream.disposition) & 0x400]     # an attached picture
  if not streams:
    kinds = ', '.join(sorted({stream.type for stream in container.streams}))
    raise InputError(f'{printable(facts.path)} holds no video'
                     + (f', only {kinds}' if kinds else '; it may be damaged')
                     + '; give a file that holds one')
  if len(streams) > 1:
    facts.notes.append(f'it holds {counted(len(streams), "video")}; the first is read')
  stream = streams[0]
  if stream.codec_context is None:
    name = _codec_word(facts.path)
    raise InputError(f'{printable(facts.path)} is of the codec {printable(name)}, '
                     'which the installed PyAV does not decode; '
                     f'{convert_line(facts.path)}')
  return stream


def _codec_word(path: str) -> str:
  """How MP4, AVI and Matroska call a codec that nothing here knows."""
  with open(path, 'rb') as file:
    head = file.read(_HEAD)
    file.seek(max(0, os.path.getsize(path) - _HEAD))
    match = _CODEC_WORD.search(head) or _CODEC_WORD.search(file.read(_HEAD))
  word = next(filter(None, match.groups()), b'') if match else b''
  return word.decode('ascii', 'replace').strip() or 'unknown'


def _state(stream, container, facts: Facts) -> None:
  context = stream.codec_context
  facts.codec = context.codec.canonical_name
  facts.width, facts.height = context.width, context.height
  if facts.width * facts.height > pictures.MOST_PIXELS:
    raise InputError(f'{printable(facts.path)} has {facts.width} x {facts.height} '
                     f'pixels; more than {pictures.MOST_PIXELS // 10**6} million are '
                     'not decoded')
  facts.stated_frames = stream.frames or None
  rate = stream.guessed_rate or stream.average_rate
  facts.stated_rate = float(rate) if rate else None
  if container.duration:
    facts.duration = container.duration / 1e6


def _av_frames(av, container, stream, facts: Facts) -> Iterator[Raw]:
  start = (container.start_time or 0) / 1e6
  stream.thread_type = 'AUTO'
  stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
  shown = set()

  def note(word: str) -> None:
    if word not in shown:
      shown.add(word)
      facts.notes.append(word)

  with container:
    for frame in _decoded(av, container, stream, facts):
      if frame.rotation and facts.rotation != frame.rotation:
        facts.rotation = int(frame.rotation)
      if frame.interlaced_frame:
        note('it is interlaced: each frame is two half pictures of different times')
      stamp = None if frame.time is None else frame.time - start
      if stamp is None:
        note('frames have no time stamps: times are those of the stated rate')
      yield Raw(stamp, _brightness(frame), lambda: _upright(frame, stream, note))


def _decoded(av, container, stream, facts: Facts):
  """Frames in the order in which they are shown; pieces that do not decode count."""
  packets = container.demux(stream)
  while True:
    try:
      packet = next(packets)
    except StopIteration:
      return
    except av.FFmpegError:
      facts.undecoded += 1       # cut off inside of a packet
      packet = None
    try:
      yield from stream.decode(packet)
    except av.EOFError:
      return
    except av.FFmpegError:
      facts.undecoded += 1
    if packet is None:
      return


def _brightness(frame) -> UInt8[np.ndarray, 'h w']:
  if frame.format.name.startswith(('yuv', 'gray', 'nv')) and all(
      part.bits == 8 for part in frame.format.components):
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return sampled(rows[:frame.height, :frame.width])
  return sampled(frame.to_ndarray(format='rgb24'))


def _upright(frame, stream, note: Callable[[str], None]) -> UInt8[np.ndarray, 'h w 3']:
  picture = frame.to_ndarray(format='rgb24')
  aspect = stream.sample_aspect_ratio
  if aspect and aspect not in (0, 1):
    note(f'pixels are not square ({aspect}): pictures are stretched to what is shown')
    picture = cv2.resize(picture, (max(1, round(frame.width * float(aspect))),
                                   frame.height), interpolation=cv2.INTER_LINEAR)
  if frame.rotation % 90:
    note(f'it is to be shown turned by {frame.rotation} degrees, which is not done')
    return picture
  return np.ascontiguousarray(np.rot90(picture, frame.rotation // 90))


# Files, by OpenCV.


def _opencv_frames(path: pathlib.Path, facts: Facts) -> Iterator[Raw]:
  facts.notes.append(
      'PyAV is not installed (pip install "lightman_jax[video]"), so OpenCV reads: '
      'which frames do not decode, whether pixels are square and whether it is '
      'interlaced is not known, and times are as exact as OpenCV states them')
  try:
    for capture in pictures.grab_frames(path):
      if not facts.codec:
        facts.codec = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(
            4, 'little').decode('ascii', 'replace').strip('\0 ')
        facts.stated_rate = capture.get(cv2.CAP_PROP_FPS) or None
        stated = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        facts.stated_frames = int(stated) if stated > 0 else None
      good, picture = capture.retrieve()
      if not good:
        facts.undecoded += 1
        continue
      picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
      yield Raw(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, sampled(picture),
                 lambda: picture)
  except Unreadable as error:
    raise InputError(f'{error}; {convert_line(path)}') from error
