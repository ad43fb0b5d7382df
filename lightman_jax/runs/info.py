"""What a report of a fault needs: versions, devices, flags, and what caches hold."""

import os
import pathlib
import platform
from typing import Any

from lightman_jax import __version__, places
from lightman_jax.runs import environment
from lightman_jax.units import bytes_in_words

# Variables that jax, XLA and the driver read.
FLAGS = ('JAX_', 'XLA_', 'CUDA_', 'NVIDIA_', 'TPU_', 'LIBTPU_')


def info() -> dict[str, Any]:
  """Tells what this machine computes with; starts jax, for its devices.

  Returns:
    Plain JSON values: `lightman_jax`, `python`, `platform`, `packages` (name to version,
    None where one is missing), `devices` (platform, kind, count, processes), `flags`
    (of jax and XLA, as the environment has them), and `folders` (name to path, files
    and size).

  Raises:
    RuntimeError: jax finds no device.

  Example:
    >>> lm.info()['devices']['platform']                          # doctest: +SKIP
    'cpu'
  """
  return {
      'lightman_jax': __version__,
      'python': platform.python_version(),
      'platform': platform.platform(),
      'cpus': os.cpu_count(),
      'git_commit': environment.git_commit(),
      'packages': environment.versions(),
      'devices': environment.devices(),
      'flags': {name: value for name, value in sorted(os.environ.items())
                if name.startswith(FLAGS)},
      'folders': {
          'data sets': _folder(places.standard('TFDS_DATA_DIR')),
          'inputs': _folder(places.standard('XDG_CACHE_HOME') / 'lightman_jax/inputs'),
          'compiled': _folder(places.standard('XDG_CACHE_HOME') / 'lightman_jax/xla'),
          'face model': _folder(places.standard('XDG_DATA_HOME') / 'lightman_jax')},
  }


def _folder(path: pathlib.Path) -> dict[str, Any]:
  """Where it is, and what lies there; links are not followed."""
  files, size = 0, 0
  for place, _, names in os.walk(path):
    for name in names:
      try:
        size += os.lstat(os.path.join(place, name)).st_size
      except OSError:
        continue               # deleted meanwhile
      files += 1
  return {'path': str(path), 'files': files, 'bytes': size,
          'size': bytes_in_words(size)}
