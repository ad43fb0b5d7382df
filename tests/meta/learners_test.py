"""One table of all learners, run against every property they must have."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax import sections, settings
from lightman_jax.meta import inner, learners, losses
from lightman_jax.meta.inner import Steps
from lightman_jax.meta.losses import Align, MacroLabels
from lightman_jax.tasks.sampling import Examples, Task

pytestmark = pytest.mark.usefixtures('double')

STEPS = Steps(2, .1)
PER_CLASS = Align(by_class=True)
INNER, OUTER, BOTH = (MacroLabels(.7, where) for where in ('inner', 'outer', 'both'))
OWN = BOTH._replace(own_head=True)


def lightman(align=Align(), how=STEPS, **more):
  return lambda net: learners.lightman(net, how, align, **more)


def maml(multi_step=0., **how):
  return lambda net: learners.maml(net, STEPS._replace(**how), multi_step=multi_step)


TABLE = {
    'supervised': learners.supervised,
    'finetune': lambda net: learners.finetuned(net, STEPS),
    'protonet': learners.protonet,
    'matchingnet': learners.matchingnet,
    'maml': maml(),
    'maml, multi-step': maml(multi_step=.5),
    'maml, rates of layers': maml(rates='layers'),
    'metasgd': maml(rates='weights'),
    'fomaml': maml(first_order=True),
    'anil': lambda net: learners.anil(net, STEPS),
    'anil, all options': lambda net: learners.anil(
        net, STEPS._replace(rates='layers'), multi_step=.5),
    'reptile': lambda net: learners.reptile(net, STEPS),
    'lightman': lightman(),
    'lightman, by class, U': lightman(PER_CLASS._replace(statistic='u')),
    'lightman, pooled, median': lightman(
        Align(aligned='pooled', bandwidth_rule='median')),
    'lightman, learned weight': lightman(Align(learned=True)),
    'lightman, outside too': lightman(Align(outside=True)),
    'lightman, two members': lambda net: learners.ensemble(lightman()(net), 2),
    'lightman, dropout': lambda net: learners.with_dropout(lightman()(net), net, .5),
    'anil, dropout': lambda net: learners.with_dropout(
        learners.anil(net, STEPS), net, .3),
    'protonet, dropout': lambda net: learners.with_dropout(
        learners.protonet(net), net, .3),
    'lightman, no outer level': lightman(judge='none'),
    'lightman, all options': lightman(
        PER_CLASS._replace(learned=True, aligned='logits'),
        STEPS._replace(rates='weights'), multi_step=.5),
    'supervised, macro labels, own head': lambda net: learners.supervised(net, OWN),
    'finetune, macro labels': lambda net: learners.finetuned(net, STEPS, BOTH),
    'protonet, macro labels': lambda net: learners.protonet(net, BOTH),
    'protonet, macro labels, own head': lambda net: learners.protonet(
        net, OWN._replace(where='outer')),
    'matchingnet, macro labels': lambda net: learners.matchingnet(net, BOTH),
    'maml, macro labels': lambda net: learners.maml(net, STEPS, labels=INNER),
    'maml, macro labels, own head, rates of layers': lambda net: learners.maml(
        net, STEPS._replace(rates='layers'), multi_step=.5, labels=OWN),
    'fomaml, macro labels': lambda net: learners.maml(
        net, STEPS._replace(first_order=True), labels=BOTH),
    'anil, macro labels': lambda net: learners.anil(net, STEPS, labels=BOTH),
    'reptile, macro labels': lambda net: learners.reptile(net, STEPS, INNER),
    'lightman, macro labels': lightman(labels=INNER),
    'lightman, macro labels, learned': lightman(
        Align(learned=True), labels=MacroLabels(.7, learned=True)),
    'lightman, macro labels outside, own head': lightman(
        Align(outside=True), labels=OWN),
    'lightman, macro labels, no outer level': lightman(labels=INNER, judge='none')}
# Their gradient is not the derivative of the loss that they tell: each member's is that
# of its own loss, and what is told is the mean.
NO_DERIVATIVE = ('fomaml', 'reptile', 'fomaml, macro labels', 'reptile, macro labels',
                 'lightman, two members')
KEY = jax.random.key(0)


def side(n, m, seed) -> Examples:
  rng = np.random.default_rng(seed)
  clips = lambda n: rng.standard_normal((n, 1, 2, 2, 2))
  with jax.enable_x64(True):
    return jax.tree.map(jnp.asarray, Examples(
        clips(n), np.arange(n) % 3, clips(m), np.arange(m) % 3))


TASK = Task(side(6, 6, 0), side(3, 0, 1))


class Compiled:
  """A learner with its functions compiled, and how often they were traced."""

  def __init__(self, name, net):
    self.name, self.net, self.learner = name, net, TABLE[name](net)
    self.traced = []
    with jax.enable_x64(True):
      self.params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64),
                                 self.learner.init(KEY, (1, 2, 2, 2)))
    self.adapt = jax.jit(
        lambda params, support: self.learner.adapt(params, support, KEY))
    self.predict = jax.jit(self.learner.predict)
    self.meta_grad = jax.jit(self._meta_grad)

  def _meta_grad(self, params, task):
    self.traced.append(task.support.x.shape)
    return self.learner.meta_grad(params, task, KEY)

  def loss(self, params):
    return float(self.meta_grad(params, TASK)[1]['query_loss'])


compiled = functools.cache(Compiled)


@pytest.fixture(scope='module', params=TABLE)
def one(request, small_net, two_heads):
  return compiled(request.param, two_heads if 'own head' in request.param
                  else small_net)


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


def along(params, direction, step):
  return jax.tree.map(lambda p, d: p + step * d, params, direction)


def test_it_is_the_derivative_of_the_loss(one):
  """Along three directions, against finite differences."""
  if one.name in NO_DERIVATIVE:
    pytest.skip('see the tests of these methods below')
  grads, _ = one.meta_grad(one.params, TASK)
  rng, step = np.random.default_rng(0), 1e-6
  for _ in range(3):
    way = jax.tree.map(lambda p: rng.standard_normal(p.shape), one.params)
    slope = (one.loss(along(one.params, way, step))
             - one.loss(along(one.params, way, -step))) / (2 * step)
    got = sum(jax.tree.leaves(jax.tree.map(lambda g, d: float(np.sum(g * d)), grads,
                                           way)))
    if 'median' in one.name:
      assert abs(got - slope) < .2 * abs(slope) + .02   # its bandwidth is a constant
    else:
      np.testing.assert_allclose(got, slope, rtol=1e-5, atol=1e-8)


def test_traced_once_and_downhill(one):
  params, values = one.params, []
  for _ in range(20):
    grads, scalars = one.meta_grad(params, TASK)
    params = jax.tree.map(lambda p, g: p - .1 * g, params, grads)
    values.append(float(scalars['query_loss']))
  assert len(one.traced) == 1
  assert values[-1] < values[0]


def test_logits(one):
  fast, trace, _ = one.adapt(one.params, TASK.support)
  logits = one.predict(fast, TASK.query.x)
  assert logits.shape == (3, 3) and np.isfinite(logits).all()
  assert all(np.isfinite(x) for x in trace.values())


def test_a_prediction_depends_on_its_own_clip(one):
  fast = one.adapt(one.params, TASK.support).fast
  x = TASK.query.x
  whole = one.predict(fast, x)
  spoilt = one.predict(fast, x.at[1].set(jnp.nan))
  np.testing.assert_array_equal(spoilt[::2], whole[::2])
  np.testing.assert_allclose(one.predict(fast, x[::-1]), whole[::-1], atol=1e-6)


def test_the_order_of_the_support_does_not_matter(one):
  order, macro = np.array([3, 1, 5, 0, 4, 2]), np.array([2, 0, 5, 3, 1, 4])
  s = TASK.support
  turned = Examples(s.x[order], s.label[order], s.macro[macro], s.macro_label[macro])

  def predict(support):
    return one.predict(one.adapt(one.params, support).fast, TASK.query.x)
  np.testing.assert_allclose(predict(turned), predict(s), rtol=1e-8)
  close(one.meta_grad(one.params, TASK._replace(support=turned)),
        one.meta_grad(one.params, TASK))


def test_the_labels_of_macro_clips_are_used_by_class_alone(one):
  unknown = TASK.support._replace(macro_label=TASK.support.macro_label * 0 - 1)
  first, second = (one.meta_grad(one.params, TASK._replace(support=support))[0]
                   for support in (TASK.support, unknown))
  gap = max(np.abs(a - b).max() for a, b in zip(jax.tree.leaves(first),
                                                jax.tree.leaves(second)))
  by_class = ('by class' in one.name or one.name == 'lightman, all options'
              or 'macro labels' in one.name)
  assert gap > 1e-6 if by_class else gap == 0


def test_only_what_moves_is_changed(one):
  fast = one.adapt(one.params, TASK.support).fast
  for name, tree in one.params.items():
    same = all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(fast[name]),
                                                    jax.tree.leaves(tree)))
    assert same == (name not in one.learner.adapted_subtrees)


def test_macro_clips_matter_to_lightman_and_as_labelled_clips_alone(one):
  other = TASK.support._replace(macro=TASK.support.macro + 1)
  first, second = (one.meta_grad(one.params, TASK._replace(support=support))[0]
                   for support in (TASK.support, other))
  gap = max(np.abs(a - b).max() for a, b in zip(jax.tree.leaves(first),
                                                jax.tree.leaves(second)))
  assert (gap > 1e-5) == (one.name.startswith('lightman')
                          or 'macro labels' in one.name)


@pytest.mark.parametrize('make', [
    learners.maml, learners.anil,
    lambda net, how: learners.lightman(net, how, Align())],
    ids=['maml', 'anil', 'lightman'])
def test_both_orders_are_one_where_nothing_moves(small_net, make):
  params = small_net.init(KEY, (1, 2, 2, 2))

  @jax.jit
  def gradients(rate):
    return [make(small_net, Steps(2, rate, first_order=first)).meta_grad(
        params, TASK, KEY)[0] for first in (False, True)]
  second, first = gradients(0.)
  close(second, first, atol=1e-7)
  second, first = gradients(.1)
  assert max(np.abs(a - b).max() for a, b in zip(jax.tree.leaves(first),
                                                 jax.tree.leaves(second))) > 1e-4


def test_without_its_auxiliary_term_lightman_is_maml(small_net):
  params = small_net.init(KEY, (1, 2, 2, 2))
  without = TASK._replace(support=side(6, 0, 0))

  @jax.jit
  def three(weight):
    grad = lambda weight, task: lightman(Align(weight))(small_net).meta_grad(
        params, task, KEY)[0]
    return (maml()(small_net).meta_grad(params, TASK, KEY)[0], grad(weight, TASK),
            grad(.5, without))
  alone, weightless, macroless = three(0.)
  close(weightless, alone)
  close(macroless, alone)


def test_macro_clips_of_no_class_are_not_in_the_labelled_loss():
  """By hand: the mean over classes 0 and 2 of each one's mean; class 1 has none."""
  logits = jnp.array(np.random.default_rng(0).standard_normal((5, 3)))
  odds = np.asarray(jax.nn.log_softmax(logits))
  want = -(odds[0, 2] / 1 + (odds[1, 0] + odds[3, 0] + odds[4, 0]) / 3) / 2
  label = jnp.array([2, 0, -1, 0, 0])
  np.testing.assert_allclose(losses.balanced_cross_entropy(logits, label), want)
  slope = jax.grad(losses.balanced_cross_entropy)(logits, label)
  assert not slope[2].any() and slope[0].any()
  none = jnp.full(5, -1)
  assert losses.balanced_cross_entropy(logits, none) == 0
  assert not jax.grad(losses.balanced_cross_entropy)(logits, none).any()


