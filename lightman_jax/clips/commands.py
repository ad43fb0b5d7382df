"""The commands `build` and `replica`."""

import argparse
import sys

from lightman_jax.errors import InputError


def build(arguments: list[str]) -> int:
  """python -m lightman_jax build NAME: builds a data set ahead of a run."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax build',
      description='Builds a data set ahead of a run, or finds that it is up to date.')
  parser.add_argument('name', help='casme2, manifest or synthetic')
  parser.add_argument('--manual_dir', default='', help='where the licensed data lie')
  parser.add_argument('--data_dir', default='', help='where built data sets are kept')
  parser.add_argument('--path', default='', help='csv of a manifest')
  parser.add_argument('--frames', type=int, default=9, help='T: odd, or 1')
  parser.add_argument('--size', type=int, default=64,
                      help='side in pixels; 0: as on disk (manifest)')
  parser.add_argument('--class_set', default='', help='casme2_5 (default), casme2_3')
  parser.add_argument('--sheet', default='auto', help='auto, 2014 or 2019')
  parser.add_argument('--edition', default='auto', help='auto, cropped or raw')
  parser.add_argument('--synthetic', nargs='*', default=[], metavar='KEY=VALUE',
                      help='settings of the synthetic faces, as seed=1 subjects=4')
  given = vars(parser.parse_args(arguments))
  from lightman_jax.clips.sources import check_present
  try:
    given['synthetic'] = dict(map(_pair, given['synthetic']))
    check_present(given)
    from lightman_jax.clips.load import load
    clips = load(given, progress=_show)
  except InputError as error:
    return _refuse(error)
  info = clips.info
  counts = ', '.join(f'{name} {count}' for name, count in info['per_class'].items())
  print(f'{info["dataset"]}/{info["config"]}: {info["clips"]} clips of '
        f'{info["subjects"]} subjects ({counts}), {len(info["left_out"])} left out.')
  for clip, reason in info['left_out']:
    print(f'  left out: {clip}: {reason}')
  return 0


def replica(arguments: list[str]) -> int:
  """python -m lightman_jax replica NAME DIR: writes a made-up data set."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax replica',
      description='Writes a made-up data set in the layout of the real one, to be '
                  'given as manual_dir.')
  parser.add_argument('name', choices=['casme2'])
  parser.add_argument('folder', help='a new or empty folder')
  parser.add_argument('--edition', choices=['cropped', 'raw'], default='cropped')
  parser.add_argument('--sheets', nargs='+', choices=['2014', '2019'],
                      default=['2014', '2019'])
  parser.add_argument('--form', choices=['xlsx', 'csv'], default='xlsx')
  parser.add_argument('--clips-per-class', dest='per_class', type=int, default=0,
                      help='so many of each class beside the odd ones; 0: all 255')
  parser.add_argument('--frames', type=int, default=0,
                      help='only what a build with so many frames reads; 0: all')
  parser.add_argument('--nested', action='store_true')
  parser.add_argument('--seed', type=int, default=0)
  given = vars(parser.parse_args(arguments))
  name, folder = given.pop('name'), given.pop('folder')
  from lightman_jax.clips.replica import write_replica
  try:
    count = write_replica(
        folder, progress=_show, **{**given, 'sheets': tuple(given['sheets'])})
  except InputError as error:
    return _refuse(error)
  print(f'{folder}: {name}, {count} clips of people who do not exist.')
  return 0


def _pair(text: str) -> tuple[str, int | float]:
  name, _, value = text.partition('=')
  try:
    return name, float(value) if '.' in value else int(value)
  except ValueError:
    raise InputError(f'--synthetic {text}: write KEY=NUMBER.') from None


def _refuse(error: InputError) -> int:
  print(error, file=sys.stderr)
  return 2


def _show(stage: str, done: int, total: int) -> None:
  if sys.stderr.isatty():
    end = '\n' if done == total else ''
    print(f'\r{stage} {done}/{total}', end=end, file=sys.stderr, flush=True)
