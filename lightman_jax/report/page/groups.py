"""Which runs stand in one row, which rows in one table, and why others do not."""

import collections
from collections.abc import Iterable, Sequence
import itertools
import json
from typing import Any, NamedTuple

from jaxtyping import Int
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.report import differences
from lightman_jax.report.page.folders import Run
from lightman_jax.report.results import one_draw


class Group(NamedTuple):
  """Runs that differ in the seed only."""
  label: str
  runs: tuple[Run, ...]       # by seed

  @property
  def encoder(self) -> str:
    """What turns a clip into an embedding."""
    first = self.runs[0]
    return str(first.about.get('encoder') or
               first.config.get('model', {}).get('encoder', ''))

  @property
  def seeds(self) -> tuple[int, ...]:
    """Of its runs."""
    return tuple(run.seed for run in self.runs)

  def counts(self, row: str | None = None) -> dict[int, Int[np.ndarray, 'S K K']]:
    """Seed to counts by subject, of the method or of a reference beside it."""
    return {run.seed: run.counts[row or run.method] for run in self.runs}

  def models(self, row: str | None = None) -> int:
    """How many models' logits a row averages."""
    first = self.runs[0]
    noted = first.about.get('models')
    noted = noted if isinstance(noted, dict) else {}
    many = noted.get(row or first.method, 1)
    return many if type(many) is int else 1

  def single(self) -> str:
    """The row of the method that is one model: one draw of it, or its own."""
    first = self.runs[0]
    return next((row for row in (one_draw(first.method),)
                 if all(row in run.counts for run in self.runs)), first.method)

  def noted(self, name: str) -> str:
    """What the runs say of themselves under `name`; a dash where they do not."""
    said = {str(run.about[name]) for run in self.runs if name in run.about}
    return ' or '.join(sorted(said)) or '–'


class Column(NamedTuple):
  """Groups that were judged on the same clips, labels and classes."""
  groups: tuple[Group, ...]

  @property
  def first(self) -> Run:
    """One that stands for all where they are alike."""
    return self.groups[0].runs[0]

  @property
  def about(self) -> dict[str, Any]:
    """What all of them are figures of; its seed is of the first alone."""
    return self.first.about

  @property
  def folds(self) -> dict[int, Int[np.ndarray, 'S']]:
    """Seed to the number of the trained model that each subject was tested on.

    Methods are compared on the same seed, so where two of them divide people otherwise,
    those whom either keeps together are together.
    """
    found: dict[int, Int[np.ndarray, 'S']] = {}
    for run in (run for group in self.groups for run in group.runs):
      _, own = np.unique(run.folds, return_inverse=True)
      found[run.seed] = _joined(found[run.seed], own) if run.seed in found else own
    return found

  @property
  def dataset(self) -> str:
    """Its name."""
    return self.about['dataset']


class Table(NamedTuple):
  """Methods by data sets, under one protocol; `why` it is not part of another."""
  protocol: str
  f1: str
  columns: tuple[Column, ...]
  why: str


def arrange(runs: Iterable[Run]) -> tuple[Table, ...]:
  """Puts runs into tables; their order does not matter.

  Raises:
    InputError: two runs have the same configuration and seed.
  """
  runs = sorted(runs, key=_order)
  protocol = lambda run: (run.about['protocol'], run.about['f1'])
  tables: list[Table] = []
  many = collections.Counter(map(protocol, runs))
  # The protocol of most runs comes first.
  large = lambda run: (-many[protocol(run)], protocol(run))
  for (name, f1), part in itertools.groupby(sorted(runs, key=large), protocol):
    columns = [_column(list(same)) for _, same in
               itertools.groupby(sorted(part, key=_judged), _judged)]
    # The n-th kind of a data set stands in the n-th table.
    kinds: dict[str, list[Column]] = {}
    for column in sorted(columns, key=lambda c: -sum(len(g.runs) for g in c.groups)):
      kinds.setdefault(column.dataset, []).append(column)
    for number in range(max(map(len, kinds.values()))):
      here = tuple(kinds[key][number] for key in sorted(kinds)
                   if number < len(kinds[key]))
      tables.append(Table(name, f1, here, _why(tables, name, f1, here, kinds)))
  return tuple(tables)


