"""Held-out clips are predicted once, at the end, by a model adapted to others.

Supports are drawn by number, and what is sent to the device is their clips and the
held-out ones: the pool itself may stay in files.
"""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree
import numpy as np

from lightman_jax import keys
from lightman_jax.batches import map_in_batches
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Inputs
from lightman_jax.keys import Purpose
from lightman_jax.meta.learners import Learner
from lightman_jax.models.network import Params
from lightman_jax.tasks.sampling import (
  Clips,
  ClipTable,
  Examples,
  FoldView,
  Sizes,
  bring_clips,
  draw_support,
  gather,
  max_clips,
)
from lightman_jax.training import compiled
from lightman_jax.units import counted

# Held-out clips that are on the device at once, in bytes.
BATCH = 2**28


def make_supports(*, sizes: Sizes, draws: int) -> Callable[..., tuple]:
  """The compiled draw of a fold's supports, as (fold key, clips) -> supports.

  Args:
    sizes: of a support.
    draws: how many.
  """
  @functools.partial(compiled.jit, for_an_instant=True)
  def draw(fold_key: Key[Array, ''], table: ClipTable, view: FoldView):
    def one(number):
      key = keys.key_for(fold_key, Purpose.EVAL_SUPPORT, number)
      return draw_support(key, table, view, view.train, sizes)
    return jax.vmap(one)(jnp.arange(draws))

  def supports(fold_key, clips: Clips):
    drawn = jax.device_get(draw(fold_key, clips.table, clips.view))
    return (*bring_clips(clips.x, drawn, max_clips(drawn, len(clips.x))),
            clips.view.scale)
  return supports


def support_examples(supports, sizes: Sizes) -> Examples:
  """The clips of supports, along a first axis; inside a compiled program.

  Args:
    supports: of `make_supports`.
    sizes: of a support.
  """
  x, sides, scale = supports
  return jax.vmap(lambda side: gather(x, scale, side, sizes.magnification))(sides)


Mirror = Callable[[Float[Array, '*clip']], Float[Array, '*clip']]


def make_predict(learner: Learner, *, sizes: Sizes, draws: int, at_once: int = 1,
                 mirror: Mirror | None = None):
  """The compiled prediction of a fold.

  Args:
    learner: adapts and predicts.
    sizes: of the support.
    draws: supports, each drawn from the training subjects; the logits of the models
      adapted to them are averaged. One is enough where nothing is adapted.
    at_once: supports that make one batch.
    mirror: a clip to its mirror image, whose logits are averaged with its own.

  Returns:
    A function (params, fold key, clips, held-out x (n, *clip)) -> logits (n, K); with
    `first=True` also those of the first draw alone, which is one model.
  """
  supports = make_supports(sizes=sizes, draws=draws)

  @compiled.jit
  def predict(params: Params, fold_key: Key[Array, ''], drawn,
              x: Float[Array, 'n *clip']
              ) -> tuple[Float[Array, 'n K'], Float[Array, 'n K']]:
    def one(numbered):
      number, support = numbered
      fast = adapt_to_support(learner, params, fold_key, support, number)
      return predict_both(learner, fast, x / drawn[-1][0], mirror)
    every = jnp.arange(draws), support_examples(drawn, sizes)
    logits = map_in_batches(one, every, at_once)
    return logits.mean(0), logits[0]

  def predict_clips(params, fold_key, clips: Clips, x: Inputs, *, most: int,
                    first: bool = False):
    drawn = supports(fold_key, clips)
    mean, single = _in_order(lambda part: predict(params, fold_key, drawn, part), x,
                             most)
    return (mean, single) if first else mean
  return predict_clips


def check_logits(learner: Learner, *, sizes: Sizes, clip: tuple[int, ...], name: str
                 ) -> None:
  """Refuses code from outside that does not make a logit a class; nothing is computed.

  Args:
    learner: that it makes.
    sizes: of a support.
    clip: shape of an input.
    name: what a refusal calls the method.

  Raises:
    InputError: its logits are of another shape.
  """
  def logits(key, support, x):
    return learner.predict(learner.adapt(learner.init(key, clip), support, key).fast, x)
  of = lambda n: (jnp.zeros((n, *clip)), jnp.zeros(n, jnp.int32))
  made = jax.eval_shape(
      logits, jax.eval_shape(lambda: jax.random.key(0)),
      jax.eval_shape(lambda: Examples(*of(sizes.classes * sizes.shots),
                                      *of(sizes.macros))),
      jax.ShapeDtypeStruct((2, *clip), jnp.float32))
  if getattr(made, 'shape', None) != (2, sizes.classes):
    raise InputError(f'method={name}: of 2 clips of {sizes.classes} classes its '
                     f'predict makes {made}; it returns logits of shape '
                     f'(2, {sizes.classes})')


