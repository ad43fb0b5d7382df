"""One table of all learners, run against every property they must have."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.episodes.tasks import Examples, Task
from lightman_jax.meta import learners
from lightman_jax.meta import losses

STEPS = dict(steps=2, step_size=.1)
ALIGN = dict(align_weight=.5, statistic='v', bandwidth=0.)
TABLE = {
    'supervised': learners.supervised,
    'protonet': learners.protonet,
    'maml': lambda net: learners.maml(net, **STEPS),
    'lightman': lambda net: learners.lightman(net, **ALIGN, **STEPS),
    'lightman, U': lambda net: learners.lightman(net, **{**ALIGN, 'statistic': 'u'},
                                                 **STEPS)}
KEY = jax.random.key(0)


def side(n, m, seed) -> Examples:
  rng = np.random.default_rng(seed)
  clips = lambda n: jnp.asarray(rng.standard_normal((n, 1, 2, 2, 2), np.float32))
  return Examples(clips(n), jnp.asarray(np.arange(n) % 3), clips(m),
                  jnp.asarray(np.arange(m) % 3))


TASK = Task(side(6, 4, 0), side(3, 0, 1))


class Compiled:
  """A learner with its functions compiled, and how often they were traced."""

  def __init__(self, name, net):
    self.name, self.net, self.learner = name, net, TABLE[name](net)
    self.traced = []
    self.params = self.learner.init(KEY, (1, 2, 2, 2))
    self.adapt = jax.jit(
        lambda params, support: self.learner.adapt(params, support, KEY))
    self.predict = jax.jit(self.learner.predict)
    self.meta_grad = jax.jit(self._meta_grad)

  def _meta_grad(self, params, task):
    self.traced.append(task.support.x.shape)
    return self.learner.meta_grad(params, task, KEY)


@pytest.fixture(scope='module', params=TABLE)
def one(request, small_net):
  return Compiled(request.param, small_net)


def close(got, want, **tolerance):
  assert jax.tree.structure(got) == jax.tree.structure(want)
  jax.tree.map(lambda a, b: np.testing.assert_allclose(
      a, b, **{'rtol': 1e-4, 'atol': 1e-5, **tolerance}), got, want)


def test_the_gradient_is_like_the_parameters(one):
  grads, scalars = one.meta_grad(one.params, TASK)
  assert jax.tree.structure(grads) == jax.tree.structure(one.params)
  for g, p in zip(jax.tree.leaves(grads), jax.tree.leaves(one.params)):
    assert g.shape == p.shape and g.dtype == p.dtype and np.isfinite(g).all()
    assert np.any(g != 0)
  assert 'query_loss' in scalars
  assert all(x.shape == () and np.isfinite(x) for x in scalars.values())


def test_traced_once_and_downhill(one):
  params, told = one.params, []
  for _ in range(20):
    grads, scalars = one.meta_grad(params, TASK)
    params = jax.tree.map(lambda p, g: p - .1 * g, params, grads)
    told.append(float(scalars['query_loss']))
  assert len(one.traced) == 1
  assert told[-1] < told[0]


def test_logits(one):
  fast, trace = one.adapt(one.params, TASK.support)
  logits = one.predict(fast, TASK.query.x)
  assert logits.shape == (3, 3) and np.isfinite(logits).all()
  assert all(np.isfinite(x) for x in trace.values())


def test_a_prediction_depends_on_its_own_clip(one):
  fast, _ = one.adapt(one.params, TASK.support)
  x = TASK.query.x
  whole = one.predict(fast, x)
  spoilt = one.predict(fast, x.at[1].set(jnp.nan))
  np.testing.assert_array_equal(spoilt[::2], whole[::2])
  np.testing.assert_allclose(one.predict(fast, x[::-1]), whole[::-1], atol=1e-6)


def test_the_order_of_the_support_does_not_matter(one):
  order, macro = jnp.array([3, 1, 5, 0, 4, 2]), jnp.array([2, 0, 3, 1])
  s = TASK.support
  turned = Examples(s.x[order], s.label[order], s.macro[macro], s.macro_label[macro])
  close(one.adapt(one.params, turned), one.adapt(one.params, s))
  close(one.meta_grad(one.params, TASK._replace(support=turned)),
        one.meta_grad(one.params, TASK))


def test_the_labels_of_macro_clips_are_not_used(one):
  unknown = TASK.support._replace(macro_label=TASK.support.macro_label * 0 - 1)
  close(one.meta_grad(one.params, TASK._replace(support=unknown)),
        one.meta_grad(one.params, TASK), rtol=0, atol=0)


def test_only_what_moves_is_changed(one):
  fast, _ = one.adapt(one.params, TASK.support)
  for name, tree in one.params.items():
    same = all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(fast[name]),
                                                    jax.tree.leaves(tree)))
    assert same == (name not in one.learner.moving)


def test_macro_clips_matter_to_lightman_alone(one):
  other = TASK.support._replace(macro=TASK.support.macro + 1)
  first, second = (one.meta_grad(one.params, TASK._replace(support=support))[0]
                   for support in (TASK.support, other))
  gap = max(np.abs(a - b).max() for a, b in zip(jax.tree.leaves(first),
                                                jax.tree.leaves(second)))
  assert (gap > 1e-5) == one.name.startswith('lightman')


@pytest.mark.parametrize('make', [
    learners.maml, lambda net, **steps: learners.lightman(net, **ALIGN, **steps)],
    ids=['maml', 'lightman'])
def test_both_orders_are_one_where_nothing_moves(small_net, make):
  params = small_net.init(KEY, (1, 2, 2, 2))

  @jax.jit
  def gradients(rate):
    return [make(small_net, steps=2, step_size=rate, first_order=first).meta_grad(
        params, TASK, KEY)[0] for first in (False, True)]
  second, first = gradients(0.)
  close(second, first, atol=1e-7)
  second, first = gradients(.1)
  assert max(np.abs(a - b).max() for a, b in zip(jax.tree.leaves(first),
                                                 jax.tree.leaves(second))) > 1e-3


def test_without_its_auxiliary_term_lightman_is_maml(small_net):
  params = small_net.init(KEY, (1, 2, 2, 2))
  without = TASK._replace(support=side(6, 0, 0))

  @jax.jit
  def three(weight):
    lightman = lambda weight, task: learners.lightman(
        small_net, **{**ALIGN, 'align_weight': weight}, **STEPS).meta_grad(
            params, task, KEY)[0]
    maml = learners.maml(small_net, **STEPS).meta_grad(params, TASK, KEY)[0]
    return maml, lightman(weight, TASK), lightman(.5, without)
  maml, weightless, macroless = three(0.)
  close(weightless, maml)
  close(macroless, maml)


def test_supervised_is_the_cross_entropy_of_all_clips(small_net):
  one = Compiled('supervised', small_net)
  both = TASK.everything
  odds = jax.nn.log_softmax(small_net.logits(one.params, both.x))
  want = -np.mean([odds[i, k] for i, k in enumerate(both.label)])
  np.testing.assert_allclose(one.meta_grad(one.params, TASK)[1]['query_loss'], want,
                             rtol=1e-5)
  assert len(both.x) == 9 and len(both.macro) == 4


def test_protonet_is_the_nearest_mean(small_net):
  one = Compiled('protonet', small_net)
  z = lambda x: np.asarray(small_net.embed(one.params, x), np.float64)
  support = z(TASK.support.x)
  means = np.stack([support[np.asarray(TASK.support.label) == k].mean(0)
                    for k in range(3)])
  want = -((z(TASK.query.x)[:, None] - means) ** 2).mean(-1)
  fast, _ = one.adapt(one.params, TASK.support)
  np.testing.assert_allclose(one.predict(fast, TASK.query.x), want, atol=1e-5)
  assert set(one.params) == {'encoder'}


def test_the_inner_loss_falls(small_net):
  one = Compiled('lightman', small_net)
  loss = losses.with_alignment(small_net, weight=.5, statistic='v', bandwidth=0.)
  fast, trace = one.adapt(one.params, TASK.support)
  loss = jax.jit(loss)
  before, parts = loss(one.params, TASK.support)
  assert loss(fast, TASK.support)[0] < before
  close(trace, parts)
  np.testing.assert_allclose(before, parts['cross_entropy'] + .5 * parts['alignment'])


@pytest.mark.parametrize('name, kind', [
    ('supervised', ()), ('protonet', ()), ('maml', learners.EVERYTHING),
    ('lightman', learners.EVERYTHING)])
def test_a_configuration_names_its_learner(small_net, name, kind):
  made = learners.make_learner(small_net, name=name, inner_steps=2, inner_rate=.1,
                               inner_memory=0.,
                               align_weight=.5, statistic='v', bandwidth=0.)
  assert made.moving == kind
  params = made.init(KEY, (1, 2, 2, 2))
  told = jax.eval_shape(made.meta_grad, params, TASK, KEY)[1]
  assert ('support_alignment' in told) == (name == 'lightman')
