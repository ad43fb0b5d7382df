"""Every method is a tuple of pure functions; a variant changes one argument."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree
import optax

from lightman_jax import sections
from lightman_jax.errors import InputError
from lightman_jax.meta import inner, losses, outer
from lightman_jax.meta.inner import Adapted, Steps
from lightman_jax.meta.losses import Align
from lightman_jax.models.network import Network, Params

EVERYTHING = ('encoder', 'head')


class Learner(NamedTuple):
  """An algorithm.

  `moving` names what adaptation changes of params; where it is empty, the model not
  adapted is no other model, and is not shown as one. `supported` says whether a
  prediction depends on a support at all.

  Example:
    >>> params = learner.init(key, task.query.x.shape[1:])        # doctest: +SKIP
    >>> grads, losses = learner.meta_grad(params, task, key)      # doctest: +SKIP
    >>> fast = learner.adapt(params, task.support, key).fast      # doctest: +SKIP
    >>> logits = learner.predict(fast, task.query.x)              # doctest: +SKIP
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
  loss = losses.cross_entropy(net.logits, net.label_smoothing)
  return Learner(net.init, adapt, net.logits, outer.direct_in_blocks(loss),
                 supported=False)


def finetuned(net: Network, how: Steps) -> Learner:
  """Plain training, and gradient steps on the support at test time."""
  loss = losses.cross_entropy(net.logits, net.label_smoothing)
  return Learner(net.init, stepping(loss, how), net.logits,
                 outer.direct_in_blocks(loss), EVERYTHING)


def maml(net: Network, how: Steps, *, multi_step: float = 0.) -> Learner:
  """Model-agnostic meta-learning (Finn et al. 2017), second order or first.

  With learned rates of all weights it is Meta-SGD (Li et al. 2017); with those of
  layers and steps and with `multi_step`, the share of the training in which the query
  is judged after every inner step, it is most of MAML++ (Antoniou et al. 2019).
  """
  loss = losses.cross_entropy(net.logits, net.label_smoothing)
  adapt = stepping(loss, how)
  return Learner(with_rates(net.init, how), adapt, net.logits,
                 outer_gradient(adapt, lambda fast, task: loss(fast, task.query),
                                multi_step),
                 EVERYTHING)


def anil(net: Network, how: Steps, *, multi_step: float = 0.) -> Learner:
  """Almost no inner loop (Raghu et al. 2020): the head alone moves.

  What does not move is computed once: the steps are taken on the support's embeddings.
  """
  head = stepping(losses.cross_entropy(net.classify, net.label_smoothing), how, moving=('head',))

  def adapt(params, support, key, watch=None):
    return head(params, support._replace(x=net.embed(params, support.x)), key, watch)

  loss = losses.cross_entropy(net.logits, net.label_smoothing)
  return Learner(with_rates(net.init, how, moving=('head',)), adapt, net.logits,
                 outer_gradient(adapt, lambda fast, task: loss(fast, task.query),
                                multi_step),
                 ('head',))


def reptile(net: Network, how: Steps) -> Learner:
  """Towards where adaptation leads (Nichol et al. 2018): no second derivative."""
  adapt = stepping(losses.cross_entropy(net.logits, net.label_smoothing), how)
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
  primary = losses.cross_entropy(net.logits, net.label_smoothing)

  def outside(fast, task):
    if not align.outside:
      return primary(fast, task.query)
    macro, label = task.support.macro, task.support.macro_label
    return both(fast, task.query._replace(macro=macro, macro_label=label))

  def init(key, shape):
    params = with_rates(net.init, how)(key, shape)
    more = {'log_weight': jnp.log(jnp.asarray(align.weight))} if align.learned else {}
    return {**params, **more}

  grad = (outer.direct(both) if judge == 'none' else
          outer_gradient(adapt, outside, multi_step))
  return Learner(init, adapt, net.logits, grad, EVERYTHING)


def stepping(loss: losses.Loss, how: Steps, *, moving: tuple[str, ...] = EVERYTHING
             ) -> outer.Adapt:
  """Adaptation by gradient steps on a loss."""
  def adapt(params, support, key, watch=None):
    del key
    if how.optimizer is not None:
      return inner.optimizer_steps(
          loss, params, support, moving=moving, steps=how.steps,
          optimizer=how.optimizer, first_order=how.first_order, memory=how.memory,
          watch=watch)
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


