"""Ways from a task to a gradient of the initial parameters."""

from collections.abc import Callable
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from lightman_jax.meta.inner import Adapted
from lightman_jax.meta.losses import Loss, Scalars
from lightman_jax.models.network import Params
from lightman_jax.tasks.sampling import Task

Adapt = Callable[..., Adapted]            # params, support, key, and maybe watch=
# params, task, key, and the progress of the training, 0 to 1 -> gradient, scalars. The
# scalar 'query_loss' is what the log of a run calls its loss: the value of the outer
# loss; of a method that has no query, that of the loss which it takes its gradient of.
MetaGrad = Callable[..., tuple[Params, Scalars]]
# Of adapted parameters and a task.
OuterLoss = Callable[[Params, Task], tuple[Float[Array, ''], Scalars]]
# Numbers that the clips of a microbatch hold: those of 16 clips of 28 x 28 x 3.
MICROBATCH = 40_000


def through_adaptation(adapt: Adapt, outer_loss: OuterLoss) -> MetaGrad:
  """The gradient of the outer loss through adaptation (MAML and kin, ProtoNet).

  Second order unless `adapt` stops it (Finn et al. 2017, algorithm 1, line 8).

  Args:
    adapt: (params, support, key) to adapted parameters.
    outer_loss: of adapted parameters and a task, such as the query's cross entropy.
  """
  def meta_grad(params, task, key, progress=1.):
    del progress

    def after(params):
      fast, start_losses, _ = adapt(params, task.support, key)
      loss, _ = outer_loss(fast, task)
      return loss, start_losses
    return _with_losses(jax.value_and_grad(after, has_aux=True)(params))
  return meta_grad


def through_every_step(adapt: Adapt, outer_loss: OuterLoss, *, until: float
                       ) -> MetaGrad:
  """The gradient of the outer losses after all inner steps, each with its weight.

  The weights begin equal; that of the last step rises in a line to 1 while `until` of
  the training is done, and from there on the loss is that of `through_adaptation`
  (Antoniou et al. 2019, section 4, "MSL"; they leave .03 to the other steps).

  Args:
    adapt: (params, support, key, watch=) to adapted parameters.
    outer_loss: of adapted parameters and a task, such as the query's cross entropy.
    until: share of the training after which the last step alone counts.
  """
  def meta_grad(params, task, key, progress=1.):
    last = jnp.minimum(progress / until, 1.)

    def after(params):
      _, start_losses, losses = adapt(
          params, task.support, key, watch=lambda fast: outer_loss(fast, task)[0])
      if losses is None:
        raise TypeError('this adaptation watches no step; it needs one by inner steps')
      value = last * losses[-1] + (1 - last) * losses.mean()
      return value, (start_losses, losses[-1])
    (_, (start_losses, loss)), grads = jax.value_and_grad(after, has_aux=True)(params)
    return _with_losses(((loss, start_losses), grads))
  return meta_grad


def direct(loss: Loss) -> MetaGrad:
  """The plain gradient on all clips of the task, as one batch.

  Args:
    loss: of (params, examples).
  """
  def meta_grad(params, task, key, progress=1.):
    del key, progress
    (value, parts), grads = jax.value_and_grad(loss, has_aux=True)(
        params, task.everything)
    # Cross entropy alone is the loss itself.
    more = {f'support_{name}': x for name, x in parts.items()} if len(parts) > 1 else {}
    return grads, {'query_loss': value, **more}
  return meta_grad


def direct_in_microbatches(loss: Loss) -> MetaGrad:
  """`direct` of a loss that is a mean over micro clips: cross entropy alone.

  Args:
    loss: of (params, examples).
  """
  def meta_grad(params, task, key, progress=1.):
    del key, progress
    batch = task.everything
    size = microbatch_size(batch.x.shape)

    def of_microbatch(params, x, label):
      (value, _), grads = jax.value_and_grad(loss, has_aux=True)(
          params, batch._replace(x=x, label=label))
      return value, grads
    total = sum_over_microbatches(of_microbatch, params, (batch.x, batch.label), size)
    value, grads = jax.tree.map(lambda x: x * (size / len(batch.x)), total)
    return grads, {'query_loss': value}
  return meta_grad


def sum_over_microbatches(call: Callable[..., PyTree], params: Params,
                          batch: tuple[Array, ...], size: int) -> PyTree:
  """The sum of `call(params, *microbatch)` over microbatches, one after the other.

  Args:
    call: gives a pytree, such as a loss and its gradient.
    params: handed on to the call.
    batch: arrays with one first axis, a multiple of `size`.
    size: clips of a microbatch.
  """
  if len(batch[0]) == size:
    return call(params, *batch)
  microbatches = tuple(x.reshape(-1, size, *x.shape[1:]) for x in batch)
  first = lambda: call(params, *(x[0] for x in microbatches))
  total = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(first))

  def add(total, microbatch):
    return jax.tree.map(jnp.add, total, call(params, *microbatch)), None
  return jax.lax.scan(add, total, microbatches)[0]


def microbatch_size(shape: tuple[int, ...]) -> int:
  """How many of n clips, (n, *clip), to take at once: a divisor of n.

  On a CPU, as many as have activations that stay in a core's cache: STSTNet, whose maps
  are wide, takes a step on 256 clips in less than half of the time then, and no other
  encoder takes longer. Elsewhere all.

  Args:
    shape: of all clips, (n, *clip).
  """
  if jax.default_backend() != 'cpu':
    return shape[0]
  fit = max(MICROBATCH // math.prod(shape[1:]), 1)
  return max(size for size in range(1, shape[0] + 1)
             if shape[0] % size == 0 and size <= fit)


def displacement(adapt: Adapt, *, rate: float) -> MetaGrad:
  """Where adaptation to all clips of the task leads (Reptile; Nichol et al. 2018).

  The gradient is (params - adapted) / rate, as in their section 2; no query is left
  to judge, so the loss in the log is that of all clips before the first step.

  Args:
    adapt: (params, support, key) to adapted parameters.
    rate: the inner rate.
  """
  def meta_grad(params, task, key, progress=1.):
    del progress
    fast, start_losses, _ = adapt(params, task.everything, key)
    grads = jax.tree.map(lambda start, end: (start - end) / rate, params, fast)
    return grads, {'query_loss': start_losses['cross_entropy']}
  return meta_grad


def _with_losses(losses_and_grads):
  (loss, start_losses), grads = losses_and_grads
  return grads, {'query_loss': loss,
                 **{f'support_{name}': x for name, x in start_losses.items()}}
