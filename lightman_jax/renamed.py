"""What modules of the version before are called now, for who imports one of them.

An import of an old name ends in a sentence with the new one, for one release: what is
in this table was called so in 0.1.0.
"""

from importlib import abc
import sys

MODULES = {
    'annotations': 'data', 'clips': 'data', 'episodes': 'tasks', 'geometry': 'faces',
    'preprocessing': 'inputs', 'run': 'experiment',
    'evaluation.arithmetic': 'profiling.efficiency',
    'evaluation.efficiency': 'profiling.efficiency',
    'meta.alignment': 'meta.mmd',
    'models.apexnet': 'models.off_apexnet', 'models.frame': 'models.conv4',
    'report.environment': 'runs.environment',
    'report.jax_settings': 'runs.environment',
    'report.metrics_log': 'runs.progress', 'report.progress': 'runs.progress',
    'report.reproducibility': 'runs.reproducibility', 'report.results': 'runs.results',
    'report.run_folder': 'runs.folder', 'training.hosts': 'training.multihost'}
PACKAGE = 'lightman_jax.'


class _Finder(abc.MetaPathFinder):
  """Asked last: a module that is there is never looked up here."""

  # `path` is any iterable: of a namespace package it is no sequence.
  def find_spec(self, name: str, path=None, target=None) -> None:
    """Raises a ModuleNotFoundError that says the new name; else finds nothing."""
    new = MODULES.get(name.removeprefix(PACKAGE))
    if new and name.startswith(PACKAGE):
      raise ModuleNotFoundError(
          f'{name} of lightman_jax 0.1.0 is now {PACKAGE}{new}; CHANGELOG.md says what '
          'else has moved', name=name)
    return None


def install() -> abc.MetaPathFinder:
  """Has imports of old names say the new ones; returns what does so."""
  for finder in sys.meta_path:
    if isinstance(finder, _Finder):
      return finder
  sys.meta_path.append(_Finder())
  return sys.meta_path[-1]
