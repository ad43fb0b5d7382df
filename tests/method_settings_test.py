"""Combinations without meaning are refused, and all others are not."""

import pytest

from configs import common
from lightman_jax import method_settings, settings
from lightman_jax.errors import InputError

DEFAULT = settings.flat(common.base().to_dict())
OTHER = {'method.first_order': True, 'method.rates': 'layers', 'method.multi_step': .5,
         'method.weight': 'learned', 'method.alignment': 'per_class',
         'method.aligned': 'pooled', 'method.align_outside': True,
         'method.statistic': 'u', 'method.bandwidth': 1., 'method.outer': 'none',
         'method.bandwidth_rule': 'median'}


def check(**changes):
  method_settings.check(
      {**DEFAULT, **{f'method.{name}': value for name, value in changes.items()}})


@pytest.mark.parametrize('name', settings.CHOICES['method.name'])
def test_every_method_takes_the_defaults(name):
  check(name=name)


def test_the_table_names_settings_with_their_defaults():
  assert set(method_settings.ONLY_FOR) == set(OTHER)
  for setting, (nothing, methods) in method_settings.ONLY_FOR.items():
    assert DEFAULT[setting] == nothing != OTHER[setting]
    assert set(methods) <= set(settings.CHOICES['method.name'])


@pytest.mark.parametrize('setting', OTHER)
@pytest.mark.parametrize('name', settings.CHOICES['method.name'])
def test_a_setting_is_taken_where_it_means_something(setting, name):
  complete = {**DEFAULT, 'method.name': name, setting: OTHER[setting]}
  if name in method_settings.ONLY_FOR[setting][1] and (
      name, setting) != ('metasgd', 'method.rates'):
    method_settings.check(complete)
  else:
    with pytest.raises(InputError, match=f'{setting}|method.name=metasgd'):
      method_settings.check(complete)


@pytest.mark.parametrize('changes, word', [
    (dict(outer='none', weight='learned'), 'method.weight=learned'),
    (dict(outer='none', first_order=True), 'method.first_order'),
    (dict(outer='none', align_outside=True), 'method.align_outside'),
    (dict(weight='learned', align_outside=True), 'method.align_outside'),
    (dict(weight='learned', align_weight=0.), 'above it'),
    (dict(bandwidth=1., bandwidth_rule='median'), 'method.bandwidth')])
def test_what_is_refused_together(changes, word):
  with pytest.raises(InputError, match=word):
    check(**changes)


def test_the_u_statistic_needs_two_clips():
  few = {**DEFAULT, 'method.statistic': 'u', 'method.alignment': 'per_class'}
  for setting, word in (('episodes.shots', 'shots'), ('macro.clips', 'macro.clips')):
    with pytest.raises(InputError, match=word):
      method_settings.check({**few, setting: 1})
    method_settings.check({**few, setting: 2})
  # One shot is enough where all classes are one sample.
  method_settings.check({**few, 'method.alignment': 'marginal', 'episodes.shots': 1})


@pytest.mark.parametrize('rate', [0., 1e-46, 1e-7])
def test_reptile_does_not_divide_by_nothing(rate):
  with pytest.raises(InputError, match='reptile divides by it'):
    check(name='reptile', inner_rate=rate)
  check(name='maml', inner_rate=rate)
  check(name='reptile', inner_rate=method_settings.LEAST_RATE)
