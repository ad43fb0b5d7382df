"""What a report of a fault needs to say: versions, devices, flags, and caches."""

import os
import pathlib
import platform
from typing import Any

import lightman_jax
from lightman_jax import places
from lightman_jax.faces import detection
from lightman_jax.inputs import cache
from lightman_jax.runs import environment
from lightman_jax.runs.jax_settings import jax_settings
from lightman_jax.units import bytes_in_words


def info() -> dict[str, Any]:
  """Returns versions, devices, flags, and the folders in which this program keeps files.

  Starts jax, for its devices; makes no folder.

  Returns:
    Plain values: 'version', 'package' (its folder), 'commit' (None for an installed
    package), 'code_sha256', 'python', 'platform', 'cpus', 'packages' (name to version),
    'devices', 'jax' (its flags, XLA's, and variables), 'folders' (purpose to 'path',
    'files' and 'bytes'; no files where it is not there).

  Example:
    >>> lm.info()['devices']['platform']                          # doctest: +SKIP
    'cpu'
  """
  return {
      'version': lightman_jax.__version__,
      'package': str(environment.PACKAGE),
      'commit': environment.git_commit(),
      'code_sha256': environment.code_version(),
      'python': platform.python_version(),
      'platform': platform.platform(),
      'cpus': os.cpu_count(),
      'packages': environment.versions(),
      'devices': _devices(),
      'jax': jax_settings(),
      'folders': {name: {'path': str(path), **_size(path)}
                  for name, path in _folders().items()}}


def _devices() -> dict[str, Any]:
  try:
    return environment.devices()
  except RuntimeError as error:      # what is to be reported may be this
    return {'error': str(error).partition('\n')[0]}


def _folders() -> dict[str, pathlib.Path]:
  compiled = os.environ.get('JAX_COMPILATION_CACHE_DIR')
  return {'data sets, built': places.standard('TFDS_DATA_DIR'),
          'inputs': cache.folder(),
          'compiled programs': (
              pathlib.Path(compiled) if compiled else
              places.standard('XDG_CACHE_HOME') / 'lightman_jax' / 'xla'),
          'face models': detection.default_folder()}


def _size(folder: pathlib.Path) -> dict[str, int]:
  """How many files lie below a folder, and their bytes; links are not followed."""
  count = total = 0
  for place, _, names in os.walk(folder):
    for name in names:
      try:
        total += os.lstat(os.path.join(place, name)).st_size
      except OSError:                # gone meanwhile
        continue
      count += 1
  return {'files': count, 'bytes': total}


def describe(facts: dict[str, Any]) -> list[str]:
  """Returns lines that a person reads and a report of a fault holds."""
  devices, jax = facts['devices'], facts['jax']
  packages = ', '.join(f'{name} {version or "is missing"}'
                       for name, version in facts['packages'].items())
  shown = (devices.get('error') or f'{devices["count"]} {devices["kind"]} '
           f'({devices["platform"]}), processes: {devices["processes"]}')
  set_flags = {**jax['variables'], 'XLA_FLAGS': jax['xla_flags'] or 'none'}
  return [
      f'lightman_jax {facts["version"]} in {facts["package"]}'
      + (f', commit {facts["commit"]}' if facts['commit'] else '')
      + f', code {facts["code_sha256"][:8]}',
      f'Python {facts["python"]} on {facts["platform"]}, {facts["cpus"]} CPUs',
      f'packages: {packages}',
      f'devices: {shown}',
      'flags: ' + ', '.join(f'{name}: {value}' for name, value in set_flags.items()),
      *(f'{name}: {folder["path"]}, ' + (
          f'{folder["files"]} files, {bytes_in_words(folder["bytes"])}'
          if folder['files'] else 'nothing yet')
        for name, folder in facts['folders'].items())]
