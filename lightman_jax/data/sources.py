"""Where a data set lies: sheets, trees of frames, data sets that are already built.

Imports neither jax nor tfds nor a picture library: `check_present` is the door through
which `launch.py` looks before anything heavy is loaded.
"""

from collections.abc import Mapping, Sequence
import difflib
import os
import pathlib
import re
from typing import Any, NamedTuple

from lightman_jax import places
from lightman_jax.data import trees
from lightman_jax.data.choice import (
  Choice,
  choose,
  configuration_names,
  is_table,
  parts_of,
)
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.duplicates import check_manifest
from lightman_jax.data.facts import Facts, Frames, Sheet
from lightman_jax.data.manifest import read_manifest
from lightman_jax.data.recognition import (
  describe_incomplete,
  find_file,
  find_sheets,
  identify_sheet,
  walk_below,
)
from lightman_jax.data.trees import ARCHIVES, form_of
from lightman_jax.errors import InputError
from lightman_jax.units import counted

# What is said where the files of a licensed data set are not there.


def describe_missing(facts: Facts, manual: pathlib.Path, *, sheet: str, edition: str,
                     existing: list[pathlib.Path], hints: Sequence[str] = (),
                     above: pathlib.Path | None = None) -> str:
  """Names what is expected, where, in which layout, and whom to ask for it.

  Args:
    facts: of the data set.
    manual: the folder that was looked into.
    sheet: the edition of the sheet that was asked for, or 'auto'.
    edition: the edition of the frames that was asked for, or 'auto'.
    existing: sheets, or the root of the frames, where one of them is there.
    hints: sentences on files that are there, though they are not what is wanted.
    above: the folder in which all of it lies, where `manual` is a part of it.
  """
  lacking = []
  if facts.sheets and not any(path.is_file() for path in existing):
    lacking.append('annotation sheet' if sheet == 'auto'
                   else f'annotation sheet of {sheet}')
  if not any(path.is_dir() for path in existing):
    lacking.append('frames' if edition == 'auto'
                   else f'frames of the {edition} edition')
  sheets = ' or '.join(' and '.join(f'{stem}.xlsx' for stem in known.stems)
                       for known in facts.sheets)
  lines = [f'{sheets} (or .xls, .csv; a file of another name is recognised by its '
           'columns)'] if sheets else []
  layout = '\n'.join(f'  {line}' for line in (*lines, *facts.layout))
  present = f'\nFound: {", ".join(map(str, existing))}.' if existing else ''
  present += ''.join(f'\n{hint}.' for hint in hints)
  if above:
    present += (f'\nA sheet and frames lie in {above}: use --config.data.manual_dir='
                f'{above}.' if facts.sheets else
                f'\nIts frames lie in {above}: use --config.data.manual_dir={above}.')
  parts = 'one sheet and one tree of frames' if sheets else 'one tree of frames'
  return (
      f'{facts.title}: no {" and no ".join(lacking)} in {manual} or in its '
      f'sub-folder {facts.folders[0]}/.{present}{_packed(facts, manual)}\n'
      f'Expected there {"are" if sheets else "is"} {parts}:\n{layout}\n'
      f'{facts.title} cannot be downloaded: {facts.access}, put it there, or name its '
      'place with --config.data.manual_dir=PATH.')


def _packed(facts: Facts, manual: pathlib.Path) -> str:
  """Archives that nobody has unpacked yet."""
  places = [manual, *(manual / name for name in facts.folders)]
  packed = [path for place in places if place.is_dir() for path in place.iterdir()
            if path.name.casefold().endswith(ARCHIVES)]
  if not packed:
    return ''
  return f'\nNot unpacked yet: {", ".join(str(path) for path in sorted(packed)[:5])}.'


VERSION = '1.0.0'
REPORT = 'build_report.json'
_ABOVE = 2      # a folder within a data set is recognised so high above it


class Missing(InputError):
  """The files that a data set is built from are not there."""


class Place(NamedTuple):
  """A licensed data set on disk."""
  sheets: tuple[pathlib.Path, ...]  # of one edition; () where there are none
  sheet: Sheet | None
  root: pathlib.Path                # what `frames.folder` is relative to
  frames: Frames
  remarks: tuple[str, ...] = ()     # on the sheets: what they were recognised by


