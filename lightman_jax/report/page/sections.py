"""The page's sections on scores: tables, differences, published figures, people."""

from collections.abc import Sequence

import numpy as np

from lightman_jax.report.page import figures
from lightman_jax.report.page.comparison import HEADS, MAIN, Comparison, Gap, Line
from lightman_jax.report.page.groups import Column, Table
from lightman_jax.report.page.markup import Safe, tag
from lightman_jax.report.page.published import of_data_sets
from lightman_jax.report.page.texts import (
  by_label,
  caption,
  interval,
  probability,
  short,
)

MANY = 8    # gaps that are shown without being asked for


def scores(number: int, table: Table, judged: Sequence[Comparison]) -> Safe:
  """A table of methods for each data set of one protocol."""
  parts = []
  for column, one in zip(table.columns, judged):
    lines = caption(column) + _codes(column)
    parts += [tag('h3', column.dataset), [tag('p', line, class_='caption')
                                          for line in lines],
              _table(column, one), _verdict_sentence(one), _gaps(one)]
  wide = _by_data_set(table, judged) if len(judged) > 1 else None
  return tag('section', tag('h2', f'Table {number}: {table.protocol}'),
             tag('p', table.f1, class_='caption'),
             tag('p', table.why, class_='notice') if table.why else None,
             wide, parts, id=f'table-{number}')


def _codes(column: Column) -> list[str]:
  """What the methods share, and whether one and the same code made the runs."""
  lines = []
  for name, words in (('balance', 'class weighting'), ('augmentation',) * 2):
    said = sorted({group.noted(name) for group in column.groups} - {'–'})
    lines += [f'{words}: {" or else ".join(said)}'] if said else []
  codes = {run.code_sha256 for group in column.groups for run in group.runs}
  if len(codes) > 1:
    lines.append(f'The runs were made by {len(codes)} versions of the code.')
  return lines


def _table(column: Column, judged: Comparison) -> Safe:
  heads = ['', 'UF1', '0 to 1', 'UAR', 'accuracy', 'encoder', 'micro clips seen',
           'macro clips seen', 'models averaged', 'settings tried', 'seeds']
  chance = 1 / len(column.first.classes)
  rows = []
  for line in judged.lines:
    cells = [_cell(line, name) for name in HEADS]
    bar = tag('td', figures.interval_bar(line.scores[MAIN], chance=chance,
                                         title=line.label))
    rest = [tag('td', text) for text in (
        line.encoder, line.clips_seen, line.macro_clips_seen, line.models, line.tried,
        line.seeds)]
    rows.append(tag('tr', tag('th', line.label, scope='row'), cells[0], bar, cells[1:],
                    rest, class_='reference' if line.reference else None))
  return tag('div', tag('table', tag('thead', tag('tr', [
      tag('th', head, scope='col') for head in heads])), tag('tbody', rows)),
             class_='scroll')


def _cell(line: Line, name: str) -> Safe:
  scored = line.scores[name]
  value = short(scored.value)
  return tag('td', tag('b', value) if line.best and name == MAIN else value,
             tag('span', interval(scored), class_='range'), class_='n')


def _by_data_set(table: Table, judged: Sequence[Comparison]) -> Safe:
  """UF1 of methods by data sets; where a method was not run, a dash."""
  rows = [tag('tr', tag('th', label, scope='row'),
              [_cell(places[n], MAIN) if n in places else tag('td', '–')
               for n in range(len(judged))])
          for (reference, label), places in by_label(judged).items() if not reference]
  heads = [tag('th', 'UF1', scope='col')]
  heads += [tag('th', f'{c.dataset}, {c.about["class_set"]}', scope='col')
            for c in table.columns]
  return tag('div', tag('table', tag('thead', tag('tr', heads)), tag('tbody', rows)),
             class_='scroll')


