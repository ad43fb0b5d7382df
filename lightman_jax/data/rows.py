"""A line of an annotation sheet becomes a row, its action units included.

A unit is a number with an optional side before or after it and an optional intensity
after it (`L12`, `6L`, `7B`, `R14A`, `7(B)`). Sheets join units by `+`, `,` (also
full-width), `/`, `or` and brackets, and put words between them. Every unit that is
named is returned, in order, each once: alternatives (`14or17`) are not told from
conjunctions, so who needs the difference reads the raw text, which a `Row` keeps. Of
several intensities of one unit (`10A/B`, `7(B/C)`) the first is returned, of several
sides (`A/L12`) the one beside the number. Action descriptors (`AD32`) and movements of
head and eyes (`M61`) are no action units (Ekman, Friesen and Hager 2002), and one that
does not move, which 4DME marks by `(k)`, does not act.

A check that finds something repairs nothing: it adds a note to the row.
"""

from collections.abc import Iterator, Mapping
import re
from typing import NamedTuple
import unicodedata

from lightman_jax.data import spellings
from lightman_jax.data.facts import Facts
from lightman_jax.data.spellings import find_disorder, whole_number
from lightman_jax.errors import Cause, Reason, Unusable

# What an annotation sheet says of its clips, one row a clip.


class ActionUnit(NamedTuple):
  """One facial action unit as annotated (Ekman and Friesen 1978)."""
  number: int
  side: str = ''        # 'L', 'R', 'T', 'B', 'A' or '' (both, or not said)
  intensity: str = ''   # 'A' to 'E' or ''


class Row(NamedTuple):
  """One clip of a sheet, checked: onset <= apex <= offset."""
  clip: str                 # unique within the data set, e.g. 'sub01/EP02_01f'
  subject: str              # e.g. 'sub01'
  dataset: str              # e.g. 'casme2'
  emotion: str              # the sheet's word in one spelling; a manifest's label
  kind: str                 # 'micro' or 'macro'
  onset: int                # frame numbers, as in the file names
  apex: int | None          # None where the sheet does not say
  offset: int
  fps: float                # frames a second; 0. where unknown
  action_units_raw: str = ''
  action_units: tuple[ActionUnit, ...] = ()
  filename: str = ''        # the sheet's name of the clip, e.g. 'EP02_01f'
  folder: str = ''          # what stands for the subject on disk, e.g. 's1' for 's01'
  video: str = ''           # where a clip is a part of a video: how the name of the
                            # video's folder begins, e.g. '15_0101'
  objective: str = ''       # objective class 'I' to 'VII' (Davison et al. 2018)
  sheet: str = ''           # name of the file that the row stands in
  row: int = 0              # its number there, counted from 1
  notes: tuple['Note', ...] = ()    # what a person should know of the row
  # Column and value of each group that the sheet says the person belongs to. Last, for
  # digests leave it out: the sheet's own hash covers it.
  groups: tuple[tuple[str, str], ...] = ()

  @property
  def coded(self) -> str:
    """'coded' where the sheet names an action unit, '' where it names none."""
    return 'coded' if self.action_units else ''


class Note(NamedTuple):
  """What a person should know of a row; `str` makes the sentence."""
  form: str                     # a format string
  values: tuple[str | int, ...] = ()

  def __str__(self) -> str:
    return self.form.format(*self.values)


class LeftOut(NamedTuple):
  """A row that was not converted, and why."""
  clip: str
  cause: Cause

  @classmethod
  def of(cls, clip: str, reason: Reason, **facts: object) -> 'LeftOut':
    """A row that is left out for a reason; see `errors.Unusable` for its facts."""
    return cls(clip, Unusable(reason, **facts).cause)

  @property
  def in_words(self) -> tuple[str, str]:
    """The clip, and the sentence: what is sorted, hashed and written to disk."""
    return self.clip, str(self.cause)


class Corrected(NamedTuple):
  """What a chosen correction did to a line of a sheet; `str` makes the sentence."""
  correction: str               # its name
  change: str
  reason: str = ''
  dataset: str = ''             # where several are planned together

  def __str__(self) -> str:
    sentence = f'{self.correction}: {self.change}'
    sentence += f' ({self.reason})' if self.reason else ''
    return f'{self.dataset}: {sentence}' if self.dataset else sentence


