"""Every method is a tuple of pure functions; a variant changes one argument."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PyTree

from lightman_jax import sections
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import members
from lightman_jax.meta import inner, losses, outer
from lightman_jax.meta.inner import Adapted, Steps
from lightman_jax.meta.losses import Align, MacroLabels
from lightman_jax.models.network import DROPOUT_MASK, UNIT_HEAD, Network, Params
from lightman_jax.units import short_repr

# Subtrees of the parameters: what micro clips are recognised by; and all weights that a
# network can have, with a projection and the heads of macro clips and action units.
ENCODER_AND_HEAD = ('encoder', 'head')
WEIGHTS = (*ENCODER_AND_HEAD, 'projection', 'macro_head', UNIT_HEAD)


class Learner(NamedTuple):
  """An algorithm.

  `adapted_subtrees` names what adaptation changes of params; where it is empty, the
  model not adapted is no other model, and is not shown as one. `needs_support` says
  whether a prediction depends on a support at all.

  Example:
    >>> params = learner.init(key, task.query.x.shape[1:])        # doctest: +SKIP
    >>> grads, losses = learner.meta_grad(params, task, key)      # doctest: +SKIP
    >>> fast = learner.adapt(params, task.support, key).fast      # doctest: +SKIP
    >>> logits = learner.predict(fast, task.query.x)              # doctest: +SKIP
  """
  init: Callable[[Key[Array, ''], tuple[int, ...]], Params]
  adapt: outer.Adapt                                          # params, support, key
  predict: Callable[[PyTree, Array], Float[Array, 'n K']]     # fast, (n, *clip)
  meta_grad: outer.MetaGrad                   # params, task, key, progress
  adapted_subtrees: tuple[str, ...] = ()
  needs_support: bool = True
  __repr__ = short_repr


# Of each, `labels` says how labelled macro clips are in its losses; None: not at all.

def supervised(net: Network, labels: MacroLabels | None = None) -> Learner:
  """Plain training on support and query together; nothing moves at test time.

  It has one loss, which labelled macro clips are in whatever `labels.where` says.

  Args:
    net: the network.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  adapt = lambda params, support, key: Adapted(params, {})
  return Learner(losses.make_init(net, labels), adapt, net.logits,
                 plain_gradient(net, labels), needs_support=False)


def finetuned(net: Network, steps: Steps, labels: MacroLabels | None = None) -> Learner:
  """Plain training, and gradient steps on the support at test time.

  The outer loss is the training's, the inner one that of the steps at test time.

  Args:
    net: the network.
    steps: at test time.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  inside, outside = losses.split_by_level(labels)
  moving = moved_by(inside)
  adapt = stepping(losses.recognition(net, inside), steps, moving=moving)
  return Learner(losses.make_init(net, labels), adapt, net.logits,
                 plain_gradient(net, outside), moving)


def maml(net: Network, steps: Steps, *, multi_step: float = 0.,
         labels: MacroLabels | None = None) -> Learner:
  """Model-agnostic meta-learning (Finn et al. 2017), second order or first.

  With learned rates of all weights it is Meta-SGD (Li et al. 2017); with those of
  layers and steps and with `multi_step`, the share of the training in which the query
  is judged after every inner step, it is most of MAML++ (Antoniou et al. 2019).

  Args:
    net: the network.
    steps: the inner steps.
    multi_step: see above; 0 leaves the judging to the last step.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  inside, outside = losses.split_by_level(labels)
  moving = moved_by(inside)
  adapt = stepping(losses.recognition(net, inside), steps, moving=moving)
  init = with_rates(losses.make_init(net, labels), steps, moving=moving)
  grad = outer_gradient(adapt, losses.outer_recognition(net, outside), multi_step)
  return Learner(init, adapt, net.logits, grad, moving)


