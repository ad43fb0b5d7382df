"""Wrong settings are refused by name, and before anything heavy is imported."""

import math
import subprocess
import sys

import pytest

from configs import common
from lightman_jax import coupled_settings, registry, sections, settings
from lightman_jax.errors import InputError

LISTS = ('evaluation.noise', 'evaluation.scores', 'select.candidates',
         'episodes.train_on', 'labels.units')
# Of another setting, and refused where that is off.
WITH = {'macro.label_where': {'macro.label_weight': .3},
        'macro.label_head': {'macro.label_weight': .3},
        'episodes.people_draw': {'episodes.training_people': 4},
        'labels.people': {'labels.kind': 'action_units'},
        'labels.clips': {'labels.kind': 'action_units'},
        'macro.factor': {'macro.source': 'magnified'},
        'select.share': {'select.by': 'inner',
                         'select.candidates': 'training.steps=1,2'},
        **{f'pretrain.{name}': {'pretrain.source': 'macro'}
           for name in ('steps', 'batch', 'rate')}}
# Right alone, and none of them goes with the defaults.
COUPLED = {'inputs.kind': 'landmarks', 'model.encoder': 'dere_grl',
           'select.by': 'inner', 'episodes.protocol': 'cross_dataset'}


def complete(**changes):
  """A configuration that runs, with changes under dotted names."""
  return settings.changed(common.base().to_dict(), {'data.name': 'manifest', **changes})


def refusal(**changes) -> str:
  """What is said of a configuration."""
  known = {'model.encoder': registry.ENCODERS, 'method.name': registry.METHODS}
  nested = complete(**{name: changes[name] for name in known
                       if changes.get(name) in known[name]})
  for name, value in changes.items():
    *sections, last = name.split('.')
    part = nested
    for section in sections:
      part = part[section]
    part[last] = value
  with pytest.raises(InputError) as caught:
    settings.check(nested)
  assert '\n' not in str(caught.value)
  return str(caught.value)


def test_the_defaults_pass():
  settings.check(complete())


@pytest.mark.parametrize('name', settings.CHOICES)
def test_choices(name):
  for right in settings.CHOICES[name]:
    if COUPLED.get(name) != right:
      settings.check(complete(**{name: right, **WITH.get(name, {})}))
    wrong = right + right[-1]
    said = refusal(**{name: wrong})
    assert name in said and repr(wrong) in said
    assert f'nearest that exists is {right!r}' in said
    assert all(known in said for known in settings.CHOICES[name])


@pytest.mark.parametrize('name', settings.RANGES)
def test_ranges(name):
  least, most = settings.RANGES[name]
  kind = type(settings.flat(complete())[name])
  for right in (kind(least), kind(most)):
    settings.check(complete(**{name: right, **WITH.get(name, {})}))
  step = 1 if kind is int else 1e-6 * max(1., abs(most))
  for wrong in (least - step, most + step, math.nan, math.inf, -math.inf):
    said = refusal(**{name: wrong})
    assert name in said and repr(wrong) in said
    assert str(least) in said and str(most) in said


def test_no_setting_goes_unchecked():
  known = {*settings.CHOICES, *settings.RANGES, *LISTS,
           'pretrain.source',     # a folder, unless it is one of a few words
           *(f'method.{name}' for name in sections.options_of('method', 'lightman')),
           *(f'model.{name}' for name in sections.options_of('encoder', 'conv4'))}
  # What a data set may be asked for is checked by `clips.sources.check_present`.
  assert {name for name, value in settings.flat(complete()).items() if name not in known
          and not isinstance(value, bool)      # has its type, and that is all
          and not name.startswith(('data.', 'macro.data.', 'pretrain.synthetic.'))
          } == set()


@pytest.mark.parametrize('changes, words', [
    ({'model.width': 6}, ['model.width is 6', 'multiple of 4']),
    ({'model.temporal_width': 9}, ['model.temporal_width is 9', 'multiple of 4']),
    ({'inputs.kind': 'landmarks'}, ['inputs.kind=landmarks', 'model.encoder=conv4']),
    ({'model.encoder': 'dere_grl'}, ['model.encoder=dere_grl', 'inputs.kind=flow',
                                     'use inputs.kind=landmarks']),
    ({'model.encoder': 'off_apexnet', 'inputs.kind': 'frames'},
     ['model.encoder=off_apexnet', 'u and v', 'inputs.kind=flow']),
    ({'model.relate': False}, ['model.relate=False', 'model.encoder=conv4',
                               'dere_grl']),
    ({'model.encoder': 'ststnet', 'model.norm': 'batch', 'model.temporal_depth': 0},
     ['method.name=lightman', 'method.name=supervised']),
    ({'model.encoder': 'ststnet', 'model.norm': 'batch', 'method.name': 'supervised'},
     ['model.temporal_depth=0']),
    ({'model.norm': 'batch'}, ['model.norm=batch', 'ststnet']),
    ({'method.name': 'supervised', 'evaluation.support_shots': 5},
     ['evaluation.support_shots=5', 'method.name=supervised', 'leave it at 0']),
    ({'method.statistic': 'u', 'macro.clips': 1}, ['macro.clips of 2']),
    ({'data.name': 'casme_squared', 'macro.source': 'casme_squared'},
     ['macro.source=own']),
    ({'macro.source': 'manifest', 'data.path': 'a.csv',
      'macro.data.path': 'b/../a.csv'},
     ['the same people', 'macro.data.path']),
    ({'data.name': 'synthetic', 'macro.source': 'synthetic'},
     ['the same people', 'macro.data.synthetic.seed']),
    ({'data.name': 'synthetic', 'data.path': 'mine.csv'},
     ['data.path=mine.csv', 'configuration manifest']),
    ({'data.name': 'synthetic', 'data.manual_dir': '/mine'},
     ['data.manual_dir=/mine', 'data.name=synthetic reads none']),
    ({'macro.factor': 2.}, ['macro.factor=2.0', 'use macro.source=magnified']),
    ({'select.share': .1}, ['select.share=0.1', 'use select.by=inner']),
    ({'macro.source': 'mine.py:FACTS'}, ['macro=mine.py:FACTS', 'macro=manifest',
                                         'macro.data.path']),
])
def test_settings_that_are_wrong_together(changes, words):
  said = refusal(**changes)
  assert all(word in said for word in words), said


