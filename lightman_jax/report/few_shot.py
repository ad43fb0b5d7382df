"""The few-shot table at the end of a run."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from lightman_jax.report.cells import cell, short


def table(found: Mapping[str, Any]) -> Table:
  """A line for every row of the few_shot section of the results, and for chance."""
  made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
               show_edge=False)
  made.add_column('few-shot', overflow='fold')
  for head in ('accuracy, people', 'accuracy, episodes', 'UF1, people'):
    made.add_column(head, no_wrap=True)
  for number, (name, row) in enumerate(found['rows'].items()):
    cells = (Text(cell(row[key]))
             for key in ('accuracy', 'accuracy_over_episodes', 'uf1'))
    made.add_row(Text(name), *cells, style='' if number else 'bold')
  made.add_row(Text('chance'), Text(short(found['chance'])), Text(''), Text(''))
  return made


def caption(found: Mapping[str, Any]) -> tuple[str, ...]:
  """What the figures are figures of, a line a thought."""
  return (
      f'{found["protocol"]}; {found["held_out_by"]}',
      f'{found["episodes"]} episodes ({found["distinct_episodes"]} of them differ), '
      f'each asks about {found["queries"]} a class; '
      f'{found["people"]} of {found["held_out_people"]} held-out people have enough '
      'clips',
      f'people: {found["intervals"]["uf1, uar, accuracy"]}',
      f'episodes: {found["intervals"]["accuracy_over_episodes"]}')
