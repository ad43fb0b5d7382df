"""Every frame of a video looked at once: what is known of each, in constant memory.

Of a frame some hundred numbers are kept, and no picture. A row is a decoded frame and a
person in it; a frame without a person has a row as well.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from lightman_jax.faces import landmarks as alignment
from lightman_jax.units import short_repr
from lightman_jax.video import motion
from lightman_jax.video.faces import Face, FaceReason
from lightman_jax.video.reading import Frame
from lightman_jax.video.signals import Signals

_CHUNK = 4096


class FrameTable(NamedTuple):
  """A row for every decoded frame and person in it, or one without a person.

  Attributes:
    frame, time, repeated: of the frame.
    person: number from 0; -1 where there is none.
    box: x, y, width, height in pixels of the picture.
    pose: yaw, pitch, roll in degrees.
    quality: from 0 to 1.
    reason: why it is not looked at, '' where it is.
    covered: regions that something covers, with spaces between.
    broken: whether a break lies before.
    moved, head, lids: as `motion.RegionMotion`.
    landmarks: in pixels of the picture.
  """
  frame: np.ndarray
  time: np.ndarray
  repeated: np.ndarray
  person: np.ndarray
  box: np.ndarray
  pose: np.ndarray
  quality: np.ndarray
  reason: np.ndarray
  covered: np.ndarray
  broken: np.ndarray
  moved: np.ndarray
  head: np.ndarray
  lids: np.ndarray
  landmarks: np.ndarray
  __repr__ = short_repr

  def of_person(self, person: int) -> np.ndarray:
    """The rows of a person."""
    return np.flatnonzero(self.person == person)


class _Log:
  """Rows as columns that grow by chunks: a few hundred bytes a frame."""

  _KINDS = {'frame': (np.int64, ()), 'time': (np.float64, ()),
            'repeated': (bool, ()), 'person': (np.int32, ()),
            'box': (np.float32, (4,)), 'pose': (np.float32, (3,)),
            'quality': (np.float32, ()), 'reason': (np.int16, ()),
            'covered': (np.int16, ()), 'broken': (bool, ()),
            'moved': (np.float32, (len(motion.REGIONS), 2)),
            'head': (np.float32, (6,)), 'lids': (np.float32, (2,)),
            'landmarks': (np.float32, (68, 2))}

  def __init__(self):
    self._words: dict[str, int] = {'': 0}
    self._chunks: list[dict[str, np.ndarray]] = []
    self._used = _CHUNK

  def add(self, **values: Any) -> None:
    if self._used == _CHUNK:
      self._chunks.append({name: np.zeros((_CHUNK, *shape), kind)
                           for name, (kind, shape) in self._KINDS.items()})
      self._used = 0
    for name, value in values.items():
      if isinstance(value, str):
        value = self._words.setdefault(value, len(self._words))
      self._chunks[-1][name][self._used] = value
    self._used += 1

  def table(self) -> FrameTable:
    columns = {}
    for name, (kind, shape) in self._KINDS.items():
      parts = [chunk[name] for chunk in self._chunks]
      if parts:
        parts[-1] = parts[-1][:self._used]
      columns[name] = np.concatenate(parts) if parts else np.zeros((0, *shape), kind)
    words = np.array(list(self._words), dtype=object)
    for name in ('reason', 'covered'):
      columns[name] = words[columns[name]]
    return FrameTable(**columns)


class Measurer:
  """Measures the faces of frames that come one at a time.

  Attributes:
    size: side of the aligned faces in pixels; 0 before there is one.
  """

  def __init__(self):
    self.size = 0
    self._meters: dict[int, motion.MotionMeter] = {}
    self._before: dict[int, tuple[int, motion.RegionMotion | None]] = {}

  def rows(self, frame: Frame, faces: list[Face]) -> Iterator[dict[str, Any]]:
    """The rows of a frame, by the columns of `FrameTable`.

    Args:
      frame: the one after that of the call before.
      faces: in it.
    """
    start = {'frame': frame.number, 'time': frame.time, 'repeated': frame.repeated}
    if not faces:
      yield {**start, 'person': -1, 'reason': FaceReason.NO_FACE.value}
    for seen in faces:
      last, measured = self._before.get(seen.person, (-2, None))
      broken = seen.cut is not None or last != frame.number - 1
      row = {**start, 'person': seen.person, 'box': seen.box, 'pose': seen.pose,
             'quality': seen.quality, 'broken': broken,
             'reason': '' if seen.reason is None else seen.reason.value,
             'covered': ' '.join(k for k, v in seen.visible.items() if not v),
             'landmarks': seen.landmarks}
      if seen.reason is None and seen.aligned is not None:
        self.size = size = len(seen.aligned)
        meter = self._meters.setdefault(seen.person, motion.MotionMeter(size))
        if broken or measured is None:
          meter.reset()
          measured = None
        if not frame.repeated or measured is None:
          measured = meter.push(seen.aligned, frame.time,
                                alignment.align_points(seen.landmarks, size))
        row.update(measured._asdict())
        row.pop('seen')
      else:
        measured = None
        row['reason'] = row['reason'] or FaceReason.NO_LANDMARKS.value
      self._before[seen.person] = frame.number, measured
      yield row

  def forget(self, people: Iterable[int]) -> None:
    """Lets go of people who are not followed any more.

    Args:
      people: their numbers.
    """
    for person in people:
      self._meters.pop(person, None)
      self._before.pop(person, None)


def measure(frames: Iterable[tuple[Frame, list[Face]]]) -> tuple[FrameTable, int]:
  """The table of frames, by one look at each.

  Args:
    frames: each frame and the faces in it.

  Returns:
    The table, and the side of the aligned faces in pixels (0: there was none).
  """
  log, measurer = _Log(), Measurer()
  for frame, faces in frames:
    for row in measurer.rows(frame, faces):
      log.add(**row)
  return log.table(), measurer.size


def table_of(rows: Iterable[Mapping[str, Any]]) -> FrameTable:
  """Some rows as a table.

  Args:
    rows: of `Measurer.rows`.
  """
  log = _Log()
  for row in rows:
    log.add(**row)
  return log.table()


def signals_of(table: FrameTable, person: int) -> Signals:
  """What was measured of one person.

  Args:
    table: of all frames.
    person: number.
  """
  at = table.of_person(person)
  covered = np.zeros((len(at), len(motion.REGIONS)), bool)
  for words in set(table.covered[at]):
    hidden = [k for part in words.split() for k in motion.BEHIND[part]]
    covered[np.ix_(table.covered[at] == words, hidden)] = True
  return Signals(table.frame[at], table.time[at], table.moved[at], table.head[at],
                 table.lids[at], table.quality[at].astype(np.float64),
                 table.reason[at] == '', table.repeated[at], table.broken[at], covered)


ABSENT = 'not among the faces of the frame'


def stretches_not_looked_at(table: FrameTable, person: int
                            ) -> list[tuple[float, float, str]]:
  """Start, end and reason of the stretches in which a person was not looked at.

  Frames in which somebody is not found are among them, with the times of their first
  and last frame.

  Args:
    table: of all frames.
    person: number; -1: stretches in which there is nobody.
  """
  frames, first = np.unique(table.frame, return_index=True)
  reasons = np.full(len(frames), '' if person < 0 else ABSENT, object)
  for who in (-1, person):
    at = table.of_person(who)
    reasons[np.searchsorted(frames, table.frame[at])] = table.reason[at]
  times = table.time[first]
  ends = np.flatnonzero(reasons[1:] != reasons[:-1]) + 1
  runs = zip([0, *ends], [*ends, len(frames)]) if len(frames) else ()
  return [(float(times[a]), float(times[b - 1]), str(reasons[a]))
          for a, b in runs if reasons[a]]
