"""A small LightmanNet on made-up clips, and its trainers, compiled once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import synthetic
from lightman_jax.data.store import ClipSet
from lightman_jax.experiment import assembly
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.meta.losses import Align
from lightman_jax.tasks.sampling import Sizes
from lightman_jax.training.devices import lay_out
from lightman_jax.training.loop import make_trainer
from lightman_jax.training.state import Recipe, make_optimizer

STEPS, EVERY = 4, 2


def nudge(key, clip):
  """An augmentation that tells keys apart and compiles at once."""
  return clip * (1 + 1e-2 * (jax.random.key_data(key)[0] % 7).astype(clip.dtype))


@pytest.fixture(scope='session')
def recipe(small_net):
  """Two tasks a step: on one device one after the other, on two devices one each."""
  return Recipe(
      learners.lightman(small_net, Steps(1, .1), Align()),
      make_optimizer(outer_rate=1e-3, weight_decay=1e-2, clip_norm=1.),
      Sizes(classes=3, shots=1, queries=1, macros=2), nudge, tasks=2, at_once=1)


@pytest.fixture(scope='session')
def trainer(recipe):
  return make_trainer(recipe, steps=STEPS, every=EVERY,
                      layout=lay_out(jax.devices()[:1], folds=4, tasks=2))


@pytest.fixture(scope='session')
def material_of(pool_of):
  """A function of inputs (36, 1, 2, 2, 2) to four people's material, as a run has it.

  With changes of the sections macro and pretrain. Each has two micro clips and one
  macro clip of each of three classes.
  """
  pool = pool_of(subjects=4, micro=2, macro=1, classes=3)
  clips = ClipSet(
      np.zeros((36, 3, 8, 8, 3), np.uint8), np.full((36, 3, 68, 2), np.nan, np.float32),
      pool.label, pool.macro, tuple(pool.subjects[s] for s in pool.subject), pool.clips,
      ('',) * 36, pool.classes, {'sha256': '', 'dataset': 'made-up'})
  config = synthetic.get_config().to_dict()
  config['episodes'].update(shots=1, queries=1)

  def material(x, pretrain=None, **macro):
    own = {**config, 'macro': {**config['macro'], **macro},
           'pretrain': {**config['pretrain'], **(pretrain or {})}}
    return own, assembly.arrange(own, clips, make=lambda clips: x,
                                 say=lambda line: None)
  return material


@pytest.fixture(scope='session')
def inputs():
  return np.random.default_rng(0).standard_normal((36, 1, 2, 2, 2), np.float32)


@pytest.fixture(scope='session')
def fold(material_of, inputs):
  """What the third fold trains on."""
  config, material = material_of(inputs)
  return assembly.fold_data(config, material, 2)


@pytest.fixture(scope='session')
def states_equal():
  def check(got, want, **tolerance):
    assert jax.tree.structure(got) == jax.tree.structure(want)
    compare = np.testing.assert_allclose if tolerance else np.testing.assert_array_equal
    jax.tree.map(lambda a, b: compare(jnp.asarray(a), jnp.asarray(b), **tolerance), got,
                 want)
  return check
