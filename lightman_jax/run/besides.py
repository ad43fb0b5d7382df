"""What a finished run has beside its table: where it is, and what it is not."""

from collections.abc import Iterator

from lightman_jax.report.run_folder import RunFolder
from lightman_jax.run import oracle


def lines(folder: RunFolder) -> Iterator[str]:
  """A line for each thing that the run was asked for beyond its table."""
  if folder.noise_curves.exists():
    yield f'robustness under noise: {folder.noise_curves}'
  if folder.choices.exists():
    yield f'settings chosen inside each fold: {folder.choices}'
  if folder.oracle_json.exists():
    yield oracle.line(folder.oracle_json)
