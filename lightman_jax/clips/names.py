"""What builder configurations are called: readable, and the same on every machine
that has the data in the same place."""

import hashlib
import pathlib
import re

from lightman_jax.clips.choice import TABLES, Choice


def configurations(choice: Choice) -> tuple[str, ...]:
  """Returns the names that fit the settings, in the order of preference."""
  tail = f't{choice.frames}-s{choice.size}'
  if choice.name in TABLES:
    facts = TABLES[choice.name]
    sheets = [sheet.edition for sheet in facts.sheets
              if choice.sheet in ('auto', sheet.edition)]
    editions = [edition for edition in facts.editions
                if choice.edition in ('auto', edition)]
    return tuple(f'{choice.class_set}-{sheet}-{edition}-{tail}'
                 for sheet in sheets for edition in editions)
  if choice.name == 'manifest':
    path = pathlib.Path(choice.path).expanduser().absolute()
    # Two manifests of one name must not overwrite each other's build.
    place = hashlib.sha256(str(path).encode()).hexdigest()[:8]
    folder = re.sub(r'[^A-Za-z0-9_]+', '_', path.parent.name)[:40] or 'root'
    return (f'{folder}-{place}-{tail}',)
  from lightman_jax.clips import cast   # Draws in NumPy, which the door does not need.
  return (f'{choice.class_set}-{cast.spell(choice)}-{tail}',)
