"""Frames and landmarks that stay in a built data set's files until they are asked for.

All of them do not fit into memory where clips are many, and hardly anybody needs more
than one clip at a time: inputs are made of them once, and kept.
"""

from collections.abc import Sequence
import pathlib

import numpy as np

from lightman_jax.errors import InputError


class Records:
  """One field of N clips, in place of an array (N, ...); what is indexed is clips."""

  def __init__(self, folder: pathlib.Path, source: Sequence, places: np.ndarray,
               field: str):
    """Clips of the data set in `folder`, by their places in its source of examples."""
    self._folder, self._source, self._places, self._field = (
        folder, source, places, field)
    first = self[0]
    self.shape, self.dtype = (len(places), *first.shape), first.dtype

  def __len__(self) -> int:
    return len(self._places)

  def __getitem__(self, index) -> np.ndarray:
    """One clip, or several.

    Raises:
      InputError: the files cannot be read.
    """
    if isinstance(index, tuple):
      raise TypeError('a part of a clip is taken from the clip: x[number][part]')
    places = self._places[index].tolist()
    if isinstance(places, int):
      return self._read(places)
    out = np.empty((len(places), *self.shape[1:]), self.dtype)
    for number, place in enumerate(places):
      out[number] = self._read(place)
    return out

  def __array__(self, dtype=None, copy=None):
    return self[:] if dtype is None else self[:].astype(dtype)

  def _read(self, place: int) -> np.ndarray:
    try:
      return self._source[place][self._field]
    except MemoryError:
      raise
    except Exception as error:    # what reads records fails in any way on damaged ones
      raise InputError(f'clips cannot be read from {self._folder} any more ({error}); '
                       'see to the disk and give the same command again') from error
