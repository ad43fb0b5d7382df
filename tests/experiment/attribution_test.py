"""A run's maps of what carried its predictions: fold by fold, then class by class."""

import json
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import synthetic
from lightman_jax import coupled_settings, keys, settings as settings_module
from lightman_jax.errors import InputError
from lightman_jax.evaluation import attribution
from lightman_jax.experiment import inspection
from lightman_jax.experiment.assembly import Material
from lightman_jax.faces import landmarks
from lightman_jax.meta.learners import make_learner
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.runs.folder import RunFolder
from lightman_jax.tasks.folds import Fold
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.training.state import FoldData, Recipe

from .actions_test import ABOUT

SHAPE = (1, 8, 8, 2)


def config(**changes) -> dict:
  made = synthetic.get_config('method=supervised,encoder=mlp')
  with made.unlocked():
    made.model.update(width=4, depth=1)
    made.evaluation.attribution = True
    made.update_from_flattened_dict(changes)
  return made.to_dict()


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """What a run has in hand when its folds are trained: two people, three classes."""
  rng = np.random.default_rng(0)
  pool = types.SimpleNamespace(
      x=rng.normal(0, 1, (18, *SHAPE)).astype(np.float32), label=np.arange(18) % 3,
      clips=tuple(f'clip{n}' for n in range(18)), classes=('a', 'b', 'c'),
      subject=np.arange(18) // 9, macro=np.zeros(18, bool))
  folds = tuple(Fold(f's{n}', pool.subject != n, pool.subject == n) for n in (0, 1))
  face = np.broadcast_to(landmarks.canonical_landmarks(8), (18, 3, 68, 2))
  clips = types.SimpleNamespace(frames=np.zeros((18, 3, 8, 8, 3)), landmarks=face)
  return Material(clips, pool, folds, (), '', ()), RunFolder(
      tmp_path_factory.mktemp('run'), None)


def test_the_maps_of_a_run(run, pool_of):
  material, folder = run
  whole = pool_of(shape=SHAPE, classes=3, signal=1.)
  table = jax.tree.map(jnp.asarray, fold_clips(
      whole, np.ones(len(whole.label), bool), np.ones((2, 2), np.float32)))
  net = make_network(make_encoder(**config()['model']), classes=3)
  recipe = Recipe(make_learner(net, **config()['method']), None, Sizes(3, 1, 1), None,
                  tasks=1, at_once=1)
  params = net.init(jax.random.key(0), SHAPE)
  write = inspection.make_attribution_writer(config(), folder, material, recipe)
  for name in ('s0', 's1'):
    write(params, FoldData(name, keys.fold_key(0, name), table, np.ones((1, 4), bool)))
  inspection.draw_attribution(config(), folder, material, ABOUT)
  kept = json.loads(folder.attribution_json.read_text())
  assert kept['aligned'] and kept['folds'] == 2
  assert list(kept['classes']) == ['a', 'b', 'c']
  for k, one in enumerate(kept['classes'].values()):
    # Two clips of each class and person, however many there are.
    assert one['clips'] == 4 == sum(one['regions'].values())
    assert np.shape(one['gradient']) == np.shape(one['deletion']) == (7, 7)
    assert set(one['regions']) <= set(landmarks.face_regions(8, 8))
    assert 0 <= one['faithful'] <= 1 and one['random_change'] > 0
    # Cell (6, 6), a pixel wide: what deleting it takes from the score, by hand.
    index = [n for person in (0, 9) for n in (person + k, person + k + 3)]
    x = material.pool.x[index]
    without = x.copy()
    without[:, :, 7, 7] = 0
    score = lambda x: np.asarray(attribution.above_mean(net.logits(
        params, jnp.asarray(x))))[:, k]
    np.testing.assert_allclose(one['deletion'][6][6], (score(x) - score(without)
                                                       ).mean(), atol=1e-5)
  assert folder.attribution_png.read_bytes().startswith(b'\x89PNG')


def test_nothing_is_written_unasked(run, tmp_path):
  material, folder = run[0], RunFolder(tmp_path, None)
  recipe = Recipe(*[None] * 4, tasks=1, at_once=1)
  inspection.make_attribution_writer(
      config(**{'evaluation.attribution': False}), folder, material, recipe)(None, None)
  assert not any(tmp_path.iterdir())


def test_landmarks_are_refused_before_training():
  values = settings_module.flat(config(**{'evaluation.attribution': True}))
  with pytest.raises(InputError, match='evaluation.attribution draws maps of pictures'):
    coupled_settings.check({**values, 'inputs.kind': 'landmarks',
                            'model.encoder': 'mlp'})
