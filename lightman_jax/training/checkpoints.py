"""Checkpoints of a run: one numbered series over all groups of folds, kept by orbax.

The number is group * steps + step. The newest two are kept, so a kill in the middle of
a save costs nothing, and the last of every group, so each trained model can be opened.
"""

import errno
import os
import pathlib
import shutil

import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from lightman_jax.training.state import TrainState


class Checkpoints:
  """Saves and finds the states of a run's groups of folds."""

  def __init__(self, folder: str | os.PathLike, *, steps: int):
    """`steps` are those of one group."""
    self._steps = steps
    _finish_deleting(pathlib.Path(folder), steps)
    policies = checkpoint_managers.preservation_policy
    self._manager = ocp.CheckpointManager(
        os.path.abspath(folder),
        options=ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy(
                [policies.LatestN(2), policies.EveryNSteps(steps)]),
            cleanup_tmp_directories=True,
            # A save that fails must fail here, with the step at hand.
            enable_async_checkpointing=False))

  def __enter__(self) -> 'Checkpoints':
    return self

  def __exit__(self, *_) -> None:
    self._manager.close()

  def place(self, group: int, step: int) -> str:
    """Where a state lies, or would."""
    return os.fspath(self._manager.directory / str(group * self._steps + step))

  def save(self, group: int, state: TrainState) -> None:
    """Keeps the states of a group's folds, which are all at the same step.

    Raises:
      OSError: the disk is full.
    """
    number = group * self._steps + int(np.ravel(state.step)[0])
    self._check_room(state)
    try:
      self._manager.save(number, args=ocp.args.StandardSave(state._asdict()))
    except (ValueError, RuntimeError) as error:
      # Orbax hands on the system's words, but not its error.
      if os.strerror(errno.ENOSPC) not in str(error):
        raise
      raise self._full() from error

  def _check_room(self, state: TrainState) -> None:
    """Orbax cannot stop in the middle without a page of tracebacks."""
    leaves = jax.tree.leaves(state)
    # It writes all of a state twice, and a description of each leaf.
    need = 3 * sum(leaf.nbytes for leaf in leaves) + 4096 * len(leaves)
    if shutil.disk_usage(self._manager.directory).free < need:
      raise self._full()

  def _full(self) -> OSError:
    place = os.fspath(self._manager.directory)
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), place)

  def newest(self) -> int | None:
    """The number of the newest checkpoint of the run."""
    return self._manager.latest_step()

  def latest(self, group: int, like: TrainState) -> TrainState | None:
    """The newest of a group, in the shapes of `like`; None where there is none."""
    number = self._manager.latest_step()
    first = group * self._steps
    if number is None or not first < number <= first + self._steps:
      return None
    return self._restored(number, like)

  def last(self, group: int, like: TrainState) -> TrainState:
    """That of the end of a finished group."""
    return self._restored((group + 1) * self._steps, like)

  def _restored(self, number: int, like: TrainState) -> TrainState:
    shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like._asdict())
    found = self._manager.restore(number, args=ocp.args.StandardRestore(shapes))
    # As it is after training: arrays that are bound to a device would have the
    # prediction compiled anew.
    return TrainState(**jax.tree.map(np.asarray, found))


def _finish_deleting(folder: pathlib.Path, steps: int) -> None:
  """What a kill left of an old checkpoint, which orbax would keep and warn of."""
  found = sorted(int(path.name) for path in folder.glob('*') if path.name.isdigit())
  for number in found[:-2]:
    if number % steps:
      shutil.rmtree(folder / str(number))
