"""The explanation of a prediction is of the very models that made it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax import keys
from lightman_jax.evaluation.inspection import make_explain, one_of_each_class
from lightman_jax.evaluation.predict import make_predict
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.models.dere_grl import DeReGRL
from lightman_jax.models.network import make_network
from lightman_jax.tasks.sampling import Sizes, fold_clips

SHAPE = (3, 68, 2)


@pytest.fixture(scope='module')
def clips(pool_of):
  pool = pool_of(shape=SHAPE, classes=3, signal=1.)
  return jax.tree.map(jnp.asarray, fold_clips(
      pool, pool.subject > 0, np.full((2, 2), .7, np.float32)))


@pytest.mark.parametrize('make', [
    learners.supervised, lambda net: learners.maml(net, Steps(2, .1))])
def test_contributions_add_up_to_the_prediction(make, clips, start_of):
  encoder = DeReGRL(width=4, depth=1, actions=3)
  net = make_network(encoder, classes=3)
  learner, params, key = make(net), start_of(net, SHAPE), keys.fold_key(0, 's0')
  x, sizes = np.asarray(clips.x[:4]), Sizes(3, 1, 1)
  got = make_explain(learner, encoder, sizes=sizes, draws=2)(params, key, clips, x)
  want = make_predict(learner, sizes=sizes, draws=2)(params, key, clips, x, most=4)
  np.testing.assert_allclose(got.logits, want, atol=1e-4)
  np.testing.assert_allclose(got.actions.sum(-1) + got.bias, want, atol=1e-4)


def test_a_clip_of_each_class_that_is_recognised_where_one_is():
  label, said = np.array([0, 0, 1, 1, 2]), np.array([1, 0, 0, 0, 2])
  assert one_of_each_class(label, said) == [1, 2, 4]
  assert one_of_each_class(label[3:], said[3:]) == [0, 1]
