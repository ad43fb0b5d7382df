"""A run by one call, and a finished one opened: results, predictions, models."""

from collections.abc import Mapping
import os
import pathlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from lightman_jax import bounded, files, places, sections, settings as settings_module
from lightman_jax.errors import InputError
from lightman_jax.experiment import preconditions, run as experiment, sweep
from lightman_jax.files import file_sha256
from lightman_jax.runs import folder as run_folder, parts, reproducibility, results
from lightman_jax.runs.identity import name_of
from lightman_jax.training.checkpoints import ABOUT, ARRAYS, FILE


class Run:
  """A run's folder, of which each part is read when it is asked for.

  Args:
    folder: of a finished run.

  Raises:
    InputError: there is no run, it is not finished, or its settings or results were
      edited.

  Example:
    >>> run = lm.open_run('runs/first')                           # doctest: +SKIP
    >>> run.results['rows']['lightman']['uf1']['value']           # doctest: +SKIP
    .61
  """

  def __init__(self, folder: str | os.PathLike):
    self.path = places.expand(folder)
    parts.check_finished(self.path)
    reproducibility.refuse_changed(self.path)

  def __repr__(self) -> str:
    return f'open_run({str(self.path)!r})'

  @property
  def settings(self) -> dict[str, Any]:
    """All settings, nested."""
    return run_folder.read_json(self.path / 'config.json')

  @property
  def results(self) -> dict[str, Any]:
    """What results.json holds: `rows` by name, `differences`, `about`."""
    return results.read_results(self.path / 'results.json')

  @property
  def predictions(self) -> dict[str, np.ndarray]:
    """Columns of a row a clip, for pandas.DataFrame or polars.DataFrame.

    clip, subject, fold, truth and prediction are texts, probability_CLASS float64.
    """
    path = self.path / 'predictions.csv'
    with run_folder.blaming(path):
      rows = results.read_predictions(path)
      return {name: np.array([
          float(row[name]) if name.startswith('probability_') else row[name]
          for row in rows]) for name in rows[0]}

  @property
  def models(self) -> dict[str, dict[str, Any]]:
    """The trained parameters by the name of the fold: who was held out.

    Nested dictionaries of arrays, as `predict` and a learner take them.
    """
    newest: dict[str, tuple[int, int, pathlib.Path, int]] = {}
    for about in (self.path / 'checkpoints').glob(f'*/{ABOUT}'):
      with run_folder.blaming(about):
        save = bounded.read_json(about)
        if file_sha256(about.parent / ARRAYS / FILE) != save['sha256']:
          raise ValueError(f'{FILE} is not what was written')
        for row, fold in enumerate(save['folds']):
          place = int(save['step']), int(about.parent.name), about.parent, row
          newest[fold] = max(newest.get(fold, place), place)
    if not newest and any((self.path / 'selection').glob(f'final*/*/*/{ABOUT}')):
      raise InputError(
          f'{self.path} chose its settings inside each fold (select.by=inner), and its '
          'models lie in selection/, each of a network of its own; give a run with '
          'select.by=none')
    if not newest:
      raise InputError(f'{self.path} holds no checkpoints, so no models; they were '
                       'deleted, and --fresh trains anew')
    arrays = {place[2]: bounded.read_arrays(place[2] / ARRAYS / FILE)
              for place in newest.values()}
    return {fold: _nested(arrays[folder], row)
            for fold, (_, _, folder, row) in sorted(newest.items())}


def _nested(arrays: Mapping[str, np.ndarray], row: int) -> dict[str, Any]:
  """The parameters of one fold, out of arrays by path."""
  params: dict[str, Any] = {}
  for path, x in arrays.items():
    if not path.startswith('params/'):
      continue
    _, *between, last = path.split('/')
    part = params
    for name in between:
      part = part.setdefault(name, {})
    part[last] = jnp.asarray(x[row])
  return params


def open_run(folder: str | os.PathLike) -> Run:
  """Opens a finished run.

  Args:
    folder: text or path.

  Returns:
    An object with `settings`, `results`, `predictions` (a table) and `models` (params
    by fold), each read when it is asked for.

  Raises:
    InputError: there is no run, or it is not finished.

  Example:
    >>> pandas.DataFrame(lm.open_run('runs/first').predictions)   # doctest: +SKIP
  """
  return Run(folder)


@settings_module.takes_settings
def run(settings: Mapping[str, Any], folder: str | os.PathLike | None = None, *,
        fresh: bool = False, resume_anyway: bool = False) -> Run:
  """Trains and evaluates what settings describe, or goes on with it.

  All that `launch.py` does in one process; the folder is the same, byte for byte.

  Args:
    settings: complete, as `lightman_jax.settings` returns them.
    folder: of the run; None: one under runs/ that is a function of the settings.
    fresh: delete what this program wrote there, and begin anew.
    resume_anyway: go on although code, packages, data or devices changed.

  Returns:
    The finished run, see `open_run`.

  Raises:
    InputError: one sentence on what cannot be used.

  Example:
    >>> run = lm.run(lm.settings('synthetic:debug'), 'runs/first')    # doctest: +SKIP
    >>> sorted(run.models)                                            # doctest: +SKIP
    ['s0', 's1', 's2', 's3']
  """
  settings_module.check(settings)
  sweep.ask_for_determinism()
  files.check_open_files()
  preconditions.check(settings)
  place = (places.expand(folder) if folder is not None
           else pathlib.Path('runs', name_of(settings, sections.words(settings))))
  with parts.open_run(place, config=settings, fresh=fresh) as opened:
    experiment.run(settings, opened, resume_anyway=resume_anyway)
  return Run(place)
