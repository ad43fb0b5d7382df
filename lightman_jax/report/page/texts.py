"""The tables as Markdown, CSV and LaTeX, with what every figure must name."""

from collections.abc import Mapping, Sequence
import csv
import io
import math
import re
from typing import Any

import anyascii

from lightman_jax.evaluation import scores
from lightman_jax.evaluation.comparison import Difference
from lightman_jax.report.page.comparison import Comparison, Line, Scored, notes
from lightman_jax.report.page.groups import Column, Table
from lightman_jax.report.style import printable
from lightman_jax.report.table import is_of_units
from lightman_jax.units import counted, three_digits

CSV_HEAD = (      # and then the scores, each with its interval
    'table', 'protocol', 'f1_variant', 'dataset', 'class_set', 'sheet', 'sheet_sha256',
    'clips', 'subjects', 'row', 'reference', 'encoder', 'clips_seen',
    'macro_clips_seen', 'models_averaged', 'settings_tried', 'class_weighting',
    'augmentation', 'seeds')

Compared = Sequence[tuple[Table, Sequence[Comparison]]]


def short(value: float, *, sign: bool = False) -> str:
  """.712, −.034, and with `sign` +.034; a dash where there is no number."""
  if value is None or not math.isfinite(value):
    return '–'
  text = three_digits(abs(value))
  if text == '.000':
    return text
  return ('−' if value < 0 else '+' if sign else '') + text


def interval(scored: Scored | Difference) -> str:
  """[.601, .772]; only one number would say that the other is known."""
  return f'[{short(scored.low)}, {short(scored.high)}]'


def probability(p: float) -> str:
  """.034, or <.001; a dash where there is none."""
  return '<.001' if p < .001 else short(p)


def caption(column: Column) -> list[str]:
  """What the figures of a column are figures of; a line a thought."""
  about = column.about
  sizes = ', '.join(f'{name} {n}' for name, n in about['clips_per_class'].items())
  labels = (f'labels {about["sheet"]} (sha256 {about["sheet_sha256"][:8]})'
            if about['sheet'] else 'labels made with the clips')
  return [f'{column.dataset}, {about["class_set"]} ({sizes}), {labels}, '
          f'{counted(clips_of(about), "clip")} of '
          f'{counted(len(column.first.subjects), "subject")}', *(
              f'{group.label}: {group.about("trial")}' for group in column.groups
              if group.about('trial') != '–')]


def clips_of(about: Mapping[str, Any]) -> int:
  """How many clips were held out; a clip may show several action units, or none."""
  return (int(about['clips']) if is_of_units(about) else
          sum(about['clips_per_class'].values()))


METHOD = (
    'Value: the mean over seeds of the score of pooled counts. [low, high]: 95 % '
    "interval, Student's t over a jackknife of subjects, of trained models where one "
    'was tested on several subjects, and of seeds where there are several. Bold: its '
    'UF1 is better than that of every other method of the column, by a permutation '
    'test that swaps two methods in units of what was trained, after Holm (p < .05, '
    'all pairs), and beyond the interval of the difference, both on the seeds that the '
    'two have in common; where nothing is bold, no method was seen to be the best. '
    'Methods that average differently many models are compared with one model each. '
    'References stand beside and are in no comparison of methods.')


def method(tables: Sequence[Table]) -> str:
  """What the numbers of a page are: `METHOD`, in the words of its main score."""
  return METHOD.replace('UF1', main_head(tables[0]))


def markdown(tables: Compared) -> str:
  """Every table with its caption, its differences and references."""
  parts = ['# Methods by data sets', method([table for table, _ in tables])]
  for number, (table, comparisons) in enumerate(tables, 1):
    parts += [f'## Table {number}: {_md(table.protocol)}', _md(table.f1)]
    parts += [_md(table.why)] if table.why else []
    parts += [_md_wide(table, comparisons)] if len(comparisons) > 1 else []
    for column, one in zip(table.columns, comparisons):
      parts += [f'### {_md(column.dataset)}', *map(_md, caption(column)),
                _md_table(one), *_md_parts(one), *_md_gaps(one)]
  return '\n\n'.join(parts) + '\n'


def by_label(comparisons: Sequence[Comparison]
             ) -> dict[tuple[bool, str], dict[int, Line]]:
  """Rows of a table of data sets: (reference, label) to the line in each column."""
  rows: dict[tuple[bool, str], dict[int, Line]] = {}
  for place, one in enumerate(comparisons):
    for line in one.lines:
      rows.setdefault((line.reference, line.label), {})[place] = line
  return dict(sorted(rows.items()))


