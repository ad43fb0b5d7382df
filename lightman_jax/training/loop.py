"""Training of one fold: chunks of steps, each checkpointed when it is done."""

from collections.abc import Callable
import functools
from typing import NamedTuple

import jax
from jaxtyping import Array, Bool, Key
import numpy as np

from lightman_jax.episodes.tasks import Clips
from lightman_jax.errors import InputError
from lightman_jax.training import devices as device_door
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.state import Recipe, TrainState, init_state, run_steps

# Called with the last step, and scalars (length,).
OnChunk = Callable[[int, dict[str, np.ndarray]], None]


class FoldData(NamedTuple):
  """What one fold trains on."""
  name: str                   # the held-out subject
  key: Key[Array, '']
  clips: Clips
  splits: Bool[np.ndarray, 'P S']


class Trainer(NamedTuple):
  """The compiled start and chunk, and how many steps it takes; one for all folds."""
  init: Callable            # fold key, shape of one clip -> state
  chunk: Callable
  length: int
  steps: int
  devices: tuple[jax.Device, ...]


def make_trainer(recipe: Recipe, *, steps: int, every: int,
                 devices: tuple[jax.Device, ...]) -> Trainer:
  """`every` is about how many steps lie between two checkpoints.

  All chunks are equally long, so that there is one program to compile: the length is
  the greatest divisor of `steps` that is not above `every`.

  Raises:
    InputError: the tasks of a meta-batch cannot be shared out equally.
  """
  if recipe.tasks % len(devices):
    raise InputError(f'training.tasks is {recipe.tasks}, and {len(devices)} devices '
                     'must each have the same number; choose a multiple')
  length = max(n for n in range(1, min(every, steps) + 1) if steps % n == 0)
  chunk = functools.partial(run_steps, recipe=recipe, length=length,
                            axis=device_door.AXIS, devices=len(devices))
  init = jax.jit(lambda key, shape: init_state(key, recipe, shape), static_argnums=1)
  return Trainer(init, device_door.over_devices(chunk, devices), length, steps, devices)


def train_fold(trainer: Trainer, number: int, data: FoldData,
               checkpoints: Checkpoints, *, on_chunk: OnChunk) -> TrainState:
  """Trains fold `number` from its newest checkpoint, or from the start, to its end.

  Raises:
    InputError: a loss or gradient is not finite; the last good checkpoint is kept.
  """
  fresh = trainer.init(data.key, data.clips.x.shape[1:])
  state = checkpoints.latest(number, fresh) or fresh
  copies = device_door.replicate(state, trainer.devices)
  for step in range(int(state.step), trainer.steps, trainer.length):
    copies, scalars = trainer.chunk(copies, data.key, data.clips, data.splits)
    _check_finite(data.name, step, scalars, checkpoints.place(number, step))
    state = device_door.first(copies)
    on_chunk(step + trainer.length, scalars)
    checkpoints.save(number, state)
  return state


def _check_finite(fold: str, before: int, scalars: dict[str, np.ndarray],
                  place: str) -> None:
  broken = ~np.all([np.isfinite(x) for x in scalars.values()], axis=0)
  if broken.any():
    at = int(np.argmax(broken))
    names = ', '.join(k for k, x in scalars.items() if not np.isfinite(x[at]))
    kept = (f'its last good checkpoint, of step {before}, is {place}' if before else
            'it has no checkpoint yet')
    raise InputError(
        f'fold {fold}: {names} is not a number at step {before + at + 1}; {kept}; look '
        'for clips that are not finite, or lower method.inner_rate or '
        'training.outer_rate')
