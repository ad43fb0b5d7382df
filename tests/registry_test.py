"""Parts from outside: named by a person, checked, never run from a run folder."""

import hashlib
import importlib
import os

import pytest

from configs import synthetic
from lightman_jax import registry, sections, settings, settings_command
from lightman_jax.errors import InputError
from lightman_jax.experiment import launch, run
from lightman_jax.runs.folder import RunFolder

METHOD = '''
def mine(net, *, inner_rate: float = .01, pull: float = .5):
  """Mine."""
'''


@pytest.fixture(autouse=True)
def nobody_named_anything(monkeypatch):
  monkeypatch.setattr(registry, '_ALLOWED', {})


@pytest.fixture
def file(tmp_path, monkeypatch):
  """A method of somebody's own, in the folder of the call."""
  monkeypatch.chdir(tmp_path)
  path = tmp_path / 'my_file.py'
  path.write_text(METHOD)
  return path


@pytest.mark.parametrize('kind', registry.TABLES)
def test_every_name_in_a_table_is_there(kind):
  for name in registry.TABLES[kind]:
    part = registry.find(kind, name)
    assert part.name == name if kind == 'data' else callable(part)


def test_a_variant_builds_the_section_of_a_file(file):
  for arg in ('method=my_file.py:mine,debug', 'debug,method=my_file.py:mine'):
    config = synthetic.get_config(arg)
    assert config.method.to_dict() == {
        # The configuration's own inner rate stays, as under any other method.
        'name': 'my_file.py:mine', 'inner_rate': .02, 'pull': .5,
        'sha256': hashlib.sha256(METHOD.encode()).hexdigest()}
    assert config.training.steps == 4
    settings.check(config.to_dict())


def test_an_own_setting_is_checked(file):
  config = synthetic.get_config('method=my_file.py:mine').to_dict()
  for changes, words in (({'pull': 'x'}, 'method.pull'),
                         ({'align_weight': 7.}, 'align_weight=7.0 means nothing for '
                          'method.name=my_file.py:mine: lightman has')):
    with pytest.raises(InputError, match=words):
      settings.check({**config, 'method': {**config['method'], **changes}})
  changed = settings.changed(config, {'method.pull': 1})
  assert changed['method']['pull'] == 1.


def test_a_run_folder_cannot_have_it_run(file):
  config = synthetic.get_config('method=my_file.py:mine').to_dict()
  registry._ALLOWED.clear()
  file.write_text(METHOD + 'raise SystemExit("it was run")\n')
  for use in (lambda: settings.check(config), lambda: settings.uses_macro(config),
              lambda: registry.find('method', 'my_file.py:mine'),
              lambda: sections.allow_again(config, {})):
    with pytest.raises(registry.NotNamed, match='--method=my_file.py:mine'):
      use()


def test_another_file_of_the_name_is_other_code(file, tmp_path):
  config = synthetic.get_config('method=my_file.py:mine').to_dict()
  registry._ALLOWED.clear()
  moved = tmp_path / 'moved.py'
  moved.write_text(METHOD)
  sections.allow_again(config, {'method': 'moved.py:mine'})
  settings.check(config)
  registry._ALLOWED.clear()
  moved.write_text(METHOD + '# another\n')
  with pytest.raises(InputError, match='other code than that of this configuration'):
    sections.allow_again(config, {'method': 'moved.py:mine'})
  with pytest.raises(InputError, match='leave it out'):
    sections.allow_again(synthetic.get_config().to_dict(),
                         {'method': 'moved.py:mine'})


@pytest.mark.parametrize('method, want', [
    ({'name': 'maml'}, True), ({'name': 'lightman', 'first_order': False}, True),
    ({'name': 'maml', 'first_order': True}, False), ({'name': 'fomaml'}, False),
    ({'name': 'protonet'}, False), ({'name': 'my_file.py:mine'}, False),
    ({'name': 'my_file.py:second'}, True)])
def test_whether_a_method_is_of_second_order(file, method, want):
  file.write_text(f'{METHOD}\ndef second(net): mine(net)\nsecond.second_order = True')
  for name in ('mine', 'second'):
    registry.allow('method', f'my_file.py:{name}')
  assert sections.is_second_order(method) is want


