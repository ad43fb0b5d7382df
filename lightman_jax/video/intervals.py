"""Intervals of expressions as tables hold them, and which of two belong together.

A table has the columns `subject, video, onset, offset` and, where known, `emotion` and
`type` (micro or macro). Frames are whole numbers; both end frames are within, and other
programs write negative onsets. Two intervals of one video belong together where the
intersection is at least half of the union of their frames (Li et al. 2020, "MEGC2020 -
The Third Facial Micro-Expression Grand Challenge").
"""

from collections.abc import Iterable, Sequence
import csv
import os
import pathlib
import re
from typing import Any, NamedTuple

import numpy as np
from scipy import optimize

from lightman_jax import places
from lightman_jax.data import people, workbooks
from lightman_jax.data.spellings import is_missing, spell_emotion
from lightman_jax.errors import InputError, printable
from lightman_jax.files import write_atomically
from lightman_jax.units import counted

KINDS = ('micro', 'macro')
IOU = .5
# The second words are those of `predict --study`, in whose table frames count from 0.
COLUMNS = {
    'subject': ('subject', 'person'), 'video': ('video',),
    'onset': ('onset', 'onset_frame'), 'offset': ('offset', 'offset_frame'),
    'emotion': ('emotion', 'label'), 'type': ('type', 'kind')}
OPTIONAL = ('emotion', 'type')
LENGTHS = {'subject': ('subject',), 'video': ('video',), 'frames': ('frames',),
           'fps': ('fps',), 'first': ('first',)}
SIGNAL = {'subject': ('subject',), 'video': ('video',), 'frame': ('frame',),
          'value': ('value',)}

# A camera of a laboratory takes 10 000 frames a second, a time lapse one an hour.
MOST_FRAMES, RATES = 10**9 - 1, (1e-4, 1e6)

Video = tuple[str, str]       # subject and video, as tables spell them


class Interval(NamedTuple):
  """One expression.

  Attributes:
    subject, video: where it is.
    onset, offset: first and last frame, both within.
    emotion: '' where none is said.
    type: 'micro', 'macro', or '' where it is not said.
  """
  subject: str
  video: str
  onset: int
  offset: int
  emotion: str = ''
  type: str = ''

  @property
  def place(self) -> Video:
    """Whose it is, and the video."""
    return self.subject, self.video

  @property
  def frames(self) -> int:
    """How long it is."""
    return self.offset - self.onset + 1


class Length(NamedTuple):
  """How long a video is: its frames, the rate, and the number of the first frame."""
  frames: int
  fps: float
  first: int = 0

  @property
  def end(self) -> int:
    """The number behind that of the last frame."""
    return self.first + self.frames

  @property
  def minutes(self) -> float:
    """How long it lasts."""
    return self.frames / self.fps / 60.


def iou(one: Interval, other: Interval) -> float:
  """Frames that two intervals share, of those that either has; end frames count.

  Args:
    one, other: of one video.
  """
  shared = min(one.offset, other.offset) - max(one.onset, other.onset) + 1
  return max(shared, 0) / (one.frames + other.frames - max(shared, 0))


def match(spotted: Sequence[Interval], truth: Sequence[Interval], *, least: float = IOU
          ) -> list[tuple[int, int]]:
  """Pairs of intervals that belong together, as many as there can be; each once.

  Of several ways the one of the largest sum of overlaps is taken, so the order of the
  rows does not matter.

  Args:
    spotted, truth: of whatever videos.
    least: overlap from which on two belong together.

  Returns:
    Indices into `spotted` and `truth`, in the order of the former.
  """
  pairs = []
  for place in dict.fromkeys(one.place for one in spotted):
    left = [k for k, one in enumerate(spotted) if one.place == place]
    right = [k for k, one in enumerate(truth) if one.place == place]
    shares = np.array([[iou(spotted[i], truth[j]) for j in right] for i in left])
    shares = shares.reshape(len(left), len(right))
    # One pair more counts for more than any overlaps.
    worth = np.where(shares >= least, len(left) + len(right) + shares, 0.)
    pairs += [(left[i], right[j])
              for i, j in zip(*optimize.linear_sum_assignment(worth, maximize=True))
              if worth[i, j]]
  return sorted(pairs)


