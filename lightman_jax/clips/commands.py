"""The command `build`."""

import argparse
import sys

from lightman_jax.clips.doctor.words import clean
from lightman_jax.errors import InputError


def build(arguments: list[str]) -> int:
  """python -m lightman_jax build NAME: builds a data set ahead of a run."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax build',
      description='Builds a data set ahead of a run, or finds that it is up to date.')
  from lightman_jax.clips.choice import DATA_SETS
  parser.add_argument('name', help=', '.join(DATA_SETS))
  parser.add_argument('--manual_dir', default='', help='where the licensed data lie')
  parser.add_argument('--data_dir', default='', help='where built data sets are kept')
  parser.add_argument('--path', default='', help='csv of a manifest')
  parser.add_argument('--frames', type=int, default=9, help='T: odd, or 1')
  parser.add_argument('--size', type=int, default=64,
                      help='side in pixels; 0: as on disk (manifest)')
  parser.add_argument('--class_set', default='', help="default: the data set's first")
  parser.add_argument('--sheet', default='auto', help='auto, or an edition, as 2014')
  parser.add_argument('--edition', default='auto', help='auto, cropped or raw')
  parser.add_argument('--corrections', default='', help='names, divided by commas')
  parser.add_argument('--apex', default='spotted',
                      help='of clips whose sheet gives none: spotted, none (they are '
                           'left out), or a table with the columns clip, apex')
  parser.add_argument('--landmarks', default='auto',
                      help='auto, model, none, or the folder of the model')
  parser.add_argument('--synthetic', nargs='*', default=[], metavar='KEY=VALUE',
                      help='settings of the synthetic faces, as seed=1 subjects=4')
  for name, what in (('different_people', 'subjects of like names'),
                     ('different_labels', 'labels of like names'),
                     ('repeated_clips', 'clips that may show under two people')):
    parser.add_argument(f'--{name}', default='', metavar='NAMES',
                        help=f'{what}, divided by commas, or all')
  parser.add_argument('--workers', type=int, default=0,
                      help='processes; 0: one a core where that pays')
  given = vars(parser.parse_args(arguments))
  from lightman_jax.clips.sources import check_present
  try:
    workers = given.pop('workers')
    given['synthetic'] = dict(map(_pair, given['synthetic']))
    check_present(given)
    from lightman_jax.clips.load import load
    clips = load(given, progress=_show, workers=workers)
  except InputError as error:
    return _refuse(error)
  info = clips.info
  others = set(info['of_other_classes'])
  lost = [entry for entry in info['left_out'] if entry[0] not in others]
  counts = ', '.join(f'{name} {count}' for name, count in info['per_class'].items())
  print(f'{info["dataset"]}/{info["config"]}: {info["clips"]} clips of '
        f'{info["subjects"]} subjects ({counts}), {len(lost)} left out, '
        f'{len(others)} of other classes.')
  for clip, reason in lost:
    print(clean(f'  left out: {clip}: {reason}'))
  for clip, remark in info['remarks']:
    print(clean(f'  remark: {clip}: {remark}'))
  return 0


def _pair(text: str) -> tuple[str, int | float]:
  name, _, value = text.partition('=')
  try:
    return name, float(value) if '.' in value else int(value)
  except ValueError:
    raise InputError(f'--synthetic {text}: write KEY=NUMBER.') from None


def _refuse(error: InputError) -> int:
  print('\n'.join(map(clean, str(error).split('\n'))), file=sys.stderr)
  return 2


def _show(stage: str, done: int, total: int) -> None:
  if sys.stderr.isatty():
    end = '\n' if done == total else ''
    print(f'\r{stage} {done}/{total}', end=end, file=sys.stderr, flush=True)
