"""Every command has a line in the help, and is there."""

import importlib

import pytest

from lightman_jax import __main__ as program


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