def test_the_three_terms_by_hand(small_net):
  """Cross entropy + lambda * MMD^2 + mu * cross entropy of macro clips."""
  params, batch = small_net.init(KEY, (1, 2, 2, 2)), TASK.support
  align, labels = Align(.4), MacroLabels(.7)
  micro = losses.cross_entropy(small_net.logits)
  total, parts = losses.with_alignment(small_net, align, labels)(params, batch)
  macro = micro(params, batch._replace(x=batch.macro, label=batch.macro_label))[0]
  two, rest = losses.with_alignment(small_net, align)(params, batch)
  np.testing.assert_allclose(parts['macro_cross_entropy'], macro)     # balanced clips
  np.testing.assert_allclose(total, two + .7 * macro)
  np.testing.assert_allclose(two, rest['cross_entropy'] + .4 * rest['alignment'])
  alone = losses.with_macro_labels(small_net, labels)(params, batch)[0]
  np.testing.assert_allclose(alone, micro(params, batch)[0] + .7 * macro)


def test_the_weight_of_macro_labels_by_its_hypergradient(small_net):
  """Through the inner steps, against finite differences of the outer loss."""
  made = learners.maml(small_net, STEPS, labels=MacroLabels(.7, learned=True))
  params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64),
                        made.init(KEY, (1, 2, 2, 2)))
  np.testing.assert_allclose(np.exp(params['log_macro_weight']), .7, rtol=1e-6)
  at = jax.jit(lambda log: made.meta_grad({**params, 'log_macro_weight': log}, TASK,
                                          KEY))
  log, step = params['log_macro_weight'], 1e-5
  slope = (at(log + step)[1]['query_loss'] - at(log - step)[1]['query_loss']) / (
      2 * step)
  assert abs(slope) > 1e-5
  np.testing.assert_allclose(at(log)[0]['log_macro_weight'], slope, rtol=1e-5)


