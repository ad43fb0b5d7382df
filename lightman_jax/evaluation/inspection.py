"""What a model sees in clips: their embeddings, and what carried a prediction."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key
import numpy as np

from lightman_jax.evaluation.predict import (
  adapt_to_support,
  in_batch,
  make_supports,
  support_examples,
)
from lightman_jax.meta.learners import Learner
from lightman_jax.models import explanation
from lightman_jax.models.dere_grl import DeReGRL
from lightman_jax.models.explanation import Explanation
from lightman_jax.models.network import Network, Params
from lightman_jax.tasks.sampling import Clips, Sizes
from lightman_jax.training import compiled
from lightman_jax.units import short_repr

# Where a fold's clips lie in the embedding, before and after adaptation.

COMPONENTS = 16


class Principal(NamedTuple):
  """Embeddings on their principal components."""
  before: Float[np.ndarray, 'n C']
  after: Float[np.ndarray, 'n C'] | None     # None where no encoder is adapted
  explained: Float[np.ndarray, 'C']          # shares of the variance
  __repr__ = short_repr


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

  @compiled.jit
  def adapt(params: Params, fold_key: Key[Array, ''], drawn):
    support = jax.tree.map(lambda x: x[0], support_examples(drawn, sizes))
    return adapt_to_support(learner, params, fold_key, support, 0)

  both = compiled.jit(
      lambda params, fast, x: (net.embed(params, x), net.embed(fast, x)))

  def embed(params: Params, fold_key: Key[Array, ''], clips: Clips,
            micro: Int[np.ndarray, 'n'], macro: Int[np.ndarray, 'm']):
    fast = adapt(params, fold_key, supports(fold_key, clips))
    index = np.concatenate([micro, macro])
    is_macro = (np.arange(len(index)) >= len(micro)).astype(int)
    scale = np.asarray(clips.view.scale)[is_macro]
    size, batches = in_batch(clips.x, len(index)), []
    for first in range(0, len(index), size):
      numbers = np.resize(np.arange(first, min(first + size, len(index))), size)
      x = clips.x[index[numbers]]
      shape = (size, *[1] * (x.ndim - 2), scale.shape[-1])
      batches.append(both(params, fast, x / scale[numbers].reshape(shape)))
    return tuple(np.concatenate(part)[:len(index)] for part in zip(*batches))
  return embed


def principal(before: Float[np.ndarray, 'n d'], after: Float[np.ndarray, 'n d'] | None,
              fit: np.ndarray) -> Principal:
  """All embeddings on the axes of the clips in `fit`, the model not adapted first.

  One set of axes for both, so that what adaptation moves is seen to move. No held-out
  clip has a part in them where `fit` leaves these out. The sign of an axis is that of
  its greatest coordinate.

  Args:
    before: embeddings of the model not adapted.
    after: of the adapted one; None where no encoder is adapted.
    fit: which clips the axes are those of.
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


# What carried a fold's predictions, averaged over the very models that made them.

def make_explain(learner: Learner, encoder: DeReGRL, *, sizes: Sizes, draws: int):
  """The compiled explanation of a fold's predictions, as `predict.make_predict`'s.

  Its models are those of the prediction: adapted to the same supports. Logits and
  contributions are averaged over them, so the contributions still add up. Only for
  learners whose prediction is the network's linear head.

  Args:
    learner: adapts.
    encoder: of the learner's network.
    sizes: of a support.
    draws: supports.

  Returns:
    A function (params, fold key, clips, held-out x (n, *clip)) -> `Explanation`.
  """
  supports = make_supports(sizes=sizes, draws=draws)

  @compiled.jit
  def explain(params: Params, fold_key: Key[Array, ''], drawn,
              x: Float[Array, 'n *clip']) -> Explanation:
    def one(numbered):
      number, support = numbered
      fast = adapt_to_support(learner, params, fold_key, support, number)
      return explanation.explain(encoder, fast, x / drawn[-1][0])
    return explanation.mean_explanation(jax.lax.map(
        one, (jnp.arange(draws), support_examples(drawn, sizes))))

  def explain_clips(params: Params, fold_key: Key[Array, ''], clips: Clips,
                    x: Float[np.ndarray, 'n *clip']) -> Explanation:
    return explain(params, fold_key, supports(fold_key, clips), x)
  return explain_clips


def one_of_each_class(label: np.ndarray, prediction: np.ndarray) -> list[int]:
  """The first clip of each class, one that is recognised where there is one.

  Args:
    label: of each clip.
    prediction: of each clip.

  Returns:
    Numbers of clips, by class.
  """
  right = label == prediction
  return [int(np.lexsort((~right, label != k))[0]) for k in np.unique(label)]
