"""Three ways from a task to a gradient of the initial parameters."""

from collections.abc import Callable

import jax
from jaxtyping import Array, Key

from lightman_jax.episodes.tasks import Examples, Task
from lightman_jax.meta.inner import Adapted
from lightman_jax.meta.losses import Loss, Scalars
from lightman_jax.models.network import Params

Adapt = Callable[[Params, Examples, Key[Array, '']], Adapted]
MetaGrad = Callable[[Params, Task, Key[Array, '']], tuple[Params, Scalars]]


def through_adaptation(adapt: Adapt, query_loss: Loss) -> MetaGrad:
  """The gradient of the query loss through adaptation (MAML and kin, ProtoNet).

  Second order unless `adapt` stops it (Finn et al. 2017, algorithm 1, line 8).
  """
  def meta_grad(params, task, key):
    def after(params):
      fast, trace = adapt(params, task.support, key)
      loss, _ = query_loss(fast, task.query)
      return loss, trace
    (loss, trace), grads = jax.value_and_grad(after, has_aux=True)(params)
    return grads, {'query_loss': loss,
                   **{f'support_{name}': x for name, x in trace.items()}}
  return meta_grad


def direct(loss: Loss) -> MetaGrad:
  """The plain gradient on all micro clips of the task (supervised training)."""
  def meta_grad(params, task, key):
    del key
    (value, _), grads = jax.value_and_grad(loss, has_aux=True)(
        params, task.everything)
    return grads, {'query_loss': value}
  return meta_grad