def test_protonets_macro_clips_are_rows_of_a_smaller_weight(small_net):
  params, s = small_net.init(KEY, (1, 2, 2, 2)), TASK.support
  made = learners.protonet(small_net, INNER)
  z, more = small_net.embed(params, s.x), small_net.embed(params, s.macro)
  want = [(z[s.label == k].sum(0) + .7 * more[s.macro_label == k].sum(0))
          / ((s.label == k).sum() + .7 * (s.macro_label == k).sum()) for k in range(3)]
  np.testing.assert_allclose(made.adapt(params, s, KEY).fast['prototypes'], want)
  # Outside they are queries: the loss is that of both kinds.
  outer = learners.protonet(small_net, OUTER)
  fast = outer.adapt(params, s, KEY).fast
  loss = losses.cross_entropy(outer.predict)
  want = loss(fast, TASK.query)[0] + .7 * loss(
      fast, s._replace(x=s.macro, label=s.macro_label))[0]
  np.testing.assert_allclose(outer.meta_grad(params, TASK, KEY)[1]['query_loss'], want)


def test_matchingnets_macro_clips_have_a_share_of_the_attention(small_net):
  """Of mu 1 they are support clips; of no class they are not there."""
  params, s = small_net.init(KEY, (1, 2, 2, 2)), TASK.support
  predict = lambda made, support: made.predict(made.adapt(params, support, KEY).fast,
                                               TASK.query.x)
  joined = s._replace(x=jnp.concatenate([s.x, s.macro]),
                      label=jnp.concatenate([s.label, s.macro_label]))
  plain = learners.matchingnet(small_net)
  one = learners.matchingnet(small_net, MacroLabels(1.))
  np.testing.assert_allclose(predict(one, s), predict(plain, joined))
  unknown = s._replace(macro_label=jnp.full(6, -1))
  np.testing.assert_allclose(predict(one, unknown), predict(plain, s))


