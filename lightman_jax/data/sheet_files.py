"""Annotation sheets are found on a disk, whatever their files are called.

What a file holds decides (`recognition`); among files that hold the same
edition, the published name. Where other files fit as well, they are named.
"""

from collections.abc import Iterator
import itertools
import os
import pathlib
from typing import NamedTuple

from lightman_jax.data import trees
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import Facts, Sheet
from lightman_jax.data.recognition import (
  Identity,
  edition_of,
  identify_sheet,
  parts_of_a_whole,
  same_table,
)
from lightman_jax.errors import InputError

ENDINGS = ('.xlsx', '.xls', '.csv')     # in the order of preference
_LARGEST = 2 * 2**20      # bytes of a file of another name that is looked into
_MOST = 200               # such files


class SheetFiles(NamedTuple):
  """An edition of the annotations that lies there."""
  paths: tuple[pathlib.Path, ...]
  sheet: Sheet
  remarks: tuple[str, ...] = ()           # what it was recognised by, what fits besides
  rivals: tuple[pathlib.Path, ...] = ()   # hold other rows, and nothing tells which of
                                          # them all is the one


class _Candidate(NamedTuple):
  path: pathlib.Path
  identity: Identity

  @property
  def published(self) -> bool:
    """Whether the file bears the published name of what it holds."""
    return self.path.stem.casefold() in [
        stem.casefold() for stem in self.identity.stems]


def find_sheets(
    tops: list[pathlib.Path], facts: Facts, wanted: str = 'auto',
) -> list[SheetFiles]:
  """Returns the editions of the annotations that are complete, the preferred first.

  They are looked for in the tops, and where none of a published name is there, in what
  lies below.

  Args:
    tops: folders in which the data set may lie.
    facts: the data set.
    wanted: 'auto', an edition, or the names of files, divided by commas.

  Raises:
    InputError: a file that is named is not there.
  """
  if wanted.lower().endswith(ENDINGS):
    return _of_files([find_file(tops, facts, name) for name in wanted.split(',')],
                     facts)
  editions = [sheet for sheet in facts.sheets if wanted in ('auto', sheet.edition)]
  first: list[SheetFiles] = []
  for candidates in _searches(tops, facts) if editions else ():
    complete = list(filter(None, (
        _complete(sheet, candidates, facts) for sheet in editions)))
    first = first or complete
    if complete and _bear_published_names(complete[0]):
      return complete
  return first


def describe_incomplete(tops: list[pathlib.Path], facts: Facts, wanted: str
                        ) -> tuple[str, ...]:
  """Returns sentences on sheets that are there, though none makes what is wanted.

  Args:
    tops: folders in which the data set may lie.
    facts: the data set.
    wanted: 'auto' or an edition.
  """
  *_, candidates = _searches(tops, facts)
  sentences = [candidate.identity.remark or
               f'{candidate.path.name} is the sheet of '
               f'{edition_of(candidate.identity.stems, facts)}'
               for candidate in candidates]
  stems = {stem for candidate in candidates for stem in candidate.identity.stems}
  for sheet in facts.sheets:
    lacking = [stem for stem in sheet.stems if stem not in stems]
    if wanted in ('auto', sheet.edition) and stems & {*sheet.stems} and lacking:
      sentences.append(f'{" and ".join(lacking)} is not there, and the sheet of '
                       f'{sheet.edition} needs it')
  return tuple(dict.fromkeys(sentences))


def find_file(tops: list[pathlib.Path], facts: Facts, name: str) -> pathlib.Path:
  """Returns the path of a sheet that a setting names, by its path or its name alone.

  Args:
    tops: folders in which the data set may lie.
    facts: the data set.
    name: a path, or a file's name alone.

  Raises:
    InputError: there is no such file.
  """
  path = pathlib.Path(name.strip()).expanduser()
  for place in (pathlib.Path(), *tops):
    if (place / path).is_file():
      return place / path
  for place, _, files in walk_below(tops, facts):
    if path.name == str(path) and path.name in files:
      return place / path.name
  raise InputError(f'data.sheet names {str(path)!r}, and there is no such file in '
                   f'{tops[0] if tops else "the manual folder"}.')


