"""Sets of classes, as action units are: losses and learners, by hand."""

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose
import pytest
from sklearn.metrics import log_loss

from lightman_jax.meta import learners, losses
from lightman_jax.meta.inner import Steps
from lightman_jax.meta.losses import Align, MacroLabels
from lightman_jax.models.network import Network
from lightman_jax.tasks.sampling import Examples, Task

pytestmark = pytest.mark.usefixtures('double')

# Of units 0, 1 and 2: none, 0, 1 and 2, all.
LABEL = jnp.array([0, 1, 6, 7])
ACTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 1], [1, 1, 1]])
STEPS = Steps(1, .1)


def same():
  """A network whose embedding is the clip, and whose logits are its three numbers."""
  return Network(
      lambda key, shape: {'encoder': {'scale': jnp.ones(3)},
                          'head': {'bias': jnp.zeros(3)}},
      lambda params, x: x * params['encoder']['scale'],
      lambda params, z: z + params['head']['bias'], 3, multi_label=True)


def examples(seed=0, n=4, m=2):
  rng = np.random.default_rng(seed)
  return Examples(jnp.asarray(rng.standard_normal((n, 3))), LABEL[:n],
                  jnp.asarray(rng.standard_normal((m, 3))), jnp.array([5, -1])[:m])


TASK = Task(examples(), examples(1))


def test_the_loss_is_the_mean_over_units_of_sigmoid_cross_entropies():
  logits = examples().x
  want = [np.mean([log_loss([acts], [p], labels=[0, 1])
                   for acts, p in zip(row, jax.nn.sigmoid(own))])
          for row, own in zip(ACTS, logits)]
  assert_allclose(losses.cross_entropies(logits, LABEL, multi_label=True), want)
  # Half of the smoothing goes to either answer.
  smooth = losses.cross_entropies(logits, LABEL, .2, multi_label=True)
  other = losses.cross_entropies(logits, 7 - LABEL, multi_label=True)
  assert_allclose(smooth, .9 * np.array(want) + .1 * other)


def test_macro_clips_nobody_coded_have_no_part():
  logits, label = examples().x, jnp.array([5, -1, 2, -1])
  want = losses.cross_entropies(logits[::2], label[::2], multi_label=True).mean()
  assert_allclose(losses.balanced_cross_entropy(logits, label, multi_label=True), want)
  none = jnp.full(4, -1)
  assert losses.balanced_cross_entropy(logits, none, multi_label=True) == 0
  slope = jax.grad(losses.balanced_cross_entropy)(logits, none, multi_label=True)
  assert not slope.any()


def test_protonet_tells_by_the_nearer_of_present_and_absent_means():
  learner, support = learners.protonet(same()), TASK.support
  fast = learner.adapt({'encoder': {'scale': jnp.ones(())}}, support, None).fast
  z, x = np.asarray(support.x), np.asarray(TASK.query.x)
  for k in range(3):
    present, absent = (z[ACTS[:, k] == side].mean(0) for side in (1, 0))
    nearer = np.square(x - absent) - np.square(x - present)
    assert_allclose(learner.predict(fast, TASK.query.x)[:, k], nearer.mean(-1),
                    rtol=1e-4)


def test_a_unit_that_all_of_a_support_shows_is_undecided_by_its_absence():
  support = examples()._replace(label=jnp.full(4, 1))
  learner = learners.protonet(same())
  fast = learner.adapt({'encoder': {'scale': jnp.ones(())}}, support, None).fast
  # Of unit 0 both means are that of all; the units that none shows likewise.
  assert_allclose(learner.predict(fast, TASK.query.x), 0, atol=1e-12)


def test_matchingnet_gives_the_odds_of_the_attention_to_clips_with_a_unit():
  learner, support = learners.matchingnet(same()), TASK.support
  fast = learner.adapt({'encoder': {'scale': jnp.ones(())}}, support, None).fast
  unit = lambda z: z / np.sqrt(np.square(z).sum(-1, keepdims=True))
  score = unit(np.asarray(TASK.query.x)) @ unit(np.asarray(support.x)).T
  attention = np.exp(score) / np.exp(score).sum(-1, keepdims=True)
  share = attention @ ACTS
  assert_allclose(learner.predict(fast, TASK.query.x), np.log(share / (1 - share)),
                  rtol=1e-4)


def test_members_of_an_ensemble_are_averaged_as_log_odds():
  one = learners.supervised(same())
  both = learners.ensemble(one, 2, multi_label=True)
  params = {'encoder': {'scale': jnp.array([1., 3.])},
            'head': {'bias': jnp.zeros((2, 3))}}
  assert_allclose(both.predict(params, TASK.query.x), 2 * TASK.query.x)


