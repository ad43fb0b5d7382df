"""Every configuration, under every variant, is complete and can be checked."""

import importlib
import inspect
import json

import pytest

from lightman_jax import registry, sections, settings
from lightman_jax.configurations import (
  casme,
  casme2,
  casme_cubed,
  casme_squared,
  cd6me,
  ck_plus,
  defaults,
  dfme,
  manifest,
  megc2018,
  megc2019,
  mmew,
  named,
  open as open_faces,
  samm,
  smic,
  sweeps,
  synthetic,
)
from lightman_jax.data import choice, facts
from lightman_jax.errors import InputError
from lightman_jax.evaluation import references
from lightman_jax.experiment import sweep
from lightman_jax.inputs import augmentation, inputs
from lightman_jax.training.state import make_optimizer

FILES = {'casme': (casme, ['eight']), 'casme2': (casme2, ['three', 'objective']),
         'casme_cubed': (casme_cubed, ['four', 'three']),
         'casme_squared': (casme_squared, ['four']), 'dfme': (dfme, []),
         'ck_plus': (ck_plus, []),
         'megc2018': (megc2018, ['holdout', 'uncorrected']),
         'megc2019': (megc2019, ['uncorrected']), 'mmew': (mmew, ['seven']),
         'samm': (samm, ['three', 'objective']), 'smic': (smic, []),
         'manifest': (manifest, ['clips']), 'open': (open_faces, []),
         'synthetic': (synthetic, ['large'])}
# These tell action units, of which not all can be had that can of classes.
UNITS = {'cd6me': (cd6me, [])}
SHARED = ['', 'debug', 'encoder=conv4', 'debug,method=maml', 'few_shot', 'quick',
          'debug,quick', 'quick,debug', 'quick,encoder=dere_grl', 'published',
          'debug,few_shot,support=held_out_subject', 'protocol=kfold',
          *(f'method={name}' for name in settings.CHOICES['method.name']),
          *(f'macro={name}' for name in settings.CHOICES['macro.source'])]
# A data set's own macro-expressions are macro=own.
OWN = {('casme_squared', 'macro=casme_squared'), ('ck_plus', 'macro=ck_plus'),
       ('synthetic', 'macro=synthetic'), ('open', 'macro=synthetic')}
ALL = [(name, arg) for name, (_, own) in FILES.items()
       for arg in [*SHARED, *own, *(f'debug,{word}' for word in own),
                   *(f'{word},debug' for word in own)] if (name, arg) not in OWN]
OF_UNITS = [(name, arg) for name in UNITS for arg in SHARED
            if 'few_shot' not in arg and arg != 'published']


@pytest.mark.parametrize('arg, changes, words', [
    ('', {}, ''), ('quick', {}, ''), ('debug', {}, 'its settings are those of :debug'),
    ('method=supervised,debug', {}, 'its settings are those of :debug'),
    ('debug', {'training.steps': 6}, 'each fold is trained for 6 steps only'),
    ('debug', {'training.steps': 50}, ''),
    ('', {'training.steps': 1}, 'each fold is trained for 1 step only'),
    # What begins with weights may need no steps.
    ('', {'training.steps': 1, 'pretrain.source': 'macro'}, ''),
    ('debug', {'pretrain.source': 'macro'}, 'its settings are those of :debug')])
def test_a_trial_is_known_by_its_settings(arg, changes, words):
  config = settings.changed(synthetic.get_config(arg).to_dict(), changes)
  said = defaults.describe_trial(config)
  assert said.partition(': ')[2] == words
  assert not words or 'whose scores mean nothing' in said


@pytest.mark.parametrize('name, arg', ALL + OF_UNITS)
def test_variants(name, arg):
  config = (FILES | UNITS)[name][0].get_config(arg)
  plain = config.to_dict()
  settings.check(plain)
  choice.choose(plain['data'])
  choice.choose({**plain['macro']['data'], 'name': 'synthetic'})
  assert json.loads(json.dumps(plain)) == plain
  assert plain['data']['name'] == {'open': 'synthetic'}.get(name, name)
  sizes = [word for word in arg.split(',') if word in ('debug', 'quick')]
  assert bool(defaults.describe_trial(plain)) == (sizes[-1:] == ['debug'])
  for word in arg.split(','):
    key, _, value = word.partition('=')
    if value:
      section = {'method': 'method.name', 'encoder': 'model.encoder',
                 'macro': 'macro.source', 'protocol': 'episodes.protocol',
                 'support': 'evaluation.support'}[key]
      assert settings.flat(plain)[section] == value


