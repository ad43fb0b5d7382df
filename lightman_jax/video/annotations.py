"""What coders write: intervals of a video in ELAN's tiers, its tables, or a csv.

A coding is read from an .eaf file of ELAN, from the tab-delimited text that ELAN
exports (a row an annotation: tier, begin, end, value), or from a csv or workbook whose
columns are onset and offset in frames or seconds: a manifest and `expressions.csv` of
`predict` are such. In ELAN one tier holds the intervals of a person. Its values may say
all, with semicolons between, as `micro; happiness; 6+12`; emotion, action units and
apex may as well stand on tiers of their own, as this program writes them.
"""

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
import math
import os
import pathlib
import re
from typing import NamedTuple
import urllib.parse

from lightman_jax import bounded, places
from lightman_jax.data import workbooks
from lightman_jax.data.rows import parse_action_units
from lightman_jax.data.spellings import is_missing, spell_emotion
from lightman_jax.errors import InputError
from lightman_jax.video.motion import REGIONS
from lightman_jax.video.signals import SpottingSettings

KINDS = ('micro', 'macro')
_MOST_BYTES = 50_000_000
# How the names of tiers begin, in lower case, by what stands on them.
TIERS = {
    'expressions': ('expression', 'micro', 'macro'), 'emotion': ('emotion', 'class',
                                                                 'label'),
    'units': ('unit', 'au', 'action unit', 'facs'), 'apex': ('apex', 'peak')}
_UNITS = re.compile(r'(?:au\s*)?[lrtba]?[0-9]{1,2}[a-e]?[lr]?'
                    r'(?:\s*[+,/]\s*(?:au\s*)?[lrtba]?[0-9]{1,2}[a-e]?[lr]?)*', re.I)
_COLUMNS = {
    'subject': ('subject', 'person', 'participant'), 'video': ('video', 'path'),
    'onset': ('onset', 'onset_frame'), 'apex': ('apex', 'apex_frame'),
    'offset': ('offset', 'offset_frame'), 'onset_s': ('onset_s',),
    'apex_s': ('apex_s',), 'offset_s': ('offset_s',), 'fps': ('fps',),
    'label': ('label', 'emotion'), 'set': ('set',), 'kind': ('kind', 'type'),
    'units': ('action_units', 'units', 'au')}
_ELAN = {
    'tier': ('tier',), 'begin': ('begin time - msec', 'begin time msec'),
    'end': ('end time - msec', 'end time msec'),
    'begin_s': ('begin time - ss.msec', 'begin time'),
    'end_s': ('end time - ss.msec', 'end time'),
    'value': ('annotation', 'value', 'annotation value')}


class Coded(NamedTuple):
  """One interval as it was coded.

  Attributes:
    subject: who is seen; '' where that is not said.
    video: path or name of the video; '' where that is not said.
    onset_s, offset_s: seconds from the start of the video.
    apex_s: likewise; None where none is coded.
    kind: 'micro', 'macro', or ''.
    label: of the emotion; '' where none is named, or several are.
    units: action units as they are written.
    frames: onset, apex (or None) and offset, where these were coded, and not times.
  """
  subject: str
  video: str
  onset_s: float
  apex_s: float | None
  offset_s: float
  kind: str = ''
  label: str = ''
  units: str = ''
  frames: tuple[int, int | None, int] | None = None

  @property
  def unit_numbers(self) -> frozenset[int]:
    """The action units without sides and intensities."""
    return frozenset(unit.number for unit in parse_action_units(self.units))

  @property
  def known_kind(self) -> str:
    """What is coded, or what half a second divides (Yan et al. 2013)."""
    return self.kind or KINDS[self.offset_s - self.onset_s
                              > SpottingSettings.longest_micro + 1e-9]


class Annotation(NamedTuple):
  """What stands on a tier: times in seconds."""
  tier: str
  onset_s: float
  offset_s: float
  value: str
  participant: str = ''


def read_coding(path: str | os.PathLike, *, tier: str = '', fps: float | None = None
                ) -> list[Coded]:
  """The intervals of a coding, in the order of time.

  Args:
    path: of an .eaf, .tsv, .txt, .csv or workbook.
    tier: that holds the intervals; '' = those whose name begins with expression, micro
      or macro.
    fps: frames a second, of a table that counts frames and has no such column.

  Raises:
    InputError: it cannot be read, has no such tier or column, or an interval has no
      times in order; names the row.
  """
  path = places.expand(path)
  if not path.is_file():
    raise InputError(f'{path} is not there; name a coding of ELAN (.eaf, .tsv) or a '
                     'table with onset and offset')
  ending = path.suffix.lower()
  if ending == '.eaf':
    annotations, video = _eaf(path)
    rows = _of_tiers(path, annotations, video, tier)
  else:
    cells = workbooks.read_cells(path, columns=[*_ELAN.values(), *_COLUMNS.values()])
    annotations = _elan_table(path, cells)
    rows = (_of_tiers(path, annotations, '', tier) if annotations else
            _of_table(path, cells, fps))
  return sorted(rows, key=lambda row: (row.video, row.onset_s, row.offset_s))