def test_a_data_set_from_outside_is_no_variant_of_macro():
  with pytest.raises(InputError, match='macro=mine.py:FACTS: a data set from outside'):
    settings('casme2', macro='mine.py:FACTS')


def plain(net):
  """A method that does not say whether it looks at macro clips."""
  return net


@pytest.mark.parametrize('uses, clips, words', [
    (None, 0, 'does not say uses_macro = True'), (False, 0, ''), (True, 9, ''),
    (True, 0, 'there are no macro-expressions')])
def test_a_method_of_ones_own_is_told_why_it_has_no_macro_clips(uses, clips, words):
  def mine(net):
    return plain(net)
  if uses is not None:
    mine.uses_macro = uses
  config = {'method': {'name': registry.allow_object('method', mine)},
            'macro': {'source': 'own', 'only': False, 'label_weight': 0.}}
  said = settings.describe_missing_macro(config, clips)
  assert words in said if words else not said
  config['macro']['source'] = 'none'
  assert not settings.describe_missing_macro(config, 0)


@pytest.mark.parametrize('name', ['method.name', 'model.encoder'])
@pytest.mark.parametrize('value', [[], {}, None, 3])
def test_a_part_is_named_by_a_text(name, value):
  with pytest.raises(InputError, match=f'{name} is .*; it must be a name, as '):
    settings.changed(complete(), {name: value})


def test_what_would_have_no_effect_is_known_by_its_default():
  values = settings.flat(complete())
  assert {name: values[name] for name in coupled_settings._OF_ANOTHER} == {
      name: default for name, (default, *_) in coupled_settings._OF_ANOTHER.items()}
  assert {name.removeprefix('pretrain.') for name in values
          if name.startswith('pretrain.')} == {
              'source', *coupled_settings._TRAINED_BEFORE, *(
                  f'synthetic.{name}' for name in coupled_settings._FACES)}


@pytest.mark.parametrize('changes', [
    {'model.encoder': 'dere_grl', 'inputs.kind': 'landmarks', 'model.relate': False,
     'macro.source': 'magnified'},
    {'model.encoder': 'off_apexnet', 'inputs.kind': 'picture'},
    {'model.encoder': 'ststnet', 'model.norm': 'batch', 'model.temporal_depth': 0,
     'method.name': 'supervised'}])
def test_settings_that_are_right_together(changes):
  settings.check(complete(**changes))


@pytest.mark.parametrize('changes, words', [
    ({'evaluation.episodes': 599}, ['evaluation.episodes is 599', '600 or more']),
    ({'evaluation.episodes': 600, 'evaluation.ways': 1}, ['evaluation.ways is 1']),
    ({'evaluation.episodes': 600, 'evaluation.support': 'held_out_dataset'},
     ['episodes.protocol=loso', 'kfold or leave_one_dataset_out']),
])
def test_test_episodes_that_cannot_be(changes, words):
  said = refusal(**changes)
  assert all(word in said for word in words), said


def test_other_synthetic_people_may_be_a_macro_source():
  settings.check(complete(**{'data.name': 'synthetic', 'macro.source': 'synthetic',
                             'macro.data.synthetic.seed': 1}))


def test_the_statistic_matters_only_where_something_is_aligned():
  one = {'method.statistic': 'u', 'macro.clips': 1}
  with pytest.raises(InputError, match='means nothing for method.name=maml'):
    settings.check(complete(**one, **{'method.name': 'maml'}))
  settings.check(complete(**one, **{'macro.source': 'none'}))


def test_nothing_heavy_is_imported():
  program = ('import sys, lightman_jax.settings; '
             'assert not {"jax", "numpy", "tensorflow_datasets"} & set(sys.modules)')
  subprocess.run([sys.executable, '-c', program], check=True)


def test_a_whole_number_stands_for_a_real_one():
  changed = settings.changed(complete(), {'method.align_weight': 0})
  assert type(changed['method']['align_weight']) is float


@pytest.mark.parametrize('name, value', [('stabilise', 'nose'), ('mask', 'eyes')])
def test_nothing_is_taken_off_what_is_no_flow(name, value):
  setting = f'inputs.{name}'
  assert 'inputs.kind=frames is none' in refusal(
      **{setting: value, 'inputs.kind': 'frames'})
  assert 'all pictures are ready' in refusal(**{
      setting: value, 'inputs.kind': 'picture', 'data.frames': 1})
  # Pictures that are made of synthetic faces, for ready ones, are of flow.
  settings.check(complete(**{setting: value, 'inputs.kind': 'picture', 'data.frames': 1,
                             'macro.source': 'synthetic'}))
