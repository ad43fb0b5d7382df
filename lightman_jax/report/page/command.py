"""python -m lightman_jax report RUN...: tables and a page out of finished runs."""

import argparse
from collections.abc import Sequence
import pathlib
import sys

from lightman_jax import places
from lightman_jax.errors import InputError
from lightman_jax.files import remove_leftovers, write_atomically
from lightman_jax.report.page.groups import Run, arrange, read_run

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
  options = parser.parse_args(arguments)
  try:
    runs = read_runs(options.runs, skip=options.skip_unfinished)
    written = write(runs, options.out)
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
  # Matplotlib takes a second to import; --help needs none of it.
  from lightman_jax.report.page import html, texts
  from lightman_jax.report.page.comparison import compare_methods
  tables = arrange(runs)
  comparisons = [[compare_methods(column, permutations=permutations)
                  for column in table.columns] for table in tables]
  compared = list(zip(tables, comparisons))
  content = {'report.html': html.render(tables, comparisons),
             'table.md': texts.markdown(compared),
             'table.csv': texts.comma_separated(compared),
             'table.tex': texts.latex(compared)}
  for name, text in content.items():
    remove_leftovers(out, f'.{name}.*')
    try:
      with write_atomically(out / name) as file:
        file.write(text)
    except OSError as error:
      raise InputError(f'cannot write to {out} ({error.strerror}); give another '
                       '--out') from None
  return [out / name for name in content]
