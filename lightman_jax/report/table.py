"""The tables at the end of a run: a row for the method and for each reference."""

from collections.abc import Iterable, Mapping
import io
import textwrap
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lightman_jax.evaluation import scores
from lightman_jax.evaluation.comparison import LEVEL, why_too_few
from lightman_jax.runs.results import (
  NOT_ADAPTED,
  ONE_DRAW,
  has_verdict,
  one_draw,
  own_rows,
  strongest_reference,
)
from lightman_jax.units import counted, three_digits

# How a number and its interval are written in a table.

def cell(scored: Mapping[str, float | None]) -> str:
  """'.712 [.650, .771]' of a value, its low and its high.

  Args:
    scored: with value, low and high.
  """
  value, low, high = (short(scored[key]) for key in ('value', 'low', 'high'))
  return f'{value} [{low}, {high}]'


def short(value: float | None) -> str:
  """As `three_digits`; a dash where there is no number."""
  return '-' if value is None else three_digits(value)


# The few-shot table at the end of a run.

def few_shot_table(section: Mapping[str, Any]) -> Table:
  """A line for every row of the few_shot section of the results, and for chance.

  Args:
    section: few_shot of the results.
  """
  table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
                show_edge=False)
  table.add_column('few-shot', overflow='fold')
  for head in ('accuracy, people', 'accuracy, episodes', 'UF1, people'):
    table.add_column(head, no_wrap=True)
  for number, (name, row) in enumerate(section['rows'].items()):
    cells = (Text(cell(row[key]))
             for key in ('accuracy', 'accuracy_over_episodes', 'uf1'))
    table.add_row(Text(name), *cells, style='' if number else 'bold')
  table.add_row(Text('chance'), Text(short(section['chance'])), Text(''), Text(''))
  return table


def few_shot_caption(section: Mapping[str, Any]) -> tuple[str, ...]:
  """What the figures are figures of, a line a thought.

  Args:
    section: few_shot of the results.
  """
  return (
      f'{section["protocol"]}; {section["held_out_by"]}',
      f'{counted(section["episodes"], "episode")} ({section["distinct_episodes"]} of '
      f'them differ), each asks about {section["queries"]} a class; '
      f'{section["people"]} of '
      f'{counted(section["held_out_people"], "held-out person", "has", "have")} enough '
      'clips',
      f'people: {section["intervals"]["uf1, uar, accuracy"]}',
      f'episodes: {section["intervals"]["accuracy_over_episodes"]}')


# The table at the end of a run: a row for the method and for each reference.

def show(results: Mapping[str, Any], *, console: Console | None = None) -> None:
  """Prints the table of `results.summarise`; it fits 80 columns, without colour, too.

  The lines below it say what the figures are figures of.

  Args:
    results: content of results.json.
    console: where it is printed; None: standard output.
  """
  console = console or Console()
  console.print(*scores_tables(results['rows'], console.width), sep='\n')
  for name, part in results.get('data_sets', {}).items():
    _show_part(console, name, part)
  show_groups(results, console)
  units = is_of_units(results['about'])
  if units:
    console.print(units_table(results['rows']))
  lines = (*row_lines(results['rows'], units=units), *strongest_line(results),
           *caption(results['about']))
  if 'few_shot' in results:
    console.print(few_shot_table(results['few_shot']))
    lines += few_shot_caption(results['few_shot'])
  for line in lines:
    # As text, for names in brackets are no markup.
    console.print(Text(line, style='dim'))
  if trial := results['about'].get('trial'):
    console.print(Text(trial, style='bold'))


def render(results: Mapping[str, Any], *, width: int = 80) -> str:
  """The same as a plain string, for a log or a page.

  Args:
    results: content of results.json.
    width: in letters.
  """
  out = io.StringIO()
  show(results, console=Console(file=out, width=width, color_system=None,
                                force_terminal=False))
  return '\n'.join(line.rstrip() for line in out.getvalue().splitlines()) + '\n'