def check_present(data: Any, inputs: Mapping[str, Any] | None = None) -> None:
  """Says at once when a run's data are missing, or no such inputs can be made of them.

  Args:
    data: `config.data`, or `settings.macro_data(config)`.
    inputs: `config.inputs`; None where nothing is to be trained.

  Raises:
    InputError: names the files that are expected, where, in which layout, and whom to
      ask for them; or what is wrong with a setting or a manifest.
  """
  choice = choose(data)
  try:
    _look(choice)
  except Missing:
    if find_ready_build(choice) is None:
      raise
  if inputs is not None:
    check_flow_pictures(choice, inputs)


def check_flow_pictures(data: Any, inputs: Mapping[str, Any]) -> None:
  """Refuses frames of which the apex would be taken for a ready flow picture.

  Args:
    data: `config.data`, or `settings.macro_data(config)`.
    inputs: `config.inputs`.

  Raises:
    InputError: names the clip, and the settings with which its flow is computed.
  """
  choice = choose(data)
  if choice.frames > 1 or (inputs['kind'], inputs['holds']) != ('picture', 'flow'):
    return
  if choice.name != 'manifest':
    raise InputError(
        f'{choice.name} holds frames, and with {choice.section}.frames=1 and '
        'inputs.kind=picture the apex frame would be taken for a flow picture: use '
        f'{choice.section}.frames=9, or inputs.holds=intensity')
  path = pathlib.Path(choice.path).expanduser()
  for entry in read_manifest(path) if path.is_file() else ():
    if form_of(entry.path) in ('folder', 'video'):
      raise InputError(
          f'{path} {entry.where}: {entry.path} is a {form_of(entry.path)}, whose apex '
          'frame would be taken for a ready flow picture; use '
          '--config=configs/manifest.py:clips (data.frames=9, inputs.kind=flow), which '
          'computes the flow, or inputs.holds=intensity, which takes the apex frame '
          'for what it is')


def _look(choice: Choice) -> None:
  lacking = []
  for name in parts_of(choice):
    try:
      locate(choice, name)
    except Missing as error:
      lacking.append(str(error))
  if lacking:
    raise Missing('\n'.join(lacking))
  if choice.name == 'manifest':
    path = manifest_path(choice)
    entries = read_manifest(path)
    check_manifest(entries, choice, path)
    gone = [f'{entry.where}: {path} is not there' for entry in entries
            for path in entry.paths if not os.path.exists(path)]
    if gone:
      more = (f'; nor are those of {counted(len(gone) - 1, "more row")}, which python '
              '-m '
              f'lightman_jax doctor {path} lists' if gone[1:] else '')
      raise InputError(f'{path} {gone[0]}{more}.')


def manifest_path(choice: Choice) -> pathlib.Path:
  """Returns the manifest's path, or raises `Missing` or `InputError`.

  Args:
    choice: the settings; `path` is the csv.
  """
  if not choice.path:
    raise InputError('data.path is empty; give the csv with --config.data.path=CSV.')
  path = places.expand(choice.path).absolute()
  if not path.is_file():
    raise Missing(f'{path} {"is no file" if path.exists() else "is not there"}; '
                  'data.path must name a csv with the columns clip, subject, label, '
                  'path.')
  return path


def find_ready_build(choice: Choice) -> pathlib.Path | None:
  """Returns the folder of a finished build that fits the settings, if there is one.

  Where a setting is 'auto', the first sheet and edition in the order of preference.

  Args:
    choice: the settings.
  """
  for config in configuration_names(choice):
    folder = choice.home / choice.name / config / VERSION
    if (folder / REPORT).is_file():
      return folder
  return None