def anil(net: Network, steps: Steps, *, multi_step: float = 0.,
         labels: MacroLabels | None = None) -> Learner:
  """Almost no inner loop (Raghu et al. 2020): the head alone moves.

  What does not move is computed once: the steps are taken on the support's embeddings.

  Args:
    net: the network.
    steps: the inner steps.
    multi_step: see `maml`.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  inside, outside = losses.split_by_level(labels)
  embedded = net._replace(maps=lambda params, z: z, beside=lambda params, z, x: z)
  loss = (losses.cross_entropy(net.classify, net.label_smoothing, net.multi_label)
          if inside is None else losses.with_macro_labels(embedded, inside))
  head = stepping(loss, steps, moving=('head',))

  def adapt(params, support, key, watch=None):
    support = support._replace(x=net.embed(params, support.x))
    if inside is not None:
      support = support._replace(macro=net.embed(params, support.macro))
    return head(params, support, key, watch)

  init = with_rates(losses.make_init(net, labels), steps, moving=('head',))
  grad = outer_gradient(adapt, losses.outer_recognition(net, outside), multi_step)
  return Learner(init, adapt, net.logits, grad, ('head',))


def reptile(net: Network, steps: Steps, labels: MacroLabels | None = None) -> Learner:
  """Towards where adaptation leads (Nichol et al. 2018): no second derivative.

  It has one loss, which labelled macro clips are in whatever `labels.where` says.

  Args:
    net: the network.
    steps: the inner steps.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  moving = moved_by(labels)
  adapt = stepping(losses.recognition(net, labels), steps, moving=moving)
  return Learner(losses.make_init(net, labels), adapt, net.logits,
                 outer.displacement(adapt, rate=steps.rate), moving)


def lightman(net: Network, steps: Steps, align: Align, *, multi_step: float = 0.,
             judge: str = 'query', labels: MacroLabels | None = None) -> Learner:
  """LightmanNet: two branches pull one encoder inside, recognition judges outside.

  That cross entropy and the alignment of micro- with macro-expressions by MMD drive
  the inner level together, and that the outer level refines across tasks by the
  query loss, is the paper's; weight, kernel and statistic are ours, and so is the
  third term, the cross entropy of labelled macro clips.

  Args:
    net: the network.
    steps: the inner steps.
    align: the auxiliary branch.
    multi_step: see `maml`.
    judge: 'query', or 'none' for training without an outer level: the gradient of both
      branches on all clips of the task, and the same adaptation at test time.
    labels: how labelled macro clips are in the losses.
  """
  inside, outside = losses.split_by_level(labels)
  inner_loss, moving = losses.with_alignment(net, align, inside), moved_by(inside)
  adapt = stepping(inner_loss, steps, moving=moving)
  recognition = losses.outer_recognition(net, outside)
  with_alignment = losses.with_alignment(net, align, outside)

  def judge_task(fast, task):
    if not align.outside:
      return recognition(fast, task)
    return with_alignment(fast, losses.query_with_macro(task))

  def init(key, shape):
    params = with_rates(losses.make_init(net, labels), steps, moving=moving)(key, shape)
    more = {'log_weight': jnp.log(jnp.asarray(align.weight))} if align.learned else {}
    return {**params, **more}

  grad = (outer.direct(inner_loss) if judge == 'none' else
          outer_gradient(adapt, judge_task, multi_step))
  return Learner(init, adapt, net.logits, grad, moving)


def moved_by(inside: MacroLabels | None) -> tuple[str, ...]:
  """What inner steps change of the parameters.

  Args:
    inside: the labels of the inner loss.
  """
  own_head = inside is not None and inside.own_head
  return (*ENCODER_AND_HEAD, 'macro_head') if own_head else ENCODER_AND_HEAD