# What a row is, by its name or by what sets it apart of the method's own.
ROWS = {
    ONE_DRAW: 'the same, adapted to one support alone',
    NOT_ADAPTED: 'the same trained model without its steps on a support',
    'ridge': 'class-weighted ridge regression on local means, mirror images included',
    'svm': 'class-weighted linear support vector machine on the same as ridge',
    ' with macro clips': 'the same, labelled macro-expressions among its rows',
    'macro_only': 'the SVM trained on macro-expressions alone, on no micro clip',
    'ridge_raw': 'class-weighted ridge regression on the inputs as they are',
    'constant': "the commonest class of each fold's training clips, whatever the clip",
}
METHODS = {
    'supervised': 'trained plainly, predicts each clip alone',
    'protonet': 'nearest class mean of a support from training people, mean of draws',
    'matchingnet': "attention over a support's clips of training people, mean of draws",
}


# The same of action units, where it is otherwise.
UNIT_ROWS = {
    'svm': 'a class-weighted linear support vector machine for each unit, on local '
           'means, mirror images included',
    'constant': 'every unit acts in every clip',
    'never': 'no unit acts in any clip',
}
UNIT_METHODS = {
    'protonet': "for each unit the nearer of a support's means with it and without it, "
                'mean of draws',
    'matchingnet': "attention to a support's clips with each unit, mean of draws",
}


def row_lines(rows: Iterable[str], *, units: bool = False) -> tuple[str, ...]:
  """A line on what each row of the table is; none for one that is not known here.

  Args:
    rows: their names, the method's first.
    units: they are of action units.
  """
  known, methods = {**ROWS, **(UNIT_ROWS if units else {})}, {
      **METHODS, **(UNIT_METHODS if units else {})}
  adapted = 'trained, then adapted to supports from training people, mean of draws'
  lines, own = [], {}
  for number, name in enumerate(rows):
    if number == 0:
      lines.append(f'{name}: {methods.get(name, adapted)}')
      own = own_rows(name)
    elif (apart := own.get(name, name)) in known:
      lines.append(f'{name}: {known[apart]}')
  return tuple(lines)


def is_of_units(about: Mapping[str, Any]) -> bool:
  """Whether results are of action units, of which a clip may have several.

  Args:
    about: of the results.
  """
  return about.get('labels') == 'action_units'


def units_table(rows: Mapping[str, Any]) -> Table:
  """A line for every action unit: the F1 of its presence in each row, and its clips.

  Args:
    rows: of the results, the method's first.
  """
  table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
                show_edge=False)
  table.add_column('F1 of presence', overflow='fold')
  table.add_column('clips', no_wrap=True)
  for number, name in enumerate(rows):
    table.add_column(Text(name), overflow='fold', style='' if number else 'bold')
  first = next(iter(rows.values()))['per_class']
  for unit, of_unit in first.items():
    cells = [row['per_class'][unit] for row in rows.values()]
    table.add_row(Text(unit), Text(str(of_unit['clips'])), *(
        Text(cell(dict(zip(('value', 'low', 'high'), (
            one['f1'], *one['f1_interval']))))) for one in cells))
  return table


def strongest_line(results: Mapping[str, Any]) -> tuple[str, ...]:
  """How the method compares with the strongest reference; none where there is none.

  One model is compared with one: a draw of the method, where its row averages several.

  Args:
    results: content of results.json.
  """
  rows, differences = results['rows'], results.get('differences', {})
  method, best = next(iter(rows)), strongest_reference(rows)
  first = one_draw(method) if one_draw(method) in rows else method
  main = scores.main_score(rows[method])
  gap = differences.get(f'{first} - {best}', {}).get(main)
  if gap is None:
    return ()
  strength = short(rows[best][main]['value'])
  return (f'{best} is the strongest reference, {scores.head(main)} {strength}: '
          f'{first} - {best} is {cell(gap)}, p {short(gap["p"])} of this pair alone'
          + ', one model against one' * (first != method) + ': '
          + verdict(gap, possible=has_verdict(results['about'])),)


def verdict(gap: Mapping[str, float | None], *, possible: bool) -> str:
  """'better', 'worse', that no difference was seen, or that none could be.

  Args:
    gap: of two rows, with low, high and p.
    possible: whether the test can tell rows apart at all.
  """
  if not possible:
    return 'no verdict, too few folds (see below)'
  low, high, p = gap['low'], gap['high'], gap['p']
  if p is None or low is None or p >= LEVEL or low <= 0 <= high:
    return 'no difference seen'
  return 'better' if low > 0 else 'worse'


