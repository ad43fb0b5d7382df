"""The plan of synthetic clips: scenes are planned here, drawn when their turn comes."""

from collections.abc import Mapping
import functools
from typing import Any, NamedTuple

from lightman_jax.code_digest import code_sha256
from lightman_jax.data.choice import Choice, configuration_names
from lightman_jax.data.plan import Item, Pixels, Plan, fingerprint
from lightman_jax.data.rows import ActionUnit, Row
from lightman_jax.errors import InputError
from lightman_jax.faces.apex import sample_frames
from lightman_jax.options import check_seed, not_there, suggestion
from lightman_jax.synthetic import scenes

# Who plays in the synthetic clips: the settings, read, checked and spelt.


class Settings(NamedTuple):
  """`config.data.synthetic`, but for `faces` and `difficulty`.

  The first names one of `scenes.FACES`, of which the second, a mapping, changes some
  fields.
  """
  seed: int = 0
  subjects: int = 8
  micro: int = 12           # clips of each subject
  macro: int = 6
  fps: float = 200.


def read_settings(values: Mapping[str, Any]) -> tuple[Settings, scenes.Difficulty]:
  """Divides the settings into those of the plan and, under `difficulty`, the others.

  Args:
    values: `config.data.synthetic`, with any of its names.

  Raises:
    InputError: a name is unknown; the nearest right one is named.
  """
  values = dict(values)
  level, faces = values.pop('difficulty', {}), values.pop('faces', 'wide')
  if faces not in scenes.FACES:
    raise InputError(f'data.synthetic.faces is {not_there(faces, scenes.FACES)}.')
  level = dict(level) if isinstance(level, Mapping) else level._asdict()
  level = {**scenes.FACES[faces]._asdict(), **level}
  settings = _fill(Settings, values, 'data.synthetic')
  check_seed(settings.seed, 'data.synthetic.seed')
  return (settings,
          _fill(scenes.Difficulty, level, 'data.synthetic.difficulty'))


def _fill(kind, values: Mapping[str, Any], place: str):
  for name in values:
    if name not in kind._fields:
      raise InputError(f'{place}.{name} is no setting'
                       f'{suggestion(name, kind._fields)}.')
  return kind(**{name: tuple(value) if isinstance(value, list) else value
                 for name, value in values.items()})


def spell_settings(choice: Choice) -> str:
  """Writes the settings as part of a configuration's name."""
  settings, difficulty = read_settings(choice.synthetic)
  text = (f'seed{settings.seed}-p{settings.subjects}-micro{settings.micro}'
          f'-macro{settings.macro}-fps{settings.fps:g}')
  if difficulty != scenes.Difficulty():
    # Names of builds from before there were glasses, and lamps, are those of today.
    new = 0 if difficulty.lamp != 1. else 1 if difficulty.glasses else 2
    spelled = difficulty[:len(difficulty) - new]
    text += f'-{fingerprint(spelled)[:8]}'
  return text


# The plan of synthetic faces: scenes are planned here, drawn when their turn comes.


def plan_synthetic(choice: Choice) -> Plan:
  """Plans the scenes of a seed. The classes are those of `scenes.CLASSES`.

  Args:
    choice: the settings; `synthetic` says who plays.

  Raises:
    InputError: a setting is unknown or out of range.
  """
  settings, difficulty = read_settings(choice.synthetic)
  # The drawing code is what these clips are made from, as files are elsewhere.
  code = code_sha256(scenes.__name__)
  items = []
  for scene in scenes.plan_scenes(**settings._asdict(), difficulty=difficulty):
    numbers = sample_frames(scene.onset, scene.apex, scene.offset, frames=choice.frames)
    items.append(Item(
        row_of(scene), scenes.CLASSES.index(scenes.CLASS_OF[scene.emotion]),
        numbers,
        (code, scene), fingerprint([code, scene, numbers, choice.size]),
        functools.partial(_draw, scene, numbers, choice.size)))
  return Plan(
      'synthetic', configuration_names(choice)[0], choice.class_set,
      tuple(scenes.CLASSES), (choice.frames, choice.size, choice.size), tuple(items),
      left_out=())


def _draw(scene: scenes.Scene, numbers: tuple[int, ...], size: int) -> Pixels:
  drawn = scenes.render_scene(scene, frames=numbers, size=size)
  return Pixels(drawn.frames, drawn.landmarks)


def row_of(scene: scenes.Scene) -> Row:
  """A scene as a line of an annotation sheet.

  A unit of which one side moves less than half as far as the other is coded with the
  stronger side; L is the subject's left, which the picture shows on its right.

  Args:
    scene: a planned clip.
  """
  units = tuple(ActionUnit(action.unit, _side(action.left, action.right))
                for action in scene.actions)
  return Row(
      clip=scene.clip, subject=scene.subject, dataset='synthetic',
      emotion=scene.emotion, kind=scene.kind, onset=scene.onset, apex=scene.apex,
      offset=scene.offset, fps=float(scene.fps),
      action_units_raw='+'.join(f'{unit.side}{unit.number}' for unit in units),
      action_units=units)


def _side(left: float, right: float) -> str:
  if min(left, right) >= .5 * max(left, right):
    return ''
  return 'R' if left > right else 'L'