def plain_gradient(net: Network, labels: MacroLabels | None) -> outer.MetaGrad:
  """The gradient of recognition on all clips of a task.

  Args:
    net: the network.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  loss = losses.recognition(net, labels)
  return outer.direct_in_microbatches(loss) if labels is None else outer.direct(loss)


def stepping(loss: losses.Loss, steps: Steps, *,
             moving: tuple[str, ...] = ENCODER_AND_HEAD) -> outer.Adapt:
  """Adaptation by gradient steps on a loss.

  Args:
    loss: of (params, examples).
    steps: the inner steps.
    moving: names of the subtrees that move.
  """
  def adapt(params, support, key, watch=None):
    del key
    if steps.optimizer is not None:
      return inner.optimizer_steps(
          loss, params, support, moving=moving, steps=steps.steps,
          optimizer=steps.optimizer, first_order=steps.first_order, memory=steps.memory,
          watch=watch)
    return inner.sgd_steps(
        loss, params, support, moving=moving, steps=steps.steps,
        step_size=inner.rate_of(params, steps), first_order=steps.first_order,
        memory=steps.memory, watch=watch)
  return adapt


def with_rates(init: Callable, steps: Steps, *,
               moving: tuple[str, ...] = ENCODER_AND_HEAD) -> Callable:
  """`init`, and the inner rates where they are learned.

  Args:
    init: of (key, shape of a clip).
    steps: the inner steps.
    moving: names of the subtrees that move.
  """
  def init_with_rates(key, shape):
    params = init(key, shape)
    if steps.rates == 'fixed':
      return params
    moved = {name: params[name] for name in moving}
    return {**params, 'rates': inner.init_rates(moved, steps)}
  return init_with_rates


def outer_gradient(adapt: outer.Adapt, loss: outer.OuterLoss, multi_step: float
           ) -> outer.MetaGrad:
  """The outer level: after the last inner step, or at first after each of them.

  Args:
    adapt: (params, support, key) to adapted parameters.
    loss: of adapted parameters and a task.
    multi_step: share of the training in which every step counts; 0: the last alone.
  """
  if multi_step:
    return outer.through_every_step(adapt, loss, until=multi_step)
  return outer.through_adaptation(adapt, loss)


def with_dropout(learner: Learner, net: Network, rate: float) -> Learner:
  """Parts of the embedding are left out of a training step (Srivastava et al. 2014).

  Each step and task draws one mask, which all of its clips and inner steps share: what
  the query judges is the network that the support adapted. Prediction uses all parts.

  Args:
    learner: of one member.
    net: its network.
    rate: share of the numbers that the head sees which is left out; 0: none.
  """
  if not rate:
    return learner

  def meta_grad(params, task, key, progress=1.):
    key, key_mask = jax.random.split(key)
    length = jax.eval_shape(net.embed, params, task.query.x).shape[-1]
    mask = jax.random.bernoulli(key_mask, 1 - rate, (length,)) / (1 - rate)
    grads, scalars = learner.meta_grad({**params, DROPOUT_MASK: mask}, task, key,
                                       progress)
    return {name: grads[name] for name in params}, scalars
  return learner._replace(meta_grad=meta_grad)


def with_units(learner: Learner, net: Network, weight: float) -> Learner:
  """Action units are learned beside the classes, by whatever method.

  To the gradient of the method is added that of `weight` times the mean sigmoid cross
  entropy of the units of all coded clips of a task, micro and macro, by a head of their
  own over the same embedding. Adaptation and prediction see none.

  Args:
    learner: of one member.
    net: its network, with a head for units.
    weight: of the cross entropy; 0 leaves the learner as it is.
  """
  if not weight:
    return learner
  trained = ('encoder', UNIT_HEAD)
  def init(key, shape):
    # A method without heads keeps none.
    return {UNIT_HEAD: net.init(key, shape)[UNIT_HEAD], **learner.init(key, shape)}

  def meta_grad(params, task, key, progress=1.):
    grads, scalars = learner.meta_grad(params, task, key, progress)
    loss = lambda subtrees: losses.units_cross_entropy(
        net, {**params, **subtrees}, task.everything)
    value, more = jax.value_and_grad(loss)({name: params[name] for name in trained})
    added = {name: jax.tree.map(lambda old, new: old + weight * new, grads[name],
                                more[name]) for name in trained}
    return {**grads, **added}, {**scalars, 'units_cross_entropy': value}
  return learner._replace(init=init, meta_grad=meta_grad)


def ensemble(learner: Learner, count: int, *, multi_label: bool = False) -> Learner:
  """Several models of one method, from draws of their own; log-probabilities averaged.

  All see the same tasks. Every array of the parameters has the members along a first
  axis (Lakshminarayanan et al. 2017, without their adversarial examples).

  Args:
    learner: of one member.
    count: of members.
    multi_label: a logit is of its class against its absence, so that the mean of
      logits is that of log-probabilities.
  """
  numbers = jnp.arange(count)
  def init(key, shape):
    return jax.lax.map(lambda key: learner.init(key, shape),
                       jax.random.split(key, count))

  def adapt(params, support, key):
    def one(member):
      params, number = member
      return learner.adapt(params, support, jax.random.fold_in(key, number))
    fast, start_losses, _ = jax.lax.map(one, (params, numbers))
    return Adapted(fast, jax.tree.map(lambda x: x.mean(0), start_losses))

  def predict(fast, x):
    of_one = lambda logits: logits if multi_label else jax.nn.log_softmax(logits)
    return jax.lax.map(lambda fast: of_one(learner.predict(fast, x)), fast).mean(0)

  def meta_grad(params, task, key, progress=1.):
    def one(member):
      params, number = member
      return learner.meta_grad(params, task, jax.random.fold_in(key, number), progress)
    grads, scalars = jax.lax.map(one, (params, numbers))
    return grads, jax.tree.map(lambda x: x.mean(0), scalars)
  return learner._replace(init=init, adapt=adapt, predict=predict, meta_grad=meta_grad)


# Methods that compare embeddings: nothing moves, the support is what is looked at.

def protonet(net: Network, labels: MacroLabels | None = None) -> Learner:
  """The nearest class mean of embeddings (Snell et al. 2017, eq. 1 and 2).

  Squared distances are divided by the embedding's length, so that the logits of a
  long embedding do not start out saturated. Labelled macro clips are further clips of
  the support inside, each with mu times a micro clip's share of its class's mean, and
  further queries outside. Of sets of classes, each class has the mean of the clips
  that are of it and the mean of those that are not, and its logit is how much nearer
  the first is: the softmax over the two.

  Args:
    net: the network.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  inside, _ = losses.split_by_level(labels)

  def adapt(params, support, key):
    del key
    member = _sides(net, support.label)                               # (K, n)
    x = support.x
    if inside is not None:
      more = _sides(net, support.macro_label)
      member = jnp.concatenate([member, inside.weight * more], axis=1)
      x = jnp.concatenate([x, support.macro])
    size, z = member.sum(1, keepdims=True), net.embed(params, x)
    if not net.multi_label:
      return Adapted({**params, 'prototypes': member @ z / size}, {})
    # A class that all clips are of has no mean of the others: that of all stands in.
    means = jnp.where(size > 0, member @ z / jnp.maximum(size, 1e-12), z.mean(0))
    return Adapted({**params, 'prototypes': means}, {})

  def predict(fast, x):
    gap = net.embed(fast, x)[:, None] - fast['prototypes'][None]      # (n, K, d)
    near = -jnp.mean(jnp.square(gap), -1)
    if not net.multi_label:
      return near
    return near[:, :net.classes] - near[:, net.classes:]
  return _compared(net, adapt, predict, labels)