def caption(about: Mapping[str, Any]) -> tuple[str, ...]:
  """What every figure must name, a line a thought.

  Args:
    about: of the results.
  """
  sizes = ', '.join(f'{name} {n}' for name, n in about['clips_per_class'].items())
  labels = (f'labels {about["sheet"]} (sha256 {about["sheet_sha256"][:8]})'
            if about['sheet'] else 'labels made with the clips')
  return (
      f'{about["dataset"]}, {about["class_set"]} ({sizes}), {labels}',
      f'{about["protocol"]}: {counted(about["folds"], "fold")}, '
      f'{counted(about["clips"], "clip")}, {counted(about["subjects"], "subject")}, '
      f'seed {about["seed"]}',
      *(f'begins with published weights, {about["weights"]["origin"]}'
        for _ in range('weights' in about)),
      *(f'macro-expressions: {about["macro"]}' for _ in range('macro' in about)),
      *('begins with weights that were trained before: ' + ', '.join(
          f'{name} {value}' for name, value in about['pretrained'].items())
        for _ in range('pretrained' in about)),
      *about.get('remarks', ()),
      *(f'{name} is left out, for it is rare: {text}'
        for name, text in (about.get('rare_units') or {}).items()),
      *(f'{name}: {text}' for name, text in (about.get('references') or {}).items()),
      f'drawn by the training of a fold: {clips_drawn(about)}; {models(about)}',
      about['f1'],
      f'[low, high]: {about["interval"]}',
      *(() if has_verdict(about) else (f'no verdict: {why_no_verdict(about)}',)),
  )


def why_no_verdict(about: Mapping[str, Any]) -> str:
  """Why no difference of these rows can be told from chance.

  Args:
    about: of the results, in which there are too few folds.
  """
  alone = about['folds'] == about['subjects']
  return (why_too_few(about['folds'], of='person' if alone else 'fold')
          + '. More people who are held out one by one, or more folds, make a verdict '
          'possible; under kfold, which divides people anew in each, so do several '
          'seeds in one report')


def macro_knowledge(config: Mapping[str, Any]) -> str:
  """What a run makes of macro-expressions, and what it begins with; 'none' of nothing.

  Args:
    config: of a run folder; of an older version it lacks settings.
  """
  macro, method, before = (
      section if isinstance(section := config.get(name), dict) else {}
      for name in ('macro', 'method', 'pretrain'))
  words = []
  if macro.get('source', 'none') != 'none':
    learned = 'learned from ' * (method.get('weight') == 'learned')
    if macro.get('only'):
      words.append('in the place of all micro clips')
    elif method.get('align_weight'):
      words.append(f'aligned with (weight {learned}{method["align_weight"]})')
    if macro.get('label_weight'):
      learned = 'learned from ' * bool(macro.get('label_learned'))
      where = macro.get('label_where', 'inner')
      words.append(
          f'labelled (weight {learned}{macro["label_weight"]}, '
          f'{"both losses" if where == "both" else f"{where} loss"}, '
          f'{macro.get("label_head", "shared")} head)')
  source = before.get('source', 'none')
  if source == 'macro':
    words.append('pretrained on')
  elif source != 'none':
    words.append('pretrained: ' + ('synthetic faces' if source == 'synthetic' else
                                   'a finished run'))
  return '; '.join(words) or 'none'


def clips_drawn(about: Mapping[str, Any]) -> str:
  """'1080 clips and 540 macro clips beside them', each as often as it is drawn."""
  macro = counted(about.get('macro_clips_seen', 0), 'macro clip')
  return (f'{counted(about.get("clips_seen", 0), "clip")} and {macro} beside them, '
          'each counted as often as it is drawn')


def models(about: Mapping[str, Any]) -> str:
  """How many models the rows average."""
  many = {name: n for name, n in (about.get('models') or {}).items() if n > 1}
  return ('every row is of one model' if not many else 'averaged models: '
          + ', '.join(f'{name} {n}' for name, n in many.items()) + ', other rows 1')


