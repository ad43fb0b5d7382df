"""The page's sections on what only some runs hold; absent ones leave no trace."""

import base64
from collections.abc import Iterable, Iterator, Sequence
import math
from typing import Any

import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.evaluation import comparison, scores
from lightman_jax.report import metrics_log
from lightman_jax.report.page import figures
from lightman_jax.report.page.folders import Run, counts_of
from lightman_jax.report.page.groups import Column, Group, Table
from lightman_jax.report.page.markup import Safe, tag
from lightman_jax.report.page.texts import short

POINTS = 60      # of a learning curve


def _groups(tables: Sequence[Table]) -> Iterator[tuple[Column, Group]]:
  for table in tables:
    for column in table.columns:
      for group in column.groups:
        yield column, group


def robustness(tables: Sequence[Table]) -> Safe | None:
  """A curve for each kind of damage and data set, a line a method."""
  drawn = []
  for column in (column for table in tables for column in table.columns):
    kinds: dict[tuple[str, str], dict[str, list[figures.Point]]] = {}
    for group in column.groups:
      for kind, unit, points in _damage(group):
        kinds.setdefault((kind, unit), {})[group.label] = points
    for (kind, unit), series in sorted(kinds.items()):
      drawn.append(tag(
          'figure', tag('h4', f'{kind.replace("_", " ")}: {column.dataset}'),
          figures.curves(series, title=f'UF1 by level of {kind}', x_label=unit or kind,
                         y_label='UF1', unit_interval=True),
          figures.legend(list(series))))
  if not drawn:
    return None
  return tag('section', tag('h2', 'Robustness'),
             tag('p', 'UF1 of the same trained models on damaged held-out clips; the '
                 'band is the interval from resampling subjects and seeds.'),
             tag('div', drawn, class_='grid-of'), id='robustness')


def _damage(group: Group) -> Iterator[tuple[str, str, list[figures.Point]]]:
  """Kind, unit and points; where seeds measured other levels, those of all."""
  first = group.runs[0]
  with _sound(first, 'robustness'):
    for kind, measured in (first.found.get('robustness') or {}).items():
      points = []
      for entry in measured:
        level = entry['level']
        rows = [one['row'] for run in group.runs
                for one in (run.found.get('robustness') or {}).get(kind, ())
                if one['level'] == level]
        if len(rows) == len(group.runs):
          counts = np.stack([counts_of(row, first.subjects, len(first.classes))
                             for row in rows])
          points.append((float(level), comparison.mean_score(counts, scores.uf1),
                         *comparison.crossed_interval(
                             counts, scores.uf1, rng=np.random.default_rng(0))))
      yield str(kind), str(measured[0].get('unit', '')), sorted(points)


def learning(tables: Sequence[Table]) -> Safe | None:
  """The loss on training tasks by step: mean and spread over folds and seeds."""
  drawn = []
  for column, group in _groups(tables):
    points = _loss(group)
    if points:
      drawn.append(tag('figure', tag('h4', f'{group.label}: {column.dataset}'),
                       figures.curves({'loss': points}, x_label='step',
                                      y_label='loss on training tasks',
                                      title=f'{group.label}: loss by step')))
  if not drawn:
    return None
  return tag('section', tag('h2', 'Learning curves'),
             tag('p', 'Of training tasks alone: nothing held out is looked at while '
                 'training. Line: mean over folds and seeds; band: the middle 80 % of '
                 'them.'),
             tag('div', drawn, class_='grid-of'), id='learning')


def _loss(group: Group) -> list[figures.Point]:
  by_step: dict[int, list[float]] = {}
  for run in group.runs:
    with _sound(run, 'metrics.jsonl'):
      for line in metrics_log.read(run.path / 'metrics.jsonl'):
        if line.get('stage') == 'train' and line.get('loss') is not None:
          by_step.setdefault(int(line['step']), []).append(float(line['loss']))
  steps = sorted(by_step)
  points = []
  # Neighbouring steps are one point, so that a page stays small.
  for part in np.array_split(steps, min(POINTS, len(steps))) if steps else ():
    values = [v for step in part for v in by_step[int(step)]]
    low, high = np.quantile(values, [.1, .9])
    points.append((float(np.mean(part)), float(np.mean(values)), float(low),
                   float(high)))
  return points


