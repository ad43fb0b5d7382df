"""A video file, or a folder of pictures, becomes a stream of frames with their times.

Memory is that of a few frames, however long the video is. Frames are
counted from 0 over all that decode: `start` skips frames, and does not count them anew.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
import contextlib
import os
import pathlib
import queue
import threading
from typing import NamedTuple

import cv2
from jaxtyping import UInt8
import numpy as np

from lightman_jax.data import frames as pictures
from lightman_jax.errors import InputError, Unreadable, printable
from lightman_jax.units import short_repr
from lightman_jax.video import decoding
from lightman_jax.video.decoding import Facts, Raw


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
  __repr__ = short_repr


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
        facts.notes.append(f'time stamps go back after {facts.last:.3f} s: such '
                            'frames are placed by the usual step of time')
      self._back, time = True, facts.last + usual
    step = time - facts.last
    gap = bool(self._steps) and step > max(_GAP * usual, _LEAST_GAP)
    if gap:
      facts.lost += 1
      facts.missing += step
      if len(facts.gaps) < decoding.MOST_GAPS:
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


class Video:
  """Frames of a video or of a folder of pictures, one at a time; iterate it once.

  Attributes:
    facts: what it claims, and what has been seen of it so far.
  """

  def __init__(self, facts: Facts, source: Iterator[Raw], *, start: float | None,
               end: float | None, numbers: Collection[int] | None = None):
    self.facts = facts
    self._source = source
    self._numbers = numbers
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
          shown += 1
          if self._numbers is not None and number not in self._numbers:
            continue
          picture = raw.picture()
          facts.height, facts.width = picture.shape[:2]
          yield Frame(number, time, picture, repeated, gap)
      else:
        facts.finished = True
    if not facts.decoded and facts.finished:
      raise InputError(f'{printable(facts.path)} holds no frame that decodes'
                       + (f' (codec {facts.codec}): {decoding.convert_line(facts.path)}'
                          if facts.codec else ''))
    if not shown:
      raise InputError(f'{printable(facts.path)} holds no frame from '
                       f'{max(self._start, 0.):g} s on: it ends at {facts.last:.3f} s')


def open_video(path: str | os.PathLike, *, start: float | None = None,
               end: float | None = None, fps: float | None = None,
               numbers: Collection[int] | None = None) -> Video:
  """Opens a video, or a folder of pictures with numbers in their names.

  Args:
    path: of the file or folder.
    start, end: seconds; frames from `start` on, and before `end`. What lies before
      `start` is decoded, too, so that numbers and times are those of the whole.
    fps: frames a second of a folder; of a file, the rate at which it was recorded where
      it is not the one it plays at (slow motion): times are then number / fps.
    numbers: of the frames that become pictures and are given, of those between `start`
      and `end`; None: all.

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
    source = decoding.folder_frames(place, facts, fps)
  else:
    if place.is_file() and not place.stat().st_size:
      raise InputError(f'{printable(facts.path)} is empty (0 bytes)')
    try:
      pictures.check_container(place)
    except Unreadable as error:
      raise InputError(str(error)) from error
    source = decoding.file_frames(place, facts)
    if fps is not None:
      facts.notes.append(f'times are frame numbers / {fps:g}, as given, and not the '
                          'time stamps of the file')
      facts.duration = facts.stated_frames and facts.stated_frames / fps
      source = (raw._replace(stamp=number / fps)
                for number, raw in enumerate(source))
  return Video(facts, source, start=start, end=end, numbers=numbers)


def check_there(paths: Sequence[str | os.PathLike]) -> None:
  """Refuses videos of which none is there; one that is not stops no others.

  Args:
    paths: of files and folders.

  Raises:
    InputError: names the first.
  """
  if paths and not any(map(os.path.exists, paths)):
    others = f', nor is any other of {len(paths)}' if len(paths) > 1 else ''
    raise InputError(f'{printable(os.fspath(paths[0]))} is not there{others}; give the '
                     'path of a video, or of a folder of pictures')


def read_ahead(frames: Iterable[Frame], count: int = 4) -> Iterator[Frame]:
  """The same frames, decoded in a thread of their own, at most `count` in advance.

  Args:
    frames: as `Video` gives them.
    count: how many wait; memory grows by as many pictures.
  """
  waiting: queue.Queue = queue.Queue(maxsize=max(1, count))
  stop = threading.Event()

  def put(item) -> bool:
    while not stop.is_set():
      with contextlib.suppress(queue.Full):
        waiting.put(item, timeout=.1)
        return True
    return False

  def read() -> None:
    try:
      for frame in frames:
        if not put((frame, None)):
          return
      put((None, None))
    except BaseException as error:    # raised where it is waited for
      put((None, error))

  thread = threading.Thread(target=read, daemon=True)
  thread.start()
  try:
    while True:
      frame, error = waiting.get()
      if error is not None:
        raise error
      if frame is None:
        return
      yield frame
  finally:
    stop.set()
    thread.join()
