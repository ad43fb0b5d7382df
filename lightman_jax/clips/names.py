"""What builder configurations are called: readable, and the same on every machine
that has the data in the same place."""

import hashlib
import json
import re

from lightman_jax import places
from lightman_jax.annotations.corrections import CORRECTIONS
from lightman_jax.annotations.tables import TABLES
from lightman_jax.clips.choice import OWN, Choice, is_table, parts_of


def configurations(choice: Choice) -> tuple[str, ...]:
  """Returns the names that fit the settings, in the order of preference."""
  tail = f't{choice.frames}-s{choice.size}'
  if parts_of(choice):
    return tuple(f'{_classes(choice)}-{middle}{mark}-{tail}'
                 for middle in _editions(choice) for mark in _marks(choice))
  if choice.name == 'manifest':
    path = places.expand(choice.path).absolute()
    # Two manifests of one name must not overwrite each other's build.
    folder = re.sub(r'[^A-Za-z0-9_]+', '_', path.parent.name)[:40] or 'root'
    return (f'{folder}-{_digest(str(path))}-{tail}',)
  from lightman_jax.clips import cast   # Draws in NumPy, which the door does not need.
  return (f'{choice.class_set}-{cast.spell(choice)}-{tail}',)


def _classes(choice: Choice) -> str:
  if choice.class_set != OWN:
    return choice.class_set
  return f'{OWN}_{_digest(json.dumps(sorted(choice.own_classes.items())))}'


def _editions(choice: Choice) -> list[str]:
  if choice.name not in TABLES:
    # The parts of one data set may lie there in different editions.
    return ['cropped', 'raw', 'mixed'] if choice.edition == 'auto' else [choice.edition]
  facts = TABLES[choice.name]
  # Of files that are named, the edition is what they hold.
  wanted = 'auto' if is_table(choice.sheet) else choice.sheet
  sheets = [f'{sheet.edition}-' for sheet in facts.sheets
            if wanted in ('auto', sheet.edition)] or ['']
  editions = dict.fromkeys(frames.edition for frames in facts.editions
                           if choice.edition in ('auto', frames.edition))
  return [sheet + edition for sheet in sheets for edition in editions]


def _marks(choice: Choice) -> list[str]:
  """What is not as by default: it moves a pixel, a row or a frame."""
  mark = ''
  fixes = [name for name in sorted(set(choice.corrected))
           if CORRECTIONS[name].dataset in parts_of(choice)]
  if fixes:
    names = re.sub(r'[^A-Za-z0-9]+', '_', '_'.join(fixes))
    mark += f'-with_{names if len(names) <= 40 else _digest(names)}'
  if choice.apex == 'none':
    mark += '-apex_of_sheet'
  elif choice.apex != 'spotted':
    mark += f'-apex_{_digest(str(places.expand(choice.apex).absolute()))}'
  if is_table(choice.landmarks):
    place = str(places.expand(choice.landmarks).absolute())
    return [f'{mark}-points_{_digest(place)}']
  known = {'auto': ['-points', ''], 'model': ['-points'], 'none': ['']}
  return [mark + points for points in known.get(choice.landmarks, ['-points'])]


def _digest(text: str) -> str:
  return hashlib.sha256(text.encode()).hexdigest()[:8]
