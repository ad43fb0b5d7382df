"""Scores of a finished run, computed again from its predictions.

The method's counts come from predictions.csv, whose probabilities come from the logits
in folds/; the counts of the rows beside it, of which no prediction is kept, are those
that the results state. From these, scores, intervals and differences are made anew.
"""

from collections.abc import Sequence
import csv
import json
import math
import pathlib
from typing import Any, NamedTuple

import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.evaluation.predict import probabilities
from lightman_jax.evaluation.scores import scores_of
from lightman_jax.files import fold_path
from lightman_jax.report.table import is_of_units
from lightman_jax.runs import results
from lightman_jax.units import counted

DIGIT = 10. ** -results.DIGITS


class Check(NamedTuple):
  """One thing that was checked."""
  agrees: bool
  sentence: str


def rescore(folder: pathlib.Path, resamples: int, named: str = '') -> list[Check]:
  """Checks the results of a finished run against its predictions.

  Args:
    folder: of the run.
    resamples: of the intervals, as its configuration says.
    named: the scores from outside that it had, where they were allowed.

  Raises:
    InputError: a file of it cannot be read, or is not of this version.
  """
  try:
    content = bounded.read_json(folder / 'results.json')
    lines = results.read_predictions(folder / 'predictions.csv')
    _check_classes(folder, lines, content)
    return [_answers(lines, content), *_logits(folder, lines, content),
            _scores(lines, content, resamples, named)]
  except (OSError, csv.Error, KeyError, TypeError, ValueError, AttributeError,
          IndexError, StopIteration) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f'{folder} cannot be scored again: its results.json, '
                     'predictions.csv or folds/ do not hold what this version writes '
                     f'({type(error).__name__}: {error})') from error


def leaves_by_place(value: Any, place: str = '') -> dict[str, Any]:
  """All leaves of nested JSON, by their dotted place.

  Args:
    value: nested JSON.
    place: of the value in what is around it.
  """
  parts = (value.items() if isinstance(value, dict) else enumerate(value)
           if isinstance(value, list) else None)
  if parts is None:
    return {place: value}
  return {name: leaf for key, part in parts
          for name, leaf in leaves_by_place(part, f'{place}.{key}'.lstrip('.')).items()}


def compare_numbers(old: dict[str, Any], new: dict[str, Any]
                    ) -> tuple[list[str], float]:
  """The places at which two sets of leaves differ, and by how much at most.

  Args:
    old: of `numbers`.
    new: of `numbers`.
  """
  places = [name for name in {**old, **new}
            if name not in old or name not in new or old[name] != new[name]]
  gaps = [abs(old[name] - new[name]) if _real(old.get(name)) and _real(new.get(name))
          else math.inf for name in places]
  return places, float(max(gaps, default=0.))


def _real(value: Any) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_classes(folder: pathlib.Path, lines, content) -> None:
  classes = list(content['about']['clips_per_class'])
  for line in () if is_of_units(content['about']) else lines:
    for name in ('truth', 'prediction'):
      if line[name] not in classes:
        raise InputError(f'{folder / "predictions.csv"}: the {name} of the clip '
                         f'{line["clip"]!r} is {line[name]!r}, and the classes of this '
                         f'run are {", ".join(classes)}; the file was changed')


def _answers(lines, content) -> Check:
  """The prediction is the class of the greatest probability."""
  classes = list(content['about']['clips_per_class'])
  if is_of_units(content['about']):
    return _unit_answers(lines, classes)
  wrong = [line['clip'] for line in lines
           if float(line[f'probability_{line["prediction"]}']) < max(
               float(line[f'probability_{name}']) for name in classes)]
  if wrong:
    many = counted(len(wrong), 'prediction', 'is', 'are')
    return Check(False, f'predictions.csv: {many} not the class of the greatest '
                        f'probability, the first of the clip {wrong[0]!r}.')
  many = counted(len(lines), 'prediction', 'is', 'are')
  return Check(True, f'predictions.csv: all {many} the class of the greatest '
                     'probability.')


def _unit_answers(lines, units: Sequence[str]) -> Check:
  """A unit is said to act where its probability is above one half."""
  said = results.read_units(lines, 'prediction', units)
  sure = np.array([[float(line[f'probability_{name}']) for name in units]
                   for line in lines])
  # Of six digits, .500000 may be of either side.
  wrong = np.flatnonzero(((said != (sure > .5)) & (sure != .5)).any(1))
  if wrong.size:
    clips = counted(wrong.size, 'clip')
    return Check(False, f'predictions.csv: the answers of {clips} '
                        'are not those of their probabilities, the first of the clip '
                        f'{lines[wrong[0]]["clip"]!r}.')
  return Check(True, f'predictions.csv: all answers on {counted(len(lines), "clip")} '
                     'are those of their probabilities.')


