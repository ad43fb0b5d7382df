"""python -m lightman_jax report RUN...: tables and a page out of finished runs."""

import argparse
from collections.abc import Sequence
import pathlib
import sys

from lightman_jax import places
from lightman_jax.errors import InputError
from lightman_jax.files import remove_leftovers, write_atomically
from lightman_jax.report.page import extras, figures, sections
from lightman_jax.report.page.comparison import Comparison
from lightman_jax.report.page.groups import Run, Table, arrange, read_run
from lightman_jax.report.page.markup import STYLE, Safe, tag, trusted
from lightman_jax.report.page.texts import METHOD

# The whole page: one HTML file that needs nothing beside it.

TITLE = 'Micro-expression recognition: methods compared'
# No script runs and nothing is fetched, whatever a run folder holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(tables: Sequence[Table], judged: Sequence[Sequence[Comparison]]) -> str:
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
          ('Embeddings', figures.maps(tables)),
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


OUT = pathlib.Path('runs', 'report')


def report(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax report',
      description='Makes report.html, table.md, table.csv and table.tex from finished '
      'run folders. Runs that differ in the seed only are one row.')
  parser.add_argument('runs', nargs='+', metavar='RUN', type=places.expand,
                      help='a folder that launch.py made')
  parser.add_argument('--out', type=places.expand, default=OUT, metavar='FOLDER',
                      help=f'where to write; {OUT} by default')
  parser.add_argument('--skip-unfinished', action='store_true',
                      help='leave out folders that hold no finished run')
  given = parser.parse_args(arguments)
  try:
    runs = read_runs(given.runs, skip=given.skip_unfinished)
    written = write(runs, given.out)
  except InputError as error:
    print(f'report: {error}', file=sys.stderr)
    return 2
  for path in written:
    print(path)
  return 0


def read_runs(paths: Sequence[pathlib.Path], *, skip: bool = False) -> list[Run]:
  """Reads run folders, each once; with `skip` says which were left out.

  Raises:
    InputError: a folder holds no finished run of this program, or none is left.
  """
  runs = []
  for path in {path.resolve(): path for path in paths}.values():
    try:
      runs.append(read_run(path))
    except InputError as error:
      if not skip:
        raise
      print(f'left out: {error}', file=sys.stderr)
  if not runs:
    raise InputError('none of the folders holds a finished run; name one that '
                     'launch.py has finished')
  return runs


def write(runs: Sequence[Run], out: pathlib.Path, *,
          permutations: int = 10_000) -> list[pathlib.Path]:
  """Writes the page and the tables; the same runs give the same bytes.

  Args:
    runs: in any order.
    out: the folder, made where missing.
    permutations: see `evaluation.comparison`.

  Returns:
    The files, the page first.

  Raises:
    InputError: runs that cannot stand on one page, or nothing can be written there.
  """
  from lightman_jax.report.page import texts
  from lightman_jax.report.page.comparison import compare_methods
  tables = arrange(runs)
  judged = [[compare_methods(column, permutations=permutations)
             for column in table.columns] for table in tables]
  found = list(zip(tables, judged))
  content = {'report.html': page(tables, judged),
             'table.md': texts.markdown(found), 'table.csv':
             texts.comma_separated(found), 'table.tex': texts.latex(found)}
  for name, text in content.items():
    remove_leftovers(out, f'.{name}.*')
    try:
      with write_atomically(out / name) as file:
        file.write(text)
    except OSError as error:
      raise InputError(f'cannot write to {out} ({error.strerror}); give another '
                       '--out') from None
  return [out / name for name in content]
