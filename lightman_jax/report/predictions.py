"""A file of anybody's predictions, read and checked.

A file of predictions has the columns clip, subject, truth (or label), prediction and,
where known, fold, dataset, group_NAME and, of every class, probability_CLASS or p_CLASS
(the latter where CLASS is a truth or a prediction); a run's own predictions.csv is one.
Other columns are not used. Data sets are named by the family of their people, as in a
run's results: 'CASME II cropped' is casme2, samm_long is samm.
"""

from collections.abc import Iterator, Sequence
import math
import os
import pathlib
from typing import NamedTuple
import unicodedata

import numpy as np

from lightman_jax import bounded, places
from lightman_jax.data import duplicates, people as identities, workbooks
from lightman_jax.data.manifest import GROUP
from lightman_jax.data.spellings import fold_characters, is_missing, misspelt
from lightman_jax.errors import InputError
from lightman_jax.runs import parts
from lightman_jax.units import counted, listed

REQUIRED = ('clip', 'subject', 'truth', 'prediction')
OPTIONAL = ('fold', 'dataset')
PROBABILITY = ('probability_', 'p_')
# What else a column may be called, where none has its own name: `folds` writes label.
SYNONYMS = {'truth': ('label',)}
NEEDS = 'a file of predictions needs clip, subject, truth, prediction'


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
  def groups(self) -> dict[str, list[str]]:
    """To each name of a column group_NAME, the value of each clip."""
    return {name.removeprefix(GROUP): values for name, values in self.columns.items()
            if name.startswith(GROUP)}

  @property
  def is_of_a_run(self) -> bool:
    """Whether a run wrote it, whose names were looked at before it began."""
    return (self.path.name == 'predictions.csv'
            and self.path.with_name('results.json').is_file())


def read_predictions(path: str | os.PathLike, *, different_people: bool = False,
                     different_classes: bool = False) -> Predictions:
  """Reads and checks a file of predictions.

  Args:
    path: of a csv or workbook, or of a run's folder.
    different_people: see `scoring.score`, as of the next.
    different_classes: a prediction that is nearly spelt as a truth is another class.

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
  if not different_classes:
    _check_misspelt(one)
  one = one._replace(probability=_probabilities(one), remarks=(
      *_remark_on_synonyms(cells[head], rows, name),
      *(() if 'fold' in columns else
        (f'{name} has no column fold: each person is taken as a fold, as under leave '
         'one subject out',))))
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


def _remark_on_synonyms(header: Sequence[str], rows: Sequence[tuple[int, list[str]]],
                        name: str) -> Iterator[str]:
  """That a column is not used, where another that may be meant says otherwise."""
  places = {_column(word): place for place, word in enumerate(header)}
  for word, others in SYNONYMS.items():
    for other in others if word in places else ():
      differ = [number for number, row in rows
                if other in places and row[places[word]] != row[places[other]]]
      if differ:
        yield (f'{name}: {word} is scored, and the column {other} is not used, which '
               f'says otherwise in {counted(len(differ), "row")} from row {differ[0]} '
               'on')


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


def find_classes(files: Sequence[Predictions]) -> tuple[str, ...]:
  """All classes, sorted.

  Args:
    files: of the same clips.

  Raises:
    InputError: one class has two spellings.
  """
  spelt: dict[str, tuple[str, str]] = {}
  for one in files:
    for name in ('truth', 'prediction'):
      for number, word in enumerate(one.columns[name]):
        before, where = spelt.setdefault(_sound(word), (word, one.where(number)))
        if before != word:
          raise InputError(f'{one.where(number)}: the class {word!r} is {before!r} in '
                           f'{where}; spell it alike')
  return tuple(sorted(word for word, _ in spelt.values()))


def _sound(word: str) -> str:
  """What spellings of one class have in common: 1 and 1.0, neg and n\u00e9g."""
  if _is_number(word):
    return repr(float(word) + 0.)
  letters = unicodedata.normalize('NFD', fold_characters(word))
  return ''.join(mark for mark in letters if not unicodedata.combining(mark))


def _check_misspelt(one: Predictions) -> None:
  """Refuses a prediction that is no truth of any clip, and nearly spelt as one."""
  if one.is_of_a_run:
    return
  truths = set(one.columns['truth'])
  for number, word in enumerate(one.columns['prediction']):
    near = '' if word in truths else misspelt(
        word, [truth for truth in truths if _sound(truth) != _sound(word)])
    if near:
      raise InputError(f'{one.where(number)}: the prediction {word!r} is no truth of '
                       f'any clip; is {near!r} meant? If it is a class of its own, '
                       'say so with --different-classes')
