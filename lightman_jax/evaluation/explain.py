"""What carried a fold's predictions, averaged over the very models that made them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key
import numpy as np

from lightman_jax.episodes.tasks import Clips, Sizes
from lightman_jax.evaluation.predict import adapted, given, make_supports
from lightman_jax.meta.learners import Learner
from lightman_jax.models import explanation
from lightman_jax.models.dere_grl import DeReGRL
from lightman_jax.models.explanation import Explanation
from lightman_jax.models.network import Params


def make_explain(learner: Learner, encoder: DeReGRL, *, sizes: Sizes, draws: int):
  """The compiled explanation of a fold's predictions, as `predict.make_predict`'s.

  Its models are those of the prediction: adapted to the same supports. Logits and
  contributions are averaged over them, so the contributions still add up. Only for
  learners whose prediction is the network's linear head.

  Returns:
    A function (params, fold key, clips, held-out x (n, *clip)) -> `Explanation`.
  """
  supports = make_supports(sizes=sizes, draws=draws)

  @jax.jit
  def explain(params: Params, fold_key: Key[Array, ''], drawn,
              x: Float[Array, 'n *clip']) -> Explanation:
    def one(both):
      number, support = both
      fast = adapted(learner, params, fold_key, support, number)
      return explanation.explain(encoder, fast, x / drawn[-1][0])
    return explanation.mean_of(jax.lax.map(
        one, (jnp.arange(draws), given(drawn, sizes))))

  def ask(params: Params, fold_key: Key[Array, ''], clips: Clips,
          x: Float[np.ndarray, 'n *clip']) -> Explanation:
    return explain(params, fold_key, supports(fold_key, clips), x)
  return ask


def one_of_each_class(label: np.ndarray, prediction: np.ndarray) -> list[int]:
  """The first clip of each class, one that is recognised where there is one."""
  right = label == prediction
  return [int(np.lexsort((~right, label != k))[0]) for k in np.unique(label)]
