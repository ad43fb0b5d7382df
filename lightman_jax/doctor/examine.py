"""Examines one data set at one place: by the plan that a build would follow.

There is no second reader here. The plan is made for all emotions there are, so that a
clip counts as usable whatever class set a run will choose.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
import os
import pathlib
import re
import shlex

from lightman_jax import registry
from lightman_jax.data import frames as pictures, planning, sources, trees
from lightman_jax.data.choice import OWN, Choice
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import COMPOSITES, Expected, Facts
from lightman_jax.data.plan import Item, Plan, check_enough
from lightman_jax.data.recognition import SheetFiles, find_sheets
from lightman_jax.data.rows import Note, place_of
from lightman_jax.data.sheets import CORRECTIONS, select_rows
from lightman_jax.doctor import findings
from lightman_jax.doctor.findings import (
  LOSSES,
  UNUSABLE,
  USABLE,
  Change,
  Composite,
  Count,
  Examination,
  Frames,
  Loss,
  Sheet,
  too_few_people,
)
from lightman_jax.doctor.reading import (
  describe_still,
  estimate_build,
  read_items,
  sample_items,
)
from lightman_jax.errors import InputError, Unreadable
from lightman_jax.units import counted

# What is counted of a data set, and what a person should know of it besides.

_NAMED = 5      # clips that a remark names
_FIELD = re.compile(r'\{.*?\}\*?')    # of a format string


def picture_paths(item: Item) -> tuple[str, ...]:
  """The pictures that a clip is made of."""
  return tuple(file if isinstance(file, str) else file[1] for file in item.make.args[0])


def count_clips(items: tuple[Item, ...], losses, expected: Sequence[Expected]
                ) -> tuple[Count, ...]:
  """Rows, clips, subjects and frames.

  Rows that name no clip are not counted: sheets hold remarks.

  Args:
    items: the clips that can be used.
    losses: the rows that give no clip.
    expected: what a complete copy holds, as published.
  """
  rows = [item.row for item in items]
  kinds = {row.kind for row in rows} | {entry.kind for entry in expected}
  total = sum(entry.rows for entry in expected) or None
  lines = len(rows) + sum(loss.kind != 'remark' for loss in losses)
  counts = [Count('rows', lines, total),
            Count('clips', len(rows), total)]
  for kind in sorted(kinds, reverse=True):
    published = [entry for entry in expected if entry.kind == kind]
    rows_of_kind = [row for row in rows if row.kind == kind]
    if len(kinds) > 1:
      counts.append(Count(f'{kind} clips', len(rows_of_kind),
                          sum(entry.rows for entry in published) or None))
    counts.append(Count(
        f'subjects of {kind} clips' if len(kinds) > 1 else 'subjects',
        len({row.subject for row in rows_of_kind}),
        max((entry.subjects for entry in published), default=None)))
  here, between = _frame_counts(items)
  return (*counts, Count('frames, onset to offset', here, between))


def count_emotions(items: tuple[Item, ...], expected: Sequence[Expected]
                   ) -> tuple[Count, ...]:
  """Clips that can be used, by kind and emotion.

  Args:
    items: the clips that can be used.
    expected: what a complete copy holds, as published.
  """
  counts = []
  kinds = list(dict.fromkeys(item.row.kind for item in items))
  for kind in sorted(kinds, reverse=True):
    here = Counter(item.row.emotion for item in items if item.row.kind == kind)
    published = next((entry.emotions for entry in expected if entry.kind == kind), {})
    tail = f', {kind}' if len(kinds) > 1 else ''
    words = sorted({*here, *published} - {''}, key=lambda word: -here[word])
    counts += [Count(f'{word}{tail}', here[word],
                     published.get(word) if published else None) for word in words]
  return tuple(counts)


def count_classes(items: tuple[Item, ...], facts: Facts) -> dict[str, dict[str, int]]:
  """How many micro clips (or clips, where none is micro) each class set would have.

  Args:
    items: the clips that can be used.
    facts: the data set, with its class sets.

  Returns:
    Class set -> class -> clips.
  """
  counts = {}
  rows = tuple(item.row for item in items if item.row.kind == 'micro') or tuple(
      item.row for item in items)
  for name, class_set in facts.class_sets.items():
    labels = Counter(label for _, label in select_rows(rows, class_set)[0])
    counts[name] = {word: labels[n] for n, word in enumerate(class_set.classes)}
  return counts


def collect_remarks(plan: Plan, items: tuple[Item, ...], losses, used: Frames,
                    facts: Facts) -> tuple[str, ...]:
  """What does not keep a clip from being used.

  Args:
    plan: of the build.
    items: the clips that can be used.
    losses: the rows that give no clip.
    used: the tree of frames that a build takes.
    facts: the data set.

  Returns:
    A sentence each, none of them twice.
  """
  lines = [*map(str, plan.corrected), *plan.notes, *_describe_notes(items)]
  gaps = [item.row.clip for item, present, expected in _frames_of_clips(items)
          if present < expected]
  if gaps:
    lines.append(f'{counted(len(gaps), "clip", "lacks", "lack")} frames between onset '
                 f'and offset, though none that this build needs: {_first_few(gaps)}')
  spare = _unused_folders(items, losses, used, facts)
  if spare:
    lines.append(
        f'{counted(len(spare), "frame folder", "belongs", "belong")} to no row: '
        f'{_first_few(spare)}')
  return tuple(dict.fromkeys(lines))


def _frame_counts(items: tuple[Item, ...]) -> tuple[int, int]:
  """How many frames lie between onsets and offsets, and how many should."""
  return (sum(present for _, present, _ in _frames_of_clips(items)),
          sum(expected for _, _, expected in _frames_of_clips(items)))


def _frames_of_clips(items: Iterable[Item]):
  """Yields each clip with its frames that are there, and how many there should be."""
  frames_by_folder: dict[str, Mapping[int, os.DirEntry]] = {}
  for item in items:
    facts = TABLES.get(item.row.dataset)
    if facts and facts.stills:
      yield item, 2, 2
      continue
    folder = os.path.dirname(picture_paths(item)[0])
    if folder not in frames_by_folder:
      try:
        frames_by_folder[folder] = pictures.pictures_by_number(folder)
      except Unreadable:
        frames_by_folder[folder] = {}
    row = item.row
    yield item, sum(row.onset <= n <= row.offset for n in frames_by_folder[folder]), (
        row.offset - row.onset + 1)


def _describe_notes(items) -> list[str]:
  """What the reader noted of rows, like notes in one line."""
  groups = defaultdict(list)
  for item in items:
    for note in item.row.notes:
      groups[_without_numbers(note)].append((note, item.row.clip))
  return [_join_notes(general, notes) for general, notes in groups.items()]


def _without_numbers(note: Note) -> Note:
  return note._replace(values=tuple('N' if isinstance(value, int) else value
                                    for value in note.values))


def _join_notes(general: Note, notes: list[tuple[Note, str]]) -> str:
  """Notes that differ in numbers alone, with the numbers of each clip."""
  if len({note for note, _ in notes}) == 1:
    return f'{notes[0][0]}: {_first_few([clip for _, clip in notes])}'
  numbers = [', '.join(str(value) for value in note.values if isinstance(value, int))
             for note, _ in notes]
  return f'{general}: ' + _first_few([
      f'{clip} ({words})' for words, (_, clip) in zip(numbers, notes)])


def _unused_folders(items, losses, used: Frames, facts: Facts) -> list[str]:
  """Folders where clips lie that no row of the sheet speaks of."""
  root = pathlib.Path(used.root)
  if facts.stills:      # of which each picture has a row, or its reason
    return []
  used_folders = {pathlib.Path(picture_paths(item)[0]).parent for item in items}
  # Above a clip's frames there are other clips', not frames of nobody.
  used_folders |= {above for folder in used_folders for above in folder.parents}
  patterns = _places(used.edition, facts)
  lost_places = [place for loss in losses
                 for place in _places_of_lost(loss.clip, patterns, facts)]
  folders = []
  for pattern in patterns:
    for folder in sorted(root.glob(_FIELD.sub('*', pattern))):
      names = [*map(trees.fold_name, folder.relative_to(root).parts)]
      if (folder.is_dir() and folder not in used_folders
          and not folder.name.startswith('.')
          and not any(_leads_to(names, place) for place in lost_places)):
        folders.append(str(folder.relative_to(root)))
  return list(dict.fromkeys(folders))


def _places_of_lost(clip: str, patterns: list[str], facts: Facts) -> list[list[str]]:
  """Where a lost row's frames may lie, in folded names; '*' stands for any letters."""
  fields = place_of(clip, facts)
  return [] if fields is None else [
      [trees.fold_name(name)
       for name in pattern.format(**fields, emotion='*').split('/')]
      for pattern in patterns]


