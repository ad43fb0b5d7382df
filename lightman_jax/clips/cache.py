"""The pixels of single clips while a build is under way.

One file a clip, written whole or not at all, named by what the clip depends on: a build
that was interrupted continues where it stopped. The folder goes when the build is done.
"""

import pathlib

import numpy as np

from lightman_jax import bounded
from lightman_jax.clips.plan import Item, Pixels
from lightman_jax.files import write_atomically

FOLDER = '.clips'


def stored(folder: pathlib.Path, item: Item) -> Pixels | None:
  """Returns an item's pixels, or None where they are not there or not whole."""
  try:
    held = bounded.read_arrays(path(folder, item))
    return Pixels(held['frames'], held['landmarks'],
                  tuple(held['numbers'].tolist()), str(held['apex_source']),
                  str(held['note']), tuple(map(str, held['sums'].tolist())))
  except (OSError, ValueError, KeyError):
    return None


def store(folder: pathlib.Path, item: Item, pixels: Pixels) -> None:
  """Puts an item's pixels on disk."""
  with write_atomically(path(folder, item), 'wb') as file:
    np.savez(file, **pixels._asdict())


def tidy(folder: pathlib.Path, items: tuple[Item, ...]) -> None:
  """Removes what belongs to no item: outdated clips, halves of a killed build."""
  wanted = {path(folder, item).name for item in items}
  for held in folder.glob('*') if folder.is_dir() else ():
    if held.name not in wanted:
      held.unlink()


def path(folder: pathlib.Path, item: Item) -> pathlib.Path:
  """Returns where an item's pixels lie, or will."""
  return folder / f'{item.key}.npz'
