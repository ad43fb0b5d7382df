"""The tables as Markdown, CSV and LaTeX, with what every figure must name."""

from collections.abc import Sequence
import csv
import io
import math
import re

from lightman_jax.evaluation.comparison import Difference
from lightman_jax.report.page.comparison import HEADS, MAIN, Comparison, Line, Scored
from lightman_jax.report.page.groups import Column, Table

CSV_HEAD = (
    'table', 'protocol', 'f1_variant', 'dataset', 'class_set', 'sheet', 'sheet_sha256',
    'clips', 'subjects', 'row', 'reference', 'encoder', 'clips_seen',
    'macro_clips_seen', 'models_averaged', 'settings_tried', 'class_weighting',
    'augmentation', 'seeds',
    *(f'{name}{part}' for name in HEADS for part in ('', '_low', '_high')),
    'best_after_holm')

Found = Sequence[tuple[Table, Sequence[Comparison]]]


def short(value: float, *, sign: bool = False) -> str:
  """.712, −.034, and with `sign` +.034; a dash where there is no number."""
  if value is None or not math.isfinite(value):
    return '–'
  text = f'{abs(value):.3f}'
  text = text[1:] if text.startswith('0') else text
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
          f'{sum(about["clips_per_class"].values())} clips of '
          f'{len(column.first.subjects)} subjects']


METHOD = (
    'Value: the mean over seeds of the score of pooled counts. [low, high]: 95 % '
    "interval, Student's t over a jackknife of subjects, of trained models where one "
    'was tested on several subjects, and of seeds where there are several. Bold: its '
    'UF1 is better than that of every other method of the column, by a permutation '
    'test that swaps two methods in units of what was trained, after Holm (p < .05, '
    'all pairs), and beyond the interval of the difference, both on the seeds that '
    'the two have in common; where nothing is bold, no method was seen to be the best. '
    'Methods that average differently many models are compared with one model each. '
    'References stand beside and are in no comparison of methods.')


def markdown(found: Found) -> str:
  """Every table with its caption, its differences and references."""
  parts = ['# Methods by data sets', METHOD]
  for number, (table, judged) in enumerate(found, 1):
    parts += [f'## Table {number}: {_md(table.protocol)}', _md(table.f1)]
    parts += [_md(table.why)] if table.why else []
    parts += [_md_wide(table, judged)] if len(judged) > 1 else []
    for column, one in zip(table.columns, judged):
      parts += [f'### {_md(column.dataset)}', *map(_md, caption(column)),
                _md_table(one), *_md_gaps(one)]
  return '\n\n'.join(parts) + '\n'


def by_label(judged: Sequence[Comparison]) -> dict[tuple[bool, str], dict[int, Line]]:
  """Rows of a table of data sets: (reference, label) to the line in each column."""
  rows: dict[tuple[bool, str], dict[int, Line]] = {}
  for place, one in enumerate(judged):
    for line in one.lines:
      rows.setdefault((line.reference, line.label), {})[place] = line
  return dict(sorted(rows.items()))


def _md_wide(table: Table, judged: Sequence[Comparison]) -> str:
  heads = ['UF1', *(_md(f'{c.dataset}, {c.about["class_set"]}')
                    for c in table.columns)]
  lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
  for (_, label), places in by_label(judged).items():
    cells = [_md_cell(places[n], MAIN) if n in places else '–'
             for n in range(len(judged))]
    lines.append('| ' + ' | '.join([_md(label), *cells]) + ' |')
  return '\n'.join(lines)


def _md_cell(line: Line, name: str) -> str:
  value = short(line.scores[name].value)
  value = f'**{value}**' if line.best and name == MAIN else value
  return f'{value} {interval(line.scores[name])}'


def _md_table(judged: Comparison) -> str:
  heads = ['row', *HEADS.values(), 'encoder', 'micro clips seen', 'macro clips seen',
           'models averaged', 'settings tried', 'seeds']
  lines = ['| ' + ' | '.join(heads) + ' |', '|---' * len(heads) + '|']
  for line in judged.lines:
    cells = [_md_cell(line, name) for name in HEADS]
    cells += [line.encoder, line.clips_seen, line.macro_clips_seen, str(line.models),
              line.tried, str(line.seeds)]
    name = f'*{_md(line.label)}*' if line.reference else _md(line.label)
    lines.append('| ' + ' | '.join([name, *cells[:3], *map(_md, cells[3:])]) + ' |')
  return '\n'.join(lines)


