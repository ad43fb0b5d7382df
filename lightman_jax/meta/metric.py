"""Methods that compare embeddings: nothing moves, the support is what is looked at."""

import jax
import jax.numpy as jnp

from lightman_jax.meta import losses
from lightman_jax.meta import outer
from lightman_jax.meta.inner import Adapted
from lightman_jax.meta.learners import Learner
from lightman_jax.models.network import Network


def protonet(net: Network) -> Learner:
  """The nearest class mean of embeddings (Snell et al. 2017, eq. 1 and 2).

  Squared distances are divided by the embedding's length, so that the logits of a
  long embedding do not start out saturated.
  """
  def adapt(params, support, key):
    del key
    member = jax.nn.one_hot(support.label, net.classes, axis=0)   # (K, n)
    means = member @ net.embed(params, support.x) / member.sum(1, keepdims=True)
    return Adapted({**params, 'prototypes': means}, {})

  def predict(fast, x):
    gap = net.embed(fast, x)[:, None] - fast['prototypes'][None]      # (n, K, d)
    return -jnp.mean(jnp.square(gap), -1)
  return _compared(net, adapt, predict)


def matchingnet(net: Network) -> Learner:
  """Attention over the support's clips by cosine (Vinyals et al. 2016, eq. 1 and 2).

  Without their full context embeddings; logits are the logarithms of eq. 1.
  """
  def adapt(params, support, key):
    del key
    z = net.embed(params, support.x)
    return Adapted({**params, 'seen': _unit(z),
                    'labels': jax.nn.one_hot(support.label, net.classes)}, {})

  def predict(fast, x):
    attention = jax.nn.softmax(_unit(net.embed(fast, x)) @ fast['seen'].T)
    # A class that the support lacks has no attention, and a finite logit all the same.
    return jnp.log(jnp.maximum(attention @ fast['labels'], 1e-12))
  return _compared(net, adapt, predict)


def _compared(net: Network, adapt, predict) -> Learner:
  def init(key, shape):
    return {'encoder': net.init(key, shape)['encoder']}
  loss = losses.cross_entropy(predict)
  return Learner(init, adapt, predict, outer.through_adaptation(
      adapt, lambda fast, task: loss(fast, task.query)))


def _unit(z):
  return z * jax.lax.rsqrt(jnp.sum(jnp.square(z), -1, keepdims=True) + 1e-12)
