"""Where a fold's clips lie in the embedding, before and after adaptation."""

from collections.abc import Callable
from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Int, Key
import numpy as np

from lightman_jax.episodes.tasks import Clips, Sizes
from lightman_jax.evaluation.predict import (
  adapted,
  given,
  in_batch,
  make_supports,
)
from lightman_jax.meta.learners import Learner
from lightman_jax.models.network import Network, Params

COMPONENTS = 16


class Principal(NamedTuple):
  """Embeddings on their principal components."""
  before: Float[np.ndarray, 'n C']
  after: Float[np.ndarray, 'n C'] | None     # None where no encoder is adapted
  explained: Float[np.ndarray, 'C']          # shares of the variance


def make_embed(net: Network, learner: Learner, *, sizes: Sizes) -> Callable:
  """The compiled embeddings of clips of one fold.

  The adapted model is the first of those that predict: the same support.

  Args:
    net: of the learner.
    learner: adapts.
    sizes: of a support.

  Returns:
    A function (params, fold key, clips, micro (n,), macro (m,)) of indices ->
    embeddings (n + m, d) of the model not adapted, and of the adapted one.
  """
  supports = make_supports(sizes=sizes, draws=1)

  @jax.jit
  def adapt(params: Params, fold_key: Key[Array, ''], drawn):
    support = jax.tree.map(lambda x: x[0], given(drawn, sizes))
    return adapted(learner, params, fold_key, support, 0)

  both = jax.jit(lambda params, fast, x: (net.embed(params, x), net.embed(fast, x)))

  def embed(params: Params, fold_key: Key[Array, ''], clips: Clips,
            micro: Int[np.ndarray, 'n'], macro: Int[np.ndarray, 'm']):
    fast = adapt(params, fold_key, supports(fold_key, clips))
    index = np.concatenate([micro, macro])
    scale = np.asarray(clips.scale)[(np.arange(len(index)) >= len(micro)).astype(int)]
    size, found = in_batch(clips.x, len(index)), []
    for first in range(0, len(index), size):
      some = np.resize(np.arange(first, min(first + size, len(index))), size)
      x = clips.x[index[some]]
      shape = (size, *[1] * (x.ndim - 2), scale.shape[-1])
      found.append(both(params, fast, x / scale[some].reshape(shape)))
    return tuple(np.concatenate(part)[:len(index)] for part in zip(*found))
  return embed


def principal(before: Float[np.ndarray, 'n d'], after: Float[np.ndarray, 'n d'] | None,
              fit: np.ndarray) -> Principal:
  """All embeddings on the axes of the clips in `fit`, the model not adapted first.

  One set of axes for both, so that what adaptation moves is seen to move. No held-out
  clip has a part in them where `fit` leaves these out. The sign of an axis is that of
  its greatest coordinate.
  """
  own = [before[fit]] if after is None else [before[fit], after[fit]]
  own = np.concatenate(own).astype(np.float64)
  mean = own.mean(0)
  _, size, axes = np.linalg.svd(own - mean, full_matrices=False)
  axes *= np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
  axes = axes[:COMPONENTS]
  on = lambda z: ((z - mean) @ axes.T).astype(np.float32)
  share = np.square(size) / max(np.square(size).sum(), 1e-30)
  return Principal(on(before), None if after is None else on(after),
                   share[:COMPONENTS].astype(np.float32))
