"""All methods by name: the `method` section of a configuration becomes a learner."""

from lightman_jax.meta import learners
from lightman_jax.meta import metric
from lightman_jax.meta import running
from lightman_jax.meta.inner import Steps
from lightman_jax.meta.learners import Learner
from lightman_jax.meta.losses import Align
from lightman_jax.models.network import Network


def make_learner(net: Network, *, name: str, inner_steps: int, inner_rate: float,
                 inner_memory: float, first_order: bool, rates: str, multi_step: float,
                 align_weight: float, weight: str, alignment: str, aligned: str,
                 align_outside: bool, statistic: str, bandwidth: float,
                 bandwidth_rule: str, outer: str) -> Learner:
  """The learner of a configuration; `settings` refuses what has no meaning."""
  how = Steps(inner_steps, inner_rate, rates, first_order, inner_memory)
  align = Align(align_weight, weight == 'learned', alignment == 'per_class', aligned,
                align_outside, statistic, bandwidth, bandwidth_rule)
  return {
      'supervised': lambda: (running.published if net.train else
                             learners.supervised)(net),
      'finetune': lambda: learners.finetuned(net, how),
      'maml': lambda: learners.maml(net, how, multi_step=multi_step),
      'fomaml': lambda: learners.maml(net, how._replace(first_order=True),
                                      multi_step=multi_step),
      'metasgd': lambda: learners.maml(net, how._replace(rates='weights'),
                                       multi_step=multi_step),
      'anil': lambda: learners.anil(net, how, multi_step=multi_step),
      'reptile': lambda: learners.reptile(net, how._replace(first_order=True)),
      'protonet': lambda: metric.protonet(net),
      'matchingnet': lambda: metric.matchingnet(net),
      'lightman': lambda: learners.lightman(net, how, align, multi_step=multi_step,
                                            judge=outer),
  }[name]()
