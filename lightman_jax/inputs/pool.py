"""All clips as the network sees them, micro and macro, in memory or in files.

`Stored` stands for an array (N, *clip) of float32 as far as the pool needs one. Files
are read with `pread`, not mapped: a disk that fails is then an error that can be told,
not the end of the process, and what was read does not count as the process's memory.
"""

from collections.abc import Sequence
import math
import os
import pathlib
from typing import Any, BinaryIO, NamedTuple
import weakref

import jax
from jaxtyping import Bool, Float, Float32, Int
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.units import counted, listed

# Clips that stay in files and are read where they are asked for.

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
    self.written = os.fstat(self.number).st_mtime_ns

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
    if os.fstat(self.number).st_mtime_ns != self.written:
      raise InputError(f'{self.path} was written to while its clips were read; give '
                       'the same command again: they are computed anew if they changed')


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

  def __repr__(self) -> str:
    return f'<Stored {self.dtype}{list(self.shape)} in files>'

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


def select_clips(x: Inputs, keep: Bool[np.ndarray, 'N']) -> Inputs:
  """Some of the clips, read or not as they were.

  Args:
    x: (N, *clip).
    keep: which of the N.
  """
  return x.rows(keep) if isinstance(x, Stored) else x[keep]


def join_inputs(x: Inputs, other: Inputs) -> Inputs:
  """One after the other; clips stay where they are if both are in files.

  Args:
    x: (N, *clip).
    other: (M, *clip).
  """
  if isinstance(x, Stored) and isinstance(other, Stored):
    return x.joined(other)
  return np.concatenate([np.asarray(x), np.asarray(other)])


def read_inputs(x: Inputs, numbers: Int[np.ndarray, 'n'],
                out: Float32[np.ndarray, 'n *clip']) -> None:
  """Fills `out` with the clips of these numbers.

  Args:
    x: (N, *clip).
    numbers: of clips, from 0.
    out: one place for each number.
  """
  if isinstance(x, Stored):
    x.read(numbers, out)
  else:
    np.take(np.asarray(x), numbers, axis=0, out=out, mode='clip')


# All clips as the network sees them, micro and macro in one pool.

# Clips that are read at once where all are looked at, in bytes.
SQUARES_AT_ONCE = 2**24


class Content(NamedTuple):
  """What the last axis of the inputs holds, as far as augmentation must know."""
  kind: str                       # as `inputs.kind` of a configuration
  flip_sign: tuple[int, ...]      # -1 for a channel that changes sign in a mirror
  amplitude_known: bool           # zero is no motion, and twice the value is twice it;
                                  # not of pictures and frames, centred or not


class Pool(NamedTuple):
  """N clips. Names stay on the host; `x` may stay in files.

  `foreign` marks macro clips of people who have no other clip here, from another data
  set: every fold may use them, unless it holds out all of that data set.
  """
  x: Inputs                       # (N, t, h, w, c), or (N, t, 68, 2) for landmarks
  label: Int[np.ndarray, 'N']     # -1 where a macro clip has no class of this set
  subject: Int[np.ndarray, 'N']   # index into `subjects`
  macro: Bool[np.ndarray, 'N']
  foreign: Bool[np.ndarray, 'N']
  subjects: tuple[str, ...]
  clips: tuple[str, ...]
  classes: tuple[str, ...]
  content: Content
  dataset: tuple[str, ...] = ()   # of each clip; () where nothing is known of them
  action_units: tuple[str, ...] = ()      # cells of the sheet; () where there are none
  multi_label: bool = False       # a label is a set of classes; see `members`
  frames_sha256: tuple[str, ...] = ()     # of each clip as it is stored; () if unknown

  def __repr__(self) -> str:
    macro = int(np.sum(self.macro))
    return (f'<Pool of {counted(len(self.x), "clip")} {(*self.x.shape[1:],)} of '
            f'{counted(len(np.unique(self.subject)), "person")}: '
            f'{len(self.x) - macro} micro, {macro} macro; {listed(self.classes)}>')


def members(label: Any, count: int) -> Any:
  """Which of `count` classes each label of a multi-label pool holds, class k at bit k.

  Args:
    label: (*n) of NumPy or jax; -1, of a clip nobody coded, holds none.
    count: of the classes, 31 at most.

  Returns:
    (*n, count) bool, of the same kind.
  """
  bits = label[..., None] >> np.arange(count, dtype=np.int32)
  return (bits & 1 == 1) & (label[..., None] >= 0)


def channel_scale(pool: Pool, train: Bool[np.ndarray, 'N'],
                  squares: Float[np.ndarray, 'N c'] | None = None
                  ) -> Float[np.ndarray, '2 c']:
  """Root mean square of each channel over training clips: micro, then macro.

  Two rows, because macro-expressions move more: brought to one amplitude, what is
  left to align is the pattern. No held-out clip has a part in it. `squares` are the
  pool's `mean_squares`, where these are known.

  Args:
    pool: the clips.
    train: those that count.
    squares: `mean_squares` of the pool, where they are known.

  Returns:
    In the unit of the inputs; at least 1e-8.
  """
  squares = mean_squares(pool.x) if squares is None else squares
  rms = lambda mask: np.sqrt(np.mean(squares[mask], axis=0))
  micro, macro = train & ~pool.macro, train & pool.macro
  rows = np.stack([rms(micro), rms(macro if macro.any() else micro)])
  return np.maximum(rows, 1e-8).astype(np.float32)


def mean_squares(x: Inputs) -> Float[np.ndarray, 'N c']:
  """The mean square of each channel of each clip; reads clips once, some at a time.

  Args:
    x: (N, *clip), channels last.
  """
  size = max(1, SQUARES_AT_ONCE // (4 * int(np.prod(x.shape[1:]))))
  over = tuple(range(1, len(x.shape) - 1))
  return np.concatenate([
      np.mean(np.square(np.asarray(x[first:first + size]), dtype=np.float64), axis=over)
      for first in range(0, len(x), size)])