class Listing(NamedTuple):
  """Everything a sheet holds: what can be used, and what cannot."""
  rows: tuple[Row, ...]
  left_out: tuple[LeftOut, ...]
  sheet: str                # file name; several are joined by ' + '
  sheet_sha256: str         # of several, the hash of their hashes in order
  corrected: tuple['Corrected', ...] = ()   # what the chosen corrections changed
  withdrawn: frozenset[str] = frozenset()   # clips whose apex a correction took away


# What some sheets say of a person, and the header words for it.
GROUPS = {'sex': ('sex', 'gender'), 'age': ('age',),
          'ethnicity': ('ethnicity', 'ethnic', 'ethnicgroup', 'race')}


# Action units as sheets spell them: a loose grammar, read without losing the text.

_OR = re.compile(r'(?<![a-z])or(?![a-z])|(?<![A-Za-z])OR(?![A-Za-z])')
# Sheets that went through a spreadsheet program hold '12.0' for 12.
_POINT_ZERO = re.compile(r'(?<=[0-9])\.0+(?![0-9])')
_BEGIN, _END = r'(?<![^\W_])', r'(?![^\W_])'      # no letter or digit beside it
_DESCRIPTOR = re.compile(rf'{_BEGIN}(?:AD|M)\s*[0-9]{{1,3}}[A-E]?[LRTB]?{_END}',
                         re.IGNORECASE)
_INTENSITIES = rf'[A-E](?:\s*/\s*[A-E]{_END})*'
_UNIT = re.compile(
    rf'{_BEGIN}(?:AU\s*)?(?P<sides>(?:[LRTBA]\s*/\s*)*)(?P<side>[LRTBA]?)'
    r'(?P<number>[0-9]{1,2})'
    rf'(?:(?P<after>{_INTENSITIES})?(?P<last>[LRT]?)|(?P<middle>[LRT])(?P<end>[A-E]))'
    rf'(?:\s*\(\s*(?:(?P<bracket>{_INTENSITIES})|(?P<place>[LRT]))\s*\))?{_END}',
    re.IGNORECASE)
_STATIC = re.compile(
    rf'{_BEGIN}(?:AU\s*)?[LRTBA]?[0-9]{{1,2}}[A-E]?[LRT]?\s*\(\s*k\s*\)', re.IGNORECASE)
_JOINT = re.compile(r'[+,/;&()\[\]{}]|(?<![^\W_])and(?![^\W_])', re.IGNORECASE)
# What stands in a cell where there is no unit, and words that add nothing.
_NOTHING = {'', '?', '0', 'au', 'aus', 'null', 'none', 'nan', 'n', 'a', '-', '.', '\\'}


class Reading(NamedTuple):
  """What is read of a cell of action units."""
  units: tuple[ActionUnit, ...]
  chosen: tuple[tuple[str, ActionUnit], ...]  # alternatives, and which was taken
  others: tuple[str, ...]                     # what is no action unit


def parse_action_units(text: str) -> tuple[ActionUnit, ...]:
  """Returns the action units that `text` names; nothing for `?` or free text.

  Never raises: what cannot be read is left to the raw text.
  """
  return read_action_units(text).units


def read_action_units(text: str) -> Reading:
  """Returns the action units that `text` names, and what else stands there.

  Args:
    text: a cell of a sheet.
  """
  text = unicodedata.normalize('NFKC', text)
  text = _POINT_ZERO.sub('', _OR.sub('/', text))
  units, chosen = {}, {}
  others = [match[0] for match in _DESCRIPTOR.finditer(text)]
  text = _DESCRIPTOR.sub('+', text)
  others += [match[0] for match in _STATIC.finditer(text)]
  text = _STATIC.sub('+', text)
  for match in _UNIT.finditer(text):
    unit = _unit(match)
    if unit.number:
      units[unit] = None
      if '/' in match[0]:
        chosen[match[0], unit] = None
  rest = _JOINT.split(_UNIT.sub('+', text))
  others += [part.strip() for part in rest
             if part.strip().casefold() not in _NOTHING]
  return Reading(tuple(units), tuple(chosen), tuple(dict.fromkeys(others)))


def spell_action_units(units: tuple[ActionUnit, ...]) -> str:
  """Writes units as sheets do: `4+L10+7B`; `parse_action_units` reads it back."""
  return '+'.join(f'{unit.side}{unit.number}{unit.intensity}' for unit in units)