def drawings(tables: Sequence[Table]) -> Safe | None:
  """The faces that DeRe-GRL's runs drew."""
  drawn = []
  for column, group in _groups(tables):
    for run in group.runs:
      path = run.path / 'actions.png'
      content = path.read_bytes() if path.is_file() else b''
      if content.startswith(b'\x89PNG\r\n'):
        code = base64.b64encode(content).decode()
        words = f'{group.label}: {column.dataset}, seed {run.seed}'
        drawn.append(tag('figure', tag('h4', words), tag(
            'img', src=f'data:image/png;base64,{code}', alt=f'Actions of {words}')))
  if not drawn:
    return None
  return tag('section', tag('h2', 'What carried a prediction'),
             tag('p', 'Facial actions and their relations, drawn on the face, with '
                 'the weights that the model gave them.'), *drawn, id='drawings')


def noted(tables: Sequence[Table], *, key: str, title: str, words: str,
          file: bool) -> Safe | None:
  """A table of whatever numbers the runs hold under a key, or in a file NAME.json.

  Args:
    tables: of the page.
    key: in results.json, or the file's name without its end.
    title, words: of the section.
    file: whether it is a file.
  """
  rows, names = [], []
  for column, group in _groups(tables):
    for run in group.runs:
      found = run.read(f'{key}.json') if file else run.found.get(key)
      if found:
        flat = dict(_flat(found))
        names += [name for name in flat if name not in names]
        rows.append((f'{group.label}: {column.dataset}, seed {run.seed}', flat))
  if not rows:
    return None
  # Many names are read downwards, a column a run.
  body = [tag('tr', tag('th', name.replace('_', ' '), scope='row'),
              [tag('td', flat.get(name, '–')) for _, flat in rows]) for name in names]
  head = tag('tr', tag('th', ''), [tag('th', label, scope='col') for label, _ in rows])
  return tag('section', tag('h2', title), tag('p', words),
             tag('div', tag('table', tag('thead', head), tag('tbody', body)),
                 class_='scroll'), id=key)


def _flat(value: Any, name: str = '') -> Iterable[tuple[str, str]]:
  """Nested values as (name, text); a score and its interval are one text."""
  if isinstance(value, dict):
    if {'value', 'low', 'high'} <= value.keys():
      yield name, (f'{_number(value["value"])} '
                   f'[{_number(value["low"])}, {_number(value["high"])}]')
      return
    for key, part in value.items():
      if key not in ('per_subject', 'confusion', 'per_class'):
        yield from _flat(part, f'{name} {key}'.strip())
  elif isinstance(value, list):
    if all(not isinstance(part, (dict, list)) for part in value):
      yield name, ', '.join(map(_number, value[:12]))
    else:
      for number, part in enumerate(value):
        yield from _flat(part, f'{name} {number + 1}'.strip())
  else:
    yield name, _number(value)


def _number(value: Any) -> str:
  if value is None or isinstance(value, bool):
    return {None: '–', True: 'yes', False: 'no'}[value]
  if isinstance(value, float) and math.isfinite(value):
    if 0 < abs(value) < 1:
      return short(value) if abs(value) >= .001 else f'{value:.2g}'
    return f'{value:.4g}' if abs(value) < 1e4 else f'{value:,.0f}'
  if isinstance(value, int):
    return f'{value:,}'
  return str(value)


class _sound:
  """What a run folder holds is turned into one sentence where it is not sound."""

  def __init__(self, run: Run, what: str):
    self._where = f'{run.path}, {what}'

  def __enter__(self):
    return self

  def __exit__(self, kind, error, _) -> None:
    if kind and issubclass(kind, (KeyError, TypeError, ValueError, AttributeError,
                                  IndexError)) and not issubclass(kind, InputError):
      raise InputError(f'{self._where} does not hold what this version writes '
                       f'({kind.__name__}: {error}); run it again with --fresh, or '
                       'leave it out') from None