@functools.partial(jax.jit, static_argnums=0)
def gradient(net, params, batch):
  loss = losses.cross_entropy(net.logits)
  return jax.grad(lambda params: loss(params, batch)[0])(params)


def descended(net, params, batch, steps=2, rate=.1):
  """Gradient steps by hand."""
  for _ in range(steps):
    params = jax.tree.map(lambda p, g: p - rate * g, params,
                          gradient(net, params, batch))
  return params


def test_fomaml_is_the_gradient_where_adaptation_ends(small_net):
  one = compiled('fomaml', small_net)
  want = gradient(small_net, descended(small_net, one.params, TASK.support), TASK.query)
  close(one.meta_grad(one.params, TASK)[0], want)


def test_reptile_is_the_way_to_where_adaptation_ends(small_net):
  one = compiled('reptile', small_net)
  end = descended(small_net, one.params, TASK.everything)
  want = jax.tree.map(lambda start, end: (start - end) / .1, one.params, end)
  grads, scalars = one.meta_grad(one.params, TASK)
  close(grads, want)
  # Of one step it is the plain gradient.
  close(learners.reptile(small_net, Steps(1, .1)).meta_grad(one.params, TASK, KEY)[0],
        gradient(small_net, one.params, TASK.everything))
  loss = losses.cross_entropy(small_net.logits)(one.params, TASK.everything)[0]
  np.testing.assert_allclose(scalars['query_loss'], loss)


