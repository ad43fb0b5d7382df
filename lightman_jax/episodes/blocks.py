"""Clips of tasks that are drawn already, brought together: each once, in one array."""

import jax
from jaxtyping import Float32, PyTree
import numpy as np

from lightman_jax.episodes.tasks import Side
from lightman_jax.preprocessing.stored import Inputs, read


def held(drawn: PyTree, clips: int) -> int:
  """The most clips that tasks, a tree of `Side`, can hold of `clips` in all."""
  return min(sum(side.micro.size + side.macro.size for side in _sides(drawn)), clips)


def bring(x: Inputs, drawn: PyTree, size: int
          ) -> tuple[Float32[np.ndarray, 'size *clip'], PyTree]:
  """The clips that are drawn, and the same tasks by their numbers among these.

  Args:
    x: all clips.
    drawn: a tree of `Side`, of any shape; on the host.
    size: of the array, so that one program takes all of them; see `held`. What is left
      over is zero, and no number points there.
  """
  parts = [part for side in _sides(drawn) for part in (side.micro, side.macro)]
  flat = np.concatenate([np.ravel(part) for part in parts])
  numbers, place = np.unique(flat, return_inverse=True)
  out = np.zeros((size, *x.shape[1:]), np.float32)
  read(x, numbers, out[:len(numbers)])
  ends = np.cumsum([part.size for part in parts])[:-1]
  renumbered = iter([new.reshape(old.shape).astype(np.int32)
                     for old, new in zip(parts, np.split(place, ends))])
  return out, jax.tree.map(
      lambda side: side._replace(micro=next(renumbered), macro=next(renumbered)),
      drawn, is_leaf=_is_side)


def _sides(drawn: PyTree) -> list[Side]:
  return jax.tree.leaves(drawn, is_leaf=_is_side)


def _is_side(part) -> bool:
  return isinstance(part, Side)
