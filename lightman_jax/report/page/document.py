"""The whole page: one HTML file that needs nothing beside it."""

from collections.abc import Sequence

from lightman_jax.report.page import extras, maps, sections
from lightman_jax.report.page.groups import Table
from lightman_jax.report.page.judged import Judged
from lightman_jax.report.page.markup import Safe, tag, trusted
from lightman_jax.report.page.style import STYLE
from lightman_jax.report.page.texts import METHOD

TITLE = 'Micro-expression recognition: methods compared'
# No script runs and nothing is fetched, whatever a run folder holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(tables: Sequence[Table], judged: Sequence[Sequence[Judged]]) -> str:
  """The HTML of all tables, figures and what must be said of them.

  The same runs give the same bytes: no date and no path is in it.
  """
  parts = [sections.scores(number, table, one)
           for number, (table, one) in enumerate(zip(tables, judged), 1)]
  rest = [('People', sections.people(tables)),
          ('Confusions', sections.confusions(tables)),
          ('Few shots', extras.few_shots(tables)),
          ('Robustness', extras.robustness(tables)),
          ('Learning curves', extras.learning(tables)),
          ('Embeddings', maps.maps(tables)),
          ('Drawings', extras.drawings(tables)), ('Cost', extras.cost(tables)),
          ('Published', sections.published(tables)),
          ('Oracle gap (not a result)', extras.oracle(tables)), ('Runs', _runs(tables))]
  parts += [section for _, section in rest]
  names = [f'Table {n + 1}' for n in range(len(tables))]
  names += [name for name, section in rest if section]
  head = tag('head', tag('meta', charset='utf-8'),
             tag('meta', http_equiv='Content-Security-Policy', content=POLICY),
             tag('meta', name='viewport',
                 content='width=device-width, initial-scale=1'),
             tag('title', TITLE), tag('style', trusted(STYLE)))
  body = tag('body', tag('header', tag('h1', TITLE), tag('p', _what(tables)),
                         _nav(names, parts)),
             tag('main', tag('details', tag('summary', 'How to read the figures'),
                             tag('p', METHOD), open=''), parts))
  return f'<!doctype html>\n{tag("html", head, body, lang="en")}\n'


def _nav(names: Sequence[str], parts: Sequence[Safe | None]) -> Safe:
  """Links to the sections, in their order."""
  ids = [part.split(' id="')[1].split('"')[0] for part in _ends(parts)]
  return tag('nav', tag('ul', [tag('li', tag('a', name, href=f'#{place}'))
                               for name, place in zip(names, ids)]))


def _ends(parts: Sequence[Safe | None]) -> list[str]:
  """The opening tags of the sections that there are."""
  return [part.split('>', 1)[0] for part in parts if part]


def _what(tables: Sequence[Table]) -> str:
  runs = sum(len(g.runs) for t in tables for c in t.columns for g in c.groups)
  methods = {g.label for t in tables for c in t.columns for g in c.groups}
  sets = sorted({c.dataset for t in tables for c in t.columns})
  seen = f'{_count(runs, "run")} of {_count(len(methods), "method")}'
  return (f'{seen} on {", ".join(sets)}. '
          'No held-out person was seen in training, nor in any choice. Every figure '
          'names its protocol, classes, labels and measure.')


def _count(number: int, what: str) -> str:
  return f'{number} {what}{"" if number == 1 else "s"}'


def _runs(tables: Sequence[Table]) -> Safe:
  """Which folders this was made from."""
  rows = [tag('tr', tag('th', run.path.name, scope='row'), tag('td', group.label),
              tag('td', column.dataset), tag('td', run.seed),
              tag('td', str(run.about.get('data_sha256', ''))[:8]),
              tag('td', run.code_sha256[:8] or '–'))
          for table in tables for column in table.columns for group in column.groups
          for run in group.runs]
  heads = ('folder', 'method', 'data set', 'seed', 'data', 'code')
  return tag('section', tag('h2', 'Runs'),
             tag('p', 'Data and code by the first digits of their sha256.',
                 class_='caption'),
             tag('div', tag('table', tag('thead', tag('tr', [
                 tag('th', head, scope='col') for head in heads])),
                            tag('tbody', rows)), class_='scroll'), id='runs')
