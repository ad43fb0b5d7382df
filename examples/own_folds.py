"""A protocol of one's own in a file of one's own: somebody else's folds, out of a csv.

    python launch.py \
        --config=configs/synthetic.py:protocol=examples/own_folds.py:from_csv \
        --config.episodes.path=THEIR_FOLDS.csv
    python -m lightman_jax settings protocol=examples/own_folds.py:from_csv

A protocol is a function of a table of clips and a generator of the run's seed. It
returns a mask over the clips for each fold, true where one is held out. Whatever it
returns is checked: whoever is held out is held out with all clips, and once; all others
train. What can be set is what stands behind the asterisk.
"""

import csv
from typing import Annotated

import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.tasks.folds import Masks, ProtocolTable


def from_csv(table: ProtocolTable, rng: np.random.Generator, *,
             path: Annotated[str, 'csv with the columns subject, fold'] = 'folds.csv'
             ) -> Masks:
  """The folds of a csv that has a line a subject."""
  del rng      # nothing is drawn
  try:
    with open(path, encoding='utf-8-sig', newline='') as file:
      fold_of = {line['subject']: line['fold'] for line in csv.DictReader(file)}
  except (OSError, KeyError, UnicodeDecodeError) as error:
    raise InputError(f'episodes.path={path} is no csv with the columns subject and '
                     f'fold ({error})') from None
  micro = sorted(set(table.subject[~table.macro].tolist()))
  if missing := [name for name in micro if name not in fold_of]:
    raise InputError(f'{path} has no line for the subject {missing[0]}')
  return {fold: np.isin(table.subject, [name for name in micro
                                        if fold_of[name] == fold])
          for fold in sorted({fold_of[name] for name in micro})}