def test_the_record_holds_hash_and_text(file):
  config = synthetic.get_config('method=my_file.py:mine').to_dict()
  assert sections.outside(config) == {'method': {
      'name': 'my_file.py:mine', 'text': METHOD,
      'sha256': hashlib.sha256(METHOD.encode()).hexdigest()}}
  assert sections.outside(synthetic.get_config().to_dict()) == {}


def test_what_runs_is_what_is_hashed(file):
  """Bytecode of an older text, of the same size and second, does not run."""
  assert registry.allow('method', 'my_file.py:mine').text == METHOD
  file.write_text(METHOD.replace('.5', '.6'))
  part = registry.allow('method', 'my_file.py:mine').part
  assert part.__kwdefaults__['pull'] == .6
  assert not (file.parent / '__pycache__').exists()


@pytest.mark.parametrize('name, words', [
    ('my_fil.py:mine', 'my_fil.py is not there'),
    ('my_file.py:min', "has no 'min'.*nearest there is 'mine'"),
    ('no_such_package.models:Mixer', 'cannot be imported.*no_such_package'),
    ('broken.py:f', 'cannot be imported.*SyntaxError'),
    ('raises.py:f', 'cannot be imported.*ZeroDivisionError'),
    ('taken.py:f', 'name cannot be the name of a setting'),
    ('list.py:f', 'its setting widths has the default')])
def test_what_cannot_be_taken_is_one_sentence(file, tmp_path, name, words):
  for other, text in (('broken', 'def f('), ('raises', '1 / 0'),
                      ('taken', 'def f(net, *, name="x"): pass'),
                      ('list', 'def f(net, *, widths=(1,)): pass')):
    (tmp_path / f'{other}.py').write_text(text)
  with pytest.raises(InputError, match=words) as caught:
    synthetic.get_config(f'method={name}')
  assert '\n' not in str(caught.value)


def test_a_module_of_a_package(tmp_path, monkeypatch):
  folder = tmp_path / 'outside_package'
  folder.mkdir()
  (folder / '__init__.py').write_text('')
  (folder / 'models.py').write_text(METHOD)
  monkeypatch.syspath_prepend(tmp_path)
  importlib.invalidate_caches()
  config = synthetic.get_config('method=outside_package.models:mine')
  assert config.method.pull == .5 and len(config.method.sha256) == 64


def test_an_object_that_python_holds():
  name = registry.allow_object('method', test_an_object_that_python_holds)
  assert registry.source('method', name).text.startswith('def test_an_object')
  with pytest.raises(InputError, match='no source'):
    registry.allow_object('method', len)


def test_a_name_without_its_folders():
  assert registry.label('a/b/my_file.py:mine') == 'my_file.py:mine'
  assert registry.label('maml') == 'maml'


def test_the_command_lists_what_can_be_set(file, capsys):
  assert settings_command.settings(['method=my_file.py:mine', 'method=lightman']) == 0
  out = capsys.readouterr().out
  for words in ('--config.method.pull', hashlib.sha256(METHOD.encode()).hexdigest(),
                "'marginal' (marginal, per_class)", '0.5 (from 0.0 to 1000.0)'):
    assert words in out
  assert settings_command.settings([]) == 0
  out = capsys.readouterr().out
  assert all(f'{kind}={name}' in out for kind, table in registry.TABLES.items()
             for name in table)
  for wrong, words in (('method=mamml', "'maml'"), ('methd=maml', 'method=NAME')):
    assert settings_command.settings([wrong]) == 2
    assert words in capsys.readouterr().err


def test_a_part_without_a_docstring_has_no_description(tmp_path, capsys):
  (tmp_path / 'plain.py').write_text(
      'import dataclasses\nfrom flax import linen as nn\n'
      'class Encoder(nn.Module):\n  width: int = 3\n'
      'class Known(nn.Module):\n  """Knows."""\n  width: int = 3\n'
      '@dataclasses.dataclass\nclass Method:\n  width: int = 3\n')
  for part, words in (('encoder=plain.py:Encoder', 'no description'),
                      ('encoder=plain.py:Known', 'Knows.'),
                      ('method=plain.py:Method', 'no description')):
    part = part.replace('plain.py', str(tmp_path / 'plain.py'))
    assert settings_command.settings([part]) == 0
    assert f'{part}: {words}\n' in capsys.readouterr().out


# Encoders.