def outer_gradient(adapt: outer.Adapt, loss: outer.OuterLoss, multi_step: float
           ) -> outer.MetaGrad:
  """The outer level: after the last inner step, or at first after each of them."""
  if multi_step:
    return outer.through_every_step(adapt, loss, until=multi_step)
  return outer.through_adaptation(adapt, loss)


def ensemble(learner: Learner, count: int) -> Learner:
  """Several models of one method, from draws of their own; log-probabilities averaged.

  All see the same tasks. Every array of the parameters has the members along a first
  axis (Lakshminarayanan et al. 2017, without their adversarial examples).

  Args:
    learner: of one member.
    count: of members.
  """
  numbers = jnp.arange(count)

  def init(key, shape):
    return jax.lax.map(lambda key: learner.init(key, shape), jax.random.split(key, count))

  def adapt(params, support, key):
    def one(both):
      params, number = both
      return learner.adapt(params, support, jax.random.fold_in(key, number))
    fast, trace, _ = jax.lax.map(one, (params, numbers))
    return Adapted(fast, jax.tree.map(lambda x: x.mean(0), trace))

  def predict(fast, x):
    return jax.lax.map(lambda fast: jax.nn.log_softmax(learner.predict(fast, x)), fast
                       ).mean(0)

  def meta_grad(params, task, key, done=1.):
    def one(both):
      params, number = both
      return learner.meta_grad(params, task, jax.random.fold_in(key, number), done)
    grads, scalars = jax.lax.map(one, (params, numbers))
    return grads, jax.tree.map(lambda x: x.mean(0), scalars)
  return learner._replace(init=init, adapt=adapt, predict=predict, meta_grad=meta_grad)


# Supervised training of a network with running statistics, without hidden state.

MOMENTUM = .1     # of a batch in the running statistics, as in PyTorch


def published(net: Network) -> Learner:
  """Plain training on all clips of a task, as one batch with dropout.

  The running statistics are a subtree of the parameters, 'statistics'. Their
  "gradient" is what is left to the batch's: a step of plain descent with rate
  `MOMENTUM` on it is the exponential mean; see `beside_statistics`. A prediction goes
  by the running ones, so it depends on its own clip alone.
  """
  def meta_grad(params, task, key, done=1.):
    del done
    statistics = params['statistics']

    def loss(weights):
      logits, seen = net.train({**weights, 'statistics': statistics},
                               task.everything.x, key)
      return losses.cross_entropies(logits, task.everything.label,
                                    net.label_smoothing).mean(), seen
    weights = {name: tree for name, tree in params.items() if name != 'statistics'}
    (value, seen), grads = jax.value_and_grad(loss, has_aux=True)(weights)
    left = jax.tree.map(jnp.subtract, statistics, seen)
    return {**grads, 'statistics': left}, {'query_loss': value}
  adapt = lambda params, support, key: Adapted(params, {})
  return Learner(net.init, adapt, net.logits, meta_grad, supported=False)


def beside_statistics(optimizer: optax.GradientTransformation, *,
                      momentum: float = MOMENTUM) -> optax.GradientTransformation:
  """`optimizer` for the weights; the running statistics go their own way.

  They are neither clipped nor decayed, and do not count for the norm of a gradient;
  `momentum` is the share of a batch in them.
  """
  def kinds(params):
    return {name: jax.tree.map(
        lambda _, name=name: 'running' if name == 'statistics' else 'learned', tree)
            for name, tree in params.items()}
  return optax.partition(
      {'learned': optimizer, 'running': optax.sgd(momentum)}, kinds)


# Methods that compare embeddings: nothing moves, the support is what is looked at.

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
  loss = losses.cross_entropy(predict, net.label_smoothing)
  return Learner(init, adapt, predict, outer.through_adaptation(
      adapt, lambda fast, task: loss(fast, task.query)))


def _unit(z):
  return z * jax.lax.rsqrt(jnp.sum(jnp.square(z), -1, keepdims=True) + 1e-12)


# All methods by name: the `method` section of a configuration becomes a learner.

def make_learner(net: Network, *, name: str, sha256: str = '', **options) -> Learner:
  """The learner of a configuration's `method` section.

  Args:
    net: the network.
    name: of a method in `registry.METHODS`, or of code from outside that was allowed.
    sha256: of that code, which `settings` compares.
    **options: what the method can be set to; see `methods`.

  Raises:
    InputError: there is no such method, or it makes no learner.
  """
  del sha256
  learner = sections.build('method', name, options, net)
  if not isinstance(learner, Learner):
    raise InputError(f'method={name} makes {type(learner).__name__}; a method makes a '
                     'meta.learners.Learner')
  return learner
