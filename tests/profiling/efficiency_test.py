"""What a method costs, measured on a net whose cost can be counted by hand."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax import keys, sections, settings
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.meta.learners import make_learner
from lightman_jax.profiling import efficiency
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.training.state import FoldData, Recipe, init_state, make_optimizer

# small_net: 8 numbers of a clip -> 6, tanh -> 3 classes.
NUMBERS = 8 * 6 + 6 + 6 * 3 + 3
FORWARD = 2 * 8 * 6 + 6 + 6 + 2 * 6 * 3 + 3


@pytest.fixture(scope='module')
def data(pool_of):
  pool = pool_of(subjects=4, micro=2, macro=0, classes=3, shape=(1, 2, 2, 2))
  fold = leave_one_subject_out(pool)[1]
  clips = fold_clips(pool, fold.train, np.ones((2, 2), np.float32))
  split = np.array([[True, False, False, False], [False, False, True, False]])
  return FoldData('s1', keys.fold_key(0, 's1'), clips, split)


def recipe_of(learner):
  return Recipe(learner, make_optimizer(outer_rate=.1, weight_decay=0., clip_norm=1.),
                Sizes(classes=3, shots=1, queries=2), lambda key, clip: clip, tasks=3,
                at_once=1)


@pytest.fixture(scope='module')
def costs(small_net, data):
  """Of MAML, and of plain training."""
  kinds = {'maml': learners.maml(small_net, Steps(4, .1)),
           'supervised': learners.supervised(small_net)}
  return {name: efficiency.measure(recipe_of(learner), data, steps=10, folds=4)
          for name, learner in kinds.items()}


def test_counts(costs):
  for cost in costs.values():
    assert cost['parameters']['value'] == NUMBERS
    assert cost['prediction_arithmetic']['value'] == FORWARD
  adaptation = costs['maml']['adaptation_arithmetic']['value']
  # Four steps on three clips: forward, about twice that backward, and the update.
  assert 4 * 3 * 2 * FORWARD < adaptation < 4 * (3 * 3.5 * FORWARD + 3 * NUMBERS)
  assert costs['supervised']['adaptation_arithmetic']['value'] == 0
  # Each of three tasks has 9 clips, and the second order more than twice the passes.
  plain = costs['supervised']['step_arithmetic']['value']
  assert 3 * 9 * 2 * FORWARD < plain < 3 * 9 * 4 * FORWARD + 40 * NUMBERS
  assert costs['maml']['step_arithmetic']['value'] > 2 * plain


@pytest.mark.parametrize('name', settings.CHOICES['method.name'])
def test_every_method_can_be_counted(small_net, data, name):
  """No loop of theirs goes round nobody knows how often."""
  method = sections.choose('method', name)
  recipe = recipe_of(make_learner(small_net, **method))
  recipe = recipe._replace(sizes=recipe.sizes._replace(macros=2))
  shapes = jax.eval_shape(lambda: init_state(data.key, recipe, (1, 2, 2, 2)))
  state = jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), shapes)
  assert efficiency._step_operations(recipe, data, state) > 3 * 9 * FORWARD


def test_times_and_memory(costs):
  for cost in costs.values():
    for name in ('prediction_latency', 'step_time'):
      time = cost[name]
      assert 0 < time['low'] <= time['value'] <= time['high'] and time['repeats'] >= 3
    assert cost['training_time']['value'] == pytest.approx(
        40 * cost['step_time']['value'])
    assert cost['compile_time']['value'] > .01
    assert 2**20 < cost['peak_memory']['value'] < 2**40
    assert cost['step_temporaries']['value'] > 0
    assert all(measure['unit'] for measure in cost.values())
  assert costs['maml']['adaptation_time']['value'] > 0
  assert costs['supervised']['adaptation_time']['value'] == 0


def test_the_median_without_the_first_call():
  waits = iter([.2, *[.01] * 20, .1, *[.01] * 20])
  measure = efficiency.timed(lambda: time.sleep(next(waits)))
  assert .01 <= measure['low'] <= measure['value'] <= measure['high'] < .1
  assert measure['repeats'] == efficiency.REPEATS


def test_what_lasts_is_not_repeated_for_ever(monkeypatch):
  monkeypatch.setattr(efficiency, 'LONGEST', .02)
  assert efficiency.timed(lambda: time.sleep(.03))['repeats'] == 3


def test_a_program_is_compiled_although_it_was_kept(tmp_path):
  """Else the time to compile would be that of opening a file."""
  kept = lambda: [path for path in tmp_path.rglob('*') if path.is_file()]
  settings = {'jax_compilation_cache_dir': str(tmp_path),
              'jax_persistent_cache_min_compile_time_secs': 0.,
              'jax_persistent_cache_min_entry_size_bytes': -1}
  before = {name: getattr(jax.config, name) for name in settings}
  compiled = lambda n: jax.jit(lambda x: jnp.sin(x) + n).lower(1.).compile()
  try:
    for name, value in settings.items():
      jax.config.update(name, value)
    efficiency.compilation_cache.reset_cache()
    with efficiency._without_cache():
      compiled(1)
      assert not kept()
    compiled(2)
    assert kept()
  finally:
    for name, value in before.items():
      jax.config.update(name, value)
    efficiency.compilation_cache.reset_cache()
