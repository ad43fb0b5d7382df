"""Two runs of one configuration: the same, bit for bit, or to what rounding?"""

from collections.abc import Iterator
import csv
import math
import pathlib
from typing import Any

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.report import differences, metrics_log, results
from lightman_jax.report import reproducibility as statement
from lightman_jax.run.rescoring import Said, apart, numbers

# Other devices, layouts and versions order sums otherwise. More is no rounding.
ROUNDING = 1e-3


def compare(first: pathlib.Path, second: pathlib.Path) -> Iterator[Said]:
  """What differs between a run and the same run made again, here.

  Raises:
    InputError: a file of them cannot be read.
  """
  try:
    yield _environments(first, second)
    yield _predictions(first, second)
    for name in statement.FILES:
      if name != 'predictions.csv' and (first / name).is_file():
        yield _numbers(first, second, name)
  except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f'{first} cannot be compared with a run made again '
                     f'({type(error).__name__}: {error})') from error


def _environments(first, second) -> Said:
  one, two = (statement.environments(bounded.read_json(run / 'environment.json'))[-1]
              for run in (first, second))
  data = one.pop('data_sha256') == two.pop('data_sha256')
  changed = differences.between(one, two)
  words = ('run again on the same data' if data else
           'run again on OTHER data: what they were built from has changed')
  return Said(data, words + (f'; also another (then -> here): '
                             f'{differences.told(changed)}.' if changed else
                             ', by the same code, packages and devices.'))


def _predictions(first, second) -> Said:
  if _same(first, second, 'predictions.csv'):
    return Said(True, 'predictions.csv comes out the same again, byte for byte.')
  one, two = (_lines(run / 'predictions.csv') for run in (first, second))
  if one.keys() != two.keys():
    return Said(False, 'predictions.csv: other clips are held out.')
  changed = sum(one[clip]['prediction'] != two[clip]['prediction'] for clip in one)
  gaps = [abs(float(one[clip][name]) - float(two[clip][name])) for clip in one
          for name in one[clip] if name.startswith('probability_')]
  gap = max(gaps, default=math.inf)
  fine = not changed and gap <= ROUNDING
  return Said(fine, f'predictions.csv: {changed} of {len(one)} predictions are others '
              f'when run again; probabilities differ by up to {gap:.3g}'
              + (', which is rounding.' if fine else '.'))


def _numbers(first, second, name: str) -> Said:
  if not (second / name).is_file():
    return Said(False, f'{name} does not come out again.')
  if _same(first, second, name):
    return Said(True, f'{name} comes out the same again, byte for byte.')
  old, new = (numbers(_content(run / name)) for run in (first, second))
  places, gap = apart(old, new)
  fine = gap <= ROUNDING
  by = f'by up to {gap:.3g}' if math.isfinite(gap) else 'in more than numbers'
  return Said(fine, f'{name}: {len(places)} of {len(old)} values are others when '
              f'run again, {by}, the first {places[0] if places else "in its layout"}'
              + (', which is rounding.' if fine else '.'))


def _content(path: pathlib.Path) -> Any:
  """What a file holds, as plain values."""
  match path.suffix:
    case '.json':
      return bounded.read_json(path)
    case '.jsonl':
      return metrics_log.read(path)
    case '.npz':
      return {name: x.tolist() for name, x in bounded.read_arrays(path).items()}
    case _:
      text = bounded.read_bytes(path).decode('utf-8')
      return [line.split(',') for line in text.split('\n')]


def _same(first, second, name: str) -> bool:
  return bounded.read_bytes(first / name) == bounded.read_bytes(second / name)


def _lines(path: pathlib.Path) -> dict[str, dict[str, str]]:
  return {line['clip']: line for line in results.read_predictions(path)}
