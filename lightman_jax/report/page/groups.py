"""Finished runs, read and checked: which stand in one row, which rows in one table.

What lies there may have been written by anybody: every number that is used is turned
into one here, and names are only ever text.
"""

import collections
from collections.abc import Iterable, Sequence
import csv
import hashlib
import itertools
import json
import pathlib
from typing import Any, NamedTuple

from jaxtyping import Bool, Int
import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.report.table import is_of_units
from lightman_jax.runs import identity, parts, reproducibility, results
from lightman_jax.runs.results import one_draw
from lightman_jax.units import counted

# Finished run folders, read and checked: what a report is made of.

# Looking on changes no score.
ONLOOKERS = tuple(f'evaluation.{name}' for name in (
    'efficiency', 'embeddings', 'tensorboard', 'oracle_gap', 'noise', 'scores',
    'sha256'))

HINT = 'leave it out, or give --skip-unfinished to leave out all such folders'


class Prediction(NamedTuple):
  """What a method said of one held-out clip."""
  clip: str
  subject: str
  truth: str
  prediction: str


class Run(NamedTuple):
  """One finished run."""
  path: pathlib.Path
  config: dict[str, Any]
  results: dict[str, Any]                           # results.json
  counts: dict[str, Int[np.ndarray, 'S *k']]       # row -> by subject, sorted
  subjects: tuple[str, ...]
  classes: tuple[str, ...]
  clips_sha256: str      # over clip, subject and truth of all that was held out
  code_sha256: str
  folds: tuple[str, ...]   # which held each subject out, that is by which trained model
  predictions: tuple[Prediction, ...]    # of the method; none where no file has them
  data_sets: dict[str, Bool[np.ndarray, 'S']]   # of several: whose subjects are whose
  groups: dict[str, dict[str, Bool[np.ndarray, 'S']]] = {}   # column, value: whose

  @property
  def about(self) -> dict[str, Any]:
    """What its figures are figures of."""
    return self.results['about']

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
    rest = identity.drop_names(identity.identity(self.config), ('seed', *ONLOOKERS))
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
  if (path / 'sweep.json').is_file():
    raise InputError(f'{path} is the folder of a sweep; name its runs, as '
                     f'{path}/*-seed*/')
  if not (path / 'config.json').is_file():
    raise InputError(f'{path} is no run folder, for it holds no config.json; {HINT}')
  parts.refuse_part(path)
  if not (path / 'results.json').is_file():
    raise InputError(f'{path} is not finished, for it holds no results.json; run its '
                     f'command to the end, or {HINT}')
  reproducibility.refuse_changed(
      path, ('config.json', 'results.json', 'predictions.csv'))
  config, content = _json(path / 'config.json'), _json(path / 'results.json')
  environment = path / 'environment.json'
  code = _json(environment).get('code_sha256') if environment.is_file() else ''
  try:
    return _checked_run(path, config, content, str(code or ''))
  except (KeyError, TypeError, ValueError, AttributeError, IndexError,
          StopIteration, OverflowError, OSError, csv.Error) as error:
    raise InputError(
        f'{path}/results.json does not hold what this version writes '
        f'({type(error).__name__}: {error}); run it again with --fresh, or {HINT}'
    ) from None


def _checked_run(path, config, content, code: str) -> Run:
  about = content['about']
  for name in ('method', 'model', 'data'):
    if not isinstance(config.get(name, {}), dict):
      raise ValueError(f'{name} in config.json is no section')
  for name in ('protocol', 'dataset', 'class_set', 'sheet', 'sheet_sha256', 'f1'):
    if not isinstance(about[name], str):
      raise ValueError(f'about.{name} is no text')
  int(about['seed'])
  classes = tuple(about['clips_per_class'])
  first = next(iter(content['rows'].values()))
  subjects = tuple(sorted(first['per_subject']))
  units = is_of_units(about)
  counts = {str(name): counts_of(row, subjects, len(classes), units=units)
            for name, row in content['rows'].items()}
  clips = next(iter(counts.values())).sum(-1)
  if not clips.sum():
    raise ValueError('no clip was predicted')
  if any((part.sum(-1) != clips).any() for part in counts.values()):
    raise ValueError('its rows are not of the same clips')
  sizes = results.class_sizes(next(iter(counts.values())))
  if sizes.tolist() != list(about['clips_per_class'].values()):
    raise ValueError('about.clips_per_class is not what the rows count')
  lines = _prediction_lines(path / 'predictions.csv')
  method = next(iter(counts.values()))
  return Run(path, config, content, counts, subjects, classes,
             _clips_sha256(lines, method, classes if units else ()), code,
             _folds(lines, subjects, about),
             _predictions(lines, subjects, classes, method),
             _data_sets(content.get('data_sets') or {}, subjects),
             {str(column): _data_sets(parts['by_value'], subjects)
              for column, parts in (content.get('groups') or {}).items()})


def _prediction_lines(path: pathlib.Path) -> list[dict[str, str]] | None:
  return results.read_predictions(path) if path.is_file() else None


