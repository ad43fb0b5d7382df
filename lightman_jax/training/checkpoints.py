"""Checkpoints of a run: one numbered series over all folds, kept by orbax.

The number is fold * steps + step. The newest two are kept, so a kill in the middle of a
save costs nothing, and the last of every fold, so each trained model can be opened.
"""

import os

import jax
from jaxtyping import PyTree
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from lightman_jax.training.state import TrainState


class Checkpoints:
  """Saves and finds the states of a run's folds."""

  def __init__(self, folder: str | os.PathLike, *, steps: int):
    """`steps` are those of one fold."""
    self._steps = steps
    policies = checkpoint_managers.preservation_policy
    self._manager = ocp.CheckpointManager(
        os.path.abspath(folder),
        options=ocp.CheckpointManagerOptions(
            preservation_policy=policies.AnyPreservationPolicy(
                [policies.LatestN(2), policies.EveryNSteps(steps)]),
            # A save that fails must fail here, with the step at hand.
            enable_async_checkpointing=False))

  def __enter__(self) -> 'Checkpoints':
    return self

  def __exit__(self, *_) -> None:
    self._manager.close()

  def save(self, fold: int, state: TrainState) -> None:
    """Keeps the state of fold number `fold`, as one device holds it."""
    number = fold * self._steps + int(state.step)
    self._manager.save(number, args=ocp.args.StandardSave(state._asdict()))

  def newest(self) -> int | None:
    """The number of the newest checkpoint of the run."""
    return self._manager.latest_step()

  def latest(self, fold: int, like: TrainState) -> TrainState | None:
    """The newest state of a fold, in the shapes of `like`; None where there is none."""
    number = self._manager.latest_step()
    if number is None or not fold * self._steps < number <= (fold + 1) * self._steps:
      return None
    return TrainState(**self._restored(number, like._asdict()))

  def last(self, fold: int, like: TrainState) -> TrainState:
    """The state at the end of a finished fold."""
    return TrainState(**self._restored((fold + 1) * self._steps, like._asdict()))

  def _restored(self, number: int, like: PyTree) -> PyTree:
    shapes = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
    return self._manager.restore(number, args=ocp.args.StandardRestore(shapes))
