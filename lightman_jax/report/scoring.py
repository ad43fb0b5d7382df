"""Anybody's predictions, scored as ours are, and tested against others."""

from collections.abc import Sequence
import contextlib
import functools
import os
from typing import Any

import numpy as np

from lightman_jax import bounded
from lightman_jax.data import people as identities
from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.report.page.groups import join_folds
from lightman_jax.report.predictions import (
  Predictions,
  find_classes,
  read_predictions,
)
from lightman_jax.runs import results
from lightman_jax.units import counted

RESAMPLES = 10_000
MEAN_OF_FOLDS = (
    "mean of folds' F1: of each fold the unweighted mean of F1 over the classes that "
    'its truth or its predictions have, then the mean of that over folds; another '
    'number than UF1, and not compared with it')


def score(predictions: str | os.PathLike, against: str | os.PathLike | None = None, *,
          different_people: bool = False, different_classes: bool = False
          ) -> dict[str, Any]:
  """Scores a file of predictions, and tests it against another of the same clips.

  Args:
    predictions: a csv or workbook with the columns clip, subject, truth, prediction
      and, where known, fold, dataset, group_NAME, probability_CLASS; or a run's folder.
    against: another of the same clips of the same people.
    different_people: names of people that are equal but for case, leading zeros or
      prefixes such as sub are of different people.
    different_classes: a prediction that is nearly spelt as a truth is another class.

  Returns:
    `rows` (name to uf1, uar and accuracy, each with value, low and high, to
    mean_of_folds_f1, and to log_loss where there are probabilities), `data_sets` and
    `groups` where the file has such columns, `differences` with p, and `about`: what
    F1, intervals and p are, and remarks.

  Raises:
    InputError: a column or a cell is missing or wrong, a clip stands twice, a person is
      in two folds, or the two files are not of the same clips and people.

  Example:
    >>> lm.score('theirs.csv', against='runs/first')               # doctest: +SKIP
  """
  read = functools.partial(read_predictions, different_people=different_people,
                           different_classes=different_classes)
  files = [mine := read(predictions)]
  if against is not None:
    files.append(_matched(mine, read(against)))
    if files[1].name == mine.name:
      files = [one._replace(name=str(one.path)) for one in files]
  classes = find_classes(files)
  index = {name: number for number, name in enumerate(classes)}
  codes = lambda one, name: np.array([index[word] for word in one.columns[name]])
  truth = codes(mine, 'truth')
  clips = results.Clips(mine.columns['clip'], mine.people, _folds(files), truth,
                        classes, mine.columns.get('dataset', ()), mine.groups)
  answers = {one.name: codes(one, 'prediction') for one in files}
  scored = results.summarise(answers, clips, results.About(*[''] * 6, 0),
                             resamples=RESAMPLES)
  scored['about'] = {
      name: scored['about'][name] for name in (
          'f1', 'interval', 'test', 'confusion', 'folds', 'subjects', 'clips',
          'clips_per_class')} | {
              'mean_of_folds_f1': MEAN_OF_FOLDS,
              'remarks': [*scored['about']['remarks'], *_remark_on_folds(files),
                          *dict.fromkeys(line for one in files
                                         for line in one.remarks),
                          *filter(None, map(_remark_on_probabilities, files)),
                          *_remark_on_models(files)]}
  for one in files:
    row = scored['rows'][one.name]
    own = one.columns.get('fold') or one.people
    row['mean_of_folds_f1'] = _mean_of_folds(own, truth, answers[one.name],
                                             len(classes))
    if one.probability:
      row['log_loss'] = _log_loss(one)
  return scored


def _log_loss(one: Predictions) -> float:
  of_truth = np.array([one.probability[name][n] for n, name in
                       enumerate(one.columns['truth'])])
  return round(float(-np.log(np.maximum(of_truth, 1e-15)).mean()), 6)


def _remark_on_probabilities(one: Predictions) -> str:
  """Where predictions are not the classes of the greatest probability; else nothing."""
  if not one.probability:
    return ''
  greatest = np.max(list(one.probability.values()), axis=0)
  none = [0.] * len(one.row)
  other = [number for number, word in enumerate(one.columns['prediction'])
           if one.probability.get(word, none)[number] < greatest[number] - 1e-6]
  return (f'{one.where(other[0])}: the prediction is not the class of the greatest '
          f'probability, and so in {len(other)} of {counted(len(one.row), "row")}; '
          'scores go by the predictions, log_loss by the '
          'probabilities') if other else ''


