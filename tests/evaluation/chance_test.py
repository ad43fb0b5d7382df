"""Shuffled labels give chance, and labels that mean something do not."""

import jax
import numpy as np
import pytest

from lightman_jax import keys
from lightman_jax.evaluation import intervals, scores
from lightman_jax.evaluation.predict import make_predict
from lightman_jax.inputs.pool import channel_scale
from lightman_jax.meta import learners
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.tasks.splits import plan_splits
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import lay_out
from lightman_jax.training.loop import make_trainer, train_folds
from lightman_jax.training.state import FoldData, Recipe, make_optimizer

SIZES = Sizes(3, 2, 2)


@pytest.fixture(scope='module')
def program(small_net):
  """A trainer and a prediction, compiled once for all folds and labels."""
  learner = learners.protonet(small_net)
  optimizer = make_optimizer(outer_rate=.02, weight_decay=0., clip_norm=1.)
  recipe = Recipe(learner, optimizer, SIZES, lambda key, clip: clip, tasks=1, at_once=1)
  layout = lay_out(jax.devices()[:1], folds=6, tasks=1)
  return (make_trainer(recipe, steps=20, every=20, layout=layout),
          make_predict(learner, sizes=SIZES, draws=2))


def leave_one_out(program, pool, folder):
  """UAR with its interval over subjects, of a whole leave-one-subject-out run."""
  trainer, predict = program
  prediction = np.full(len(pool.label), -1)
  with Checkpoints(folder) as checkpoints:
    for number, fold in enumerate(leave_one_subject_out(pool)):
      splits = plan_splits(pool, fold, shots=SIZES.shots, queries=SIZES.queries,
                           own_macro=False, rng=np.random.default_rng(number)).support
      data = FoldData(
          fold.held_out, keys.fold_key(0, fold.held_out),
          fold_clips(pool, fold.train, channel_scale(pool, fold.train)), splits[:8])
      state, = train_folds(trainer, [data], checkpoints,
                           on_chunk=lambda last, scalars: None)
      index = np.flatnonzero(fold.test)
      prediction[index] = predict(
          state.params, data.key, data.clips, pool.x[index], most=12).argmax(-1)
  counts = scores.confusion_by(np.asarray(pool.subject), np.asarray(pool.label),
                               prediction, groups=len(pool.subjects), classes=3)
  return scores.uar(counts.sum(0)), intervals.subject_interval(counts, scores.uar)


def test_shuffled_labels_give_chance(program, pool_of, tmp_path):
  pool = pool_of(subjects=6, micro=4, macro=0, classes=3, shape=(1, 2, 2, 2), signal=2.)
  uar, (low, high) = leave_one_out(program, pool, tmp_path / 'straight')
  assert low > 1 / 3 + .2 and uar > .8
  label = np.random.default_rng(0).permutation(pool.label)
  uar, (low, high) = leave_one_out(program, pool._replace(label=label),
                                   tmp_path / 'shuffled')
  assert low < 1 / 3 < high and uar < .55
