"""Where a data set lies: sheets, trees of frames, data sets that are already built.

Imports neither jax nor tfds nor a picture library: `check_present` is the door through
which `launch.py` looks before anything heavy is loaded.
"""

import os
import pathlib
import re
from typing import Any, NamedTuple

from lightman_jax.annotations.facts import Facts
from lightman_jax.annotations.manifest import read_manifest
from lightman_jax.clips import names
from lightman_jax.clips.choice import TABLES, Choice, choose
from lightman_jax.errors import InputError

VERSION = '1.0.0'
REPORT = 'build_report.json'
_TABLES = ('.xlsx', '.xls', '.csv')


class Missing(InputError):
  """The files that a data set is built from are not there."""


class Tree(NamedTuple):
  """A licensed data set on disk."""
  sheet: pathlib.Path
  sheet_edition: str
  root: pathlib.Path        # holds the subjects' folders
  edition: str              # 'cropped' or 'raw'


def check_present(data: Any) -> None:
  """Says at once when a run's data are missing.

  Raises:
    InputError: names the files that are expected, where, in which layout, and whom to
      ask for them; or what is wrong with a setting or a manifest.
  """
  choice = choose(data)
  try:
    _look(choice)
  except Missing:
    if ready(choice) is None:
      raise


def _look(choice: Choice) -> None:
  if choice.name in TABLES:
    locate(choice)
  elif choice.name == 'manifest':
    path = manifest_path(choice)
    for entry in read_manifest(path):
      if not entry.path.exists():
        raise InputError(f'{path} {entry.where}: {entry.path} is not there.')


def manifest_path(choice: Choice) -> pathlib.Path:
  """Returns the manifest's path, or raises `Missing` or `InputError`."""
  if not choice.path:
    raise InputError('data.path is empty; give the csv with --config.data.path=CSV.')
  path = pathlib.Path(choice.path).expanduser().absolute()
  if not path.is_file():
    raise Missing(f'{path} is not there; data.path must name a csv with the columns '
                  'clip, subject, label, path.')
  return path


def ready(choice: Choice) -> pathlib.Path | None:
  """Returns the folder of a finished build that fits the settings, if there is one.

  Where a setting is 'auto', the first sheet and edition in the order of preference.
  """
  for config in names.configurations(choice):
    folder = choice.home / choice.name / config / VERSION
    if (folder / REPORT).is_file():
      return folder
  return None


def locate(choice: Choice) -> Tree:
  """Finds a data set's sheet and frames in the manual folder.

  Raises:
    Missing: something is not there.
  """
  facts = TABLES[choice.name]
  folders = _folders(choice.manual, facts)
  sheet = next(iter(_sheets(folders, facts, choice.sheet)), None)
  root = next(iter(_roots(folders, facts, choice.edition)), None)
  if sheet is None or root is None:
    raise Missing(_message(choice, facts, folders, sheet, root))
  return Tree(*sheet, *root)


def _folders(manual: pathlib.Path, facts: Facts) -> list[pathlib.Path]:
  inside = [manual / name for name in facts.folders]
  return [folder for folder in (manual, *inside) if folder.is_dir()]


def _sheets(folders, facts, wanted):
  for sheet in facts.sheets:
    for folder in folders:
      for path in sorted(folder.iterdir(), key=_preference):
        if (wanted in ('auto', sheet.edition) and path.is_file()
            and path.stem.casefold() == sheet.stem.casefold()
            and path.suffix.lower() in _TABLES):
          yield path, sheet.edition


def _preference(path: pathlib.Path) -> tuple[int, str]:
  ending = path.suffix.lower()
  return (_TABLES.index(ending) if ending in _TABLES else len(_TABLES), path.name)


def _roots(folders, facts, wanted):
  for edition, known in facts.editions.items():
    for name in known:
      for folder in folders:
        root = _descend(folder / name, facts)
        if root and wanted in ('auto', edition):
          yield root, edition


def _descend(folder: pathlib.Path, facts: Facts) -> pathlib.Path | None:
  """Unzipping may nest a folder in one of the same name, more than once."""
  subject = re.compile(re.escape(facts.subject.partition('{')[0]) + '[0-9]+')
  while folder.is_dir():
    with os.scandir(folder) as entries:
      if any(subject.fullmatch(entry.name) and entry.is_dir() for entry in entries):
        return folder
    folder = folder / folder.name
  return None


def _message(choice, facts, folders, sheet, root) -> str:
  lacking = []
  if sheet is None:
    lacking.append('annotation sheet' if choice.sheet == 'auto'
                   else f'annotation sheet of {choice.sheet}')
  if root is None:
    lacking.append('frames' if choice.edition == 'auto'
                   else f'frames of the {choice.edition} edition')
  sheets = ' or '.join(f'{known.stem}.xlsx' for known in facts.sheets)
  layout = '\n'.join(f'  {line}' for line in (f'{sheets} (or .csv)', *facts.layout))
  present = ''.join(f'\nFound: {path}.' for path in (sheet or root or ())[:1])
  return (
      f'{facts.title}: no {" and no ".join(lacking)} in {choice.manual} or in its '
      f'sub-folder {facts.folders[0]}/.{present}\nExpected there are one sheet and one '
      f'tree of frames:\n{layout}\n{facts.title} cannot be downloaded: {facts.ask}, '
      'put it there, or name its place with --config.data.manual_dir=PATH.')
