"""A video file, or a folder of pictures, becomes a stream of frames with their times.

PyAV (ffmpeg) reads files, with the time stamp and the rotation of every frame; where it
is not installed OpenCV does, and what it cannot tell is a remark. Memory is that of a
few frames, however long the video is. Frames are counted from 0 over all that decode:
`start` skips frames, and does not count them anew.
"""

from collections import deque
from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import os
import pathlib
import re
from typing import NamedTuple

import cv2
from jaxtyping import UInt8
import numpy as np

from lightman_jax.data import frames as pictures
from lightman_jax.errors import InputError, printable, Unreadable


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
  _missing: float = 0.          # seconds of all gaps
  _undecoded: int = 0           # packets or pictures
  _notes: list[str] = dataclasses.field(default_factory=list)

  @property
  def rate(self) -> float | None:
    """Decoded frames a second, by their times, gaps left out; None under two frames."""
    seconds = self.last - self.first - self._missing
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
    remarks = list(self._notes)
    if self.finished and self.stated_frames and self.decoded != self.stated_frames:
      remarks.append(f'the header states {self.stated_frames} frames; {self.decoded} '
                     'decode')
    if self._undecoded:
      remarks.append(f'{self._undecoded} pieces of the video do not decode, and are '
                     'no frames')
    if self.repeated > .02 * self.decoded and self.new_rate:
      remarks.append(f'{self.new_rate:.3g} new frames a second: {self.repeated} of '
                     f'{self.decoded} frames are copies of the one before')
    if self.lost:
      shown = ', '.join(f'{start:.3f} to {end:.3f} s' for start, end in self.gaps[:5])
      more = ', ...' if self.lost > 5 else ''
      remarks.append(f'frames are lost in {self.lost} places ({shown}{more})')
    return remarks


MOST_GAPS = 1000
_SETTLED = 25         # steps of time of which the usual one is known
_GAP = 4.             # usual steps; a step of more is a gap
_LEAST_GAP = .06      # seconds


class _Clock:
  """Time stamps become times that never go back, and gaps."""

  def __init__(self, facts: Facts):
    self._facts = facts
    self._steps: deque[float] = deque(maxlen=_SETTLED)
    self._back = False

  def follow(self, stamp: float | None) -> tuple[float, bool]:
    """The time of the next frame, and whether frames are lost before it."""
    facts, usual = self._facts, self._usual()
    if facts.decoded == 0:
      facts.first = facts.last = stamp or 0.
      return facts.last, False
    time = facts.last + usual if stamp is None else stamp
    if time <= facts.last:
      if not self._back:
        facts._notes.append(f'time stamps go back after {facts.last:.3f} s: such '
                            'frames are placed by the usual step of time')
      self._back, time = True, facts.last + usual
    step = time - facts.last
    gap = bool(self._steps) and step > max(_GAP * usual, _LEAST_GAP)
    if gap:
      facts.lost += 1
      facts._missing += step
      if len(facts.gaps) < MOST_GAPS:
        facts.gaps.append((facts.last, time))
    else:
      self._steps.append(step)
    facts.last = time
    return time, gap

  def _usual(self) -> float:
    if self._steps:
      return float(np.median(self._steps))
    return 1 / (self._facts.stated_rate or 25.)


_WINDOW = 60          # frames by which a copy is told from a new one
_LONGEST = 8          # period of copies, in frames: one of 8 is a copy
_LEAST_CHANGE = .3    # grey levels: where less moves, nothing is said of copies


class _Copies:
  """Tells frames that are copies of the one before from frames in which nothing moves.

  What changes between frames is the mean difference of their brightness. A copy changes
  by a tenth of what is usual, or, as compression alters copies, too, stands where
  copies recur (one of six, of 25 frames a second that became 30) and changes by less
  than half.
  """

  def __init__(self):
    self._before: np.ndarray | None = None
    self._changes: deque[float] = deque(maxlen=_WINDOW)
    self._number = 0
    self._pattern: tuple[int, int] | None = None     # period, and which of it

  def is_copy(self, sample: UInt8[np.ndarray, 'h w']) -> bool:
    """Whether a frame is a copy; `sample` is some of its pixels, always the same."""
    before, self._before = self._before, sample
    if before is None or before.shape != sample.shape:
      self._changes.clear()
      self._pattern = None
      self._number = 0
      return False
    change = float(cv2.absdiff(sample, before).mean())
    number, self._number = self._number, self._number + 1
    usual = float(np.quantile(self._changes, .75)) if self._changes else 0.
    copy = False
    if len(self._changes) >= _LONGEST and usual >= _LEAST_CHANGE:
      copy = change < .1 * usual
      if self._pattern and number % self._pattern[0] == self._pattern[1]:
        copy = copy or change < .5 * usual
    self._changes.append(change)
    if self._number % _LONGEST == 0 and len(self._changes) == _WINDOW:
      self._pattern = self._find_pattern()
    return copy

  def _find_pattern(self) -> tuple[int, int] | None:
    changes = np.array(self._changes)
    numbers = np.arange(self._number - len(changes), self._number)
    best, found_ratio = None, .4
    for period in range(2, _LONGEST + 1):
      for phase in range(period):
        recurring = numbers % period == phase
        rest = float(np.median(changes[~recurring]))
        # Nine of ten of them, for a few frames that hardly move are no pattern.
        ratio = float(np.quantile(changes[recurring], .9)) / max(rest, 1e-9)
        if rest >= _LEAST_CHANGE and ratio < found_ratio:
          best, found_ratio = (period, phase), ratio
    return best


