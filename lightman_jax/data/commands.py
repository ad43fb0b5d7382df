"""The command `build`, and what `spotting apex` does."""

import argparse
import csv
import functools
import sys

from lightman_jax import places, registry
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError, printable
from lightman_jax.files import write_atomically
from lightman_jax.units import counted

# The command `build`.


@refusing('build')
def build(arguments: list[str]) -> int:
  """python -m lightman_jax build NAME: builds a data set ahead of a run."""
  parser = Parser(
      prog='python -m lightman_jax build',
      description='Builds a data set ahead of a run, or finds that it is up to date.')
  from lightman_jax.data.choice import DATA_SETS
  parser.add_argument('name', help=f'{", ".join(DATA_SETS)}, or FILE.py:NAME')
  parser.add_argument('--manual_dir', default='', help='where the licensed data lie')
  parser.add_argument('--data_dir', default='', help='where built data sets are kept')
  parser.add_argument('--path', default='', help='csv of a manifest')
  parser.add_argument('--frames', type=int, default=9, help='T: odd, or 1')
  parser.add_argument('--size', type=int, default=64,
                      help='side in pixels; 0: as on disk (manifest)')
  parser.add_argument('--class_set', default='', help="default: the data set's first")
  parser.add_argument('--sheet', default='auto',
                      help='auto, an edition, as 2014, or its files')
  parser.add_argument('--edition', default='auto', help='auto, cropped or raw')
  parser.add_argument('--corrections', default='', help='names, divided by commas')
  parser.add_argument('--apex', default='spotted',
                      help='of clips whose sheet gives none: spotted, none (they are '
                           'left out), or a table with the columns clip, apex')
  parser.add_argument('--landmarks', default='auto',
                      help='auto, model, none, or the folder of the model')
  parser.add_argument('--synthetic', nargs='*', default=[], metavar='KEY=VALUE',
                      help='settings of the synthetic faces, as seed=1 subjects=4')
  for name, description in (('different_people', 'subjects of like names'),
                            ('different_labels', 'labels of like names'),
                            ('repeated_clips', 'clips that may show under two people')):
    parser.add_argument(f'--{name}', default='', metavar='NAMES',
                        help=f'{description}, divided by commas, or all')
  parser.add_argument('--workers', type=int, default=0,
                      help='processes; 0: one a core where that pays')
  options = vars(parser.parse_args(arguments))
  from lightman_jax.data.sources import check_present
  workers = options.pop('workers')
  if registry.is_outside(options['name']):
    registry.allow('data', options['name'])
  options['synthetic'] = dict(map(_pair, options['synthetic']))
  check_present(options)
  from lightman_jax.data.load import load
  clips = load(options, progress=functools.partial(_show, options['name']),
               workers=workers)
  info = clips.info
  others = set(info['of_other_classes'])
  lost = [entry for entry in info['left_out'] if entry[0] not in others]
  counts = ', '.join(f'{name} {count}' for name, count in info['per_class'].items())
  print(f'{info["dataset"]}/{info["config"]}: {counted(info["clips"], "clip")} of '
        f'{counted(info["subjects"], "subject")} ({counts}), {len(lost)} left out, '
        f'{len(others)} of other classes.')
  for clip, reason in lost:
    print(printable(f'  left out: {clip}: {reason}'))
  for clip, remark in info['remarks']:
    print(printable(f'  remark: {clip}: {remark}'))
  return 0


def _pair(text: str) -> tuple[str, int | float | str]:
  name, _, value = text.partition('=')
  if name == 'faces':
    return name, value
  try:
    return name, float(value) if '.' in value else int(value)
  except ValueError:
    raise InputError(f'--synthetic {text}: write KEY=NUMBER.') from None


def _show(name: str, stage: str, done: int, total: int) -> None:
  if sys.stderr.isatty():
    end = '\n' if done == total else ''
    print(f'\r{name} {stage} {done}/{total}', end=end, file=sys.stderr, flush=True)


# `spotting apex`.

_COLUMNS = ('clip', 'onset', 'annotated', 'apex', 'offset')
APEX = ('Spots the apex of clips whose apex is known, as a build does for those that '
        'have none, and tells how far it is from the annotation.')


def add_apex_arguments(parser: argparse.ArgumentParser) -> None:
  """What `spotting apex NAME` reads.

  Args:
    parser: of it.
  """
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


def measure_apexes(options: argparse.Namespace) -> int:
  """Measures the error of spotted apexes; returns the exit code.

  Args:
    options: as `add_apex_arguments` has them read.
  """
  if registry.is_outside(options.name):
    registry.allow('data', options.name)
  _measure(options)
  return 0


def _measure(options: argparse.Namespace) -> None:
  from lightman_jax.data import frames, spotting
  from lightman_jax.data.choice import choose
  names = ('name', 'manual_dir', 'sheet', 'edition', 'corrections')
  values = {name: getattr(options, name) for name in names}
  # A run on synthetic faces knows their landmarks; the spotter may look for them.
  if options.name != 'synthetic':
    values['landmarks'] = options.landmarks
  choice = choose(values)._replace(landmarks=options.landmarks)
  pairs, left_out = spotting.withhold_apexes(choice)
  if 0 < options.most < len(pairs):
    pairs = [pairs[k * len(pairs) // options.most] for k in range(options.most)]
  spotted = []
  for done, entry in enumerate(
      spotting.run_spotting(pairs, workers=options.workers), start=1):
    (spotted if isinstance(entry, spotting.Spotted) else left_out).append(entry)
    if sys.stderr.isatty():
      print(f'\rclips {done}/{len(pairs)}', end='' if done < len(pairs) else '\n',
            file=sys.stderr, flush=True)
  for clip, sentence in sorted(entry.in_words for entry in left_out):
    print(f'left out: {clip}: {sentence}')
  if not spotted:
    raise InputError(f'{options.name} has no clip whose apex can be spotted')
  how = 'landmarks' if frames.find_face_model(choice.landmarks) else 'no landmarks'
  for kind in ('micro', 'macro'):
    clips = [clip for clip in spotted if clip.row.kind == kind]
    if clips:
      print(f'{options.name}, {kind}, {how}: {_line(spotting.error_of(clips))}')
  if options.csv:
    with write_atomically(places.expand(options.csv)) as file:
      rows = sorted((c.row.clip, c.row.onset, c.row.apex, c.apex, c.row.offset)
                    for c in spotted)
      csv.writer(file, lineterminator='\n').writerows([_COLUMNS, *rows])


def _line(error) -> str:
  seconds = '' if error.seconds != error.seconds else f'{1000 * error.seconds:.0f} ms, '
  return (f'{counted(error.clips, "clip")}; error {error.mean:.2f} frames in the mean '
          f'({seconds}{error.share:.3f} of a clip), median {error.median:g}, nine in '
          f'ten within {error.ninetieth:g}; exact in {error.exact:.0%}, off by a fifth '
          f'of a clip or more in {error.far:.0%}. The middle of the clip would err by '
          f'{error.middle:.2f}.')