@pytest.mark.parametrize('name', FILES)
def test_quick_says_how_long_it_takes_and_does_less(name):
  """In the words of the file, and by the work of a step and of a prediction."""
  words = f'{FILES[name][0].__doc__} {FILES[name][0].get_config.__doc__}'
  assert 'quick' in words and 'minute' in words.split('quick', 1)[1]
  quick, default = (FILES[name][0].get_config(arg).to_dict() for arg in ('quick', ''))
  frames = lambda config: (config['data']['frames']
                           if config['inputs']['span'] == 'each' else 1)
  work = lambda config: (config['training']['steps'] * config['model']['width']**2
                         * frames(config) * config['inputs']['size']**2)
  assert work(quick) < work(default)
  # What is tested, and on whom, is the same.
  for section in ('data', 'episodes', 'method', 'macro', 'seed'):
    assert quick[section] == default[section]


@pytest.mark.parametrize('name', FILES)
@pytest.mark.parametrize('family', sweeps.FAMILIES)
def test_every_variant_of_a_family_can_run(name, family):
  config = FILES[name][0].get_config().to_dict()
  variants = FILES[name][0].sweep(family)
  # What is left out is the same as another; an ablation holds its own settings again.
  runs = sweep.plan(config, variants, seeds=3)
  assert len(runs) % 3 == 0 and len(variants) - 4 <= len(runs) / 3 <= len(variants)
  for run in runs:
    choice.choose(run.config['data'])


@pytest.mark.parametrize('name', UNITS)
@pytest.mark.parametrize('family', sweeps.FAMILIES)
def test_what_is_of_classes_is_no_variant_of_one_of_units(name, family):
  """Of a family that is of classes all through there is nothing to run."""
  module, said = UNITS[name][0], []
  config, variants = module.get_config().to_dict(), module.sweep(family)
  plan = lambda: sweep.plan(config, variants, seeds=1, say=said.append)
  if family in ('few_shot', 'noise'):
    with pytest.raises(InputError, match='labels.kind=action_units and .*; leave that'):
      plan()
    return
  runs = {run.name.removesuffix('-seed0') for run in plan()}
  left_out = {line.split()[4]: line for line in said if line.startswith('left out:')}
  assert bool(left_out) == (family in ('wrong_labels', 'ablation', 'ingredients'))
  assert all('labels.kind=action_units and' in line for line in left_out.values())
  others = {line.split()[0] for line in said if not line.startswith('left out:')}
  assert runs | left_out.keys() | others == {variant for variant, _ in variants}
  assert runs and not runs & left_out.keys()


def test_families():
  called = lambda family: [name for name, _ in sweeps.sweep(family)]
  assert called('methods') == list(settings.CHOICES['method.name'])
  assert all(f'{method}-{encoder}' in called('encoders')
             for method in ('supervised', 'lightman') for encoder in sweeps.ENCODERS)
  assert {'full', 'no-alignment', 'no-outer-level', 'first-order', 'lambda0.1',
          'shots1', 'encoder-resnet12', 'temporal-depth0'} <= set(called('ablation'))
  with pytest.raises(InputError, match='methods'):
    sweeps.sweep('method')


@pytest.mark.parametrize('module', [cd6me, megc2018, megc2019])
def test_each_data_set_of_a_composite_is_trained_on_alone(module):
  config = module.get_config().to_dict()
  runs = sweep.plan(config, module.sweep('across'), seeds=1)
  composite = facts.COMPOSITES[config['data']['name']]
  assert [run.changes['episodes.train_on'] for run in runs] == list(composite.parts)
  assert {run.config['episodes']['protocol'] for run in runs} == {'cross_dataset'}
  assert module.sweep('methods') == sweeps.sweep('methods')


@pytest.mark.parametrize('changes, words', [
    ({'data.class_set': 'action_units'}, 'takes all clips whose units are coded'),
    ({'labels.units': '1,2'}, 'labels.units=1,2 is of action units'),
    ({'labels.people': 9}, 'labels.people=9 is of action units'),
    ({'labels.units_weight': .5, 'labels.kind': 'action_units'}, 'what is learned'),
    ({'labels.units_weight': .5, 'augment.mixup': .4}, 'takes the units of each clip'),
    ({'labels.kind': 'action_units', 'training.wrong_labels': .1}, 'no other class'),
    ({'labels.kind': 'action_units', 'augment.mixup': .2}, 'sets of them'),
    ({'augment.mixup': .2, 'method.alignment': 'per_class', 'episodes.shots': 2,
      'method.outer': 'none'}, 'no one class'),
    ({'labels.kind': 'action_units', 'evaluation.episodes': 600}, 'one class|several'),
    ({'labels.kind': 'action_units', 'evaluation.noise': 'blur'}, 'UF1'),
    ({'labels.kind': 'action_units', 'evaluation.oracle_gap': True}, 'is right'),
    ({'labels.kind': 'action_units', 'method.alignment': 'per_class'}, 'no one class'),
    ({'labels.kind': 'action_units', 'macro.only': True}, 'macro.only'),
    ({'labels.kind': 'units'}, "nearest that exists is 'action_units'"),
    ({'episodes.train_on': 'smic'}, 'cross_dataset trains on'),
    ({'episodes.protocol': 'cross_dataset'}, 'cross_dataset trains on')])
