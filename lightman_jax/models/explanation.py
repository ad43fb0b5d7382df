"""What carried a prediction of DeRe-GRL: its actions, their relations and components.

Behind the backbone a logit is a sum over all ways from a component through an action,
and perhaps through the action that it is related to, to the head. So the shares below
are exact: they add up to the logit less the head's bias.
"""

from typing import Any, NamedTuple

from flax import linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lightman_jax.models.network import Params
from lightman_jax.units import short_repr


class Explanation(NamedTuple):
  """Of n clips, K classes, A actions and C components (68, if not decomposed)."""
  logits: Float[Array, 'n K']
  bias: Float[Array, 'K']
  parts: Float[Array, 'n K A C']        # what comes by an action from a component
  relations: Float[Array, 'n K A A']    # of it, what comes by [to, from] two actions
  weights: Float[Array, 'n A A']        # the relations themselves, rows of sum 1
  __repr__ = short_repr

  @property
  def actions(self) -> Float[Array, 'n K A']:
    """The contribution of each action to a logit."""
    return self.parts.sum(-1)


def explain(encoder: nn.Module, params: Params, x: Float[Array, 'n T 68 2']
            ) -> Explanation:
  """The exact contributions to each class's logit.

  Args:
    encoder: a `DeReGRL`.
    params: of a network with that encoder and a linear head.
    x: clips as the network sees them.
  """
  # A pair, for what is mutable.
  pair: Any = encoder.apply({'params': params['encoder']}, x, mutable=['intermediates'])
  maps, seen = pair
  (parts,), (weights,) = (seen['intermediates'][name]
                          for name in ('parts', 'relations'))
  mapped = params['encoder']['map']
  kernel, bias = params['head']['kernel'], params['head']['bias']
  head = kernel.reshape(len(mapped), -1, kernel.shape[-1])            # (A, d, K)
  # By the head's weights of action a, what each component gives.
  by_action = jnp.einsum('ncd,adk->nkac', parts, head)
  both = jnp.eye(len(mapped), dtype=weights.dtype) + weights
  by_part = jnp.einsum('nab,nkac,bc->nkbc', both, by_action, mapped)
  by_relation = jnp.einsum('nab,nkac,bc->nkab', weights, by_action, mapped)
  return Explanation(maps.reshape(x.shape[0], -1) @ kernel + bias, bias, by_part,
                     by_relation, weights)


def mean_explanation(several: Explanation) -> Explanation:
  """Of models whose logits are averaged: explanations along a first axis.

  Args:
    several: of the same clips, by one model after the other along a first axis.
  """
  return jax.tree.map(lambda v: v.mean(0), several)
