"""What is counted of a data set, and what a person should know of it besides."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
import os
import pathlib
import re

from lightman_jax.annotations.facts import Expected, Facts
from lightman_jax.annotations.reader import select
from lightman_jax.clips import frames as pictures
from lightman_jax.clips.doctor.findings import Count, Frames
from lightman_jax.clips.plan import Item, Plan
from lightman_jax.clips.unreadable import Unreadable

_NAMED = 5      # clips that a remark names


def paths(item: Item) -> tuple[str, ...]:
  """The pictures that a clip is made of."""
  return tuple(file if isinstance(file, str) else file[1] for file in item.make.args[0])


def counts(items: tuple[Item, ...], losses, expected: Sequence[Expected]
           ) -> tuple[Count, ...]:
  """Rows, clips, subjects and frames.

  Rows that name no clip are not counted: sheets hold remarks.
  """
  rows = [item.row for item in items]
  kinds = {row.kind for row in rows} | {known.kind for known in expected}
  total = sum(known.rows for known in expected) or None
  lines = len(rows) + sum(loss.kind != 'remark' for loss in losses)
  found = [Count('rows', lines, total),
            Count('clips', len(rows), total)]
  for kind in sorted(kinds, reverse=True):
    known = [held for held in expected if held.kind == kind]
    mine = [row for row in rows if row.kind == kind]
    if len(kinds) > 1:
      found.append(Count(f'{kind} clips', len(mine),
                         sum(held.rows for held in known) or None))
    found.append(Count(
        f'subjects of {kind} clips' if len(kinds) > 1 else 'subjects',
        len({row.subject for row in mine}),
        max((held.subjects for held in known), default=None)))
  here, between = _between(items)
  return (*found, Count('frames, onset to offset', here, between))


def emotions(items: tuple[Item, ...], expected: Sequence[Expected]
             ) -> tuple[Count, ...]:
  """Clips that can be used, by kind and emotion."""
  found = []
  kinds = list(dict.fromkeys(item.row.kind for item in items))
  for kind in sorted(kinds, reverse=True):
    here = Counter(item.row.emotion for item in items if item.row.kind == kind)
    known = next((held.emotions for held in expected if held.kind == kind), {})
    tail = f', {kind}' if len(kinds) > 1 else ''
    words = sorted({*here, *known} - {''}, key=lambda word: -here[word])
    found += [Count(f'{word}{tail}', here[word], known.get(word) if known else None)
              for word in words]
  return tuple(found)


def class_sets(items: tuple[Item, ...], facts: Facts) -> dict[str, dict[str, int]]:
  """How many micro clips each class set would have, class by class."""
  found = {}
  rows = tuple(item.row for item in items if item.row.kind == 'micro')
  for name, class_set in facts.class_sets.items():
    labels = Counter(label for _, label in select(rows, class_set)[0])
    found[name] = {word: labels[n] for n, word in enumerate(class_set.classes)}
  return found


def remarks(plan: Plan, items: tuple[Item, ...], losses, used: Frames, facts: Facts
            ) -> tuple[str, ...]:
  """What does not keep a clip from being used."""
  found = [*plan.corrected, *plan.notes, *_notes(items)]
  gaps = [item.row.clip for item, held, asked in _spans(items) if held < asked]
  if gaps:
    found.append(f'{len(gaps)} clips lack frames between onset and offset, though '
                   f'none that this build needs: {_some(gaps)}')
  spare = _spare(items, losses, used, facts)
  if spare:
    found.append(f'{len(spare)} folders of frames belong to no row: {_some(spare)}')
  return tuple(dict.fromkeys(found))


def _between(items: tuple[Item, ...]) -> tuple[int, int]:
  """How many frames lie between onsets and offsets, and how many should."""
  return (sum(held for _, held, _ in _spans(items)),
          sum(asked for _, _, asked in _spans(items)))


def _spans(items: Iterable[Item]):
  """Yields each clip with its frames that are there, and how many there should be."""
  held: dict[str, Mapping[int, os.DirEntry]] = {}
  for item in items:
    folder = os.path.dirname(paths(item)[0])
    if folder not in held:
      try:
        held[folder] = pictures.numbered(folder)
      except Unreadable:
        held[folder] = {}
    row = item.row
    yield item, sum(row.onset <= n <= row.offset for n in held[folder]), (
        row.offset - row.onset + 1)


def _notes(items) -> list[str]:
  """What the reader noted of rows, like notes in one line."""
  groups = defaultdict(list)
  for item in items:
    for note in item.row.notes:
      groups[re.sub('[0-9]+', '#', note)].append((note, item.row.clip))
  return [f'{same[0][0]}: {_some([clip for _, clip in same])}'
          for same in groups.values()]


def _spare(items, losses, used: Frames, facts: Facts) -> list[str]:
  """Folders where clips lie that no row of the sheet speaks of."""
  root = pathlib.Path(used.root)
  taken = {os.path.dirname(paths(item)[0]) for item in items}
  lost = ' '.join(f'{loss.clip} {loss.reason}' for loss in losses)
  found = []
  for pattern in _places(used.edition, facts):
    for folder in sorted(root.glob(pattern)):
      if (folder.is_dir() and str(folder) not in taken and folder.name not in lost
          and not folder.name.startswith('.')):
        found.append(str(folder.relative_to(root)))
  return found


def _places(edition: str, facts: Facts) -> Iterable[str]:
  """Patterns of where clips lie below the root."""
  for frames in facts.editions:
    if frames.edition == edition:
      for pattern in (frames.folder, *frames.otherwise):
        yield re.sub(r'\{.*?\}\*?', '*', pattern)


def _some(names: list[str]) -> str:
  rest = len(names) - _NAMED
  return ', '.join(names[:_NAMED]) + (f' and {rest} more' if rest > 0 else '')
