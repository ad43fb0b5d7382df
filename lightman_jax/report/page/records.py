"""What only some runs hold beside their scores, read and checked for the page."""

import base64
import collections
from collections.abc import Iterable, Iterator, Sequence
import contextlib
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.evaluation import comparison, scores
from lightman_jax.report import table as few_shot
from lightman_jax.report.page.figures import Point
from lightman_jax.report.page.groups import (
  Column,
  Group,
  Run,
  Table,
  alike_but,
  counts_of,
)
from lightman_jax.report.page.texts import short
from lightman_jax.report.table import is_of_units
from lightman_jax.runs import progress, results
from lightman_jax.units import measure_in_words

POINTS = 60             # of a learning curve
MOST = 16 * 1024**2     # bytes of a drawing, which is part of the page
MISSED = 20             # clips of a data set that are listed
OF_A_RUN = ('step_time', 'step_arithmetic', 'share_of_matmul_rate', 'compile_time',
            'memory_estimate', 'peak_memory')     # of cost.json, what the page shows


class Row(NamedTuple):
  """A line of a plain table: its head, and a text for every column."""
  label: str
  cells: tuple[str, ...]


class Sheet(NamedTuple):
  """A plain table with what must be said of it."""
  title: str
  captions: tuple[str, ...]
  heads: tuple[str, ...]
  rows: tuple[Row, ...]
  notes: tuple[tuple[str, str], ...] = ()      # a column's head and what it means


class Pair(NamedTuple):
  """What a row of results has on a data set, trained on another alone."""
  row: str
  source: str
  target: str
  score: str
  value: float
  low: float
  high: float
  people: int           # who are tested
  seeds: int


class Missed(NamedTuple):
  """A clip, and how often it was not recognised."""
  dataset: str
  clip: str
  subject: str
  truth: str
  wrong: str          # the commonest wrong answer
  misses: int
  predictions: int    # of all methods and seeds


class Drawing(NamedTuple):
  """A PNG that a run left."""
  label: str
  source: str         # a data: address


def groups_of(tables: Sequence[Table]) -> Iterator[tuple[Column, Group]]:
  """All groups with the column in which they stand."""
  for table in tables:
    for column in table.columns:
      for group in column.groups:
        yield column, group


def robustness(column: Column) -> dict[tuple[str, str], dict[str, list[Point]]]:
  """Kind of damage and its unit, to method, to UF1 with its interval by level.

  Raises:
    InputError: a run holds none of these where they should be.
  """
  kinds: dict[tuple[str, str], dict[str, list[Point]]] = {}
  for group in column.groups:
    for kind, unit, points in _damage(group):
      kinds.setdefault((kind, unit), {})[group.label] = points
  return dict(sorted(kinds.items()))


def _damage(group: Group) -> Iterator[tuple[str, str, list[Point]]]:
  """Kind, unit and points; where seeds measured other levels, those of all."""
  first = group.runs[0]
  folds = np.stack([np.unique(run.folds, return_inverse=True)[1] for run in group.runs])
  with _refused_where_unsound(first, 'robustness'):
    for kind, measured in (first.results.get('robustness') or {}).items():
      points = []
      for entry in measured:
        level = entry['level']
        rows = [one['row'] for run in group.runs
                for one in (run.results.get('robustness') or {}).get(kind, ())
                if one['level'] == level]
        if len(rows) == len(group.runs):
          counts = np.stack([counts_of(row, first.subjects, len(first.classes))
                             for row in rows])
          points.append((_finite(level), comparison.mean_score(counts, scores.uf1),
                         *comparison.crossed_interval(counts, scores.uf1, folds=folds)))
      if points:
        yield str(kind), str(measured[0].get('unit', '')), sorted(points)


# What the points of a curve over people differ in.
OF_PEOPLE = ('episodes.training_people', 'episodes.people_draw')
# References that learn from as many people, drawn beside the methods.
LINEAR = ('svm', 'svm with macro clips', 'macro_only')


def people_curves(tables: Sequence[Table]) -> dict[str, dict[str, list[Point]]]:
  """Data set to UF1 by the number of training people: a series a method and reference.

  Of several draws of as many people and seeds the mean, with its interval over these
  and the held-out people. Without data sets whose runs all train on all people.
  """
  curves = {}
  for dataset, kinds in alike_but(tables, OF_PEOPLE).items():
    of_row: dict[str, dict[float, list[tuple[Run, str]]]] = {}
    for label, runs in kinds.items():
      if len({training_people(run) for run in runs}) < 2:
        continue
      for run in runs:
        for name, row in ((label, run.method), *zip(LINEAR, LINEAR)):
          if row in run.counts:
            of_row.setdefault(name, {}).setdefault(training_people(run), []).append(
                (run, row))
    if of_row:
      curves[dataset] = {
          name: [_people_point(x, rows) for x, rows in sorted(points.items())]
          for name, points in sorted(of_row.items())}
  return curves


