"""Where in a clip a model's answer comes from, said with the model itself."""

import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax.evaluation import attribution
from lightman_jax.inputs import inputs
from lightman_jax.synthetic import scenes

from .conftest import write_untrained


@pytest.fixture(scope='module')
def dense(untrained):
  return lm.load_model(untrained), np.random.default_rng(0).normal(
      0, 1, (2, 1, 16, 16, 3)).astype(np.float32)


def test_what_deletion_does_is_what_the_model_says_of_such_clips(dense):
  model, x = dense
  why = model.explain(x, of='b', encoded=True, aligned=True)
  assert why.classes == ('b', 'b') and why.gradient.shape == (2, 16, 16)

  def score(x):
    logits = model.predict(x, encoded=True).logits
    return logits[:, 1] - logits.mean(1)
  regions = attribution.regions_of(16, 16, aligned=True)
  for n, name in enumerate(why.regions):
    # Centred pictures: what is no motion is zero.
    without = np.where(regions[name][None, :, :, None], 0., x[n])[None]
    lost = score(x[n:n + 1]) - score(without)
    np.testing.assert_allclose(why.change[n], lost[0], rtol=1e-3, atol=1e-5)
  # A gradient by differences, at one number of one clip.
  step = np.zeros_like(x[:1])
  step[0, 0, 5, 6, 1] = 1e-2
  one = 10 * step
  slope = (score(one + step) - score(one - step)) / 2e-2
  by = model.explain(one, of='b', encoded=True, aligned=True).gradient[0]
  np.testing.assert_allclose(by[5, 6], .1 * slope[0], rtol=2e-2)
  assert np.flatnonzero(by).tolist() == [5 * 16 + 6]


def test_ready_pictures_are_on_a_grid_and_frames_on_the_face(tmp_path):
  settings = {'data.frames': 3, 'data.size': 64, 'method': 'supervised',
              'encoder': 'mlp', 'model.depth': 1}
  model = lm.load_model(write_untrained(tmp_path / 'model', **settings))
  frames = np.random.default_rng(0).integers(0, 255, (2, 3, 64, 64, 3), dtype=np.uint8)
  ready = np.concatenate([inputs.as_picture(inputs.clip_flow(
      clip, span='apex', algorithm='dis', size=16)) for clip in frames])
  face, grid = model.explain(frames), model.explain(ready)
  assert face.aligned and not grid.aligned
  assert all(name.endswith('of 4') for name in grid.regions)
  np.testing.assert_allclose(face.occlusion, grid.occlusion, atol=1e-4)
  assert model.explain(ready[0]).regions == grid.regions[:1]
  assert not len(model.explain(frames[:0]).change)
  one = model.explain_frames(frames[0], onset=0, apex=1, offset=2, aligned=True)
  assert one.aligned and one.regions == face.regions[:1]
  with pytest.raises(lm.InputError, match="of='joy' is no class.*there are a, b"):
    model.explain(frames, of='joy')


def test_actions_of_dere_grl_add_up_to_the_logits(tmp_path):
  model = lm.load_model(write_untrained(
      tmp_path / 'model', clip=(3, 68, 2), method='maml', encoder='dere_grl', **{
          'model.actions': 3, 'evaluation.mirror': False, 'inputs.kind': 'landmarks',
          'data.frames': 3, 'data.size': 64}))
  x = np.random.default_rng(0).normal(0, .1, (2, 3, 68, 2)).astype(np.float32)
  why, said = model.explain(x, encoded=True), model.predict(x, encoded=True)
  assert model.explains and why.parts.shape == (2, 2, 3, 5)
  np.testing.assert_allclose(why.parts.sum((-1, -2)) + why.bias, said.logits,
                             atol=1e-3)


def test_other_networks_of_landmarks_are_not_explained(tmp_path):
  model = lm.load_model(write_untrained(
      tmp_path / 'model', clip=(3, 68, 2), method='supervised', encoder='tcn', **{
          'inputs.kind': 'landmarks', 'data.frames': 3, 'data.size': 64}))
  assert not model.explains
  with pytest.raises(lm.InputError, match='are of pictures'):
    model.explain(np.zeros((1, 3, 68, 2)), encoded=True)


@pytest.mark.slow
def test_the_open_model_names_what_carried_it():
  """On people it has not seen: the region that is named counts more than others."""
  model = lm.load_model()
  clips = []
  for scene in scenes.plan_scenes(seed=77, subjects=4, micro=6, macro=0, fps=200.):
    drawn = scenes.render_scene(scene, frames=(scene.onset, scene.apex, scene.offset),
                                size=160)
    points = drawn.landmarks[0].astype(float)
    clips.append([model.alignment.warp(frame, points) for frame in drawn.frames])
  why = model.explain(np.stack(clips))
  assert why.faithful.mean() >= .85
  assert np.abs(why.change).mean() > 2 * why.random_change.mean()
  smiles = [name for name, own in zip(why.regions, why.classes) if own == 'positive']
  assert np.mean(['cheek' in name or 'mouth' in name or 'lip' in name
                  for name in smiles]) > .5
