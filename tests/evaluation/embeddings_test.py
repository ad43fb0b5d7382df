"""Embeddings before and after adaptation, on axes of training clips."""

import jax
import numpy as np
from sklearn.decomposition import PCA

from lightman_jax import keys
from lightman_jax.evaluation import inspection
from lightman_jax.keys import Purpose
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.tasks.folds import leave_one_subject_out
from lightman_jax.tasks.sampling import Sizes, fold_clips, sample_support

KEY, SIZES = keys.fold_key(0, 's1'), Sizes(3, 2, 1)


def test_the_axes_are_those_of_the_clips_they_are_fitted_on():
  rng = np.random.default_rng(0)
  before, after = rng.standard_normal((2, 30, 5)) @ rng.standard_normal((5, 5))
  fit = np.arange(30) < 20
  axes = inspection.principal(before, after, fit)
  want = PCA().fit(np.concatenate([before[fit], after[fit]]))
  np.testing.assert_allclose(axes.explained, want.explained_variance_ratio_, rtol=1e-5)
  for got, z in ((axes.before, before), (axes.after, after)):
    np.testing.assert_allclose(np.abs(got), np.abs(want.transform(z)), atol=1e-4)
  spoilt = np.where(fit[:, None], before, np.nan)
  np.testing.assert_array_equal(
      inspection.principal(spoilt, after, fit).before[:20], axes.before[:20])


def test_the_adapted_model_is_the_first_that_predicts(pool_of, small_net):
  pool = pool_of(subjects=4, micro=2, macro=1, classes=3, shape=(1, 2, 2, 2))
  fold = leave_one_subject_out(pool)[1]
  clips = fold_clips(pool, fold.train, np.array([[1., 2.], [3., 4.]], np.float32))
  learner = learners.maml(small_net, Steps(1, .5))
  params = small_net.init(jax.random.key(1), (1, 2, 2, 2))
  micro, macro = np.flatnonzero(~pool.macro)[:4], np.flatnonzero(pool.macro)[:2]
  before, after = inspection.make_embed(small_net, learner, sizes=SIZES)(
      params, KEY, clips, micro, macro)
  clips = jax.tree.map(jax.numpy.asarray, clips)
  scale = clips.view.scale
  x = np.concatenate([clips.x[micro] / scale[0], clips.x[macro] / scale[1]])
  support = sample_support(keys.key_for(KEY, Purpose.EVAL_SUPPORT, 0), clips,
                           clips.view.train, SIZES)
  fast = learner.adapt(params, support, KEY).fast
  embed = lambda params: small_net.embed(params, jax.numpy.asarray(x))
  np.testing.assert_allclose(before, embed(params), atol=1e-5)
  np.testing.assert_allclose(after, embed(fast), atol=1e-5)
  assert np.abs(after - before).max() > 1e-3
