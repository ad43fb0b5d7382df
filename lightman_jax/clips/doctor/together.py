"""Data sets that are made of others: whether these agree with what was published."""

from collections import Counter
from collections.abc import Collection

from lightman_jax.clips import composing
from lightman_jax.clips.choice import Choice
from lightman_jax.clips.composites import COMPOSITES
from lightman_jax.clips.doctor.findings import Composite
from lightman_jax.errors import InputError


def composites(names: Collection[str]) -> tuple[str, ...]:
  """The names of those all of whose parts are among these data sets."""
  return tuple(name for name, made in COMPOSITES.items()
               if set(made.parts) <= set(names))


def examine(choice: Choice) -> Composite:
  """Counts a composite's clips; its parts are examined by themselves.

  Args:
    choice: as of a build of the composite.
  """
  made = COMPOSITES[choice.name]
  try:
    plan = composing.plan(choice)
  except InputError as error:
    return Composite(choice.name, made.title, 0, 0, {}, (str(error),))
  counts = Counter(item.label for item in plan.items)
  return Composite(
      choice.name, made.title, len(plan.items),
      len({item.row.subject for item in plan.items}),
      {name: counts[label] for label, name in enumerate(made.classes)},
      composing.differences(plan))
