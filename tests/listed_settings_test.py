"""Candidates and kinds of noise, out of one word each; refused by name."""

import pytest

from configs import common
from lightman_jax import listed_settings, settings
from lightman_jax.errors import InputError


def complete(candidates='', **changes):
  config = common.base()
  config.data.name = 'manifest'
  config.update_from_flattened_dict({
      'select.candidates': candidates,
      'select.by': 'inner' if candidates else 'none', **changes})
  return config.to_dict()


def read(text):
  return listed_settings.candidates(text, settings.flat(complete()))


def test_all_combinations_in_their_types():
  """The last setting moves fastest; a number has the type of the default."""
  assert read('') == ({},)
  assert read('method.inner_rate=.1,.2  training.steps=5,10') == (
      {'method.inner_rate': .1, 'training.steps': 5},
      {'method.inner_rate': .1, 'training.steps': 10},
      {'method.inner_rate': .2, 'training.steps': 5},
      {'method.inner_rate': .2, 'training.steps': 10})
  assert read('method.first_order=true,False method.statistic=u') == (
      {'method.first_order': True, 'method.statistic': 'u'},
      {'method.first_order': False, 'method.statistic': 'u'})
  one, = read('training.steps=7')
  assert type(one['training.steps']) is int


@pytest.mark.parametrize('text, words', [
    ('method.inner_rat=.1', ["'method.inner_rat'"]),
    ('model.encoder=vit', ["'model.encoder'"]),
    ('method.name=maml', ["'method.name'", 'cannot be chosen']),
    ('data.size=16', ["'data.size'"]), ('seed=1', ["'seed'"]),
    ('inputs.kind=flow', ["'inputs.kind'"]), ('evaluation.draws=3', ['evaluation']),
    ('training.steps=.5', ['training.steps=.5', 'int']),
    ('method.inner_rate=', ['method.inner_rate=', 'float']),
    ('method.first_order=perhaps', ['perhaps', 'bool']),
    ('training.steps=4,0', ['training.steps is 0']),
    ('method.statistic=w', ['method.statistic', "'w'"]),
    ('model.width=6', ['multiple of 4'])])
def test_candidates_that_cannot_run(text, words):
  """A wrong candidate is told of before anything is tried."""
  with pytest.raises(InputError) as caught:
    settings.check(complete(text))
  assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize('changes, words', [
    ({'select.by': 'inner'}, ['nothing to choose from', 'select.candidates']),
    ({'select.candidates': 'training.steps=4'}, ['select.by=none', 'select.by=inner']),
    ({'evaluation.noise': 'blur,fog'}, ["'fog'", 'salt_pepper'])])
def test_settings_that_are_wrong_together(changes, words):
  with pytest.raises(InputError) as caught:
    settings.check(complete(**changes))
  assert all(word in str(caught.value) for word in words), caught.value


def test_what_may_be_given():
  settings.check(complete('training.steps=4,8', **{'evaluation.noise': 'blur,apex'}))
