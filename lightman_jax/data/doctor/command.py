"""The command `doctor`."""

import argparse
import contextlib
import json
import os
import pathlib
import sys

from lightman_jax import places, registry
from lightman_jax.data.choice import choose, name_outside
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.errors import InputError, printable

_EPILOGUE = ('Exit code: 0 all of it is usable; 1 usable, but some rows give no clip; '
             '2 not usable.')


def make_parser() -> argparse.ArgumentParser:
  """The arguments of the command, for a folder and for a csv."""
  parser = argparse.ArgumentParser(
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
                      help='of a csv: draws what the network will see of some clips')
  return parser


def _named(name: str) -> str:
  """The name of a data set; one from outside is allowed by being named."""
  try:
    if registry.is_outside(name):
      registry.allow('data', name)
      return name_outside(name)
  except InputError as error:
    raise argparse.ArgumentTypeError(str(error)) from None
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
    examinations, composites, refusal = [], [], str(error)
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
  from lightman_jax.data.doctor import recognise
  from lightman_jax.data.doctor.examine import (
    complete_composites,
    examine,
    examine_composite,
  )
  sightings = recognise.recognise(path)
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
  from lightman_jax.data.doctor.recognise import list_archives
  packed = list_archives(places.expand(path))
  hint = f' Not unpacked yet: {", ".join(packed)}.' if packed else ''
  layouts = '\n'.join(f'  {facts.title}: {facts.layout[0]}'
                      for facts in TABLES.values())
  return (f'No data set is recognised in {path}.{hint} The frames of one lie there as '
          f'they were handed out:\n{layouts}\nClips of your own are given as a csv, '
          'with data.name=manifest.')


def _verdict(examinations) -> int:
  """Several data sets are usable with losses where one of them is not usable."""
  verdicts = {examination.verdict for examination in examinations}
  return 2 if verdicts <= {2} else max(min(verdict, 1) for verdict in verdicts)


def _print_json(path, examinations, composites, refusal) -> None:
  from lightman_jax.data.doctor.findings import VERDICTS, to_jsonable
  verdict = _verdict(examinations)
  print(json.dumps({'path': str(path), 'verdict': verdict, 'said': VERDICTS[verdict],
                    'refusal': refusal, 'data_sets': to_jsonable(examinations),
                    'composites': to_jsonable(composites)}, indent=2))


def _print_page(results, refusal) -> None:
  from rich.console import Console

  from lightman_jax.data.doctor import show
  with contextlib.suppress(AttributeError):     # not where it is captured
    sys.stdout.reconfigure(errors='replace')
  console = Console(highlight=False, markup=False)
  for result in results:
    if not console.is_terminal:
      print(show.render_examination(result))
    elif hasattr(result, 'differences'):
      show.show_composite(result, console=console)
    else:
      show.show_examination(result, console=console)
  if refusal:
    print('\n'.join(map(printable, refusal.split('\n'))), file=sys.stderr)
