"""State and the meta-step: one outer update from the tasks of a meta-batch."""

from collections.abc import Callable, Mapping, Sequence
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree
import numpy as np
import optax

from lightman_jax import keys
from lightman_jax.batches import map_in_batches
from lightman_jax.keys import Purpose
from lightman_jax.meta.learners import WEIGHTS, Learner
from lightman_jax.models.network import Params
from lightman_jax.tasks.sampling import (
  Clips,
  ClipTable,
  Drawn,
  FoldView,
  Sizes,
  Task,
  draw_task,
  gather_task,
)
from lightman_jax.units import short_repr


class TrainState(NamedTuple):
  """Everything a resumed run needs: keys are derived from `step`."""
  step: Int[Array, '']
  params: Params
  opt_state: PyTree
  __repr__ = short_repr


class Recipe(NamedTuple):
  """What a meta-step is made of; the same for all folds."""
  learner: Learner
  optimizer: optax.GradientTransformation
  sizes: Sizes
  augment: Callable[[Key[Array, ''], Float[Array, '*clip']], Float[Array, '*clip']]
  tasks: int                # of a meta-batch, over all devices
  at_once: int              # of the tasks that a device holds, as one batch
  steps: int = 1            # of the whole training
  # A clip to its mirror image, where predictions are averaged over both.
  mirror: Callable[[Float[Array, '*clip']], Float[Array, '*clip']] | None = None
  support_shots: int = 0    # clips of a class in a support at test time; 0: as trained
  # Of (key, clips, labels): a query's clips are mixed; see `augmentation.mixup`.
  mix: Callable | None = None
  __repr__ = short_repr

  @property
  def support_sizes(self) -> Sizes:
    """What a support at test time holds, of the people whom a fold trains on."""
    return self.sizes._replace(shots=self.support_shots or self.sizes.shots)


def make_optimizer(*, outer_rate: float, weight_decay: float, clip_norm: float,
                   steps: int = 0, schedule: str = 'constant', average: float = 0.
                   ) -> optax.GradientTransformation:
  """AdamW (Loshchilov and Hutter 2019) on gradients clipped by their global norm.

  The network's weights decay, those of all its heads among them; learned inner rates,
  lambda and mu are no weights.

  Args:
    outer_rate: of AdamW.
    weight_decay: a step, as a share of the weight and times the rate.
    clip_norm: greatest norm of a gradient.
    steps: of the whole training; what follows is measured in them.
    schedule: 'constant', or 'cosine' for a rate that falls to zero at the last step
      (Loshchilov and Hutter 2017, eq. 5, without restarts).
    average: see `average_last`; 0 leaves it out.
  """
  weights = lambda params: {name: name in WEIGHTS for name in params}
  rate = (optax.cosine_decay_schedule(outer_rate, steps) if schedule == 'cosine'
          else outer_rate)
  parts = [optax.clip_by_global_norm(clip_norm),
           optax.adamw(rate, weight_decay=weight_decay, mask=weights)]
  if average:
    parts.append(average_last(steps, share=average))
  return optax.chain(*parts)


class Average(NamedTuple):
  """The mean of the parameters after the last steps, and how many steps were done."""
  step: Int[Array, '']
  mean: Params
  __repr__ = short_repr


def average_last(steps: int, *, share: float) -> optax.GradientTransformation:
  """The last step leads to the mean of the parameters after the last steps.

  Until then updates pass as they are. It is the mean of Polyak and Juditsky (1992), and
  of Izmailov et al. (2018, "SWA") without a learning rate of its own.

  Args:
    steps: of the whole training.
    share: of them, at the end, that the mean is taken over: one step at least.
  """
  first = min(steps - 1, round(steps * (1 - share)))

  def init(params):
    return Average(jnp.zeros((), jnp.int32), jax.tree.map(jnp.zeros_like, params))

  def update(updates, state, params=None):
    if params is None:
      raise ValueError('the mean is of the parameters: update(updates, state, params)')
    after = optax.apply_updates(params, updates)
    part = jnp.where(state.step < first, 0., 1 / (state.step - first + 1.))
    mean = jax.tree.map(lambda mean, x: mean + part.astype(x.dtype) * (x - mean),
                        state.mean, after)
    ends = state.step == steps - 1
    updates = jax.tree.map(lambda update, mean, x: jnp.where(ends, mean - x, update),
                           updates, mean, params)
    return updates, Average(state.step + 1, mean)
  return optax.GradientTransformation(init, update)


def init_state(fold_key: Key[Array, ''], recipe: Recipe, shape: tuple[int, ...]
               ) -> TrainState:
  """The state before the first step; `shape` is that of one clip.

  Args:
    fold_key: of the fold.
    recipe: learner and optimizer.
    shape: of one clip.
  """
  params = recipe.learner.init(keys.key_for(fold_key, Purpose.INIT), shape)
  return TrainState(jnp.zeros((), jnp.int32), params, recipe.optimizer.init(params))


class SharedClips(NamedTuple):
  """N clips and what is known of them, the same for all folds."""
  x: Float[Array, 'N *clip']
  table: ClipTable
  __repr__ = short_repr


