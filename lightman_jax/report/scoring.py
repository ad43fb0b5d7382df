"""Anybody's predictions, scored as ours are.

A file of predictions has the columns clip, subject, truth (or label), prediction and,
where known, fold, dataset, group_NAME and, of every class, probability_CLASS or p_CLASS
(the latter where CLASS is a truth or a prediction); a run's own predictions.csv is one.
Other columns are not used. Data sets are named by the family of their people, as in a
run's results: 'CASME II cropped' is casme2, samm_long is samm.
"""

from collections.abc import Sequence
import math
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from lightman_jax import bounded, places
from lightman_jax.data import duplicates, people as identities, workbooks
from lightman_jax.data.manifest import GROUP
from lightman_jax.data.spellings import fold_characters, is_missing
from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.report.page.groups import join_folds
from lightman_jax.runs import parts, results
from lightman_jax.units import counted, listed

REQUIRED = ('clip', 'subject', 'truth', 'prediction')
OPTIONAL = ('fold', 'dataset')
PROBABILITY = ('probability_', 'p_')
# What else a column may be called, where none has its own name: `folds` writes label.
SYNONYMS = {'truth': ('label',)}
NEEDS = 'a file of predictions needs clip, subject, truth, prediction'
RESAMPLES = 10_000
MEAN_OF_FOLDS = (
    "mean of folds' F1: of each fold the unweighted mean of F1 over the classes that "
    'its truth or its predictions have, then the mean of that over folds; another '
    'number than UF1, and not compared with it')


class Predictions(NamedTuple):
  """What a file says, a row a clip, in its order."""
  name: str                           # of the file or run, for the table
  path: pathlib.Path
  row: tuple[int, ...]                # number of each clip's row, counted from 1
  columns: dict[str, list[str]]       # without the optional ones that are not there
  probability: dict[str, list[float]] # class to that of each clip; {} where not given
  remarks: tuple[str, ...] = ()

  def where(self, number: int) -> str:
    """The name of a row in a message."""
    return f'{self.path} row {self.row[number]} (clip {self.columns["clip"][number]!r})'

  @property
  def people(self) -> list[str]:
    """Who is in each clip: a subject, of a data set where these are known."""
    if 'dataset' not in self.columns:
      return self.columns['subject']
    rows = list(zip(self.columns['dataset'], self.columns['subject']))
    names = {row: f'{row[0]}/{identities.bare_subject(*row)}' for row in set(rows)}
    return [names[row] for row in rows]

  @property
  def is_of_a_run(self) -> bool:
    """Whether a run wrote it, whose names were looked at before it began."""
    return (self.path.name == 'predictions.csv'
            and self.path.with_name('results.json').is_file())


def score(predictions: str | os.PathLike, against: str | os.PathLike | None = None, *,
          different_people: bool = False) -> dict[str, Any]:
  """Scores a file of predictions, and tests it against another of the same clips.

  Args:
    predictions: a csv or workbook with the columns clip, subject, truth, prediction
      and, where known, fold, dataset, group_NAME, probability_CLASS; or a run's folder.
    against: another of the same clips of the same people.
    different_people: names of people that are equal but for case, leading zeros or
      prefixes such as sub are of different people.

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
  mine = read_predictions(predictions, different_people=different_people)
  files = [mine]
  if against is not None:
    other = read_predictions(against, different_people=different_people)
    files.append(_matched(mine, other))
    if files[1].name == mine.name:
      files = [one._replace(name=str(one.path)) for one in files]
  classes = _classes(files)
  index = {name: number for number, name in enumerate(classes)}
  codes = lambda one, column: np.array([index[word] for word in one.columns[column]])
  truth = codes(mine, 'truth')
  clips = results.Clips(mine.columns['clip'], mine.people, _folds(files), truth,
                        classes, mine.columns.get('dataset', ()), {
                            name.removeprefix(GROUP): values
                            for name, values in mine.columns.items()
                            if name.startswith(GROUP)})
  answers = {one.name: codes(one, 'prediction') for one in files}
  about = results.About('', '', '', '', '', '', 0)
  scored = results.summarise(answers, clips, about, resamples=RESAMPLES)
  scored['about'] = {
      name: scored['about'][name] for name in (
          'f1', 'interval', 'test', 'confusion', 'folds', 'subjects', 'clips',
          'clips_per_class')} | {
              'mean_of_folds_f1': MEAN_OF_FOLDS,
              'remarks': [*scored['about']['remarks'], *_remark_on_folds(files),
                          *dict.fromkeys(line for one in files
                                         for line in one.remarks),
                          *filter(None, map(_remark_on_probabilities, files))]}
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


def _remark_on_folds(files: Sequence[Predictions]) -> list[str]:
  """That a file's interval is another one beside a file of coarser folds."""
  with_folds = [one.name for one in files if 'fold' in one.columns]
  if len(files) < 2 or len(with_folds) in (0, len(files)):
    return []
  return [f'intervals and test go by the folds of {with_folds[0]}, for both files, so '
          'that both are compared alike; scored by itself a file without folds has '
          'another interval']


