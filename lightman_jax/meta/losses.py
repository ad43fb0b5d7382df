"""Losses of one batch, `loss(params, batch) -> (value, its named parts)`.

What builds one returns a `Loss`; a term of a loss, such as `units_cross_entropy`, is a
value alone.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int
import optax

from lightman_jax.inputs.pool import members
from lightman_jax.meta import mmd
from lightman_jax.models.network import Network, Params
from lightman_jax.tasks.sampling import Examples, Labels, Task

Scalars = Mapping[str, Float[Array, '']]
Loss = Callable[[Params, Examples], tuple[Float[Array, ''], Scalars]]


class Align(NamedTuple):
  """The auxiliary branch of LightmanNet; every choice is ours."""
  weight: float = .5            # lambda
  learned: bool = False         # it goes by its hypergradient from there
  by_class: bool = False        # each class with its own, or all clips with all
  # 'embedding': the encoder's flattened map, without what a skip or dropout makes of it
  # behind (`Network.embed` is behind both); 'pooled': the mean of its places; 'logits'.
  aligned: str = 'embedding'
  outside: bool = False         # the query is aligned, too, in the outer loss
  statistic: str = 'v'          # the last three: see `mmd.mmd2`
  bandwidth: float = 0.
  bandwidth_rule: str = 'mean'


class MacroLabels(NamedTuple):
  """Labelled macro clips in a training loss: mu times their cross entropy."""
  weight: float = .3            # mu
  where: str = 'inner'          # the loss they are in: 'inner', 'outer' or 'both'
  own_head: bool = False        # a head of theirs over the same embedding
  learned: bool = False         # mu goes by its hypergradient from there

  @property
  def inside(self) -> bool:
    """Whether the inner loss has them."""
    return self.where != 'outer'

  @property
  def outside(self) -> bool:
    """Whether the outer loss has them."""
    return self.where != 'inner'


def cross_entropy(predict: Callable[[Params, Array], Float[Array, 'n K']],
                  smoothing: float = 0., multi_label: bool = False) -> Loss:
  """The primary branch: mean cross entropy of the micro clips.

  Args:
    predict: (params, clips) -> logits.
    smoothing: see `cross_entropies`.
    multi_label: likewise.

  Returns:
    A loss of (params, examples); macro clips have no part in it.
  """
  def loss(params, batch):
    value = cross_entropies(predict(params, batch.x), batch.label, smoothing,
                            multi_label).mean()
    return value, {'cross_entropy': value}
  return loss


def cross_entropies(logits: Float[Array, 'n K'],
                    label: Labels, smoothing: float = 0., multi_label: bool = False
                    ) -> Float[Array, 'n']:
  """The cross entropy of each clip; of sets of classes, the mean of those of each.

  Args:
    logits: of clips.
    label: classes, sets of them, or shares; see `sampling.Labels`.
    smoothing: share of a label that all classes get alike (Szegedy et al. 2016,
      section 7); of sets, of each class that its presence and absence get alike.
    multi_label: each logit is of its class against its absence.
  """
  if multi_label:
    there = members(label, logits.shape[-1]).astype(logits.dtype)
    return optax.sigmoid_binary_cross_entropy(
        logits, (1 - smoothing) * there + smoothing / 2).mean(-1)
  shares = label.ndim > 1
  if not smoothing and not shares:
    return optax.softmax_cross_entropy_with_integer_labels(logits, label)
  one_hot = (label.astype(logits.dtype) if shares else
             jax.nn.one_hot(label, logits.shape[-1], dtype=logits.dtype))
  return optax.softmax_cross_entropy(logits, optax.smooth_labels(one_hot, smoothing))


def with_macro_labels(net: Network, labels: MacroLabels) -> Loss:
  """Cross entropy of the micro clips + mu * that of the macro clips.

  Args:
    net: the network.
    labels: weight and head of the macro clips.

  Returns:
    A loss of (params, examples) with the parts 'cross_entropy' and, where a batch holds
    macro clips, 'macro_cross_entropy'; see `balanced_cross_entropy`.
  """
  def loss(params, batch):
    n = len(batch.x)
    z = net.embed(params, jnp.concatenate([batch.x, batch.macro]))
    value = cross_entropies(net.classify(params, z[:n]), batch.label,
                            net.label_smoothing, net.multi_label).mean()
    parts = {'cross_entropy': value}
    if len(batch.macro):
      parts['macro_cross_entropy'] = balanced_cross_entropy(
          macro_head(net, labels)(params, z[n:]), batch.macro_label,
          net.label_smoothing, net.multi_label)
      value += macro_weight(params, labels) * parts['macro_cross_entropy']
    return value, parts
  return loss


def macro_head(net: Network, labels: MacroLabels
               ) -> Callable[[Params, Array], Float[Array, 'm K']]:
  """What turns embeddings of macro clips into logits: the network's head, or theirs.

  Args:
    net: the network.
    labels: of the macro clips.

  Raises:
    TypeError: they are to have a head of their own, and the network has none.
  """
  if not labels.own_head:
    return net.classify
  if net.classify_macro is None:
    raise TypeError('this network has no head for macro clips: macro_head=True')
  return net.classify_macro


def balanced_cross_entropy(logits: Float[Array, 'm K'], label: Int[Array, 'm'],
                           smoothing: float = 0., multi_label: bool = False
                           ) -> Float[Array, '']:
  """The mean over the classes that are present of each class's mean cross entropy.

  Macro clips have a balance of classes of their own, which no draw makes even. Of sets
  of classes it is the plain mean over the clips of which one is known.

  Args:
    logits: of m clips.
    label: of each; -1 is of no class and counts for nothing. Without any other it is 0.
    smoothing: see `cross_entropies`.
    multi_label: likewise.
  """
  if multi_label:
    known = (label >= 0).astype(logits.dtype)
    values = cross_entropies(logits, label, smoothing, multi_label=True)
    return known @ values / jnp.maximum(known.sum(), 1)
  member = jax.nn.one_hot(label, logits.shape[-1], dtype=logits.dtype)
  size = member.sum(0)
  of_class = (size > 0) / jnp.maximum(size, 1) / jnp.maximum((size > 0).sum(), 1)
  values = cross_entropies(logits, jnp.maximum(label, 0), smoothing)
  return (member @ of_class) @ values


def units_cross_entropy(net: Network, params: Params, batch: Examples
                        ) -> Float[Array, '']:
  """The mean sigmoid cross entropy of action units, over clips that were coded.

  Args:
    net: with a head for units.
    params: of it.
    batch: with units; -1 counts for nothing, and without any other the loss is 0.

  Raises:
    TypeError: the network has no such head, or the batch no units.
  """
  if net.classify_units is None or batch.units is None or batch.macro_units is None:
    raise TypeError('units are learned beside classes by a network with a head for '
                    'them, units=N, of clips with units')
  x = jnp.concatenate([batch.x, batch.macro])
  label = jnp.concatenate([batch.units, batch.macro_units])
  return balanced_cross_entropy(net.classify_units(params, net.embed(params, x)), label,
                                multi_label=True)


def macro_weight(params: Params, labels: MacroLabels) -> float | Float[Array, '']:
  """Mu; a learned one is kept as its logarithm, so it stays above zero.

  Args:
    params: with 'log_macro_weight' where mu is learned.
    labels: of the macro clips.
  """
  return jnp.exp(params['log_macro_weight']) if labels.learned else labels.weight


def with_alignment(net: Network, align: Align, labels: MacroLabels | None = None
                   ) -> Loss:
  """Both branches: cross entropy + lambda * MMD^2 of micro and macro clips.

  What is aligned is the encoder's map (or its positions' mean, or the logits): an
  MMD on a projection of its own can be met without any change to the encoder. The map
  is taken before skip and dropout: what the head sees, `Network.embed`, is behind both.
  Where a batch holds no macro clip, the first branch alone is left.

  Args:
    net: the network.
    align: weight, features and statistic of the alignment.
    labels: of the macro clips, where their cross entropy is a third term.

  Returns:
    A loss of (params, examples) with the parts 'cross_entropy', 'alignment' and, with
    labels, 'macro_cross_entropy'.
  """
  def loss(params, batch):
    n = len(batch.x)
    # One pass over both, so that the encoder's matmuls are as large as they can be.
    x = jnp.concatenate([batch.x, batch.macro])
    maps = net.maps(params, x)
    z = maps.reshape(len(maps), -1)
    end = None if align.aligned == 'logits' else n
    logits = net.classify(params, net.beside(params, z[:end], x[:end]))
    value = cross_entropies(logits[:n], batch.label, net.label_smoothing,
                            net.multi_label).mean()
    parts = {'cross_entropy': value}
    if len(batch.macro):
      if align.aligned == 'pooled':
        features = maps.reshape(len(maps), -1, maps.shape[-1]).mean(1)
      else:
        features = {'embedding': z, 'logits': logits}[align.aligned]
      parts['alignment'] = discrepancy(features, batch, net.classes, align)
      value += align_weight(params, align) * parts['alignment']
      if labels is not None:
        parts['macro_cross_entropy'] = balanced_cross_entropy(
            macro_head(net, labels)(params, net.beside(params, z[n:], x[n:])),
            batch.macro_label, net.label_smoothing, net.multi_label)
        value += macro_weight(params, labels) * parts['macro_cross_entropy']
    return value, parts
  return loss


def discrepancy(z: Float[Array, 'clips d'], batch: Examples, classes: int,
                align: Align) -> Float[Array, '']:
  """MMD^2 between the micro clips' features, which come first, and the macro clips'.

  Args:
    z: features of all clips of the batch, micro clips first.
    batch: the labels are read from.
    classes: how many there are.
    align: the statistic and its kernels.
  """
  n = len(batch.x)
  member = lambda label: jax.nn.one_hot(label, classes, dtype=bool)
  return mmd.mmd2(
      z[:n], z[n:], statistic=align.statistic, bandwidth=align.bandwidth,
      bandwidth_rule=align.bandwidth_rule,
      classes=((member(batch.label), member(batch.macro_label)) if align.by_class
               else None))


def align_weight(params: Params, align: Align) -> float | Float[Array, '']:
  """Lambda; a learned one is kept as its logarithm, so it stays above zero.

  Args:
    params: with 'log_weight' where lambda is learned.
    align: the alignment.
  """
  return jnp.exp(params['log_weight']) if align.learned else align.weight


# Which losses of a method labelled macro clips are in.

def split_by_level(labels: MacroLabels | None
                   ) -> tuple[MacroLabels | None, MacroLabels | None]:
  """The labels that the inner and that the outer loss has.

  Args:
    labels: of a method.
  """
  if labels is None:
    return None, None
  return labels if labels.inside else None, labels if labels.outside else None


def make_init(net: Network, labels: MacroLabels | None) -> Callable:
  """`net.init`, and mu where it is learned.

  Args:
    net: the network.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  if labels is None or not labels.learned:
    return net.init

  def init(key, shape):
    return {**net.init(key, shape),
            'log_macro_weight': jnp.log(jnp.asarray(labels.weight))}
  return init


def recognition(net: Network, labels: MacroLabels | None) -> Loss:
  """Cross entropy of the micro clips, and of labelled macro clips where they are in.

  Args:
    net: the network.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  return (cross_entropy(net.logits, net.label_smoothing, net.multi_label)
          if labels is None else
          with_macro_labels(net, labels))


def outer_recognition(net: Network, labels: MacroLabels | None
                      ) -> Callable[[Params, Task], tuple[Float[Array, ''], Scalars]]:
  """Recognition of the query, and of the task's macro clips where these are in.

  Args:
    net: the network.
    labels: how labelled macro clips are in the losses; None: not at all.

  Returns:
    An outer loss, of adapted parameters and a task.
  """
  loss = recognition(net, labels)

  def of_task(fast, task):
    return loss(fast, task.query if labels is None else query_with_macro(task))
  return of_task


def query_with_macro(task: Task) -> Examples:
  """The query, and the macro clips of the task, which are drawn with its support.

  Args:
    task: as it was drawn.
  """
  return task.query._replace(macro=task.support.macro,
                             macro_label=task.support.macro_label)
