"""The inner loop that every adapting method shares."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend import core
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree
import numpy as np
import optax

from lightman_jax.meta.losses import Loss, Scalars
from lightman_jax.models.network import Params
from lightman_jax.units import short_repr

# A loss that no step goes by, of the parameters after an inner step.
Watch = Callable[[Params], Float[Array, '']]
Rate = float | Float[Array, ''] | Callable[[Int[Array, '']], PyTree]


class Adapted(NamedTuple):
  """What adaptation leaves: `fast` predicts, the rest tells how it went."""
  fast: PyTree
  start_losses: Scalars     # the parts of the inner loss before the first step
  watched: Float[Array, 'steps'] | None = None    # values of `watch`, after each step
  __repr__ = short_repr


class Steps(NamedTuple):
  """How a method steps inside; the part of a configuration that all of them share.

  Example:
    >>> adam = optax.adam(.01, eps_root=1e-8)                     # doctest: +SKIP
    >>> lm.learners.maml(net, lm.Steps(3, .01, optimizer=adam))   # doctest: +SKIP
  """
  steps: int
  rate: float
  rates: str = 'fixed'         # or learned: 'layers', 'weights'; see `init_rates`
  first_order: bool = False    # inner gradients are constants (Finn et al. 2017, 5.2)
  memory: float = 0.           # MiB that one task may keep for the backward pass
  # In place of gradient descent with `rate`; see `optimizer_steps`.
  optimizer: optax.GradientTransformation | None = None


def sgd_steps(loss: Loss, params: Params, batch: Any, *, moving: tuple[str, ...],
              steps: int, step_size: Rate, first_order: bool = False,
              memory: float = 0., watch: Watch | None = None) -> Adapted:
  """`steps` of gradient descent on the subtrees named in `moving`.

  Differentiable in `params` and `step_size` (Finn et al. 2017, eq. 1). Where what the
  backward pass needs of all steps would not fit into `memory`, each step is
  rematerialised: then it holds one step's activations however many steps there are,
  for about a third more arithmetic. The weights between the steps are held, too; where
  there are so many that they would be much of it, those between groups of steps alone
  are, and the others come back group by group, for a third more once again.

  Args:
    loss: of (params, batch).
    params: a mapping of subtrees.
    batch: what the loss takes.
    moving: names of the subtrees that move; the others stay as they are.
    steps: how many, 1 or more.
    step_size: the inner rate: a number, or a function from the number of a step to
      rates in the structure of what moves.
    first_order: treat the inner gradients as constants (FOMAML).
    memory: MiB that one task may keep for the backward pass.
    watch: evaluated on the parameters after each step.

  Returns:
    The adapted parameters, the loss at the start, and what was watched on the way.

  Example:
    >>> fast = lm.sgd_steps(loss, params, batch, moving=('head',),    # doctest: +SKIP
    ...                     step_size=.1, steps=3).fast
  """
  def update(moved, grads, state, number):
    rate = (step_size(number) if callable(step_size) else
            jax.tree.map(lambda _: step_size, moved))
    return jax.tree.map(lambda p, g, r: p - r * g, moved, grads, rate), state
  return _steps(loss, params, batch, moving, steps, update, None, first_order, memory,
                watch)


def optimizer_steps(loss: Loss, params: Params, batch: Any, *, moving: tuple[str, ...],
                    steps: int, optimizer: optax.GradientTransformation,
                    first_order: bool = False, memory: float = 0.,
                    watch: Watch | None = None) -> Adapted:
  """`steps` of any optax transformation on the subtrees named in `moving`.

  As `sgd_steps`, and differentiable in `params` likewise, through the optimizer's own
  state, which begins anew for every task. The root in Adam's and RMSProp's steps has no
  derivative where a gradient is zero, as that of a dead unit: give these an `eps_root`
  above zero.

  Args:
    loss: of (params, batch).
    params: a mapping of subtrees.
    batch: what the loss takes.
    moving: names of the subtrees that move; the others stay as they are.
    steps: how many, 1 or more.
    optimizer: such as `optax.adam(.01, eps_root=1e-8)`; the inner rate is its own.
    first_order: treat the inner gradients as constants.
    memory: MiB that one task may keep for the backward pass.
    watch: evaluated on the parameters after each step.

  Returns:
    The adapted parameters, the loss at the start, and what was watched on the way.
  """
  def update(moved, grads, state, number):
    del number
    updates, state = optimizer.update(grads, state, moved)
    return optax.apply_updates(moved, updates), state
  state = optimizer.init({name: params[name] for name in moving})
  return _steps(loss, params, batch, moving, steps, update, state, first_order, memory,
                watch)


def _steps(loss, params, batch, moving, steps, update, state, first_order, memory,
           watch) -> Adapted:
  """Steps by `update`, from (moved, gradients, its state, number) to the next."""
  fixed = {name: tree for name, tree in params.items() if name not in moving}

  def step(carry, number):
    moved, state = carry
    grads, parts = jax.grad(
        lambda moved: loss({**fixed, **moved}, batch), has_aux=True)(moved)
    if first_order:
      grads = jax.lax.stop_gradient(grads)
    moved, state = update(moved, grads, state, number)
    return (moved, state), (parts, watch({**fixed, **moved}) if watch else None)

  step = jax.jit(step, inline=True)      # traced once, for its size and for the loop
  start, groups = ({name: params[name] for name in moving}, state), 1
  allowed = memory * 2**20
  # Most steps are so small that their derivative need not be traced to know it.
  of_step = (0 if steps * most_residual_bytes(step, start) <= allowed else
             residual_bytes(step, start))
  if steps * of_step > allowed:
    step = jax.checkpoint(step)
    if steps * _bytes(start) > max(allowed, of_step / 4):
      groups = _groups(steps)
  (moved, _), (parts, watched) = _in_groups(step, start, jnp.arange(steps), groups)
  return Adapted({**fixed, **moved}, {name: x[0] for name, x in parts.items()}, watched)


def residual_bytes(step: Callable, moved: PyTree) -> int:
  """What the forward pass of a step leaves for its backward pass, from shapes alone.

  Args:
    step: of (moved, number).
    moved: what a step moves; its shapes are enough.
  """
  residuals = jax.eval_shape(lambda moved: jax.vjp(
      lambda moved: step(moved, _NUMBER)[0], moved)[1], moved)
  return _bytes(residuals)


def most_residual_bytes(step: Callable, moved: PyTree) -> int:
  """A bound of `residual_bytes`, for which no derivative is taken.

  What is left is among what goes in, what operations make, and what their derivatives
  make of that, which is counted as often.

  Args:
    step: of (moved, number).
    moved: what a step moves; its shapes are enough.
  """
  closed = jax.make_jaxpr(step)(moved, _NUMBER)
  return _bytes([*closed.consts, moved]) + 2 * _made_bytes(closed.jaxpr)


_NUMBER = np.int32(0)      # of a step, as the loop counts them


def _made_bytes(jaxpr: Any) -> int:
  """Of all that the operations of a program make, inner programs' among them."""
  total = 0
  for line in jaxpr.eqns:
    total += _bytes([out.aval for out in line.outvars])
    total += line.params.get('length', 1) * sum(map(
        _made_bytes, core.jaxprs_in_params(line.params)))
  return total


