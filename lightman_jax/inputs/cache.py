"""Inputs are computed once and kept under a hash of all that they depend on."""

from collections.abc import Callable, Iterator
import hashlib
import io
import os
import pathlib

import cv2
import numpy as np

from lightman_jax import places
from lightman_jax.code_digest import code_sha256
from lightman_jax.data.store import ClipSet
from lightman_jax.faces import dense_flow
from lightman_jax.files import remove_leftovers, write_atomically
from lightman_jax.inputs import inputs
from lightman_jax.inputs.pool import AT_ONCE, Inputs, Stored

STAGE = 'lightman_jax.inputs.inputs'      # computes what is kept


def cache_folder() -> pathlib.Path:
  """`$XDG_CACHE_HOME`, or `~/.cache`, and our name."""
  return places.standard('XDG_CACHE_HOME') / 'lightman_jax' / 'inputs'


def cache_parameters(how: inputs.Settings) -> dict:
  """Everything beside the clips that moves a number of the inputs."""
  return {**how._asdict(), 'farneback': dense_flow.FARNEBACK, 'dis': dense_flow.DIS,
          'tvl1': dense_flow.TVL1, 'channels': inputs.CHANNELS,
          'opencv': cv2.__version__, 'code': code_sha256(STAGE)}


def cached_inputs(clips: ClipSet, how: inputs.Settings, *,
                  progress: inputs.Progress = lambda stage, done, total: None,
                  say: Callable[[str], None] = print) -> Inputs:
  """`make_inputs`, left in the cache: made clip by clip where they are not there.

  Where the cache cannot be written they are in memory.

  Args:
    clips: the data set.
    how: what its inputs are.
    progress: called with 'inputs', how many are made, and of how many.
    say: called with a line for the person who waits.
  """
  named = repr((clips.info['sha256'], sorted(cache_parameters(how).items())))
  path = cache_folder() / f'{hashlib.sha256(named.encode()).hexdigest()[:32]}.npy'
  remove_leftovers(path.parent, '.*.npy.*')
  try:
    return _read(path)
  except (FileNotFoundError, NotADirectoryError):
    pass            # not made yet
  except (ValueError, OSError):
    say(f'{path} is damaged and is computed again')
  try:
    _write(path, len(clips.clip),
           lambda: inputs.iterate_inputs(clips, how, progress=progress))
    return Stored.open(path)
  except OSError as error:
    # A cache that cannot be written costs time, and the memory that it would spare.
    say(f'inputs are not kept: cannot write {path} ({error.strerror or error})')
  return inputs.make_inputs(clips, how, progress=progress)


def _write(path: pathlib.Path, count: int,
           make: Callable[[], Iterator[np.ndarray]]) -> None:
  """What `np.save` would write, clip by clip, and the digest of that."""
  digest = hashlib.sha256()
  with write_atomically(path, 'wb') as file:
    for number, x in enumerate(make()):
      if not number:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {
            'descr': np.lib.format.dtype_to_descr(x.dtype), 'fortran_order': False,
            'shape': (count, *x.shape)})
        file.write(header.getvalue())
        digest.update(header.getvalue())
      x = np.ascontiguousarray(x)
      file.write(x)
      digest.update(x)
    file.write(digest.digest())


def _read(path: pathlib.Path) -> Stored:
  """The digest is looked at first: NumPy may fail in any way on a damaged header."""
  digest, size = hashlib.sha256(), hashlib.sha256().digest_size
  with open(path, 'rb') as file:
    rest = os.fstat(file.fileno()).st_size - size
    while rest > 0 and (part := file.read(min(rest, AT_ONCE))):
      digest.update(part)
      rest -= len(part)
    if rest or file.read() != digest.digest():
      raise ValueError(f'{path} is not what was written')
  return Stored.open(path)
