"""What a run cost, of a net whose cost can be counted by hand."""

import functools
import json

import chex
import jax
import numpy as np
import pytest

from configs import common
from lightman_jax import keys
from lightman_jax.errors import InputError
from lightman_jax.meta import learners
from lightman_jax.profiling import cost, efficiency, memory
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import lay_out
from lightman_jax.training.loop import make_trainer, train_folds
from lightman_jax.training.state import FoldData, Recipe, make_optimizer

# small_net: 8 numbers of a clip -> 6, tanh -> 3 classes.
NUMBERS = 8 * 6 + 6 + 6 * 3 + 3
FORWARD = 2 * 8 * 6 + 6 + 6 + 2 * 6 * 3 + 3


@pytest.fixture
def parts(small_net, pool_of):
  pool = pool_of(subjects=4, micro=2, macro=0, classes=3, shape=(1, 2, 2, 2))
  fold = leave_one_subject_out(pool)[1]
  clips = fold_clips(pool, fold.train, np.ones((2, 2), np.float32))
  split = np.array([[True, False, False, False], [False, False, True, False]])
  recipe = Recipe(
      learners.supervised(small_net),
      make_optimizer(outer_rate=.1, weight_decay=0., clip_norm=1.),
      Sizes(classes=3, shots=1, queries=2), lambda key, clip: clip, tasks=2, at_once=1)
  layout = lay_out(jax.devices()[:1], folds=1, tasks=2)
  return (FoldData('s1', keys.fold_key(0, 's1'), clips, split),
          functools.partial(make_trainer, recipe, steps=6, every=2, layout=layout))


@pytest.fixture
def loop(parts, tmp_path):
  """Trains two folds as a configuration says, and tells of the layout."""
  fold, make = parts
  recipe, = make.args

  def train(config, meter, place):
    training = config['training']
    layout = lay_out(jax.devices()[:1], folds=2, tasks=2,
                     folds_at_once=training['folds_at_once'],
                     tasks_at_once=training['tasks_at_once'])
    trainer = meter.trainer(config, functools.partial(
        make_trainer, recipe._replace(at_once=layout.tasks_at_once), steps=6, every=2,
        layout=layout))
    folds = [fold, fold._replace(name='s2', key=keys.fold_key(0, 's2'))]
    with Checkpoints(tmp_path / place, say=pytest.fail) as checkpoints:
      states = [train_folds(trainer, folds[first:first + layout.together], checkpoints,
                            on_chunk=meter.after_chunk(lambda last, scalars: None))
                for first in range(0, 2, layout.together)]
    return sum(states, []), layout
  return train


def config(limit=0., **training):
  complete = common.base().to_dict()
  complete['training'].update(memory_limit=limit, tasks=2, **training)
  return complete


def test_a_run_is_metered(parts, tmp_path, monkeypatch):
  monkeypatch.setattr(efficiency, 'LONGEST_RATE', .01)
  (fold, make), chunks, said = parts, [], []
  place = tmp_path / 'cost.json'
  meter = cost.Meter(config(), said.append, place)
  meter.write()
  assert not any(tmp_path.iterdir()) and 'inputs.size' in meter.advice()
  trainer = meter.trainer(config(), make)
  with Checkpoints(tmp_path / 'checkpoints', say=said.append) as checkpoints:
    train_folds(trainer, [fold], checkpoints, on_chunk=meter.after_chunk(
        lambda last, scalars: chunks.append((last, place.exists()))))
  # Before the last chunk is saved: a start that finds it saved trains nothing.
  assert {last: there for last, there in chunks} == {
      **dict.fromkeys((1, 2, 4), False), 6: True}, 'the first step is timed alone'
  assert said[0].startswith('compiling')
  assert said[1].startswith('memory: about ') and len(said) == 2
  content = json.loads(place.read_text())
  value = {name: one['value'] for name, one in content['measures'].items()}
  assert content['about']['pieces_timed'] == len(chunks)
  # Two tasks of nine clips: forward, about twice that backward, and the update.
  assert 18 * 2 * FORWARD < value['step_arithmetic'] < 18 * 4 * FORWARD + 40 * NUMBERS
  assert 4 * 18 * 8 < value['step_traffic'] < 100 * 4 * 18 * NUMBERS
  assert 0 < value['step_time'] < 100 and value['programs'] >= 1
  assert value['matmul_rate'] == value['step_arithmetic'] / value['step_time']
  assert 0 < value['share_of_matmul_rate'] < 1
  assert fold.clips.x.nbytes < value['memory_estimate'] < value['peak_memory']
  assert all(one['unit'] for one in content['measures'].values())
  line = cost.describe_cost(content)
  assert 'GFLOP' in line and 'compiled in' in line and '% of the matmul rate' in line


def test_what_would_not_fit_does_not_begin(parts, tmp_path):
  (fold, make), said = parts, []
  meter = cost.Meter(config(), said.append, tmp_path / 'cost.json')
  trainer = meter.trainer(config(limit=1e-6), make)
  with Checkpoints(tmp_path / 'checkpoints', say=said.append) as checkpoints:
    with pytest.raises(InputError, match='training.memory_limit'):
      train_folds(trainer, [fold], checkpoints, on_chunk=meter.after_chunk(
          lambda last, scalars: pytest.fail('it ran')))
  meter.write()
  assert not (tmp_path / 'cost.json').exists()
  assert 'the estimate for training was' in meter.advice()


def test_a_run_that_would_not_fit_goes_on_in_smaller_batches(loop, tmp_path):
  """The limit holds one fold of two, and nothing but the batches differs.

  Three programs are compiled: alone, as wished, as it fits.
  """
  fitted, said = memory.in_smaller_batches(loop), []
  meter = lambda: cost.Meter(config(), said.append, tmp_path / 'cost.json')
  sizes = dict(folds_at_once=1, tasks_at_once=2)
  alone, layout = loop(config(**sizes), small := meter(), 'alone')
  limit = small._need.total / memory.GIB
  wished = config(limit, folds_at_once=2, tasks_at_once=2)
  trained, chosen = fitted(wished, meter(), 'fitted')
  assert chosen == layout and layout.together == 1
  assert sum(line.startswith('that is too much') for line in said) == 1
  assert sum(line.startswith('compiling') for line in said) == 3
  chex.assert_trees_all_equal(trained, alone)
