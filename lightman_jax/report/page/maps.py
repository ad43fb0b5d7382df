"""The page's embedding maps: micro and macro clips, before and after adaptation."""

from collections.abc import Sequence
import pathlib

import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.report.page import axes, figures
from lightman_jax.report.page.groups import Group, Table
from lightman_jax.report.page.markup import Safe, tag

# Of each array what it holds, as NumPy says it, and its number of axes.
KINDS = {'before': ('f', 2), 'label': ('i', 1), 'macro': ('b', 1),
         'held_out': ('b', 1), 'fold': ('U', 0), 'explained': ('f', 1)}


def maps(tables: Sequence[Table]) -> Safe | None:
  """Of the first run of each method that wrote its embeddings."""
  drawn = []
  for column in (column for table in tables for column in table.columns):
    for group in column.groups:
      drawn += _of_group(group, column.dataset, column.first.classes)
  if not drawn:
    return None
  shapes = tag('ul', tag('li', tag('i', class_='round'), 'micro, training'),
               tag('li', tag('i', class_='square'), 'macro, training'),
               tag('li', tag('i', class_='ring'), 'micro, held out'), class_='key')
  return tag('section', tag('h2', 'Embeddings'),
             tag('p', 'Clips of one fold on the first two principal components of its '
                 'training clips, before and after the model was adapted to a support '
                 'of training clips; both on the same axes. A picture of two '
                 'components of many: near here is not always near.'),
             shapes, drawn, id='embeddings')


def _of_group(group: Group, dataset: str, classes: Sequence[str]) -> list[Safe]:
  there = [run for run in group.runs if (run.path / 'embeddings.npz').is_file()]
  if not there:
    return []
  held = _read(there[0].path / 'embeddings.npz')
  stages = [name for name in ('before', 'after') if name in held]
  both = np.concatenate([held[name][:, :2] for name in stages]).astype(float)
  within = axes.span(both[:, 0]), axes.span(both[:, 1])
  share = ', '.join(f'{part:.0%}' for part in held['explained'][:2])
  panels = [tag('figure', tag('h4', f'{stage} adaptation'), figures.embedding_map(
      held[stage][:, :2].astype(float), held['label'].astype(int), held['macro'],
      held['held_out'], within=within, title=f'{group.label}, {stage} adaptation'))
            for stage in stages]
  words = (f'fold {held["fold"]}, seed {there[0].seed}; the components hold {share} of '
           'the variance' + ('' if len(stages) > 1 else '; nothing in this embedding '
                             'is adapted'))
  return [tag('h3', f'{group.label}: {dataset}'), tag('p', words, class_='caption'),
          figures.legend(classes), tag('div', panels, class_='grid-of')]


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
  try:
    held = bounded.read_arrays(path)
    kinds = {name: (held[name].dtype.kind, held[name].ndim) for name in KINDS}
    before, after = held['before'], held.get('after', held['before'])
    n, axes_kept = before.shape
    if (kinds != KINDS or after.dtype.kind != 'f' or after.shape != before.shape
        or any(held[name].shape != (n,) for name in ('label', 'macro', 'held_out'))
        or not 2 <= axes_kept or not n
        or not all(np.isfinite(x).all() for x in (before, after, held['explained']))):
      raise ValueError
  except (OSError, ValueError, KeyError):
    raise InputError(f'{path} does not hold embeddings as this version writes them; '
                     'run it again with --fresh, or delete the file') from None
  return held