def test_anil_is_maml_of_the_head(small_net):
  one = compiled('anil', small_net)
  loss = losses.cross_entropy(small_net.logits)

  @jax.jit
  def want(params):
    def after(params):
      fast = inner.sgd_steps(loss, params, TASK.support, moving=('head',), steps=2,
                             step_size=.1).fast
      return loss(fast, TASK.query)[0]
    return jax.grad(after)(params)
  close(one.meta_grad(one.params, TASK)[0], want(one.params), rtol=1e-8)


def test_multi_step_begins_with_the_mean_and_ends_with_the_last(small_net):
  one = compiled('maml, multi-step', small_net)
  at = jax.jit(lambda progress: one.learner.meta_grad(one.params, TASK, KEY, progress))
  loss = losses.cross_entropy(small_net.logits)

  @jax.jit
  def both(weights):
    def after(params):
      values = jnp.stack([
          loss(descended(small_net, params, TASK.support, steps), TASK.query)[0]
          for steps in (1, 2)])
      return values @ weights, values[-1]
    return jax.grad(after, has_aux=True)(one.params)
  for progress, weights in ((0., (.5, .5)), (.25, (.25, .75)), (.5, (0., 1.)),
                            (1., (0., 1.))):
    want, last = both(jnp.array(weights))
    grads, scalars = at(progress)
    close(grads, want)
    np.testing.assert_allclose(scalars['query_loss'], last, rtol=1e-5)


def test_supervised_is_the_cross_entropy_of_all_clips(small_net):
  one = compiled('supervised', small_net)
  both = TASK.everything
  odds = jax.nn.log_softmax(small_net.logits(one.params, both.x))
  want = -np.mean([odds[i, k] for i, k in enumerate(both.label)])
  np.testing.assert_allclose(one.meta_grad(one.params, TASK)[1]['query_loss'], want,
                             rtol=1e-5)
  assert len(both.x) == 9 and len(both.macro) == 6


def embeddings(one, x):
  return np.asarray(one.net.embed(one.params, x), np.float64)