def locate(choice: Choice, name: str = '') -> Place:
  """Finds a data set's sheets and frames in the manual folder.

  Args:
    choice: the settings.
    name: the data set, where `choice` is of one that is made of several.

  Raises:
    Missing: something is not there.
    InputError: the manual folder that the settings name is not there, several sheets
      hold different rows of one edition, or `data.sheet` names a missing file.
  """
  facts = TABLES[name or choice.name]
  check_manual(choice)
  tops, wanted = folders_of(choice.manual, facts), sheet_of(choice, name)
  sheets = find_sheets(tops, facts, wanted)
  roots = find_roots(tops, facts, choice.edition)
  if not roots:
    _check_mistaken(tops, facts)
  if not is_complete(facts, sheets, roots):
    hints = [*(() if sheets or not facts.sheets
               else describe_incomplete(tops, facts, wanted)),
             *(() if name and name != choice.name else
               _describe_others(choice.manual, choice.name))]
    raise Missing(describe_missing(
        facts, choice.manual, sheet=wanted, edition=choice.edition,
        existing=[path for sheet_files in sheets[:1] for path in sheet_files.paths]
        + [root for root, _ in roots[:1]], hints=hints,
        above=_above(choice.manual, facts)))
  if not sheets:
    return Place((), None, *roots[0])
  if sheets[0].rivals:
    files = ', '.join(map(str, (*sheets[0].paths, *sheets[0].rivals)))
    raise InputError(
        f'{facts.title}: several files hold different rows of its sheet of '
        f'{sheets[0].sheet.edition}: {files}; choose with --config.data.sheet=FILE, or '
        'leave one of them there.')
  return Place(sheets[0].paths, sheets[0].sheet, *roots[0], sheets[0].remarks)


def is_complete(facts: Facts, sheets: Sequence[Any], roots: Sequence[Any]) -> bool:
  """Whether a build would begin: frames are there, and a sheet where it has some.

  Args:
    facts: of the data set.
    sheets: that were found.
    roots: of its frames, that were found.
  """
  return bool(roots) and (bool(sheets) or not facts.sheets)


def _check_mistaken(tops: list[pathlib.Path], facts: Facts) -> None:
  """Refuses what goes by the data set's name and is another thing."""
  for pattern, what in facts.mistaken.items():
    for place, _, names in walk_below(tops, facts):
      if any(re.fullmatch(pattern, f'{place.name}/{name}', re.IGNORECASE)
             for name in names):
        raise InputError(f'{facts.title}: what lies in {place.parent} is {what}.')


def sheet_of(choice: Choice, name: str = '') -> str:
  """Returns `data.sheet` for a part of a data set: those of the files that fit it.

  Args:
    choice: the settings.
    name: the data set, where `choice` is of one that is made of several.

  Raises:
    InputError: a file that is named is not there, or fits no part.
  """
  if name in ('', choice.name) or not is_table(choice.sheet):
    return choice.sheet
  parts = [TABLES[part] for part in parts_of(choice)]
  tops = [top for facts in parts for top in folders_of(choice.manual, facts)]
  own_files = []
  for text in choice.sheet.split(','):
    path = find_file(tops, TABLES[name], text)
    if not any(identify_sheet(path, facts) for facts in parts):
      raise InputError(f'data.sheet names {path}, which has the columns of none of '
                       f'{", ".join(facts.title for facts in parts)}.')
    own_files += [str(path)] if identify_sheet(path, TABLES[name]) else []
  return ','.join(own_files) or 'auto'


def contains_path(tops: list[pathlib.Path], path: pathlib.Path, facts: Facts) -> bool:
  """Whether a path is a tree of a data set, or a part of one.

  Args:
    tops: the folders in which the data set may lie, above the path.
    path: of a folder.
    facts: the data set.
  """
  known = {place for top in tops for frames in facts.editions for name in frames.roots
           if name for place in _below(top, name)}
  return not known.isdisjoint((path, *path.parents))


def _above(manual: pathlib.Path, facts: Facts) -> pathlib.Path | None:
  """The folder that was meant, where the one that is given lies in a data set."""
  manual = manual.absolute()
  for place in manual.parents[:_ABOVE]:
    tops = folders_of(place, facts)
    if contains_path(tops, manual, facts) and find_roots(tops, facts) and (
        not facts.sheets or find_sheets(tops, facts)):
      return place
  return None


def _describe_others(manual: pathlib.Path, wanted: str) -> list[str]:
  """What to say of data sets that lie in a folder in the place of the one wanted."""
  if not manual.is_dir() or not any(manual.iterdir()):
    return []
  others = []
  for name, facts in TABLES.items():
    tops = folders_of(manual, facts)
    if name != wanted and is_complete(facts, find_sheets(tops, facts),
                                      find_roots(tops, facts)):
      others.append(name)
  return [f'What lies there is of {" or ".join(others)}: use its configuration, or '
          f'another folder; python -m lightman_jax doctor {manual} tells more'
          ] if others else []