# ELAN's files.


def _eaf(path: pathlib.Path) -> tuple[list[Annotation], str]:
  """All annotations that have times, and the video."""
  try:
    import pympi
  except ImportError:
    raise InputError('ELAN files are read by pympi-ling, which is missing: install it '
                     "by pip install 'lightman_jax[video]', or export the tiers as "
                     'tab-delimited text') from None
  try:
    bounded.read_bytes(path, _MOST_BYTES)
    document = pympi.Elan.Eaf(str(path), suppress_version_warning=True)
    annotations = []
    for name, (_, _, attributes, _) in document.tiers.items():
      for begin, end, value, *_ in document.get_annotation_data_for_tier(name):
        annotations.append(Annotation(
            name, begin / 1000., end / 1000., value or '',
            attributes.get('PARTICIPANT', '')))
  except Exception as error:    # whatever a damaged file makes the library raise
    why = f'it lacks {error}' if isinstance(error, KeyError) else str(error)
    raise InputError(f'{path} cannot be read as a file of ELAN ({why or "damaged"}); '
                     'open it in ELAN and save it again') from error
  return annotations, media_path(path, document.media_descriptors)


def media_path(path: pathlib.Path, descriptors: Iterable[Mapping[str, str]]) -> str:
  """Path of the video that a file of ELAN names, or of one of that name beside it.

  Args:
    path: of the file.
    descriptors: attributes of its media, those of sound among them.

  Returns:
    The first place where there is one; without any the first that is named; '' where
    none is.
  """
  urls = [url for one in descriptors if not one.get('MIME_TYPE', '').startswith('audio')
          for name in ('RELATIVE_MEDIA_URL', 'MEDIA_URL') if (url := one.get(name, ''))]
  # ELAN spells a blank as it is, other programs as %20.
  names = [re.sub('^file:/+', '/', spelt).removeprefix('./')
           for url in urls for spelt in (url, urllib.parse.unquote(url))]
  # On Windows a path begins with its drive.
  names = [re.sub('^/(?=[A-Za-z]:)', '', name) for name in names]
  places = [path.parent / name for name in names]
  places += [path.parent / pathlib.PureWindowsPath(name).name for name in names]
  return str(next((place for place in places if place.is_file()),
                  places[0] if places else ''))


def _elan_table(path: pathlib.Path, cells: list[list[str]]) -> list[Annotation]:
  """The rows of an export of ELAN; [] where it is none."""
  for begin, end, unit in (('begin', 'end', 1000.), ('begin_s', 'end_s', 1.)):
    columns = {name: _ELAN[name] for name in ('tier', begin, end, 'value')}
    if not workbooks.has_header(cells, columns):
      continue
    rows = workbooks.find_table(
        cells, columns | {'participant': ('participant',)}, optional=('participant',),
        where=str(path))
    return [Annotation(
        row.cells['tier'],
        *(_seconds(f'{path} row {row.row}', row.cells[name]) / unit
          for name in (begin, end)), row.cells['value'], row.cells['participant'])
            for row in rows]
  return []


def _seconds(where: str, text: str) -> float:
  try:
    value = float(text)
  except ValueError:
    value = math.nan
  if not math.isfinite(value):
    raise InputError(f'{where}: {text!r} is no time; export the times of ELAN as msec '
                     'or ss.msec')
  return value


def _of_tiers(path: pathlib.Path, annotations: Sequence[Annotation], video: str,
              tier: str) -> list[Coded]:
  """Each interval with what stands on the other tiers of its person within it."""
  names = list(dict.fromkeys(one.tier for one in annotations))
  if tier and tier not in names:
    raise InputError(f'{path} has no tier {tier!r} with annotations; it has '
                     f'{", ".join(map(repr, names)) or "none"}')
  main = [tier] if tier else [name for name in names
                              if _begins(name, TIERS['expressions'])]
  if not main:
    raise InputError(f'{path}: none of its tiers is known to hold intervals of '
                     f'expressions; name one of {", ".join(map(repr, names))} with '
                     '--tier')
  rows = []
  for name in main:
    beside = {what: [one for one in annotations if _begins(one.tier, words)
                     and one.tier not in main
                     and (len(main) == 1 or _rest(one.tier) == _rest(name))]
              for what, words in TIERS.items() if what != 'expressions'}
    for one in (one for one in annotations if one.tier == name):
      if not one.onset_s < one.offset_s:
        raise InputError(f'{path}: an annotation of tier {name!r} begins at '
                         f'{one.onset_s:g} s and ends at {one.offset_s:g} s')
      rows.append(_with_beside(one, beside, video))
  return rows


