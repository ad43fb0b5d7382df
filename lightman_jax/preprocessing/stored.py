"""Clips that stay in files and are read where they are asked for.

`Stored` stands for an array (N, *clip) of float32 as far as the pool needs one. Files
are read with `pread`, not mapped: a disk that fails is then an error that can be told,
not the end of the process, and what was read does not count as the process's memory.
"""

from collections.abc import Sequence
import math
import os
import pathlib
from typing import BinaryIO
import weakref

import jax
from jaxtyping import Bool, Float32, Int
import numpy as np

from lightman_jax.errors import InputError

AT_ONCE = 2**26      # bytes of one call


class File:
  """An .npy file of float32 clips, open for reading until nobody refers to it.

  Raises:
    ValueError: the file is no such array.
    OSError: it cannot be opened.
  """

  def __init__(self, path: pathlib.Path):
    self.path, self.number = path, os.open(path, os.O_RDONLY)
    weakref.finalize(self, os.close, self.number)
    with open(self.number, 'rb', closefd=False) as file:
      self.shape = _header(file)
      self.offset = file.tell()

  def read(self, row: int, out: Float32[np.ndarray, 'n *clip']) -> None:
    """Fills `out` with clips from `row` on."""
    self.part(row, 0, out)

  def part(self, row: int, start: int, out: Float32[np.ndarray, '...']) -> None:
    """Fills `out` with the numbers that follow number `start` of the clip `row`."""
    rest = memoryview(out.reshape(-1).view(np.uint8))
    place = self.offset + 4 * (row * math.prod(self.shape[1:]) + start)
    while len(rest):
      try:
        done = os.preadv(self.number, [rest[:AT_ONCE]], place)
      except OSError as error:
        raise InputError(f'clips cannot be read from {self.path} ({error.strerror}); '
                         'see to the disk and give the same command again') from None
      if not done:
        raise InputError(f'{self.path} has become shorter than it was; give the same '
                         'command again, and its clips are computed anew')
      rest, place = rest[done:], place + done


def _header(file: BinaryIO) -> tuple[int, ...]:
  """The shape that a file's header tells; the file is then where its clips begin."""
  version = np.lib.format.read_magic(file)
  if version != (1, 0):
    raise ValueError(f'version {version} of the format')
  shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
  if fortran or dtype != np.float32 or len(shape) < 2 or min(shape) < 1:
    raise ValueError(f'an array {shape} of {dtype}')
  return shape


class Stored:
  """N clips in files, of which this holds none; `x[numbers]` reads some."""
  dtype = np.dtype(np.float32)

  def __init__(self, files: Sequence[File], which: Int[np.ndarray, 'N'],
               row: Int[np.ndarray, 'N']):
    self._files, self._which, self._row = tuple(files), which, row
    self.shape = (len(row), *files[0].shape[1:])
    self.ndim = len(self.shape)

  @classmethod
  def open(cls, path: pathlib.Path) -> 'Stored':
    """All clips of a file; see `File` for what it raises."""
    file = File(path)
    return cls([file], np.zeros(file.shape[0], np.int32), np.arange(file.shape[0]))

  def __len__(self) -> int:
    return len(self._row)

  @property
  def nbytes(self) -> int:
    """What the clips would take in memory."""
    return math.prod(self.shape) * self.dtype.itemsize

  def __getitem__(self, index) -> Float32[np.ndarray, '...']:
    numbers = np.arange(len(self))[index]
    out = np.empty((np.size(numbers), *self.shape[1:]), np.float32)
    self.read(np.ravel(numbers), out)
    return out.reshape(*np.shape(numbers), *self.shape[1:])

  def __array__(self, dtype=None, copy=None):
    return self[:] if dtype is None else self[:].astype(dtype)

  def read(self, numbers: Int[np.ndarray, 'n'], out: Float32[np.ndarray, 'n *clip']
           ) -> None:
    """Fills `out`; clips that lie together in a file are one call.

    Raises:
      InputError: the file cannot be read.
    """
    if not len(numbers):
      return
    which, row = self._which[numbers], self._row[numbers]
    breaks = 1 + np.flatnonzero((np.diff(row) != 1) | (np.diff(which) != 0))
    for begin, end in zip([0, *breaks], [*breaks, len(numbers)]):
      self._files[which[begin]].read(int(row[begin]), out[begin:end])

  def columns(self, numbers: Int[np.ndarray, 'n'], start: int, stop: int
              ) -> Float32[np.ndarray, 'n _']:
    """A part of each of some clips, each taken as one row of numbers.

    Raises:
      InputError: the file cannot be read.
    """
    out = np.empty((len(numbers), stop - start), np.float32)
    for which, row, part in zip(self._which[numbers], self._row[numbers], out):
      self._files[which].part(int(row), start, part)
    return out

  def rows(self, keep: Bool[np.ndarray, 'N']) -> 'Stored':
    """Some of the clips."""
    return Stored(self._files, self._which[keep], self._row[keep])

  def joined(self, other: 'Stored') -> 'Stored':
    """These clips, and then the others."""
    return Stored([*self._files, *other._files],
                  np.concatenate([self._which, other._which + len(self._files)]),
                  np.concatenate([self._row, other._row]))


Inputs = np.ndarray | jax.Array | Stored         # (N, *clip)


def rows(x: Inputs, keep: Bool[np.ndarray, 'N']) -> Inputs:
  """Some of the clips, read or not as they were."""
  return x.rows(keep) if isinstance(x, Stored) else x[keep]


def joined(x: Inputs, other: Inputs) -> Inputs:
  """One after the other; clips stay where they are if both are in files."""
  if isinstance(x, Stored) and isinstance(other, Stored):
    return x.joined(other)
  return np.concatenate([np.asarray(x), np.asarray(other)])


def read(x: Inputs, numbers: Int[np.ndarray, 'n'], out: Float32[np.ndarray, 'n *clip']
         ) -> None:
  """Fills `out` with the clips of these numbers."""
  if isinstance(x, Stored):
    x.read(numbers, out)
  else:
    np.take(np.asarray(x), numbers, axis=0, out=out, mode='clip')
