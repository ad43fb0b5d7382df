"""The command `replica`."""

import argparse
import sys

from lightman_jax.errors import InputError


def replica(arguments: list[str]) -> int:
  """python -m lightman_jax replica NAME DIR: writes a made-up data set."""
  from lightman_jax.synthetic.replicas.catalog import REPLICAS
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax replica',
      description='Writes a made-up data set in the layout of the real one, to be '
                  'given as manual_dir.')
  parser.add_argument('name', choices=list(REPLICAS))
  parser.add_argument('folder', help='a new or empty folder')
  parser.add_argument('--edition', default='', help='cropped or raw')
  parser.add_argument('--sheets', nargs='+', default=(), metavar='SHEET',
                      help='editions of the annotations, as 2014; default: all')
  parser.add_argument('--form', choices=['xlsx', 'xls', 'csv'], default='',
                      help='of the sheets; default: as the data set is handed out')
  parser.add_argument('--clips-per-class', dest='per_class', type=int, default=0,
                      help='so many of each class beside the odd ones; 0: all')
  parser.add_argument('--frames', type=int, default=0,
                      help='only what a build with so many frames reads; 0: all')
  parser.add_argument('--size', nargs=2, type=int, metavar=('WIDTH', 'HEIGHT'),
                      help='of a frame in pixels; default: small')
  parser.add_argument('--nested', nargs='?', type=int, const=1, default=0,
                      metavar='TIMES', help='put the tree into a folder of its name')
  parser.add_argument('--root', default='', help='another name of the tree')
  parser.add_argument('--draw_each', action='store_true',
                      help='no two clips share pictures; slow')
  parser.add_argument('--seed', type=int, default=0)
  options = vars(parser.parse_args(arguments))
  name, folder = options.pop('name'), options.pop('folder')
  options['size'] = tuple(options['size']) if options['size'] else None
  from lightman_jax.synthetic.replicas.write import write_replica
  try:
    count = write_replica(name, folder, progress=_show, **options)
  except InputError as error:
    print(error, file=sys.stderr)
    return 2
  print(f'{folder}: {name}, {count} clips of people who do not exist.')
  return 0


def _show(stage: str, done: int, total: int) -> None:
  if sys.stderr.isatty():
    end = '\n' if done == total else ''
    print(f'\r{stage} {done}/{total}', end=end, file=sys.stderr, flush=True)
