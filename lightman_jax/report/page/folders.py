"""Finished run folders, read and checked: what a report is made of.

What lies there may have been written by anybody: every number that is used is turned
into one here, and names are only ever text.
"""

import csv
import hashlib
import json
import pathlib
from typing import Any, NamedTuple

from jaxtyping import Int
import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.report import differences, identity, results

# Looking on changes no score.
ONLOOKERS = tuple(f'evaluation.{name}' for name in (
    'efficiency', 'embeddings', 'tensorboard', 'oracle_gap', 'noise'))

HINT = 'leave it out, or give --skip-unfinished to leave out all such folders'


class Run(NamedTuple):
  """One finished run."""
  path: pathlib.Path
  config: dict[str, Any]
  found: dict[str, Any]                             # results.json
  counts: dict[str, Int[np.ndarray, 'S K K']]       # row -> by subject, sorted
  subjects: tuple[str, ...]
  classes: tuple[str, ...]
  clips_sha256: str      # over clip, subject and truth of all that was held out
  code_sha256: str
  folds: tuple[str, ...]   # which held each subject out, that is by which trained model

  @property
  def about(self) -> dict[str, Any]:
    """What its figures are figures of."""
    return self.found['about']

  @property
  def seed(self) -> int:
    """Of the run."""
    return int(self.about['seed'])

  @property
  def method(self) -> str:
    """The name of its row; the other rows are references beside it."""
    return next(iter(self.counts))

  @property
  def identity(self) -> str:
    """The same for runs that differ in the seed only, or in what looked on."""
    rest = differences.without(identity.identity(self.config), ('seed', *ONLOOKERS))
    return json.dumps(rest, sort_keys=True)

  def read(self, name: str) -> Any:
    """A JSON file beside the results; None where there is none.

    Raises:
      InputError: it is none.
    """
    path = self.path / name
    return _json(path) if path.is_file() else None


def read_run(path: pathlib.Path) -> Run:
  """Reads a run folder.

  Raises:
    InputError: it is none, is not finished, or was not written by this program.
  """
  if not (path / 'config.json').is_file():
    raise InputError(f'{path} is no run folder, for it holds no config.json; {HINT}')
  if not (path / 'results.json').is_file():
    raise InputError(f'{path} is not finished, for it holds no results.json; run its '
                     f'command to the end, or {HINT}')
  config, found = _json(path / 'config.json'), _json(path / 'results.json')
  environment = path / 'environment.json'
  code = _json(environment).get('code_sha256') if environment.is_file() else ''
  try:
    return _checked(path, config, found, str(code or ''))
  except (KeyError, TypeError, ValueError, AttributeError, IndexError,
          StopIteration, OverflowError, OSError, csv.Error) as error:
    raise InputError(
        f'{path}/results.json does not hold what this version writes '
        f'({type(error).__name__}: {error}); run it again with --fresh, or {HINT}'
    ) from None


def _checked(path, config, found, code: str) -> Run:
  about = found['about']
  for name in ('method', 'model', 'data'):
    if not isinstance(config.get(name, {}), dict):
      raise ValueError(f'{name} in config.json is no section')
  for name in ('protocol', 'dataset', 'class_set', 'sheet', 'sheet_sha256', 'f1'):
    if not isinstance(about[name], str):
      raise ValueError(f'about.{name} is no text')
  int(about['seed'])
  classes = tuple(about['clips_per_class'])
  first = next(iter(found['rows'].values()))
  subjects = tuple(sorted(first['per_subject']))
  counts = {str(name): counts_of(row, subjects, len(classes))
            for name, row in found['rows'].items()}
  clips = next(iter(counts.values())).sum(-1)
  if not clips.sum():
    raise ValueError('no clip was predicted')
  if any((part.sum(-1) != clips).any() for part in counts.values()):
    raise ValueError('its rows are not of the same clips')
  if clips.sum(0).tolist() != list(about['clips_per_class'].values()):
    raise ValueError('about.clips_per_class is not what the rows count')
  return Run(path, config, found, counts, subjects, classes,
             _clips_sha256(path / 'predictions.csv', next(iter(counts.values()))), code,
             _folds(path / 'predictions.csv', subjects, about))


def counts_of(row: dict[str, Any], subjects: tuple[str, ...],
              classes: int) -> Int[np.ndarray, 'S K K']:
  """Confusion counts by subject of a row of results.json.

  Raises:
    KeyError, ValueError: they are not there, or not whole numbers from 0.
  """
  counts = np.array([row['per_subject'][name]['confusion'] for name in subjects])
  if (counts.shape != (len(subjects), classes, classes) or counts.dtype.kind != 'i'
      or counts.min() < 0 or len(row['per_subject']) != len(subjects)):
    raise ValueError('per_subject holds no counts of all subjects')
  return counts


def _clips_sha256(path: pathlib.Path, counts: Int[np.ndarray, 'S K K']) -> str:
  """Which clips were held out, and what they are; the protocol tells the folds."""
  digest = hashlib.sha256(json.dumps(counts.sum(-1).tolist()).encode())
  if path.is_file():
    lines = sorted((line['clip'], line['subject'], line['truth'])
                   for line in results.read_predictions(path))
    digest.update(json.dumps(lines).encode())
  return digest.hexdigest()


def _folds(path: pathlib.Path, subjects: tuple[str, ...], about: dict[str, Any]
           ) -> tuple[str, ...]:
  """The fold of every subject; where no file says it, one that holds all of them out,
  unless there were as many folds as subjects."""
  if not path.is_file():
    return subjects if about.get('folds') == len(subjects) else ('',) * len(subjects)
  of = {line['subject']: str(line['fold']) for line in results.read_predictions(path)}
  return tuple(of[name] for name in subjects)


def _json(path: pathlib.Path) -> dict[str, Any]:
  try:
    value = bounded.read_json(path)
  except (ValueError, OSError):
    value = None
  if not isinstance(value, dict):
    raise InputError(f'{path} cannot be read as a JSON object; run it again with '
                     f'--fresh, or {HINT}')
  return value
