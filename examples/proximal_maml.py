"""A method of one's own in a file of one's own: MAML that stays near its start inside.

    python launch.py \
        --config=configs/synthetic.py:method=examples/proximal_maml.py:proximal_maml \
        --config.method.proximal=.1
    python -m lightman_jax settings method=examples/proximal_maml.py:proximal_maml

The inner loss has an L2 term towards the initial weights, as the inner problem of
implicit MAML has (Rajeswaran et al. 2019, eq. 4); the outer gradient goes through the
inner steps, as MAML's. What can be set is what stands behind the asterisk.
"""

from typing import Annotated

import jax
import jax.numpy as jnp

from lightman_jax.meta import inner, losses, outer
from lightman_jax.meta.learners import ENCODER_AND_HEAD, Learner
from lightman_jax.models.network import Network
from lightman_jax.options import Range


def proximal_maml(
    net: Network, *,
    inner_steps: Annotated[int, Range(1, 1000), 'gradient steps on a support'] = 3,
    inner_rate: Annotated[float, Range(0., 100.), 'their step size'] = .05,
    proximal: Annotated[float, Range(0., 1000.), 'pull towards the start'] = .5,
    ) -> Learner:
  """MAML with an L2 term towards the initial weights inside."""
  cross_entropy = losses.cross_entropy(net.logits, net.label_smoothing)

  def adapt(params, support, key, watch=None):
    del key

    def loss(moved, batch):
      value, parts = cross_entropy(moved, batch)
      gaps = jax.tree.map(lambda now, start: jnp.sum(jnp.square(now - start)),
                          {name: moved[name] for name in ENCODER_AND_HEAD},
                          {name: params[name] for name in ENCODER_AND_HEAD})
      pull = proximal / 2 * sum(jax.tree.leaves(gaps))
      return value + pull, {**parts, 'proximal': pull}
    return inner.sgd_steps(loss, params, support, moving=ENCODER_AND_HEAD,
                           steps=inner_steps, step_size=inner_rate, memory=1024.,
                           watch=watch)

  def query_loss(fast, task):
    return cross_entropy(fast, task.query)
  return Learner(net.init, adapt, net.logits,
                 outer.through_adaptation(adapt, query_loss), ENCODER_AND_HEAD)


# True where a task's macro clips are looked at, as `losses.with_alignment` does.
proximal_maml.uses_macro = False
# The outer gradient goes through the inner steps; False where it does not.
proximal_maml.second_order = True