def read_predictions(path: str | os.PathLike, *, different_people: bool = False
                     ) -> Predictions:
  """Reads and checks a file of predictions.

  Args:
    path: of a csv or workbook, or of a run's folder.
    different_people: see `score`.

  Raises:
    InputError: names the file, the row, and what to do.
  """
  path = places.expand(path)
  name = path.name
  if path.is_dir():
    parts.refuse_part(path)
    path = path / 'predictions.csv'
    if not path.is_file():
      raise InputError(f'{path.parent} holds no predictions.csv; give the folder of a '
                       'finished run, or a file of predictions')
  cells = workbooks.read_cells(
      path, columns=[(word, *SYNONYMS.get(word, ())) for word in REQUIRED])
  head = next((number for number, row in enumerate(cells) if any(row)), None)
  if head is None:
    raise InputError(f'{path} is empty; {NEEDS}')
  header = _header(cells[head], path)
  wide = len(cells[head])
  rows = [(number, row + [''] * (wide - len(row)))
          for number, row in enumerate(cells[head + 1:], head + 2) if any(row)]
  if not rows:
    raise InputError(f'{path} names no clip; {NEEDS}, and a row for each clip')
  for number, row in rows:
    if any(row[wide:]):
      raise InputError(f'{path} row {number} has more cells than the header has '
                       'columns; put quotes around a cell that holds a comma')
  columns = {word: [row[place] for _, row in rows] for place, word in header.items()}
  _check_data_sets(path, columns.get('dataset', ()))
  if 'dataset' in columns:
    columns['dataset'] = _families(columns['dataset'], columns['subject'])
  one = Predictions(name, path, tuple(number for number, _ in rows), columns, {})
  _check_cells(one)
  _check_numbers(one)
  _check_near_names(one, different_people)
  one = one._replace(probability=_probabilities(one), remarks=(
      () if 'fold' in columns else
      (f'{name} has no column fold: each person is taken as a fold, as under leave one '
       'subject out',)))
  return _with_data_sets(one._replace(columns={
      word: values for word, values in columns.items()
      if word in REQUIRED + OPTIONAL or word.startswith(GROUP)}))


def _header(row: Sequence[str], path: pathlib.Path) -> dict[int, str]:
  """The columns that are used, by their place."""
  names = {place: _column(word) for place, word in enumerate(row) if word}
  for name, others in SYNONYMS.items():
    if name not in names.values():
      other = next((word for word in others if word in names.values()), None)
      names = {place: name if word == other else word for place, word in names.items()}
  used = {place: name for place, name in names.items()
          if name in REQUIRED + OPTIONAL or name.startswith((GROUP, *PROBABILITY))}
  for name in used.values():
    if name in (GROUP, *PROBABILITY):
      raise InputError(f'{path}: the column {name!r} names no '
                       f'{"group" if name == GROUP else "class"}; write it behind '
                       f'{name}, or call the column otherwise')
    if list(used.values()).count(name) > 1:
      raise InputError(f'{path}: the column {name!r} stands twice; keep one')
  for name in REQUIRED:
    if name not in used.values():
      others = [word for place, word in names.items() if place not in used]
      near = (f'; of the others ({listed(others)}) rename the one that it is'
              if others else '')
      raise InputError(f'{path} has no column {name!r}: {NEEDS}{near}')
  return used


