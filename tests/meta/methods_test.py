"""A method has its own settings: those are checked, and no other can be set."""

import dataclasses
import subprocess
import sys

import pytest

from configs import common
from lightman_jax import registry, sections, settings
from lightman_jax.errors import InputError
from lightman_jax.meta import methods

NAMES = settings.CHOICES['method.name']
OTHER = {'method.first_order': True, 'method.rates': 'layers', 'method.multi_step': .5,
         'method.weight': 'learned', 'method.alignment': 'per_class',
         'method.aligned': 'pooled', 'method.align_outside': True,
         'method.statistic': 'u', 'method.bandwidth': 1., 'method.outer': 'none',
         'method.bandwidth_rule': 'median', 'method.align_weight': 7.,
         'method.inner_steps': 7, 'method.inner_rate': .7, 'method.inner_memory': 7.}
THROUGH = ('maml', 'fomaml', 'anil', 'metasgd', 'lightman')
STEPPING = (*THROUGH, 'reptile', 'finetune')
HAVE = {'method.first_order': ('maml', 'anil', 'metasgd', 'lightman'),
        'method.rates': ('maml', 'fomaml', 'anil', 'lightman'),
        'method.multi_step': THROUGH, 'method.inner_steps': STEPPING,
        'method.inner_rate': STEPPING, 'method.inner_memory': STEPPING}


def complete(name: str, **changes) -> dict:
  """All settings with the section of a method, and changes of it that it may lack."""
  config = common.base().to_dict()
  config['data']['name'] = 'manifest'
  config['method'] = sections.choose('method', name) | changes
  return config


def check(name='lightman', **changes):
  settings.check(complete(name, **changes))


@pytest.mark.parametrize('name', NAMES)
def test_every_method_takes_the_defaults(name):
  check(name)


@pytest.mark.parametrize('name', NAMES)
def test_what_a_method_has_is_a_field_with_its_help(name):
  options = sections.options_of('method', name)
  part = registry.find('method', name)
  assert list(options) == [field.name for field in dataclasses.fields(part)]
  for one in options.values():
    assert one.help and (one.choices or one.range or type(one.default) is bool)
    assert one.default == getattr(part(), one.name)


def test_methods_that_have_a_setting_have_the_same():
  kinds = {}
  for name in NAMES:
    for key, one in sections.options_of('method', name).items():
      assert kinds.setdefault(key, one) == one


@pytest.mark.parametrize('setting', OTHER)
@pytest.mark.parametrize('name', NAMES)
def test_a_setting_is_taken_where_it_means_something(setting, name):
  key = setting.removeprefix('method.')
  if name in HAVE.get(setting, ('lightman',)):
    check(name, **{key: OTHER[setting]})
  else:
    for value in (OTHER[setting], getattr(methods.Lightman(), key)):
      with pytest.raises(InputError, match=f'{setting}={value} means nothing for '
                         f'method.name={name}') as caught:
        check(name, **{key: value})
      assert all(other in str(caught.value)
                 for other in HAVE.get(setting, ('lightman',)))


def test_a_setting_of_no_method_names_the_nearest():
  with pytest.raises(InputError, match="no setting 'inner_step'; the nearest is "
                     "'inner_steps'"):
    check('maml', inner_step=3)


def test_a_setting_that_is_missing_is_named():
  config = complete('maml')
  del config['method']['multi_step']
  with pytest.raises(InputError, match='method.multi_step is missing'):
    settings.check(config)


@pytest.mark.parametrize('name, key, one', [
    (name, key, one) for name in NAMES
    for key, one in sections.options_of('method', name).items()])
def test_values(name, key, one):
  wrong = ['no such word'] if one.choices else [] if one.range is None else [
      one.range.least - 1, one.range.most + 1, float('nan'), float('inf')]
  for value in (*wrong, None, 'x' if type(one.default) is not str else 3):
    with pytest.raises(InputError, match=f'method.{key} is {value!r}'):
      check(name, **{key: value})
  for value in one.choices:
    if (key, value) not in {('outer', 'none')}:
      check(name, **{key: value})
  if one.range:
    kind = type(one.default)
    check(name, **{key: kind(one.range.most)})
    if name != 'reptile':
      check(name, **{key: kind(one.range.least)})


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
  def with_setting(section, name, value, alignment='per_class'):
    config = complete('lightman', statistic='u', alignment=alignment)
    config[section][name] = value
    return config
  for section, name, word in (('episodes', 'shots', 'shots'),
                              ('macro', 'clips', 'macro.clips')):
    with pytest.raises(InputError, match=word):
      settings.check(with_setting(section, name, 1))
    settings.check(with_setting(section, name, 2))
  # One shot is enough where all classes are one sample.
  settings.check(with_setting('episodes', 'shots', 1, 'marginal'))


def labelled(name='lightman', method=(), **macro):
  """Checks settings of a method with labelled macro clips in its loss."""
  config = complete(name, **dict(method))
  config['macro'].update({'label_weight': .3, **{
      f'label_{key}': value for key, value in macro.items()}})
  settings.check(config)


