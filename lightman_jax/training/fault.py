"""Which task of which step a value that is not finite comes from, and what it was.

The steps of the chunk are redone from the state before it, by a program that keeps the
tasks apart. That takes a compilation; it is only done when training has stopped.
"""

from collections.abc import Mapping
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree
import numpy as np

from lightman_jax.models.network import Params
from lightman_jax.tasks.sampling import Drawn, Task, bring_clips, max_clips
from lightman_jax.training import compiled
from lightman_jax.training.finite import Broken, not_finite
from lightman_jax.training.loop import stack
from lightman_jax.training.state import (
  Recipe,
  TrainState,
  View,
  draw_steps,
  make_task,
  moved_on,
)


class Fault(NamedTuple):
  """What a replay needs; all arrays are on the host."""
  step: int                   # from 1
  task: int                   # from 1; 0 where no task alone is to blame
  tensors: tuple[str, ...]    # what is not finite, in the order in which it arises
  params: Params              # before the step
  examples: Task              # of the first task, where none is to blame
  drawn: Drawn                # its clips by number
  key: Int[np.ndarray, '2']   # data of the key of its adaptation
  done: float                 # share of the training


def search(recipe: Recipe, broken: Broken) -> Fault | None:
  """Redoes the steps up to the broken one; None where they are finite this time.

  Args:
    recipe: of the steps.
    broken: the fold, and its state before the steps.
  """
  view, clips = stack([broken.data], 1)
  view = jax.tree.map(lambda x: x[0], view)
  draw = compiled.jit(functools.partial(draw_steps, recipe=recipe, length=1))
  look = compiled.jit(functools.partial(_look, recipe=recipe))
  state = jax.tree.map(jnp.asarray, broken.state)
  for _ in range(int(state.step), broken.step):
    drawn = jax.tree.map(lambda x: np.asarray(x)[0],
                         draw(view, clips.table, state.step))
    x_and_drawn = bring_clips(clips.x, drawn, max_clips(drawn, len(clips.x)))
    after, seen = look(state, view, *x_and_drawn)
    task, tensors = first_fault(seen, after)
    if tensors:
      one = max(task - 1, 0)
      part = lambda tree: jax.tree.map(lambda x: np.asarray(x)[one], tree)
      return Fault(int(state.step) + 1, task, tensors,
                   jax.tree.map(np.asarray, state.params), part(seen['input']),
                   part(drawn), part(seen['key']), int(state.step) / recipe.steps)
    state = after
  return None


def first_fault(seen: Mapping[str, PyTree], after: TrainState
           ) -> tuple[int, tuple[str, ...]]:
  """The first task that is not finite (from 1, or 0) and what of it is not.

  Args:
    seen: of a step, along a first axis of tasks: input, loss, gradient.
    after: the state that the step leads to.
  """
  kinds = {kind: seen[kind] for kind in ('input', 'loss', 'gradient')}
  for number in range(len(seen['key'])):
    names = not_finite(jax.tree.map(lambda x: np.asarray(x)[number], kinds))
    if names:
      # As they arise, not by the alphabet.
      order = list(kinds)
      return number + 1, tuple(sorted(
          names, key=lambda name: order.index(name.partition('/')[0])))
  return 0, not_finite({'update': after._asdict()})


def _look(state: TrainState, view: View, x: Float[Array, 'n *clip'], drawn: Drawn, *,
          recipe: Recipe):
  """One step, and all that its tasks are made of and lead to."""
  def one_task(both):
    number, drawn = both
    task, key = make_task(view.key, x, view.fold.scale, drawn, recipe, state.step,
                          number)
    grads, scalars = recipe.learner.meta_grad(state.params, task, key,
                                              state.step / recipe.steps)
    return {'input': task, 'loss': scalars, 'gradient': grads,
            'key': jax.random.key_data(key)}
  seen = jax.lax.map(one_task, (jnp.arange(recipe.tasks), drawn))
  mean = jax.tree.map(lambda x: x.mean(0), seen['gradient'])
  return moved_on(state, mean, recipe), seen
