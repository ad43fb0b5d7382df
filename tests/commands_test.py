"""Every command has a line in the help, and is there."""

import ast
import contextlib
import importlib
import io
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from lightman_jax import (
    __main__ as program,
    completion,
    errors,
    refusals,
    settings,
    settings_command,
    settings_help,
)
from lightman_jax.configurations import defaults
from lightman_jax.experiment import pretraining
from lightman_jax.inputs import inputs
from lightman_jax.runs import cache_command, info


def test_help_has_a_line_for_each_command(capsys):
  assert program.main(['--help']) == 0
  lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()
           if line.startswith('  ')}
  assert set(lines) == set(program.COMMANDS)
  assert all(len(line.split()) > 4 and len(line) <= 88 for line in lines.values())


@pytest.mark.parametrize('name', program.COMMANDS)
def test_a_command_is_there_and_tells_more(name, capsys):
  module = importlib.import_module(program.COMMANDS[name][0])
  assert callable(getattr(module, name.replace('-', '_')))
  with pytest.raises(SystemExit) as ended:
    program.main([name, '--help'])
  assert ended.value.code == 0
  assert f'python -m lightman_jax {name}' in capsys.readouterr().out


@pytest.mark.parametrize('arguments', [[], ['dcotor']])
def test_no_command_is_refused_with_the_help(arguments, capsys):
  assert program.main(arguments) == 2
  printed = capsys.readouterr().err
  assert program.usage() in printed
  assert all(f"'{word}' is no command" in printed for word in arguments)


@pytest.mark.parametrize('name', program.COMMANDS)
def test_the_help_of_a_command_ends_with_an_example(name, capsys):
  with pytest.raises(SystemExit):
    program.main([name, '--help'])
  examples = capsys.readouterr().out.partition('\nfor example:\n')[2].splitlines()
  assert examples
  words = completion.words_of_commands()[name]
  for example in examples:
    python, flag, package, command, *rest = example.partition('  # ')[0].split()
    assert (python, flag, package, command) == ('python', '-m', 'lightman_jax', name)
    for word in rest:
      if word.startswith('--'):
        known = f'{word.partition("=")[0]}'
        assert any(known in (each, each.rstrip('='), each.partition('=')[0])
                   for each in words), word


# Completion.

def complete(line: str, shell: pathlib.Path) -> list[str]:
  """What bash offers behind a line, by the script's own function."""
  program = (f'source {shell}; COMP_LINE="$1"; COMP_POINT=${{#1}}; '
             '_lightman_jax; printf "%s\\n" "${COMPREPLY[@]}"')
  done = subprocess.run(['bash', '--norc', '-c', program, 'bash', line], check=True,
                        capture_output=True, text=True)
  return done.stdout.split()


@pytest.fixture(scope='module')
def script(tmp_path_factory):
  path = tmp_path_factory.mktemp('completion') / 'script.bash'
  with contextlib.redirect_stdout(io.StringIO()) as printed:
    assert completion.completion(['bash']) == 0
  path.write_text(printed.getvalue())
  return path


@pytest.mark.skipif(not shutil.which('bash'), reason='there is no bash')
@pytest.mark.parametrize('line, offered', [
    ('python -m lightman_jax ex', ['explain']),
    ('python3 -m lightman_jax doctor --conta', ['--contact_sheet=']),
    ('python -m lightman_jax explain E10', [f'E10{n}' for n in range(1, 7)]),
    ('python -m lightman_jax settings method=ma', ['maml', 'matchingnet']),
    ('python -m lightman_jax train --config=casme2', ['casme2']),
    ('python launch.py --config.method.outer', None),
    ('python launch.py --config=synthetic --config.training.split=f', ['folds']),
    ('python launch.py --config.inputs.kind=pict', ['picture'])])
def test_bash_completes(script, line, offered):
  answers = complete(line, script)
  if offered is None:
    offered = [f'--config.method.outer={value}'
               for value in settings_command.all_settings()['method.outer'].choices]
  assert sorted(answers) == sorted(offered)


def test_other_programs_of_python_are_left_alone(script):
  assert complete('python -m pytest tests/a', script) == []


def test_the_scripts_of_other_shells_have_the_same_words(capsys):
  for shell in ('zsh', 'fish'):
    assert completion.completion([shell]) == 0
    text = capsys.readouterr().out
    assert all(word in text for words in completion.words_of_commands().values()
               for word in words)


# The codes of refusals.

