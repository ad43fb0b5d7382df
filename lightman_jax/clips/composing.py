"""The plan of a data set that is made of others, checked against published counts."""

from collections import Counter

from lightman_jax.annotations.corrections import CORRECTIONS
from lightman_jax.annotations.rows import LeftOut
from lightman_jax.clips import names, trees
from lightman_jax.clips.choice import Choice, is_table
from lightman_jax.clips.composites import COMPOSITES
from lightman_jax.clips.plan import Item, Plan, fingerprint
from lightman_jax.clips.sources import Missing, sheet_of


def plan(choice: Choice) -> Plan:
  """Plans all parts; clips and subjects bear the name of their data set before them.

  Raises:
    InputError: files are missing (of all parts, in one message), or cannot be read.
  """
  composite = COMPOSITES[choice.name]
  parts, lacking = {}, []
  for name, class_set in composite.parts.items():
    try:
      parts[name] = trees.plan(choice._replace(
          name=name, class_set=class_set, sheet=sheet_of(choice, name)))
    except Missing as error:
      lacking.append(str(error))
  if lacking:
    raise Missing('\n'.join(lacking))
  items = tuple(_renamed(item, name) for name, part in parts.items()
                for item in part.items)
  left_out = tuple(LeftOut(f'{name}/{clip}', reason) for name, part in parts.items()
                   for clip, reason in part.left_out)
  return Plan(
      dataset=choice.name,
      config=_config(choice, parts),
      class_set=composite.class_set,
      classes=composite.classes,
      shape=(choice.frames, choice.size, choice.size),
      items=items,
      left_out=left_out,
      sheet=' + '.join(part.sheet for part in parts.values()),
      sheet_sha256=fingerprint([part.sheet_sha256 for part in parts.values()]),
      strict=False,
      notes=tuple(f'{name}: {note}' for name, part in parts.items()
                  for note in part.notes),
      corrected=tuple(f'{name}: {line}' for name, part in parts.items()
                      for line in part.corrected),
      outside=frozenset(f'{name}/{clip}' for name, part in parts.items()
                        for clip in part.outside))


def differences(plan: Plan) -> tuple[str, ...]:
  """Says by data set and class where clips differ from what was published.

  Below a line on a count that is too low stand the clips of that data set that are
  left out for another reason than their class; below one that is too high, all clips of
  that data set and class. The list of the clips was not published with the counts.
  """
  composite, lines = COMPOSITES[plan.dataset], []
  held = Counter((item.row.dataset, item.label) for item in plan.items)
  for name, counts in composite.expected.items():
    for label, expected in enumerate(counts):
      found = held[name, label]
      if found != expected:
        lines.append(f'{name}, {composite.classes[label]}: {found} clips instead of '
                     f'{expected}')
      if found > expected:
        lines += [f'  {item.row.clip}' for item in plan.items
                  if (item.row.dataset, item.label) == (name, label)]
    if any(held[name, label] < expected for label, expected in enumerate(counts)):
      lines += [f'  {clip}: {reason}' for clip, reason in sorted(plan.left_out)
                if clip.startswith(f'{name}/') and clip not in plan.outside]
    people = len({item.row.subject for item in plan.items if item.row.dataset == name})
    if people != composite.subjects[name]:
      lines.append(f'{name}: {people} subjects instead of {composite.subjects[name]}')
  return (*lines, *_corrections(plan))


def _corrections(plan: Plan) -> list[str]:
  """What to set where clips are lost that named corrections keep."""
  named = COMPOSITES[plan.dataset].corrections
  lost = {clip for clip, _ in plan.left_out if clip not in plan.outside}
  kept = [clip for name in named for clip in (
      f'{CORRECTIONS[name].dataset}/{change.clip}'
      for change in CORRECTIONS[name].changes) if clip in lost]
  return [f'data.corrections={",".join(named)} keeps {" and ".join(kept)}'] * bool(kept)


def _renamed(item: Item, name: str) -> Item:
  row = item.row
  return item._replace(row=row._replace(
      clip=f'{name}/{row.clip}', subject=f'{name}/{row.subject}'))


def _config(choice: Choice, parts: dict[str, Plan]) -> str:
  """The parts may lie there in several editions, and then this one is mixed."""
  editions = {edition for part in parts.values() for edition in ('cropped', 'raw')
              if f'-{edition}-' in part.config}
  points = all('-points-' in part.config for part in parts.values())
  exact = choice._replace(
      edition=editions.pop() if len(editions) == 1 else 'mixed',
      landmarks=(choice.landmarks if is_table(choice.landmarks)
                 else 'model' if points else 'none'))
  return names.configurations(exact)[0]