def walk_tops(tops: list[pathlib.Path], facts: Facts) -> Iterator:
  """All of the tops, as `trees.walk_folders` yields them."""
  return itertools.islice(trees.walk_folders(tops), len(tops))


def walk_below(tops: list[pathlib.Path], facts: Facts) -> Iterator:
  """All folders, but for those that are named as another data set."""
  others = {trees.fold_name(name) for other in TABLES.values()
            for name in other.folders}
  own = set(map(trees.fold_name, facts.folders))
  return trees.walk_folders(tops, frozenset(others - own))


def _searches(tops, facts: Facts) -> Iterator[list[_Candidate]]:
  """Yields the sheets in the tops, then those in all that lies below, too."""
  stems = {stem.casefold() for sheet in facts.sheets for stem in sheet.stems}
  for walk in (walk_tops, walk_below):
    files = [place / name for place, _, names in walk(tops, facts) for name in names
             if name.lower().endswith(ENDINGS) and not name.startswith(('.', '~$'))]
    named = [path for path in files if path.stem.casefold() in stems]
    others = [path for path in files if path.stem.casefold() not in stems]
    others = [path for path in others[:_MOST] if _size(path) <= _LARGEST]
    candidates = [(path, identify_sheet(path, facts)) for path in (*named, *others)]
    candidates = [_Candidate(path, identity) for path, identity in candidates
                  if identity]
    yield sorted(candidates, key=_preference)


def _preference(candidate: _Candidate) -> tuple[bool, bool, int]:
  """The smaller, the sooner a file is taken."""
  return (not candidate.identity.readable, not candidate.published,
          ENDINGS.index(candidate.path.suffix.lower()))


def _bear_published_names(files: SheetFiles) -> bool:
  return {path.stem.casefold() for path in files.paths} == {
      stem.casefold() for stem in files.sheet.stems}


def _size(path: pathlib.Path) -> int:
  try:
    return os.stat(path).st_size
  except OSError:
    return _LARGEST + 1


def _complete(sheet: Sheet, candidates, facts: Facts) -> SheetFiles | None:
  """The files of an edition: one that is all of it, or one for each of its parts."""
  whole = [candidate for candidate in candidates
           if {*candidate.identity.stems} == {*sheet.stems}]
  parts = [[candidate for candidate in candidates
            if candidate.identity.stems == (stem,)]
           for stem in sheet.stems]
  if len(sheet.stems) > 1 and all(parts):
    chosen = [_choose(part, facts) for part in parts]
    spare = tuple(f'{candidate.path.name} holds all of it, too; --config.data.sheet='
                  f'{candidate.path.name} chooses it' for candidate in whole)
    return SheetFiles(
        tuple(path for part in chosen for path in part.paths), sheet,
        (*(line for part in chosen for line in part.remarks), *spare),
        tuple(path for part in chosen for path in part.rivals))
  return _choose(whole, facts)._replace(sheet=sheet) if whole else None


def _choose(candidates: list[_Candidate], facts: Facts) -> SheetFiles:
  """The first of some files, each of which would do."""
  first, *rest = candidates
  others = [other.path for other in rest if other.identity.readable
            and not (first.identity.readable
                     and same_table(first.path, other.path, facts))]
  remarks = [first.identity.remark] if first.identity.remark else []
  if others and first.published:
    remarks.append(
        f'{first.path.name} is taken, for its name; '
        f'{", ".join(map(str, others))} would fit, too: --config.data.sheet=FILE '
        'chooses')
  return SheetFiles((first.path,), facts.sheets[0], tuple(remarks),
                    () if first.published else tuple(others))


def _of_files(paths: list[pathlib.Path], facts: Facts) -> list[SheetFiles]:
  """The edition that these files make, which a person has chosen."""
  identities = [identify_sheet(path, facts) for path in paths]
  stems = [stem for identity in identities if identity for stem in identity.stems]
  sheet = next((sheet for sheet in facts.sheets if {*sheet.stems} == {*stems}),
               parts_of_a_whole(facts) or facts.sheets[0])
  return [SheetFiles(tuple(paths), sheet, tuple(
      identity.remark for identity in identities if identity and identity.remark))]