def test_every_refusal_has_a_code_that_has_a_page():
  root = pathlib.Path(refusals.__file__).parent
  places = {(path, function.name)
            for path in root.rglob('*.py')
            for function in ast.walk(ast.parse(path.read_text(encoding='utf-8')))
            if isinstance(function, ast.FunctionDef)
            and any(isinstance(node, ast.Raise) and node.exc is not None
                    and 'InputError' in ast.unparse(node.exc)
                    for node in ast.walk(function))}
  assert len(places) > 150
  known = refusals.pages()
  without = {(path.name, name) for path, name in places if refusals.code_of_place(
      '.'.join(path.relative_to(root.parent).with_suffix('').parts), name) not in known}
  assert without == set()
  assert set(refusals.CODES.values()) | {refusals.OTHER} == set(known)
  assert all(re.fullmatch(r'E[1-9]\d\d', code) for code in known)
  assert all(len(text.splitlines()) > 2 for text in known.values())


def test_the_table_of_codes_names_what_is_there():
  root = pathlib.Path(refusals.__file__).parent
  for name in set(refusals.CODES) - {'video'}:
    path = root.joinpath(*name.split('.'))
    if path.is_dir() or path.with_suffix('.py').is_file():
      continue
    tree = ast.parse(path.parent.with_suffix('.py').read_text(encoding='utf-8'))
    assert path.name in {node.name for node in ast.walk(tree)
                         if isinstance(node, ast.FunctionDef)}, name


def refused(function, *arguments, **options) -> errors.InputError:
  with pytest.raises(errors.InputError) as caught:
    function(*arguments, **options)
  return caught.value


def test_a_code_goes_by_what_is_refused():
  named = importlib.import_module('lightman_jax.configurations.named')
  assert refused(named.settings_by_name, 'synthetic', **{'seeed': 1}).code == 'E101'
  assert refused(named.settings_by_name, 'synthetic',
                 **{'training.steps': 0}).code == 'E102'
  error = refused(named.settings_by_name, 'synthetic', **{'macro.label_learned': True})
  assert error.code == 'E103'
  assert error.with_code() == f'{error} [E103]' and '[E103]' not in str(error)


@pytest.mark.parametrize('place, code', [
    ('experiment.run.run', 'E105'), ('models.network.make_encoder', 'E105'),
    ('evaluation.predict.check_logits', 'E105'),
    ('evaluation.predict.check_finite', 'E501'),
    ('doctor.command.recognise', 'E201'), ('doctor.command._examine', 'E203')])
def test_the_page_of_a_code_is_about_what_was_refused(place, code):
  module, _, function = place.rpartition('.')
  assert callable(getattr(importlib.import_module(f'lightman_jax.{module}'), function))
  assert refusals.code_of_place(f'lightman_jax.{module}', function) == code


def test_a_refusal_that_is_handed_on_keeps_its_code():
  def sheet():
    raise errors.InputError('the sheet has no rows')
  def handing_on():
    try:
      sheet()
    except errors.InputError as error:
      raise errors.InputError(f'the variant cannot run: {error}') from None
  def other():
    try:
      sheet()
    except errors.InputError:
      raise errors.InputError('something else') from None
  names = {'sheet': 'lightman_jax.data.sheets', 'other': 'lightman_jax.report.scoring'}
  assert refusals.code_of(errors.InputError('was never raised')) == refusals.OTHER
  for function, module in ((sheet, names['sheet']), (other, names['other'])):
    assert refusals.code_of_place(module, function.__name__) != refusals.OTHER
  # Where a frame's module is none of the package's, the code is that of others.
  assert refused(handing_on).code == refused(other).code == refusals.OTHER


@pytest.mark.parametrize('words', [['explain'], ['settings', 'mixup']])
def test_what_cannot_be_printed_for_a_full_disk_is_one_sentence(words):
  with open('/dev/full', 'w') as full:
    done = subprocess.run([sys.executable, '-m', 'lightman_jax', *words], stdout=full,
                          stderr=subprocess.PIPE, text=True, check=False, timeout=100)
  assert done.returncode == 2
  assert done.stderr == (f'{words[0]}: what it prints cannot be written: No space left '
                         'on device; make room\n')


def test_explain_prints_a_page(capsys):
  assert program.main(['explain', '205']) == 0
  assert capsys.readouterr().out.startswith('E205: Names that look alike')
  assert program.main(['explain', '[E102]', 'e101']) == 0
  printed = capsys.readouterr().out
  assert printed.index('E102: ') < printed.index('E101: ')
  assert program.main(['explain']) == 0
  assert len(capsys.readouterr().out.splitlines()) == len(refusals.pages())
  assert program.main(['explain', 'E999']) == 2
  assert "'E999'" in capsys.readouterr().err


