"""Training stops at the first value that is not a number, before that is saved."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Float, PyTree
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.training.state import TrainState

ADVICE = ('look for clips that are not finite, or lower method.inner_rate or '
          'training.outer_rate')


class Broken(NamedTuple):
  """The steps of a fold in which a value is not finite, and what stood before them."""
  data: Any                 # `state.FoldData`
  state: TrainState         # of this fold, before the steps
  names: tuple[str, ...]    # what of them is not finite
  step: int                 # the first such step, from 1
  kept: str                 # a clause on the last good checkpoint


class NotFinite(InputError):
  """Training met a value that is not finite."""

  def __init__(self, broken: Broken):
    """The sentence is what is known without a look at single tasks."""
    super().__init__(f'fold {broken.data.name}: {join_names(broken.names)} is not a '
                     f'number at step {broken.step}; {broken.kept}; {ADVICE}')
    self.broken = broken


def check_finite(folds: Sequence[Any], before: TrainState, after: TrainState,
                 scalars: Mapping[str, Float[np.ndarray, 'G length']],
                 place: str, *, saved: int | None = None) -> None:
  """Refuses to go on from steps with a scalar or a state that is not finite.

  Args:
    folds: `state.FoldData` of a group.
    before: its states before the steps, along a first axis as long or longer.
    after: likewise, after them.
    scalars: of the steps.
    place: of the checkpoint from before.
    saved: its step, where it is not that of `before`.

  Raises:
    NotFinite: names the first such step, the fold, and what is not finite in it.
  """
  bad = ~np.all([np.isfinite(x) for x in scalars.values()], axis=0)
  state_of = lambda states, which: jax.tree.map(lambda x: np.asarray(x)[which], states)
  if bad.any():
    at = int(np.argmax(bad.any(0)))
    which = int(np.argmax(bad[:, at]))
    names = tuple(k for k, x in scalars.items() if not np.isfinite(x[which, at]))
  else:
    broken = {which: names for which in range(len(folds))
              if (names := not_finite(state_of(after, which)))}
    if not broken:
      return
    which, names = next(iter(broken.items()))
    at = bad.shape[1] - 1
  state = state_of(before, which)
  done = int(state.step)
  saved = done if saved is None else saved
  kept = (f'its last good checkpoint, of step {saved}, is {place}' if saved else
          'it has no checkpoint yet')
  raise NotFinite(Broken(folds[which], state, names, done + at + 1, kept))


def not_finite(tree: PyTree) -> tuple[str, ...]:
  """Paths of the arrays that hold a value that is not finite.

  Args:
    tree: of arrays.
  """
  return tuple(name for name, x in by_path(tree).items()
               if jnp.issubdtype(x.dtype, jnp.inexact) and not np.isfinite(x).all())


def by_path(tree: PyTree) -> dict[str, Any]:
  """Leaves, in their order, by paths such as 'params/encoder/Dense_0/kernel'.

  Args:
    tree: nested, of arrays.
  """
  return {jax.tree_util.keystr(path, simple=True, separator='/'): x
          for path, x in jax.tree_util.tree_leaves_with_path(tree)}


def join_names(names: Sequence[str], most: int = 3) -> str:
  """The first names, and how many more.

  Args:
    names: all of them.
    most: how many are named.
  """
  more = f' and {len(names) - most} more' if len(names) > most else ''
  return ', '.join(names[:most]) + more