def training_people(run: Run) -> float:
  """How many people with micro clips a fold trains on, on average."""
  episodes = run.config.get('episodes')
  count = episodes.get('training_people', 0) if isinstance(episodes, dict) else 0
  if count:
    return _finite(count)
  sizes = list(collections.Counter(run.folds).values())
  return len(run.subjects) - sum(sizes) / len(sizes)


def _people_point(x: float, rows: Sequence[tuple[Run, str]]) -> Point:
  counts = np.stack([run.counts[row] for run, row in rows])
  folds = np.stack([np.unique(run.folds, return_inverse=True)[1] for run, _ in rows])
  score = scores.f1_binary if is_of_units(rows[0][0].about) else scores.uf1
  return (x, comparison.mean_score(counts, score),
          *comparison.crossed_interval(counts, score, folds=folds))


def unit_scores(column: Column) -> list[Sheet]:
  """F1 of the presence of each action unit: a row a unit, a column a method.

  Args:
    column: the runs; none of classes has such a table.
  """
  if not is_of_units(column.about):
    return []
  first, made = column.first, {}
  for group in column.groups:
    made[group.label] = group.counts()
    for row in list(first.counts)[1:]:
      if row not in results.own_rows(group.runs[0].method) and all(
          row in run.counts for run in group.runs):
        made.setdefault(row, group.counts(row))
  of_unit = {name: scores.class_f1(np.stack(list(counts.values())).sum(1))[..., 1].mean(
      0) for name, counts in made.items()}
  clips = list(column.about['clips_per_class'].values())
  return [Sheet(column.dataset, (), ('clips', *made), tuple(
      Row(name, (str(clips[k]), *(_short(float(of[k])) for of in of_unit.values())))
      for k, name in enumerate(first.classes)))]


def people_table(series: dict[str, list[Point]]) -> Sheet:
  """The numbers of `people_curves`: a row a series, a column a number of people."""
  counts = sorted({point[0] for points in series.values() for point in points})
  at = {name: {x: f'{_short(value)} [{_short(low)}, {_short(high)}]'
               for x, value, low, high in points} for name, points in series.items()}
  return Sheet('', (), tuple(f'{x:g} people' for x in counts), tuple(
      Row(name, tuple(cells.get(x, '–') for x in counts))
      for name, cells in at.items()))


def across(tables: Sequence[Table]) -> list[Pair]:
  """Every pair of data sets of runs that trained on one and were tested on others.

  The interval is over the people who are tested, of models of that training: another
  training has no part in it but by several seeds.

  Args:
    tables: of `groups.arrange`.
  """
  pairs = []
  for column, group in groups_of(tables):
    first = group.runs[0]
    source = first.config.get('episodes', {}).get('train_on', '')
    if not source:
      continue
    every = scores.UNIT_SCORES if is_of_units(column.about) else scores.scores_of()
    main = scores.main_score(every)
    tested = first.data_sets or {
        first.subjects[0].partition('/')[0]: np.ones(len(first.subjects), bool)}
    rows = [row for row in first.counts
            if row not in results.own_rows(first.method)]
    for row in rows:
      stacked = np.stack(list(group.counts(row).values()))
      if (stacked == stacked[0]).all():       # nothing in it depends on the seed
        stacked = stacked[:1]
      pairs += [Pair(
          f'{first.method}, {group.encoder}' if row == first.method else row, source,
          name, scores.head(main),
          comparison.mean_score(stacked[:, mine], every[main].of_counts),
          *comparison.crossed_interval(stacked[:, mine], every[main].of_counts),
          int(mine.sum()), len(stacked)) for name, mine in tested.items()]
  return sorted(set(pairs), key=lambda pair: (rows_first(pair), pair[:3]))


def rows_first(pair: Pair) -> bool:
  """Methods come before references, whose names have no encoder."""
  return ', ' not in pair.row


def across_tables(tables: Sequence[Table]) -> list[Sheet]:
  """A table a row of results: trained on, by tested on; a dash where there is none.

  Args:
    tables: of `groups.arrange`.
  """
  pairs, sheets = across(tables), []
  for row in dict.fromkeys(pair.row for pair in pairs):
    mine = {(pair.source, pair.target): pair for pair in pairs if pair.row == row}
    sources, targets = (sorted({place[n] for place in mine}) for n in (0, 1))
    cell = lambda pair: (f'{_short(pair.value)} [{_short(pair.low)}, '
                         f'{_short(pair.high)}]' if pair else '–')
    sheets.append(Sheet(
        f'{row}: {pairs[0].score}', (), tuple(f'tested on {name}' for name in targets),
        tuple(Row(f'trained on {name}', tuple(
            cell(mine.get((name, other))) for other in targets)) for name in sources)))
  return sheets


