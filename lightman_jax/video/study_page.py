"""One page on a study: rates by condition, tests over people, what became of videos."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any, NamedTuple

import numpy as np

from lightman_jax.files import write_atomically
from lightman_jax.report import templates
from lightman_jax.video.expressions import LIMITS
from lightman_jax.video.study_results import Table
from lightman_jax.video.study_tables import ANY, KINDS, REGIONS

_WIDE, _HIGH = 640., 220.        # of a figure
_LEFT, _BOTTOM, _TOP = 52., 190., 12.


class Dot(NamedTuple):
  """A person's rate under a condition, in the pixels of the figure."""
  x: float
  y: float
  words: str


class Figure(NamedTuple):
  """Rates of one kind: a column a condition, a dot a person, a line within a pair."""
  kind: str
  dots: list[Dot]
  lines: list[tuple[float, float, float, float]]
  columns: list[tuple[float, str]]
  ticks: list[tuple[float, str]]


def figure(summary: Sequence[Mapping[str, Any]], kind: str) -> Figure:
  """The figure of one kind.

  Args:
    summary: rows of summary.csv.
    kind: 'micro' or 'macro'.
  """
  rows = [row for row in summary if row['kind'] == kind and row['region'] == ANY
          and row['a_minute'] is not None]
  conditions = sorted({row['condition'] for row in rows})
  step = (_WIDE - _LEFT) / max(len(conditions), 1)
  at = {name: _LEFT + (k + .5) * step for k, name in enumerate(conditions)}
  most = max([row['a_minute'] for row in rows], default=0.) or 1.
  unit = 10. ** np.floor(np.log10(most))
  tick = next(unit * f for f in (.2, .5, 1., 2., 5.) if most / (unit * f) <= 6.)
  top = float(np.ceil(most / tick) * tick)

  def height(rate: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * rate / top
  dots = [Dot(at[row['condition']], height(row['a_minute']),
              f'{row["person"]}, {row["condition"] or "all"}: {row["a_minute"]:.2f} a '
              f'minute in {row["looked_at_min"]:.2f} min') for row in rows]
  own: dict[str, list[Dot]] = {}
  for row, dot in zip(rows, dots):
    own.setdefault(row['person'], []).append(dot)
  lines = [(a.x, a.y, b.x, b.y) for mine in own.values()
           for a, b in zip(mine, mine[1:])]
  return Figure(kind, dots, lines, [(x, name or 'all') for name, x in at.items()],
                [(height(value), f'{value:g}')
                 for value in np.arange(0., top + tick / 2, tick).tolist()])


def conditions_of(summary: Sequence[Mapping[str, Any]], videos: Table
                  ) -> list[dict[str, Any]]:
  """A row for each condition: people, videos, minutes and mean rates of people.

  Args:
    summary: rows of summary.csv.
    videos: rows of videos.csv.
  """
  made = []
  for name in sorted({row['condition'] for row in summary}):
    cell: dict[str, Any] = {'condition': name or 'all'}
    for kind in KINDS:
      mine = [row for row in summary if (row['condition'], row['kind'], row['region'])
              == (name, kind, ANY)]
      rates = [row['a_minute'] for row in mine if row['a_minute'] is not None]
      cell[kind] = f'{np.mean(rates):.2f}' if rates else 'not assessable'
      cell['people'] = len(mine)
    looked_at = [float(row['looked_at_s']) / 60. for row in videos
                 if row['condition'] == name and row['folder']]
    cell.update(videos=len(looked_at), minutes=sum(looked_at),
                each=sum(looked_at) / max(cell['people'], 1))
    made.append(cell)
  return made


def regions_of(summary: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """Of each kind and region how many a minute, under each condition, of all people.

  Args:
    summary: rows of summary.csv.
  """
  conditions = sorted({row['condition'] for row in summary})
  made = []
  for kind in KINDS:
    for region in REGIONS[1:]:
      cells = []
      for name in conditions:
        mine = [row for row in summary if (row['condition'], row['kind'], row['region'])
                == (name, kind, region) and row['expressions'] is not None]
        minutes = sum(row['looked_at_min'] for row in mine)
        cells.append(f'{sum(row["expressions"] for row in mine) / minutes:.2f}'
                     if minutes else '')
      made.append({'kind': kind, 'region': region, 'cells': cells})
  return made


def events_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
  """A row for each event, condition and kind: people, minutes, rate and latency.

  Args:
    rows: of events.csv.
  """
  cells: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
  for row in rows:
    if row['a_minute'] is not None:
      cells.setdefault((row['event'], row['condition'], row['kind']), []).append(row)
  made = []
  for event, condition in sorted({(row['event'], row['condition']) for row in rows}):
    for kind in KINDS:
      mine = cells.get((event, condition, kind), [])
      rates = [row['a_minute'] for row in mine]
      latencies = [row['latency_s'] for row in mine if row['latency_s'] is not None]
      made.append({
          'event': event, 'condition': condition, 'kind': kind, 'people': len(mine),
          'minutes': sum(row['looked_at_min'] for row in mine),
          'a_minute': float(np.mean(rates)) if rates else None,
          'latency_s': float(np.median(latencies)) if latencies else None})
  return made


def render(tables: Mapping[str, Table]) -> str:
  """The page.

  Args:
    tables: the study's, by name.
  """
  summary, videos = tables['summary'], tables['videos']
  conditions = conditions_of(summary, videos)
  return templates.environment(
      'lightman_jax.video', 'lightman_jax.report.page').get_template(
      'study.html').render(
      title='A study of facial expressions', limits=LIMITS, videos=videos,
      failed=[row for row in videos if row['code']], conditions=conditions,
      names=[cell['condition'] for cell in conditions], tests=tables['tests'],
      figures=[one for one in (figure(summary, kind) for kind in KINDS) if one.dots],
      regions=regions_of(summary), events=tables.get('events', []),
      all_events=events_of(tables.get('events', [])),
      wide=_WIDE, high=_HIGH, left=_LEFT, bottom=_BOTTOM,
      people=len({row['person'] for row in videos if not row['code']}))


def write_page(path: pathlib.Path, tables: Mapping[str, Table]) -> None:
  """Writes the page.

  Args:
    path: of the file.
    tables: as of `render`.
  """
  text = render(tables)
  with write_atomically(path) as file:
    file.write(text)
