"""python -m lightman_jax score PREDICTIONS.csv: a table of what they are worth."""

from collections.abc import Sequence
import json
from typing import Any

from rich.console import Console
from rich.text import Text

from lightman_jax.command_line import Parser, refusing
from lightman_jax.report import scoring, table
from lightman_jax.runs import results
from lightman_jax.units import counted


@refusing('score')
def score(arguments: Sequence[str]) -> int:
  """python -m lightman_jax score FILE.csv; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax score',
      description='Scores predictions of any program as those of a run are: pooled '
      'UF1, UAR and accuracy with intervals over people, by data set, and tested '
      'against another file of the same clips. Columns: clip, subject, truth (or '
      'label), prediction and, where known, fold, dataset, group_NAME, '
      'probability_CLASS.')
  parser.add_argument('predictions', metavar='PREDICTIONS.csv',
                      help='a csv or workbook, or the folder of a finished run')
  parser.add_argument('--against', metavar='OTHER.csv|RUN',
                      help='other predictions of the same clips of the same people')
  parser.add_argument('--different-people', action='store_true',
                      help='names that are equal but for case, leading zeros or '
                      'prefixes such as sub are of different people')
  parser.add_argument('--different-classes', action='store_true',
                      help='a prediction that is nearly spelt as a truth is another '
                      'class')
  parser.add_argument('--json', action='store_true', help='print all of it as JSON')
  options = parser.parse_args(arguments)
  scored = scoring.score(options.predictions, options.against,
                         different_people=options.different_people,
                         different_classes=options.different_classes)
  if options.json:
    print(json.dumps(scored, indent=2, ensure_ascii=False))
  else:
    show_scores(scored)
  return 0


def show_scores(scored: dict[str, Any], *, console: Console | None = None) -> None:
  """Prints what `scoring.score` returns.

  Args:
    scored: see `scoring.score`.
    console: where it is printed; None: standard output.
  """
  console = console or Console()
  about = scored['about']
  console.print(*table.scores_tables(scored['rows'], console.width), sep='\n')
  for name, part in scored.get('data_sets', {}).items():
    sizes = ', '.join(f'{k} {n}' for k, n in part['clips_per_class'].items())
    console.print(Text(f'\n{name}: {counted(len(part["subjects"]), "person")}, '
                       f'{sizes}'))
    console.print(*table.scores_tables(part['rows'], console.width), sep='\n')
  table.show_groups(scored, console)
  sizes = ', '.join(f'{k} {n}' for k, n in about['clips_per_class'].items())
  lines = [f'{counted(about["clips"], "clip")} ({sizes}) of '
           f'{counted(about["subjects"], "person")} in '
           f'{counted(about["folds"], "fold")}', about['f1'], about['interval']]
  for name, row in scored['rows'].items():
    lines.append(f"{name}: mean of folds' F1 {table.short(row['mean_of_folds_f1'])}" + (
        f', log loss {row["log_loss"]:.3f}' if 'log_loss' in row else ''))
  lines += [about['mean_of_folds_f1'], *about['remarks']]
  for pair, gap in scored['differences'].items():
    lines.append(f'{pair}, UF1: {table.cell(gap["uf1"])}, p '
                 f'{table.short(gap["uf1"]["p"])}: '
                 f'{table.verdict(gap["uf1"], possible=results.has_verdict(about))}')
    lines.append(about['test'] if results.has_verdict(about) else
                 f'no verdict: {table.why_no_verdict(about)}')
  for line in lines:
    console.print(Text(line))