def check_finite(logits: Float[np.ndarray, 'n K'], fold: str) -> None:
  """Refuses predictions that are no numbers, of which each would be of the first class.

  Args:
    logits: of held-out clips.
    fold: that they are of.

  Raises:
    InputError: one of them is infinite or undefined.
  """
  if bad := np.count_nonzero(~np.isfinite(logits).all(-1)):
    raise InputError(
        f'fold {fold}: of {bad} of {counted(len(logits), "held-out clip")} the logits '
        'are no numbers, though the trained weights are: the steps on the support '
        'leave what float32 holds; lower method.inner_rate or method.inner_steps')


def adapt_to_support(learner: Learner, params: Params, fold_key: Key[Array, ''],
                     support: Examples, number: int | Int[Array, '']) -> PyTree:
  """The model that is adapted to a fold's support of this number, and predicts.

  Args:
    learner: adapts.
    params: before adaptation.
    fold_key: of the fold.
    support: its clips.
    number: of the support, from 0; its key is derived from that.
  """
  key = keys.key_for(fold_key, Purpose.EVAL_ADAPT, number)
  return learner.adapt(params, support, key).fast


def predict_both(learner: Learner, fast: PyTree, x: Float[Array, 'n *clip'],
                  mirror: Mirror | None) -> Float[Array, 'n K']:
  """Logits of clips, or the mean of theirs and their mirror images'.

  Args:
    learner: predicts.
    fast: the model, adapted or not.
    x: clips, divided by their scale.
    mirror: as that of `make_predict`.
  """
  if mirror is None:
    return learner.predict(fast, x)
  return (learner.predict(fast, x) + learner.predict(fast, jax.vmap(mirror)(x))) / 2


def make_plain_predict(learner: Learner, *, mirror: Mirror | None = None):
  """The same model not adapted; only for learners that adapt parameters.

  Args:
    learner: predicts.
    mirror: as that of `make_predict`.

  Returns:
    A function as that of `make_predict`, without `first`.
  """
  @compiled.jit
  def predict(params, scale, x):
    return predict_both(learner, params, x / scale[0], mirror)

  def predict_clips(params, fold_key, clips: Clips, x: Inputs, *, most: int):
    del fold_key
    return _in_order(lambda part: (predict(params, clips.view.scale, part),), x,
                     most)[0]
  return predict_clips


def probabilities(logits: Float[np.ndarray, 'n K'], multi_label: bool = False
                  ) -> Float[np.ndarray, 'n K']:
  """Softmax of each clip's logits; of sets of classes, each number's sigmoid.

  Args:
    logits: of clips.
    multi_label: each is of its class against its absence.
  """
  if multi_label:
    half = np.exp(-np.abs(logits))       # at most 1, whatever the logit
    return np.where(logits >= 0, 1., half) / (1 + half)
  odds = np.exp(logits - logits.max(-1, keepdims=True))
  return odds / odds.sum(-1, keepdims=True)


def _in_order(predict, x: Inputs, most: int) -> tuple[Float[np.ndarray, 'n K'], ...]:
  """Padded to `most` clips, so that folds of all sizes share one program.

  Where that is more than the device should hold, in batches. The padding repeats
  held-out clips: a prediction depends on its own clip alone.
  """
  size = in_batch(x, most)
  logits = []
  for first in range(0, len(x), size):
    part = np.asarray(x[first:first + size])
    padded = np.resize(part, (size, *part.shape[1:]))
    logits.append([np.asarray(one)[:len(part)] for one in predict(padded)])
  return tuple(map(np.concatenate, zip(*logits)))


def in_batch(x: Inputs, most: int) -> int:
  """How many such clips make a batch, out of `most`.

  Args:
    x: clips (n, *clip) of float32.
    most: clips that are wanted at once.
  """
  return min(most, max(1, BATCH // (4 * int(np.prod(x.shape[1:])))))
