"""All clips as the network sees them, micro and macro in one pool."""

from typing import NamedTuple

from jaxtyping import Array, Bool, Float, Int
import numpy as np


class Content(NamedTuple):
  """What the last axis of the inputs holds, as far as augmentation must know."""
  kind: str                       # as `inputs.kind` of a configuration
  flip_sign: tuple[int, ...]      # -1 for a channel that changes sign in a mirror
  amplitude_known: bool           # zero is no motion, and twice the value is twice it


class Pool(NamedTuple):
  """N clips. The first leaves live on the device; names stay on the host.

  `foreign` marks macro clips of another data set: they belong to no subject here, so
  every fold may use them.
  """
  x: Float[Array, 'N *clip']      # (t, h, w, c), or (t, 68, 2) for landmarks
  label: Int[Array, 'N']          # -1 where a macro clip has no class of this set
  subject: Int[Array, 'N']        # index into `subjects`
  macro: Bool[Array, 'N']
  foreign: Bool[Array, 'N']
  subjects: tuple[str, ...]
  clips: tuple[str, ...]
  classes: tuple[str, ...]
  content: Content


def channel_scale(pool: Pool, train: Bool[np.ndarray, 'N']) -> Float[np.ndarray, '2 c']:
  """Root mean square of each channel over training clips: micro, then macro.

  Two rows, because macro-expressions move more: brought to one amplitude, what is
  left to align is the pattern. No held-out clip is read.
  """
  x = np.asarray(pool.x)
  rms = lambda mask: np.sqrt(np.mean(
      np.square(x[mask], dtype=np.float64), axis=tuple(range(x.ndim - 1))))
  micro, macro = train & ~pool.macro, train & pool.macro
  rows = np.stack([rms(micro), rms(macro if macro.any() else micro)])
  return np.maximum(rows, 1e-8).astype(np.float32)
