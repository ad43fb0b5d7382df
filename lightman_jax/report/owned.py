"""What this program writes in a run folder, and how that, and only that, is deleted."""

import os
import pathlib

from lightman_jax.errors import InputError
from lightman_jax.files import remove

# In the order in which they go: a run that is half deleted must not look finished, nor
# be resumed under another configuration.
OWNED = ('results.json', 'folds', 'checkpoints', 'selection', 'oracle.json', 'oracle',
         'robustness', 'robustness.png', 'few_shot', 'episodes.csv', 'predictions.csv',
         'metrics.jsonl', 'timing.json', 'cost.json', 'efficiency.json',
         'confusion.png', 'learning_curves.png', 'actions.png', 'actions.json',
         'embeddings.npz', 'tensorboard', 'fault.json', 'fault.npz',
         'reproducibility.json', 'environment.json', 'config.json')


def clear(path: pathlib.Path) -> None:
  """Deletes the run in the folder `path`."""
  sweep(path)
  for name in OWNED:
    rest = path / name
    if rest.is_dir() and not rest.is_symlink():
      # A rename is one moment, deleting is many: never half a checkpoint.
      rest = rest.rename(path / f'.{name}.deleted')
    remove(rest)


def refuse_links(path: pathlib.Path) -> None:
  """Nothing is written, or deleted, through a link that leads out of the folder.

  Raises:
    InputError: there is such a link.
  """
  home = os.path.realpath(path)
  for name in OWNED:
    for place in (path / name, *(path / name).rglob('*')):
      real = os.path.realpath(place) if place.is_symlink() else home
      if os.path.commonpath([real, home]) != home:
        raise InputError(f'{place} is a link to {real}, outside of the run folder; put '
                         'the files themselves there, or start over with --fresh')


def sweep(path: pathlib.Path) -> None:
  """Deletes what a killed writer, or deletion, left there under a temporary name."""
  for name in OWNED:
    for rest in path.glob(f'.{name}.*'):
      remove(rest)
  for name in ('folds', 'few_shot', 'robustness', 'oracle', 'selection'):
    for rest in () if (path / name).is_symlink() else (path / name).rglob('.*.json.*'):
      remove(rest)
