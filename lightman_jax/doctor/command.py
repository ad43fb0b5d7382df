"""The command `doctor`: a folder of a data set, or a csv of anyone's own clips."""

import argparse
from collections import defaultdict
import contextlib
import json
import os
import pathlib
import sys
from typing import Any, NamedTuple

from lightman_jax import places, registry
from lightman_jax.command_line import Parser
from lightman_jax.data import sources
from lightman_jax.data.choice import choose, name_outside
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.recognition import find_sheets
from lightman_jax.data.trees import ARCHIVES
from lightman_jax.errors import InputError, printable

# Which data sets lie at a place that nobody has described.

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
  return Sighting(name, place, sources.is_complete(facts, sheets, roots))


def _prefer_complete(sightings: tuple[Sighting, ...]) -> tuple[Sighting, ...]:
  """A tree without its sheet may look like several data sets: the complete one wins."""
  complete = tuple(sighting for sighting in sightings if sighting.complete)
  return complete or sightings


# The command `doctor`.

_EPILOGUE = ('Exit code: 0 all of it is usable; 1 usable, but some rows give no clip; '
             '2 not usable.')


def make_parser() -> argparse.ArgumentParser:
  """The arguments of the command, for a folder and for a csv."""
  parser = Parser(
      prog='python -m lightman_jax doctor', epilog=_EPILOGUE,
      description='Tells which data sets lie in a folder, or what a csv of own clips '
                  'lists, and what of it a build can use; changes nothing.')
  parser.add_argument('path', help='the folder in which the data lie, or the csv of '
                                   'clips of your own')
  parser.add_argument('--name', nargs='+', default=[], type=_named, metavar='NAME',
                      help=f'only these: {", ".join(TABLES)}, or FILE.py:NAME, which '
                      'is run for it')
  parser.add_argument('--json', action='store_true', help='everything, for programs')
  parser.add_argument('--read', dest='thorough', action='store_true',
                      help='decode every picture that a build needs, not only a few')
  parser.add_argument('--class_set', default='', help='of the data set that is named')
  parser.add_argument('--sheet', default='auto',
                      help='edition of the annotations, or their files by commas')
  parser.add_argument('--edition', default='auto', help='edition of the frames')
  parser.add_argument('--corrections', default='', help='names, divided by commas')
  parser.add_argument('--frames', type=int, help='T of the build to come; 9, and of a '
                                                 'csv of ready pictures 1')
  parser.add_argument('--size', type=int, help='its side in pixels; 64, and of a csv '
                                               'of ready pictures 28')
  parser.add_argument('--data_dir', default='', help='where it would be put')
  parser.add_argument('--different_people', default='',
                      help='names that are alike and mean different people, or all')
  parser.add_argument('--different_labels', default='', help='the same of labels')
  parser.add_argument('--repeated_clips', default='',
                      help='clips that are meant to show under two people, or all')
  parser.add_argument('--contact_sheet', default='', metavar='FILE.png',
                      help='of a csv: draws some clips of each label: ready pictures '
                      'as they are stored, else the middle frame and its flow')
  return parser


def _named(name: str) -> str:
  """The name of a data set; one from outside is allowed by being named."""
  try:
    if registry.is_outside(name):
      registry.allow('data', name)
      return name_outside(name)
  except InputError as error:
    raise argparse.ArgumentTypeError(error.with_code()) from None
  if name not in TABLES:
    raise argparse.ArgumentTypeError(
        f'invalid choice: {name!r} (choose from {", ".join(TABLES)})')
  return name


def examine_folders(arguments: list[str]) -> int:
  """Says which data sets lie in a folder and what is wrong; returns the exit code."""
  options = vars(make_parser().parse_args(arguments))
  if options.pop('contact_sheet'):
    print('doctor: --contact_sheet draws the clips of a csv; name the csv in place of '
          'the folder.', file=sys.stderr)
    return 2
  options |= {name: default for name, default in (('frames', 9), ('size', 64))
              if options[name] is None}
  path, as_json = options.pop('path'), options.pop('json')
  thorough, names = options.pop('thorough'), options.pop('name')
  try:
    (examinations, composites), refusal = _examine(path, names, options, thorough), ''
  except InputError as error:
    examinations, composites, refusal = [], [], error.with_code()
  try:
    if as_json:
      _print_json(path, examinations, composites, refusal)
    else:
      _print_page([*examinations, *composites], refusal)
    sys.stdout.flush()
  except BrokenPipeError:       # whoever read it has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  return _verdict(examinations)


def _examine(path, wanted_names, options, thorough):
  from lightman_jax.doctor.examine import (
    complete_composites,
    examine,
    examine_composite,
  )
  sightings = recognise(path)
  names = wanted_names or [sighting.name for sighting in sightings]
  if not names:
    raise InputError(_describe_absence(pathlib.Path(path)))
  places = {sighting.name: sighting.manual for sighting in sightings}
  choices = {name: choose({
      **options, 'name': name, 'manual_dir': str(places.get(name, path))})
             for name in (*names, *complete_composites(names))}
  return ([examine(choices[name], thorough=thorough) for name in names],
          [examine_composite(choices[name]) for name in complete_composites(names)])


