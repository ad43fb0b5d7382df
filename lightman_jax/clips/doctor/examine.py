"""Examines one data set at one place: by the plan that a build would follow.

There is no second reader here. The plan is made for all emotions there are, so that a
clip counts as usable whatever class set a run will choose.
"""

import shlex

from lightman_jax.annotations.corrections import CORRECTIONS
from lightman_jax.annotations.facts import Facts
from lightman_jax.annotations.tables import TABLES
from lightman_jax.clips import sources, trees
from lightman_jax.clips.choice import OWN, Choice
from lightman_jax.clips.doctor import cost, reasons, tally
from lightman_jax.clips.doctor.findings import (
    LOSSES, UNUSABLE, USABLE, Change, Examination, Frames, Loss, Sheet)
from lightman_jax.clips.plan import Plan, check_enough
from lightman_jax.clips.sheets import SheetFiles, find_sheets
from lightman_jax.errors import InputError


def examine(choice: Choice, *, thorough: bool = False, estimate: bool = True,
            corrections: bool = True) -> Examination:
  """Says what lies there of a data set, what can be used, and why the rest cannot.

  Args:
    choice: as of a build; `manual_dir` is the place.
    thorough: decode every picture that a build needs, which takes as long as a build;
      else the pictures of a few clips are.
    estimate: read a few clips, to say what a build would take.
    corrections: say what each table of corrections would change.
  """
  facts = TABLES[choice.name]
  begun, lacks = _begin(choice, facts), ''
  try:
    whole = trees.plan(of_all_emotions(choice))
    plan = trees.plan(choice)
    fitting = _fitting_class_set(choice, facts, whole)
    if fitting:
      lacks = (f'the class set {choice.class_set} has a class without any clip here; '
               f'{fitting} has clips of all its classes and is examined')
      choice = choice._replace(class_set=fitting)
      plan = trees.plan(choice)
  except InputError as error:
    return begun._replace(why=str(error))
  used = next(frames for frames in begun.frames if frames.used)
  edition = next((sheet.edition for sheet in begun.sheets if sheet.used), '')
  expected = [known for known in facts.expected if known.sheet in ('', edition)]
  taken, broken = cost.read(
      whole.items if thorough else cost.some(plan.items) if estimate else ())
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
      counts=tally.counts(items, losses, expected),
      emotions=tally.emotions(items, expected),
      class_sets=tally.class_sets(items, facts), losses=losses,
      outside=_outside(whole, plan),
      remarks=(*[lacks] * bool(lacks),
               *tally.remarks(plan, items, losses, used, facts)),
      corrections=tuple(_corrections(choice, facts, whole)) if corrections else (),
      estimate=cost.estimate(choice, plan, taken) if taken else None,
      build=_command(choice))


def _begin(choice: Choice, facts: Facts) -> Examination:
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
          Sheet(held.sheet.edition, tuple(path.name for path in held.paths),
                bool(place) and place.sheets == held.paths)
          for held in _with_the_used(sheets, place)),
      frames=tuple(dict.fromkeys(
          Frames(frames.edition, str(root), bool(place) and place.root == root
                 and place.frames == frames, root.name == root.parent.name)
          for root, frames in roots)))


def _fitting_class_set(choice: Choice, facts: Facts, whole: Plan) -> str:
  """The class set to take where that of the data set has a class without any clip."""
  sets = tally.class_sets(whole.items, facts)
  if choice.class_set not in sets or all(sets[choice.class_set].values()):
    return ''
  return next((name for name, counts in sets.items() if all(counts.values())), '')


def _with_the_used(sheets: list[SheetFiles], place: sources.Place | None):
  """The sheets that lie there, with that of a build, which a setting may name."""
  if place and place.sheets and place.sheets not in [held.paths for held in sheets]:
    return [SheetFiles(place.sheets, place.sheet), *sheets]
  return sheets


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


def _outside(whole: Plan, plan: Plan) -> tuple[tuple[str, str], ...]:
  """What the class set alone leaves out."""
  return tuple(sorted((entry.clip, entry.reason) for entry in plan.left_out
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
