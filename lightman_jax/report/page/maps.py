"""The page's embedding maps: micro and macro clips, before and after adaptation."""

from collections.abc import Sequence
import pathlib
import zipfile

import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.report.page import axes, figures
from lightman_jax.report.page.groups import Group, Table
from lightman_jax.report.page.markup import Safe, tag

NAMES = ('before', 'label', 'macro', 'held_out', 'fold', 'explained')


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
    with np.load(path, allow_pickle=False) as file:
      held = dict(file)
    sizes = {held[name].shape[0] for name in ('before', 'label', 'macro', 'held_out')}
    if (any(name not in held for name in NAMES) or len(sizes) != 1
        or held['before'].ndim != 2 or held['before'].shape[1] < 2
        or held.get('after', held['before']).shape != held['before'].shape):
      raise ValueError
  except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
    raise InputError(f'{path} does not hold embeddings as this version writes them; '
                     'run it again with --fresh, or delete the file') from None
  return held