def _predictions(lines: list[dict[str, str]] | None, subjects: tuple[str, ...],
                 classes: tuple[str, ...], counts: Int[np.ndarray, 'S *k']
                 ) -> tuple[Prediction, ...]:
  """The lines of predictions.csv, which count to what results.json counts."""
  if lines is None:
    return ()
  if counts.ndim == 4:
    return _unit_predictions(lines, subjects, classes, counts)
  read = tuple(Prediction(*(str(line[name]) for name in Prediction._fields))
               for line in lines)
  who, of = {name: n for n, name in enumerate(subjects)}, {
      name: k for k, name in enumerate(classes)}
  recount = np.zeros_like(counts)
  for one in read:
    recount[who[one.subject], of[one.truth], of[one.prediction]] += 1
  if (recount != counts).any():
    raise ValueError('predictions.csv does not count to the confusion of the method')
  return read


def _unit_predictions(lines: list[dict[str, str]], subjects: tuple[str, ...],
                      units: tuple[str, ...], counts: Int[np.ndarray, 'S U 2 2']
                      ) -> tuple[Prediction, ...]:
  """The same of action units; truth and answer are all that act, as AU1+AU4."""
  who = {name: n for n, name in enumerate(subjects)}
  truth, said = (results.read_units(lines, name, units)
                 for name in ('truth', 'prediction'))
  if (scores.unit_confusion_by(np.array([who[line['subject']] for line in lines]),
                               truth, said, groups=len(subjects)) != counts).any():
    raise ValueError('predictions.csv does not count to the confusion of the method')
  spelled = lambda acts: '+'.join(
      name for name, one in zip(units, acts) if one) or 'none'
  return tuple(Prediction(str(line['clip']), str(line['subject']), spelled(own),
                          spelled(answer))
               for line, own, answer in zip(lines, truth, said))


def _data_sets(parts: dict[str, Any], subjects: tuple[str, ...]
               ) -> dict[str, Bool[np.ndarray, 'S']]:
  """Name of a data set, or group, to its subjects; each is of at most one."""
  masks = {str(name): np.isin(subjects, [str(who) for who in part['subjects']])
           for name, part in parts.items()}
  if masks and (not all(mask.any() for mask in masks.values())
                or np.sum(list(masks.values()), 0).max() > 1):
    raise ValueError('data_sets or groups does not divide the subjects')
  return masks


def counts_of(row: dict[str, Any], subjects: tuple[str, ...], classes: int, *,
              units: bool = False) -> Int[np.ndarray, 'S *k']:
  """Confusion counts by subject of a row of results.json: (S, K, K) or (S, U, 2, 2).

  Raises:
    KeyError, ValueError: they are not there, or not whole numbers from 0.
  """
  counts = np.array([row['per_subject'][name]['confusion'] for name in subjects])
  shape = (classes, 2, 2) if units else (classes, classes)
  if (counts.shape != (len(subjects), *shape) or counts.dtype.kind != 'i'
      or counts.min() < 0 or len(row['per_subject']) != len(subjects)):
    raise ValueError('per_subject holds no counts of all subjects')
  return counts


def _clips_sha256(lines: list[dict[str, str]] | None,
                  counts: Int[np.ndarray, 'S *k'], units: tuple[str, ...] = ()) -> str:
  """Which clips were held out, and what they are; the protocol tells the folds."""
  digest = hashlib.sha256(json.dumps(counts.sum(-1).tolist()).encode())
  if lines is not None:
    columns = [f'truth_{name}' for name in units] or ['truth']
    named = sorted((line['clip'], line['subject'], *(line[name] for name in columns))
                   for line in lines)
    digest.update(json.dumps(named).encode())
  return digest.hexdigest()


def _folds(lines: list[dict[str, str]] | None, subjects: tuple[str, ...],
           about: dict[str, Any]) -> tuple[str, ...]:
  """The fold of every subject; where no file says it, one that holds all of them out,
  unless there were as many folds as subjects."""
  if lines is None:
    return subjects if about.get('folds') == len(subjects) else ('',) * len(subjects)
  of = {line['subject']: str(line['fold']) for line in lines}
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


# Which runs stand in one row, which rows in one table, and why others do not.

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

  def counts(self, row: str | None = None) -> dict[int, Int[np.ndarray, 'S *k']]:
    """Seed to counts by subject, of the method or of a reference beside it."""
    return {run.seed: run.counts[row or run.method] for run in self.runs}

  def models(self, row: str | None = None) -> int:
    """How many models' logits a row averages."""
    first = self.runs[0]
    models = first.about.get('models')
    models = models if isinstance(models, dict) else {}
    many = models.get(row or first.method, 1)
    return many if type(many) is int else 1

  def single(self) -> str:
    """The row of the method that is one model: one draw of it, or its own."""
    first = self.runs[0]
    return next((row for row in (one_draw(first.method),)
                 if all(row in run.counts for run in self.runs)), first.method)

  def about(self, name: str) -> str:
    """What the runs say of themselves under `name`; a dash where they do not."""
    values = {str(run.about[name]) for run in self.runs if name in run.about}
    return ' or '.join(sorted(values)) or '–'


