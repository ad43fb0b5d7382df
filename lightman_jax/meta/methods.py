"""Every method by name: what it can be set to, and the learner that it becomes.

No module is imported above that takes jax: settings are checked before.
"""

from collections.abc import Mapping
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from lightman_jax.errors import InputError
from lightman_jax.options import option

if TYPE_CHECKING:
  from lightman_jax.meta.inner import Steps
  from lightman_jax.meta.learners import Learner
  from lightman_jax.meta.losses import MacroLabels
  from lightman_jax.models.network import Network

# Of Reptile, whose gradient is a displacement over the rate: below it, a float32 weight
# near 1 no longer moves, and 0 / 0 is no number.
LEAST_RATE = 1e-6


@dataclasses.dataclass(frozen=True)
class Method:
  """What all methods share."""
  uses_macro: ClassVar[bool] = False      # looks at macro-expressions
  # The backward pass goes through the inner steps, which takes memory; a setting
  # `first_order` takes that back: `sections.is_second_order` reads both.
  second_order: ClassVar[bool] = False

  def check(self, settings: Mapping[str, Any]) -> None:
    """Refuses settings that are right each, and wrong together.

    Args:
      settings: all settings of the configuration, under dotted names.

    Raises:
      InputError: names the settings, and what to do.
    """

  def make(self, net: 'Network', labels: 'MacroLabels | None' = None) -> 'Learner':
    """The learner for a network.

    Args:
      net: the network.
      labels: how labelled macro clips are in its losses; None: not at all.
    """
    raise TypeError(f'{type(self).__name__} makes no learner')


@dataclasses.dataclass(frozen=True)
class _Stepping(Method):
  """What steps inside."""
  inner_steps: int = option(3, 'gradient steps on a support', range=(1, 1000))
  inner_rate: float = option(.05, 'their step size', range=(0., 100.))
  inner_memory: float = option(1024., 'MiB that a task may keep to save arithmetic',
                               range=(0., 1e6))

  def _steps(self) -> 'Steps':
    from lightman_jax.meta.inner import Steps
    return Steps(self.inner_steps, self.inner_rate, memory=self.inner_memory,
                 rates=getattr(self, 'rates', 'fixed'),
                 first_order=getattr(self, 'first_order', False))


@dataclasses.dataclass(frozen=True)
class _ThroughSteps(_Stepping):
  """The loss of a query is differentiated through all steps: MAML and its kin."""
  second_order: ClassVar[bool] = True
  multi_step: float = option(0., 'share of the training with a query after every step '
                             '(MAML++)', range=(0., 1.))

  def make(self, net, labels=None):
    """See `learners.maml`."""
    from lightman_jax.meta import learners
    return learners.maml(net, self._steps(), multi_step=self.multi_step,
                         labels=labels)


@dataclasses.dataclass(frozen=True)
class _FirstOrder(_Stepping):
  """Steps whose second derivative may be left out."""
  first_order: bool = option(False, 'inner gradients are constants')


@dataclasses.dataclass(frozen=True)
class _Rates(_Stepping):
  """Steps whose sizes may be learned."""
  rates: str = option('fixed', 'inner rates; learned: of weights (Meta-SGD), or of '
                      'layers and steps (MAML++)',
                      choices=('fixed', 'layers', 'weights'))


@dataclasses.dataclass(frozen=True)
class Maml(_ThroughSteps, _Rates, _FirstOrder):
  """Model-agnostic meta-learning (Finn et al. 2017), and most of MAML++."""


@dataclasses.dataclass(frozen=True)
class Fomaml(_ThroughSteps, _Rates):
  """MAML whose inner gradients are constants (Finn et al. 2017, section 5.2)."""
  second_order: ClassVar[bool] = False
  first_order: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class MetaSGD(_ThroughSteps, _FirstOrder):
  """MAML with a learned rate of every weight (Li et al. 2017)."""
  rates: ClassVar[str] = 'weights'


@dataclasses.dataclass(frozen=True)
class Anil(_ThroughSteps, _Rates, _FirstOrder):
  """Almost no inner loop (Raghu et al. 2020): the head alone moves."""

  def make(self, net, labels=None):
    """See `learners.anil`."""
    from lightman_jax.meta import learners
    return learners.anil(net, self._steps(), multi_step=self.multi_step,
                         labels=labels)


@dataclasses.dataclass(frozen=True)
class Reptile(_Stepping):
  """Towards where adaptation leads (Nichol et al. 2018): no second derivative."""
  first_order: ClassVar[bool] = True

  def check(self, settings):
    """Refuses a rate that the displacement cannot be divided by."""
    if self.inner_rate < LEAST_RATE:
      raise InputError(f'method.inner_rate is {self.inner_rate} and '
                       f'method.name=reptile divides by it; use {LEAST_RATE} or more')

  def make(self, net, labels=None):
    """See `learners.reptile`."""
    from lightman_jax.meta import learners
    return learners.reptile(net, self._steps(), labels)