# Tables are read and written.


def read_intervals(path: str | os.PathLike) -> tuple[Interval, ...]:
  """The rows of a table of intervals.

  Args:
    path: of a csv or workbook; other columns are not used. A header alone is a table of
      no interval.

  Raises:
    InputError: a column is missing, or a cell is wrong; names the row.
  """
  path = places.expand(path)
  rows = []
  for record in _records(path, COLUMNS, OPTIONAL):
    where, cells = f'{path} row {record.row}', record.cells
    onset, offset = (_frame(where, name, cells[name]) for name in ('onset', 'offset'))
    if onset > offset:
      raise InputError(f'{where}: onset {onset} is behind offset {offset}')
    emotion = '' if is_missing(cells['emotion']) else spell_emotion(cells['emotion'])
    rows.append(Interval(*_place(where, cells), onset, offset, emotion,
                         _kind(where, cells['type'])))
  if any(row.type for row in rows) and not all(row.type for row in rows):
    raise InputError(f'{path}: some rows have a type and others none; write micro or '
                     'macro in every row, or leave the column out')
  return tuple(rows)


def write_intervals(path: str | os.PathLike, intervals: Iterable[Interval]) -> None:
  """Writes a table that `read_intervals` reads.

  Args:
    path: of the csv.
    intervals: its rows.
  """
  with write_atomically(path) as file:
    csv.writer(file, lineterminator='\n').writerows([Interval._fields, *intervals])


def read_lengths(path: str | os.PathLike) -> dict[Video, Length]:
  """How long videos are: columns subject, video, frames, fps, and perhaps first.

  Args:
    path: of a csv or workbook; `first` is the number of the first frame, 0 by default.

  Raises:
    InputError: a column is missing, a cell is wrong, or a video stands twice.
  """
  path, lengths = places.expand(path), {}
  for record in _records(path, LENGTHS, ('first',)):
    where, cells = f'{path} row {record.row}', record.cells
    video = _place(where, cells)
    frames, fps = _number(where, 'frames', cells['frames']), _number(
        where, 'fps', cells['fps'])
    if video in lengths:
      raise InputError(f'{where}: the video stands twice; keep one')
    lengths[video] = check_length(
        where, frames, fps, _frame(where, 'first', cells['first'] or '0'))
  return lengths


def check_length(where: str, frames: int | float, fps: int | float, first: int
                 ) -> Length:
  """Returns a video's length, whose frames are an int.

  Args:
    where: it stands, for a refusal.
    frames: how many.
    fps: a second.
    first: number of the first.

  Raises:
    InputError: there is no such video.
  """
  try:
    possible = (1 <= frames <= MOST_FRAMES and not frames % 1
                and RATES[0] <= fps <= RATES[1] and abs(first) <= MOST_FRAMES)
  except TypeError:
    possible = False
  if not possible:
    raise InputError(
        f'{where}: a video of {counted(printable(str(frames)), "frame")} at '
        f'{printable(str(fps))} a second; write how many it has, 1 to {MOST_FRAMES}, '
        f'and how many it shows in a second, {RATES[0]:g} to {RATES[1]:g}')
  return Length(int(frames), float(fps), int(first))


def check_intervals(where: str, rows: Sequence[Any]) -> None:
  """Refuses what is no interval.

  Args:
    where: they stand, for a refusal.
    rows: as they were given.

  Raises:
    InputError: names the first that is none.
  """
  for number, one in enumerate(rows):
    if not isinstance(one, Interval) or not all(
        isinstance(frame, (int, np.integer)) and abs(frame) <= MOST_FRAMES
        for frame in (one.onset, one.offset)) or one.onset > one.offset or not all(
            isinstance(word, str) for word in (*one.place, one.emotion)) or (
                one.type not in (*KINDS, '')):
      raise InputError(f'{where}[{number}] is {one!r}; give Interval(subject, video, '
                       'onset, offset, emotion, type) of lightman_jax.video.intervals, '
                       'with whole frames, the onset first')