def _joined(one: Int[np.ndarray, 'S'], two: Int[np.ndarray, 'S']
            ) -> Int[np.ndarray, 'S']:
  """Numbers of the finest groups that keep together what either does."""
  if (one == two).all():
    return one
  joined = one.copy()
  for group in np.unique(two):
    joined[np.isin(joined, joined[two == group])] = joined[two == group].min()
  return joined


def _order(run: Run) -> tuple:
  return run.about['protocol'], _judged(run), run.identity, run.seed, run.path.name


def _judged(run: Run) -> tuple:
  """Runs may be compared where this is the same."""
  about = run.about
  return (about['dataset'], about['class_set'], run.classes, about['sheet'],
          about['sheet_sha256'], run.clips_sha256, run.subjects)


def _column(runs: Sequence[Run]) -> Column:
  by_identity: dict[str, list[Run]] = {}
  for run in sorted(runs, key=_order):
    same = by_identity.setdefault(run.identity, [])
    if same and same[-1].seed == run.seed:
      raise InputError(f'{same[-1].path} and {run.path} have the same configuration '
                       'and seed; leave one of them out')
    same.append(run)
  groups = [Group('', tuple(part)) for part in by_identity.values()]
  labels = _labels(groups)
  return Column(tuple(sorted((group._replace(label=label)
                              for group, label in zip(groups, labels)),
                             key=lambda group: group.label)))


def _labels(groups: Sequence[Group]) -> list[str]:
  """Method and encoder, and the settings by which those of one name differ."""
  names = [f'{group.runs[0].method}, {group.encoder}' for group in groups]
  settings = [json.loads(group.runs[0].identity) for group in groups]
  labels = []
  for name, mine in zip(names, settings):
    others = [other for them, other in zip(names, settings)
              if them == name and other is not mine]
    varied = sorted({where for other in others
                     for where, *_ in differences.between(mine, other)})
    told = [f'{where}={_value(mine, where)}' for where in varied]
    labels.append(', '.join([name, *told]))
  return labels


def _value(tree: Any, where: str) -> str:
  for part in where.split('.'):
    if not isinstance(tree, dict) or part not in tree:
      return '(absent)'
    tree = tree[part]
  return tree if isinstance(tree, str) else json.dumps(tree)


def _why(before: Sequence[Table], name: str, f1: str, here: Sequence[Column],
         kinds: dict[str, list[Column]]) -> str:
  """Why a table is not part of one before it."""
  if not before:
    return ''
  number = len(before) + 1
  reasons = []
  for column in here:
    first = kinds[column.dataset][0]
    if first is not column:
      reasons.append(f'{column.dataset} has {_other(first.first, column.first)}')
  if not reasons:
    last = before[0]
    what = ('the protocol is another one' if last.protocol != name
            else 'the measure is another one')
    reasons = [f'{what} ({name if last.protocol != name else f1})']
  return (f'Table {number} stands apart, and is not compared with another: '
          f'{"; ".join(reasons)}.')


def _other(one: Run, two: Run) -> str:
  """What keeps two runs on one data set from being compared."""
  told = []
  for words, name in (('class set', 'class_set'), ('label sheet', 'sheet'),
                      ('sheet content, by its sha256', 'sheet_sha256')):
    old, new = one.about[name][:40] or 'none', two.about[name][:40] or 'none'
    if old != new:
      told.append(f'another {words} ({new}, not {old})')
  if not told:
    told = [f'other clips, folds or labels ({two.about.get("clips", "?")} clips of '
            f'{len(two.subjects)} subjects here, {one.about.get("clips", "?")} of '
            f'{len(one.subjects)} there)']
  return ' and '.join(told)
