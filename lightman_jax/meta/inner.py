"""The inner loop that every adapting method shares."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from lightman_jax.meta.losses import Loss, Scalars
from lightman_jax.models.network import Params


class Adapted(NamedTuple):
  """What adaptation leaves: `fast` predicts, `trace` tells how it went."""
  fast: PyTree
  trace: Scalars     # each part of the inner loss before the first step


def sgd_steps(loss: Loss, params: Params, batch: Any, *, moving: tuple[str, ...],
              steps: int, step_size: float | Float[Array, ''],
              first_order: bool = False, memory: float = 0.) -> Adapted:
  """`steps` of gradient descent on the subtrees named in `moving`.

  Differentiable in `params` and `step_size` (Finn et al. 2017, eq. 1). Where what the
  backward pass needs of all steps would not fit into `memory`, each step is
  rematerialised: then it holds one step's activations however many steps there are,
  for about a third more arithmetic.

  Args:
    loss: of (params, batch); its parts are traced.
    params: a mapping of subtrees.
    batch: what the loss takes.
    moving: names of the subtrees that move; the others stay as they are.
    steps: how many, 1 or more.
    step_size: the inner rate.
    first_order: treat the inner gradients as constants (FOMAML).
    memory: MiB that one task may keep for the backward pass.
  """
  fixed = {name: tree for name, tree in params.items() if name not in moving}

  def step(moved, _):
    grads, parts = jax.grad(
        lambda moved: loss({**fixed, **moved}, batch), has_aux=True)(moved)
    if first_order:
      grads = jax.lax.stop_gradient(grads)
    return jax.tree.map(lambda p, g: p - step_size * g, moved, grads), parts

  moved = {name: params[name] for name in moving}
  if steps * kept_bytes(step, moved) > memory * 2**20:
    step = jax.checkpoint(step)
  moved, parts = jax.lax.scan(step, moved, length=steps)
  return Adapted({**fixed, **moved}, {name: x[0] for name, x in parts.items()})


def kept_bytes(step: Callable, moved: Params) -> int:
  """What one step keeps for its derivative, from shapes alone."""
  held = jax.eval_shape(
      lambda moved: jax.vjp(lambda moved: step(moved, None)[0], moved)[1], moved)
  return sum(x.size * jnp.dtype(x.dtype).itemsize for x in jax.tree.leaves(held))
