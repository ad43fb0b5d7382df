"""The meta-step: a step's tasks, and what the optimizer does with gradients."""

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lightman_jax import keys
from lightman_jax.meta.learners import Learner
from lightman_jax.models.network import make_network
from lightman_jax.tasks import sampling
from lightman_jax.tasks.sampling import Sizes
from lightman_jax.training import devices, state as training
from lightman_jax.training.loop import stack
from lightman_jax.training.state import Recipe, average_last, make_optimizer


def spy() -> Learner:
  """A learner whose gradient and loss are values of clips of its task."""
  def meta_grad(params, task, key, done):
    del params, key, done
    first = lambda examples: examples.x.reshape(-1)[0]
    return {'w': first(task.support)}, {'query_loss': first(task.query)}
  return Learner(lambda key, shape: {'w': jax.random.normal(key, ())}, None, None,
                 meta_grad)


def run(fold, *, used, tasks=4, at_once=1, length=3):
  """Scalars and final parameters of plain descent with the spy."""
  recipe = Recipe(spy(), optax.sgd(1.), Sizes(3, 1, 1), lambda key, x: x, tasks,
                  at_once)
  start = training.init_state(fold.key, recipe, (1, 2, 2, 2))
  views, clips = stack([fold], 1)
  call = devices.over_devices(
      lambda *args: training.run_folds(*args, recipe=recipe, length=length, at_once=1,
                                       axis=devices.AXIS, devices=len(used)), used)
  several = jax.tree.map(lambda x: x[None], start)
  copies, scalars = call(devices.replicate(several, used),
                         devices.replicate(views, used), clips, np.int32(length))
  return start, *(jax.tree.map(lambda x: x[0], devices.first(tree))
                  for tree in (copies, scalars))


@pytest.fixture(scope='module')
def plain(fold):
  return run(fold, used=jax.devices()[:1])


def test_the_step_is_the_mean_over_tasks(plain):
  start, end, scalars = plain
  assert end.step == 3 and end.step.dtype == np.int32
  # The gradient's norm is that of the mean: the descent has gone just that far.
  gone = np.abs(start.params['w'] - end.params['w'])
  assert gone <= scalars['gradient_norm'].sum() + 1e-5
  assert len(set(scalars['query_loss'].tolist())) == 3, 'each step has other tasks'


def test_however_the_tasks_are_shared_out(plain, fold):
  _, end, scalars = run(fold, used=jax.devices(), at_once=2)
  np.testing.assert_allclose(end.params['w'], plain[1].params['w'], rtol=1e-5)
  for name, x in scalars.items():
    np.testing.assert_allclose(x, plain[2][name], rtol=1e-5)


def test_where_clips_are_mixed_those_of_the_query_are(fold):
  recipe = Recipe(spy(), optax.sgd(1.), Sizes(3, 1, 1), lambda key, x: x, 4, 1)
  mix = lambda key, x, label: (2 * x, jax.nn.one_hot(label, 3) / 2)
  table, view, splits = jax.tree.map(
      jnp.asarray, (fold.clips.table, fold.clips.view, fold.splits))
  drawn = sampling.draw_task(keys.key_for(fold.key, keys.Purpose.TASKS), table, view,
                             splits, len(splits), recipe.sizes)
  plain, mixed = (training.make_task(
      fold.key, jnp.asarray(fold.clips.x), view.scale, drawn, how,
      jnp.int32(0), jnp.int32(0))[0] for how in (recipe, recipe._replace(mix=mix)))
  np.testing.assert_array_equal(mixed.support.x, plain.support.x)
  np.testing.assert_array_equal(mixed.query.x, 2 * plain.query.x)
  assert mixed.everything.label.shape == (6, 3)
  np.testing.assert_array_equal(mixed.everything.label.sum(1), [1] * 3 + [.5] * 3)


def test_the_start_is_a_function_of_the_folds_key(fold):
  recipe = Recipe(spy(), optax.sgd(1.), Sizes(3, 1, 1), None, 1, 1)
  at = lambda seed, name: float(training.init_state(
      keys.fold_key(seed, name), recipe, (1,)).params['w'])
  assert at(0, 'a') == at(0, 'a')
  assert len({at(0, 'a'), at(0, 'b'), at(1, 'a')}) == 3