def _leads_to(names: list[str], place: list[str]) -> bool:
  """Whether a folder is a place, or one above it."""
  return len(names) <= len(place) and all(
      name.startswith(part[:-1]) if part.endswith('*') else name == part
      for name, part in zip(names, place))


def _places(edition: str, facts: Facts) -> list[str]:
  """Where clips lie below the root: format strings over the fields of a row."""
  return [pattern for frames in facts.editions if frames.edition == edition
          for pattern in (frames.folder, *frames.otherwise)]


def _first_few(names: Sequence[str]) -> str:
  more = len(names) - _NAMED
  return ', '.join(names[:_NAMED]) + (f' and {more} more' if more > 0 else '')


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
  examination, lacks = _start_examination(choice, facts), ''
  try:
    survey = planning.Survey(choice)
    whole, plan = survey.plan(of_all_emotions(choice)), survey.plan(choice)
    fitting = _fitting_class_set(choice, facts, whole)
    if fitting:
      lacks = (f'the class set {choice.class_set} has a class without any clip here; '
               f'{fitting} has clips of all its classes and is examined')
      choice = choice._replace(class_set=fitting)
      plan = survey.plan(choice)
  except InputError as error:
    return examination._replace(why=str(error))
  used_frames = next(frames for frames in examination.frames if frames.used)
  edition = next((sheet.edition for sheet in examination.sheets if sheet.used), '')
  expected = [entry for entry in facts.expected if entry.sheet in ('', edition)]
  durations, broken, still = read_items(
      whole.items if thorough else sample_items(plan.items) if estimate else ())
  losses = tuple(sorted(
      Loss(entry.clip, entry.cause.reason.kind.name.lower(), str(entry.cause),
           findings.is_lost_everywhere(entry, facts, used_frames.edition),
           str(dict(entry.cause.facts).get('above', '')))
      for entry in (*whole.left_out, *broken)))
  unread = {entry.clip for entry in broken}
  items = tuple(item for item in whole.items if item.row.clip not in unread)
  why = _refusal(plan, unread)
  scarce = not why and too_few_people(plan, [
      item for item in plan.items if item.row.clip not in unread])
  return examination._replace(
      verdict=UNUSABLE if why else LOSSES if losses else USABLE, why=why,
      sheet_sha256=plan.sheet_sha256, class_set=choice.class_set,
      counts=count_clips(items, losses, expected),
      emotions=count_emotions(items, expected),
      class_sets=count_classes(items, facts), losses=losses,
      outside=_outside(whole, plan),
      remarks=(*filter(None, [lacks, scarce]), *describe_still(still, choice.frames),
               *collect_remarks(plan, items, losses, used_frames, facts)),
      corrections=tuple(_corrections(choice, facts, whole)),
      estimate=estimate_build(choice, plan, durations) if durations else None,
      build=_build_command(choice))