def test_protonet_is_the_nearest_mean(small_net):
  one = compiled('protonet', small_net)
  support, label = embeddings(one, TASK.support.x), np.asarray(TASK.support.label)
  means = np.stack([support[label == k].mean(0) for k in range(3)])
  want = -((embeddings(one, TASK.query.x)[:, None] - means) ** 2).mean(-1)
  fast = one.adapt(one.params, TASK.support).fast
  np.testing.assert_allclose(one.predict(fast, TASK.query.x), want, atol=1e-5)
  assert set(one.params) == {'encoder'}


def test_matchingnet_attends_by_cosine(small_net):
  one = compiled('matchingnet', small_net)
  unit = lambda z: z / np.linalg.norm(z, axis=-1, keepdims=True)
  cosine = unit(embeddings(one, TASK.query.x)) @ unit(embeddings(one, TASK.support.x)).T
  attention = np.exp(cosine) / np.exp(cosine).sum(-1, keepdims=True)
  label = np.asarray(TASK.support.label)
  want = np.stack([attention[:, label == k].sum(-1) for k in range(3)], -1)
  fast = one.adapt(one.params, TASK.support).fast
  np.testing.assert_allclose(np.exp(one.predict(fast, TASK.query.x)), want, rtol=1e-6)
  assert set(one.params) == {'encoder'}


def test_the_inner_loss_falls(small_net):
  one = compiled('lightman', small_net)
  loss = jax.jit(losses.with_alignment(small_net, Align()))
  fast, trace, _ = one.adapt(one.params, TASK.support)
  before, parts = loss(one.params, TASK.support)
  assert loss(fast, TASK.support)[0] < before
  close(trace, parts)
  np.testing.assert_allclose(before, parts['cross_entropy'] + .5 * parts['alignment'])


def test_a_learned_weight_starts_where_it_was_given(small_net):
  fixed = compiled('lightman', small_net)
  learned = compiled('lightman, learned weight', small_net)
  np.testing.assert_allclose(jnp.exp(learned.params['log_weight']), .5, rtol=1e-6)
  grads, scalars = learned.meta_grad(learned.params, TASK)
  want, of_fixed = fixed.meta_grad(fixed.params, TASK)
  close({name: grads[name] for name in want}, want)
  close(scalars, of_fixed)


@pytest.mark.parametrize('name', settings.CHOICES['method.name'])
def test_a_configuration_names_its_learner(small_net, name):
  method = sections.choose('method', name)
  made = learners.make_learner(small_net, **method)
  moving = {'supervised': (), 'protonet': (), 'matchingnet': (), 'anil': ('head',)}
  assert made.adapted_subtrees == moving.get(name, learners.ENCODER_AND_HEAD)
  assert made.needs_support == (name != 'supervised')
  params = jax.eval_shape(lambda: made.init(KEY, (1, 2, 2, 2)))
  assert ('rates' in params) == (name == 'metasgd')
  scalars = jax.eval_shape(made.meta_grad, params, TASK, KEY)[1]
  assert ('support_alignment' in scalars) == (name == 'lightman')


def test_members_are_models_of_their_own_whose_answers_are_averaged(small_net):
  one = lightman()(small_net)
  both, task = learners.ensemble(one, 2), TASK
  params = both.init(KEY, task.query.x.shape[1:])
  member = lambda n, tree: jax.tree.map(lambda x: x[n], tree)
  assert not np.allclose(*(member(n, params)['head']['kernel'] for n in (0, 1)))
  grads, scalars = both.meta_grad(params, task, KEY)
  alone = [one.meta_grad(member(n, params), task, KEY) for n in (0, 1)]
  for n, (own, _) in enumerate(alone):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), own,
                 member(n, grads))
  assert scalars['query_loss'] == pytest.approx(
      np.mean([own['query_loss'] for _, own in alone]))
  fast = both.adapt(params, task.support, KEY).fast
  logits = [one.predict(one.adapt(member(n, params), task.support, KEY).fast,
                        task.query.x) for n in (0, 1)]
  np.testing.assert_allclose(both.predict(fast, task.query.x),
                             np.mean([jax.nn.log_softmax(x) for x in logits], 0),
                             atol=1e-10)


