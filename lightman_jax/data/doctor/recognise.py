"""Which data sets lie at a place that nobody has described."""

import os
import pathlib
from typing import NamedTuple

from lightman_jax import places
from lightman_jax.data import sources
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.sheet_files import find_sheets
from lightman_jax.data.trees import ARCHIVES
from lightman_jax.errors import InputError

_ABOVE = 2      # a path within a data set is understood as well


class Sighting(NamedTuple):
  """A data set of which something was seen."""
  name: str
  manual: pathlib.Path      # to be given as manual_dir
  complete: bool            # both sheet and frames, so that a build would begin


def recognise(path: str | os.PathLike) -> tuple[Sighting, ...]:
  """Returns the data sets at a place; those that are complete where there is one.

  The place may be the folder that holds a data set, one within it, or one that holds
  several. What a build would find decides, not the folder's name.

  Args:
    path: of a folder.

  Raises:
    InputError: there is no such folder.
  """
  path = places.expand(path).absolute()
  if not path.exists():
    raise InputError(f'{path} is not there; name the folder of a data set, or the csv '
                     'of your own clips.')
  if not path.is_dir():
    raise InputError(f'{path} is not a folder; name the one that holds the data set.')
  sightings = ()
  for place in (path, *path.parents[:_ABOVE]):
    here = tuple(filter(None, (_sight(name, place, path) for name in TABLES)))
    if any(sighting.complete for sighting in here):
      return _prefer_complete(here)
    sightings = sightings or here
  return _prefer_complete(sightings)


def list_archives(path: pathlib.Path) -> tuple[str, ...]:
  """Names of archives at a place, which nobody has unpacked yet."""
  return tuple(sorted(
      entry.name for entry in os.scandir(path)
      if entry.name.casefold().endswith(ARCHIVES)))[:9]


def _sight(name: str, place: pathlib.Path, path: pathlib.Path) -> Sighting | None:
  facts = TABLES[name]
  tops = sources.folders_of(place, facts)
  # Looked at from above, what lies beside the path is none of our business.
  if place != path and not sources.contains_path(tops, path, facts):
    return None
  sheets = find_sheets(tops, facts)
  roots = sources.find_roots(tops, facts)
  if not sheets and not roots:
    return None
  return Sighting(name, place, bool(roots) and (bool(sheets) or not facts.sheets))


def _prefer_complete(sightings: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
  """A tree without its sheet may look like several data sets: the complete one wins."""
  complete = tuple(sighting for sighting in sightings if sighting.complete)
  return complete or sightings