def _describe_absence(path: pathlib.Path) -> str:
  packed = list_archives(places.expand(path))
  hint = f' Not unpacked yet: {", ".join(packed)}.' if packed else ''
  layouts = '\n'.join(f'  {facts.title}: {facts.layout[0]}'
                      for facts in TABLES.values())
  return (f'No data set is recognised in {path}.{hint} The frames of one lie there as '
          f'they were handed out:\n{layouts}\nClips of your own are given as a csv: '
          'python -m lightman_jax doctor CLIPS.csv, then python launch.py '
          '--config=configs/manifest.py --config.data.path=CLIPS.csv.')


def _verdict(examinations) -> int:
  """Several data sets are usable with losses where one of them is not usable."""
  verdicts = {examination.verdict for examination in examinations}
  return 2 if verdicts <= {2} else max(min(verdict, 1) for verdict in verdicts)


def _print_json(path, examinations, composites, refusal) -> None:
  from lightman_jax.doctor.findings import VERDICTS, to_jsonable
  verdict = _verdict(examinations)
  print(json.dumps({'path': str(path), 'verdict': verdict, 'said': VERDICTS[verdict],
                    'refusal': refusal, 'data_sets': to_jsonable(examinations),
                    'composites': to_jsonable(composites)}, indent=2))


def _print_page(results, refusal) -> None:
  from rich.console import Console

  from lightman_jax.doctor import findings
  with contextlib.suppress(AttributeError):     # not where it is captured
    sys.stdout.reconfigure(errors='replace')
  console = Console(highlight=False, markup=False)
  for result in results:
    if not console.is_terminal:
      print(findings.render_examination(result))
    elif hasattr(result, 'differences'):
      findings.show_composite(result, console=console)
    else:
      findings.show_examination(result, console=console)
  if refusal:
    print('\n'.join(map(printable, refusal.split('\n'))), file=sys.stderr)


def doctor(arguments: list[str]) -> int:
  """python -m lightman_jax doctor PATH: says what lies there and what is wrong."""
  options = vars(make_parser().parse_args(arguments))
  path = pathlib.Path(options.pop('path')).expanduser()
  if not path.is_file():
    return examine_folders(arguments)
  from lightman_jax.doctor import own_clips
  from lightman_jax.doctor.findings import to_jsonable
  sheet, as_json = options.pop('contact_sheet'), options.pop('json')
  settings = {name: value for name, value in options.items()
              if name not in ('name', 'thorough')}
  result = own_clips.examine(path, thorough=options['thorough'], **settings)
  if as_json:
    print(json.dumps(to_jsonable(result), indent=2))
  else:
    print(*map(printable, own_clips.describe_own_clips(result)), sep='\n')
  if not sheet:
    return result.verdict
  try:
    print(f'{write_contact_sheet(path, sheet, settings)} shows some clips of each '
          'label', file=sys.stderr if as_json else sys.stdout)
  except InputError as error:
    print(printable(error.with_code()), file=sys.stderr)
    return 2
  return result.verdict


def write_contact_sheet(path: pathlib.Path, target: str, settings: dict[str, Any]
                        ) -> pathlib.Path:
  """Draws some clips of each label of a manifest: pictures, or a frame and its flow.

  Args:
    path: the csv.
    target: the picture's file, whose name ends in .png.
    settings: of the build, see `own_clips.choice_of`.

  Returns:
    The picture's path.

  Raises:
    InputError: no clip can be read, or the picture cannot be written.
  """
  from lightman_jax.data import manifest_plan as own
  from lightman_jax.data.manifest import examine_manifest
  from lightman_jax.doctor import contact_sheet, own_clips
  from lightman_jax.errors import Unreadable
  from lightman_jax.files import write_atomically
  from lightman_jax.inputs import inputs
  place = pathlib.Path(target).expanduser()
  if place.suffix.lower() != '.png':
    raise InputError(f'--contact_sheet={target}: the name of the picture ends in .png.')
  entries = examine_manifest(path).entries
  choice = own_clips.choice_of(entries, path=str(path), **settings)
  how = inputs.Settings(kind='picture' if choice.frames == 1 else 'flow',
                        size=choice.size)
  by_label = defaultdict(list)
  for entry in entries:
    try:
      by_label[entry.label].append((entry, own.item_of(entry, (), choice)[0]))
    except Unreadable:
      continue      # the page lists it
  shown = []
  for same in by_label.values():
    subjects = [entry.subject for entry, _ in same]
    for number in contact_sheet.spread_over_people(subjects):
      entry, item = same[number]
      try:
        shown.append(contact_sheet.Shown(
            entry.clip, entry.subject, entry.label, item.make().frames))
      except Unreadable:
        continue
  if not shown:
    raise InputError(f'{path} lists no clip that can be read: nothing can be drawn.')
  try:
    with write_atomically(place, 'wb') as file:
      contact_sheet.draw_sheet(shown, how).save(file, format='PNG')
  except OSError as error:
    raise InputError(f'{place} cannot be written: {error.strerror}.') from error
  return place
