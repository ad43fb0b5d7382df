"""Data sets of posed expressions: sequences from neutral to apex, and pairs of stills.

A still picture becomes a clip by a neutral one of the same person, of the same session
or direction of gaze: frame 0 is the neutral picture and frame 1, apex and offset, the
other. What no name tells stands in files beside the frames: a number for the emotion,
a line for each action unit, 68 points for each frame.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
import math
import os
import pathlib
import re
from typing import NamedTuple

import numpy as np

from lightman_jax import bounded
from lightman_jax.data.facts import Facts, Frames
from lightman_jax.data.frames import pictures_by_number
from lightman_jax.data.plan import fingerprint
from lightman_jax.data.rows import LeftOut, Listing, Row, parse_action_units
from lightman_jax.data.sheets import SHEET, once_each, read_folders, walk_clips
from lightman_jax.data.trees import PICTURES, Tree, fold_name, walk_folders
from lightman_jax.data.user_tables import Points
from lightman_jax.errors import Reason, Unreadable

NAMES = 'names of files'
_ENDINGS = PICTURES | {'.gif'}
_MOST = 64 * 1024       # bytes of a file beside the frames
_INTENSITIES = ('', 'A', 'B', 'C', 'D', 'E')    # 0 is one that is not given


class Still(NamedTuple):
  """A picture, as a frame of a clip."""
  path: str

  def __fspath__(self) -> str:
    return self.path


def read_posed(tree: Tree, frames: Frames, facts: Facts) -> Listing:
  """Lists the clips of a data set of posed expressions.

  Every picture, or folder in the place of a clip, that shows an expression ends as a
  row or with its reason.

  Args:
    tree: of the frames.
    frames: its edition.
    facts: the data set.
  """
  read = [*(_stills(tree, facts) if facts.stills else _sequences(tree, frames, facts))]
  read = once_each(read)
  rows = tuple(entry for entry in read if isinstance(entry, Row))
  left_out = {entry.clip: entry for entry in read if isinstance(entry, LeftOut)}
  return Listing(rows, tuple(left_out.values()), NAMES if facts.stills else SHEET,
                 fingerprint(sorted((row.clip, row.emotion, row.action_units_raw,
                                     row.onset, row.offset) for row in rows)))


def reader_of(facts: Facts):
  """What lists the clips of a data set that has no sheet, of (tree, frames, facts).

  Args:
    facts: the data set.
  """
  return read_posed if facts.kind == 'macro' else read_folders


# Pairs of stills.


def still_files(tree: Tree, row: Row) -> dict[int, Still]:
  """The two pictures of a pair: 0 is the neutral one, which may lie beside the tree.

  Raises:
    Unreadable: one of them is a link out of where it should lie.
  """
  paths = [os.path.normpath(tree.root / name) for name in (row.video, row.filename)]
  outside = row.video.startswith('../')
  for path, place in zip(paths, (Tree(tree.root.parent) if outside else tree, tree)):
    place.check(path)
  return dict(enumerate(map(Still, paths)))


def holds_stills(folder: pathlib.Path, frames: Frames, facts: Facts) -> bool:
  """Whether a folder is the root of a tree of stills.

  Args:
    folder: which may be it.
    frames: the edition; its pictures lie in the root, or in folders of a person each,
      by whose names theirs begin.
    facts: the data set.
  """
  if facts.stills.path:
    return any(_matched_place(place / name, folder, facts)
               for place, _, names in walk_folders([folder]) for name in names)
  for place, _, names in walk_folders([folder]):
    depth = len(place.relative_to(folder).parts)
    if depth > bool(frames.folder):
      return False
    start = place.name.casefold() if frames.folder else ''
    if depth == bool(frames.folder) and any(
        name.casefold().startswith(start) and _matched(name, facts) for name in names):
      return True
  return False


def _matched(name: str, facts: Facts) -> re.Match | None:
  stem, ending = os.path.splitext(name)
  known = ending.lower() in _ENDINGS
  return (re.fullmatch(facts.owner, stem if known else name, re.IGNORECASE)
          if known or facts.stills.bare else None)


def _matched_place(path: pathlib.Path, root: pathlib.Path, facts: Facts
                   ) -> re.Match | None:
  """The match of what names a picture: its file, or its place below the root."""
  if not facts.stills.path:
    return _matched(path.name, facts)
  return _matched(path.relative_to(root).as_posix(), facts)


def _onset_frame(tree: Tree, subject: str, facts: Facts) -> str:
  """The first frame of a clip of a person beside the tree, from its root; or ''.

  Of several clips the first by name that has a frame.
  """
  top = tree.root.parent
  for folder in sorted(top.glob(facts.stills.onset_of.format(subject=subject))):
    numbered = pictures_by_number(folder) if folder.is_dir() else {}
    if numbered:
      path = pathlib.Path(numbered[min(numbered)])
      return f'../{path.relative_to(top).as_posix()}'
  return ''


def _stills(tree: Tree, facts: Facts) -> Iterator[Row | LeftOut]:
  pictures = [(place / name, name) for place, _, names in walk_folders([tree.root])
              for name in names if not name.startswith('.')
              and (os.path.splitext(name)[1].lower() in _ENDINGS
                   or _matched_place(place / name, tree.root, facts))]
  shown, neutral, unused = [], defaultdict(list), Counter()
  onsets: dict[str, str] = {}
  for path, name in sorted(pictures):
    place = path.relative_to(tree.root).as_posix()
    match = _matched_place(path, tree.root, facts)
    if match is None:
      yield LeftOut.of(place, Reason.NOT_NAMED, folder=place)
      continue
    word = facts.emotions.get(match['emotion'].casefold())
    fields = {key: value.casefold() for key, value in match.groupdict('').items()}
    other = [key for key, wanted in facts.stills.only.items() if fields[key] != wanted]
    if other or word is None:
      unused[name := other[0] if other else 'emotion', match[name]] += 1
    elif word == facts.stills.neutral:
      neutral[_agreeing(fields, facts)].append((fields, place))
    else:
      shown.append((place, match, fields, word))
  for (name, value), count in sorted(unused.items()):
    yield LeftOut.of(f'{name} {value}', Reason.NOT_USED, count=count, what=name,
                     value=value)
  for place, match, fields, word in shown:
    subject = _subject(match['subject'], facts)
    name = (place.removeprefix(f'{subject}/') if facts.stills.path else
            pathlib.PurePath(place).name)
    clip = f'{subject}/{os.path.splitext(name)[0] if not facts.stills.bare else name}'
    own = neutral[_agreeing(fields, facts)]
    if facts.stills.onset_of and subject not in onsets:
      onsets[subject] = _onset_frame(tree, subject, facts)
    if onset := onsets.get(subject):
      own = [(fields, onset)]
    if not own:
      yield LeftOut.of(clip, Reason.NO_NEUTRAL, subject=subject)
      continue
    # Of several that of the same take, where there is one.
    same = [path for known, path in own if known.get('take') == fields.get('take')]
    groups = tuple((name, facts.stills.people.get(value := fields[name], value))
                   for name in ('sex', 'ethnicity') if fields.get(name))
    yield Row(clip=clip, subject=subject, dataset=facts.name, emotion=word,
              kind=facts.kind, onset=0, apex=1, offset=1, fps=facts.fps,
              filename=place, folder=match['subject'], video=(same or [own[0][1]])[0],
              sheet=NAMES, groups=groups)


def _agreeing(fields: Mapping[str, str], facts: Facts) -> tuple[str, ...]:
  return tuple(fields[name] for name in ('subject', *facts.stills.alike))


def _subject(text: str, facts: Facts) -> str:
  return facts.subject.format(int(text) if text.isdigit() else text.upper())


# Sequences, and the files beside them.


def _sequences(tree: Tree, frames: Frames, facts: Facts) -> Iterator[Row | LeftOut]:
  beside = Beside(tree, facts)
  for place, fields in walk_clips(tree, frames):
    folder, name = fields['folder'], fields['filename']
    number = re.search('[0-9]+$', folder)
    match = re.fullmatch(facts.owner, name, re.IGNORECASE)
    if not number or not match:
      yield LeftOut.of(f'{folder}/{name}', Reason.NOT_NAMED, folder=place)
      continue
    subject = facts.subject.format(int(number[0]))
    own = fields.get('emotion', '')
    clip = f'{subject}/{own}/{name}' if own else f'{subject}/{name}'
    known = facts.emotions.get((own or match.groupdict().get('emotion', '')).casefold())
    if facts.emotions and known is None:
      yield LeftOut.of(clip, Reason.NO_EXPRESSION, folder=place)
      continue
    try:
      tree.check(place)
      numbers = list(pictures_by_number(place))
      if not numbers:
        yield LeftOut.of(clip, Reason.EMPTY, folder=place)
        continue
      emotion = known or beside.emotion(folder, name)
      units = beside.units(folder, name)
    except Unreadable as error:
      yield LeftOut(clip, error.cause)
      continue
    yield Row(clip=clip, subject=subject, dataset=facts.name, emotion=emotion,
              kind=facts.kind, onset=numbers[0],
              apex=numbers[-1] if facts.ends_with_apex else None, offset=numbers[-1],
              fps=facts.fps, action_units_raw=units,
              action_units=parse_action_units(units), filename=name, folder=folder,
              sheet=SHEET)


class Beside:
  """The files beside a tree of sequences: of emotion, action units, landmarks.

  Args:
    tree: of the frames.
    facts: the data set.
  """
  name = 'the files of landmarks'

  def __init__(self, tree: Tree, facts: Facts):
    self._facts = facts
    above = [tree.root.parent, tree.root.parent.parent]
    self._roots = {
        kind: next(filter(None, (_child(top, name) for top in above
                                 for name in names)), None)
        for kind, names in (facts.beside.roots.items() if facts.beside else ())}

  @property
  def has_landmarks(self) -> bool:
    """Whether every frame may have its points here."""
    return self._roots.get('landmarks') is not None

  @property
  def has_emotions(self) -> bool:
    """Whether there is a folder of emotions."""
    return self._roots.get('emotion') is not None

  def emotion(self, folder: str, name: str) -> str:
    """The word of the number in a clip's file; '' where it has none.

    Raises:
      Unreadable: the file holds no such number.
    """
    for path, rows in self._read('emotion', folder, name):
      if len(rows) == 1 and len(rows[0]) == 1:
        word = self._facts.beside.words.get(rows[0][0])
        if word is not None:
          return word
      raise Unreadable(Reason.BESIDE, path=path, what='one number of an emotion')
    return ''

  def units(self, folder: str, name: str) -> str:
    """The action units of a clip as sheets write them, as 4C+7; '' without a file.

    Raises:
      Unreadable: the file holds something else.
    """
    for path, rows in self._read('units', folder, name):
      if any(len(row) != 2 or row[0] % 1 or not 0 < row[0] < 100
             or row[1] not in range(len(_INTENSITIES)) for row in rows):
        raise Unreadable(Reason.BESIDE, path=path,
                         what='numbers of action units and intensities')
      return '+'.join(f'{int(unit)}{_INTENSITIES[int(how)]}' for unit, how in rows)
    return ''

  def of(self, row: Row, files: Mapping[int, os.PathLike]) -> dict[int, Points]:
    """The points of a row's frames, as those of `user_tables.LandmarkTable`.

    Args:
      row: a sequence.
      files: number -> picture.

    Raises:
      Unreadable: those of a frame are not there, or are no 68 points.
    """
    points = {}
    for number, file in files.items():
      stem = pathlib.PurePath(file).stem
      path = (self._roots['landmarks'] / row.folder / row.filename
              / f'{stem}_landmarks.txt')
      rows = _numbers(path)
      if len(rows) != 68 or any(len(row) != 2 for row in rows):
        raise Unreadable(Reason.BESIDE, path=path, what='68 points')
      points[number] = np.array(rows, np.float32)
    return points

  def _read(self, kind: str, folder: str, name: str
            ) -> Iterator[tuple[pathlib.Path, list[list[float]]]]:
    """The one file of a clip, if it has one."""
    root = self._roots.get(kind)
    place = root / folder / name if root else None
    files = sorted(place.glob('*.txt')) if place and place.is_dir() else []
    if len(files) > 1:
      raise Unreadable(Reason.TWO_BESIDE, one=files[0].name, other=files[1].name,
                       folder=place)
    for path in files:
      yield path, _numbers(path)


def _child(top: pathlib.Path, name: str) -> pathlib.Path | None:
  """A folder below another by its name, in whatever case."""
  for part in name.split('/'):
    wanted = fold_name(part)
    try:
      top = next(path for path in sorted(top.iterdir())
                 if path.is_dir() and fold_name(path.name) == wanted)
    except (StopIteration, OSError):
      return None
  return top


def _numbers(path: pathlib.Path) -> list[list[float]]:
  """The numbers of a small file, line by line."""
  try:
    text = bounded.read_bytes(path, _MOST).decode('ascii')
    rows = [[float(word) for word in line.split()] for line in text.splitlines()
            if line.strip()]
  except (OSError, ValueError) as error:
    raise Unreadable(Reason.BESIDE, path=path, what='numbers') from error
  if not all(math.isfinite(number) for row in rows for number in row):
    raise Unreadable(Reason.BESIDE, path=path, what='numbers')
  return rows
