"""Test episodes are answered: adapt to a support of few clips, ask about its query."""

from collections.abc import Callable
import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key
import numpy as np

from lightman_jax import keys
from lightman_jax.batches import map_in_batches
from lightman_jax.evaluation.predict import in_batch
from lightman_jax.keys import Purpose
from lightman_jax.meta.learners import Learner
from lightman_jax.tasks.few_shot import Episodes
from lightman_jax.tasks.sampling import (
  Clips,
  ClipTable,
  Drawn,
  FoldView,
  Side,
  Sizes,
  bring_clips,
  draw_macro,
  gather,
  max_clips,
  side_of,
)
from lightman_jax.training import compiled

DEVIATIONS = 1.96     # of the mean, on either side: 95 % of a normal distribution


def make_answer(learner: Learner, *, sizes: Sizes, most: int,
                at_once: int = 1) -> Callable:
  """The compiled episodes of a fold.

  Args:
    learner: adapts and predicts.
    sizes: what its supports hold of macro clips. These are of training subjects or
      of another data set, as in training, and of the episode's classes if there are
      such; magnified, they are the support's own.
    most: episodes of the largest fold; others are filled up to that, so that all folds
      share one program.
    at_once: episodes that make one batch.

  Returns:
    A function (params, fold key, clips, episodes) -> (classes (E, q) as the adapted
    model answers, those of the model not adapted or None where that is no other).
    Only the classes of an episode can be answered. Without an episode nothing is run.
  """
  @functools.partial(compiled.jit, for_an_instant=True)
  def draw(fold_key: Key[Array, ''], table: ClipTable, view: FoldView, numbers,
           episodes: Episodes):
    def one(episode):
      number, (classes, support, _) = episode
      in_episode = jnp.zeros(sizes.classes, bool).at[classes].set(True)
      return _support_side(keys.key_for(fold_key, Purpose.EPISODE_MACRO, number), table,
                           view, support, in_episode, len(classes), sizes)
    return jax.lax.map(one, (numbers, episodes))

  @compiled.jit
  def answer(params, fold_key: Key[Array, ''], clips_x, scale, numbers, classes,
             drawn: Drawn):
    def one(episode):
      number, classes, (support, query) = episode
      in_episode = jnp.zeros(sizes.classes, bool).at[classes].set(True)
      fast = learner.adapt(
          params, gather(clips_x, scale, support, sizes.magnification),
          keys.key_for(fold_key, Purpose.EPISODE_ADAPT, number)).fast
      x = gather(clips_x, scale, query, 0.).x

      def best(fast):
        return jnp.argmax(jnp.where(in_episode, learner.predict(fast, x), -jnp.inf), -1)
      return best(fast), best(params) if learner.adapted_subtrees else None
    return map_in_batches(one, (numbers, classes, drawn), at_once)

  def answer_batch(params, fold_key, clips: Clips, numbers, episodes: Episodes):
    """What fits on the device at once."""
    support = draw(fold_key, clips.table, clips.view, numbers, episodes)
    label = np.asarray(clips.view.label)[episodes.query]
    query = Side(episodes.query, episodes.query[:, :0], label, label[:, :0])
    drawn = jax.device_get(Drawn(support, query))
    x, drawn = bring_clips(clips.x, drawn, max_clips(drawn, len(clips.x)))
    return answer(params, fold_key, x, clips.view.scale, numbers, episodes.classes,
                  drawn)
  return functools.partial(_in_order, answer_batch, most, sizes)


def episode_interval(accuracy: Float[np.ndarray, 'E']) -> tuple[float, float]:
  """The mean -+ 1.96 sd / sqrt(E), with the sample's sd, as the field reports it.

  It says how well the mean over such episodes of these people is known. Episodes share
  people and clips, so it says little of other people, and shrinks with every episode
  that is drawn; `intervals.subject_interval` does not.

  Args:
    accuracy: of each episode, 0 to 1.

  Returns:
    low, high.
  """
  half = DEVIATIONS * np.std(accuracy, ddof=1) / np.sqrt(len(accuracy))
  return float(accuracy.mean() - half), float(accuracy.mean() + half)


def _in_order(answer, most: int, sizes: Sizes, params, fold_key, clips: Clips,
              episodes: Episodes):
  """Filled up to `most` episodes, or in batches where their clips are too many."""
  count = len(episodes.classes)
  if not count:
    return episodes.query, None
  size, each = most, episodes.support.shape[1] + episodes.query.shape[1] + sizes.macros
  if min(most * each, len(clips.x)) > in_batch(clips.x, len(clips.x)):
    size = max(1, in_batch(clips.x, most * each) // each)
  batches = []
  for first in range(0, count, size):
    numbers = np.resize(np.arange(first, min(first + size, count)), size)
    answers = answer(params, fold_key, clips, first + np.arange(size, dtype=np.int32),
                     jax.tree.map(lambda x: x[numbers], episodes))
    batches.append(jax.tree.map(lambda x: np.asarray(x)[:count - first], answers))
  return jax.tree.map(lambda *x: np.concatenate(x), *batches)


def _support_side(key: Key[Array, ''], table: ClipTable, view: FoldView,
                  micro: Int[Array, 's'], in_episode: Bool[Array, 'K'],
                  class_count: int, sizes: Sizes) -> Side:
  """A support of these micro clips, with macro clips."""
  if sizes.magnification:
    by_turns = micro.reshape(class_count, -1).T.reshape(-1)
    macro = jnp.resize(by_turns, (sizes.macros,))
  elif sizes.macros:
    # Those of an unknown class, -1, may be of these, too.
    fits = table.macro & (in_episode[view.label] | (view.label < 0))
    any_fits = (fits & view.train).any()
    fitting = table._replace(macro=jnp.where(any_fits, fits, table.macro))
    macro = draw_macro(key, fitting, view, view.train, sizes.classes, sizes.macros)
  else:
    macro = micro[:0]
  return side_of(view, micro, macro)
