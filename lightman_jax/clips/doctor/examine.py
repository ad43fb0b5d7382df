"""Examines one data set at one place: by the plan that a build would follow.

There is no second reader here. The plan is made for all emotions there are, so that a
clip counts as usable whatever class set a run will choose.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
import os
import pathlib
import re
import shlex

from lightman_jax.annotations.corrections import CORRECTIONS
from lightman_jax.annotations.facts import Expected, Facts
from lightman_jax.annotations.reader import select
from lightman_jax.annotations.tables import TABLES
from lightman_jax.clips import frames as pictures, sources, trees
from lightman_jax.clips.choice import OWN, Choice
from lightman_jax.clips.doctor import cost, reasons
from lightman_jax.clips.doctor.findings import (
    LOSSES, UNUSABLE, USABLE, Change, Count, Examination, Frames, Loss, Sheet)
from lightman_jax.clips.plan import Item, Plan, Unreadable, check_enough
from lightman_jax.errors import InputError

_NAMED = 5     # clips that a remark names


def examine(choice: Choice, *, thorough: bool = False, estimate: bool = True
            ) -> Examination:
  """Says what lies there of a data set, what can be used, and why the rest cannot.

  Args:
    choice: as of a build; `manual_dir` is the place.
    thorough: decode every picture that a build needs, which takes as long as a build;
      else the pictures of a few clips are.
    estimate: read a few clips, to say what a build would take.
  """
  facts = TABLES[choice.name]
  begun = _begin(choice, facts)
  try:
    whole = trees.plan(of_all_emotions(choice))
    plan = trees.plan(choice)
  except InputError as error:
    return begun._replace(why=str(error))
  used = next(frames for frames in begun.frames if frames.used)
  edition = next((sheet.edition for sheet in begun.sheets if sheet.used), '')
  expected = [known for known in facts.expected if known.sheet in ('', edition)]
  taken, broken = cost.read(
      plan.items if thorough else cost.some(plan.items) if estimate else ())
  losses = tuple(sorted(
      Loss(entry.clip, reasons.kind_of(entry.reason), entry.reason,
           reasons.known(entry, facts, used.edition))
      for entry in (*whole.left_out, *broken)))
  unread = {entry.clip for entry in broken}
  items = tuple(item for item in whole.items if item.row.clip not in unread)
  why = _refusal(plan, unread)
  return begun._replace(
      verdict=UNUSABLE if why else LOSSES if losses else USABLE, why=why,
      sheet_sha256=plan.sheet_sha256, class_set=choice.class_set,
      counts=_counts(items, losses, expected), emotions=_emotions(items, expected),
      class_sets=_class_sets(items, facts), losses=losses,
      outside=_outside(whole, plan), remarks=_remarks(plan, items, losses, used, facts),
      corrections=tuple(_corrections(choice, facts, whole)),
      estimate=cost.estimate(choice, plan, taken) if taken else None,
      build=_command(choice))


def _begin(choice: Choice, facts: Facts) -> Examination:
  tops = sources.folders_of(choice.manual, facts)
  sheets = sources.find_sheets(tops, facts)
  roots = sources.find_roots(tops, facts)
  try:
    place = sources.locate(choice)
  except InputError:
    place = None
  return Examination(
      facts.name, facts.title, str(choice.manual), UNUSABLE, '',
      sheets=tuple(
          Sheet(sheet.edition, tuple(path.name for path in paths),
                bool(place) and place.sheets == paths) for paths, sheet in sheets),
      frames=tuple(dict.fromkeys(
          Frames(frames.edition, str(root), bool(place) and place.root == root
                 and place.frames == frames, root.name == root.parent.name)
          for root, frames in roots)))


def of_all_emotions(choice: Choice) -> Choice:
  """The same settings with a class for every emotion, so that none leaves a clip out.

  An emotion that no class set and no publication knows is not among them.
  """
  facts = TABLES[choice.name]
  words = {word for known in facts.class_sets.values() if known.by == 'emotion'
           for word in known.folding}
  words |= {word for known in facts.expected for word in known.emotions}
  if len(words) < 2:
    return choice
  return choice._replace(class_set=OWN, own_classes={word: word for word in words})


def _command(choice: Choice) -> str:
  words = ['python', '-m', 'lightman_jax', 'build', choice.name]
  default = Choice(choice.name)
  for name in ('manual_dir', 'data_dir', 'frames', 'size', 'class_set', 'sheet',
               'edition', 'corrections'):
    value = getattr(choice, name)
    if value != getattr(default, name) and (name, value) != (
        'class_set', next(iter(TABLES[choice.name].class_sets))):
      words.append(f'--{name}={value}')
  return shlex.join(words)


def _refusal(plan: Plan, unread: set[str]) -> str:
  try:
    check_enough(plan, tuple(
        item for item in plan.items if item.row.clip not in unread))
  except InputError as error:
    return str(error)
  return ''


def _counts(items, losses, expected: Sequence[Expected]) -> tuple[Count, ...]:
  rows = [item.row for item in items]
  kinds = {row.kind for row in rows} | {known.kind for known in expected}
  total = sum(known.rows for known in expected) or None
  lines = len(rows) + sum(loss.kind != 'remark' for loss in losses)
  counts = [Count('rows', lines, total),
            Count('clips', len(rows), total)]
  for kind in sorted(kinds, reverse=True):
    known = [held for held in expected if held.kind == kind]
    mine = [row for row in rows if row.kind == kind]
    if len(kinds) > 1:
      counts.append(Count(f'{kind} clips', len(mine), sum(k.rows for k in known) or None))
    counts.append(Count(
        f'subjects of {kind} clips' if len(kinds) > 1 else 'subjects',
        len({row.subject for row in mine}), max((k.subjects for k in known), default=None)))
  here, between = _frames(items)
  return (*counts, Count('frames, onset to offset', here, between))


def _frames(items: tuple[Item, ...]) -> tuple[int, int]:
  """How many frames lie between onsets and offsets, and how many should."""
  return (sum(held for _, held, _ in spans(items)),
          sum(asked for _, _, asked in spans(items)))


def paths(item: Item) -> tuple[str, ...]:
  """The pictures that a clip is made of."""
  return tuple(file if isinstance(file, str) else file[1] for file in item.make.args[0])


def spans(items: Iterable[Item]):
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


def _emotions(items, expected: Sequence[Expected]) -> tuple[Count, ...]:
  counts = []
  kinds = list(dict.fromkeys(item.row.kind for item in items))
  for kind in sorted(kinds, reverse=True):
    here = Counter(item.row.emotion for item in items if item.row.kind == kind)
    known = next((held.emotions for held in expected if held.kind == kind), {})
    tail = f', {kind}' if len(kinds) > 1 else ''
    counts += [Count(f'{word}{tail}', here[word], known.get(word) if known else None)
               for word in sorted({*here, *known}, key=lambda word: -here[word]) if word]
  return tuple(counts)


def _class_sets(items, facts: Facts) -> dict[str, dict[str, int]]:
  found = {}
  rows = tuple(item.row for item in items if item.row.kind == 'micro')
  for name, class_set in facts.class_sets.items():
    counts = Counter(label for _, label in select(rows, class_set)[0])
    found[name] = {word: counts[n] for n, word in enumerate(class_set.classes)}
  return found


def _outside(whole: Plan, plan: Plan) -> tuple[tuple[str, str], ...]:
  """What the class set alone leaves out."""
  return tuple(sorted((entry.clip, entry.reason) for entry in
                      set(plan.left_out) - set(whole.left_out)
                      if entry.clip in {item.row.clip for item in whole.items}))


def _remarks(plan: Plan, items, losses, used: Frames, facts: Facts):
  remarks = [*plan.corrected, *plan.notes, *_notes(items)]
  gaps = [item.row.clip for item, held, asked in spans(items) if held < asked]
  if gaps:
    remarks.append(f'{len(gaps)} clips lack frames between onset and offset, though '
                   f'none that this build needs: {_some(gaps)}')
  spare = _spare(items, losses, used, facts)
  if spare:
    remarks.append(f'{len(spare)} folders of frames belong to no row: {_some(spare)}')
  return tuple(dict.fromkeys(remarks))


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


def _corrections(choice: Choice, facts: Facts, whole: Plan):
  """What each table of corrections for this data set would change here."""
  usable = {item.row.clip for item in whole.items}
  for name, table in CORRECTIONS.items():
    if table.dataset != facts.name:
      continue
    chosen = choice._replace(corrections=','.join(dict.fromkeys(
        (*choice.corrected, name))))
    try:
      other = trees.plan(of_all_emotions(chosen))
    except InputError as error:
      yield Change(name, table.source, table.reason, (str(error),), (), (), False)
      continue
    then = {item.row.clip for item in other.items}
    told = tuple(line.removeprefix(f'{name}: ').removesuffix(f' ({table.reason})')
                 for line in other.corrected if line.startswith(f'{name}: '))
    yield Change(name, table.source, table.reason, told,
                 tuple(sorted(then - usable)), tuple(sorted(usable - then)),
                 name in choice.corrected)
