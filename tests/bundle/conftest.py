"""Finished runs of tiny settings, and a bundle of one fold of each."""

import functools

import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax.bundle import folder as bundle_folder, predictor

# One small dense network: what is compiled for it takes seconds.
TINY = {'data.synthetic.subjects': 4, 'training.steps': 2, 'evaluation.draws': 4,
        'training.checkpoint_every': 2, 'data.size': 16, 'macro.data.size': 16,
        'inputs.size': 14, 'data.frames': 3, 'model.width': 8, 'model.depth': 1,
        'episodes.shots': 2, 'evaluation.mirror': True}


def tiny(method, **changes):
  return lm.settings('synthetic:debug', method=method, encoder='mlp',
                     **{'episodes.protocol': 'kfold', **TINY, **changes})


@pytest.fixture(scope='session')
def carried(tmp_path_factory):
  """A method's name to a finished run and the bundle of its second fold."""
  @functools.cache
  def make(method, members=1, fold='fold2of2'):
    place = tmp_path_factory.mktemp(f'{method}-{members}')
    run = lm.run(tiny(method, **{'training.members': members}), place / 'run')
    return run, lm.train_final(run, place / 'model', fold=fold), place / 'model'
  return make


def write_untrained(place, clip=(1, 16, 16, 3), **names):
  """A bundle that nobody has trained: the settings' network at random weights."""
  settings = lm.settings('manifest:debug', **{
      'model.width': 4, 'macro.source': 'none', **names})
  about = {
      'fold': 'all', 'classes': ['a', 'b'], 'clip': [*clip], 'frames': 3,
      'size': 64, 'rate': None, 'seeds': [0], 'draws': 2, 'scaling': None,
      'settings': settings, 'expect': None, 'calibration': None,
      'seen': [['mine', 'ann']], 'licences': [], 'remarks': []}
  rng = np.random.default_rng(0)
  arrays = _fill(predictor.shapes(about), rng)
  bundle_folder.write(place, about, [arrays])
  return place


@pytest.fixture(scope='session')
def untrained(tmp_path_factory):
  """One of a small dense network."""
  return write_untrained(tmp_path_factory.mktemp('untrained') / 'model',
                         method='protonet', encoder='mlp',
                         **{'model.depth': 1, 'method.projection': 0})


@pytest.fixture(scope='session')
def untrained_convolutions(tmp_path_factory):
  """One of convolutions, with all that predictions average: draws, members, mirrors."""
  return write_untrained(tmp_path_factory.mktemp('convolutions') / 'model',
                         method='maml', **{'training.members': 2})


def _fill(tree, rng):
  if isinstance(tree, dict):
    return {name: _fill(part, rng) for name, part in tree.items()}
  return rng.standard_normal(tree.shape).astype(np.float32)
