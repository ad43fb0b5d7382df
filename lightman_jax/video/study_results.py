"""The tables of a study on disk, and who opens them."""

import csv
import os
import pathlib
from typing import Any

import numpy as np

from lightman_jax import bounded, places
from lightman_jax.errors import InputError, describe_fault
from lightman_jax.files import write_atomically
from lightman_jax.video import study_tables

Table = list[dict[str, Any]]
COLUMNS = {
    'videos': ('video', 'person', 'condition', 'folder', 'frames', 'looked_at_s',
               'micro', 'macro', 'code', 'message'),
    'expressions': ('video', 'person', 'condition', 'face'),
    'summary': ('person', 'condition', 'kind', 'region', 'videos', 'looked_at_min',
                'expressions', 'a_minute'),
    'tests': study_tables.Test._fields,
    'events': ('person', 'condition', 'event', 'kind', 'times', 'looked_at_min',
               'expressions', 'a_minute', 'latency_s')}
"""Of each table the columns that it has in any case."""


def write_table(path: pathlib.Path, rows: Table) -> None:
  """Writes one of the study's tables.

  Args:
    path: of the csv; its name says which it is.
    rows: of it.
  """
  columns = list(rows[0]) if rows else list(COLUMNS[path.stem])
  with write_atomically(path) as file:
    table = csv.DictWriter(file, columns, lineterminator='\n')
    table.writeheader()
    table.writerows({name: _cell(value) for name, value in row.items()}
                    for row in rows)


def _cell(value: Any) -> Any:
  if value is None:
    return ''
  return f'{value:.6g}' if isinstance(value, float) else value


class Study:
  """A folder that `predict --study` has written; each table is columns by name.

  Attributes:
    path: of the folder.
  """

  def __init__(self, folder: str | os.PathLike):
    self.path = places.expand(folder)
    if not (self.path / 'summary.csv').is_file():
      raise InputError(f'{self.path} is no study: it has no summary.csv; give the '
                       'folder that python -m lightman_jax predict --study has written')

  def __repr__(self) -> str:
    return f'open_study({str(self.path)!r})'

  def _table(self, name: str) -> dict[str, np.ndarray]:
    path = self.path / f'{name}.csv'
    try:
      rows = list(csv.reader(bounded.read_bytes(path).decode('utf-8').splitlines(),
                             strict=True))
      header, *lines = rows
      if any(len(line) != len(header) for line in lines):
        raise ValueError('its lines differ in length')
    except (OSError, ValueError, csv.Error) as error:
      raise InputError(f'{path} cannot be read as a table '
                       f'({describe_fault(error)}); give the command of the study '
                       'again') from error
    return {name: _column([line[k] for line in lines])
            for k, name in enumerate(header)}

  @property
  def videos(self) -> dict[str, np.ndarray]:
    """A row for each video: what became of it; code and message where nothing did."""
    return self._table('videos')

  @property
  def expressions(self) -> dict[str, np.ndarray]:
    """A row for each expression, with video, person and condition."""
    return self._table('expressions')

  @property
  def summary(self) -> dict[str, np.ndarray]:
    """Expressions a minute looked at, by person, condition, kind and region."""
    return self._table('summary')

  @property
  def tests(self) -> dict[str, np.ndarray]:
    """Whether conditions differ, over people; see `study_tables.Test`."""
    return self._table('tests')

  @property
  def events(self) -> dict[str, np.ndarray]:
    """The same by what was shown or asked; no row where no events were given."""
    if not (self.path / 'events.csv').is_file():
      return {name: np.array([]) for name in COLUMNS['events']}
    return self._table('events')


def _column(values: list[str]) -> np.ndarray:
  """Numbers where all are, with NaN for an empty cell; else texts."""
  try:
    if any(values):
      return np.array([float(value or 'nan') for value in values])
  except ValueError:
    pass
  return np.array(values)


def open_study(folder: str | os.PathLike) -> Study:
  """Opens the tables of a study.

  Args:
    folder: that `python -m lightman_jax predict --study` has written.

  Returns:
    An object with `videos`, `expressions`, `summary`, `tests` and `events`, each a
    table as columns by name, read when it is asked for.

  Raises:
    InputError: it is none.

  Example:
    >>> study = lm.open_study('study')                            # doctest: +SKIP
    >>> pandas.DataFrame(study.summary)                           # doctest: +SKIP
  """
  return Study(folder)
