"""python -m lightman_jax inputs export | import: flow pictures, handed on and taken."""

import argparse
from collections.abc import Sequence
import pathlib
from typing import Any

import lightman_jax
from lightman_jax import places
from lightman_jax.command_line import Parser, joined, refusing
from lightman_jax.errors import InputError, printable_lines


@refusing('inputs')
def inputs(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax inputs',
      description='Flow pictures of a data set in a layout of the field, and back: '
      'flow.json beside them says how they came about.')
  commands = parser.add_subparsers(dest='command', required=True)
  export = commands.add_parser('export', help='writes the flow pictures of a '
                               'configuration; settings as --config.NAME=VALUE')
  export.add_argument('config', metavar='CONFIG', help='as casme2:three, or a file')
  export.add_argument('folder', metavar='DIR', help='a new one')
  export.add_argument('--layout', choices=('ststnet', 'npz'), default='ststnet')
  export.add_argument('--channels', default='u,v,strain', metavar='u,v,strain',
                      help='their order: red, green, blue, or the last axis')
  take = commands.add_parser('import', help='writes a manifest of flow pictures')
  take.add_argument('folder', metavar='DIR')
  take.add_argument('--channels', default='', metavar='u,v,strain',
                    help='where there is no flow.json: their order')
  take.add_argument('--classes', default='', metavar='NAME,NAME',
                    help='likewise: what the labels 0, 1, ... are')
  take.add_argument('--dataset', default='', help='likewise: whose people they are')
  options, changes = parser.parse_known_args(joined(arguments))
  if options.command == 'export':
    lines = _export(options, changes)
  elif changes:
    raise InputError(f'{changes[0]!r} is no flag of this command')
  else:
    lines = _import(options)
  print(printable_lines('\n'.join(lines)))
  return 0


def _export(options: argparse.Namespace, changes: Sequence[str]) -> list[str]:
  from lightman_jax.data.load import load
  from lightman_jax.data.sources import check_present
  from lightman_jax.experiment.launch import read_config
  from lightman_jax.inputs import exchange
  from lightman_jax.inputs.inputs import Settings
  order = exchange.order_of(options.channels)
  config = read_config(options.config, changes)
  if config['inputs']['kind'] not in ('flow', 'picture') or (
      config['inputs']['holds'] != 'flow'):
    raise InputError(f'inputs.kind={config["inputs"]["kind"]} is no flow; use '
                     '--config.inputs.kind=picture')
  check_present(config['data'], config['inputs'])
  known = None
  if config['data']['name'] == 'manifest':
    known = exchange.read_facts(places.expand(config['data']['path']).parent)
  pictures = exchange.flow_pictures(
      load(config['data']), Settings(**config['inputs']), known,
      version=lightman_jax.__version__)
  return exchange.write_pictures(pictures, places.expand(options.folder),
                                 layout=options.layout, channels=order)


def _import(options: argparse.Namespace) -> list[str]:
  from lightman_jax.inputs import exchange
  path, lines = exchange.import_pictures(
      places.expand(options.folder), channels=options.channels,
      classes=options.classes, dataset=options.dataset)
  return [*lines, f'{path}: a manifest; python -m lightman_jax train --config=manifest '
          f'--config.data.path={path} trains on it', *_size(path.parent)]


def _size(folder: pathlib.Path) -> list[Any]:
  from lightman_jax.inputs import exchange
  facts = exchange.read_facts(folder)
  size = (facts or {}).get('size') or []
  if not size or set(size) == {28}:
    return []
  return [f'its pictures have {" x ".join(map(str, size))} pixels: add --config.data.'
          f'size={size[0]}']