def _start_examination(choice: Choice, facts: Facts) -> Examination:
  tops = sources.folders_of(choice.manual, facts)
  sheets = find_sheets(tops, facts)
  roots = sources.find_roots(tops, facts)
  try:
    place = sources.locate(choice)
  except InputError:
    place = None
  return Examination(
      facts.name, facts.title, str(choice.manual), UNUSABLE, '',
      sheets=tuple(
          Sheet(files.sheet.edition, tuple(path.name for path in files.paths),
                bool(place) and place.sheets == files.paths)
          for files in _add_used_sheet(sheets, place)),
      frames=tuple(dict.fromkeys(
          Frames(frames.edition, str(root), bool(place) and place.root == root
                 and place.frames == frames, root.name == root.parent.name)
          for root, frames in roots)))


def _fitting_class_set(choice: Choice, facts: Facts, whole: Plan) -> str:
  """The class set to take where that of the data set has a class without any clip."""
  sets = count_classes(whole.items, facts)
  if choice.class_set not in sets or all(sets[choice.class_set].values()):
    return ''
  return next((name for name, counts in sets.items() if all(counts.values())), '')


def _add_used_sheet(sheets: list[SheetFiles], place: sources.Place | None):
  """The sheets that lie there, with that of a build, which a setting may name."""
  if place and place.sheets and place.sheets not in [files.paths for files in sheets]:
    return [SheetFiles(place.sheets, place.sheet), *sheets]
  return sheets


