"""Parts of the people whose scores are told apart: data sets that are pooled, groups.

A part is described by a function of which subjects are in it.
"""

from collections.abc import Callable, Mapping, Sequence
import re
from typing import Any

from jaxtyping import Int
import numpy as np

# Units of a group of people from which on its scores have intervals: those with which a
# difference could have a p below .05, see `comparison.least_p`.
LEAST_PEOPLE = 6

Describe = Callable[[np.ndarray], dict[str, Any]]    # which of the S subjects -> a part


def of_subjects(names: Sequence[str], group: Int[np.ndarray, 'N'],
                subjects: int) -> list[str]:
  """The name that all clips of each subject share.

  Args:
    names: of each clip.
    group: number of each clip's subject.
    subjects: how many there are.

  Raises:
    ValueError: a subject has two.
  """
  sets = [set() for _ in range(subjects)]
  for name, number in zip(names, group.tolist()):
    sets[number].add(name)
  if any(len(one) > 1 for one in sets):
    raise ValueError('a subject is in two folds or two data sets')
  return [one.pop() for one in sets]


def by_data_set(dataset: Sequence[str], group: Int[np.ndarray, 'N'], subjects: int,
                describe: Describe) -> dict[str, dict[str, Any]]:
  """Name of each data set to its part; empty where there is one.

  Args:
    dataset: of each clip; () or '' where it is not known.
    group: number of each clip's subject.
    subjects: how many there are.
    describe: see the module.
  """
  own = of_subjects(dataset, group, subjects) if dataset else []
  names = sorted(set(own) - {''})
  return {name: describe(np.array([one == name for one in own]))
          for name in (names if len(names) > 1 else ())}


def by_group(groups: Mapping[str, Sequence[str]], group: Int[np.ndarray, 'N'],
             folds: Int[np.ndarray, 'S'], describe: Describe) -> dict[str, Any]:
  """Of each column the parts by its values; of few people without intervals.

  Args:
    groups: column to the value of each clip's person; '' where it is not known.
    group: number of each clip's subject.
    folds: number of the fold of each subject.
    describe: see the module.
  """
  columns = {}
  for column, values in groups.items():
    sets = [sorted({value for value, number in zip(values, group.tolist())
                    if number == n and value}) for n in range(len(folds))]
    own = group_names(column, [' and '.join(one) for one in sets])
    by_value = {}
    for value in sorted(set(own) - {''}):
      mine = np.array([one == value for one in own])
      part = by_value[value] = describe(mine)
      if len(set(folds[mine].tolist())) < LEAST_PEOPLE:
        for row in part['rows'].values():
          for one in row.values():
            if isinstance(one, dict) and 'low' in one:
              one |= {'low': None, 'high': None}
    if by_value:
      columns[column] = {'by_value': by_value, 'not_known': own.count(''),
                         'least_people': LEAST_PEOPLE}
  return columns


def group_names(column: str, values: Sequence[str]) -> list[str]:
  """Ages in decades, as '20 to 29'; all else as it is.

  Args:
    column: name of the column.
    values: of each person; '' where it is not known.
  """
  if column != 'age' or not all(re.fullmatch(r'[0-9]{1,3}([.,][0-9]+)?', value)
                                for value in values if value):
    return list(values)
  decade = lambda value: int(re.split('[.,]', value)[0]) // 10 * 10
  return [f'{decade(value):02} to {decade(value) + 9:02}' if value else ''
          for value in values]
