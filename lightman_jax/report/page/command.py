"""python -m lightman_jax report RUN...: tables and a page out of finished runs."""

from collections.abc import Mapping, Sequence
import itertools
import pathlib
import sys

from lightman_jax import places, registry, sections
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError, printable
from lightman_jax.evaluation.scores import Score, name_of, scores_of
from lightman_jax.files import remove_leftovers, write_atomically
from lightman_jax.report.page.groups import Run, arrange, read_run
from lightman_jax.runs.results import SCORES

OUT = pathlib.Path('runs', 'report')


@refusing('report')
def report(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax report',
      description='Makes report.html, table.md, table.csv and table.tex from finished '
      'run folders. Runs that differ in the seed only are one row. Of runs that '
      'trained on one data set and were tested on others across.csv has all pairs.')
  parser.add_argument('runs', nargs='+', metavar='RUN', type=places.expand,
                      help='a folder that launch.py made')
  parser.add_argument('--out', type=places.expand, default=OUT, metavar='FOLDER',
                      help=f'where to write; {OUT} by default')
  parser.add_argument('--skip-unfinished', action='store_true',
                      help='leave out folders that hold no finished run')
  parser.add_argument('--score', default='', metavar='FILE.py:NAME',
                      help='a score from outside, or some with commas between, for all '
                      'runs; it is executed, and must be what the runs had')
  options = parser.parse_args(arguments)
  runs = read_runs(options.runs, skip=options.skip_unfinished)
  for path in write(runs, options.out, every=allow_scores(runs, options.score)):
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


def allow_scores(runs: Sequence[Run], named: str) -> dict[str, Score]:
  """All scores of a report: those from outside are executed where a person names them.

  A line says which scores runs had that nobody named.

  Args:
    runs: as they are read.
    named: FILE.py:NAME, with commas between.

  Raises:
    InputError: a file is not there, is no score, or is other code than a run had.
  """
  code = {name_of(place): registry.allow('score', place)
          for place in sections.names_in('score', named) if registry.is_outside(place)}
  for run in runs:
    evaluation = run.config.get('evaluation')
    if not isinstance(evaluation, dict):
      continue
    recorded = [one for one in sections.names_in('score', evaluation.get('scores', ''))
                if registry.is_outside(one)]
    hashes = str(evaluation.get(sections.HASH, '')).split(',')
    for place, sha256 in itertools.zip_longest(recorded, hashes[:len(recorded)],
                                               fillvalue=''):
      again = code.get(name_of(place))
      if again is None:
        print(printable(
            f'{run.path} has the score {registry.label(place)}, code from outside; it '
            'is in the tables where the same file is named again, with '
            f'--score={place}'), file=sys.stderr)
      elif sha256 not in (again.sha256, again.object_sha256):
        raise InputError(
            f'{run.path} had other code as its score {registry.label(place)} (SHA-256 '
            f'{sha256[:12]} there, {again.sha256[:12]} here); name the file as it was')
  return scores_of(named)


def write(runs: Sequence[Run], out: pathlib.Path, *, permutations: int = 10_000,
          every: Mapping[str, Score] = SCORES) -> list[pathlib.Path]:
  """Writes the page and the tables; the same runs give the same bytes.

  Args:
    runs: in any order.
    out: the folder, made where missing.
    permutations: see `evaluation.comparison`.
    every: score by name.

  Returns:
    The files, the page first.

  Raises:
    InputError: runs that cannot stand on one page, or nothing can be written there.
  """
  # Matplotlib takes a second to import; --help needs none of it.
  from lightman_jax.report.page import html, records, texts
  from lightman_jax.report.page.comparison import compare_methods
  tables = arrange(runs)
  comparisons = [[compare_methods(column, permutations=permutations, every=every)
                  for column in table.columns] for table in tables]
  compared = list(zip(tables, comparisons))
  content = {'report.html': html.render(tables, comparisons),
             'table.md': texts.markdown(compared),
             'table.csv': texts.comma_separated(compared),
             'table.tex': texts.latex(compared)}
  if pairs := records.across(tables):
    content['across.csv'] = texts.pairs(pairs)
  for name, text in content.items():
    remove_leftovers(out, f'.{name}.*')
    try:
      with write_atomically(out / name) as file:
        file.write(text)
    except OSError as error:
      raise InputError(f'cannot write to {out} ({error.strerror}); give another '
                       '--out') from None
  return [out / name for name in content]
