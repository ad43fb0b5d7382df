"""Finished runs of tiny settings, and a bundle of one fold of each."""

import functools

import pytest

import lightman_jax as lm

# One small dense network: what is compiled for it takes seconds.
TINY = {'data.synthetic.subjects': 4, 'training.steps': 2, 'evaluation.draws': 2,
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
