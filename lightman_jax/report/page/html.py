"""The page: what each section holds, and the templates that it is written with.

What stands on the page is edited in `templates/`; what is drawn, in `figures.py`. All
values are escaped, and a name that a template misspells is an error.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup
import numpy as np

from lightman_jax.evaluation import scores
from lightman_jax.report import templates
from lightman_jax.report.page import figures, records, texts
from lightman_jax.report.page.comparison import Comparison, notes
from lightman_jax.report.page.groups import Column, Group, Table
from lightman_jax.report.page.published import of_data_sets
from lightman_jax.report.table import is_of_units, macro_knowledge
from lightman_jax.units import counted

TITLE = 'Micro-expression recognition: methods compared'


class Section(NamedTuple):
  """A part of the page; one without content is left out."""
  anchor: str
  name: str
  template: str
  content: Any


class Picture(NamedTuple):
  """A figure with what stands above it and the names of its colours."""
  title: str
  drawing: Markup
  legend: tuple[tuple[str, str], ...] = ()      # colour and name


class Confusion(NamedTuple):
  """A confusion matrix of a method, its mean over seeds."""
  title: str
  classes: tuple[str, ...]
  rows: tuple[tuple[tuple[float, str], ...], ...]    # share of the row, and clips


class Maps(NamedTuple):
  """The embeddings of one run."""
  title: str
  words: str
  legend: tuple[tuple[str, str], ...]
  pictures: tuple[Picture, ...]


def render(tables: Sequence[Table],
           comparisons: Sequence[Sequence[Comparison]]) -> str:
  """The HTML of all tables and figures, and what must be said of them.

  The same runs give the same bytes: no date and no path is in it.

  Args:
    tables: of `groups.arrange`.
    comparisons: one for every column of every table.

  Returns:
    A page that needs nothing beside it.

  Raises:
    InputError: what a run holds beside its scores is not what this version writes.
  """
  sections = [section for section in (*_scores(tables, comparisons),
                                      *_of_runs(tables, comparisons))
              if section.content]
  main = next((one.main for of_table in comparisons for one in of_table), 'uf1')
  return _templates(main).get_template('page.html').render(
      title=TITLE, method=texts.method(tables), sections=sections,
      runs=sum(1 for _, group in records.groups_of(tables) for _ in group.runs),
      methods=len({group.label for _, group in records.groups_of(tables)}),
      data_sets=sorted({column.dataset for column, _ in records.groups_of(tables)}))


def _templates(main: str) -> jinja2.Environment:
  made = templates.environment('lightman_jax.report.page')
  made.filters.update(short=texts.short, interval=texts.interval,
                      probability=texts.probability, notes=notes)
  made.globals.update(main=main, main_head=scores.head(main))
  return made


def _scores(tables, comparisons) -> list[Section]:
  return [Section(f'table-{number}', f'Table {number}', 'scores.html', {
      'number': number, 'table': table,
      'rows_by_label': texts.by_label(of_table) if len(of_table) > 1 else {},
      'columns': [_column(*pair) for pair in zip(table.columns, of_table)]})
          for number, (table, of_table) in enumerate(zip(tables, comparisons), 1)]


def _column(column: Column, comparison: Comparison) -> dict[str, Any]:
  return {
      'column': column, 'comparison': comparison,
      'captions': texts.caption(column) + _conditions(column),
      'verdict': ' '.join(filter(None, (verdict_sentence(comparison),
                                        reference_sentence(comparison)))),
      'picture': figures.score_intervals(
          comparison, chance=(0. if is_of_units(column.about) else
                              1 / len(column.first.classes)),
          title=f'{comparison.heads[comparison.main]} of all rows on {column.dataset}; '
                'the table has the numbers'),
      'differences': [
          (head, gaps) for head, gaps in (
              ('Differences between methods', comparison.gaps),
              ('Differences from the references', comparison.beside)) if gaps]}


def _conditions(column: Column) -> list[str]:
  """What the methods share, and whether one and the same code made the runs."""
  lines = []
  for name, words in (('balance', 'class weighting'), ('augmentation',) * 2):
    values = sorted({group.about(name) for group in column.groups} - {'–'})
    lines += [f'{words}: {" or else ".join(values)}'] if values else []
  used = {macro_knowledge(group.runs[0].config) for group in column.groups}
  if used != {'none'}:
    lines.append('macro-expressions: ' + ' · '.join(
        f'{group.label}: {macro_knowledge(group.runs[0].config)}'
        for group in column.groups))
  codes = {run.code_sha256 for group in column.groups for run in group.runs}
  if len(codes) > 1:
    lines.append(f'The runs were made by {len(codes)} versions of the code.')
  return lines


def verdict_sentence(comparison: Comparison) -> str:
  """One sentence on what the comparison of methods says."""
  best = [line.label for line in comparison.methods if line.best]
  differing = [gap for gap in comparison.gaps if gap.verdict in ('better', 'worse')]
  test = 'permutations of what was trained, Holm over all pairs'
  without = [gap.why for gap in comparison.gaps if gap.why]
  pairs = len(comparison.gaps)
  if not pairs:
    return ('No two methods were run on these clips with a seed in common, so no '
            'method is compared with another.')
  if len(without) == pairs:
    return f'No verdict: {without[0]}.'
  if best:
    return f'{best[0]} is better than every other method here ({test}).'
  if differing:
    return (f'Of {counted(pairs, "pair")} of methods {len(differing)} '
            f'{"differs" if len(differing) == 1 else "differ"} ({test}); no method is '
            'better than all the others.')
  return ('No difference between methods was seen in '
          f'{comparison.heads[comparison.main]}, in {counted(pairs, "pair")} ({test}). '
          'That is not to say that they are equal.')


def reference_sentence(comparison: Comparison) -> str:
  """What the comparison with the strongest reference says; '' where there is none."""
  best = figures.strongest(comparison)
  gaps = [gap for gap in comparison.beside if best and gap.second == best.label]
  if not gaps:
    return ''
  name = (f'{best.label}, the strongest reference '
          f'({comparison.heads[comparison.main]} {texts.short(best.value)}; '
          'Holm over all pairs with a reference)')
  verdicts = {verdict: [gap.first for gap in gaps if gap.verdict == verdict]
              for verdict in ('better', 'worse', 'no verdict')}
  better, worse, without = verdicts.values()
  if len(without) == len(gaps):
    reasons = dict.fromkeys(gap.short_verdict.partition(': ')[2] for gap in gaps)
    return f'There is no verdict on any difference from {name}: {"; ".join(reasons)}.'
  if not better and not worse:
    return (f'No method was seen to differ from {name}'
            + (f'; no verdict on {", ".join(without)}' if without else '') + '.')
  return '; '.join([
      f'Of {len(gaps)} compared with {name}',
      f'better: {", ".join(better) or "none"}', f'worse: {", ".join(worse) or "none"}',
      *([f'no verdict: {", ".join(without)}'] if without else [])]) + '.'


def _of_runs(tables, comparisons) -> list[Section]:
  """All sections after the tables, in the order in which they stand."""
  each = lambda make: [made for table in tables for column in table.columns
                       for made in make(column)]
  groups = list(records.groups_of(tables))
  return [
      Section('across', 'Across data sets', 'across.html',
              records.across_tables(tables)),
      Section('people', 'People', 'people.html', each(_people)),
      Section('missed', 'Missed most', 'missed.html', [
          (column.dataset, missed) for table in tables for column in table.columns
          if (missed := records.missed_clips(column))]),
      Section('confusions', 'Confusions', 'confusions.html', [
          _confusion(*pair) for pair in groups if not is_of_units(pair[0].about)]),
      Section('units', 'Action units', 'units.html', each(records.unit_scores)),
      Section('training-people', 'Training people', 'training_people.html',
              [_training_people(*pair, texts.main_head(tables[0]))
               for pair in records.people_curves(tables).items()]),
      Section('few-shots', 'Few shots', 'few_shots.html', records.few_shots(tables)),
      Section('robustness', 'Robustness', 'robustness.html', [
          made for table, of_table in zip(tables, comparisons)
          for pair in zip(table.columns, of_table) for made in _robustness(*pair)]),
      Section('learning', 'Learning curves', 'learning.html', [
          made for pair in groups for made in _learning(*pair)]),
      Section('embeddings', 'Embeddings', 'embeddings.html', [
          made for pair in groups for made in _maps(*pair)]),
      Section('drawings', 'Drawings', 'drawings.html', records.action_drawings(tables)),
      Section('cost', 'Cost', 'cost.html', records.costs(tables)),
      Section('published', 'Published', 'published.html', of_data_sets(
          column.dataset for table in tables for column in table.columns)),
      Section('oracle', 'Oracle gap (not a result)', 'oracle.html',
              records.oracle_gap(tables)),
      Section('runs', 'Runs', 'runs.html', groups)]


def _legend(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
  return tuple((f'c{number % 10}', name) for number, name in enumerate(names))


def _people(column: Column) -> list[Picture]:
  run = column.first
  clips, recognised, units = run.counts[run.method].sum((-1, -2)), {}, is_of_units(
      column.about)
  for group in column.groups:
    hits = np.stack([np.trace(counts, axis1=-2, axis2=-1)
                     for counts in group.counts().values()]).mean(0)
    share = hits / np.maximum(clips, 1)
    recognised[group.label] = share.mean(-1) if units else share
  clips = clips[:, 0] if units else clips
  what = 'answers on units that are right' if units else 'clips recognised'
  title = f'{column.dataset}: share of {what}, by subject'
  return [Picture(column.dataset if not number else f'{column.dataset}, continued',
                  drawing, _legend(list(recognised)))
          for number, drawing in enumerate(figures.people(
              recognised, run.subjects, clips, title=title))]


def _confusion(column: Column, group: Group) -> Confusion:
  counts = np.stack(list(group.counts().values())).sum(1).mean(0)
  share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
  # A mean over seeds, to a tenth of a clip.
  rows = tuple(tuple((float(part), f'{value:.1f}'.removesuffix('.0'))
                     for part, value in zip(*pair)) for pair in zip(share, counts))
  return Confusion(f'{group.label}: {column.dataset}', column.first.classes, rows)


def _robustness(column: Column, comparison: Comparison) -> list[Picture]:
  return [
      Picture(f'{kind.replace("_", " ")}: {column.dataset}', figures.curves(
          series, title=f'UF1 by level of {kind}: {column.dataset}',
          x_label=unit or kind, y_label='UF1',
          reference=figures.strongest(comparison)), _legend(list(series)))
      for (kind, unit), series in records.robustness(column).items()]


def _training_people(dataset: str, series, head: str) -> tuple[Picture, records.Sheet]:
  title = f'{dataset}: {head} by the number of training people'
  return (Picture(dataset, figures.curves(
      series, title=title, x_label='training people', y_label=head),
      _legend(list(series))), records.people_table(series))


def _learning(column: Column, group: Group) -> list[Picture]:
  points = records.loss(group)
  title = f'{group.label}: {column.dataset}'
  return [Picture(title, figures.curves(
      {'loss': points}, title=f'{title}: loss by step', x_label='step',
      y_label='loss on training tasks'))] if points else []


def _maps(column: Column, group: Group) -> list[Maps]:
  """Of the first run that wrote its embeddings."""
  run, arrays = next(((run, arrays) for run in group.runs
                      if (arrays := records.embeddings(run)) is not None), (None, None))
  if arrays is None:
    return []
  stages = [name for name in ('before', 'after') if name in arrays]
  both = np.concatenate([arrays[name][:, :2] for name in stages]).astype(float)
  within = figures.span(both[:, 0]), figures.span(both[:, 1])
  share = ', '.join(f'{part:.0%}' for part in arrays['explained'][:2])
  words = (f'fold {arrays["fold"]}, seed {run.seed}; the components hold {share} of '
           'the variance')
  if len(stages) == 1:
    words += '; nothing in this embedding is adapted'
  title = f'{group.label}: {column.dataset}'
  return [Maps(title, words, _legend(column.first.classes), tuple(
      Picture(f'{stage} adaptation', figures.embedding_map(
          arrays, stage, within=within, title=f'{title}, {stage} adaptation'))
      for stage in stages))]
