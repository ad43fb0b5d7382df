"""How much of a step is kept for its derivative, as told without taking one."""

import jax
import jax.numpy as jnp
import pytest

from lightman_jax import registry
from lightman_jax.configurations import named
from lightman_jax.experiment import assembly
from lightman_jax.meta import inner, learners
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.tasks.sampling import Examples

CLIPS = {'dere_grl': (5, 68, 2), 'mlp': (6,), 'tcn': (6, 3)}     # others: pictures
SLOW = ('resnet12', 'resnet18', 'vit', 'dere_grl')


@pytest.mark.parametrize('encoder', [
    pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
    for name in registry.ENCODERS])
def test_the_bound_is_one(encoder, monkeypatch):
  settings = named.settings_by_name('synthetic:debug', encoder=encoder)
  clip, bounds = CLIPS.get(encoder, (2, 16, 16, 3)), []
  bound_of = inner.most_residual_bytes

  def spy(step, moved):
    bounds.append((bound_of(step, moved), inner.residual_bytes(step, moved)))
    return bounds[-1][0]
  monkeypatch.setattr(inner, 'most_residual_bytes', spy)
  net = make_network(make_encoder(**settings['model']), classes=3, label_smoothing=.1)
  learner = assembly.make_member_learner(settings, net)
  example = lambda n: (jnp.zeros((n, *clip)), jnp.zeros(n, jnp.int32))
  jax.eval_shape(lambda key: learner.adapt(
      learner.init(key, clip), Examples(*example(6), *example(3)), key).fast,
      jax.random.key(0))
  (bound, exact), = bounds
  assert exact <= bound < 60 * exact


@pytest.mark.parametrize('memory, kept', [(0., 0), (1., 1)])
def test_the_bound_spares_the_derivative(memory, kept, monkeypatch, small_net):
  """Where it is below what a task may keep, how much is kept is not asked."""
  asked = []
  monkeypatch.setattr(inner, 'residual_bytes', lambda *_: asked.append(1) or 0)
  learner = learners.maml(small_net, inner.Steps(2, .1, memory=memory))
  x = jnp.zeros((3, 2))
  support = Examples(x, jnp.arange(3), x[:0], jnp.arange(0))
  jax.eval_shape(lambda key: learner.adapt(learner.init(key, (2,)), support, key).fast,
                 jax.random.key(0))
  assert len(asked) == 1 - kept
