"""One line of a sheet becomes a `Row`, or is left out with its reason."""

from collections.abc import Mapping
import re
from typing import NamedTuple

from lightman_jax.annotations import action_units, spellings
from lightman_jax.annotations.facts import Facts
from lightman_jax.annotations.frame_numbers import disorder, whole
from lightman_jax.annotations.notes import notes
from lightman_jax.annotations.rows import LeftOut, Row

# Names that are a path, or none at all, must not reach the disk.
_NAME = re.compile(r'(?!\.)[^/\\\x00-\x1f\x7f:*?"<>|{}]{1,100}(?<!\.)')


class Line(NamedTuple):
  """A line of a sheet: where it stands, and its cells by the names of `Facts`."""
  sheet: str                # file name
  row: int                  # counted from 1
  where: str                # of the line in a message: 'row 7'
  cells: Mapping[str, str]


class Unusable(ValueError):
  """A line that cannot become a row; says why."""


def key(line: Line, facts: Facts) -> tuple[str, int | None]:
  """Returns a line's clip as subject and file name, and the subject's number on disk.

  Where these cannot be read, ('', None).
  """
  number = _subject(line.cells['subject'], facts)
  name = _filename(line.cells['filename'], facts)
  if number is None or not name:
    return '', None
  return f'{facts.subject.format(number)}/{name}', number


def place_of(clip: str, facts: Facts) -> dict[str, str] | None:
  """Returns the fields of `Frames.folder` that a clip's id tells; None where none is.

  Args:
    clip: of a row that may be left out: 'sub01/EP02_01f'.
    facts: the data set.
  """
  subject, *names = clip.split('/')
  number = re.search('[0-9]+$', subject)
  if not names or not number:
    return None
  try:
    video = _video(names[0], int(number[0]), facts)
  except Unusable:
    return None
  return {'subject': subject, 'filename': names[0], 'video': video,
          'folder': (facts.folder or facts.subject).format(int(number[0]))}


def onset_apex_offset(
    cells: Mapping[str, str], facts: Facts,
) -> dict[str, int | None]:
  """Returns onset, apex and offset of a line; None where one is missing or unreadable.

  Args:
    cells: of the line, by the names of `Facts`.
    facts: the data set.
  """
  numbers = {}
  for name in ('onset', 'apex', 'offset'):
    text = cells.get(name, '')
    first = facts.zero_is_a_frame and whole(text) == 0 and (
        name == 'onset' or name == 'apex' and numbers['onset'] == 0)
    numbers[name] = 0 if first else None if text in facts.missing else whole(text)
  return numbers


def read_line(
    line: Line, facts: Facts, *, clip: str, notes_before: tuple[str, ...] = (),
) -> Row | LeftOut:
  """Returns the row that a line spells.

  Args:
    line: of the data set's sheet.
    facts: the data set.
    clip: the clip's id; '' where the line names none.
    notes_before: what is known of the row already.
  """
  try:
    if not clip:
      raise Unusable(f'subject {line.cells["subject"]!r}, file name '
                     f'{line.cells["filename"]!r}: not a clip')
    return _row(line, facts, clip, notes_before)
  except Unusable as error:
    return LeftOut(clip or line.where, f'{line.where}: {error}')


def _row(line: Line, facts: Facts, clip: str, known: tuple[str, ...]) -> Row:
  cells = line.cells
  subject, number = facts.subject, key(line, facts)[1]
  name = _filename(cells['filename'], facts)
  _check_owner(name, number, cells['subject'], facts)
  numbers, found = _frames(cells, facts)
  raw = cells.get('action_units', '')
  emotion = spellings.emotion(cells.get('emotion', ''))
  if not _NAME.fullmatch(emotion) and any(
      '{emotion}' in frames.folder for frames in facts.editions):
    raise Unusable(f'the emotion {cells["emotion"]!r} is not the name of a folder')
  row = Row(
      clip=clip, subject=subject.format(number), dataset=facts.name,
      emotion=emotion, kind=_kind(cells, facts),
      fps=_fps(cells, facts), action_units_raw=raw,
      action_units=action_units.parse(raw), filename=name,
      folder=(facts.folder or subject).format(number),
      video=_video(name, number, facts),
      objective=spellings.objective(cells.get('objective', '')),
      sheet=line.sheet, row=line.row, **numbers)
  return row._replace(notes=(*known, *found, *notes(row, cells, facts)))


def _subject(text: str, facts: Facts) -> int | None:
  """The number on disk of the subject that a cell names."""
  for form in (facts.subject, facts.folder):
    prefix = form.partition('{')[0]
    if prefix and text.casefold().startswith(prefix.casefold()):
      text = text[len(prefix):]
      break
  number = whole(text)
  return facts.subjects.get(number) if facts.subjects else number


def _filename(text: str, facts: Facts) -> str:
  """The clip's name on disk, '' where the cell holds none."""
  name = text.lower() if facts.lower else text
  return name if _NAME.fullmatch(name) else ''


def _check_owner(name: str, number: int, cell: str, facts: Facts) -> None:
  found = re.fullmatch(facts.owner, name) if facts.owner else None
  if found and int(found['subject']) != number:
    raise Unusable(f'the subject is {cell!r}, but the file name {name!r} belongs to '
                   f'subject {found["subject"]}')


def _frames(
    cells: Mapping[str, str], facts: Facts,
) -> tuple[dict[str, int | None], tuple[str, ...]]:
  frames, found = onset_apex_offset(cells, facts), ()
  for name, number in frames.items():
    text = cells.get(name, '')
    if number is None and text not in facts.missing:
      raise Unusable(f'{name} {text!r} is not a frame number')
  if frames['offset'] is None and frames['apex'] is not None and facts.ends_with_apex:
    frames['offset'] = frames['apex']
    found = ('the sheet gives no offset: the clip ends with its apex',)
  for name in ('onset', 'offset'):
    if frames[name] is None:
      raise Unusable(f'{name} {cells[name]!r} is not a frame number, but the mark of a '
                     'missing one')
  if wrong := disorder(**frames):
    raise Unusable(wrong)
  return frames, found


def _kind(cells: Mapping[str, str], facts: Facts) -> str:
  if facts.kind and 'kind' not in cells:
    return facts.kind
  text = cells['kind'].casefold()
  for kind in ('micro', 'macro'):
    if text.startswith(kind):
      return kind
  raise Unusable(f'{cells["kind"]!r} says neither micro nor macro')


def _fps(cells: Mapping[str, str], facts: Facts) -> float:
  text = cells.get('fps', '')
  try:
    fps = float(text or facts.fps)
  except ValueError:
    return 0.
  return fps if 0 < fps < 1e6 else 0.


def _video(name: str, number: int, facts: Facts) -> str:
  if not facts.video:
    return ''
  found = re.fullmatch(facts.video, name)
  if not found or (facts.videos and found['video'] not in facts.videos):
    raise Unusable(f'the file name {name!r} belongs to no known video')
  video = found['video']
  return f'{number}_{facts.videos[video]}' if facts.videos else video
