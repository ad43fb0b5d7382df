"""The tables that a study starts from: its videos, and what was shown in them."""

import itertools
import math
import pathlib
from typing import NamedTuple

from lightman_jax import places
from lightman_jax.data import duplicates, people as identities
from lightman_jax.errors import InputError
from lightman_jax.video import command, tables
from lightman_jax.video.study_tables import Event

REQUIRED = ('video', 'person')


class Row(NamedTuple):
  """One line of a study's table of videos; paths are joined to its folder."""
  line: int
  video: str                 # as it stands there
  path: str
  person: str
  condition: str
  start: float | None
  end: float | None
  baseline: tuple[float, float] | None
  fps: float | None
  landmarks: str             # a table of known ones; '': the face model finds them
  folder: str


def read_study(path: pathlib.Path) -> list[Row]:
  """The rows of a table of videos.

  Args:
    path: of a csv with the columns video and person and, where known, condition, start,
      end (s), baseline (START:END in s), fps and landmarks (a table of known ones).

  Raises:
    InputError: it cannot be read, lacks a column, or a cell is none of its kind.
  """
  rows = []
  for line, cells in tables.read_table(path, REQUIRED, 'a table of videos'):
    where = f'{path}, line {line}'
    for name in REQUIRED:
      if not cells[name].strip():
        raise InputError(f'{where}: {name} is empty')
    start, end, fps = (_number(where, name, cells.get(name) or '')
                       for name in ('start', 'end', 'fps'))
    if None not in (start, end) and start >= end:
      raise InputError(f'{where}: start {start:g} is not before end {end:g}')
    if fps == 0:
      raise InputError(f'{where}: fps is 0; give frames a second, or nothing')
    try:
      baseline = command.span((cells.get('baseline') or '').strip())
    except InputError as error:
      raise InputError(f'{where}: {error}') from error
    video, known = (cells[name].strip() if cells.get(name) else ''
                    for name in ('video', 'landmarks'))
    rows.append(Row(line, video, _joined(path, video), cells['person'].strip(),
                    (cells.get('condition') or '').strip(), start, end, baseline, fps,
                    _joined(path, known) if known else '', ''))
  if not rows:
    raise InputError(f'{path} names no video')
  _check_spellings(path, rows)
  folders = command.folder_names([row.video for row in rows])
  return [row._replace(folder=folder) for row, folder in zip(rows, folders)]


def _check_spellings(path: pathlib.Path, rows: list[Row]) -> None:
  """Refuses one person or condition in two spellings, and a stretch that is of two."""
  for one in (*duplicates.near_people((identities.UNKNOWN, row.person) for row in rows),
              *duplicates.near_labels(row.condition for row in rows)):
    first, second = sorted(next(row.line for row in rows if name in row)
                           for name in one.names[:2])
    raise InputError(f'{path}, line {second}: {one.names[0]!r} and {one.names[1]!r} '
                     f'(line {first}) look like one; write one of them')
  # Of one file, by where stretches start: the largest face at a time is of one person,
  # and is counted once.
  stretch = lambda row: (row.path, row.start or 0.)
  for one, other in itertools.pairwise(sorted(rows, key=stretch)):
    end = math.inf if one.end is None else one.end
    if one.path == other.path and (other.start or 0.) < end:
      first, second = sorted((one, other), key=lambda row: row.line)
      raise InputError(
          f'{path}, line {second.line}: {second.video} of {second.person!r} shares a '
          f'stretch with line {first.line}, of {first.person!r}, and what is seen '
          'there counts once; leave one out, or give start and end that do not overlap')


def read_events(path: pathlib.Path, rows: list[Row]) -> list[Event]:
  """What was shown or asked, by the names that the study's table has for its videos.

  Args:
    path: of a csv with the columns video, time (s of the video) and name.
    rows: of the study.

  Raises:
    InputError: it cannot be read, lacks a column, or names a video that the study has
      not.
  """
  names = {row.path: row.video for row in rows}
  events = []
  for line, cells in tables.read_table(path, ('video', 'time', 'name'),
                                        'a table of events'):
    video = names.get(_joined(path, cells['video'].strip()))
    if video is None:
      raise InputError(f'{path}, line {line}: the study has no video '
                       f'{cells["video"]!r}; write it as the table of videos does')
    time = _number(f'{path}, line {line}', 'time', cells['time'])
    if time is None or not cells['name'].strip():
      raise InputError(f'{path}, line {line}: an event has a time and a name')
    events.append(Event(video, time, cells['name'].strip()))
  return events


def _joined(table: pathlib.Path, name: str) -> str:
  return str(table.absolute().parent / places.expand(name))


def _number(where: str, name: str, text: str) -> float | None:
  text = text.strip()
  if not text:
    return None
  try:
    value = float(text)
  except ValueError:
    value = -1.
  if not 0 <= value < 1e9:
    raise InputError(f'{where}: {name} {text!r} is no number from 0 on')
  return value
