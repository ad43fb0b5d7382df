"""All clips as the network sees them, micro and macro in one pool."""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float, Int
import numpy as np

from lightman_jax.preprocessing.stored import Inputs

# Clips that are read at once where all are looked at, in bytes.
AT_ONCE = 2**24


class Content(NamedTuple):
  """What the last axis of the inputs holds, as far as augmentation must know."""
  kind: str                       # as `inputs.kind` of a configuration
  flip_sign: tuple[int, ...]      # -1 for a channel that changes sign in a mirror
  amplitude_known: bool           # zero is no motion, and twice the value is twice it


class Pool(NamedTuple):
  """N clips. Names stay on the host; `x` may stay in files.

  `foreign` marks macro clips of people who have no other clip here, from another data
  set: every fold may use them, unless it holds out all of that data set.
  """
  x: Inputs                       # (N, t, h, w, c), or (N, t, 68, 2) for landmarks
  label: Int[Array, 'N']          # -1 where a macro clip has no class of this set
  subject: Int[Array, 'N']        # index into `subjects`
  macro: Bool[Array, 'N']
  foreign: Bool[Array, 'N']
  subjects: tuple[str, ...]
  clips: tuple[str, ...]
  classes: tuple[str, ...]
  content: Content
  dataset: tuple[str, ...] = ()   # of each clip; () where nothing is known of them


def channel_scale(pool: Pool, train: Bool[np.ndarray, 'N'],
                  squares: Float[np.ndarray, 'N c'] | None = None
                  ) -> Float[np.ndarray, '2 c']:
  """Root mean square of each channel over training clips: micro, then macro.

  Two rows, because macro-expressions move more: brought to one amplitude, what is
  left to align is the pattern. No held-out clip has a part in it. `squares` are the
  pool's `mean_squares`, where these are known.
  """
  squares = mean_squares(pool.x) if squares is None else squares
  rms = lambda mask: np.sqrt(np.mean(squares[mask], axis=0))
  micro, macro = train & ~pool.macro, train & pool.macro
  rows = np.stack([rms(micro), rms(macro if macro.any() else micro)])
  return np.maximum(rows, 1e-8).astype(np.float32)


def mean_squares(x: Inputs) -> Float[np.ndarray, 'N c']:
  """The mean square of each channel of each clip; reads clips once, some at a time."""
  size = max(1, AT_ONCE // (4 * int(np.prod(x.shape[1:]))))
  over = tuple(range(1, len(x.shape) - 1))
  return np.concatenate([
      np.mean(np.square(np.asarray(x[first:first + size]), dtype=np.float64), axis=over)
      for first in range(0, len(x), size)])