class _Raw(NamedTuple):
  """A decoded frame before it has become a picture."""
  stamp: float | None                        # seconds
  sample: UInt8[np.ndarray, 'h w']           # some of its pixels, always the same
  picture: Callable[[], UInt8[np.ndarray, 'h w 3']]


class Video:
  """Frames of a video or of a folder of pictures, one at a time; iterate it once.

  Attributes:
    facts: what it claims, and what has been seen of it so far.
  """

  def __init__(self, facts: Facts, source: Iterator[_Raw], *, start: float | None,
               end: float | None):
    self.facts = facts
    self._source = source
    self._start = -np.inf if start is None else start
    self._end = np.inf if end is None else end

  def __enter__(self) -> 'Video':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def close(self) -> None:
    """Lets go of the file."""
    if hasattr(self._source, 'close'):
      self._source.close()

  def __iter__(self) -> Iterator[Frame]:
    """Frames from `start` to `end`.

    Raises:
      InputError: nothing in it decodes, or nothing lies between `start` and `end`.
    """
    clock, copies, facts, shown = _Clock(self.facts), _Copies(), self.facts, 0
    with contextlib.closing(self):
      for raw in self._source:
        time, gap = clock.follow(raw.stamp)
        if time >= self._end:
          break
        repeated = copies.is_copy(raw.sample) and not gap
        number, facts.decoded = facts.decoded, facts.decoded + 1
        facts.repeated += repeated
        if time >= self._start:
          picture = raw.picture()
          facts.height, facts.width = picture.shape[:2]
          shown += 1
          yield Frame(number, time, picture, repeated, gap)
      else:
        facts.finished = True
    if not facts.decoded and facts.finished:
      raise InputError(f'{printable(facts.path)} holds no frame that decodes'
                       + (f' (codec {facts.codec}): {convert_line(facts.path)}'
                          if facts.codec else ''))
    if not shown:
      raise InputError(f'{printable(facts.path)} holds no frame from '
                       f'{max(self._start, 0.):g} s on: it ends at {facts.last:.3f} s')


def open_video(path: str | os.PathLike, *, start: float | None = None,
               end: float | None = None, fps: float | None = None) -> Video:
  """Opens a video, or a folder of pictures with numbers in their names.

  Args:
    path: of the file or folder.
    start, end: seconds; frames from `start` on, and before `end`. What lies before
      `start` is decoded, too, so that numbers and times are those of the whole.
    fps: frames a second of a folder; of a file, the rate at which it was recorded where
      it is not the one it plays at (slow motion): times are then number / fps.

  Returns:
    A context manager over `Frame`s.

  Raises:
    InputError: it is not there, no video, of a codec that is not decoded, or a folder
      without `fps`.
  """
  place = pathlib.Path(path)
  if fps is not None and not (np.isfinite(fps) and fps > 0):
    raise InputError(f'fps is {fps}; it must be a number of frames a second above 0')
  if start is not None and end is not None and not start < end:
    raise InputError(f'start is {start:g} s and end {end:g} s: nothing lies between '
                     'them')
  facts = Facts(path=os.fspath(path))
  if place.is_dir():
    source = _folder_frames(place, facts, fps)
  else:
    if place.is_file() and not place.stat().st_size:
      raise InputError(f'{printable(facts.path)} is empty (0 bytes)')
    try:
      pictures.check_container(place)
    except Unreadable as error:
      raise InputError(str(error)) from error
    source = _file_frames(place, facts)
    if fps is not None:
      facts._notes.append(f'times are frame numbers / {fps:g}, as given, and not the '
                          'time stamps of the file')
      facts.duration = facts.stated_frames and facts.stated_frames / fps
      source = (raw._replace(stamp=number / fps)
                for number, raw in enumerate(source))
  return Video(facts, source, start=start, end=end)


def convert_line(path: str | os.PathLike) -> str:
  """The ffmpeg command that makes a video of which every frame and time is readable."""
  stem = os.path.splitext(os.path.basename(path))[0]
  return (f'convert it: ffmpeg -i "{printable(os.path.basename(path))}" -an -c:v '
          f'libx264 -crf 12 -pix_fmt yuv420p -fps_mode passthrough '
          f'"{printable(stem)}_h264.mp4"')


