"""Training of folds: chunks of steps, each checkpointed when it is done."""

from collections.abc import Callable, Sequence
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key
import numpy as np

from lightman_jax.episodes.tasks import Clips
from lightman_jax.training import devices as device_door
from lightman_jax.training.ahead import OnCompiled, ahead
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import Layout
from lightman_jax.training.finite import check_finite
from lightman_jax.training.state import (
  Recipe,
  TrainState,
  View,
  init_state,
  run_folds,
)

# Called with the last step, and scalars (folds, length).
OnChunk = Callable[[int, dict[str, np.ndarray]], None]
# Called with the last step, and the states of the group's folds, before they are saved.
OnStates = Callable[[int, TrainState], None]


class FoldData(NamedTuple):
  """What one fold trains on."""
  name: str                   # of the fold: who is held out
  key: Key[Array, '']
  clips: Clips
  splits: Bool[np.ndarray, 'P S']


class Trainer(NamedTuple):
  """The compiled start and chunk, and how many steps it takes; one for all folds."""
  init: Callable            # fold keys (G,), shape of one clip -> states
  chunk: Callable
  length: int
  steps: int
  layout: Layout


def make_trainer(recipe: Recipe, *, steps: int, every: int, layout: Layout,
                 on_compiled: OnCompiled | None = None) -> Trainer:
  """`every` is about how many steps lie between two checkpoints.

  `on_compiled` is told of the chunk's program before it runs for the first time.

  All chunks are equally long, so that there is one program to compile: the length is
  the greatest divisor of `steps` that is not above `every`.
  """
  length = max(n for n in range(1, min(every, steps) + 1) if steps % n == 0)
  sharing = dict(axis=device_door.AXIS, devices=len(layout.devices))
  chunk = functools.partial(run_folds, recipe=recipe, length=length,
                            at_once=layout.folds_at_once,
                            **(sharing if layout.split == 'tasks' else {}))
  init = jax.jit(lambda keys, shape: jax.lax.map(
      lambda key: init_state(key, recipe, shape), keys), static_argnums=1)
  return Trainer(init, ahead(device_door.over_devices(chunk, layout.devices),
                             on_compiled), length, steps, layout)


def train_folds(trainer: Trainer, number: int, folds: Sequence[FoldData],
                checkpoints: Checkpoints, *, on_chunk: OnChunk,
                on_states: OnStates | None = None) -> list[TrainState]:
  """Trains a group of folds from its newest checkpoint, or from the start, to its end.

  Args:
    trainer: compiled for groups of `trainer.layout.together` folds.
    number: of the group.
    folds: of the group; the last group may have fewer.
    checkpoints: of the run.
    on_chunk: called when a chunk is done, before it is saved.
    on_states: likewise; for onlookers, nothing comes back from them.

  Raises:
    InputError: a loss or gradient is not finite; the last good checkpoint is kept.
  """
  views, clips = stack(folds, trainer.layout.together)
  states = trainer.init(views.key, clips.x.shape[1:])
  states = checkpoints.latest(number, states) or states
  alone = trainer.layout.split == 'folds'
  place = device_door.divide if alone else device_door.replicate
  back = device_door.gather if alone else device_door.first
  views = place(views, trainer.layout.devices)
  copies = place(states, trainer.layout.devices)
  for step in range(int(states.step[0]), trainer.steps, trainer.length):
    copies, scalars = trainer.chunk(copies, views, clips)
    scalars = {name: x[:len(folds)] for name, x in back(scalars).items()}
    check_finite([fold.name for fold in folds], step, scalars,
                 checkpoints.place(number, step))
    states = back(copies)
    on_chunk(step + trainer.length, scalars)
    if on_states is not None:
      on_states(step + trainer.length, states)
    checkpoints.save(number, states)
  return [jax.tree.map(lambda x: np.asarray(x)[index], states)
          for index in range(len(folds))]


def stack(folds: Sequence[FoldData], together: int) -> tuple[View, Clips]:
  """The views of `together` folds, and the clips that they all see.

  Where there are fewer, the last is repeated: what comes of it is not used.
  """
  folds = [*folds, *[folds[-1]] * (together - len(folds))]
  most = max(len(fold.splits) for fold in folds)
  splits = [np.resize(fold.splits, (most, fold.splits.shape[1])) for fold in folds]
  view = View(jnp.stack([fold.key for fold in folds]),
              np.stack([np.asarray(fold.clips.label) for fold in folds]),
              np.stack([np.asarray(fold.clips.train) for fold in folds]),
              np.stack([np.asarray(fold.clips.scale) for fold in folds]),
              np.stack(splits), np.array([len(fold.splits) for fold in folds]))
  return view, folds[0].clips