def matchingnet(net: Network, labels: MacroLabels | None = None) -> Learner:
  """Attention over the support's clips by cosine (Vinyals et al. 2016, eq. 1 and 2).

  Without their full context embeddings; logits are the logarithms of eq. 1. Labelled
  macro clips are further clips of the support inside, each with mu times the attention
  that a micro clip at its place would have, and further queries outside. Of sets of
  classes, the logit is that of the attention to clips that are of a class.

  Args:
    net: the network.
    labels: how labelled macro clips are in the losses; None: not at all.
  """
  inside, _ = losses.split_by_level(labels)

  def adapt(params, support, key):
    del key
    z = net.embed(params, support.x)
    if inside is None:
      return Adapted({**params, 'seen': _unit(z),
                      'labels': _memberships(net, support.label)}, {})
    z = jnp.concatenate([z, net.embed(params, support.macro)])
    label = jnp.concatenate([support.label, support.macro_label])
    share = jnp.concatenate([jnp.ones(len(support.label)),
                             jnp.full(len(support.macro_label), inside.weight)])
    # A clip of no class is not attended to.
    return Adapted({**params, 'seen': _unit(z), 'labels': _memberships(net, label),
                    'bias': jnp.log(jnp.where(label < 0, 1e-30, share))}, {})

  def predict(fast, x):
    score = _unit(net.embed(fast, x)) @ fast['seen'].T
    attention = jax.nn.softmax(score if inside is None else score + fast['bias'])
    share = attention @ fast['labels']
    if net.multi_label:
      share = jnp.clip(share, 1e-6, 1 - 1e-6)
      return jnp.log(share) - jnp.log1p(-share)
    # A class that the support lacks has no attention, and a finite logit all the same.
    return jnp.log(jnp.maximum(share, 1e-12))
  return _compared(net, adapt, predict, labels)


