"""The plan of whichever data set is asked for."""

from lightman_jax.annotations.tables import TABLES
from lightman_jax.clips import composing, manifest, synthetic, trees
from lightman_jax.clips.choice import Choice
from lightman_jax.clips.composites import COMPOSITES
from lightman_jax.clips.plan import Plan


def plan(choice: Choice) -> Plan:
  """Plans the build of a data set; see the module of its kind.

  Raises:
    InputError: files are missing, or cannot be used.
  """
  if choice.name in TABLES:
    return trees.plan(choice)
  if choice.name in COMPOSITES:
    return composing.plan(choice)
  return {'manifest': manifest, 'synthetic': synthetic}[choice.name].plan(choice)
