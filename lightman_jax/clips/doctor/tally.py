"""What is counted of a data set, and what a person should know of it besides."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
import os
import pathlib
import re

from lightman_jax.annotations.entries import place_of
from lightman_jax.annotations.facts import Expected, Facts
from lightman_jax.annotations.reader import select
from lightman_jax.clips import frames as pictures
from lightman_jax.clips import search
from lightman_jax.clips.doctor.findings import Count, Frames
from lightman_jax.clips.plan import Item, Plan
from lightman_jax.clips.unreadable import Unreadable

_NAMED = 5      # clips that a remark names
_NUMBER = re.compile('[0-9]+')
_FIELD = re.compile(r'\{.*?\}\*?')    # of a format string


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
      groups[_NUMBER.sub('N', note)].append((note, item.row.clip))
  return [_together(general, same) for general, same in groups.items()]


def _together(general: str, same: list[tuple[str, str]]) -> str:
  """Notes that differ in numbers alone, with the numbers of each clip."""
  if len({note for note, _ in same}) == 1:
    return f'{same[0][0]}: {_some([clip for _, clip in same])}'
  return f'{general}: ' + _some([
      f'{clip} ({", ".join(_NUMBER.findall(note))})' for note, clip in same])


def _spare(items, losses, used: Frames, facts: Facts) -> list[str]:
  """Folders where clips lie that no row of the sheet speaks of."""
  root = pathlib.Path(used.root)
  taken = {pathlib.Path(os.path.dirname(paths(item)[0])) for item in items}
  # Above a clip's frames there are other clips', not frames of nobody.
  taken |= {above for folder in taken for above in folder.parents}
  patterns = _places(used.edition, facts)
  lost = [place for loss in losses for place in _of_lost(loss.clip, patterns, facts)]
  found = []
  for pattern in patterns:
    for folder in sorted(root.glob(_FIELD.sub('*', pattern))):
      names = [*map(search.fold, folder.relative_to(root).parts)]
      if (folder.is_dir() and folder not in taken and not folder.name.startswith('.')
          and not any(_leads_to(names, place) for place in lost)):
        found.append(str(folder.relative_to(root)))
  return list(dict.fromkeys(found))


def _of_lost(clip: str, patterns: list[str], facts: Facts) -> list[list[str]]:
  """Where a lost row's frames may lie, in folded names; '*' stands for any letters."""
  fields = place_of(clip, facts)
  return [] if fields is None else [
      [search.fold(name) for name in pattern.format(**fields, emotion='*').split('/')]
      for pattern in patterns]


def _leads_to(names: list[str], place: list[str]) -> bool:
  """Whether a folder is a place, or one above it."""
  return len(names) <= len(place) and all(
      name.startswith(held[:-1]) if held.endswith('*') else name == held
      for name, held in zip(names, place))


def _places(edition: str, facts: Facts) -> list[str]:
  """Where clips lie below the root: format strings over the fields of a row."""
  return [pattern for frames in facts.editions if frames.edition == edition
          for pattern in (frames.folder, *frames.otherwise)]


def _some(names: list[str]) -> str:
  rest = len(names) - _NAMED
  return ', '.join(names[:_NAMED]) + (f' and {rest} more' if rest > 0 else '')