def _logits(folder: pathlib.Path, lines, content):
  """The probabilities are those of the logits that each fold kept."""
  classes, by_fold = list(content['about']['clips_per_class']), {}
  for line in lines:
    by_fold.setdefault(line['fold'], []).append(
        [float(line[f'probability_{name}']) for name in classes])
  greatest, looked, missing = 0., 0, []
  for name, stated in by_fold.items():
    path = fold_path(folder / 'folds', name, '.json')
    if not path.is_file():
      missing.append(name)
      continue
    logits = np.array(bounded.read_json(path)['logits'], np.float64)
    gap = probabilities(logits, is_of_units(content['about'])) - np.array(stated)
    greatest, looked = max(greatest, float(np.abs(gap).max())), looked + 1
  if missing:
    total = counted(len(by_fold), 'fold', 'is', 'are')
    yield Check(False, f'folds/: {len(missing)} of {total} not there, the first '
                       f'{missing[0]!r}; what was predicted for them is not known.')
  if looked:
    yield Check(greatest <= DIGIT, f'folds/: the probabilities in predictions.csv '
               f'are those of the logits of {counted(looked, "fold")}, to '
               f'{greatest:.1g}.'
               if greatest <= DIGIT else 'folds/: the probabilities in '
               'predictions.csv are not those of the logits there; they differ by up '
               f'to {greatest:.3g}.')


def _scores(lines, content, resamples: int, named: str) -> Check:
  every = {name: score for name, score in scores_of(named).items()
           if not score.needs_probabilities}
  again = _rescored(lines, content, resamples, every)
  # Of code from outside that nobody has named again, and of probabilities, of which
  # files have six digits.
  left = [name for name in content['about'].get('scores', ()) if name not in every]
  old = {place: leaf for place, leaf in leaves_by_place(
      {name: content.get(name) for name in again}).items()
         if not set(left) & set(place.split('.')[:-1])
         or place.startswith('about.')}
  places, gap = compare_numbers(old, leaves_by_place(json.loads(results.text(again))))
  others = [*sorted(set(content) - set(again)), *left]
  rest = f' Not scored again: {", ".join(others)}.' if others else ''
  if not places:
    return Check(True, f'results.json: scores, intervals, counts and differences come '
                f'out the same from predictions.csv, all {counted(len(old), "value")} '
                'bit for bit.'
                + rest)
  words = (f'results.json: {len(places)} of {counted(len(old), "value")} do not come '
           f'out of predictions.csv, the first {places[0]}')
  by = f'; they differ by up to {gap:.3g}' if math.isfinite(gap) else ''
  # Another machine may round the last of the six digits the other way.
  return Check(gap <= 2 * DIGIT, words + by + '.' + rest)


def _rescored(lines, content, resamples: int, every) -> dict[str, Any]:
  about = content['about']
  classes, subjects = list(about['clips_per_class']), sorted({
      line['subject'] for line in lines})
  method, *beside = content['rows']
  truth, prediction = (
      results.read_units(lines, name, classes) if is_of_units(about) else
      np.array([classes.index(line[name]) for line in lines])
      for name in ('truth', 'prediction'))
  predictions = {method: prediction}
  clip_subject = np.array([subjects.index(line['subject']) for line in lines])
  for name in beside:
    predictions[name] = _of_counts(content['rows'][name], subjects, truth, clip_subject)
  clips = results.Clips([line['clip'] for line in lines],
                        [line['subject'] for line in lines],
                        [line['fold'] for line in lines], truth, classes,
                        _data_sets(content, lines), {
                            name: _data_sets({'data_sets': one['by_value']}, lines)
                            for name, one in (content.get('groups') or {}).items()})
  results_again = results.summarise(predictions, clips, results.About(**{
      name: about.get(name, default) for name, default in zip(
          results.About._fields, results.About(*[''] * 6, 0))}), resamples=resamples,
      every=every)
  results_again['about'] |= {name: value for name, value in about.items()
                             if name not in results_again['about']}
  return results_again


def _data_sets(content, lines) -> list[str]:
  """The data set of every clip, as the results divide people; empty for one."""
  parts = content.get('data_sets') or {}
  own = {subject: name for name, part in parts.items() for subject in part['subjects']}
  return [own.get(line['subject'], '') for line in lines] if own else []


def _of_counts(row, subjects, truth, clip_subject) -> np.ndarray:
  """Some predictions of these clips that have a row's counts; -1 where it has none."""
  if truth.ndim == 2:
    # Unit by unit, absent and present are two classes.
    return np.stack([_of_counts({'per_subject': {
        name: {'confusion': row['per_subject'][name]['confusion'][unit]}
        for name in subjects}}, subjects, truth[:, unit].astype(int), clip_subject) == 1
                     for unit in range(truth.shape[1])], 1)
  predictions = np.full(len(truth), -1)
  for subject, name in enumerate(subjects):
    for k, line in enumerate(row['per_subject'][name]['confusion']):
      mine = np.flatnonzero((clip_subject == subject) & (truth == k))
      answers = np.repeat(np.arange(len(line)), line)
      if len(answers) != len(mine):
        raise InputError('results.json counts other clips of the subject '
                         f'{name!r} than predictions.csv holds')
      predictions[mine] = answers
  return predictions