def _remark_on_models(files: Sequence[Predictions]) -> list[str]:
  """That the answers of a run are means over models, beside those of another file."""
  lines = []
  for one in files if len(files) > 1 else ():
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
      about = bounded.read_json(one.path.with_name('results.json'))['about']
      many = max(about['models'].values())
      if many > 1:
        lines.append(
            f'each answer of {one.name} is the mean of {many} models, and of several '
            'models most scores rise: where the other is of one, the difference is no '
            'verdict on the methods')
  return lines


def _remark_on_folds(files: Sequence[Predictions]) -> list[str]:
  """That a file's interval is another one beside a file of coarser folds."""
  with_folds = [one.name for one in files if 'fold' in one.columns]
  if len(files) < 2 or len(with_folds) in (0, len(files)):
    return []
  return [f'intervals and test go by the folds of {with_folds[0]}, for both files, so '
          'that both are compared alike; scored by itself a file without folds has '
          'another interval']


def _matched(mine: Predictions, other: Predictions) -> Predictions:
  """The other in the order of the first.

  Raises:
    InputError: they are not of the same clips, people and truths.
  """
  if 'dataset' not in mine.columns or 'dataset' not in other.columns:
    without = lambda one: one._replace(columns={
        name: values for name, values in one.columns.items() if name != 'dataset'})
    mine, other = without(mine), without(other)
  keys = lambda one: list(zip(
      map(identities.fold_dataset, one.columns.get('dataset') or [''] * len(one.row)),
      one.columns['clip']))
  place = {key: number for number, key in enumerate(keys(other))}
  own = set(keys(mine))
  for one, known in ((mine, own), (other, place)):
    if len(known) < len(one.row):
      raise InputError(f'{one.path}: clips of several data sets have the same name; '
                       'give both files the column dataset')
  for one, other_keys, them in ((mine, place, other), (other, own, mine)):
    for number, key in enumerate(keys(one)):
      if key not in other_keys:
        raise InputError(f'{one.where(number)}: this clip is not in {them.path}; two '
                         'are compared on the same clips of the same people')
  order = [place[key] for key in keys(mine)]
  data_set = dict(zip(keys(mine), mine.columns.get('dataset', ())))
  if data_set:     # in the spelling of the first
    other = other._replace(columns=other.columns | {
        'dataset': [data_set[key] for key in keys(other)]})
  for name, here, there in (
      ('subject', mine.people, other.people),
      ('truth', mine.columns['truth'], other.columns['truth'])):
    for number, match in enumerate(order):
      if here[number] != there[match]:
        raise InputError(
            f'{mine.where(number)}: its {name} is {here[number]!r}, and '
            f'{there[match]!r} in {other.path} row {other.row[match]}; two are '
            'compared on the same clips of the same people')
  take = lambda values: [values[number] for number in order]
  return other._replace(
      row=tuple(take(other.row)),
      columns={name: take(values) for name, values in other.columns.items()},
      probability={name: take(values) for name, values in other.probability.items()})


def _folds(files: Sequence[Predictions]) -> list[str]:
  """The unit of each clip: people whom one model was tested on, in either file."""
  people = sorted(set(files[0].people))
  joined = np.arange(len(people))
  for one in files:
    own = dict(zip(files[0].people, one.columns.get('fold') or files[0].people))
    _, numbers = np.unique([own[who] for who in people], return_inverse=True)
    joined = join_folds(joined, numbers)
  number = dict(zip(people, joined.tolist()))
  return [f'{number[who]:06}' for who in files[0].people]


def _mean_of_folds(fold: Sequence[str], truth: np.ndarray, prediction: np.ndarray,
                   classes: int) -> float:
  names, number = np.unique(fold, return_inverse=True)
  counts = scores.confusion_by(number, truth, prediction, groups=len(names),
                               classes=classes)
  there = (counts.sum(-1) + counts.sum(-2)) > 0
  f1 = np.sum(scores.class_f1(counts) * there, -1) / there.sum(-1)
  return round(float(f1.mean()), 6)
