"""Held-out clips are predicted once, at the end, by a model adapted to others."""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree
import numpy as np

from lightman_jax import keys
from lightman_jax.episodes.tasks import Clips, Sizes, sample_support
from lightman_jax.keys import Purpose
from lightman_jax.meta.learners import Learner
from lightman_jax.models.network import Params


def make_predict(learner: Learner, *, sizes: Sizes, draws: int):
  """The compiled prediction of a fold.

  Args:
    learner: adapts and predicts.
    sizes: of the support.
    draws: supports, each drawn from the training subjects; the logits of the models
      adapted to them are averaged. One is enough where nothing is adapted.

  Returns:
    A function (params, fold key, clips, held-out x (n, *clip)) -> logits (n, K).
  """
  @jax.jit
  def predict(params: Params, fold_key: Key[Array, ''], clips: Clips,
              x: Float[Array, 'n *clip']) -> Float[Array, 'n K']:
    x = x / clips.scale[0]

    def one(number):
      fast = adapted(learner, params, fold_key, clips, number, sizes=sizes)
      return learner.predict(fast, x)
    return jax.lax.map(one, jnp.arange(draws)).mean(0)

  return functools.partial(_in_order, predict)


def adapted(learner: Learner, params: Params, fold_key: Key[Array, ''], clips: Clips,
            number: int | Int[Array, ''], *, sizes: Sizes) -> PyTree:
  """The model that is adapted to a fold's support of this number, and predicts."""
  support = sample_support(keys.key_for(fold_key, Purpose.EVAL_SUPPORT, number), clips,
                           clips.train, sizes)
  key = keys.key_for(fold_key, Purpose.EVAL_ADAPT, number)
  return learner.adapt(params, support, key).fast


def make_plain_predict(learner: Learner):
  """The same model not adapted; only for learners that adapt parameters."""
  @jax.jit
  def predict(params, fold_key, clips, x):
    del fold_key
    return learner.predict(params, x / clips.scale[0])
  return functools.partial(_in_order, predict)


def _in_order(predict, params, fold_key, clips: Clips, x: Float[np.ndarray, 'n *clip'],
              *, most: int) -> Float[np.ndarray, 'n K']:
  """Padded to `most` clips, so that folds of all sizes share one program.

  The padding repeats held-out clips: a prediction depends on its own clip alone.
  """
  padded = np.resize(x, (most, *x.shape[1:]))
  return np.asarray(predict(params, fold_key, clips, padded))[:len(x)]