def _unit(match: re.Match) -> ActionUnit:
  side = match['side'] or match['last'] or match['middle'] or match['place'] or ''
  intensity = match['after'] or match['end'] or match['bracket'] or ''
  return ActionUnit(int(match['number']), side.upper(), intensity[:1].upper())


# What a person should know of a row that can be used all the same.


def find_oddities(row: Row, cells: Mapping[str, str], facts: Facts
                  ) -> tuple[Note, ...]:
  """Returns what is odd about a row.

  Args:
    row: complete but for its notes.
    cells: of the sheet, by the names of `facts`.
    facts: the data set.
  """
  oddities = [*_lengths(row, cells), *_events(row, cells, facts),
              *_names(row, facts), *_units(row)]
  end = cells.get('apex_end', '')
  if end not in facts.missing and whole_number(end) is None:
    oddities.append(Note('the end of the apex reads {!r} in the sheet', (end,)))
  if 'fps' in cells and not row.fps:
    oddities.append(Note('the frame rate reads {!r} in the sheet', (cells['fps'],)))
  if row.clip in facts.remarks:
    oddities.append(Note('{}', (facts.remarks[row.clip],)))
  return tuple(oddities)


def _lengths(row: Row, cells: Mapping[str, str]) -> Iterator[Note]:
  duration = whole_number(cells.get('duration', ''))
  length = row.offset - row.onset + 1
  if duration is not None and duration != length:
    yield Note('the sheet gives a duration of {} frames, and onset and offset span {}',
               (duration, length))
  first = whole_number(cells.get('first', ''))
  last = whole_number(cells.get('last', ''))
  if first is not None and last is not None and not (
      first <= row.onset and row.offset <= last):
    yield Note('the recording is said to have frames {} to {}, which do not contain '
               'the clip', (first, last))


_EVENTS = {number: f'the recording holds a {word} event, frames {{}} to {{}}, which is '
           'no clip of its own' for number, word in ((2, 'second'), (3, 'third'))}


def _events(row: Row, cells: Mapping[str, str], facts: Facts) -> Iterator[Note]:
  """Recordings may hold further events, which are no clips of their own."""
  for number, word in ((2, 'second'), (3, 'third')):
    texts = [cells.get(f'{name}_{number}', '') for name in ('onset', 'offset')]
    if all(text in facts.missing for text in texts):
      continue
    onset, offset = map(whole_number, texts)
    if onset is not None and offset is not None and row.onset < onset <= offset:
      yield Note(_EVENTS[number], (onset, offset))
    else:
      yield Note(f'the columns of a {word} event read {{!r}} and {{!r}}, which is none',
                 tuple(texts))


def further_events(row: Row) -> tuple[tuple[int, int], ...]:
  """Onset and offset of the events of a recording behind the first, which is the clip.

  Args:
    row: of the recording.
  """
  return tuple(note.values for note in row.notes if note.form in _EVENTS.values())


def _names(row: Row, facts: Facts) -> Iterator[Note]:
  match = re.fullmatch(facts.owner, row.filename) if facts.owner else None
  word = match.groupdict().get('emotion') if match else None
  named = spellings.spell_emotion(facts.emotions.get(word, word)) if word else ''
  if named and named != row.emotion:
    yield Note('the sheet says {!r}, and the file name says {!r}', (row.emotion, named))


def _units(row: Row) -> Iterator[Note]:
  """What of the action units' cell is not kept as a unit."""
  reading = read_action_units(row.action_units_raw)
  for text, unit in reading.chosen:
    yield Note('of the action units {!r}, {} is read as {}',
               (row.action_units_raw, text, spell_action_units((unit,))))
  if reading.others:
    yield Note('of the action units {!r}, {} is not an action unit',
               (row.action_units_raw, ', '.join(map(repr, reading.others))))


# One line of a sheet becomes a `Row`, or is left out with its reason.

# Names that are a path, or none at all, must not reach the disk.
_NAME = re.compile(r'(?!\.)[^/\\\x00-\x1f\x7f:*?"<>|{}]{1,100}(?<!\.)')


class Line(NamedTuple):
  """A line of a sheet: where it stands, and its cells by the names of `Facts`."""
  sheet: str                # file name
  row: int                  # counted from 1
  where: str                # of the line in a message: 'row 7'
  cells: Mapping[str, str]


