"""Every method is a tuple of pure functions; a variant changes one argument."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from lightman_jax.meta import inner
from lightman_jax.meta import losses
from lightman_jax.meta import outer
from lightman_jax.meta.inner import Adapted, Steps
from lightman_jax.meta.losses import Align
from lightman_jax.models.network import Network, Params

EVERYTHING = ('encoder', 'head')


class Learner(NamedTuple):
  """An algorithm.

  `moving` names what adaptation changes of params; where it is empty, the model not
  adapted is no other model, and is not shown as one. `supported` says whether a
  prediction depends on a support at all.
  """
  init: Callable[[Key[Array, ''], tuple[int, ...]], Params]
  adapt: outer.Adapt                                          # params, support, key
  predict: Callable[[PyTree, Array], Float[Array, 'n K']]     # fast, (n, *clip)
  meta_grad: outer.MetaGrad                                   # params, task, key, done
  moving: tuple[str, ...] = ()
  supported: bool = True


def supervised(net: Network) -> Learner:
  """Plain training on support and query together; nothing moves at test time."""
  adapt = lambda params, support, key: Adapted(params, {})
  loss = losses.cross_entropy(net.logits)
  return Learner(net.init, adapt, net.logits, outer.direct_in_blocks(loss),
                 supported=False)


def finetuned(net: Network, how: Steps) -> Learner:
  """Plain training, and gradient steps on the support at test time."""
  loss = losses.cross_entropy(net.logits)
  return Learner(net.init, stepping(loss, how), net.logits,
                 outer.direct_in_blocks(loss), EVERYTHING)


def maml(net: Network, how: Steps, *, multi_step: float = 0.) -> Learner:
  """Model-agnostic meta-learning (Finn et al. 2017), second order or first.

  With learned rates of all weights it is Meta-SGD (Li et al. 2017); with those of
  layers and steps and with `multi_step`, the share of the training in which the query
  is judged after every inner step, it is most of MAML++ (Antoniou et al. 2019).
  """
  loss = losses.cross_entropy(net.logits)
  adapt = stepping(loss, how)
  return Learner(with_rates(net.init, how), adapt, net.logits,
                 judged(adapt, lambda fast, task: loss(fast, task.query), multi_step),
                 EVERYTHING)


def anil(net: Network, how: Steps, *, multi_step: float = 0.) -> Learner:
  """Almost no inner loop (Raghu et al. 2020): the head alone moves.

  What does not move is computed once: the steps are taken on the support's embeddings.
  """
  head = stepping(losses.cross_entropy(net.classify), how, moving=('head',))

  def adapt(params, support, key, watch=None):
    return head(params, support._replace(x=net.embed(params, support.x)), key, watch)

  loss = losses.cross_entropy(net.logits)
  return Learner(with_rates(net.init, how, moving=('head',)), adapt, net.logits,
                 judged(adapt, lambda fast, task: loss(fast, task.query), multi_step),
                 ('head',))


def reptile(net: Network, how: Steps) -> Learner:
  """Towards where adaptation leads (Nichol et al. 2018): no second derivative."""
  adapt = stepping(losses.cross_entropy(net.logits), how)
  return Learner(net.init, adapt, net.logits,
                 outer.displacement(adapt, rate=how.rate), EVERYTHING)


def lightman(net: Network, how: Steps, align: Align, *, multi_step: float = 0.,
             judge: str = 'query') -> Learner:
  """LightmanNet: two branches pull one encoder inside, recognition judges outside.

  That cross entropy and the alignment of micro- with macro-expressions by MMD drive
  the inner level together, and that the outer level refines across tasks by the
  query loss, is the paper's; weight, kernel and statistic are ours.

  Args:
    net: the network.
    how: the inner steps.
    align: the auxiliary branch.
    multi_step: see `maml`.
    judge: 'query', or 'none' for training without an outer level: the gradient of both
      branches on all clips of the task, and the same adaptation at test time.
  """
  both = losses.with_alignment(net, align)
  adapt = stepping(both, how)
  primary = losses.cross_entropy(net.logits)

  def outside(fast, task):
    if not align.outside:
      return primary(fast, task.query)
    macro, label = task.support.macro, task.support.macro_label
    return both(fast, task.query._replace(macro=macro, macro_label=label))

  def init(key, shape):
    params = with_rates(net.init, how)(key, shape)
    more = {'log_weight': jnp.log(jnp.asarray(align.weight))} if align.learned else {}
    return {**params, **more}

  grad = (outer.direct(both) if judge == 'none' else judged(adapt, outside, multi_step))
  return Learner(init, adapt, net.logits, grad, EVERYTHING)


def stepping(loss: losses.Loss, how: Steps, *, moving: tuple[str, ...] = EVERYTHING
             ) -> outer.Adapt:
  """Adaptation by gradient steps on a loss."""
  def adapt(params, support, key, watch=None):
    del key
    return inner.sgd_steps(
        loss, params, support, moving=moving, steps=how.steps,
        step_size=inner.rate_of(params, how), first_order=how.first_order,
        memory=how.memory, watch=watch)
  return adapt


def with_rates(init: Callable, how: Steps, *, moving: tuple[str, ...] = EVERYTHING
               ) -> Callable:
  """`init`, and the inner rates where they are learned."""
  def both(key, shape):
    params = init(key, shape)
    if how.rates == 'fixed':
      return params
    moved = {name: params[name] for name in moving}
    return {**params, 'rates': inner.init_rates(moved, how)}
  return both


def judged(adapt: outer.Adapt, loss: outer.OuterLoss, multi_step: float
           ) -> outer.MetaGrad:
  """The outer level: after the last inner step, or at first after each of them."""
  if multi_step:
    return outer.through_every_step(adapt, loss, until=multi_step)
  return outer.through_adaptation(adapt, loss)