def check_manual(choice: Choice) -> None:
  """Refuses a manual folder that is not there, whatever has been built before.

  Args:
    choice: the settings; `manual_dir` is the folder.

  Raises:
    InputError: `data.manual_dir` is no folder; names the nearest that is one.
  """
  manual = choice.manual
  if not choice.manual_dir or manual.is_dir():
    return
  try:
    beside = [entry.name for entry in os.scandir(manual.parent)
              if trees.is_folder(entry)]
  except OSError:
    beside = []
  near = difflib.get_close_matches(manual.name, beside, n=1)
  built = find_ready_build(choice)
  raise InputError(
      f'data.manual_dir is {manual}, which is not a folder'
      + (f'; the nearest there is {manual.parent / near[0]}' if near else '')
      + (f'; to use the clips that were built before, in {built}, leave it out'
         if built else '') + '.')


def folders_of(manual: pathlib.Path, facts: Facts) -> list[pathlib.Path]:
  """The folders in which a data set may lie: the manual folder, and those named so.

  Args:
    manual: the manual folder.
    facts: the data set.
  """
  named = [folder for name in facts.folders for folder in _below(manual, name)]
  return [folder for folder in dict.fromkeys((manual, *named)) if folder.is_dir()]


def find_roots(
    tops: list[pathlib.Path], facts: Facts, wanted: str = 'auto',
) -> list[tuple[pathlib.Path, Frames]]:
  """The trees of frames that are there, in the order of preference.

  They are looked for in the tops, and where there is none, in what lies below.

  Args:
    tops: folders in which the data set may lie.
    facts: the data set.
    wanted: 'auto', or an edition of the frames.

  Returns:
    The root of each tree, and its edition.
  """
  places = [(frames, name) for frames in facts.editions for name in frames.roots
            if wanted in ('auto', frames.edition)]
  near = [_descend(place, frames, facts) for frames, name in places for top in tops
          for place in _below(top, name)]
  endings = [(frames, [trees.fold_name(part) for part in name.split('/')])
             for frames, name in places]
  far = (_descend(place / name, frames, facts) for place, folders, _
         in walk_below(tops, facts) for name in folders for frames, ending in endings
         if [*map(trees.fold_name, (place / name).parts[-len(ending):])] == ending)
  roots = list(filter(None, near)) or list(filter(None, far))
  return sorted(roots, key=lambda pair: facts.editions.index(pair[1]))


def _below(top: pathlib.Path, name: str) -> list[pathlib.Path]:
  """The folder of this name in whatever case; the one spelt so comes first."""
  places = [top]
  for part in filter(None, name.split('/')):
    places = [place / folder for place in places for folder in sorted(
        trees.Tree(place).children(place).get(trees.fold_name(part), ()),
        key=lambda folder: folder != part)]
  return places


def _descend(
    folder: pathlib.Path, frames: Frames, facts: Facts,
) -> tuple[pathlib.Path, Frames] | None:
  """Unzipping may nest a folder in one of the same name, more than once."""
  if facts.stills:
    from lightman_jax.data.posed import holds_stills  # takes numpy
    return (folder, frames) if holds_stills(folder, frames, facts) else None
  known = {'subject': trees.numbers_in(facts.subject),
           'folder': trees.numbers_in(facts.folder or facts.subject),
           **({'filename': re.sub('[?]P<[a-z]+>', '?:', facts.owner)}
              if facts.owner else {})}
  patterns = [trees.pattern_of(place.split('/')[0], known)
              for place in (frames.folder, *frames.otherwise)]
  while folder.is_dir():
    folders = [name for names in trees.Tree(folder).children(folder).values()
               for name in names if name != folder.name]
    if any(pattern.fullmatch(name) for pattern in patterns if pattern
           for name in folders):
      return folder, frames
    if folders and not all(patterns) and folder.name not in os.listdir(folder):
      return folder, frames       # any name would do, and the root's own is right
    folder = folder / folder.name
  return None