def _show_part(console: Console, name: str, part: Mapping[str, Any]) -> None:
  """A data set of several: scores of all rows, confusion of the method."""
  sizes = ', '.join(f'{k} {n}' for k, n in part['clips_per_class'].items())
  console.print(Text(f'\n{name}: {counted(len(part["subjects"]), "subject")}, {sizes}'))
  console.print(*scores_tables(part['rows'], console.width), sep='\n')
  for remark in part['remarks']:
    console.print(Text(remark))
  method = next(iter(part['rows']))
  if 'uf1' not in part['rows'][method]:      # of units, which have no one confusion
    return
  table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
                show_edge=False)
  table.add_column(f'confusion of {method}', overflow='fold')
  for k in part['clips_per_class']:
    table.add_column(Text(f'said {k}'), overflow='fold')
  for k, counts in zip(part['clips_per_class'], part['rows'][method]['confusion']):
    table.add_row(Text(k), *(Text(str(n)) for n in counts))
  console.print(table)


def show_groups(results: Mapping[str, Any], console: Console) -> None:
  """Prints the main score by group of people, a table for each column that there is.

  Args:
    results: content of results.json.
    console: where it is printed.
  """
  for column, groups in results.get('groups', {}).items():
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
                  show_edge=False)
    main = scores.main_score(next(iter(results['rows'].values())))
    table.add_column(Text(f'{scores.head(main)} by {column}'), overflow='fold')
    for value, part in groups['by_value'].items():
      clips = counted(sum(part['clips_per_class'].values()), 'clip')
      table.add_column(Text(f'{value}: {counted(len(part["subjects"]), "person")}, '
                            f'{clips}'),
                       overflow='fold')
    for number, name in enumerate(results['rows']):
      cells = (Text(cell(part['rows'][name][main]))
               for part in groups['by_value'].values())
      table.add_row(Text(name), *cells, style='' if number else 'bold')
    console.print()
    console.print(table)
    console.print(Text(group_caption(column, groups)))


def group_caption(column: str, groups: Mapping[str, Any]) -> str:
  """What scores by group of people are, and are not.

  Args:
    column: of the manifest or sheet.
    groups: of that column, as in results.json.
  """
  unknown = groups['not_known']
  return (f'{column}: intervals where a group has {groups["least_people"]} people (or '
          'folds) or more; groups are other people, so their difference is in no test'
          + f'; {counted(unknown, "person", "is", "are")} in no group' * bool(unknown))


_LEAST_NAME = 12      # letters of a row's name, which then goes on in the next line
_MOST_HEAD = 32       # letters of a score's name, likewise


def scores_tables(rows: Mapping[str, Any], width: int) -> list[Table]:
  """A line for every row: its scores with their intervals, such as UF1 and UAR.

  Args:
    rows: of the results, the method's first.
    width: in letters; scores that do not fit beside each other make another table.
  """
  first = next(iter(rows.values()))
  names = [name for name, part in first.items()
           if isinstance(part, Mapping) and {'value', 'low', 'high'} <= part.keys()]
  room = width - min(_LEAST_NAME, max(map(len, rows)))
  blocks: list[list[str]] = [[]]
  left = room
  for name in names:
    wide = 1 + max(_cell_width(rows, name), min(_MOST_HEAD, len(scores.head(name))))
    if wide > left and blocks[-1]:
      blocks.append([])
      left = room
    blocks[-1].append(name)
    left -= wide
  return [_scores_table(rows, block) for block in blocks]


def _cell_width(rows: Mapping[str, Any], name: str) -> int:
  return max(len(cell(row[name])) for row in rows.values())


def _scores_table(rows: Mapping[str, Any], names: Iterable[str]) -> Table:
  table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
                show_edge=False)
  table.add_column('', overflow='fold')
  for name in names:
    # A head may break, and a cell may not.
    lines = textwrap.wrap(scores.head(name), max(_cell_width(rows, name), _MOST_HEAD))
    table.add_column(Text('\n'.join(lines)), no_wrap=True)
  for number, (name, row) in enumerate(rows.items()):
    cells = (Text(cell(row[name])) for name in names)
    table.add_row(Text(name), *cells, style='' if number else 'bold')
  return table