# Settings, explained.

def test_every_setting_has_a_line_of_its_own():
  known = settings_command.all_settings()
  flat = settings.flat(defaults.base().to_dict())
  assert set(flat) <= set(known)
  assert [name for name, option in known.items() if not option.help] == []
  assert [name for name in settings_help.HELP if name not in known] == []
  for name, value in flat.items():
    assert known[name].default == value or not name.startswith('data.')


@pytest.mark.parametrize('word, has, has_not', [
    ('rate', 'training.outer_rate', 'training.steps'),
    ('RATE outer', 'training.outer_rate', 'pretrain.rate'),
    ('--config.training.', 'training.members', 'method.outer'),
    ('cosine', 'training.schedule', 'data.path')])
def test_settings_with_a_word(word, has, has_not, capsys):
  assert program.main(['settings', word]) == 0
  printed = capsys.readouterr().out
  assert f'--config.{has}=' in printed and f'--config.{has_not}=' not in printed


def test_no_setting_with_a_word(capsys):
  assert program.main(['settings', 'outer_raet']) == 2
  printed = capsys.readouterr().err
  assert 'outer_rate' in printed and '[E101]' in printed


# Caches.

@pytest.fixture
def caches(tmp_path, monkeypatch):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path / 'data'))
  monkeypatch.delenv('JAX_COMPILATION_CACHE_DIR', raising=False)
  for name, content in {
      'cache/lightman_jax/inputs/0f.npy': b'1' * 2**20,
      'cache/lightman_jax/inputs/1a.npy': b'1',
      'cache/lightman_jax/inputs/.1b.npy.x': b'is being written',
      'cache/lightman_jax/xla/program': b'12',
      'cache/lightman_jax/pretrained/a.npz': b'',
      'cache/other/inputs/theirs': b'',
      'data/samm/five/1.0.0/dataset_info.json': b'{"moduleName": "lightman_jax.x"}',
      'data/samm/five/1.0.0/clips': b'123',
      'data/mnist/x/1.0.0/dataset_info.json': b'{"moduleName": "tensorflow_datasets"}',
  }.items():
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
  return tmp_path


def test_caches_are_listed(caches, capsys):
  assert program.main(['cache']) == 0
  lines = capsys.readouterr().out.splitlines()
  assert [line.split()[0] for line in lines[:-1]] == [
      'inputs/0f.npy', 'inputs/1a.npy', 'xla', 'pretrained/a.npz',
      'data/samm/five/1.0.0']
  assert '1 MiB' in lines[0] and lines[-1].startswith('5 in all, 1 MiB')


def test_the_caches_are_where_the_program_keeps_them(caches):
  known = {entry.name.partition('/')[0]: entry.path
           for entry in cache_command.entries()}
  assert known['inputs'].parent == inputs.cache_folder()
  assert known['pretrained'].parent == pretraining.cache_folder()
  assert known['xla'] == info._folders()['compiled']
  assert known['data'].is_relative_to(info._folders()['data sets'])


def test_what_is_named_is_deleted_and_nothing_else(caches, capsys):
  before = {path for path in caches.rglob('*') if path.is_file()}
  for wrong in ([], ['input'], ['..'], ['data/mnist'], ['data/samm/fiv'], ['/']):
    assert program.main(['cache', 'delete', *wrong]) == 2
    assert '[E101]' in capsys.readouterr().err
  assert {path for path in caches.rglob('*') if path.is_file()} == before
  assert program.main(['cache', 'delete', 'inputs/1a.npy', 'data/samm']) == 0
  assert {str(path.relative_to(caches)) for path in before if not path.exists()} == {
      'cache/lightman_jax/inputs/1a.npy', 'data/samm/five/1.0.0/clips',
      'data/samm/five/1.0.0/dataset_info.json'}
  assert not (caches / 'data' / 'samm').exists()
  assert program.main(['cache', 'delete', 'inputs', 'xla', 'pretrained/']) == 0
  assert (caches / 'cache/lightman_jax/inputs/.1b.npy.x').is_file()
  assert (caches / 'cache/other/inputs/theirs').is_file()
  capsys.readouterr()
  assert program.main(['cache']) == 0
  assert capsys.readouterr().out.startswith('0 in all')