def _md_wide(table: Table, comparisons: Sequence[Comparison]) -> str:
  main = comparisons[0].main
  heads = [comparisons[0].heads[main], *(
      _md(f'{c.dataset}, {c.about["class_set"]}') for c in table.columns)]
  lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
  for (_, label), places in by_label(comparisons).items():
    cells = [_md_cell(places[n], main) if n in places else '–'
             for n in range(len(comparisons))]
    lines.append('| ' + ' | '.join([_md(label), *cells]) + ' |')
  return '\n'.join(lines)


def _md_cell(line: Line, name: str) -> str:
  value = short(line.scores[name].value)
  value = (f'**{value}**' if line.best and name == scores.main_score(line.scores) else
           value)
  return f'{value} {interval(line.scores[name])}'


def _md_table(comparison: Comparison) -> str:
  heads = ['row', *comparison.heads.values(), 'encoder', 'clips drawn',
           'macro clips beside', 'models averaged', 'settings tried', 'seeds']
  lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
  for line in comparison.lines:
    scored = [_md_cell(line, name) for name in comparison.heads]
    cells = [line.encoder, line.clips_seen, line.macro_clips_seen, str(line.models),
              line.tried, str(line.seeds)]
    name = f'*{_md(line.label)}*' if line.reference else _md(line.label)
    lines.append('| ' + ' | '.join([name, *scored, *map(_md, cells)]) + ' |')
  return '\n'.join(lines)


def _md_parts(comparison: Comparison) -> list[str]:
  """The main score of every row on each data set, and of each group of people."""
  blocks, main = [], comparison.main
  for name, note, parts in comparison.divisions:
    heads = [comparison.heads[main], *(
        _md(f'{part.dataset}: {counted(part.clips, "clip")} of '
            f'{counted(part.subjects, "subject")}')
        for part in parts)]
    lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
    for line in comparison.lines:
      cells = [f'{short(part.scores[line.label][main].value)} '
               f'{interval(part.scores[line.label][main])}' for part in parts]
      lines.append('| ' + ' | '.join([_md(line.label), *cells]) + ' |')
    blocks += [f'By {_md(name)}:', '\n'.join(lines), *(
        _md(f'{part.dataset}: {remark}') for part in parts for remark in part.remarks),
               *[note] * bool(note)]
  return blocks


def _md_gaps(comparison: Comparison) -> list[str]:
  parts, main = [], comparison.heads[comparison.main]
  for head, gaps in (
      (f'Differences of {main}, all pairs of methods', comparison.gaps),
      (f'Differences of {main} from the references', comparison.beside)):
    if gaps:
      parts += [f'{head}; p adjusted by Holm:', '\n'.join(
          ['| first | second | first − second | averaged models | p | first is |',
           '|---' * 6 + '|',
           *(f'| {_md(gap.first)} | {_md(gap.second)} | '
             f'{short(gap.difference.value, sign=True)} {interval(gap.difference)} | '
             f'{gap.models[0]} and {gap.models[1]} | {probability(gap.adjusted)} | '
             f'{gap.short_verdict} |' for gap in gaps)]), *map(_md, notes(gaps))]
  return parts


def comma_separated(tables: Compared) -> str:
  """One line a row and data set, with everything that its figures must name."""
  out = io.StringIO()
  writer = csv.writer(out, lineterminator='\n')
  heads = tables[0][1][0].heads
  writer.writerow((
      *CSV_HEAD, *(f'{name}{part}' for name in heads for part in ('', '_low', '_high')),
      'best_after_holm'))
  for number, (table, comparisons) in enumerate(tables, 1):
    for column, one in zip(table.columns, comparisons):
      about = column.about
      for line in one.lines:
        numbers = [f'{part:.6f}' if math.isfinite(part) else ''
                   for name in heads for part in line.scores[name][:3]]
        writer.writerow(map(_csv, (
             number, table.protocol, table.f1, column.dataset, about['class_set'],
             about['sheet'], about['sheet_sha256'],
             clips_of(about), len(column.first.subjects),
             line.label, int(line.reference), line.encoder, line.clips_seen,
             line.macro_clips_seen, line.models, line.tried, line.balance,
             line.augmentation, line.seeds, *numbers, int(line.best))))
  return out.getvalue()


def pairs(across: Sequence[Any]) -> str:
  """One line a row of results and pair of data sets.

  Args:
    across: of `records.across`.
  """
  out = io.StringIO()
  writer = csv.writer(out, lineterminator='\n')
  writer.writerow(('row', 'trained_on', 'tested_on', 'score', 'value', 'low', 'high',
                   'people', 'seeds'))
  for pair in across:
    writer.writerow(map(_csv, (
        *pair[:4], *(f'{one:.6f}' if math.isfinite(one) else '' for one in pair[4:7]),
        *pair[7:])))
  return out.getvalue()


