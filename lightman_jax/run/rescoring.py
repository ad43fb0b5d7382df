"""Scores of a run, computed again from its predictions and compared with its results.

The method's counts come from predictions.csv, whose probabilities come from the logits
in folds/; the counts of the rows beside it, of which no prediction is kept, are those
that the results state. From these, scores, intervals and differences are made anew.
"""

import csv
import json
import math
import pathlib
from typing import Any, NamedTuple

import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.files import of_fold
from lightman_jax.report import results

ROUNDING = 10. ** -results.DIGITS


class Said(NamedTuple):
  """One thing that was checked."""
  agrees: bool
  sentence: str


def rescore(folder: pathlib.Path, resamples: int) -> list[Said]:
  """Checks the results of a finished run against its predictions.

  Args:
    folder: of the run.
    resamples: of the intervals, as its configuration says.

  Raises:
    InputError: a file of it cannot be read, or is not of this version.
  """
  try:
    found = bounded.read_json(folder / 'results.json')
    lines = results.read_predictions(folder / 'predictions.csv')
    return [_answers(lines, found), *_logits(folder, lines, found),
            _scores(lines, found, resamples)]
  except (OSError, csv.Error, KeyError, TypeError, ValueError, AttributeError,
          IndexError, StopIteration) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f'{folder} cannot be scored again: its results.json, '
                     'predictions.csv or folds/ do not hold what this version writes '
                     f'({type(error).__name__}: {error})') from error


def numbers(value: Any, place: str = '') -> dict[str, Any]:
  """All leaves of nested JSON, by their dotted place."""
  parts = (value.items() if isinstance(value, dict) else enumerate(value)
           if isinstance(value, list) else None)
  if parts is None:
    return {place: value}
  return {name: leaf for key, part in parts
          for name, leaf in numbers(part, f'{place}.{key}'.lstrip('.')).items()}


def apart(old: dict[str, Any], new: dict[str, Any]) -> tuple[list[str], float]:
  """The places at which two sets of leaves differ, and by how much at most."""
  places = [name for name in {**old, **new}
            if name not in old or name not in new or old[name] != new[name]]
  gaps = [abs(old[name] - new[name]) if _real(old.get(name)) and _real(new.get(name))
          else math.inf for name in places]
  return places, float(max(gaps, default=0.))


def _real(value: Any) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool)


def _answers(lines, found) -> Said:
  """The prediction is the class of the greatest probability."""
  classes = list(found['about']['clips_per_class'])
  wrong = [line['clip'] for line in lines
           if float(line[f'probability_{line["prediction"]}']) < max(
               float(line[f'probability_{name}']) for name in classes)]
  if wrong:
    return Said(False, f'predictions.csv: {len(wrong)} predictions are not the class '
                f'of the greatest probability, the first of the clip {wrong[0]!r}.')
  return Said(True, f'predictions.csv: all {len(lines)} predictions are the class of '
              'the greatest probability.')


def _logits(folder: pathlib.Path, lines, found):
  """The probabilities are those of the logits that each fold kept."""
  classes, by_fold = list(found['about']['clips_per_class']), {}
  for line in lines:
    by_fold.setdefault(line['fold'], []).append(
        [float(line[f'probability_{name}']) for name in classes])
  greatest, looked = 0., 0
  for name, stated in by_fold.items():
    path = of_fold(folder / 'folds', name, '.json')
    if not path.is_file():
      continue
    logits = np.array(bounded.read_json(path)['logits'], np.float64)
    odds = np.exp(logits - logits.max(-1, keepdims=True))
    gap = odds / odds.sum(-1, keepdims=True) - np.array(stated)
    greatest, looked = max(greatest, float(np.abs(gap).max())), looked + 1
  if looked:
    yield Said(greatest <= ROUNDING, f'folds/: the probabilities in predictions.csv '
               f'are those of the logits of {looked} folds, to {greatest:.1g}.'
               if greatest <= ROUNDING else 'folds/: the probabilities in '
               'predictions.csv are not those of the logits there; they differ by up '
               f'to {greatest:.3g}.')


def _scores(lines, found, resamples: int) -> Said:
  again = _again(lines, found, resamples)
  old = numbers({name: found.get(name) for name in again})
  places, gap = apart(old, numbers(json.loads(results.text(again))))
  others = sorted(set(found) - set(again))
  rest = f' Not scored again: {", ".join(others)}.' if others else ''
  if not places:
    return Said(True, f'results.json: scores, intervals, counts and differences come '
                f'out the same from predictions.csv, all {len(old)} values bit for bit.'
                + rest)
  words = (f'results.json: {len(places)} of {len(old)} values do not come out of '
           f'predictions.csv, the first {places[0]}')
  by = f'; they differ by up to {gap:.3g}' if math.isfinite(gap) else ''
  # Another machine may round the last of the six digits the other way.
  return Said(gap <= 2 * ROUNDING, words + by + '.' + rest)


def _again(lines, found, resamples: int) -> dict[str, Any]:
  about = found['about']
  classes, subjects = list(about['clips_per_class']), sorted({
      line['subject'] for line in lines})
  method, *beside = found['rows']
  truth = np.array([classes.index(line['truth']) for line in lines])
  said = {method: np.array([classes.index(line['prediction']) for line in lines])}
  who = np.array([subjects.index(line['subject']) for line in lines])
  for name in beside:
    said[name] = _of_counts(found['rows'][name], subjects, truth, who)
  clips = results.Clips([line['clip'] for line in lines],
                        [line['subject'] for line in lines],
                        [line['fold'] for line in lines], truth, classes,
                        _data_sets(found, lines))
  made = results.summarise(said, clips, results.About(**{
      name: about.get(name, default) for name, default in zip(
          results.About._fields, results.About(*[''] * 6, 0))}), resamples=resamples)
  made['about'] |= {name: value for name, value in about.items()
                    if name not in made['about']}
  return made


def _data_sets(found, lines) -> list[str]:
  """The data set of every clip, as the results divide people; empty for one."""
  parts = found.get('data_sets') or {}
  own = {subject: name for name, part in parts.items() for subject in part['subjects']}
  return [own.get(line['subject'], '') for line in lines] if own else []


def _of_counts(row, subjects, truth, who) -> np.ndarray:
  """Some predictions of these clips that have a row's counts; -1 where it has none."""
  said = np.full(len(truth), -1)
  for subject, name in enumerate(subjects):
    for k, line in enumerate(row['per_subject'][name]['confusion']):
      mine = np.flatnonzero((who == subject) & (truth == k))
      answers = np.repeat(np.arange(len(line)), line)
      if len(answers) != len(mine):
        raise InputError('results.json counts other clips of the subject '
                         f'{name!r} than predictions.csv holds')
      said[mine] = answers
  return said
