"""MAML on sinusoids (Finn et al. 2017, section 5.1), with this package's inner loop.

    python benchmarks/sinusoids.py --quick      # 7 000 meta-steps: a minute
    python benchmarks/sinusoids.py              # 70 000, as published: minutes

A task is a sinusoid: amplitude from [.1, 5], phase from [0, pi], points x from [-5, 5].
The net has two hidden layers of 40 ReLU; 25 tasks a meta-step, Adam at .001, one inner
step at rate .01 on K points and a query of K others; second order. What is ours: the
initial weights (uniform, LeCun), and that the query has K points at training.

Error: mean squared error on 100 points of a sinusoid, before and after one step on K of
its points, mean over 2 000 new tasks with its 95 % interval. The published figures are
those of the paper's curves and of re-implementations, with K points and one step.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from flax import linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lightman_jax.meta import inner, outer
from lightman_jax.meta.learners import Learner
from lightman_jax.tasks.sampling import Examples, Task
from lightman_jax.training import devices

RATE, OUTER_RATE, TASKS = .01, 1e-3, 25
TESTED, POINTS = 2000, 100
PUBLISHED = {5: '.5 to 1.1', 10: '.3 to .7'}
BEFORE = '2.8 to 3.0'


class Regressor(nn.Module):
  """One number to one number."""

  @nn.compact
  def __call__(self, x):
    for width in (40, 40):
      x = nn.relu(nn.Dense(width, kernel_init=nn.initializers.lecun_uniform())(x))
    return nn.Dense(1, kernel_init=nn.initializers.lecun_uniform())(x)


def make_learner() -> Learner:
  """The same tuple of functions as every method here, for regression."""
  net = Regressor()
  predict = lambda params, x: net.apply({'params': params['encoder']}, x)

  def loss(params, batch):
    value = jnp.mean(jnp.square(predict(params, batch.x) - batch.label))
    return value, {'squared_error': value}
  init = lambda key, shape: {'encoder': net.init(key, jnp.zeros((1, *shape)))['params']}
  adapt = lambda params, support, key: inner.sgd_steps(
      loss, params, support, moving=('encoder',), steps=1, step_size=RATE,
      memory=1024.)
  meta_grad = outer.through_adaptation(adapt, lambda fast, task: loss(fast, task.query))
  return Learner(init, adapt, predict, meta_grad, ('encoder',))


def sample(key, support: int, query: int) -> Task:
  """Points of one sinusoid."""
  key_amplitude, key_phase, key_x = jax.random.split(key, 3)
  amplitude = jax.random.uniform(key_amplitude, minval=.1, maxval=5.)
  phase = jax.random.uniform(key_phase, minval=0., maxval=jnp.pi)
  x = jax.random.uniform(key_x, (support + query, 1), minval=-5., maxval=5.)
  side = lambda x: Examples(x, amplitude * jnp.sin(x - phase), x[:0], x[:0])
  return Task(side(x[:support]), side(x[support:]))


def train(learner: Learner, *, shots: int, steps: int, seed: int):
  """The parameters after `steps` meta-steps, as one compiled loop."""
  key = jax.random.key(seed)
  optimizer = optax.adam(OUTER_RATE)

  def step(state, number):
    params, opt_state = state
    keys = jax.random.split(jax.random.fold_in(key, number), TASKS)
    grads, _ = jax.vmap(lambda key: learner.meta_grad(
        params, sample(key, shots, shots), key))(keys)
    updates, opt_state = optimizer.update(
        jax.tree.map(lambda x: x.mean(0), grads), opt_state)
    return (optax.apply_updates(params, updates), opt_state), None
  params = learner.init(jax.random.fold_in(key, 2**31 - 1), (1,))
  run = jax.jit(lambda state: jax.lax.scan(step, state, jnp.arange(steps))[0])
  return run((params, optimizer.init(params)))[0]


def test(learner: Learner, params, *, shots: int, seed: int) -> np.ndarray:
  """Errors (tasks, 2): before and after one step, on tasks that nobody trained on."""
  def errors(key):
    task = sample(key, shots, POINTS)
    of = lambda fast: jnp.mean(jnp.square(
        learner.predict(fast, task.query.x) - task.query.label))
    return jnp.stack([of(params), of(learner.adapt(params, task.support, key).fast)])
  keys = jax.random.split(jax.random.key(10**6 + seed), TESTED)
  return np.asarray(jax.jit(jax.vmap(errors))(keys))


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--quick', action='store_true', help='a tenth of the meta-steps')
  parser.add_argument('--steps', type=int, default=0, help='meta-steps')
  parser.add_argument('--seed', type=int, default=0)
  flags = parser.parse_args()
  devices.use_compilation_cache()
  steps, learner = flags.steps or (7000 if flags.quick else 70_000), make_learner()
  print(f'{steps} meta-steps, seed {flags.seed}, {TESTED} test tasks')
  for shots, published in PUBLISHED.items():
    began = time.perf_counter()
    params = jax.block_until_ready(
        train(learner, shots=shots, steps=steps, seed=flags.seed))
    seconds = time.perf_counter() - began
    errors = test(learner, params, shots=shots, seed=flags.seed)
    half = 1.96 * errors.std(0, ddof=1) / np.sqrt(len(errors))
    before, after = (f'{mean:.3f} +- {width:.3f}'
                     for mean, width in zip(errors.mean(0), half))
    print(f'K = {shots:2}: before {before} (published {BEFORE}), after one step '
          f'{after} (published {published}), {seconds:.0f} s')


if __name__ == '__main__':
  main()