def _bytes(tree: PyTree) -> int:
  return sum(x.size * jnp.dtype(x.dtype).itemsize for x in jax.tree.leaves(tree))


def _groups(steps: int) -> int:
  """The number of equal groups with fewest states: one a group, one a step of it.

  A prime number of steps has none, and few steps are not worth the arithmetic.
  """
  if steps < 12:
    return 1
  return min((n for n in range(1, steps) if steps % n == 0),
             key=lambda n: n + steps // n)


def _in_groups(step: Callable, moved: PyTree, numbers: Int[Array, 'steps'],
               groups: int):
  """`jax.lax.scan`, of whose derivative only a group's states are held at a time."""
  if groups == 1:
    return jax.lax.scan(step, moved, numbers)
  group = jax.checkpoint(lambda moved, numbers: jax.lax.scan(step, moved, numbers))
  moved, outputs = jax.lax.scan(group, moved, numbers.reshape(groups, -1))
  return moved, jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), outputs)


def init_rates(moved: Params, steps: Steps) -> PyTree:
  """Learned inner rates, all at the fixed one to begin with.

  'weights': one of each weight (Meta-SGD, Li et al. 2017); 'layers': one of each array
  of weights and step (Antoniou et al. 2019, section 4, "LSLR").

  Args:
    moved: the subtrees that inner steps move.
    steps: the inner steps.
  """
  def full(weights):
    shape = weights.shape if steps.rates == 'weights' else (steps.steps,)
    return jnp.full(shape, steps.rate, weights.dtype)
  return jax.tree.map(full, moved)


def rate_of(params: Params, steps: Steps) -> Rate:
  """What `sgd_steps` takes as its step size.

  Args:
    params: with 'rates' where they are learned.
    steps: the inner steps.
  """
  if steps.rates == 'fixed':
    return steps.rate

  def learned(number):
    if steps.rates == 'weights':
      return params['rates']
    return jax.tree.map(lambda x: x[number], params['rates'])
  return learned


