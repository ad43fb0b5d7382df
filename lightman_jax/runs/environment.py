"""What a result was made with: packages, code, data, devices."""

from collections.abc import Mapping
from importlib import metadata
import os
import pathlib
import platform
import subprocess
from typing import Any

from lightman_jax import registry
from lightman_jax.code_digest import code_sha256
from lightman_jax.runs import identity
from lightman_jax.runs.identity import Difference
from lightman_jax.runs.jax_settings import jax_settings

# What setup.cfg asks for and what computes below it: what a number may depend on.
PACKAGES = (
    'absl-py', 'anyascii', 'array_record', 'flax', 'importlib_resources', 'jax',
    'jaxlib', 'jaxtyping', 'jinja2', 'markupsafe', 'matplotlib', 'ml-collections',
    'numpy', 'opencv-python-headless', 'openpyxl', 'optax', 'orbax-checkpoint',
    'pillow', 'python-calamine', 'rich', 'safetensors', 'scikit-learn', 'scipy',
    'tensorflow-datasets')

# Parts that may change between two starts of one run.
NOTED = ('noted',)
# These may, too, and that is told: the numbers are equal but for the last bits.
LAYOUT = ('count', 'processes', 'used', 'split', 'folds_at_once', 'tasks_at_once')

PACKAGE = pathlib.Path(__file__).resolve().parent.parent
RUN = 'lightman_jax.experiment.run'     # the module that computes a run, stage by stage


def environment(*, data_sha256: str | None,
                layout: Mapping[str, Any] | None = None) -> dict[str, Any]:
  """Everything but the configuration that a run's numbers depend on, as plain JSON.

  Starts jax, for its devices.

  Args:
    data_sha256: over the content of every data set that the run reads; None where it
      was not looked at.
    layout: how the work is divided over devices, where that moves the last bits.

  Returns:
    A dictionary whose entries have to be equal to go on with a run, but for 'noted'.
  """
  return {
      'code_sha256': code_version(),
      'data_sha256': data_sha256,
      'python': platform.python_version(),
      'packages': versions(),
      'devices': {**devices(), **(layout or {})},
      'jax': jax_settings(),
      'noted': {'platform': platform.platform(), 'cpus': os.cpu_count(),
                'git_commit': git_commit()},
  }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]
            ) -> tuple[list[Difference], list[Difference]]:
  """What changed between two environments: what matters, and the layout.

  Args:
    before: of `environment`, at an earlier start.
    now: of `environment`.

  Returns:
    Differences that forbid going on, and those of the layout.
  """
  plain = lambda tree: identity.drop_names(tree, (*NOTED, 'resumed_with'))
  differences = identity.find_differences(plain(before), plain(now))
  names = [f'devices.{name}' for name in LAYOUT]
  layout = [part for part in differences if part[0] in names]
  return [part for part in differences if part not in layout], layout


def versions() -> dict[str, str | None]:
  """Installed versions of `PACKAGES`; None where one is missing."""
  by_package = {}
  for name in PACKAGES:
    try:
      by_package[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
      by_package[name] = None
  return by_package


def devices() -> dict[str, Any]:
  """Kind and number of the devices that jax sees."""
  import jax  # Not above: reading a run folder should not start jax.
  visible = jax.devices()
  return {'platform': visible[0].platform, 'kind': visible[0].device_kind,
          'count': len(visible), 'processes': jax.process_count()}


def code_version() -> str:
  """SHA-256 of the code that a run imports, without comments and docstrings."""
  # What is imported by its name in a table counts, too.
  named = {place.partition(':')[0] for table in registry.TABLES.values()
           for place in table.values()}
  return code_sha256(RUN, *sorted(named))


def git_commit() -> str | None:
  """The commit of the checkout that the package lies in; None for an installed one."""
  root = PACKAGE.parent
  if not (root / '.git').exists():
    return None
  try:
    done = subprocess.run(['git', '-C', str(root), 'rev-parse', 'HEAD'], timeout=10,
                          capture_output=True, text=True)
  except (OSError, subprocess.TimeoutExpired):
    return None
  return done.stdout.strip() if done.returncode == 0 else None
