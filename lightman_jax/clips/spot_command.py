"""The command `spot`."""

import argparse
import csv
import sys

from lightman_jax import places
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically

_COLUMNS = ('clip', 'onset', 'annotated', 'apex', 'offset')


def spot(arguments: list[str]) -> int:
  """python -m lightman_jax spot NAME: measures the error of spotted apexes."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax spot',
      description='Spots the apex of clips whose apex is known, as a build does for '
                  'those that have none, and tells how far it is from the annotation.')
  parser.add_argument('name', help='synthetic, casme2, samm, ...')
  parser.add_argument('--manual_dir', default='', help='where the licensed data lie')
  parser.add_argument('--sheet', default='auto', help='auto, or an edition, as 2014')
  parser.add_argument('--edition', default='auto', help='auto, cropped or raw')
  parser.add_argument('--corrections', default='', help='names, divided by commas')
  parser.add_argument('--landmarks', default='auto',
                      help='auto, model, none, or the folder of the model')
  parser.add_argument('--most', type=int, default=0,
                      help='clips, evenly out of all; 0: all')
  parser.add_argument('--csv', default='', metavar='PATH',
                      help='write a line a clip: ' + ', '.join(_COLUMNS))
  parser.add_argument('--workers', type=int, default=0,
                      help='processes; 0: one a core where that pays')
  given = parser.parse_args(arguments)
  try:
    _measure(given)
  except InputError as error:
    print(error, file=sys.stderr)
    return 2
  except OSError as error:
    print(f'{given.csv} cannot be written: {error.strerror}.', file=sys.stderr)
    return 2
  return 0


def _measure(given: argparse.Namespace) -> None:
  from lightman_jax.clips import choice as choices
  from lightman_jax.clips import facing, spotting
  names = ('name', 'manual_dir', 'sheet', 'edition', 'corrections', 'landmarks')
  choice = choices.choose({name: getattr(given, name) for name in names})
  pairs, left_out = spotting.withheld(choice)
  if 0 < given.most < len(pairs):
    pairs = [pairs[k * len(pairs) // given.most] for k in range(given.most)]
  found = []
  for done, entry in enumerate(spotting.run(pairs, workers=given.workers), start=1):
    (found if isinstance(entry, spotting.Spotted) else left_out).append(entry)
    if sys.stderr.isatty():
      print(f'\rclips {done}/{len(pairs)}', end='' if done < len(pairs) else '\n',
            file=sys.stderr, flush=True)
  for clip, reason in sorted(left_out):
    print(f'left out: {clip}: {reason}')
  if not found:
    raise InputError(f'{given.name} has no clip whose apex can be spotted')
  how = 'landmarks' if facing.find_face_model(choice.landmarks) else 'no landmarks'
  for kind in ('micro', 'macro'):
    some = [clip for clip in found if clip.row.kind == kind]
    if some:
      print(f'{given.name}, {kind}, {how}: {_line(spotting.error_of(some))}')
  if given.csv:
    with write_atomically(places.expand(given.csv)) as file:
      rows = sorted((c.row.clip, c.row.onset, c.row.apex, c.apex, c.row.offset)
                    for c in found)
      csv.writer(file, lineterminator='\n').writerows([_COLUMNS, *rows])


def _line(error) -> str:
  seconds = '' if error.seconds != error.seconds else f'{1000 * error.seconds:.0f} ms, '
  return (f'{error.clips} clips; error {error.mean:.2f} frames in the mean ({seconds}'
          f'{error.share:.3f} of a clip), median {error.median:g}, nine in ten within '
          f'{error.ninetieth:g}; exact in {error.exact:.0%}, off by a fifth of a clip '
          f'or more in {error.far:.0%}. The middle of the clip would err by '
          f'{error.middle:.2f}.')
