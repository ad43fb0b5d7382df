"""Checkpoints of a run of several processes: the first has them, and shares."""

from collections.abc import Callable, Sequence
import os

import jax
import numpy as np

from lightman_jax.training import hosts
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.state import TrainState


class SharedCheckpoints:
  """As `Checkpoints`; what goes wrong in the first process goes wrong in all."""

  def __init__(self, own: Checkpoints | None):
    """`own` is None in all processes but the first."""
    self._own = own

  def __enter__(self) -> 'SharedCheckpoints':
    return self

  def __exit__(self, *error) -> None:
    if self._own is not None:
      self._own.__exit__(*error)

  def reached(self, folds: Sequence[str]) -> dict[str, int]:
    """See `Checkpoints.reached`."""
    return hosts.first(lambda: self._own.reached(folds))

  def place(self, fold: str) -> str | None:
    """See `Checkpoints.place`."""
    return self._own.place(fold) if self._own is not None else 'with process 0'

  def load(self, folds: Sequence[str], like: TrainState) -> TrainState | None:
    """See `Checkpoints.load`."""
    found = []
    def read():
      found.append(self._own.load(folds, like))
      return found[0] is not None
    if not hosts.first(read):
      return None
    states = found[0] if found else jax.tree.map(
        lambda x: np.zeros((len(folds), *x.shape[1:]), x.dtype), like)
    return jax.tree.map(lambda x: x[:len(folds)], hosts.gather(states))

  def save(self, folds: Sequence[str], states: TrainState, *, interim: bool = False
           ) -> None:
    """See `Checkpoints.save`."""
    hosts.first(lambda: self._own.save(folds, states, interim=interim))


def open_checkpoints(folder: str | os.PathLike, say: Callable[[str], None]
                     ) -> Checkpoints | SharedCheckpoints:
  """The checkpoints in a folder; see `Checkpoints`."""
  own = Checkpoints(folder, say=say) if hosts.is_first() else None
  return own if hosts.count() == 1 else SharedCheckpoints(own)