def _with_beside(one: Annotation, beside: dict[str, list[Annotation]], video: str
                 ) -> Coded:
  kind, label, units = read_value(one.value)
  if not kind and _begins(one.tier, KINDS):
    kind = next(word for word in KINDS if _begins(one.tier, (word,)))
  words = {what: [other for other in others if one.onset_s - 1e-6 <= (
      other.onset_s if what == 'apex' else (other.onset_s + other.offset_s) / 2)
                  <= one.offset_s + 1e-6] for what, others in beside.items()}
  # What an interval says itself goes before what stands on other tiers.
  for other in words['emotion'][:1]:
    label = label or read_value(other.value)[1]
  for other in words['units'][:1]:
    units = units or other.value.strip()
  apex = next((other.onset_s for other in words['apex']), None)
  return Coded(one.participant, video, one.onset_s, apex, one.offset_s, kind, label,
               units)


def _begins(name: str, words: Iterable[str]) -> bool:
  """Whether a tier's name begins with one of some words, in the singular or plural."""
  return any(re.match(rf'{re.escape(word)}(?:e?s)?(?![a-z])', name.strip().lower())
             for word in words)


def _rest(name: str) -> str:
  """Whose tier it is: its name without the first word."""
  words = re.sub('^action units?', 'units', name.strip(), flags=re.I).split()
  return ' '.join(words[1:])


def read_value(text: str) -> tuple[str, str, str]:
  """Kind, emotion and action units of an annotation, each '' where it is not there.

  Args:
    text: with semicolons between the parts, in any order: 'micro; happiness; 6+12', or
      as `predict` writes it, 'micro left brow happiness'. A set of several classes,
      with | between, names none.
  """
  kind = label = units = ''
  for part in map(str.strip, text.split(';')):
    if _UNITS.fullmatch(part):
      units = part
      continue
    words = part.casefold()
    for name in KINDS:
      if re.match(rf'{name}(?![a-z])', words):
        kind, words = name, re.sub(rf'^{name}(?:-?expression)?', '', words).strip(' -')
    for region in REGIONS:
      words = words.removeprefix(region).strip()
    if words and '|' not in words:
      label = spell_emotion(words)
  return kind, label, units


# Tables.


def _of_table(path: pathlib.Path, cells: list[list[str]], fps: float | None
              ) -> list[Coded]:
  """The rows of a table with onset and offset, in seconds or in frames."""
  seconds = workbooks.has_header(cells, {name: _COLUMNS[name]
                                         for name in ('onset_s', 'offset_s')})
  needed = ('onset_s', 'offset_s') if seconds else ('onset', 'offset')
  columns = {name: next(((word,) for word in words if workbooks.has_header(
      cells, {name: (word,)})), words) for name, words in _COLUMNS.items()}
  rows = []
  for record in workbooks.find_table(
      cells, columns, optional=tuple(name for name in columns if name not in needed),
      where=str(path)):
    where, row = f'{path} row {record.row}', record.cells
    rate = _rate(where, row['fps'], fps)
    frames = None
    if not seconds:
      frames = _frames(where, row)
      if rate is None:
        raise InputError(f'{where}: it counts frames; add a column fps, or give --fps')
      times = [None if number is None else number / rate for number in frames]
    else:
      times = [None if is_missing(row[name]) else _seconds(where, row[name])
               for name in ('onset_s', 'apex_s', 'offset_s')]
    onset, apex, offset = times
    if onset is None or offset is None or not onset < offset or not (
        apex is None or onset <= apex <= offset):
      raise InputError(f'{where}: onset, apex and offset are not in order')
    label = row['label'] if not is_missing(row['label']) else row['set']
    rows.append(Coded(
        row['subject'], str(path.parent / row['video']) if row['video'] else '', onset,
        apex, offset, _kind(where, row['kind']),
        '' if is_missing(label) or '|' in label else spell_emotion(label), row['units'],
        frames))
  return rows


