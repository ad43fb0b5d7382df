"""The plan of a data set that has a sheet and a tree of frames: `casme2` and its like.

The cropped edition is used whole. Of the raw edition the largest centred square is cut
out, which does not align faces; the cropped edition is better.
"""

import functools
import os
import pathlib

import numpy as np

from lightman_jax.annotations.reader import read_listing, select
from lightman_jax.annotations.rows import LeftOut, Row
from lightman_jax.clips import names
from lightman_jax.clips.choice import TABLES, Choice
from lightman_jax.clips.frames import fit, numbered, read_picture
from lightman_jax.clips.plan import Item, Pixels, Plan, Unreadable, fingerprint
from lightman_jax.clips.sources import Tree, locate
from lightman_jax.geometry.sampling import sample

_RAW = ('the frames are of the raw edition: their middle square is used and no face is '
        'aligned; the cropped edition is better')


def plan(choice: Choice) -> Plan:
  """Plans the build of a data set in the manual folder.

  Every row of the sheet ends as an item or as left out with its reason.

  Raises:
    InputError: files are missing, or the sheet cannot be read.
  """
  facts = TABLES[choice.name]
  tree = locate(choice)
  listing = read_listing(tree.sheet, facts)
  class_set = facts.class_sets[choice.class_set]
  kept, not_in_set = select(listing.rows, class_set)
  planned = [_item(row, label, tree, choice) for row, label in kept]
  exact = choice._replace(sheet=tree.sheet_edition, edition=tree.edition)
  return Plan(
      dataset=choice.name,
      config=names.configurations(exact)[0],
      class_set=choice.class_set,
      classes=class_set.classes,
      shape=(choice.frames, choice.size, choice.size),
      items=tuple(entry for entry in planned if isinstance(entry, Item)),
      left_out=(*listing.left_out, *not_in_set,
                *(entry for entry in planned if isinstance(entry, LeftOut))),
      sheet=listing.sheet,
      sheet_sha256=listing.sheet_sha256,
      strict=False,
      notes=(_RAW,) if tree.edition == 'raw' else ())


def unknown_landmarks(frames: int) -> np.ndarray:
  """Returns the landmarks of a clip of which none is known: (T, 68, 2) of NaN."""
  return np.full((frames, 68, 2), np.nan, np.float32)


def pixels(paths: tuple[str, ...], *, size: int, crop: bool) -> Pixels:
  """Reads a clip's T pictures; a path may stand in it more than once.

  Raises:
    Unreadable: one of them cannot be read, or they differ in size.
  """
  whole = {path: read_picture(path) for path in dict.fromkeys(paths)}
  if len({picture.shape for picture in whole.values()}) > 1:
    raise Unreadable(f'the frames in {pathlib.Path(paths[0]).parent} differ in size')
  stored = {path: fit(picture, size, crop=crop) for path, picture in whole.items()}
  return Pixels(np.stack([stored[path] for path in paths]),
                unknown_landmarks(len(paths)))


def pick(
    held: dict[int, os.DirEntry], numbers: tuple[int, ...], folder: os.PathLike,
) -> tuple[os.DirEntry, ...]:
  """Returns the files of these frame numbers.

  Raises:
    Unreadable: one of them is not there; says which are.
  """
  missing = [number for number in numbers if number not in held]
  if missing:
    span = (f'which holds frames {min(held)} to {max(held)}' if held
            else 'which holds no numbered picture')
    raise Unreadable(f'frame {missing[0]} is not in {folder}, {span}')
  return tuple(held[number] for number in numbers)


def traces(files: tuple[os.DirEntry, ...]) -> tuple[list, list]:
  """Returns (name, size) of files, and their place and time of change beside these."""
  stats = [(file, file.stat()) for file in files]
  return ([(file.name, stat.st_size) for file, stat in stats],
          [(os.path.abspath(file.path), stat.st_size, stat.st_mtime_ns)
           for file, stat in stats])


def _item(row: Row, label: int, tree: Tree, choice: Choice) -> Item | LeftOut:
  if row.apex is None:
    return LeftOut(row.clip, 'the sheet gives no apex, and every clip must hold it')
  numbers = sample(row.onset, row.apex, row.offset, frames=choice.frames)
  folder = tree.root / row.clip
  try:
    files = pick(numbered(folder), numbers, folder)
  except Unreadable as error:
    return LeftOut(row.clip, str(error))
  evidence, exact = traces(files)
  options = {'size': choice.size, 'crop': tree.edition == 'raw'}
  return Item(
      row, label, numbers, tuple(evidence), fingerprint([exact, options]),
      functools.partial(pixels, tuple(file.path for file in files), **options))
