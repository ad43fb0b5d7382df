"""Every method is a tuple of pure functions; a variant changes one argument."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from lightman_jax.meta import inner
from lightman_jax.meta import losses
from lightman_jax.meta import outer
from lightman_jax.models.network import Network, Params

EVERYTHING = ('encoder', 'head')


class Learner(NamedTuple):
  """An algorithm.

  `moving` names what adaptation changes of params; where it is empty, the model not
  adapted is no other model, and is not shown as one.
  """
  init: Callable[[Key[Array, ''], tuple[int, ...]], Params]
  adapt: outer.Adapt                                          # params, support, key
  predict: Callable[[PyTree, Array], Float[Array, 'n K']]     # fast, (n, *clip)
  meta_grad: outer.MetaGrad                                   # params, task, key
  moving: tuple[str, ...] = ()


def supervised(net: Network) -> Learner:
  """Plain training on support and query together; nothing moves at test time."""
  adapt = lambda params, support, key: inner.Adapted(params, {})
  return Learner(net.init, adapt, net.logits,
                 outer.direct(losses.cross_entropy(net.logits)))


def maml(net: Network, **steps) -> Learner:
  """Model-agnostic meta-learning, second order (Finn et al. 2017)."""
  loss = losses.cross_entropy(net.logits)
  adapt = lambda params, support, key: inner.sgd_steps(
      loss, params, support, moving=EVERYTHING, **steps)
  return Learner(net.init, adapt, net.logits,
                 outer.through_adaptation(adapt, loss), EVERYTHING)


def lightman(net: Network, *, align_weight: float | Float[Array, ''], statistic: str,
             bandwidth: float, **steps) -> Learner:
  """LightmanNet: two branches pull one encoder inside, recognition judges outside.

  That cross entropy and the alignment of micro- with macro-expressions by MMD drive
  the inner level together, and that the outer level refines across tasks by the
  query loss, is the paper's; weight, kernel and statistic are ours.
  """
  both = losses.with_alignment(net, weight=align_weight, statistic=statistic,
                               bandwidth=bandwidth)
  adapt = lambda params, support, key: inner.sgd_steps(
      both, params, support, moving=EVERYTHING, **steps)
  return Learner(net.init, adapt, net.logits,
                 outer.through_adaptation(adapt, losses.cross_entropy(net.logits)),
                 EVERYTHING)


def protonet(net: Network) -> Learner:
  """The nearest class mean of embeddings (Snell et al. 2017, eq. 1 and 2).

  Squared distances are divided by the embedding's length, so that the logits of a
  long embedding do not start out saturated.
  """
  def init(key, shape):
    params = net.init(key, shape)
    return {'encoder': params['encoder']}

  def adapt(params, support, key):
    del key
    member = jax.nn.one_hot(support.label, net.classes, axis=0)   # (K, n)
    means = member @ net.embed(params, support.x) / member.sum(1, keepdims=True)
    return inner.Adapted({**params, 'prototypes': means}, {})

  def predict(fast, x):
    gap = net.embed(fast, x)[:, None] - fast['prototypes'][None]      # (n, K, d)
    return -jnp.mean(jnp.square(gap), -1)

  return Learner(init, adapt, predict,
                 outer.through_adaptation(adapt, losses.cross_entropy(predict)))


def make_learner(net: Network, *, name: str, inner_steps: int, inner_rate: float,
                 inner_memory: float, align_weight: float, statistic: str,
                 bandwidth: float) -> Learner:
  """The learner of a configuration's `method` section."""
  steps = dict(steps=inner_steps, step_size=inner_rate, memory=inner_memory)
  return {
      'supervised': lambda: supervised(net),
      'maml': lambda: maml(net, **steps),
      'protonet': lambda: protonet(net),
      'lightman': lambda: lightman(
          net, align_weight=align_weight, statistic=statistic, bandwidth=bandwidth,
          **steps),
  }[name]()