def test_what_is_of_classes_or_of_units_alone_is_refused(changes, words):
  with pytest.raises(InputError, match=words):
    named.settings_by_name('casme2', **changes)


def test_units_are_a_variant_of_every_configuration():
  settings_of = named.settings_by_name
  assert settings_of('casme2', labels='action_units')['labels']['kind'] == (
      settings_of('casme2:labels=action_units')['labels']['kind']) == 'action_units'
  assert settings.is_multi_label(settings_of('cd6me'))
  assert not settings.is_multi_label(settings_of('casme2'))
  assert not settings.is_multi_label({'data': {}})      # of 0.1.0


def test_no_argument_is_no_variant():
  for module, _ in FILES.values():
    assert module.get_config().to_dict() == module.get_config('').to_dict()


@pytest.mark.parametrize('name, arg', sorted(OWN))
def test_a_data_set_is_not_its_own_foreign_source(name, arg):
  with pytest.raises(InputError, match='macro'):
    settings.check(FILES[name][0].get_config(arg).to_dict())


@pytest.mark.parametrize('arg, nearest', [
    ('debgu', "'debug'"), ('larg', "'large'"), ('method=mamml', 'method=maml'),
    ('methd=maml', "'method='"), ('debug=1', "'debug'"), ('encoder=conv', 'conv4'),
    ('macro=magnify', 'macro=magnified'), ('debug,protonet', '')])
def test_unknown_variants_name_the_nearest(arg, nearest):
  with pytest.raises(InputError) as caught:
    synthetic.get_config(arg)
  assert nearest in str(caught.value) and '(all: ' in str(caught.value)


@pytest.mark.parametrize('word', ['seven_emotions', 'method=xyz', 'xyz=maml'])
def test_what_resembles_nothing_is_not_given_a_nearest(word):
  with pytest.raises(InputError) as caught:
    synthetic.get_config(word)
  assert 'nearest' not in str(caught.value) and '(all: ' in str(caught.value)


@pytest.mark.parametrize('arg, words', [
    ('quick,kfold', 'write protocol=kfold'), ('LOSO', 'write protocol=loso'),
    ('casme_squared', 'write macro=casme_squared or data=casme_squared'),
    ('svm', 'svm is a row beside every result'), ('clips.csv', 'data.path')])
def test_a_value_without_its_variant_names_it(arg, words):
  with pytest.raises(InputError, match=words):
    synthetic.get_config(arg)


def test_rows_beside_a_result_are_no_methods():
  assert set(sections.ROWS) == {'constant', 'ridge_raw', *references.CHOICES}
  assert not set(sections.ROWS) & set(registry.METHODS)
  for name in sections.ROWS:
    for changes in ({'method': name}, {'method.name': name}):
      with pytest.raises(InputError, match=f'{name} is a row beside every result'):
        settings('synthetic:debug', **changes)
  with pytest.raises(InputError, match='svm is a row beside'):
    settings(method='svm')
  with pytest.raises(InputError, match="lm.settings.'synthetic'.*casme2"):
    settings()


@pytest.mark.parametrize('changes, words', [
    ({'protocol': 'LOSO'}, 'nearest is protocol=loso'),
    ({'protocol': 'KFOLD'}, 'nearest is protocol=kfold'),
    ({'data': 'my/two.csv'}, "settings.'manifest', .*'data.path': 'my/two.csv'"),
    ({'data.name': 'TWO.XLSX'}, 'configuration manifest'),
    ({'macro': 'm.csv'}, 'macro=manifest with macro.data.path=m.csv'),
    ({'protocol': 'f.csv'}, 'own_folds.py:from_csv'),
    ({'encoder': __file__}, 'configs_test.py:NAME'),
    ({'macro': None}, 'must be a name'), ({'macro': 'nome'}, 'macro=none')])
def test_files_and_capitals_are_pointed_to_what_was_meant(changes, words):
  with pytest.raises(InputError, match=words):
    settings('synthetic:debug', **changes)
  with pytest.raises(InputError, match='data.path'):
    settings('two.csv')