def _compared(net: Network, adapt, predict, labels: MacroLabels | None) -> Learner:
  head = (losses.macro_head(net, labels) if labels is not None and labels.own_head
          else None)
  subtrees = ('encoder', 'projection', *(() if head is None else ('macro_head',)))

  def init(key, shape):
    params = net.init(key, shape)
    return {name: params[name] for name in subtrees if name in params}
  loss = losses.cross_entropy(predict, net.label_smoothing, net.multi_label)
  _, outside = losses.split_by_level(labels)

  def judge_task(fast, task):
    value, parts = loss(fast, task.query)
    if outside is None:
      return value, parts
    macro = task.support
    logits = (predict(fast, macro.macro) if head is None else
              head(fast, net.embed(fast, macro.macro)))
    part = losses.balanced_cross_entropy(logits, macro.macro_label,
                                         net.label_smoothing, net.multi_label)
    return value + outside.weight * part, {**parts, 'macro_cross_entropy': part}
  return Learner(init, adapt, predict, outer.through_adaptation(adapt, judge_task))


def _memberships(net: Network, label: Int[Array, 'n']) -> Float[Array, 'n K']:
  """1 where a clip is of a class; a clip of no class has none."""
  if net.multi_label:
    return members(label, net.classes).astype(float)
  return jax.nn.one_hot(label, net.classes)


def _sides(net: Network, label: Int[Array, 'n']) -> Float[Array, '_K n']:
  """Of each class its clips; of sets of classes, behind these those that lack it."""
  if not net.multi_label:
    return jax.nn.one_hot(label, net.classes, axis=0)
  there = _memberships(net, label)
  return jnp.concatenate([there, (label >= 0)[:, None] - there], 1).T


def _unit(z):
  return z * jax.lax.rsqrt(jnp.sum(jnp.square(z), -1, keepdims=True) + 1e-12)


# The `method` section of a configuration becomes a learner.

def make_learner(net: Network, *, name: str, sha256: str = '',
                 labels: MacroLabels | None = None, **options) -> Learner:
  """The learner of a configuration's `method` section.

  Args:
    net: the network.
    name: of a method in `registry.METHODS`, or of code from outside that was allowed.
    sha256: of that code, which `settings` compares.
    labels: how labelled macro clips are in its losses; None: not at all.
    **options: what the method can be set to; see `methods`.

  Raises:
    InputError: there is no such method, or it makes no learner.
  """
  del sha256
  extra = () if labels is None else (labels,)
  learner = sections.build('method', name, options, net, *extra)
  if not isinstance(learner, Learner):
    raise InputError(f'method={name} makes {type(learner).__name__}; a method makes a '
                     'meta.learners.Learner')
  return learner