def _column(word: str) -> str:
  """A column's name without its case; behind probability_ stands that of a class."""
  name = word.casefold()
  prefix = next((one for one in PROBABILITY if name.startswith(one)), '')
  return prefix + word[len(prefix):] if prefix else name


def _families(datasets: Sequence[str], subjects: Sequence[str]) -> list[str]:
  """What a run's results call the data set of each clip; an empty cell as it is."""
  rows = list(zip(datasets, subjects))
  known = {(of, who): not is_missing(of) and identities.origin(of, who) or of
           for of, who in dict.fromkeys(rows)}
  return [known[row] for row in rows]


def _check_data_sets(path: pathlib.Path, names: Sequence[str]) -> None:
  """Refuses one data set in two spellings, of which none is known here."""
  for near in duplicates.near_data_sets(names):
    raise InputError(
        f'{path}: {" and ".join(map(repr, near.names))} look like one data set; write '
        'one of them, or where they are two a name without that of the other in it')


def _check_near_names(one: Predictions, different_people: bool) -> None:
  """Refuses one person, or one group, in two spellings; a run was asked before it."""
  if one.is_of_a_run:
    return
  of = one.columns.get('dataset') or [identities.UNKNOWN] * len(one.row)
  rows = list(zip(of, one.columns['subject']))
  for near in () if different_people else duplicates.near_people(rows):
    key = identities.person_key(near.dataset, near.names[0])
    first, second = (next(number for number, row in enumerate(rows) if row[1] == name
                          and identities.person_key(*row) == key)
                     for name in near.names[:2])
    known = near.dataset != identities.UNKNOWN
    raise InputError(
        f'{one.where(second)}: subject {near.names[1]!r} and {near.names[0]!r} in row '
        f'{one.row[first]} look like one person; write one of them'
        + ('' if known else ', or, where they are from two data sets, add a column '
           'dataset') + ', or say that such people are different with '
        '--different-people')
  for name in (name for name in one.columns if name.startswith(GROUP)):
    spelt: dict[str, int] = {}
    for number, word in enumerate(one.columns[name]):
      before = spelt.setdefault(fold_characters(word), number)
      if one.columns[name][before] != word:
        raise InputError(
            f'{one.where(number)}: {name} is {word!r} here and '
            f'{one.columns[name][before]!r} in row {one.row[before]}; spell it alike')


def _check_cells(one: Predictions) -> None:
  """Refuses cells that are empty, clips that stand twice, people in two folds."""
  for name in (*REQUIRED, *(name for name in OPTIONAL if name in one.columns)):
    for number, text in enumerate(one.columns[name]):
      if is_missing(text):
        raise InputError(f'{one.where(number)}: the cell under {name!r} is '
                         f'{"empty" if not text else repr(text)}; fill it')
  first: dict[tuple[str, str], int] = {}
  of = one.columns.get('dataset') or [''] * len(one.row)
  for number, key in enumerate(zip(of, one.columns['clip'])):
    if key in first:
      raise InputError(f'{one.where(number)}: the clip stands in row '
                       f'{one.row[first[key]]}, too; each is predicted once')
    first[key] = number
  for name in (name for name in one.columns
               if name == 'fold' or name.startswith(GROUP)):
    seen: dict[str, int] = {}
    for number, (who, value) in enumerate(zip(one.people, one.columns[name])):
      before = seen.setdefault(who, number)
      if one.columns[name][before] != value:
        why = ('whoever is held out is in one fold, or clips of one person were '
               'trained on for others of theirs' if name == 'fold' else
               'a person is in one group')
        raise InputError(
            f'{one.where(number)}: subject {who!r} is in {name} {value!r} here and in '
            f'{one.columns[name][before]!r} in row {one.row[before]}; {why}')