def write_lengths(path: str | os.PathLike, lengths: dict[Video, Length]) -> None:
  """Writes a table that `read_lengths` reads.

  Args:
    path: of the csv.
    lengths: of each video.
  """
  with write_atomically(path) as file:
    csv.writer(file, lineterminator='\n').writerows(
        [LENGTHS, *([*video, *length] for video, length in lengths.items())])


def read_signal(path: str | os.PathLike) -> dict[Video, tuple[np.ndarray, np.ndarray]]:
  """A signal of motion: columns subject, video, frame, value, a row a frame.

  Args:
    path: of a csv or workbook.

  Returns:
    Of each video the frames, in order, and their values.

  Raises:
    InputError: a column is missing, a cell is wrong, or a frame stands twice.
  """
  path, rows = places.expand(path), {}
  for record in _records(path, SIGNAL, ()):
    where, cells = f'{path} row {record.row}', record.cells
    of_video = rows.setdefault(_place(where, cells), {})
    number = _frame(where, 'frame', cells['frame'])
    if number in of_video:
      raise InputError(f'{where}: frame {number} stands twice; keep one')
    of_video[number] = _number(where, 'value', cells['value'])
  return {video: (np.array(sorted(values)), np.array(
      [values[number] for number in sorted(values)])) for video, values in rows.items()}


def check_spellings(spotted: Sequence[Interval], others: Iterable[Video], *,
                    path: str | os.PathLike, other_path: str | os.PathLike) -> None:
  """Refuses a video of one table that another seems to have in another spelling.

  Args:
    spotted: of the one table.
    others: videos of the other.
    path, other_path: the tables' names.

  Raises:
    InputError: names both spellings.
  """
  known = set(others)
  for words, known_words in (
      ([(one.subject,) for one in spotted], {video[:1] for video in known}),
      ([one.place for one in spotted], known)):
    fold = lambda names: tuple(people.fold_name(name) for name in names)
    folded = {fold(names): names for names in known_words}
    for names in dict.fromkeys(words):
      other = folded.get(fold(names))
      if names not in known_words and other:
        raise InputError(f'{path}: {_spelt(names)} looks like {_spelt(other)} in '
                         f'{other_path}; spell them alike')


def _spelt(names: Sequence[str]) -> str:
  return ', '.join(f'{what} {name!r}'
                   for what, name in zip(('subject', 'video'), names))


def _records(path: pathlib.Path, columns: dict[str, tuple[str, ...]],
             optional: tuple[str, ...]) -> list[workbooks.Record]:
  table = workbooks.read_cells(path, columns=list(columns.values()))
  return workbooks.find_table(table, columns, optional=optional, where=str(path))


def _place(where: str, cells) -> Video:
  for name in ('subject', 'video'):
    if is_missing(cells[name]):
      raise InputError(f'{where}: the cell under {name} is empty; fill it')
  return cells['subject'], cells['video']


def _frame(where: str, name: str, text: str) -> int:
  spelt = re.fullmatch(r'([-\u2212+]?[0-9]{1,9})(?:\.0+)?', text)
  if not spelt:
    raise InputError(f'{where}: {name} is {text!r}, and must be the number of a frame')
  return int(spelt[1].replace('\u2212', '-'))


def _number(where: str, name: str, text: str) -> float:
  try:
    value = float(text)
  except ValueError:
    value = float('nan')
  if not np.isfinite(value):
    raise InputError(f'{where}: {name} is {text!r}, and must be a number')
  return value


def _kind(where: str, text: str) -> str:
  if is_missing(text):
    return ''
  word = ''.join(re.findall('[a-z]', text.casefold()))
  for kind, short in zip(KINDS, ('me', 'mae')):
    if word in (kind, short, f'{kind}expression'):
      return kind
  raise InputError(f'{where}: type is {text!r}, and must be micro or macro')