class Column(NamedTuple):
  """Groups of the same clips, labels and classes."""
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
    folds: dict[int, Int[np.ndarray, 'S']] = {}
    for run in (run for group in self.groups for run in group.runs):
      _, own = np.unique(run.folds, return_inverse=True)
      folds[run.seed] = join_folds(folds[run.seed], own) if run.seed in folds else own
    return folds

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
  if len({is_of_units(run.about) for run in runs}) > 1:
    raise InputError('some of these runs tell action units and others classes, which '
                     'no table has together; make a page of each')
  protocol = lambda run: (run.about['protocol'], run.about['f1'])
  tables: list[Table] = []
  many = collections.Counter(map(protocol, runs))
  # The protocol of most runs comes first.
  large = lambda run: (-many[protocol(run)], protocol(run))
  for (name, f1), part in itertools.groupby(sorted(runs, key=large), protocol):
    columns = [_column(list(same)) for _, same in
               itertools.groupby(sorted(part, key=_comparable_key), _comparable_key)]
    # The n-th kind of a data set stands in the n-th table.
    kinds: dict[str, list[Column]] = {}
    for column in sorted(columns, key=lambda c: -sum(len(g.runs) for g in c.groups)):
      kinds.setdefault(column.dataset, []).append(column)
    for number in range(max(map(len, kinds.values()))):
      here = tuple(kinds[key][number] for key in sorted(kinds)
                   if number < len(kinds[key]))
      tables.append(Table(name, f1, here, _why(tables, name, f1, here, kinds)))
  return tuple(tables)


def join_folds(one: Int[np.ndarray, 'S'], two: Int[np.ndarray, 'S']
               ) -> Int[np.ndarray, 'S']:
  """Numbers of the finest groups that keep together what either does.

  Args:
    one, two: a number for each subject, the same for those who are together.
  """
  if (one == two).all():
    return one
  joined = one.copy()
  for group in np.unique(two):
    joined[np.isin(joined, joined[two == group])] = joined[two == group].min()
  return joined


def _order(run: Run) -> tuple:
  return (run.about['protocol'], _comparable_key(run), run.identity, run.seed,
          run.path.name)


def _comparable_key(run: Run) -> tuple:
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


def alike_but(tables: Sequence[Table], names: Sequence[str]
              ) -> dict[str, dict[str, list[Run]]]:
  """Data set, to label, to the runs on the same clips that differ in nothing else.

  Args:
    tables: of `arrange`.
    names: settings in which such runs may differ, beside the seed; the labels are
      without them.
  """
  by_clips: dict[tuple, dict[str, list[Run]]] = {}
  for group in (group for table in tables for column in table.columns
                for group in column.groups):
    first = group.runs[0]
    rest = identity.drop_names(json.loads(first.identity), names)
    by_clips.setdefault(_comparable_key(first), {}).setdefault(
        json.dumps(rest, sort_keys=True), []).extend(group.runs)
  by_data_set: dict[str, dict[str, list[Run]]] = {}
  for key, kinds in sorted(by_clips.items(), key=lambda pair: repr(pair[0])):
    series = by_data_set.setdefault(str(key[0]), {})
    groups = [Group('', tuple(runs)) for runs in kinds.values()]
    for label, group in zip(_labels(groups, names), groups):
      while label in series:      # of other clips of a data set of this name
        label += ', other clips'
      series[label] = list(group.runs)
  return by_data_set


def _labels(groups: Sequence[Group], without: Sequence[str] = ()) -> list[str]:
  """Method and encoder, and the settings by which those of one name differ."""
  names = [f'{group.runs[0].method}, {group.encoder}' for group in groups]
  settings = [json.loads(group.runs[0].identity) for group in groups]
  labels = []
  for name, mine in zip(names, settings):
    others = [other for them, other in zip(names, settings)
              if them == name and other is not mine]
    varied = sorted({where for other in others
                     for where, *_ in identity.find_differences(mine, other)
                     if where not in without})
    differing = [f'{where}={_value(mine, where)}' for where in varied]
    labels.append(', '.join([name, *differing]))
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
  reasons = []
  for words, name in (('class set', 'class_set'), ('label sheet', 'sheet'),
                      ('sheet content, by its sha256', 'sheet_sha256')):
    old, new = one.about[name][:40] or 'none', two.about[name][:40] or 'none'
    if old != new:
      reasons.append(f'another {words} ({new}, not {old})')
  if not reasons:
    reasons = ['other clips, folds or labels '
               f'({counted(two.about.get("clips", "?"), "clip")} of '
               f'{counted(len(two.subjects), "subject")} here, '
               f'{one.about.get("clips", "?")} of {len(one.subjects)} there)']
  return ' and '.join(reasons)