def _check_numbers(one: Predictions) -> None:
  """Refuses classes that are numbers on one side and names on the other."""
  truths = {word: _is_number(word) for word in one.columns['truth']}
  if len(set(truths.values())) > 1:
    return
  numbered = next(iter(truths.values()))
  for number, word in enumerate(one.columns['prediction']):
    if _is_number(word) != numbered:
      what = ('a name, and those under truth are numbers' if numbered else
              'a number, and those under truth are names')
      raise InputError(
          f'{one.where(number)}: the predicted class {word!r} is {what} '
          f'({", ".join(sorted(truths)[:4])}); write it as it stands there')


def _is_number(word: str) -> bool:
  try:
    return math.isfinite(float(word))
  except ValueError:
    return False


def _probabilities(one: Predictions) -> dict[str, list[float]]:
  """Class to numbers; checked, and those of all classes where there are any."""
  by_class, seen, column_of, left = {}, {
      *one.columns['truth'], *one.columns['prediction']}, {}, []
  for name in (name for name in one.columns if name.startswith(PROBABILITY)):
    word = name.partition('_')[2]
    if not name.startswith(PROBABILITY[0]) and word not in seen:
      left.append(name)     # such as p_value
      continue
    if column_of.setdefault(word, name) != name:
      raise InputError(f'{one.path}: the probability of {word!r} stands in two '
                       f'columns, {column_of[word]} and {name}; keep one')
    values = []
    for number, text in enumerate(one.columns[name]):
      try:
        value = float(text)
      except ValueError:
        value = float('nan')
      if not -1e-6 <= value <= 1 + 1e-6:
        raise InputError(f'{one.where(number)}: {name} is {text!r}; write a '
                         'probability from 0 to 1, or leave all such columns out')
      values.append(value)
    by_class[word] = values
  if not by_class:
    return {}
  for number, word in enumerate(one.columns['truth']):
    if word not in by_class:
      raise InputError(
          f'{one.where(number)}: there is no column probability_{word} for its truth, '
          f'and there are {", ".join(by_class)}; give that of every class, or of none')
  total = np.sum(list(by_class.values()), axis=0)
  wrong = np.flatnonzero(np.abs(total - 1) > .01)
  if wrong.size:
    number = int(wrong[0])
    raise InputError(f'{one.where(number)}: its probabilities add up to '
                     f'{total[number]:.3f}; those of all classes add up to 1' + (
                         f'; {left[0]} is not counted, as {left[0][2:]!r} is no truth '
                         f'and no prediction: if it is a class, call the column '
                         f'{PROBABILITY[0]}{left[0][2:]}' if left else ''))
  return by_class


def _with_data_sets(one: Predictions) -> Predictions:
  """A run's predictions.csv does not say of which data set its people are."""
  beside = one.path.parent / 'results.json'
  if 'dataset' in one.columns or not beside.is_file():
    return one
  try:
    parts = bounded.read_json(beside).get('data_sets') or {}
    of = {str(who): str(name) for name, part in parts.items()
          for who in part['subjects']}
  except (AttributeError, KeyError, OSError, TypeError, ValueError):
    return one
  names = [of.get(who, '') for who in one.columns['subject']]
  return one._replace(columns=one.columns | {'dataset': names}) if all(names) else one


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


def _classes(files: Sequence[Predictions]) -> tuple[str, ...]:
  """All classes, sorted; refuses one in two spellings."""
  spelt: dict[str, tuple[str, str]] = {}
  for one in files:
    for name in ('truth', 'prediction'):
      for number, word in enumerate(one.columns[name]):
        before, where = spelt.setdefault(fold_characters(word),
                                         (word, one.where(number)))
        if before != word:
          raise InputError(f'{one.where(number)}: the class {word!r} is {before!r} in '
                           f'{where}; spell it alike')
  return tuple(sorted(word for word, _ in spelt.values()))


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
