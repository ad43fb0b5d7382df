"""Losses of one batch: `loss(params, batch) -> (value, its named parts)`."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jaxtyping import Array, Float
import optax

from lightman_jax.episodes.tasks import Examples
from lightman_jax.meta import alignment
from lightman_jax.models.network import Network, Params

Scalars = Mapping[str, Float[Array, '']]
Loss = Callable[[Params, Examples], tuple[Float[Array, ''], Scalars]]


def cross_entropy(predict: Callable[[Params, Array], Float[Array, 'n K']]) -> Loss:
  """The primary branch: mean cross entropy of the micro clips."""
  def loss(params, batch):
    value = optax.softmax_cross_entropy_with_integer_labels(
        predict(params, batch.x), batch.label).mean()
    return value, {'cross_entropy': value}
  return loss


def with_alignment(net: Network, *, weight: float | Float[Array, ''],
                   **mmd) -> Loss:
  """Both branches: cross entropy + weight * MMD^2 of micro and macro embeddings.

  The embedding itself is aligned: an MMD on a projection of its own can be met
  without any change to the encoder. Where a batch holds no macro clip, the first
  branch alone is left.
  """
  def loss(params, batch):
    n = len(batch.x)
    # One pass over both, so that the encoder's matmuls are as large as they can be.
    z = net.embed(params, jnp.concatenate([batch.x, batch.macro]))
    value = optax.softmax_cross_entropy_with_integer_labels(
        net.classify(params, z[:n]), batch.label).mean()
    parts = {'cross_entropy': value}
    if len(batch.macro):
      parts['alignment'] = alignment.mmd2(z[:n], z[n:], **mmd)
      value += weight * parts['alignment']
    return value, parts
  return loss