def test_gradients_are_clipped_and_weights_decay():
  params = {'head': jnp.array([1., -2.]), 'rates': jnp.array([.5])}

  def after(grads, **how):
    optimizer = make_optimizer(**{'outer_rate': .1, 'weight_decay': 0., 'clip_norm': 1.,
                                  **how})
    return optax.apply_updates(params, optimizer.update(
        grads, optimizer.init(params), params)[0])
  grads = lambda *x: {'head': jnp.array(x), 'rates': jnp.zeros(1)}
  # Adam's first step is the rate in the direction of each sign, whatever the size.
  np.testing.assert_allclose(after(grads(30., -40.))['head'], [.9, -1.9], rtol=1e-5)
  np.testing.assert_allclose(after(grads(0., 0.))['head'], [1., -2.])
  decayed = after(grads(0., 0.), weight_decay=.5)
  np.testing.assert_allclose(decayed['head'], [.95, -1.9])
  assert decayed['rates'] == .5                   # a rate is no weight
  clip = make_optimizer(outer_rate=1., weight_decay=0., clip_norm=1.)
  _, kept = clip.update(grads(30., -40.), clip.init(params), params)
  mean = kept[1][0].mu['head']
  np.testing.assert_allclose(mean, [.06, -.08], rtol=1e-5)      # .1 x (.6, -.8)


def test_every_head_decays_and_learned_rates_lambda_and_mu_do_not():
  net = make_network(nn.Dense(2), classes=3, macro_head=True, units=4)
  weights = jax.eval_shape(lambda: net.init(jax.random.key(0), (2,)))
  assert {*weights} == {'encoder', 'head', 'macro_head', 'unit_head'}
  params = jax.tree.map(lambda x: np.ones(x.shape, np.float32), {
      **weights, **dict.fromkeys(('rates', 'log_weight', 'log_macro_weight'),
                                 np.ones(1))})
  optimizer = make_optimizer(outer_rate=.1, weight_decay=.5, clip_norm=1.)
  updates, _ = optimizer.update(jax.tree.map(np.zeros_like, params),
                                optimizer.init(params), params)
  for name, tree in updates.items():
    for update in jax.tree.leaves(tree):
      np.testing.assert_allclose(update, -.05 if name in weights else 0.)


def descend(optimizer, steps, start=0.):
  """Where gradients of -1 lead, step by step."""
  params, state, places = jnp.array(start), optimizer.init(jnp.array(start)), []
  for _ in range(steps):
    updates, state = optimizer.update(jnp.array(-1.), state, params)
    params = optax.apply_updates(params, updates)
    places.append(float(params))
  return places


@pytest.mark.parametrize('steps, share, want', [
    (4, .5, 3.5), (4, .25, 4.), (4, 1., 2.5), (5, .6, 4.), (3, .01, 3.)])
def test_the_last_step_leads_to_the_mean_of_the_last_ones(steps, share, want):
  optimizer = optax.chain(optax.sgd(1.), average_last(steps, share=share))
  *before, last = descend(optimizer, steps)
  assert before == [n + 1. for n in range(steps - 1)], 'until then nothing is changed'
  assert last == pytest.approx(want)


def test_the_rate_falls_to_zero_in_a_cosine():
  """Adam's steps on a constant gradient are the rate: half a cosine from .1 to 0."""
  tree = lambda x: {'head': jnp.array(x)}
  optimizer = make_optimizer(outer_rate=.1, weight_decay=0., clip_norm=9., steps=4,
                             schedule='cosine')
  params, state, moves = tree(0.), None, []
  state = optimizer.init(params)
  for _ in range(4):
    updates, state = optimizer.update(tree(-1.), state, params)
    moves.append(float(updates['head']))
  want = [.1 * (1 + np.cos(np.pi * n / 4)) / 2 for n in range(4)]
  np.testing.assert_allclose(moves, want, rtol=1e-4)