def latex(tables: Compared) -> str:
  """A table a protocol, to be pasted: UF1, UAR and accuracy with their intervals.

  Names are commands, so that they are set once, before the table or here, and mean the
  same in every report; what every figure must name stands in comments above it.
  """
  commands = _tex_commands(tables)
  parts = ['% Needs no package. The names that the tables use: define them before '
           'this, or\n% change them here.',
           '\n'.join(rf'\providecommand{{{command}}}{{{_tex(name)}}}{_tex_origin(name)}'
                     for name, command in commands.items())]
  for number, (table, comparisons) in enumerate(tables, 1):
    body, heads = [], comparisons[0].heads
    for column, comparison in zip(table.columns, comparisons):
      head = commands[_tex_data_set(column)]
      body += [rf'\multicolumn{{{len(heads) + 1}}}{{l}}{{{head}}} \\', *(
          ' & '.join([commands[line.label], *(_tex_cell(line, name) for name in heads)])
          + r' \\' for line in comparison.lines), r'\hline']
    parts.append('\n'.join([
        *_tex_comments(number, table), r'\begin{table}', r'\centering',
        rf'\caption{{{_tex_caption(table)}}}',
        r'\begin{tabular}{l' + 'c' * len(heads) + '}', r'\hline',
        rf' & {" & ".join(map(_tex, heads.values()))} \\', r'\hline', *body,
        r'\end{tabular}',
        r'\end{table}']))
  return '\n\n'.join(parts) + '\n'


def _tex_data_set(column: Column) -> str:
  return f'{column.dataset}, {column.about["class_set"]}'


def _tex_caption(table: Table) -> str:
  """Two lines of a column of print: what it is, and what the brackets are."""
  return _tex(f'{table.protocol[:1].upper()}{table.protocol[1:]}: mean over seeds '
              '[95 % interval over subjects, models and seeds]. Bold: '
              f'{main_head(table)} better than that of every other method (Holm).')


def main_head(table: Table) -> str:
  """What the score is called that methods are compared by."""
  return scores.head('f1_binary' if is_of_units(table.columns[0].about) else 'uf1')


def _tex_comments(number: int, table: Table) -> list[str]:
  lines = [f'Table {number}. {table.protocol}. {table.f1}.', table.why, method([table]),
           *(line for column in table.columns for line in caption(column))]
  return [f'% {_latin(line)}' for line in lines if line]


def _tex_commands(tables: Compared) -> dict[str, str]:
  """Names of data sets and rows to the LaTeX commands that print them."""
  commands: dict[str, str] = {}
  for table, comparisons in tables:
    for column, comparison in zip(table.columns, comparisons):
      for name in (_tex_data_set(column), *(line.label for line in comparison.lines)):
        if name not in commands:
          command = _tex_command(name)
          while command in commands.values():
            command += 'x'
          commands[name] = command
  return commands


_DIGITS = ('Zero', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight',
           'Nine')


def _tex_command(name: str) -> str:
  r"""'lightman, conv4' is \lmLightmanConvFour, in whichever report: letters alone."""
  text = re.sub('[0-9]', lambda m: f' {_DIGITS[int(m[0])]} ', _latin(name))
  return r'\lm' + ''.join(word[:1].upper() + word[1:]
                          for word in re.findall('[A-Za-z]+', text))


def _tex_cell(line: Line, name: str) -> str:
  scored = line.scores[name]
  value = short(scored.value)
  text = (rf'\textbf{{{value}}}'
          if line.best and name == scores.main_score(line.scores) else value)
  return f'{text} {interval(scored)}'.replace('–', '--').replace('−', '$-$')


def _tex_origin(name: str) -> str:
  """A comment with what stands in Latin letters, where letters are lost by that."""
  return ('' if _latin(name) == printable(name) else
          ' % in Latin letters, for LaTeX has no others')


def _latin(text: str) -> str:
  """In ASCII, which LaTeX has, but for the signs that `_tex` turns into its own."""
  return ''.join(c if c in '−–²' else anyascii.anyascii(c)
                 for c in printable(text)).strip()


def _csv(value: str | int) -> str | int:
  """No spreadsheet program takes a name for a formula, and computes it."""
  if not isinstance(value, str):
    return value
  text = printable(value).strip()
  return f"'{text}" if text.startswith(('=', '+', '-', '@')) else text


def _tex(text: str) -> str:
  special = {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}',
             '^': r'\textasciicircum{}', '−': '$-$', '–': '--', '<': '$<$',
             '>': '$>$', '²': '$^2$'}
  return re.sub(r'[\\~^−–<>²&%$#_{}]',
                lambda m: special.get(m[0], '\\' + m[0]), _latin(text))


def _md(text: str) -> str:
  """As text: neither a cell's end nor markup nor a tag."""
  return re.sub(r'([\\|*_`<>\[\]])', r'\\\1', printable(text))
