"""Inputs are computed once and kept under a hash of all that they depend on."""

from collections.abc import Callable
import hashlib
import os
import pathlib

import cv2
from jaxtyping import Float32
import numpy as np

from lightman_jax.clips.clipset import ClipSet
from lightman_jax.files import write_atomically
from lightman_jax.preprocessing import flow
from lightman_jax.preprocessing import inputs


def folder() -> pathlib.Path:
  """`$XDG_CACHE_HOME`, or `~/.cache`, and our name."""
  home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  return pathlib.Path(home) / 'lightman_jax' / 'inputs'


def parameters(how: inputs.Settings) -> dict:
  """Everything beside the clips that moves a number of the inputs."""
  return {**how._asdict(), 'farneback': flow.FARNEBACK, 'dis': flow.DIS_PRESET,
          'channels': flow.CHANNELS, 'opencv': cv2.__version__, 'version': 1}


def cached_inputs(clips: ClipSet, how: inputs.Settings, *,
                  progress: inputs.Progress = lambda stage, done, total: None,
                  say: Callable[[str], None] = print) -> Float32[np.ndarray, 'N *clip']:
  """`make_inputs`, from the cache where they are whole there."""
  named = repr((clips.info['sha256'], sorted(parameters(how).items())))
  path = folder() / f'{hashlib.sha256(named.encode()).hexdigest()[:32]}.npy'
  if path.exists():
    try:
      return _read(path)
    except (ValueError, OSError, EOFError):
      say(f'{path} is damaged and is computed again')
  x = inputs.make_inputs(clips, how, progress=progress)
  try:
    with write_atomically(path, 'wb') as file:
      np.save(file, x, allow_pickle=False)
      file.write(hashlib.sha256(x.tobytes()).digest())
  except OSError as error:
    # A cache that cannot be written costs time at the next start, and nothing else.
    say(f'inputs are not kept: cannot write {path} ({error.strerror})')
  return x


def _read(path: pathlib.Path) -> Float32[np.ndarray, 'N *clip']:
  with open(path, 'rb') as file:
    x = np.load(file, allow_pickle=False)
    if file.read() != hashlib.sha256(x.tobytes()).digest():
      raise ValueError('checksum')
  return x