LABELLED = MacroLabels(.5, 'both')
METHODS = {
    'supervised': lambda net, labels: learners.supervised(net, labels),
    'finetune': lambda net, labels: learners.finetuned(net, STEPS, labels),
    'maml': lambda net, labels: learners.maml(net, STEPS, labels=labels),
    'fomaml': lambda net, labels: learners.maml(
        net, STEPS._replace(first_order=True), labels=labels),
    'metasgd': lambda net, labels: learners.maml(
        net, STEPS._replace(rates='weights'), labels=labels),
    'anil': lambda net, labels: learners.anil(net, STEPS, labels=labels),
    'reptile': lambda net, labels: learners.reptile(net, STEPS, labels),
    'protonet': learners.protonet, 'matchingnet': learners.matchingnet,
    'lightman': lambda net, labels: learners.lightman(net, STEPS, Align(),
                                                      labels=labels)}


@pytest.mark.parametrize('name', METHODS)
def test_every_method_learns_sets_of_classes(name):
  """Its gradient is that of its loss, and one step against it lowers the loss."""
  net = same()
  for labels in (None, LABELLED):
    learner = METHODS[name](net, labels)
    params = learner.init(jax.random.key(0), (3,))
    grads, scalars = learner.meta_grad(params, TASK, jax.random.key(1))
    assert np.isfinite(scalars['query_loss'])
    assert any(np.asarray(g).any() for g in jax.tree.leaves(grads))
    less = jax.tree.map(lambda p, g: p - 1e-3 * g, params, grads)
    assert learner.meta_grad(less, TASK, jax.random.key(1))[1]['query_loss'] < (
        scalars['query_loss'])
    fast = learner.adapt(params, TASK.support, jax.random.key(2)).fast
    assert learner.predict(fast, TASK.query.x).shape == (4, 3)


def test_supervised_is_the_sigmoid_cross_entropy_of_all_clips():
  learner = learners.supervised(same())
  params = learner.init(None, (3,))
  both = TASK.everything
  want = losses.cross_entropies(both.x, both.label, multi_label=True).mean()
  assert_allclose(learner.meta_grad(params, TASK, None)[1]['query_loss'], want)


# Units beside classes.

BESIDE = Network(
    lambda key, shape: {'encoder': {'scale': jnp.full(3, 2.)},
                        'head': {'bias': jnp.zeros(3)},
                        'unit_head': {'bias': jnp.zeros(3)}},
    lambda params, x: x * params['encoder']['scale'],
    lambda params, z: z + params['head']['bias'], 3,
    classify_macro=lambda params, z: z,
    classify_units=lambda params, z: z + params['unit_head']['bias'])
CODED = TASK._replace(
    support=TASK.support._replace(label=jnp.array([0, 1, 2, 2]), units=LABEL,
                                  macro_units=jnp.array([5, -1])),
    query=TASK.query._replace(label=jnp.array([0, 1, 2, 2]),
                              units=jnp.array([-1, 3, -1, 4]),
                              macro_units=jnp.array([-1, -1])))


def test_units_beside_classes_are_of_the_coded_clips_alone():
  params, batch = BESIDE.init(None, ()), CODED.everything
  rows = [(x, label) for x, label in (*zip(batch.x, batch.units),
                                      *zip(batch.macro, batch.macro_units))
          if label >= 0]
  acts = np.array([[int(label) >> k & 1 for k in range(3)] for _, label in rows])
  p = np.asarray(jax.nn.sigmoid(2 * np.array([x for x, _ in rows])))
  want = -np.mean(acts * np.log(p) + (1 - acts) * np.log(1 - p))
  assert len(rows) == 7
  assert_allclose(losses.units_cross_entropy(BESIDE, params, batch), want)
  # What nobody coded may hold anything.
  other = batch._replace(x=batch.x + jnp.where(batch.units < 0, 9., 0.)[:, None])
  assert_allclose(losses.units_cross_entropy(BESIDE, params, other), want)


@pytest.mark.parametrize('make', [
    learners.supervised, learners.protonet, learners.matchingnet,
    lambda net: learners.maml(net, STEPS), lambda net: learners.anil(net, STEPS),
    lambda net: learners.reptile(net, STEPS),
    lambda net: learners.finetuned(net, STEPS),
    lambda net: learners.lightman(net, STEPS, Align())])
def test_every_method_learns_units_beside_its_classes(make):
  plain, weight = make(BESIDE), .7
  learner = learners.with_units(plain, BESIDE, weight)
  params, key = learner.init(jax.random.key(0), (3,)), jax.random.key(1)
  grads, scalars = learner.meta_grad(params, CODED, key)
  old, _ = plain.meta_grad(params, CODED, key)
  loss = lambda params: losses.units_cross_entropy(BESIDE, params, CODED.everything)
  slope = jax.grad(loss)(params)
  for name in ('encoder', 'unit_head'):
    jax.tree.map(lambda new, old, more: assert_allclose(new, old + weight * more),
                 grads[name], old[name], slope[name])
  assert_allclose(scalars['units_cross_entropy'],
                  losses.units_cross_entropy(BESIDE, params, CODED.everything))
  assert {*grads} == {*params} and np.abs(slope['unit_head']['bias']).max() > 0
  assert learners.with_units(plain, BESIDE, 0.) is plain