class View(NamedTuple):
  """What one fold draws its tasks from; of G folds, along a first axis."""
  key: Key[Array, '']
  fold: FoldView
  splits: Bool[Array, 'P S']
  split_count: Int[Array, '']          # how many of the splits count
  __repr__ = short_repr


class BlockView(NamedTuple):
  """One fold's tasks, drawn ahead of its steps; of G folds, along a first axis."""
  key: Key[Array, '']
  scale: Float[Array, '2 c']           # divides micro, macro clips
  drawn: Drawn                         # (length, tasks): numbers of a block's clips
  __repr__ = short_repr


class FoldData(NamedTuple):
  """What one fold trains on."""
  name: str                   # of the fold: who is held out
  key: Key[Array, '']
  clips: Clips
  splits: Bool[np.ndarray, 'P S']
  start: Params | None = None     # subtrees that are not drawn from the key
  __repr__ = short_repr


def stack(folds: Sequence[FoldData], together: int) -> tuple[View, SharedClips]:
  """The views of `together` folds, and the clips that they all see.

  Where there are fewer, the last is repeated: what comes of it is not used.

  Args:
    folds: one or more.
    together: as many as there are, or more.
  """
  folds = [*folds, *[folds[-1]] * (together - len(folds))]
  most = max(len(fold.splits) for fold in folds)
  splits = [np.resize(fold.splits, (most, fold.splits.shape[1])) for fold in folds]
  own: FoldView = jax.tree.map(lambda *x: np.stack([np.asarray(one) for one in x]),
                               *(fold.clips.view for fold in folds))
  counts = np.array([len(fold.splits) for fold in folds])
  # NumPy's arrays until a program takes them.
  view = View(jnp.stack([fold.key for fold in folds]), own,
              np.stack(splits), counts)  # pyright: ignore[reportArgumentType]
  return view, SharedClips(folds[0].clips.x, folds[0].clips.table)


def run_folds(states: TrainState, views: View, clips: SharedClips,
              count: Int[Array, ''] | None = None, *, recipe: Recipe,
              length: int, at_once: int, axis: str = '', devices: int = 1
              ) -> tuple[TrainState, Mapping[str, Float[Array, 'G length']]]:
  """`length` meta-steps of each of G folds, or the first `count`; scalars (G, length).

  Args:
    states: along a first axis, G states.
    views: likewise, what each fold sees of the clips.
    clips: of all folds.
    count: steps, at most `length`; what comes after them in the scalars is zero. One
      program serves every count, so a step is the same wherever it is cut off.
    recipe: of a step.
    length: steps, where there is no `count`.
    at_once: folds that make one batch; the batches follow each other.
    axis: over which the tasks of a step are shared out, where they are; uneven counts
      are filled up and masked.
    devices: how many share them.
  """
  def one_fold(state_and_view):
    state, view = state_and_view

    def draw_and_make(step, number, _):
      drawn = draw_one(view, clips.table, recipe, step, number)
      return make_task(view.key, clips.x, view.fold.scale, drawn, recipe, step, number)
    step = functools.partial(_meta_step, make=draw_and_make, recipe=recipe, axis=axis,
                             devices=devices)
    return _scan_some(step, state, None, count, length)
  return map_in_batches(one_fold, (states, views), at_once)


def run_block(states: TrainState, views: BlockView, x: Float[Array, 'n *clip'],
              count: Int[Array, ''] | None = None, *, recipe: Recipe, length: int,
              at_once: int, axis: str = '', devices: int = 1
              ) -> tuple[TrainState, Mapping[str, Float[Array, 'G length']]]:
  """As `run_folds`, of tasks that are drawn already.

  Args:
    states: along a first axis, G states.
    views: likewise, the tasks of each fold.
    x: the clips that the tasks' numbers point to.
    count: see `run_folds`.
    recipe: of a step.
    length: steps of a block.
    at_once: folds that make one batch.
    axis: see `run_folds`.
    devices: how many share the tasks.
  """
  def one_fold(state_and_view):
    state, view = state_and_view

    def make(step, number, drawn):
      return make_task(view.key, x, view.scale, drawn, recipe, step, number)
    step = functools.partial(_meta_step, make=make, recipe=recipe, axis=axis,
                             devices=devices)
    return _scan_some(step, state, view.drawn, count, length)
  return map_in_batches(one_fold, (states, views), at_once)


def _scan_some(step: Callable, state: TrainState, drawn: Drawn | None,
               count: Int[Array, ''] | None, length: int):
  """The first `count` rounds of `jax.lax.scan(step, state, drawn, length)`, or all."""
  if count is None:
    return jax.lax.scan(step, state, drawn, length=length)
  step = jax.jit(step, inline=True)      # traced once, for the shapes and for the loop
  row = lambda n: jax.tree.map(lambda x: x[n], drawn)
  _, shapes = jax.eval_shape(step, state, row(0))
  rows = jax.tree.map(lambda x: jnp.zeros((length, *x.shape), x.dtype), shapes)

  def one(n, carry):
    state, rows = carry
    state, new = step(state, row(n))
    return state, jax.tree.map(lambda rows, new: rows.at[n].set(new), rows, new)
  return jax.lax.fori_loop(0, count, one, (state, rows))