def of_all_emotions(choice: Choice) -> Choice:
  """The same settings with a class for every emotion, so that none leaves a clip out.

  An emotion that no class set and no publication knows is not among them.
  """
  facts = TABLES[choice.name]
  words = {word for class_set in facts.class_sets.values() if class_set.by == 'emotion'
           for word in class_set.folding}
  words |= {word for entry in facts.expected for word in entry.emotions}
  if len(words) < 2:
    return choice
  return choice._replace(class_set=OWN, own_classes={word: word for word in words})


def _build_command(choice: Choice) -> str:
  place = registry.place_of('data', TABLES.get(choice.name)) or choice.name
  words = ['python', '-m', 'lightman_jax', 'build', place]
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


def _outside(whole: Plan, plan: Plan) -> tuple[tuple[str, str], ...]:
  """What the class set alone leaves out."""
  return tuple(sorted(entry.in_words for entry in plan.left_out
                      if entry.clip in plan.outside and entry not in whole.left_out))


def _corrections(choice: Choice, facts: Facts, whole: Plan):
  """What each table of corrections for this data set would change here."""
  usable = {item.row.clip for item in whole.items}
  for name, table in CORRECTIONS.items():
    if table.dataset != facts.name:
      continue
    chosen = choice._replace(corrections=','.join(dict.fromkeys(
        (*choice.corrected, name))))
    try:
      other = planning.plan_tree(of_all_emotions(chosen))
    except InputError as error:
      yield Change(name, table.source, table.reason, (str(error),), (), (), False)
      continue
    usable_then = {item.row.clip for item in other.items}
    changes = tuple(line.change for line in other.corrected if line.correction == name)
    yield Change(name, table.source, table.reason, changes,
                 tuple(sorted(usable_then - usable)),
                 tuple(sorted(usable - usable_then)), name in choice.corrected)


# Data sets that are made of others: whether these agree with what was published.


def complete_composites(names: Collection[str]) -> tuple[str, ...]:
  """The names of those all of whose parts are among these data sets.

  Args:
    names: of data sets that lie there.
  """
  return tuple(name for name, composite in COMPOSITES.items()
               if set(composite.parts) <= set(names))


def examine_composite(choice: Choice) -> Composite:
  """Counts a composite's clips; its parts are examined by themselves.

  Args:
    choice: as of a build of the composite.
  """
  composite = COMPOSITES[choice.name]
  try:
    plan = planning.plan_composite(choice)
  except InputError as error:
    return Composite(choice.name, composite.title, 0, 0, {}, (str(error),))
  counts = Counter(item.label for item in plan.items)
  return Composite(
      choice.name, composite.title, len(plan.items),
      len({item.row.subject for item in plan.items}),
      {name: counts[label] for label, name in enumerate(composite.classes)},
      planning.differences(plan))
