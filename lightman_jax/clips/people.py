"""Data sets that show the same people under the same names.

Whoever is held out must be held out of the macro-expressions, too, and these may come
from another data set than the micro-expressions.
"""

from lightman_jax.clips.composites import COMPOSITES

_FAMILY = {'samm_long': 'samm', 'smic_long': 'smic', 'smic_vis': 'smic',
           'smic_nir': 'smic'}


def found_in(source: str, dataset: str) -> str | None:
  """Returns how `dataset` calls the people of `source`, as a format string.

  None where these are other people, as far as is known.
  """
  if dataset in COMPOSITES:
    parts = [name for name in COMPOSITES[dataset].parts
             if family(name) == family(source)]
    return f'{parts[0]}/{{}}' if parts else None
  return '{}' if family(dataset) == family(source) else None


def family(dataset: str) -> str:
  """The name that data sets of the same people share; its own where it has none."""
  return _FAMILY.get(dataset, dataset)


def told(source: str, dataset: str) -> str:
  """A line on whose macro-expressions a run takes."""
  begin = f'macro-expressions come from {source}: '
  if found_in(source, dataset):
    return (f'{begin}its people are in {dataset}, too, so those of a held-out person '
            'are held out')
  return f'{begin}whether its people are also in {dataset} is not known here'