def draw_one(view: View, table: ClipTable, recipe: Recipe, step: Int[Array, ''],
             number: Int[Array, '']) -> Drawn:
  """The task `number` of a fold's step, as numbers of clips.

  A task's key is that of its number, so the tasks of a step are the same however many
  devices share them.

  Args:
    view: of the fold.
    table: of the clips.
    recipe: of a step.
    step: number of the step, from 0.
    number: of the task in its step, from 0.
  """
  return draw_task(_task_key(view.key, Purpose.TASKS, step, number), table, view.fold,
                   view.splits, view.split_count, recipe.sizes)


def draw_steps(view: View, table: ClipTable, first: Int[Array, ''], *, recipe: Recipe,
               length: int) -> Drawn:
  """The tasks of a fold's steps `first`, `first` + 1 ... as numbers, (length, tasks).

  They are those that the steps draw themselves where nothing is drawn ahead.

  Args:
    view: of the fold.
    table: of the clips.
    first: number of the first step, from 0.
    recipe: of a step.
    length: how many steps.
  """
  def one(which):
    return draw_one(view, table, recipe, first + which // recipe.tasks,
                    which % recipe.tasks)
  drawn = jax.lax.map(one, jnp.arange(length * recipe.tasks))
  return jax.tree.map(lambda x: x.reshape(length, recipe.tasks, *x.shape[1:]), drawn)


def _task_key(fold_key: Key[Array, ''], purpose: Purpose, step: Int[Array, ''],
              number: Int[Array, '']) -> Key[Array, '']:
  return jax.random.fold_in(keys.key_for(fold_key, purpose, step), number)


def _meta_step(state: TrainState, drawn: Drawn | None, *, make: Callable,
               recipe: Recipe, axis: str, devices: int
               ) -> tuple[TrainState, Mapping[str, Float[Array, '']]]:
  mine = -(-recipe.tasks // devices)
  number = jnp.arange(mine)
  if devices > 1:
    number += jax.lax.axis_index(axis) * mine

  def one_task(numbered):
    number, drawn = numbered
    task, key = make(state.step, number, drawn)
    return recipe.learner.meta_grad(state.params, task, key, state.step / recipe.steps)

  grads, scalars = map_in_batches(one_task, (number, drawn), min(recipe.at_once, mine))
  mean = functools.partial(_mean, number, tasks=recipe.tasks, axis=axis,
                           devices=devices)
  grads, scalars = jax.tree.map(mean, (grads, scalars))
  return moved_on(state, grads, recipe), {**scalars,
                                          'gradient_norm': optax.tree.norm(grads)}


def _mean(number: Int[Array, 'tasks'], x: Float[Array, 'tasks *x'], *, tasks: int,
          axis: str, devices: int) -> Float[Array, '*x']:
  """Over all tasks of a step; what fills the last devices up counts for nothing."""
  if devices == 1:
    return x.mean(0)
  if tasks % devices:
    x = jnp.where(jnp.expand_dims(number < tasks, range(1, x.ndim)), x, 0)
  return jax.lax.psum(x.sum(0) / tasks, axis)


def make_task(fold_key: Key[Array, ''], x: Float[Array, 'n *clip'],
              scale: Float[Array, '2 c'], drawn: Drawn, recipe: Recipe,
              step: Int[Array, ''], number: Int[Array, '']
              ) -> tuple[Task, Key[Array, '']]:
  """A task of a meta-step, gathered and augmented, and the key of its adaptation.

  Args:
    fold_key: of the fold.
    x: the clips that the task's numbers point to.
    scale: divides micro, macro clips.
    drawn: the task as numbers.
    recipe: of a step.
    step: number of the step, from 0.
    number: of the task in its step, from 0.
  """
  key = functools.partial(_task_key, fold_key, step=step, number=number)
  task = gather_task(x, scale, drawn, recipe.sizes.magnification)
  task = _augmented(key(Purpose.AUGMENT), task, recipe.augment)
  if recipe.mix is not None:
    x, label = recipe.mix(key(Purpose.MIXUP), task.query.x, task.query.label)
    task = task._replace(query=task.query._replace(x=x, label=label))
  return task, key(Purpose.ADAPT)


def moved_on(state: TrainState, grads: Params, recipe: Recipe) -> TrainState:
  """The state after a step by the mean gradient of its tasks.

  Args:
    state: before the step.
    grads: in the structure of the parameters.
    recipe: its optimizer is what moves.
  """
  updates, opt_state = recipe.optimizer.update(grads, state.opt_state, state.params)
  return TrainState(state.step + 1, optax.apply_updates(state.params, updates),
                    opt_state)


def _augmented(key: Key[Array, ''], task: Task, augment: Callable) -> Task:
  def several(key, x):
    return jax.vmap(augment)(jax.random.split(key, len(x)), x) if len(x) else x

  def side(key, examples):
    key_micro, key_macro = jax.random.split(key)
    return examples._replace(x=several(key_micro, examples.x),
                             macro=several(key_macro, examples.macro))
  return Task(*map(side, jax.random.split(key), task))
