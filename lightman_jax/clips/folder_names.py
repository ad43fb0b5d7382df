"""Rows of a data set that has no sheet: class, subject and clip are names of folders.

So it is with the short clips of SMIC: s1/micro/negative/s1_ne_01. A clip's own name
tells its subject and class once more; a clip whose name and place disagree is left out.
"""

from collections import Counter
import pathlib
import re
import string

from lightman_jax.annotations.facts import Facts, Frames
from lightman_jax.annotations.rows import LeftOut, Listing, Row
from lightman_jax.clips.frames import numbered
from lightman_jax.clips.plan import fingerprint
from lightman_jax.clips.search import Tree
from lightman_jax.clips.unreadable import Unreadable

SHEET = 'names of folders'


def read_folders(tree: Tree, frames: Frames, facts: Facts) -> Listing:
  """Lists the clips of a tree; onset and offset are their first and last frame.

  Every folder in the place of a clip ends as a row or with its reason. There is no
  apex.
  """
  read = [_row(tree, place, fields, facts) for place, fields
          in _walk(tree, tree.root, frames.folder.split('/'), {})]
  times = Counter(entry.clip for entry in read)
  read = [entry if times[entry.clip] == 1 else
          LeftOut(entry.clip, f'stands in the tree {times[entry.clip]} times')
          for entry in read]
  rows = tuple(entry for entry in read if isinstance(entry, Row))
  return Listing(
      rows, tuple(entry for entry in read if isinstance(entry, LeftOut)), SHEET,
      fingerprint(sorted((row.clip, row.emotion, row.onset, row.offset)
                         for row in rows)))


def _walk(tree: Tree, place: pathlib.Path, names: list[str], fields: dict[str, str]):
  if not names:
    yield place, fields
    return
  ((literal, field, _, _),) = string.Formatter().parse(names[0])
  held = sorted(name for same in tree.children(place).values() for name in same)
  if place.name in held:             # unzipping nested it
    yield from _walk(tree, place / place.name, names, fields)
  for name in held:
    if name != place.name and (field or name.casefold() == literal.casefold()):
      yield from _walk(tree, place / name, names[1:],
                       {**fields, field: name} if field else fields)


def _row(tree: Tree, place: pathlib.Path, fields: dict[str, str], facts: Facts
         ) -> Row | LeftOut:
  folder, name, emotion = (fields[word] for word in ('folder', 'filename', 'emotion'))
  told = re.fullmatch(facts.owner, name, re.IGNORECASE)
  number = re.search('[0-9]+$', folder)
  if not told or not number:
    return LeftOut(f'{folder}/{name}', f'{place} is not named as a clip: not a clip')
  subject = facts.subject.format(int(told['subject']))
  clip, label = f'{subject}/{name}', facts.emotions[told['emotion'].casefold()]
  if int(told['subject']) != int(number[0]):
    return LeftOut(clip, f'it lies in {place.relative_to(tree.root)}, among the clips '
                   f'of {folder}: misfiled, or misnamed')
  if label != emotion.casefold():
    return LeftOut(clip, f'it lies in {place.relative_to(tree.root)}, and its name '
                   f'says {label}: misfiled, or misnamed')
  try:
    tree.check(place)
    held = list(numbered(place))
  except Unreadable as error:
    return LeftOut(clip, str(error))
  if not held:
    return LeftOut(clip, f'{place} holds no numbered picture')
  return Row(clip=clip, subject=subject, dataset=facts.name, emotion=label,
             kind=facts.kind, onset=held[0], apex=None, offset=held[-1],
             fps=facts.fps, filename=name, folder=folder, sheet=SHEET)
