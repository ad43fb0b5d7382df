"""The command `doctor`."""

import argparse
import contextlib
import json
import os
import pathlib
import sys

from lightman_jax import places
from lightman_jax.data.choice import choose
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.errors import InputError

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
  parser.add_argument('--name', nargs='+', default=[], choices=list(TABLES),
                      metavar='NAME', help=f'only these: {", ".join(TABLES)}')
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


def doctor(arguments: list[str]) -> int:
  """python -m lightman_jax doctor FOLDER: says what lies there and what is wrong."""
  given = vars(make_parser().parse_args(arguments))
  if given.pop('contact_sheet'):
    print('doctor: --contact_sheet draws the clips of a csv; name the csv in place of '
          'the folder.', file=sys.stderr)
    return 2
  given |= {name: default for name, default in (('frames', 9), ('size', 64))
            if given[name] is None}
  path, as_json = given.pop('path'), given.pop('json')
  thorough, wanted = given.pop('thorough'), given.pop('name')
  try:
    (found, made), refusal = _examine(path, wanted, given, thorough), ''
  except InputError as error:
    found, made, refusal = [], [], str(error)
  try:
    if as_json:
      _print_json(path, found, made, refusal)
    else:
      _print_page([*found, *made], refusal)
    sys.stdout.flush()
  except BrokenPipeError:       # whoever read it has seen enough
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  return _verdict(found)


def _examine(path, wanted, given, thorough):
  from lightman_jax.data.doctor import examine as together, recognise
  from lightman_jax.data.doctor.examine import examine
  sightings = recognise.recognise(path)
  names = wanted or [sighting.name for sighting in sightings]
  if not names:
    raise InputError(_nothing(pathlib.Path(path)))
  places = {sighting.name: sighting.manual for sighting in sightings}
  choices = {name: choose({
      **given, 'name': name, 'manual_dir': str(places.get(name, path))})
             for name in (*names, *together.composites(names))}
  return ([examine(choices[name], thorough=thorough) for name in names],
          [together.examine_composite(choices[name])
           for name in together.composites(names)])


def _nothing(path: pathlib.Path) -> str:
  from lightman_jax.data.doctor.recognise import archives
  packed = archives(places.expand(path))
  held = f' Not unpacked yet: {", ".join(packed)}.' if packed else ''
  layouts = '\n'.join(f'  {facts.title}: {facts.layout[0]}'
                      for facts in TABLES.values())
  return (f'No data set is recognised in {path}.{held} The frames of one lie there as '
          f'they were handed out:\n{layouts}\nClips of your own are given as a csv, '
          'with data.name=manifest.')


def _verdict(found) -> int:
  """Several data sets are usable with losses where one of them is not usable."""
  verdicts = {examination.verdict for examination in found}
  return 2 if verdicts <= {2} else max(min(verdict, 1) for verdict in verdicts)


def _print_json(path, found, made, refusal) -> None:
  from lightman_jax.data.doctor.findings import VERDICTS, plain
  verdict = _verdict(found)
  print(json.dumps({'path': str(path), 'verdict': verdict, 'said': VERDICTS[verdict],
                    'refusal': refusal, 'data_sets': plain(found),
                    'composites': plain(made)}, indent=2))


def _print_page(found, refusal) -> None:
  from rich.console import Console

  from lightman_jax.data.doctor import show
  from lightman_jax.data.doctor.findings import printable
  with contextlib.suppress(AttributeError):     # not where it is captured
    sys.stdout.reconfigure(errors='replace')
  console = Console(highlight=False, markup=False)
  for examination in found:
    if not console.is_terminal:
      print(show.render(examination))
    elif hasattr(examination, 'differences'):
      show.show_composite(examination, console=console)
    else:
      show.show(examination, console=console)
  if refusal:
    print('\n'.join(map(printable, refusal.split('\n'))), file=sys.stderr)
