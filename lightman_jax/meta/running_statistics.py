"""Supervised training of a network with running statistics, without hidden state."""

import jax
import jax.numpy as jnp
import optax

from lightman_jax.meta import losses
from lightman_jax.meta.inner import Adapted
from lightman_jax.meta.learners import Learner
from lightman_jax.models.network import Network

MOMENTUM = .1     # of a batch in the running statistics, as in PyTorch


def supervised(net: Network) -> Learner:
  """Plain training on all clips of a task, as one batch with dropout.

  The running statistics are a subtree of the parameters, 'statistics'. In the place of
  their gradient stands their difference from the batch's, running minus batch: a step
  of plain descent along it, with rate `MOMENTUM`, makes them the exponential mean; see
  `beside_statistics`. A prediction goes by the running ones, so it depends on its own
  clip alone.

  Args:
    net: one with `train`, such as the published STSTNet's.

  Raises:
    TypeError: it has no running statistics.
  """
  train = net.train
  if train is None:
    raise TypeError('this network has no running statistics; take '
                    '`learners.supervised`')

  def meta_grad(params, task, key, progress=1.):
    del progress
    statistics = params['statistics']

    def loss(weights):
      logits, seen = train({**weights, 'statistics': statistics}, task.everything.x,
                           key)
      return losses.cross_entropies(logits, task.everything.label,
                                    net.label_smoothing).mean(), seen
    weights = {name: tree for name, tree in params.items() if name != 'statistics'}
    (value, seen), grads = jax.value_and_grad(loss, has_aux=True)(weights)
    gap = jax.tree.map(jnp.subtract, statistics, seen)
    return {**grads, 'statistics': gap}, {'query_loss': value}
  adapt = lambda params, support, key: Adapted(params, {})
  return Learner(net.init, adapt, net.logits, meta_grad, needs_support=False)


def beside_statistics(optimizer: optax.GradientTransformation, *,
                      momentum: float = MOMENTUM) -> optax.GradientTransformation:
  """`optimizer` for the weights; the running statistics go their own way.

  They are neither clipped nor decayed, and do not count for the norm of a gradient;
  `momentum` is the share of a batch in them.

  Args:
    optimizer: of the weights.
    momentum: share of a batch in the running statistics, 0 to 1.
  """
  def kinds(params):
    return {name: jax.tree.map(
        lambda _, name=name: 'running' if name == 'statistics' else 'learned', tree)
            for name, tree in params.items()}
  return optax.partition(
      {'learned': optimizer, 'running': optax.sgd(momentum)}, kinds)
