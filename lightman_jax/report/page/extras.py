"""The page's sections on what only some runs hold; absent ones leave no trace."""

import base64
from collections.abc import Iterator, Sequence
import math
from typing import Any

import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.evaluation import comparison, scores
from lightman_jax.report import table as few_shot
from lightman_jax.report.page import figures
from lightman_jax.report.page.groups import Column, Group, Run, Table, counts_of
from lightman_jax.report.page.markup import Safe, tag
from lightman_jax.report.page.texts import short
from lightman_jax.runs import metrics_log

POINTS = 60      # of a learning curve
MOST = 16 * 1024**2     # bytes of a drawing, which is part of the page
OF_A_RUN = ('step_time', 'step_arithmetic', 'share_of_matmul_rate', 'compile_time',
            'memory_estimate', 'peak_memory')     # of cost.json, what the page shows


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
                 'band is the interval over subjects, trained models and seeds.'),
             tag('div', drawn, class_='grid-of'), id='robustness')


def _damage(group: Group) -> Iterator[tuple[str, str, list[figures.Point]]]:
  """Kind, unit and points; where seeds measured other levels, those of all."""
  first = group.runs[0]
  folds = np.stack([np.unique(run.folds, return_inverse=True)[1] for run in group.runs])
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
                         *comparison.crossed_interval(counts, scores.uf1, folds=folds)))
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
      with _sound(run, 'actions.png'):
        content = bounded.read_bytes(path, MOST) if path.is_file() else b''
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


def few_shots(tables: Sequence[Table]) -> Safe | None:
  """A table for every kind of episode, a line a run and row."""
  kinds: dict[tuple[str, ...], list[Safe]] = {}
  for column, group in _groups(tables):
    for run in group.runs:
      found = run.found.get('few_shot')
      if found:
        with _sound(run, 'few_shot'):
          name = (f'{column.dataset}: {found["protocol"]}',
                  *map(str, few_shot.few_shot_caption(found)[1:]))
          kinds.setdefault(name, []).extend(_few_shot_lines(group, run, found))
  if not kinds:
    return None
  heads = ('', 'accuracy, people', 'accuracy, episodes', 'UF1, people', 'chance')
  parts = [[tag('h3', name), [tag('p', line, class_='caption') for line in lines],
            _table(heads, rows)] for (name, *lines), rows in sorted(kinds.items())]
  return tag('section', tag('h2', 'Few shots'),
             tag('p', 'Where the support comes from is part of the name: other origins '
                 'are other tasks, and are not compared.'), parts, id='few-shots')


def _few_shot_lines(group: Group, run: Run, found: dict[str, Any]) -> Iterator[Safe]:
  for row, scored in found['rows'].items():
    label = group.label + str(row).removeprefix(run.method)
    cells = [tag('td', short(_real(scored[name]['value'])), tag(
        'span', f'[{short(_real(scored[name]["low"]))}, '
        f'{short(_real(scored[name]["high"]))}]', class_='range'), class_='n')
             for name in ('accuracy', 'accuracy_over_episodes', 'uf1')]
    yield tag('tr', tag('th', f'{label}, seed {run.seed}', scope='row'), cells,
              tag('td', short(_real(found['chance']))))


def cost(tables: Sequence[Table]) -> Safe | None:
  """What each method costs: measured where that was asked for, and as its run went."""
  parts = [*_costs(tables, 'efficiency.json', bool, 'Measured once, on the machine of '
                   'the run: seconds move from one measurement to the next.'),
           *_costs(tables, 'cost.json', OF_A_RUN.__contains__, 'Of the last start of '
                   'each run, whatever else its machine did meanwhile.')]
  return tag('section', tag('h2', 'Cost'), parts, id='cost') if parts else None


def _costs(tables: Sequence[Table], file: str, wanted, caption: str) -> list[Safe]:
  """A caption, a table with a line a run, and the units in a list below."""
  rows, units = [], {}
  for column, group in _groups(tables):
    for run in group.runs:
      with _sound(run, file):
        found = {name: one for name, one in (run.read(file) or {}).get(
            'measures', {}).items() if wanted(name)}
        units |= {str(name): str(one['unit']) for name, one in found.items()}
        values = {name: _real(one['value']) for name, one in found.items()}
      if values:
        rows.append((f'{group.label}: {column.dataset}, seed {run.seed}', values))
  called = {name: name.replace('_', ' ') for name in units}
  lines = [tag('tr', tag('th', label, scope='row'),
               [tag('td', _amount(values.get(name)), class_='n') for name in units])
           for label, values in rows]
  listed = [tag('li', tag('b', called[name]), f': {unit}')
            for name, unit in units.items()]
  return [tag('p', caption), _table(('', *called.values()), lines),
          tag('ul', listed, class_='caption')] if rows else []


def oracle(tables: Sequence[Table]) -> Safe | None:
  """What peeking would have given, under a title that says it is no result."""
  rows = []
  for column, group in _groups(tables):
    for run in group.runs:
      found = run.read('oracle.json')
      if found:
        with _sound(run, 'oracle.json'):
          cells = [tag('td', short(_real(found[part]['uf1']), sign=part == 'gap'))
                   for part in ('honest', 'chosen on the held-out clips', 'gap')]
        rows.append(tag('tr', tag('th', f'{group.label}: {column.dataset}, seed '
                                  f'{run.seed}', scope='row'), cells))
  if not rows:
    return None
  heads = ('UF1', 'honest', 'NOT A RESULT: checkpoint chosen on the held-out clips',
           'what peeking adds')
  return tag('section', tag('h2', 'Not a result: the oracle gap'),
             tag('p', 'What choosing each fold’s checkpoint on its own held-out clips '
                 'would have given, beside the honest score. It is no score of any '
                 'method and must not be quoted as one.', class_='notice'),
             _table(heads, rows), id='oracle')


def _table(heads: Sequence[str], rows: Sequence[Safe]) -> Safe:
  return tag('div', tag('table', tag('thead', tag('tr', [
      tag('th', head, scope='col') for head in heads])), tag('tbody', rows)),
             class_='scroll')


def _real(value: Any) -> float:
  """A number, or NaN for the null that stands for none."""
  return float('nan') if value is None else float(value)


def _amount(value: float | None) -> str:
  if value is None or not math.isfinite(value):
    return '–'
  return f'{value:,.0f}' if value >= 1e4 or value == int(value) else f'{value:.3g}'


class _sound:
  """What a run folder holds is turned into one sentence where it is not sound."""

  def __init__(self, run: Run, what: str):
    self._where = f'{run.path}, {what}'

  def __enter__(self):
    return self

  def __exit__(self, kind, error, _) -> None:
    if kind and issubclass(kind, (
        KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError,
    )) and not issubclass(kind, InputError):
      raise InputError(f'{self._where} does not hold what this version writes '
                       f'({kind.__name__}: {error}); run it again with --fresh, or '
                       'leave it out') from None