def _sampled(picture: np.ndarray) -> UInt8[np.ndarray, 'h w']:
  """Some two hundred rows of the brightness, or of the green."""
  step = max(1, picture.shape[0] // 200)
  chosen = picture[::step, ::step]
  return np.ascontiguousarray(chosen if chosen.ndim == 2 else chosen[..., 1])


# Folders of pictures.


def _folder_frames(folder: pathlib.Path, facts: Facts, fps: float | None
                   ) -> Iterator[_Raw]:
  if fps is None:
    raise InputError(f'{printable(facts.path)} is a folder of pictures, which have no '
                     'times: give their rate with --fps')
  try:
    entries = pictures.pictures_by_number(folder)
  except Unreadable as error:
    raise InputError(str(error)) from error
  if not entries:
    raise InputError(f'{printable(facts.path)} holds no picture with a number in its '
                     'name')
  first, last = min(entries), max(entries)
  facts.codec = ''
  facts.stated_frames, facts.stated_rate = len(entries), fps
  facts.duration = (last - first + 1) / fps
  facts._notes.append(f'frame 0 is {printable(entries[first].name)}')

  def read():
    for number, entry in entries.items():
      try:
        picture = pictures.read_picture(entry.path)
      except Unreadable:
        facts._undecoded += 1
        continue
      yield _Raw((number - first) / fps, _sampled(picture), lambda: picture)
  return read()


# Files, by PyAV.


def _file_frames(path: pathlib.Path, facts: Facts) -> Iterator[_Raw]:
  try:
    import av
  except ImportError:
    return _opencv_frames(path, facts)
  try:
    # A whole path is no address of another protocol, whatever stands in its name.
    container = av.open('file:' + os.path.abspath(path), metadata_errors='ignore')
  except (av.FFmpegError, ValueError) as error:
    why = re.sub(r"^\[.*?\]\s*|: '.*$", '', str(error))
    raise InputError(f'{printable(facts.path)} cannot be read as a video ({why})'
                     ) from error
  try:
    stream = _video_stream(container, facts)
    _state(stream, container, facts)
  except BaseException:
    container.close()
    raise
  return _av_frames(av, container, stream, facts)


_HEAD = 4 * 2**20     # bytes at either end of a file in which its codec is named
_CODEC_WORD = re.compile(rb'stsd.{12}(.{4})|vids(.{4})|(V_[A-Z0-9/_]+)', re.DOTALL)


def _video_stream(container, facts: Facts):
  """The first stream of pictures that is no cover of a record."""
  streams = [stream for stream in container.streams.video
             if not int(stream.disposition) & 0x400]     # an attached picture
  if not streams:
    raise InputError(f'{printable(facts.path)} holds no video, only '
                     + (', '.join(sorted({stream.type for stream in container.streams}))
                        or 'nothing'))
  if len(streams) > 1:
    facts._notes.append(f'it holds {len(streams)} videos; the first is read')
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


def _av_frames(av, container, stream, facts: Facts) -> Iterator[_Raw]:
  start = (container.start_time or 0) / 1e6
  stream.thread_type = 'AUTO'
  stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
  shown = set()

  def note(word: str) -> None:
    if word not in shown:
      shown.add(word)
      facts._notes.append(word)

  with container:
    for frame in _decoded(av, container, stream, facts):
      if frame.rotation and facts.rotation != frame.rotation:
        facts.rotation = int(frame.rotation)
      if frame.interlaced_frame:
        note('it is interlaced: each frame is two half pictures of different times')
      stamp = None if frame.time is None else frame.time - start
      if stamp is None:
        note('frames have no time stamps: times are those of the stated rate')
      yield _Raw(stamp, _brightness(frame), lambda: _upright(frame, stream, note))


def _decoded(av, container, stream, facts: Facts):
  """Frames in the order in which they are shown; pieces that do not decode count."""
  packets = container.demux(stream)
  while True:
    try:
      packet = next(packets)
    except StopIteration:
      return
    except av.FFmpegError:
      facts._undecoded += 1       # cut off inside of a packet
      packet = None
    try:
      yield from stream.decode(packet)
    except av.EOFError:
      return
    except av.FFmpegError:
      facts._undecoded += 1
    if packet is None:
      return


def _brightness(frame) -> UInt8[np.ndarray, 'h w']:
  if frame.format.name.startswith(('yuv', 'gray', 'nv')) and all(
      part.bits == 8 for part in frame.format.components):
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return _sampled(rows[:frame.height, :frame.width])
  return _sampled(frame.to_ndarray(format='rgb24'))


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


def _opencv_frames(path: pathlib.Path, facts: Facts) -> Iterator[_Raw]:
  facts._notes.append(
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
        facts._undecoded += 1
        continue
      picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
      yield _Raw(capture.get(cv2.CAP_PROP_POS_MSEC) / 1e3, _sampled(picture),
                 lambda: picture)
  except Unreadable as error:
    raise InputError(f'{error}; {convert_line(path)}') from error