def line_key(line: Line, facts: Facts) -> tuple[str, int | None]:
  """Returns a line's clip as subject and file name, and the subject's number on disk.

  Where these cannot be read, ('', None).

  Args:
    line: of the sheet.
    facts: the data set.
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
    first = facts.zero_is_a_frame and whole_number(text) == 0 and (
        name == 'onset' or name == 'apex' and numbers['onset'] == 0)
    numbers[name] = (
        0 if first else None if text in facts.missing else whole_number(text))
  return numbers


def read_line(
    line: Line, facts: Facts, *, clip: str, notes_before: tuple[Note, ...] = (),
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
      raise Unusable(Reason.NO_CLIP, subject=line.cells['subject'],
                     filename=line.cells['filename'])
    return _row(line, facts, clip, notes_before)
  except Unusable as error:
    return LeftOut(clip or line.where, error.cause._replace(where=line.where))


def _row(line: Line, facts: Facts, clip: str, known: tuple[Note, ...]) -> Row:
  cells = line.cells
  subject, number = facts.subject, line_key(line, facts)[1]
  name = _filename(cells['filename'], facts)
  _check_owner(name, number, cells['subject'], facts)
  numbers, remarks = _frames(cells, facts)
  raw = cells.get('action_units', '')
  emotion = spellings.spell_emotion(cells.get('emotion', ''))
  if not _NAME.fullmatch(emotion) and any(
      '{emotion}' in frames.folder for frames in facts.editions):
    raise Unusable(Reason.NO_FOLDER_NAME, emotion=cells['emotion'])
  row = Row(
      clip=clip, subject=subject.format(number), dataset=facts.name,
      emotion=emotion, kind=_kind(cells, facts),
      fps=_fps(cells, facts), action_units_raw=raw,
      action_units=parse_action_units(raw), filename=name,
      folder=(facts.folder or subject).format(number),
      video=_video(name, number, facts),
      objective=spellings.spell_objective(cells.get('objective', '')),
      sheet=line.sheet, row=line.row, **numbers,
      groups=tuple((name, cells[name]) for name in GROUPS if cells.get(name)))
  return row._replace(notes=(*known, *remarks, *find_oddities(row, cells, facts)))


def _subject(text: str, facts: Facts) -> int | None:
  """The number on disk of the subject that a cell names."""
  for form in (facts.subject, facts.folder):
    prefix = form.partition('{')[0]
    if prefix and text.casefold().startswith(prefix.casefold()):
      text = text[len(prefix):]
      break
  number = whole_number(text)
  return facts.subjects.get(number) if facts.subjects else number


def _filename(text: str, facts: Facts) -> str:
  """The clip's name on disk, '' where the cell holds none."""
  name = text.lower() if facts.lower else text
  return name if _NAME.fullmatch(name) else ''


def _check_owner(name: str, number: int, cell: str, facts: Facts) -> None:
  match = re.fullmatch(facts.owner, name) if facts.owner else None
  if match and int(match['subject']) != number:
    raise Unusable(Reason.OTHER_SUBJECT, cell=cell, name=name,
                   subject=match['subject'])


def _frames(
    cells: Mapping[str, str], facts: Facts,
) -> tuple[dict[str, int | None], tuple[Note, ...]]:
  frames, remarks = onset_apex_offset(cells, facts), ()
  for name, number in frames.items():
    text = cells.get(name, '')
    if number is None and text not in facts.missing:
      raise Unusable(Reason.NO_FRAME_NUMBER, column=name, text=text)
  if frames['offset'] is None and frames['apex'] is not None and facts.ends_with_apex:
    frames['offset'] = frames['apex']
    remarks = (Note('the sheet gives no offset: the clip ends with its apex'),)
  for name in ('onset', 'offset'):
    if frames[name] is None:
      raise Unusable(Reason.MISSING_NUMBER, column=name, text=cells[name])
  if disorder := find_disorder(**frames):
    raise Unusable(disorder, **frames)
  return frames, remarks


def _kind(cells: Mapping[str, str], facts: Facts) -> str:
  if facts.kind and 'kind' not in cells:
    return facts.kind
  text = cells['kind'].casefold()
  for kind in ('micro', 'macro'):
    if text.startswith(kind):
      return kind
  raise Unusable(Reason.NO_KIND, text=cells['kind'])


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
  match = re.fullmatch(facts.video, name)
  if not match or (facts.videos and match['video'] not in facts.videos):
    raise Unusable(Reason.NO_KNOWN_VIDEO, name=name)
  video = match['video']
  return f'{number}_{facts.videos[video]}' if facts.videos else video
