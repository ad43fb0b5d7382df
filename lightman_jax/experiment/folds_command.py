"""python -m lightman_jax folds CONFIG --out=FILE.csv: our folds, for other programs."""

from collections.abc import Mapping, Sequence
import contextlib
import csv
import pathlib
from typing import Any

import numpy as np

from lightman_jax import places, registry
from lightman_jax.command_line import Parser, joined, refusing
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.settings import is_multi_label, macro_data, uses_macro
from lightman_jax.tasks import action_units
from lightman_jax.units import counted

COLUMNS = ('clip', 'subject', 'dataset', 'label', 'fold')


@refusing('folds')
def folds(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax folds',
      description='Writes the folds of a configuration, a row for each clip that is '
      'held out once: ' + ', '.join(COLUMNS) + '. Add what another program predicts as '
      'a column prediction, and python -m lightman_jax score scores it.')
  parser.add_argument('config', metavar='CONFIG',
                      help='as casme2:three, or manifest; or a file of your own')
  parser.add_argument('--out', required=True, metavar='FILE.csv')
  options, changes = parser.parse_known_args(joined(arguments))
  out = places.expand(options.out)
  if not options.out.strip() or out.is_dir() or out.exists() and not is_of_folds(out):
    raise InputError(f'--out={options.out} is no file that folds has written, so it is '
                     'not replaced; name a new one, as FOLDS.csv')
  rows = fold_rows(options.config, changes)
  with write_atomically(out) as file:
    csv.writer(file, lineterminator='\n').writerows([COLUMNS, *rows])
  print(f'{options.out}: {counted(len(rows), "clip")} in '
        f'{counted(len({row[-1] for row in rows}), "fold")}')
  return 0


def is_of_folds(path: pathlib.Path) -> bool:
  """Whether a file begins with the header of this command.

  Args:
    path: of the file.
  """
  header = (','.join(COLUMNS) + '\n').encode()
  with contextlib.suppress(OSError), open(path, 'rb') as file:
    return file.read(len(header)) == header
  return False


def fold_rows(config: str, changes: Sequence[str]) -> list[tuple[str, ...]]:
  """The clips that are held out, by fold and in the order of their names.

  Args:
    config: name of a configuration, or a file, with variants behind a colon.
    changes: settings as launch.py takes them, --config.NAME=VALUE.

  Returns:
    For each clip what `COLUMNS` says.

  Raises:
    InputError: the configuration or its data cannot be used.
  """
  from lightman_jax.data.protocols import check_protocol
  from lightman_jax.data.sources import check_present
  from lightman_jax.experiment.launch import read_config
  for word in changes:
    if not word.startswith('--config.'):
      raise InputError(f'{word!r} is no flag of this command; settings are given as '
                       '--config.data.path=FILE')
  settings = read_config(config, changes)
  check_present(settings['data'], settings['inputs'])
  check_protocol(settings)
  pool, cut, dataset = _cut_folds(settings)
  of = pool.dataset or (dataset,) * len(pool.clips)
  label = (lambda n: action_units.spelled(pool.action_units[n])) if is_multi_label(
      settings) else (lambda n: pool.classes[pool.label[n]])
  return [(pool.clips[n], pool.subjects[pool.subject[n]], of[n], label(n),
           fold.held_out)
          for fold in cut for n in np.flatnonzero(fold.test)]


def _cut_folds(settings: Mapping[str, Any]) -> tuple[Any, Sequence[Any], str]:
  """The clips of a run without their inputs, its folds, and what its data set is.

  Who is held out is a matter of the data set alone. Macro clips of another one are
  loaded only where a protocol from outside, which sees all clips, could look at them.
  """
  from lightman_jax.data.load import load
  from lightman_jax.data.sources import check_flow_pictures
  from lightman_jax.inputs import inputs
  from lightman_jax.inputs.macros import make_pool
  from lightman_jax.runs.progress import Progress, Stages
  from lightman_jax.tasks.folds import make_folds
  episodes, source, other = settings['episodes'], settings['macro']['source'], None
  outside = registry.is_outside(episodes['protocol'])
  others = macro_data(settings) if outside else None
  with Progress() as progress:
    shown = Stages(progress)

    def clips_of(data):
      check_flow_pictures(data, settings['inputs'])
      return load(data, progress=shown.of(data), say=progress.say)
    clips = clips_of(settings['data'])
    if others:
      other = clips_of(others)
  pool = make_pool(
      clips, inputs.Settings(**settings['inputs']), other=other,
      make=lambda some: np.zeros((len(some.clip), 1, 1, 1), np.float32),
      macro_map=settings['macro']['map'],
      source=source if other or source == 'own' and uses_macro(settings) else 'none')
  dataset = clips.info['dataset']
  if is_multi_label(settings):
    pool = action_units.coded_pool(pool, progress.say)
  return pool, make_folds(pool, episodes['protocol'], folds=episodes['folds'],
                          seed=settings['seed'], dataset=dataset,
                          options=episodes), dataset
