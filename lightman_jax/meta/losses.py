"""Losses of one batch: `loss(params, batch) -> (value, its named parts)`."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import optax

from lightman_jax.meta import mmd
from lightman_jax.models.network import Network, Params
from lightman_jax.tasks.sampling import Examples

Scalars = Mapping[str, Float[Array, '']]
Loss = Callable[[Params, Examples], tuple[Float[Array, ''], Scalars]]


class Align(NamedTuple):
  """The auxiliary branch of LightmanNet; every choice is ours."""
  weight: float = .5            # lambda
  learned: bool = False         # it goes by its hypergradient from there
  by_class: bool = False        # each class with its own, or all clips with all
  aligned: str = 'embedding'    # what is aligned: 'embedding', 'pooled' or 'logits'
  outside: bool = False         # the query is aligned, too, in the outer loss
  statistic: str = 'v'          # the last three: see `mmd.mmd2`
  bandwidth: float = 0.
  bandwidth_rule: str = 'mean'


def cross_entropy(predict: Callable[[Params, Array], Float[Array, 'n K']],
                  smoothing: float = 0.) -> Loss:
  """The primary branch: mean cross entropy of the micro clips.

  Args:
    predict: (params, clips) -> logits.
    smoothing: see `cross_entropies`.

  Returns:
    A loss of (params, examples); macro clips have no part in it.
  """
  def loss(params, batch):
    value = cross_entropies(predict(params, batch.x), batch.label, smoothing).mean()
    return value, {'cross_entropy': value}
  return loss


def cross_entropies(logits: Float[Array, 'n K'], label: Int[Array, 'n'],
                    smoothing: float = 0.) -> Float[Array, 'n']:
  """The cross entropy of each clip.

  Args:
    logits: of clips.
    label: 0 ... K - 1.
    smoothing: share of a label that all classes get alike (Szegedy et al. 2016,
      section 7).
  """
  if not smoothing:
    return optax.softmax_cross_entropy_with_integer_labels(logits, label)
  one_hot = jax.nn.one_hot(label, logits.shape[-1], dtype=logits.dtype)
  return optax.softmax_cross_entropy(logits, optax.smooth_labels(one_hot, smoothing))


def with_alignment(net: Network, how: Align) -> Loss:
  """Both branches: cross entropy + lambda * MMD^2 of micro and macro clips.

  What is aligned is the encoder's map (or its positions' mean, or the logits): an
  MMD on a projection of its own can be met without any change to the encoder. Where a
  batch holds no macro clip, the first branch alone is left.

  Args:
    net: the network.
    how: weight, features and statistic of the alignment.

  Returns:
    A loss of (params, examples) with the parts 'cross_entropy' and 'alignment'.
  """
  def loss(params, batch):
    n = len(batch.x)
    # One pass over both, so that the encoder's matmuls are as large as they can be.
    x = jnp.concatenate([batch.x, batch.macro])
    maps = net.maps(params, x)
    z = maps.reshape(len(maps), -1)
    end = None if how.aligned == 'logits' else n
    logits = net.classify(params, net.beside(z[:end], x[:end]))
    value = cross_entropies(logits[:n], batch.label, net.label_smoothing).mean()
    parts = {'cross_entropy': value}
    if len(batch.macro):
      features = {'embedding': lambda: z, 'logits': lambda: logits,
                  'pooled': lambda: maps.reshape(len(maps), -1, maps.shape[-1]).mean(1)
                  }[how.aligned]()
      parts['alignment'] = discrepancy(features, batch, net.classes, how)
      value += weight_of(params, how) * parts['alignment']
    return value, parts
  return loss


def discrepancy(z: Float[Array, 'z d'], batch: Examples, classes: int, how: Align
                ) -> Float[Array, '']:
  """MMD^2 between the micro clips' features, which come first, and the macro clips'.

  Args:
    z: features of all clips of the batch, micro clips first.
    batch: the labels are read from.
    classes: how many there are.
    how: the statistic and its kernels.
  """
  n = len(batch.x)
  member = lambda label: jax.nn.one_hot(label, classes, dtype=bool)
  return mmd.mmd2(
      z[:n], z[n:], statistic=how.statistic, bandwidth=how.bandwidth,
      bandwidth_rule=how.bandwidth_rule,
      classes=((member(batch.label), member(batch.macro_label)) if how.by_class
               else None))


def weight_of(params: Params, how: Align) -> float | Float[Array, '']:
  """Lambda; a learned one is kept as its logarithm, so it stays above zero.

  Args:
    params: with 'log_weight' where lambda is learned.
    how: the alignment.
  """
  return jnp.exp(params['log_weight']) if how.learned else how.weight