@pytest.mark.parametrize('kind', sections.VARIANTS)
def test_every_variant_is_a_keyword(kind):
  value = {'method': 'maml', 'encoder': 'mlp', 'macro': 'none', 'protocol': 'kfold',
           'support': 'held_out_subject', 'data': 'samm', 'score': 'uf1',
           'labels': 'action_units'}[kind]
  assert settings('synthetic', **{kind: value}) == settings(f'synthetic:{kind}={value}')
  assert settings('synthetic', **{kind: value}) != settings('synthetic')


def test_a_config_is_locked_and_typed():
  config = synthetic.get_config()
  with pytest.raises(AttributeError, match='"steps"'):
    config.training.stepss = 3
  with pytest.raises(TypeError):
    config.training.steps = 'many'


@pytest.mark.parametrize('section, schema', [
    ('inputs', inputs.Settings), ('augment', augmentation.Augmentation)])
def test_a_section_has_what_its_factory_takes(section, schema):
  takes = {name for name, parameter in inspect.signature(schema).parameters.items()
           if parameter.kind != parameter.VAR_KEYWORD} - {'net'}
  assert set(defaults.base()[section]) == takes


def test_sections_of_parts_are_those_of_the_default_parts():
  assert set(defaults.base().method) == {
      'name', *sections.options_of('method', 'lightman')}
  assert set(defaults.base().model) == {
      'encoder', 'matmul_precision', *sections.options_of('encoder', 'conv4')}


def test_the_optimizer_finds_its_settings():
  assert set(inspect.signature(make_optimizer).parameters) <= set(
      defaults.base()['training'])


def test_every_configuration_has_a_name_and_a_thin_file():
  assert set(FILES | UNITS) == set(named.NAMES)
  for name, (module, _) in (FILES | UNITS).items():
    thin = importlib.import_module(f'configs.{name}')
    assert thin.get_config is module.get_config and thin.sweep is module.sweep
    assert f'configs/{name}.py' in thin.__doc__
  from configs import common, sweeps as thin
  assert common.finish is defaults.finish and thin.sweep is sweeps.sweep


@pytest.mark.parametrize('name, module, arg', [
    ('synthetic:debug', synthetic, 'debug'), ('casme2', casme2, None),
    ('configs/samm.py:three,quick', samm, 'three,quick')])
def test_settings_by_name(name, module, arg, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)        # where neither configs/ nor launch.py is
  assert named.settings_by_name(name) == module.get_config(arg).to_dict()


def test_settings_by_name_are_changed():
  config = named.settings_by_name('casme2:three', method='maml',
                                  **{'training.steps': 50, 'seed': 3})
  assert config == settings.changed(casme2.get_config('three,method=maml').to_dict(),
                                    {'training.steps': 50, 'seed': 3})


def test_settings_of_a_file(tmp_path):
  (tmp_path / 'mine.py').write_text(
      'from lightman_jax.configurations import synthetic\n'
      'def get_config(arg=None):\n  return synthetic.get_config(arg)\n')
  (tmp_path / 'empty.py').write_text('')
  (tmp_path / 'yaml.py').write_text('training: {steps: 3')
  (tmp_path / 'no_return.py').write_text('def get_config(arg=None):\n  arg\n')
  head = 'from ml_collections import ConfigDict\ndef get_config(arg=None):\n  '
  (tmp_path / 'bare.py').write_text(f'{head}return ConfigDict()\n')
  (tmp_path / 'part.py').write_text(head + 'return ConfigDict({name: dict(name=1) for '
                                    'name in ("method", "model", "data")})\n')
  assert named.settings_by_name(f'{tmp_path}/mine.py:debug') == named.settings_by_name(
      'synthetic:debug')
  for file, words in (('empty', 'get_config'), ('yaml', 'not a configuration'),
                      ('none', 'No such file'),
                      ('no_return', r'returns nothing \(is there a return[?]\), and '),
                      ('bare', 'has no section method, model, data, episodes, eval'),
                      ('part', 'has no section episodes, evaluation; return what')):
    with pytest.raises(InputError, match=words):
      named.settings_by_name(f'{tmp_path}/{file}.py')


@pytest.mark.parametrize('name, changes, words', [
    ('sinthetic', {}, "the nearest is 'synthetic'"),
    ('of/casme_2.py', {}, 'No such file.*--config=casme2[?]'),
    ('/of/dfmee.py:three', {}, 'No such file.*--config=dfme[?]'),
    ('synthetic:debgu', {}, "'debug'"),
    ('synthetic', {'method': 'mamml'}, 'method=maml'),
    ('synthetic', {'training.stepps': 3}, "'training.steps'"),
    ('synthetic', {'training.steps': 'many'}, 'training.steps'),
    ('synthetic', {'training.steps': 0}, 'training.steps')])
def test_wrong_settings_name_the_nearest(name, changes, words):
  with pytest.raises(InputError, match=words):
    named.settings_by_name(name, **changes)
