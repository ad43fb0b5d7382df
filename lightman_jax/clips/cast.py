"""Who plays in the synthetic clips: the settings, read, checked and spelt."""

from collections.abc import Mapping
import difflib
from typing import Any, NamedTuple

from lightman_jax.clips.choice import Choice
from lightman_jax.clips.faces import scenes
from lightman_jax.clips.plan import fingerprint
from lightman_jax.errors import InputError


class Settings(NamedTuple):
  """`config.data.synthetic`; its sub-section `difficulty` is a `scenes.Difficulty`."""
  seed: int = 0
  subjects: int = 8
  micro: int = 12           # clips of each subject
  macro: int = 6
  fps: float = 200.


def read_settings(given: Mapping[str, Any]) -> tuple[Settings, scenes.Difficulty]:
  """Divides the settings into those of the plan and, under `difficulty`, the others.

  Raises:
    InputError: a name is unknown; the nearest right one is named.
  """
  given = dict(given)
  level = given.pop('difficulty', {})
  level = dict(level) if isinstance(level, Mapping) else level._asdict()
  return (_filled(Settings, given, 'data.synthetic'),
          _filled(scenes.Difficulty, level, 'data.synthetic.difficulty'))


def _filled(kind, given: Mapping[str, Any], place: str):
  for name in given:
    if name not in kind._fields:
      near = difflib.get_close_matches(name, kind._fields, n=1, cutoff=0.)[0]
      raise InputError(f'{place}.{name} is no setting; the nearest is {near!r} '
                       f'(all: {", ".join(kind._fields)}).')
  return kind(**{name: tuple(value) if isinstance(value, list) else value
                 for name, value in given.items()})


def spell(choice: Choice) -> str:
  """Writes the settings as part of a configuration's name."""
  settings, difficulty = read_settings(choice.synthetic)
  text = (f'seed{settings.seed}-p{settings.subjects}-micro{settings.micro}'
          f'-macro{settings.macro}-fps{settings.fps:g}')
  if difficulty != scenes.Difficulty():
    text += f'-{fingerprint(difficulty)[:8]}'
  return text