def loss(group: Group) -> list[Point]:
  """The loss on training tasks by step: mean, and the middle 80 %, of folds and seeds.

  Raises:
    InputError: a metrics log does not hold what this version writes.
  """
  by_step: dict[int, list[float]] = {}
  for run in group.runs:
    with _refused_where_unsound(run, 'metrics.jsonl'):
      for line in progress.read(run.path / 'metrics.jsonl'):
        if line.get('stage') == 'train' and line.get('loss') is not None:
          by_step.setdefault(int(line['step']), []).append(_finite(line['loss']))
  steps = sorted(by_step)
  points = []
  # Neighbouring steps are one point, so that a page stays small.
  for part in np.array_split(steps, min(POINTS, len(steps))) if steps else ():
    values = [v for step in part for v in by_step[int(step)]]
    low, high = np.quantile(values, [.1, .9])
    points.append((float(np.mean(part)), float(np.mean(values)), float(low),
                   float(high)))
  return points


def missed_clips(column: Column) -> list[Missed]:
  """The clips of a column that methods and seeds got wrong most often, worst first."""
  predictions = [one for group in column.groups for run in group.runs
                 for one in run.predictions]
  wrong: dict[tuple[str, str, str], list[str]] = collections.defaultdict(list)
  for one in predictions:
    if one.prediction != one.truth:
      wrong[one.clip, one.subject, one.truth].append(one.prediction)
  many = collections.Counter((one.clip, one.subject, one.truth) for one in predictions)
  of = {subject: name for name, mine in column.first.data_sets.items()
        for subject, here in zip(column.first.subjects, mine) if here}
  worst = sorted(wrong, key=lambda clip: (-len(wrong[clip]) / many[clip], clip))
  return [Missed(of.get(clip[1], column.dataset), *clip,
                 max(sorted(set(wrong[clip])), key=wrong[clip].count),
                 len(wrong[clip]), many[clip]) for clip in worst[:MISSED]]


def action_drawings(tables: Sequence[Table]) -> list[Drawing]:
  """What runs drew: actions of DeRe-GRL, these beside units, other encoders' maps.

  Raises:
    InputError: one is larger than a page can hold.
  """
  drawings = []
  for column, group in groups_of(tables):
    for run, name in itertools.product(group.runs, (
        'actions.png', 'unit_actions.png', 'attribution.png')):
      path = run.path / name
      with _refused_where_unsound(run, name):
        content = bounded.read_bytes(path, MOST) if path.is_file() else b''
      if content.startswith(b'\x89PNG\r\n'):
        code = base64.b64encode(content).decode()
        drawings.append(Drawing(f'{group.label}: {column.dataset}, seed {run.seed}',
                                f'data:image/png;base64,{code}'))
  return drawings


def few_shots(tables: Sequence[Table]) -> list[Sheet]:
  """A table for every kind of episode, a line a run and row.

  Raises:
    InputError: a run's few_shot section is not what this version writes.
  """
  kinds: dict[tuple[str, ...], list[Row]] = {}
  for column, group in groups_of(tables):
    for run in group.runs:
      section = run.results.get('few_shot')
      if section:
        with _refused_where_unsound(run, 'few_shot'):
          name = (f'{column.dataset}: {section["protocol"]}',
                  *map(str, few_shot.few_shot_caption(section)[1:]))
          kinds.setdefault(name, []).extend(_few_shot_rows(group, run, section))
  heads = ('accuracy, people', 'accuracy, episodes', 'UF1, people', 'chance')
  return [Sheet(name, tuple(lines), heads, tuple(rows))
          for (name, *lines), rows in sorted(kinds.items())]


def _few_shot_rows(group: Group, run: Run, section: dict[str, Any]) -> Iterator[Row]:
  for row, scored in section['rows'].items():
    apart = results.own_rows(run.method).get(row)
    label = f'{group.label}, {apart}' if apart else (
        group.label if row == run.method else str(row))
    cells = [f'{_short(scored[name]["value"])} [{_short(scored[name]["low"])}, '
             f'{_short(scored[name]["high"])}]'
             for name in ('accuracy', 'accuracy_over_episodes', 'uf1')]
    yield Row(f'{label}, seed {run.seed}', (*cells, _short(section['chance'])))