@pytest.mark.parametrize('where', ['inner', 'outer', 'both'])
@pytest.mark.parametrize('name', NAMES)
def test_every_method_takes_labelled_macro_clips(name, where):
  if name in ('supervised', 'reptile') and where != 'inner':
    with pytest.raises(InputError, match='has one loss'):
      labelled(name, where=where)
  else:
    labelled(name, where=where)


@pytest.mark.parametrize('name, method, macro, word', [
    ('lightman', {}, dict(weight=0., where='outer'), 'leaves them out of every loss'),
    ('maml', {}, dict(weight=0., learned=True), 'leaves them out of every loss'),
    ('lightman', dict(outer='none'), dict(where='both'), 'method.outer=none takes'),
    ('lightman', {}, dict(learned=True, where='both'), 'goes by the derivative'),
    ('supervised', {}, dict(learned=True), 'goes by the derivative'),
    ('fomaml', {}, dict(learned=True), 'goes by the derivative'),
    ('maml', dict(first_order=True), dict(learned=True), 'goes by the derivative'),
    ('anil', {}, dict(head='own'), 'knows no such head'),
    ('protonet', {}, dict(head='own', where='both'), 'knows no such head'),
    ('fomaml', {}, dict(head='own'), 'never be trained'),
    ('finetune', {}, dict(head='own'), 'never be trained')])
def test_labelled_macro_clips_that_could_do_nothing(name, method, macro, word):
  with pytest.raises(InputError, match=word):
    labelled(name, method, **macro)


def test_labelled_macro_clips_need_a_source_and_a_method_that_takes_them():
  config = complete('maml')
  config['macro'].update(label_weight=.3, source='none')
  with pytest.raises(InputError, match='macro.source=none has no macro clips'):
    settings.check(config)
  registry.allow_object('method', plain_method)
  with pytest.raises(InputError, match='no loss that takes labelled macro clips'):
    labelled(f'{__name__}:plain_method')


def plain_method(net):
  """A method from outside that knows nothing of macro clips."""


@pytest.mark.parametrize('changes, word', [
    ({'macro.label_weight': .3}, 'all clips have their labels in the loss'),
    ({'select.by': 'inner', 'select.candidates': 'training.steps=1,2'}, 'who judges'),
    ({'evaluation.episodes': 600}, 'of a test episode'),
    ({'training.wrong_labels': .1}, 'wrong labels'),
    ({'macro.source': 'none'}, 'has none but micro clips'),
    ({'macro.source': 'magnified'}, 'has none but micro clips'),
    ({'model.encoder': 'dere_grl', 'inputs.kind': 'landmarks'}, 'dere_grl')])
def test_macro_clips_only(changes, word):
  config = settings.changed(complete('maml'), {'macro.only': True})
  settings.check(config)
  with pytest.raises(InputError, match=word):
    settings.check(settings.changed(config, changes))


def test_a_draw_of_all_people_means_nothing():
  config = settings.changed(complete('maml'), {'episodes.people_draw': 1})
  with pytest.raises(InputError, match='episodes.training_people=0 takes all'):
    settings.check(config)
  settings.check(settings.changed(config, {'episodes.training_people': 4}))


def test_a_weight_above_nothing_cannot_be_chosen_where_there_are_no_clips():
  config = complete('maml')
  config['select'].update(by='inner', candidates='macro.label_weight=0,.3')
  with pytest.raises(InputError, match='its clips are not there'):
    settings.check(config)
  config['macro']['label_weight'] = .3
  settings.check(config)


@pytest.mark.parametrize('rate', [0., 1e-46, 1e-7])
def test_reptile_does_not_divide_by_nothing(rate):
  with pytest.raises(InputError, match='reptile divides by it'):
    check('reptile', inner_rate=rate)
  check('maml', inner_rate=rate)
  check('reptile', inner_rate=methods.LEAST_RATE)


def test_another_method_keeps_what_was_changed_of_what_both_have():
  config = complete('lightman', inner_steps=7, align_weight=2.)
  maml = settings.changed(config, {'method.name': 'maml'})['method']
  assert maml == sections.choose('method', 'maml') | {'inner_steps': 7}
  back = settings.changed({**config, 'method': maml}, {
      'method.name': 'lightman', 'method.align_weight': 1})['method']
  assert back == sections.choose('method', 'lightman') | {
      'inner_steps': 7, 'align_weight': 1.}
  with pytest.raises(InputError, match='align_weight=7 means nothing for '
                     'method.name=maml: lightman has that setting'):
    settings.changed(config, {'method.name': 'maml', 'method.align_weight': 7})


def test_no_jax_is_imported_where_a_method_is_checked():
  program = ('import sys; from configs import common; '
             'from lightman_jax import sections, settings; '
             'config = common.finish(common.base(), "method=maml", {}).to_dict(); '
             'config["data"]["name"] = "manifest"; settings.check(config); '
             'assert not {"jax", "numpy", "flax"} & set(sys.modules)')
  subprocess.run([sys.executable, '-c', program], check=True)
