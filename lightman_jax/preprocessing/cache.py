"""Inputs are computed once and kept under a hash of all that they depend on."""

from collections.abc import Callable
import hashlib
import io
import os
import pathlib

import cv2
from jaxtyping import Float32
import numpy as np

from lightman_jax.clips.clipset import ClipSet
from lightman_jax.files import sweep, write_atomically
from lightman_jax.geometry import dense_flow
from lightman_jax.preprocessing import flow
from lightman_jax.preprocessing import inputs


def folder() -> pathlib.Path:
  """`$XDG_CACHE_HOME`, or `~/.cache`, and our name."""
  home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
  return pathlib.Path(home) / 'lightman_jax' / 'inputs'


def parameters(how: inputs.Settings) -> dict:
  """Everything beside the clips that moves a number of the inputs."""
  return {**how._asdict(), 'farneback': dense_flow.FARNEBACK, 'dis': dense_flow.DIS,
          'tvl1': dense_flow.TVL1, 'channels': flow.CHANNELS,
          'opencv': cv2.__version__, 'version': 3}


def cached_inputs(clips: ClipSet, how: inputs.Settings, *,
                  progress: inputs.Progress = lambda stage, done, total: None,
                  say: Callable[[str], None] = print) -> Float32[np.ndarray, 'N *clip']:
  """`make_inputs`, from the cache where they are whole there."""
  named = repr((clips.info['sha256'], sorted(parameters(how).items())))
  path = folder() / f'{hashlib.sha256(named.encode()).hexdigest()[:32]}.npy'
  sweep(path.parent, '.*.npy.*')
  try:
    return _read(path)
  except (FileNotFoundError, NotADirectoryError):
    pass            # not made yet
  except (ValueError, OSError):
    say(f'{path} is damaged and is computed again')
  x = inputs.make_inputs(clips, how, progress=progress)
  content = io.BytesIO()
  np.save(content, x, allow_pickle=False)
  try:
    with write_atomically(path, 'wb') as file:
      file.write(content.getbuffer())
      file.write(hashlib.sha256(content.getbuffer()).digest())
  except OSError as error:
    # A cache that cannot be written costs time at the next start, and nothing else.
    say(f'inputs are not kept: cannot write {path} ({error.strerror or error})')
  return x


def _read(path: pathlib.Path) -> Float32[np.ndarray, 'N *clip']:
  """The digest is looked at first: NumPy may fail in any way on a damaged header."""
  whole, size = np.memmap(path, np.uint8, 'r'), hashlib.sha256().digest_size
  if hashlib.sha256(whole[:-size]).digest() != whole[-size:].tobytes():
    raise ValueError(f'{path} is not what was written')
  return np.load(path, allow_pickle=False)
