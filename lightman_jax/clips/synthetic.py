"""The plan of synthetic faces: scenes are planned here, drawn when their turn comes."""

import functools

from lightman_jax.clips import names
from lightman_jax.clips.cast import read_settings
from lightman_jax.clips.choice import Choice
from lightman_jax.clips.faces import emotions, scenes
from lightman_jax.clips.plan import Item, Pixels, Plan, fingerprint
from lightman_jax.code_digest import code_sha256
from lightman_jax.geometry.sampling import sample


def plan(choice: Choice) -> Plan:
  """Plans the scenes of a seed. The classes are those of `emotions.CLASSES`.

  Raises:
    InputError: a setting is unknown or out of range.
  """
  settings, difficulty = read_settings(choice.synthetic)
  # The drawing code is what these clips are made from, as files are elsewhere.
  code = code_sha256(scenes.__name__)
  items = []
  for scene in scenes.plan(**settings._asdict(), difficulty=difficulty):
    numbers = sample(scene.onset, scene.apex, scene.offset, frames=choice.frames)
    items.append(Item(
        scene.row(), emotions.CLASSES.index(emotions.CLASS_OF[scene.emotion]), numbers,
        (code, scene), fingerprint([code, scene, numbers, choice.size]),
        functools.partial(_draw, scene, numbers, choice.size)))
  return Plan(
      'synthetic', names.configurations(choice)[0], choice.class_set,
      tuple(emotions.CLASSES), (choice.frames, choice.size, choice.size), tuple(items),
      left_out=())


def _draw(scene: scenes.Scene, numbers: tuple[int, ...], size: int) -> Pixels:
  drawn = scenes.render(scene, frames=numbers, size=size)
  return Pixels(drawn.frames, drawn.landmarks)
