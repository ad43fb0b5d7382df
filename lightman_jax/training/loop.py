"""Training of folds: chunks of steps, each checkpointed when it is done.

A chunk of steps may take milliseconds or an hour. Its program makes as many steps as it
is told to, so the host takes a piece of a few seconds at a time: it shows how far
training is, looks for a signal, and now and then keeps a checkpoint between the regular
ones. Where the pieces end has no part in what is computed.

A chunk is as long as the configuration says, and so is what stays of it: checkpoints at
its end, and what is shown to onlookers. It is trained in pieces of a few seconds, and a
checkpoint that is kept until the next regular one may lie between them: see `Pace`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import functools
import math
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key
import numpy as np

from lightman_jax.training import devices as device_door, multihost, stopping, streaming
from lightman_jax.training.checkpoints import Checkpoints, SharedCheckpoints
from lightman_jax.training.compiled import Around, OnCompiled, ahead, jit
from lightman_jax.training.devices import Layout
from lightman_jax.training.finite import check_finite
from lightman_jax.training.state import (
  FoldData,
  Recipe,
  SharedClips,
  TrainState,
  View,
  init_state,
  run_block,
  run_folds,
  stack as stack,
)

# When the host looks at a training that runs on the devices, and when it saves.

LOOK = 5.       # seconds of a piece, where a step does not take longer
SAVE = 60.      # seconds between two checkpoints at most, where a step is not longer
SLOW = 10.      # seconds of a step that is not begun before the last one is saved


class Pace:
  """Measures steps, and says how many come next."""

  def __init__(self, clock: Callable[[], float] = time.monotonic):
    """`clock` tells seconds."""
    self._clock, self._aside = clock, 0.
    self._step, self._timed = 0., 0       # seconds of a step; pieces
    self._began = self._saved = clock()

  def next(self, rest: int) -> int:
    """How many steps make the next piece, which begins now.

    The first two are of one step: the first shows soon that there is one, and is slower
    than any other.

    Args:
      rest: steps of the chunk that are left.
    """
    self._began = self._now()
    if self._timed < 2:
      return 1
    return max(1, min(rest, math.floor(LOOK / max(self._step, LOOK / rest))))

  def done(self, steps: int) -> None:
    """The piece is over; it made so many steps."""
    self._step = (self._now() - self._began) / steps
    self._timed += 1

  def is_due(self) -> bool:
    """Whether to save before the next piece."""
    return self._step > SLOW or self._now() - self._saved >= SAVE

  def saved(self) -> None:
    """All steps are saved, or none is made yet."""
    self._saved = self._now()

  @contextlib.contextmanager
  def aside(self) -> Iterator[None]:
    """What happens inside, such as compiling, is not counted."""
    began = self._clock()
    try:
      yield
    finally:
      self._aside += self._clock() - began

  def _now(self) -> float:
    return self._clock() - self._aside


# Called with the last step, and scalars (folds, steps) of the steps that end with it.
OnChunk = Callable[[int, dict[str, np.ndarray]], None]
# Called with the last step of a chunk, and the states of the group's folds, before they
# are saved.
OnStates = Callable[[int, TrainState], None]


class Trainer(NamedTuple):
  """The compiled start and chunk, and how many steps it takes; one for all folds."""
  init: Callable            # fold keys (G,), shape of one clip -> states
  chunk: Callable           # states, views, clips, count of steps -> states, scalars
  whole: Callable           # the same without a count, to be looked at, not called
  length: int
  steps: int
  layout: Layout
  pace: Pace
  blocks: streaming.Blocks | None = None     # of clips that do not live on the device
  share: Callable = lambda x: x        # clips' arrays -> the same, on all devices


def make_trainer(recipe: Recipe, *, steps: int, every: int, layout: Layout,
                 on_compiled: OnCompiled | None = None,
                 around: Around = contextlib.nullcontext, streamed: int = 0,
                 pace: Pace | None = None) -> Trainer:
  """The compiled start and chunk of all folds.

  All chunks are equally long, so that there is one program to compile: the length is
  the greatest divisor of `steps` that is not above `every`.

  Args:
    recipe: of a step.
    steps: of a fold.
    every: about how many steps lie between two checkpoints.
    layout: how folds and tasks are divided over devices.
    on_compiled: called with the chunk's program before it runs for the first time.
    around: a context in which that is compiled.
    streamed: bytes of a clip, where clips are brought to the devices in blocks; 0: all
      clips live there.
    pace: cuts chunks into pieces; None for one by the clock.
  """
  length = max(n for n in range(1, min(every, steps) + 1) if steps % n == 0)
  blocks = streaming.make_blocks(recipe, layout, length=length,
                                 clip_bytes=streamed) if streamed else None
  sharing = dict(axis=device_door.AXIS, devices=len(layout.devices))
  chunk = functools.partial(run_block if blocks else run_folds, recipe=recipe,
                            length=blocks.length if blocks else length,
                            at_once=layout.folds_at_once,
                            **(sharing if layout.split == 'tasks' else {}))

  def init(keys, shape):
    return jax.lax.map(lambda key: init_state(key, recipe, shape), keys)
  spread = functools.partial(device_door.over_devices, devices=layout.devices,
                             own=bool(blocks), donate=True)
  pace = pace or Pace()

  @contextlib.contextmanager
  def aside():
    with pace.aside(), around():
      yield
  return Trainer(jit(init, static_argnums=1, for_an_instant=True),
                 ahead(spread(chunk), on_compiled, aside),
                 spread(lambda states, views, clips, _: chunk(states, views, clips)),
                 length, steps, layout, pace, blocks, _sharing(layout))


def _sharing(layout: Layout) -> Callable:
  """Sends an array to all devices; the one that was sent last is not sent again."""
  last: list = [None, None]

  def share(x):
    if last[0] is not x:
      last[:] = None, None       # the old one makes room for the new one
      last[:] = x, device_door.share(x, layout.devices)
    return last[1]
  return share


def group_folds(reached: Mapping[str, int], together: int) -> list[tuple[str, ...]]:
  """Folds that are at the same step, so many together; who is farthest comes first.

  A run that goes on in the layout in which it was stopped has the groups it had.

  Args:
    reached: fold -> steps it is trained, in the order of the folds.
    together: how many make a group, but for the last of each step.
  """
  groups = []
  for step in sorted(set(reached.values()), reverse=True):
    names = [name for name, own in reached.items() if own == step]
    groups += [tuple(names[first:first + together])
               for first in range(0, len(names), together)]
  return groups


def train_folds(trainer: Trainer, folds: Sequence[FoldData],
                checkpoints: Checkpoints | SharedCheckpoints, *, on_chunk: OnChunk,
                on_states: OnStates | None = None) -> list[TrainState]:
  """Trains a group of folds from its newest checkpoint, or from the start, to its end.

  Args:
    trainer: compiled for groups of `trainer.layout.together` folds.
    folds: of the group, which have reached the same step; there may be fewer.
    checkpoints: of the run.
    on_chunk: called when a piece of a chunk is done, before it may be saved.
    on_states: called when a chunk is done, before it is saved; for onlookers, nothing
      comes back from them.

  Raises:
    InputError: a loss or gradient is not finite; the last good checkpoint is kept.
    Stopped, KeyboardInterrupt: a process of the run is to end; all is saved.
  """
  views, clips = stack(folds, trainer.layout.together)
  names = [fold.name for fold in folds]
  start = lambda keys: trainer.init(keys, clips.x.shape[1:])
  states = checkpoints.load(names, jax.eval_shape(start, views.key))
  states = (_begun(start(views.key), folds) if states is None
            else _filled_up(states, views.key))
  place, back = _transfers(trainer.layout)
  copies, step = place(states, trainer.layout.devices), int(states.step[0])
  pace, saved = trainer.pace, step
  pace.saved()
  with stopping.deferred(), _open_chunks(trainer, views, clips, step) as train:
    while step < trainer.steps:
      # One process decides for all: they must make the same steps.
      count = multihost.first(lambda: pace.next(trainer.length - step % trainer.length))
      copies, scalars, count = train(copies, count)
      scalars = {name: x[:len(folds), :count] for name, x in back(scalars).items()}
      before, states, step = states, back(copies), step + count
      pace.done(count)
      check_finite(folds, before, states, scalars, checkpoints.place(names[0]) or '',
                   saved=saved)
      on_chunk(step, scalars)
      regular = step % trainer.length == 0
      if regular and on_states is not None:
        on_states(step, states)
      ends = multihost.anywhere(stopping.is_stop_requested())
      if regular or ends or multihost.first(pace.is_due):
        checkpoints.save(names, states, interim=not regular)
        stopping.note_saved()
        pace.saved()
        saved = step
      if ends:
        stopping.check()
        raise stopping.Stopped
  return [jax.tree.map(lambda x: np.asarray(x)[index], states)
          for index in range(len(folds))]


def _transfers(layout: Layout) -> tuple[Callable, Callable]:
  """To the devices, and back to the host."""
  if layout.split == 'folds':
    return device_door.divide, device_door.gather
  return device_door.replicate, device_door.first


def _open_chunks(trainer: Trainer, views: View, clips: SharedClips, begin: int):
  """A context: a function that takes states on their devices so many steps further.

  It returns them, the scalars of these steps and of more, and how many it made.
  """
  if trainer.blocks:
    return streaming.open_blocks(trainer.blocks, trainer.chunk, views, clips,
                                 first=begin, last=trainer.steps, steps=trainer.length)
  placed = _transfers(trainer.layout)[0](views, trainer.layout.devices)
  # All groups of folds see the same clips, which are most of what a chunk takes.
  clips = device_door.share(clips._replace(x=trainer.share(clips.x)),
                            trainer.layout.devices)

  def train(copies, count):
    return *trainer.chunk(copies, placed, clips, np.int32(count)), count
  return contextlib.nullcontext(train)


def _begun(states: TrainState, folds: Sequence[FoldData]) -> TrainState:
  """The states before the first step, with the weights that folds begin with."""
  if folds[0].start is None:
    return states
  starts = [fold.start for fold in folds]
  starts += [starts[-1]] * (len(states.step) - len(folds))
  params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *starts)
  # A method may have no head, and several members, which all begin with the same.
  params = {name: jax.tree.map(_of_members, part, states.params[name])
            for name, part in params.items() if name in states.params}
  return states._replace(params={**states.params, **params})


def _of_members(x: Array, like: Array) -> Array:
  """Weights of folds (G, ...), for all members (G, M, ...) where there are several."""
  if x.ndim < like.ndim:
    x = jnp.broadcast_to(x[:, None], like.shape)
  return x


def _filled_up(states: TrainState, keys: Key[Array, 'G']) -> TrainState:
  """The last state repeated, as `stack` repeats the last fold."""
  index = np.minimum(np.arange(len(keys)), len(states.step) - 1)
  return jax.tree.map(lambda x: x[index], states)