def _md_gaps(judged: Comparison) -> list[str]:
  parts = []
  for head, gaps in (('Differences of UF1, all pairs of methods', judged.gaps),
                     ('Differences of UF1 from the references', judged.beside)):
    if gaps:
      parts += [f'{head}; p adjusted by Holm:', '\n'.join(
          ['| first | second | first − second | averaged models | p | first is |',
           '|---' * 6 + '|',
           *(f'| {_md(gap.first)} | {_md(gap.second)} | '
             f'{short(gap.found.value, sign=True)} {interval(gap.found)} | '
             f'{gap.models[0]} and {gap.models[1]} | {probability(gap.adjusted)} | '
             f'{gap.why or gap.verdict} |' for gap in gaps)])]
  return parts


def comma_separated(found: Found) -> str:
  """One line a row and data set, with everything that its figures must name."""
  out = io.StringIO()
  writer = csv.writer(out, lineterminator='\n')
  writer.writerow(CSV_HEAD)
  for number, (table, judged) in enumerate(found, 1):
    for column, one in zip(table.columns, judged):
      about = column.about
      for line in one.lines:
        numbers = [f'{part:.6f}' if math.isfinite(part) else ''
                   for name in HEADS for part in line.scores[name][:3]]
        writer.writerow(map(_csv, (
             number, table.protocol, table.f1, column.dataset, about['class_set'],
             about['sheet'], about['sheet_sha256'],
             sum(about['clips_per_class'].values()), len(column.first.subjects),
             line.label, int(line.reference), line.encoder, line.clips_seen,
             line.macro_clips_seen, line.models, line.tried, line.balance,
             line.augmentation, line.seeds, *numbers, int(line.best))))
  return out.getvalue()


def latex(found: Found) -> str:
  """A table a protocol: methods by data sets, UF1 with its interval."""
  parts = ['% Needs no package. UF1 as mean over seeds and 95 % interval.']
  for number, (table, judged) in enumerate(found, 1):
    heads = ' & '.join(_tex(f'{c.dataset}, {c.about["class_set"]}')
                       for c in table.columns)
    body = [f'{_tex(label)} & ' + ' & '.join(
        _tex_cell(places.get(n)) for n in range(len(judged))) + r' \\'
            for (_, label), places in by_label(judged).items()]
    labels = '; '.join(' '.join(caption(column)) for column in table.columns)
    why = f' {table.why}' if table.why else ''
    parts.append('\n'.join([
        r'\begin{table}', r'\centering',
        rf'\caption{{Table {number}. {_tex(f"{table.protocol}. {table.f1}. {labels}.")}'
        rf'{_tex(why)} {_tex(METHOD)}}}',
        rf'\begin{{tabular}}{{l{"c" * len(judged)}}}', r'\hline',
        rf'method & {heads} \\', r'\hline', *body, r'\hline', r'\end{tabular}',
        r'\end{table}']))
  return '\n\n'.join(parts) + '\n'


def _csv(value: str | int) -> str | int:
  """No spreadsheet program takes a name for a formula, and computes it."""
  if not isinstance(value, str):
    return value
  text = _plain(value).strip()
  return f"'{text}" if text.startswith(('=', '+', '-', '@')) else text


def _tex_cell(line: Line | None) -> str:
  if line is None:
    return '--'
  scored = line.scores[MAIN]
  value = short(scored.value)
  text = rf'\textbf{{{value}}}' if line.best else value
  return f'{text} {interval(scored)}'.replace('–', '--').replace('−', '$-$')


def _tex(text: str) -> str:
  special = {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}',
             '^': r'\textasciicircum{}', '−': '$-$', '–': '--', '<': '$<$',
             '>': '$>$', '²': '$^2$'}
  return re.sub(r'[\\~^−–<>²&%$#_{}]',
                lambda m: special.get(m[0], '\\' + m[0]), _plain(text))


def _md(text: str) -> str:
  """As text: neither a cell's end nor markup nor a tag."""
  return re.sub(r'([\\|*_`<>\[\]])', r'\\\1', _plain(text))


def _plain(text: str) -> str:
  return re.sub(r'\s+', ' ', ''.join(c for c in str(text) if c.isprintable() or c in
                                     '\n\t'))
