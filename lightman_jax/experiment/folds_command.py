"""python -m lightman_jax folds CONFIG --out=FILE.csv: our folds, for other programs."""

import argparse
from collections.abc import Sequence
import csv
import sys

import numpy as np

from lightman_jax import places
from lightman_jax.errors import InputError, printable_lines
from lightman_jax.files import write_atomically

COLUMNS = ('clip', 'subject', 'dataset', 'label', 'fold')


def folds(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax folds',
      description='Writes the folds of a configuration, a row for each clip that is '
      'held out once: ' + ', '.join(COLUMNS) + '. Add what another program predicts as '
      'columns truth and prediction, and python -m lightman_jax score scores it.')
  parser.add_argument('config', metavar='CONFIG',
                      help='as casme2:three, or manifest; or a file of your own')
  parser.add_argument('--out', required=True, metavar='FILE.csv')
  options, changes = parser.parse_known_args(arguments)
  try:
    rows = fold_rows(options.config, _changes(changes))
    with write_atomically(places.expand(options.out)) as file:
      csv.writer(file, lineterminator='\n').writerows([COLUMNS, *rows])
  except InputError as error:
    print(printable_lines(f'folds: {error}'), file=sys.stderr)
    return 2
  except OSError as error:
    print(f'folds: {options.out} cannot be written ({error.strerror}); give another '
          '--out', file=sys.stderr)
    return 2
  print(f'{options.out}: {len(rows)} clips in {len({row[-1] for row in rows})} folds')
  return 0


def fold_rows(config: str, changes: dict[str, str]) -> list[tuple[str, ...]]:
  """The clips that are held out, by fold and in the order of their names.

  Args:
    config: name of a configuration, or a file, with variants behind a colon.
    changes: dotted setting to the text of its value.

  Returns:
    For each clip what `COLUMNS` says.

  Raises:
    InputError: the configuration or its data cannot be used.
  """
  from lightman_jax import settings as settings_module
  from lightman_jax.configurations.named import settings_by_name
  from lightman_jax.data.protocols import check_protocol
  from lightman_jax.data.sources import check_present
  from lightman_jax.experiment.notebook import load
  known = settings_module.flat(settings_by_name(config))
  settings = settings_by_name(config, **{
      name: _typed(name, text, known.get(name)) for name, text in changes.items()})
  check_present(settings['data'], settings['inputs'])
  check_protocol(settings)
  material = load(settings)
  pool = material.pool
  of = pool.dataset or (material.clips.info['dataset'],) * len(pool.clips)
  return [(pool.clips[n], pool.subjects[pool.subject[n]], of[n],
           pool.classes[pool.label[n]], fold.held_out)
          for fold in material.folds for n in np.flatnonzero(fold.test)]


def _changes(words: Sequence[str]) -> dict[str, str]:
  """Settings as launch.py takes them, --config.NAME=VALUE."""
  changes = {}
  for word in words:
    name, equals, value = word.partition('=')
    if not name.startswith('--config.') or not equals:
      raise InputError(f'{word!r} is no flag of this command; settings are given as '
                       '--config.data.path=FILE')
    changes[name.removeprefix('--config.')] = value
  return changes


def _typed(name: str, text: str, old):
  """A value of the type that the setting has."""
  if isinstance(old, bool):
    if text.lower() not in ('true', 'false'):
      raise InputError(f'{name}={text}: write True or False')
    return text.lower() == 'true'
  if isinstance(old, (int, float)):
    try:
      return type(old)(text)
    except ValueError:
      raise InputError(f'{name}={text}: this setting takes a number') from None
  return text