def _verdict_sentence(judged: Comparison) -> Safe:
  """One sentence on what the comparison of methods says."""
  best = [line.label for line in judged.methods if line.best]
  told = [gap for gap in judged.gaps if gap.verdict in ('better', 'worse')]
  subjects = 'permutations of what was trained, Holm over all pairs'
  mute = [gap.why for gap in judged.gaps if gap.why]
  if not judged.gaps:
    text = 'No two methods were run on these clips with a seed in common, so no ' \
           'method is compared with another.'
  elif len(mute) == len(judged.gaps):
    text = f'{mute[0][0].upper()}{mute[0][1:]}.'
  elif best:
    text = f'{best[0]} is better than every other method here ({subjects}).'
  elif told:
    text = (f'Of {len(judged.gaps)} pairs of methods {len(told)} differ ({subjects}); '
            'no method is better than all the others.')
  else:
    text = (f'No difference between methods was seen in UF1, in '
            f'{len(judged.gaps)} {"pair" if len(judged.gaps) == 1 else "pairs"} '
            f'({subjects}). That is not to say that they are equal.')
  return tag('p', text)


def _gaps(judged: Comparison) -> list[Safe]:
  parts = []
  for head, gaps in (('Differences between methods', judged.gaps),
                     ('Differences from the references', judged.beside)):
    if gaps:
      table = _gap_table(gaps)
      title = f'{head} ({len(gaps)})'
      parts.append(tag('details', tag('summary', title), table,
                       **({'open': ''} if len(gaps) <= MANY else {})))
  return parts


def _gap_table(gaps: Sequence[Gap]) -> Safe:
  heads = ('first', 'second', 'UF1, first − second', 'averaged models',
           'p, after Holm', 'the first is')
  rows = [tag('tr', tag('th', gap.first, scope='row'), tag('td', gap.second),
              tag('td', short(gap.found.value, sign=True),
                  tag('span', interval(gap.found), class_='range'), class_='n'),
              tag('td', f'{gap.models[0]} and {gap.models[1]}', class_='n'),
              tag('td', probability(gap.adjusted), class_='n'),
              tag('td', gap.why or gap.verdict, class_=gap.verdict.split()[0]))
          for gap in gaps]
  return tag('div', tag('table', tag('thead', tag('tr', [
      tag('th', head, scope='col') for head in heads])), tag('tbody', rows)),
             class_='scroll')


def published(tables: Sequence[Table]) -> Safe:
  """What others printed, with what is known of how it came about."""
  shown = of_data_sets(column.dataset for table in tables for column in table.columns)
  rows = [tag('tr', tag('th', one.method, scope='row'), tag('td', one.dataset),
              tag('td', one.scores, class_='words'),
              tag('td', one.classes, class_='words'),
              tag('td', tag('span', one.protocol, class_=f'mark {one.mark}'),
                  class_='words'),
              tag('td', one.source, class_='words')) for one in shown]
  heads = ('method', 'data set', 'as printed', 'classes', 'protocol', 'source')
  return tag(
      'section', tag('h2', 'Published figures, beside'),
      tag('p', 'Taken over as printed. They are in no comparison on this page: clips, '
          'classes and protocol differ, or are not known. A figure whose epoch was '
          'chosen on the held-out person is higher than what that model does on a new '
          'person.'),
      tag('div', tag('table', tag('thead', tag('tr', [
          tag('th', head, scope='col') for head in heads])), tag('tbody', rows)),
          class_='scroll'), id='published')


def people(tables: Sequence[Table]) -> Safe:
  """Per-subject dots of every method."""
  drawn = [_of_group(figures.subject_dots(
      np.stack(list(group.counts().values())), column.first.subjects,
      title=f'{group.label}: clips recognised, by subject'), group.label,
                     column.dataset)
           for table in tables for column in table.columns for group in column.groups]
  return tag('section', tag('h2', 'People'),
             tag('p', 'A dot is a subject, its area the number of clips, its place the '
                 'share of them that was recognised (mean over seeds). Subjects are '
                 'what the intervals draw: they differ more than methods do.'),
             tag('div', drawn, class_='grid-of'), id='people')


def confusions(tables: Sequence[Table]) -> Safe:
  """A confusion matrix for every method."""
  drawn = [_of_group(figures.confusion(
      np.stack(list(group.counts().values())).sum(1).mean(0), column.first.classes),
                     group.label, column.dataset)
           for table in tables for column in table.columns for group in column.groups]
  return tag('section', tag('h2', 'Confusions'),
             tag('p', 'Rows are the truth. Share of a row, and clips (mean over '
                 'seeds), pooled over folds.'),
             tag('div', drawn, class_='grid-of'), id='confusions')


def _of_group(drawing: Safe, label: str, dataset: str) -> Safe:
  return tag('figure', tag('h4', f'{label}: {dataset}'), drawing)