def costs(tables: Sequence[Table]) -> list[Sheet]:
  """What each method costs: measured where that was asked for, and as its run went.

  Raises:
    InputError: a file of costs is not what this version writes.
  """
  sheets = (
      _cost(tables, 'efficiency.json', None, 'Measured once, on the machine of the '
            'run: seconds move from one measurement to the next.'),
      _cost(tables, 'cost.json', OF_A_RUN, 'Of the last start of each run, whatever '
            'else its machine did meanwhile.'))
  return [sheet for sheet in sheets if sheet.rows]


def _cost(tables: Sequence[Table], file: str, names: Iterable[str] | None,
          caption: str) -> Sheet:
  """A line a run, each amount in units that people read."""
  lines: list[tuple[str, dict[str, str]]] = []
  units: dict[str, str] = {}
  for column, group in groups_of(tables):
    for run in group.runs:
      with _refused_where_unsound(run, file):
        measures = {str(name): one for name, one in (run.read(file) or {}).get(
            'measures', {}).items() if names is None or name in names}
        units |= {name: str(one['unit']) for name, one in measures.items()}
        amounts = {name: _amount(_number(one['value']), units[name])
                   for name, one in measures.items()}
      if amounts:
        lines.append((f'{group.label}: {column.dataset}, seed {run.seed}', amounts))
  words = {name: name.replace('_', ' ') for name in units}
  return Sheet('', (caption,), tuple(words.values()), tuple(
      Row(label, tuple(amounts.get(name, '–') for name in units))
      for label, amounts in lines), tuple((words[name], units[name]) for name in units))


def oracle_gap(tables: Sequence[Table]) -> Sheet | None:
  """What peeking would have given, beside what was honest; None where nobody asked.

  Raises:
    InputError: an oracle.json is not what this version writes.
  """
  rows = []
  for column, group in groups_of(tables):
    for run in group.runs:
      content = run.read('oracle.json')
      if content:
        with _refused_where_unsound(run, 'oracle.json'):
          cells = [short(_number(content[part]['uf1']), sign=part == 'gap')
                   for part in ('honest', 'chosen on the held-out clips', 'gap')]
        rows.append(Row(f'{group.label}: {column.dataset}, seed {run.seed}',
                        tuple(cells)))
  heads = ('honest', 'NOT A RESULT: checkpoint chosen on the held-out clips',
           'what peeking adds')
  return Sheet('', (), heads, tuple(rows)) if rows else None


# Of each array of embeddings.npz what it holds, as NumPy says it, and its axes.
KINDS = {'before': ('f', 2), 'label': ('i', 1), 'macro': ('b', 1),
         'held_out': ('b', 1), 'fold': ('U', 0), 'explained': ('f', 1)}


def embeddings(run: Run) -> dict[str, np.ndarray] | None:
  """The arrays of embeddings.npz; None where there is no such file.

  Raises:
    InputError: it does not hold them.
  """
  path = run.path / 'embeddings.npz'
  if not path.is_file():
    return None
  try:
    arrays = bounded.read_arrays(path)
    kinds = {name: (arrays[name].dtype.kind, arrays[name].ndim) for name in KINDS}
    before, after = arrays['before'], arrays.get('after', arrays['before'])
    n, axes_kept = before.shape
    if (kinds != KINDS or after.dtype.kind != 'f' or after.shape != before.shape
        or any(arrays[name].shape != (n,) for name in ('label', 'macro', 'held_out'))
        or not 2 <= axes_kept or not n
        or not all(np.isfinite(x).all() for x in (before, after, arrays['explained']))):
      raise ValueError
  except (OSError, ValueError, KeyError):
    raise InputError(f'{path} does not hold embeddings as this version writes them; '
                     'run it again with --fresh, or delete the file') from None
  return arrays


def _number(value: Any) -> float:
  """A number, or NaN for the null that stands for none."""
  return float('nan') if value is None else float(value)


def _finite(value: Any) -> float:
  """A number that can be drawn."""
  number = float(value)
  if not abs(number) < 1e30:
    raise ValueError(f'{number} is no number that can be drawn')
  return number


def _short(value: Any) -> str:
  return short(_number(value))


def _amount(value: float, unit: str) -> str:
  return measure_in_words(value, unit) if math.isfinite(value) else '–'


@contextlib.contextmanager
def _refused_where_unsound(run: Run, what: str) -> Iterator[None]:
  """One sentence where a run folder does not hold what this version writes."""
  try:
    yield
  except InputError:
    raise
  except (KeyError, TypeError, ValueError, AttributeError, IndexError,
          OverflowError) as error:
    raise InputError(f'{run.path}, {what} does not hold what this version writes '
                     f'({type(error).__name__}: {error}); run it again with --fresh, '
                     'or leave it out') from None
