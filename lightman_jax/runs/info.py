"""What a report of a fault needs to say: versions, devices, flags, and caches."""

import os
import pathlib
import platform
from typing import Any

import lightman_jax
from lightman_jax import places
from lightman_jax.errors import InputError
from lightman_jax.faces import detection
from lightman_jax.inputs import inputs
from lightman_jax.runs import environment
from lightman_jax.runs.environment import jax_settings
from lightman_jax.training.devices import open_devices
from lightman_jax.units import bytes_in_words, counted

FLAGS = ('JAX_', 'XLA_', 'CUDA_', 'NVIDIA_', 'TPU_', 'LIBTPU_')


def info() -> dict[str, Any]:
  """Returns versions, devices, flags, and the folders that this program keeps.

  Starts jax, for its devices; makes no folder.

  Returns:
    Plain values: 'lightman_jax' (the version), 'package' (its folder), 'git_commit'
    (None for an installed package), 'code_sha256', 'python', 'platform', 'cpus',
    'packages' (name to version), 'devices', 'flags' (variables that jax, XLA and the
    driver read), 'jax' (what of these and of jax's own settings could move a number),
    'folders' (purpose to 'path', 'files', 'bytes' and 'size' in words; no files where
    it is not there).

  Example:
    >>> lm.info()['devices']['platform']                          # doctest: +SKIP
    'cpu'
  """
  return {
      'lightman_jax': lightman_jax.__version__,
      'package': str(environment.PACKAGE),
      'git_commit': environment.git_commit(),
      'code_sha256': environment.code_version(),
      'python': platform.python_version(),
      'platform': platform.platform(),
      'cpus': os.cpu_count(),
      'packages': environment.versions(),
      'devices': _devices(),
      'flags': {name: value for name, value in sorted(os.environ.items())
                if name.startswith(FLAGS)},
      'jax': jax_settings(),
      'folders': {name: {'path': str(path), **_size(path)}
                  for name, path in _folders().items()}}


def _devices() -> dict[str, Any]:
  try:
    open_devices(0)      # a CPU as the devices that a run makes of it
    return environment.devices()
  except (RuntimeError, InputError) as error:      # what is to be reported may be this
    return {'error': str(error).partition('\n')[0]}


def _folders() -> dict[str, pathlib.Path]:
  compiled = os.environ.get('JAX_COMPILATION_CACHE_DIR')
  return {'data sets': places.standard('TFDS_DATA_DIR'),
          'inputs': inputs.cache_folder(),
          'compiled': (
              pathlib.Path(compiled) if compiled else
              places.standard('XDG_CACHE_HOME') / 'lightman_jax' / 'xla'),
          'face models': detection.default_folder()}


def _size(folder: pathlib.Path) -> dict[str, Any]:
  """How many files lie below a folder, and their bytes; links are not followed."""
  count = total = 0
  for place, _, names in os.walk(folder):
    for name in names:
      try:
        total += os.lstat(os.path.join(place, name)).st_size
      except OSError:                # gone meanwhile
        continue
      count += 1
  return {'files': count, 'bytes': total, 'size': bytes_in_words(total)}


def describe(facts: dict[str, Any]) -> list[str]:
  """Returns lines that a person reads and a report of a fault holds."""
  devices = facts['devices']
  packages = ', '.join(f'{name} {version or "is missing"}'
                       for name, version in facts['packages'].items()
                       if version or name not in environment.INSTEAD)
  shown = (devices.get('error') or f'{devices["count"]} {devices["kind"]} '
           f'({devices["platform"]}), processes: {devices["processes"]}')
  flags = ', '.join(f'{name}={value}' for name, value in facts['flags'].items())
  return [
      f'lightman_jax {facts["lightman_jax"]} in {facts["package"]}'
      + (f', commit {facts["git_commit"]}' if facts['git_commit'] else '')
      + f', code {facts["code_sha256"][:8]}',
      f'Python {facts["python"]} on {facts["platform"]}, {facts["cpus"]} CPUs',
      f'packages: {packages}',
      f'devices: {shown}',
      f'flags: {flags or "none"}',
      *(f'{name}: {folder["path"]}, ' + (
          f'{counted(folder["files"], "file")}, {folder["size"]}'
          if folder['files'] else 'nothing yet')
        for name, folder in facts['folders'].items())]