@dataclasses.dataclass(frozen=True)
class _Comparing(Method):
  """What compares embeddings, which a linear map of the network gives their metric."""
  projection: int = option(32, 'numbers that a learned linear map makes of an '
                           'embedding before it is compared; 0: there is none',
                           range=(0, 4096))


@dataclasses.dataclass(frozen=True)
class ProtoNet(_Comparing):
  """The nearest class mean of embeddings (Snell et al. 2017)."""

  def make(self, net, labels=None):
    """See `learners.protonet`."""
    from lightman_jax.meta import learners
    return learners.protonet(net, labels)


@dataclasses.dataclass(frozen=True)
class MatchingNet(_Comparing):
  """Attention over the support's clips by cosine (Vinyals et al. 2016)."""

  def make(self, net, labels=None):
    """See `learners.matchingnet`."""
    from lightman_jax.meta import learners
    return learners.matchingnet(net, labels)


@dataclasses.dataclass(frozen=True)
class Supervised(Method):
  """Plain training; nothing moves at test time."""

  def make(self, net, labels=None):
    """See `learners.supervised`; with batch normalisation, `running_statistics`."""
    from lightman_jax.meta import learners, running_statistics
    return (running_statistics.supervised(net) if net.train else
            learners.supervised(net, labels))


@dataclasses.dataclass(frozen=True)
class Finetune(_Stepping):
  """Plain training, and gradient steps on the support at test time."""

  def make(self, net, labels=None):
    """See `learners.finetuned`."""
    from lightman_jax.meta import learners
    return learners.finetuned(net, self._steps(), labels)


@dataclasses.dataclass(frozen=True)
class Lightman(Maml):
  """LightmanNet: an alignment branch pulls the encoder inside, too."""
  uses_macro: ClassVar[bool] = True
  align_weight: float = option(.5, 'lambda, of the alignment inside', range=(0., 1000.))
  weight: str = option('fixed', 'whether lambda stays, or goes by its hypergradient',
                       choices=('fixed', 'learned'))
  alignment: str = option('marginal', 'of all clips with all, or of each class',
                          choices=('marginal', 'per_class'))
  aligned: str = option('embedding', 'what is aligned; pooled: over the face',
                        choices=('embedding', 'pooled', 'logits'))
  align_outside: bool = option(False, 'the query is aligned, too, in the outer loss')
  statistic: str = option('v', 'of the MMD: v (biased) or u (unbiased)',
                          choices=('v', 'u'))
  bandwidth: float = option(0., 'of its kernels; 0: by the rule', range=(0., 1e6))
  bandwidth_rule: str = option('mean', 'of the distances between both kinds',
                               choices=('mean', 'median'))
  outer: str = option('query', 'what judges the inner level; none: no outer level',
                      choices=('query', 'none'))

  def check(self, settings):
    """Refuses what the alignment, or its absence outside, makes meaningless."""
    if self.outer == 'none':
      self._check_without_outer_level()
    if self.weight == 'learned':
      if self.align_outside:
        raise InputError('method.weight=learned goes by the outer loss, and '
                         'method.align_outside makes lambda a factor of that loss, '
                         'which is then least where lambda is nought; leave one of '
                         'them out')
      if not self.align_weight:
        raise InputError('method.weight=learned is kept as a logarithm and cannot '
                         'start at nought; give method.align_weight a value above it')
    if self.bandwidth and self.bandwidth_rule != 'mean':
      raise InputError('method.bandwidth is given, so method.bandwidth_rule would not '
                       'be asked; leave one of them out')
    if settings['macro.source'] != 'none' and self.statistic == 'u':
      self._check_counts(settings)

  def _check_without_outer_level(self) -> None:
    for name in ('first_order', 'rates', 'multi_step', 'weight', 'align_outside'):
      if getattr(self, name) != getattr(Lightman, name):
        raise InputError(f'method.{name}={getattr(self, name)} is of the outer level, '
                         'which method.outer=none takes away; leave one of the two out')

  def _check_counts(self, settings: Mapping[str, Any]) -> None:
    if settings['macro.clips'] < 2:
      raise InputError('method.statistic=u leaves a clip out of its own mean, so it '
                       'needs macro.clips of 2 or more')
    if self.alignment == 'per_class' and settings['episodes.shots'] < 2:
      raise InputError('method.statistic=u leaves a clip out of its own mean, so '
                       'method.alignment=per_class needs episodes.shots of 2 or more')

  def make(self, net, labels=None):
    """See `learners.lightman`."""
    from lightman_jax.meta import learners
    from lightman_jax.meta.losses import Align
    align = Align(
        self.align_weight, learned=self.weight == 'learned',
        by_class=self.alignment == 'per_class', aligned=self.aligned,
        outside=self.align_outside, statistic=self.statistic, bandwidth=self.bandwidth,
        bandwidth_rule=self.bandwidth_rule)
    return learners.lightman(net, self._steps(), align, multi_step=self.multi_step,
                             judge=self.outer, labels=labels)