@pytest.mark.parametrize('name', registry.ENCODERS)
def test_an_encoder_has_its_own_settings_alone(name):
  """Each setting that it lacks and another has is refused, and says who has it."""
  config = settings.changed(synthetic.get_config().to_dict(), {'model.encoder': name})
  own = sections.options_of('encoder', name)
  assert set(config['model']) == {'encoder', 'matmul_precision', *own}
  others = {setting for other in registry.ENCODERS
            for setting in sections.options_of('encoder', other)} - own.keys()
  assert others
  for setting in others:
    with pytest.raises(InputError, match=f'model.{setting}=.* means nothing for '
                       f'model.encoder={name}'):
      sections.check('encoder', settings.flat(
          {'model': {**config['model'], setting: 7}}))


def test_what_all_encoders_call_alike_is_alike():
  kinds = {}
  for name in registry.ENCODERS:
    for setting, one in sections.options_of('encoder', name).items():
      assert kinds.setdefault(setting, one.default) == one.default


def test_a_change_of_the_encoder_keeps_what_both_have():
  config = synthetic.get_config('encoder=vit,debug').to_dict()
  assert config['model']['width'] == 4 and config['model']['depth'] == 2
  back = settings.changed(config, {'model.encoder': 'mlp', 'model.depth': 3})
  assert back['model'] == {
      'encoder': 'mlp', 'matmul_precision': 'highest', 'precision': 'float32',
      'width': 4, 'depth': 3}


def test_what_code_from_outside_raises_in_a_run_names_its_line(file, monkeypatch):
  """In a sentence; an error of ours stays what it is."""
  file.write_text('def mine(net):\n  return len(net)\n')
  source = registry.allow('method', 'my_file.py:mine')
  config = synthetic.get_config('debug').to_dict()
  config['method']['name'] = source.name
  folder = RunFolder(file.parent, None)

  def ours(*_):
    raise TypeError('two shapes')

  def disk(*_):
    raise OSError('full')
  for part, words in (
      (lambda *_: source.part(3), r'my_file.py line 2: code from outside raised Type'),
      (ours, r'method=my_file.py:mine: what its functions return .*two shapes')):
    monkeypatch.setattr(run, '_run', part)
    with pytest.raises(InputError, match=words) as refused:
      run.run(config, folder)
    assert isinstance(refused.value.__cause__, TypeError)

  def called_back(*_):
    raise RuntimeError(
        'INTERNAL: CpuCallback error calling callback: Traceback (most recent call '
        f'last):\n  File "/jax/callback.py", line 9, in flat\n  File "{file}", line 2, '
        'in mine\nValueError: my own check failed')
  monkeypatch.setattr(run, '_run', called_back)
  with pytest.raises(InputError, match='my_file.py line 2: code from outside raised '
                                       'ValueError: my own check failed; mend it'):
    run.run(config, folder)
  # At its exit jax would raise it once more.
  ends = []
  monkeypatch.setattr(launch.os, '_exit', lambda code: ends.append(code))
  monkeypatch.setattr(launch.app, 'run', lambda *_, **__: run.run(config, folder))
  with pytest.raises(SystemExit):
    launch.start(['launch.py'], program=())
  assert ends == [2]
  monkeypatch.setattr(run, '_run', disk)
  with pytest.raises(OSError):
    run.run(config, folder)
  monkeypatch.setattr(run, '_run', ours)
  with pytest.raises(TypeError):
    run.run(synthetic.get_config('debug').to_dict(), folder)


def test_code_from_outside_leaves_the_working_folder(file, tmp_path):
  (tmp_path / 'in').mkdir()
  file.write_text('import os\nos.chdir("in")\n'
                  'def mine(net):\n  os.chdir("in")\n  1 / 0\n')
  registry.allow('method', 'my_file.py:mine')
  with pytest.raises(ZeroDivisionError):
    sections.build('method', 'my_file.py:mine', {}, None)
  assert os.getcwd() == str(tmp_path)


def test_code_that_would_end_the_program_is_refused(file):
  """sys.exit(0) would be an end without a word, and a success."""
  file.write_text('import sys\nsys.exit(0)\n')
  with pytest.raises(InputError, match='cannot be imported .SystemExit: 0'):
    registry.allow('method', 'my_file.py:mine')
  file.write_text('import sys\ndef mine(net):\n  sys.exit(0)\n')
  registry.allow('method', 'my_file.py:mine')
  with pytest.raises(InputError, match='my_file.py:mine would end the program'):
    sections.build('method', 'my_file.py:mine', {}, None)
