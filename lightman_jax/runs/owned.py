"""What this program writes in a run folder; how that, and only that, goes from there.

A start with --fresh sets the run that lies there aside, and deletes it when the first
steps of the new one are trained. Whatever refuses before brings the old one back, and
so does the next start where a kill came between.
"""

import os
import pathlib

from lightman_jax.errors import InputError
from lightman_jax.files import remove

# Folders with a file of each fold, which a part of a run has for its own.
OF_FOLDS = ('folds', 'few_shot', 'robustness', 'attribution', 'oracle', 'unit_actions')

# In the order in which they go: a run that is half deleted must not look finished, nor
# be resumed under another configuration.
OWNED = ('results.json', 'part.json', 'folds', 'checkpoints', 'selection',
         'oracle.json', 'oracle', 'robustness', 'robustness.png', 'few_shot',
         'episodes.csv', 'predictions.csv',
         'metrics.jsonl', 'timing.json', 'cost.json', 'efficiency.json',
         'confusion.png', 'units.png', 'learning_curves.png', 'actions.png',
         'actions.json', 'unit_actions', 'unit_actions.png', 'unit_actions.json',
         'attribution', 'attribution.png', 'attribution.json',
         'embeddings.npz', 'tensorboard', 'fault.json', 'fault.npz',
         'outside.json', 'trained_on.json', 'clips.json', 'reproducibility.json',
         'environment.json', 'config.json')


def clear(path: pathlib.Path) -> None:
  """Deletes the run in the folder `path`.

  Args:
    path: of a run's folder, which is locked.
  """
  sweep(path)
  for name in OWNED:
    place = path / name
    if place.is_dir() and not place.is_symlink():
      # A rename is one moment, deleting is many: never half a checkpoint.
      place = place.rename(path / f'.{name}.deleted')
    remove(place)


def refuse_links(path: pathlib.Path) -> None:
  """Nothing is written, or deleted, through a link that leads out of the folder.

  Args:
    path: of a run's folder.

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
  """Deletes what a killed writer, or deletion, left there under a temporary name.

  Args:
    path: of a run's folder, which is locked.
  """
  for name in OWNED:
    for rest in path.glob(f'.{name}.*'):
      remove(rest)
  for name in (*OF_FOLDS, 'selection'):
    for rest in () if (path / name).is_symlink() else (path / name).rglob('.*.json.*'):
      remove(rest)


# How a run is set aside. Each state is the name of the folder that it lies in, and one
# follows from the other by a rename, so that a kill at any moment leaves one of them.

ASIDE = '.earlier'             # all of it is there, and what lies outside is of another
MOVING = '.earlier.moving'     # some of it: the rest still lies outside, or does again
RETURNING = '.earlier.return'  # all of it, and what lies outside is to be deleted


class Earlier:
  """The run that lay in a folder before another was begun there.

  Args:
    path: of the folder, which is locked.
  """

  def __init__(self, path: pathlib.Path):
    self._path = path
    self.is_aside = False     # by this start

  def set_aside(self) -> None:
    """Leaves the folder as a new one."""
    sweep(self._path)
    if not names_there(self._path):
      return
    moving = self._path / MOVING
    moving.mkdir()
    for name in names_there(self._path):
      (self._path / name).rename(moving / name)
    moving.rename(self._path / ASIDE)
    self.is_aside = True

  def forget(self) -> None:
    """Deletes it, for the other one has begun; nothing where none is set aside."""
    if self.is_aside:
      self.is_aside = False
      remove(self._path / ASIDE)

  def bring_back(self) -> None:
    """Deletes what lies in the folder, and brings back what was set aside."""
    self.is_aside = False
    returning = self._path / RETURNING
    if (self._path / ASIDE).is_dir():
      (self._path / ASIDE).rename(returning)
    if returning.is_dir():
      clear(self._path)
      returning.rename(self._path / MOVING)
    moving = self._path / MOVING
    if moving.is_dir():
      for name in names_there(moving):
        (moving / name).rename(self._path / name)
      moving.rmdir()

  def settle(self, has_begun: bool) -> None:
    """Ends what a start that was killed has left half done.

    Args:
      has_begun: whether what lies in the folder has trained a step.
    """
    if has_begun and (self._path / ASIDE).is_dir():
      remove(self._path / ASIDE)
    self.bring_back()


def names_there(path: pathlib.Path) -> list[str]:
  """What of `OWNED` lies in a folder, in that order.

  Args:
    path: of the folder.
  """
  return [name for name in OWNED if os.path.lexists(path / name)]