def _frames(where: str, row) -> tuple[int, int | None, int]:
  numbers = []
  for name in ('onset', 'apex', 'offset'):
    text = row[name].strip()
    if name == 'apex' and is_missing(text):
      numbers.append(None)
    elif not re.fullmatch(r'[0-9]{1,9}(?:\.0+)?', text):
      raise InputError(f'{where}: {name} is {text!r}, and must be the number of a '
                       'frame, counted from 0')
    else:
      numbers.append(int(float(text)))
  return tuple(numbers)


def _rate(where: str, text: str, fps: float | None) -> float | None:
  if is_missing(text):
    return fps
  value = _seconds(where, text)
  if value <= 0:
    raise InputError(f'{where}: fps is {text!r}, and must be a number above 0')
  return value


def _kind(where: str, text: str) -> str:
  if is_missing(text):
    return ''
  for kind in KINDS:
    if text.casefold().startswith(kind):
      return kind
  raise InputError(f'{where}: kind is {text!r}, and must be micro or macro')


# Times become frames, and a manifest.

MANIFEST = ('clip', 'subject', 'label', 'path', 'onset', 'apex', 'offset', 'fps',
            'kind', 'action_units', 'dataset')


def manifest_rows(rows: Sequence[Coded], out: pathlib.Path, *, subject: str, video: str,
                  fps: float | None, dataset: str,
                  times_of: Callable[[str, float | None],
                                     tuple[Sequence[float], float, int | None]]
                  ) -> list[tuple]:
  """Rows of a manifest: frames of a video count from 0, of a folder by their names.

  Args:
    rows: of a coding.
    out: of the manifest, from whose folder paths start.
    subject: who is seen, where the coding does not say.
    video: path of the video, where the coding does not say, or another.
    fps: frames a second, where the video's own time stamps do not count.
    dataset: name of the data set; '' for none.
    times_of: the times of a video's frames, its rate, and of a folder the number in the
      name of its first.

  Raises:
    InputError: nobody is named, or the video is missing.
  """
  made, known = [], {}
  for row in rows:
    place, who = video or row.video, subject or row.subject
    if not who:
      raise InputError('the coding does not say who is seen: give --subject=NAME')
    if not place:
      raise InputError('the coding does not say which video it is of: give '
                       '--video=PATH')
    if place not in known:
      known[place] = times_of(place, fps)
    times, rate, first = known[place]
    # Frames that were coded stay what they are.
    numbers = row.frames or tuple(
        None if second is None else _number_at(times, rate, first, second)
        for second in (row.onset_s, row.apex_s, row.offset_s))
    onset, apex, offset = numbers
    _check_inside(row, place, times, rate, last=_number_at(times, rate, first,
                                                           times[-1]))
    path = os.path.relpath(place, out.parent)
    made.append((
        f'{who}/{pathlib.Path(place).stem}_{onset}', who, row.label,
        pathlib.Path(path).as_posix(), onset, '' if apex is None else apex, offset,
        f'{rate:.6g}', row.known_kind, row.units, dataset))
  return made


def _check_inside(row: Coded, place: str, times: Sequence[float], rate: float,
                  last: int) -> None:
  """Refuses an interval that is not within its video, or was counted at another rate.

  An end may lie a frame behind the last one: that is where a video ends.
  """
  if row.frames:
    first, _, end = row.frames
    if end > last:
      raise InputError(f'the last frame of {place} is {last}, and an interval is of '
                       f'the frames {first} to {end}')
    # Of frames that are counted at another rate, as those of a converted copy.
    if abs((counted := end / row.offset_s) - rate) > .02 * rate:
      raise InputError(
          f'the interval of frames {first} to {end} is counted at {counted:.6g} frames '
          f'a second, and {place} has {rate:.6g}; give the video that was coded, or '
          'the times in seconds (onset_s, offset_s)')
    return
  if row.onset_s < times[0] - 1 / rate or row.offset_s > times[-1] + 2 / rate:
    raise InputError(
        f'an interval lasts from {row.onset_s:g} to {row.offset_s:g} s, and {place} '
        f'from {times[0]:g} to {times[-1] + 1 / rate:.6g} s; is it of another video?')


def _number_at(times: Sequence[float], rate: float, first: int | None, second: float
               ) -> int:
  """The number of the frame whose time is nearest."""
  at = bisect.bisect_left(times, second)
  near = [k for k in (at - 1, at) if 0 <= k < len(times)]
  index = min(near, key=lambda k: abs(times[k] - second))
  return index if first is None else first + round(times[index] * rate)