def test_dropout_leaves_out_parts_of_the_embedding_in_training_alone(small_net):
  whole = learners.supervised(small_net)
  part = learners.with_dropout(whole, small_net, .5)
  params, both = whole.init(KEY, TASK.query.x.shape[1:]), TASK.everything
  grads, scalars = part.meta_grad(params, TASK, KEY)
  # What is left out of the head's sight has no gradient there.
  kept = np.abs(grads['head']['kernel']).max(1) > 0
  assert 0 < kept.sum() < len(kept)

  def loss(params):
    z = small_net.maps(params, both.x).reshape(len(both.x), -1) * kept * 2
    logits = z @ params['head']['kernel'] + params['head']['bias']
    return losses.cross_entropies(logits, both.label).mean()
  value, want = jax.value_and_grad(loss)(params)
  close(grads, want)
  np.testing.assert_allclose(scalars['query_loss'], value)
  other = part.meta_grad(params, TASK, jax.random.key(1))[0]['head']['kernel']
  assert (np.abs(other).max(1) > 0).tolist() != kept.tolist()
  np.testing.assert_array_equal(part.predict(params, both.x),
                                whole.predict(params, both.x))


def test_smoothed_labels_by_hand():
  logits, label = jnp.log(jnp.array([[.7, .2, .1]])), jnp.array([0])
  part = lambda share: losses.cross_entropies(logits, label, share)
  np.testing.assert_allclose(part(0.), -np.log(.7))
  np.testing.assert_allclose(part(.3), -.8 * np.log(.7) - .1 * np.log(.2 * .1))


def test_a_mixed_label_counts_as_its_classes_do_by_their_shares():
  logits, shares = jnp.log(jnp.array([[.7, .2, .1]])), jnp.array([[.6, .4, 0.]])
  np.testing.assert_allclose(losses.cross_entropies(logits, shares),
                             -.6 * np.log(.7) - .4 * np.log(.2))
  np.testing.assert_allclose(losses.cross_entropies(logits, shares, .3),
                             -.52 * np.log(.7) - .38 * np.log(.2) - .1 * np.log(.1))


@pytest.mark.parametrize('name', [
    'supervised', 'maml', 'protonet', 'anil', 'matchingnet',
    'lightman, macro labels outside, own head'])
def test_every_outer_loss_takes_a_query_of_mixed_clips(name, small_net, two_heads):
  # A cross entropy is linear in the label, so the loss and its gradient are, too.
  one = compiled(name, two_heads if 'own head' in name else small_net)
  other = (TASK.query.label + 1) % 3
  mixed = sum(share * jax.nn.one_hot(label, 3) for share, label in (
      (.6, TASK.query.label), (.4, other)))
  parts = [one.meta_grad(one.params, TASK._replace(
      query=TASK.query._replace(label=label))) for label in (
          TASK.query.label, other, mixed)]
  want = jax.tree.map(lambda x, y: .6 * x + .4 * y, *(grads for grads, _ in parts[:2]))
  close(parts[2][0], want)
  first, second, got = (scalars['query_loss'] for _, scalars in parts)
  np.testing.assert_allclose(got, .6 * first + .4 * second)


def test_a_skip_is_seen_by_the_head_and_not_aligned(small_net):
  net = small_net._replace(beside=lambda params, z, x: jnp.concatenate(
      [z, 100 * x.reshape(len(x), -1)[:, :2]], -1))
  params = dict(small_net.init(KEY, TASK.support.x.shape[1:]))
  _, plain = losses.with_alignment(small_net, Align())(params, TASK.support)
  kernel = params['head']['kernel']
  params['head'] = {**params['head'],
                    'kernel': jnp.concatenate([kernel, jnp.ones((2, 3))])}
  _, parts = losses.with_alignment(net, Align())(params, TASK.support)
  assert parts['alignment'] == plain['alignment']
