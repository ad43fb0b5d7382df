"""Held-out clips are predicted from the training subjects' clips and their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax import keys
from lightman_jax.errors import InputError
from lightman_jax.evaluation import predict
from lightman_jax.keys import Purpose
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.tasks.sampling import Sizes, fold_clips, sample_support

SIZES = Sizes(3, 2, 1)
KEY = keys.fold_key(0, 's1')
DRAWS = 3


@pytest.fixture(scope='module')
def pool(pool_of):
  return pool_of(subjects=4, micro=2, macro=1, classes=3, shape=(1, 2, 2, 2))


@pytest.fixture(scope='module')
def clips(pool):
  fold = leave_one_subject_out(pool)[1]
  scale = np.array([[1., 2.], [3., 4.]], np.float32)
  return fold, fold_clips(pool, fold.train, scale)


@pytest.fixture(scope='module')
def maml(small_net):
  """Learner, parameters, its prediction and the unadapted one."""
  learner = learners.maml(small_net, Steps(1, .5))
  return (learner, small_net.init(jax.random.key(1), (1, 2, 2, 2)),
          predict.make_predict(learner, sizes=SIZES, draws=DRAWS),
          predict.make_plain_predict(learner))


def test_the_mean_over_supports(maml, clips):
  """By hand: each support drawn, adapted to and asked, and the logits averaged."""
  learner, params, predict_clips, plain = maml
  fold, clips = clips
  index = np.flatnonzero(fold.test)
  on_device = jax.tree.map(jnp.asarray, clips)

  @jax.jit
  def one(number):
    support = sample_support(keys.key_for(KEY, Purpose.EVAL_SUPPORT, number), on_device,
                             on_device.view.train, SIZES)
    fast = learner.adapt(params, support, KEY).fast
    return learner.predict(fast, on_device.x[index] / on_device.view.scale[0])
  drawn = np.stack([one(number) for number in range(DRAWS)])
  x = clips.x[index]
  got = predict_clips(params, KEY, clips, x, most=8)
  assert got.shape == (6, 3)
  np.testing.assert_allclose(got, drawn.mean(0), atol=1e-5)
  assert drawn.std(0).max() > 1e-3, 'each support is another'
  np.testing.assert_allclose(
      plain(params, KEY, clips, x, most=8),
      learner.predict(params, jnp.asarray(x / clips.view.scale[0])), atol=1e-5)
  assert np.abs(got - plain(params, KEY, clips, x, most=8)).max() > 1e-3


def test_one_draw_is_the_first_of_the_mean(maml, clips):
  learner, params, predict_clips, _ = maml
  fold, clips = clips
  x = clips.x[np.flatnonzero(fold.test)]
  mean, single = predict_clips(params, KEY, clips, x, most=8, first=True)
  np.testing.assert_array_equal(mean, predict_clips(params, KEY, clips, x, most=8))
  alone = predict.make_predict(learner, sizes=SIZES, draws=1)
  np.testing.assert_allclose(single, alone(params, KEY, clips, x, most=8), atol=1e-5)
  assert np.abs(mean - single).max() > 1e-3


def test_supports_in_batches_say_the_same(maml, clips):
  learner, params, predict_clips, _ = maml
  fold, clips = clips
  x = clips.x[np.flatnonzero(fold.test)]
  some = predict.make_predict(learner, sizes=SIZES, draws=DRAWS, at_once=2)
  np.testing.assert_allclose(some(params, KEY, clips, x, most=8),
                             predict_clips(params, KEY, clips, x, most=8), atol=1e-5)


def test_padding_and_company_do_not_matter(maml, clips):
  _, params, predict_clips, plain = maml
  fold, clips = clips
  x = clips.x[np.flatnonzero(fold.test)]
  for how in (predict_clips, plain):
    whole = how(params, KEY, clips, x, most=8)
    for some in ([0], [3, 1], [5, 4, 3, 2, 1, 0]):
      np.testing.assert_allclose(how(params, KEY, clips, x[some], most=8),
                                 whole[some], atol=1e-6)


def test_only_training_clips_are_adapted_to(maml, clips):
  """NaN in all clips of who is held out but one: that one's logits stay as they are."""
  _, params, predict_clips, _ = maml
  fold, clips = clips
  index = np.flatnonzero(fold.test)
  x = clips.x.copy()
  x[~fold.train] = np.nan
  x[index[2]] = clips.x[index[2]]
  got = predict_clips(params, KEY, clips._replace(x=x), x[index], most=8)
  np.testing.assert_array_equal(
      got[2], predict_clips(params, KEY, clips, clips.x[index], most=8)[2])
  assert np.isnan(np.delete(got, 2, 0)).all()


def test_another_folds_supports_are_others(maml, clips):
  _, params, predict_clips, _ = maml
  fold, clips = clips
  x = clips.x[np.flatnonzero(fold.test)]
  first, again, other = (predict_clips(params, keys.fold_key(0, name), clips, x, most=8)
                         for name in ('s1', 's1', 's2'))
  np.testing.assert_array_equal(first, again)
  assert np.abs(first - other).max() > 1e-4


def test_a_clip_and_its_mirror_image_get_one_answer(maml, clips):
  learner, params, predict_clips, _ = maml
  fold, clips = clips
  x = clips.x[np.flatnonzero(fold.test)]
  turn = lambda clip: -clip[:, :, ::-1]
  both = predict.make_predict(learner, sizes=SIZES, draws=DRAWS, mirror=turn)
  got = both(params, KEY, clips, x, most=8)
  turned = np.stack([turn(clip) for clip in x])
  np.testing.assert_allclose(got, both(params, KEY, clips, turned, most=8), atol=1e-5)
  each = [predict_clips(params, KEY, clips, x, most=8) for x in (x, turned)]
  np.testing.assert_allclose(got, np.mean(each, 0), atol=1e-5)
  assert np.abs(each[0] - each[1]).max() > 1e-3
  plain = predict.make_plain_predict(learner, mirror=turn)
  np.testing.assert_allclose(plain(params, KEY, clips, x, most=8),
                             plain(params, KEY, clips, turned, most=8), atol=1e-5)


@pytest.mark.parametrize('wrong', [
    lambda logits: logits[:, :1], lambda logits: jnp.tile(logits, 2),
    lambda logits: logits[0], lambda logits: (logits, logits)])
def test_logits_of_another_shape_are_refused_before_training(small_net, wrong):
  learner = learners.maml(small_net, Steps(1, .5))
  options = dict(sizes=Sizes(3, 2, 1, macros=4), clip=(1, 2, 2, 2),
                 name='mine.py:wrong')
  predict.check_logits(learner, **options)
  with pytest.raises(InputError, match=r'mine\.py:wrong.* shape \(2, 3\)'):
    predict.check_logits(learner._replace(
        predict=lambda fast, x: wrong(learner.predict(fast, x))), **options)


def test_predictions_that_are_no_numbers_are_refused():
  predict.check_finite(np.zeros((3, 2)), 's1')
  with pytest.raises(InputError, match='fold s1: of 2 of 3 held-out clips the logits'):
    predict.check_finite(np.array([[0, np.nan], [0, 0], [np.inf, 0]]), 's1')
