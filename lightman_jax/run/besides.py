"""What a finished run has beside its table: where it is, what it is not, what next."""

from collections.abc import Iterator
import contextlib
import shlex

from lightman_jax import bounded
from lightman_jax.report.run_folder import RunFolder
from lightman_jax.run import metering, oracle


def lines(folder: RunFolder) -> Iterator[str]:
  """A line for each thing that the run was asked for beyond its table."""
  if folder.cost.exists():
    # It is told for information: a damaged one is no reason to fail.
    with contextlib.suppress(ValueError, KeyError, TypeError):
      yield metering.line(bounded.read_json(folder.cost))
  if folder.noise_curves.exists():
    yield f'robustness under noise: {folder.noise_curves}'
  if folder.choices.exists():
    yield f'settings chosen inside each fold: {folder.choices}'
  if folder.oracle_json.exists():
    yield oracle.line(folder.oracle_json)
  run = str(folder.path)
  yield (f'next: python -m lightman_jax report {shlex.quote(run)} '
         f'--out={shlex.quote(run.rstrip("/") + "-report")}')
