"""python -m lightman_jax completion SHELL: completes the commands in a shell.

What is offered comes from the parsers that print --help, from absl's flags and from the
table of settings, at the time at which the script is printed.
"""

import argparse
from collections.abc import Sequence
import contextlib
import importlib
import io

from lightman_jax import refusals, registry, sections, settings_command
from lightman_jax.command_line import Parser

SHELLS = ('bash', 'zsh', 'fish')
FLAG = '--config'


class _Parsed(Exception):
  """Carries a parser out of a command, in the place of reading words."""

  def __init__(self, parser: argparse.ArgumentParser):
    super().__init__(parser)
    self.parser = parser


def completion(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax completion',
      description='Prints a script that completes commands, flags, configurations and '
                  'settings behind python -m lightman_jax and python launch.py. Put it '
                  'into a file that your shell reads at its start, and print it again '
                  'after an update.')
  parser.add_argument('shell', choices=SHELLS)
  shell = parser.parse_args(arguments).shell
  words = words_of_commands()
  print({'bash': _bash, 'zsh': _zsh, 'fish': _fish}[shell](words), end='')
  return 0


def words_of_commands() -> dict[str, list[str]]:
  """Each command with the words that may follow it; of '' the commands themselves."""
  commands = importlib.import_module('lightman_jax.__main__').COMMANDS
  words = {'': sorted(commands)}
  for name, (module, _) in commands.items():
    if name == 'completion':
      words[name] = list(SHELLS)
    elif name == 'train':
      words[name] = _words_of_train()
    else:
      function = getattr(importlib.import_module(module), name.replace('-', '_'))
      words[name] = _words_of_parser(parser_of(function))
  words['explain'] += list(refusals.pages())
  words['settings'] += [f'{kind}={part}' for kind in sections.OWN + ('protocol',)
                        for part in registry.TABLES[kind]]
  words['folds'] += _configurations()
  for name in ('doctor', 'build', 'spotting'):
    words[name] += list(registry.DATA_SETS)
  return words


def _configurations() -> list[str]:
  """The names of configurations, which stand downstream of this."""
  return list(importlib.import_module('lightman_jax.configurations.named').NAMES)


def parser_of(function) -> argparse.ArgumentParser:
  """The parser with which a command reads its words.

  Args:
    function: of the command; it is called, and ends where it reads them.

  Raises:
    RuntimeError: it reads none.
  """
  def stop(parser, *_, **__):
    raise _Parsed(parser)
  before = {name: getattr(argparse.ArgumentParser, name)
            for name in ('parse_args', 'parse_known_args')}
  try:
    for name in before:
      setattr(argparse.ArgumentParser, name, stop)
    with contextlib.redirect_stderr(io.StringIO()):
      function([])
  except _Parsed as parsed:
    return parsed.parser
  finally:
    for name, method in before.items():
      setattr(argparse.ArgumentParser, name, method)
  raise RuntimeError(f'{function} reads its words without a parser')


def actions_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
  """All that a parser reads, with what the parsers of its sub-commands read.

  Args:
    parser: of a command.
  """
  actions = {}
  for action in parser._actions:      # argparse has no other way to them
    actions.setdefault(tuple(action.option_strings) or action.dest, action)
    if isinstance(action, argparse._SubParsersAction):
      for below in action.choices.values():
        for one in actions_of(below):
          actions.setdefault(tuple(one.option_strings) or one.dest, one)
  return list(actions.values())


def _words_of_parser(parser: argparse.ArgumentParser) -> list[str]:
  """Flags, with = where a value follows, and the choices of what is no flag."""
  words = []
  for action in actions_of(parser):
    long = [name for name in action.option_strings if name.startswith('--')]
    if not action.option_strings:
      words += list(map(str, action.choices or ()))
    for name in long:
      if action.choices:
        words += [f'{name}={choice}' for choice in action.choices]
      else:
        words.append(name if action.nargs == 0 else f'{name}=')
  return words


def _words_of_train() -> list[str]:
  """Flags of launch.py, configurations by name, and every setting."""
  launch = importlib.import_module('lightman_jax.experiment.launch')
  flags = launch.flags.FLAGS.get_key_flags_for_module(launch)
  words = [f'--{flag.name}' + '=' * (not flag.boolean) for flag in flags
           if flag.name != 'config']
  words += [f'{FLAG}={name}' for name in _configurations()]
  for name, option in settings_command.all_settings().items():
    values = option.choices or (('True', 'False') if isinstance(option.default, bool)
                                else ('',))
    words += [f'{FLAG}.{name}={value}' for value in values]
  return ['--help', *words]


# $words is split at what COMP_WORDBREAKS has, = and : among it, so the word is taken
# anew from the line; what the shell has before the last break is cut from the answers.
_BASH = r'''# Completion of python -m lightman_jax and launch.py.
_lightman_jax() {
  local line="${COMP_LINE:0:COMP_POINT}" word command known kept
  word="${line##*[[:space:]]}"
  case "$line" in
    *' -m lightman_jax '*) command="${line#* -m lightman_jax }" ;;
    *'launch.py '*) command="train ${line#*launch.py }" ;;
    *) return 1 ;;
  esac
  case "$command" in
    *[[:space:]]*) command="${command%%[[:space:]]*}" ;;
    *) command='' ;;
  esac
  case "$command" in
@CASES@
    *) known='' ;;
  esac
  COMPREPLY=($(compgen -W "$known" -- "$word"))
  if [ ${#COMPREPLY[@]} -gt 0 ]; then
    case "${COMPREPLY[0]}" in
      *=) [ ${#COMPREPLY[@]} -eq 1 ] && compopt -o nospace 2> /dev/null ;;
    esac
    kept="${word%"${word##*[=:]}"}"
    if [ -n "$kept" ] && [[ "$COMP_WORDBREAKS" == *=* ]]; then
      COMPREPLY=("${COMPREPLY[@]#"$kept"}")
    fi
    return 0
  fi
  # The value of a flag that is a file.
  COMPREPLY=($(compgen -f -- "${word##*=}"))
}
'''


def _bash(words: dict[str, list[str]]) -> str:
  """A function of bash, and what it is used for."""
  cases = '\n'.join(f"    {name or chr(39) * 2}) known='{' '.join(every)}' ;;"
                    for name, every in words.items())
  return (_BASH.replace('@CASES@', cases)
          + 'complete -o bashdefault -o default -F _lightman_jax python python3\n')


def _zsh(words: dict[str, list[str]]) -> str:
  """The same in zsh, which knows bash's completion."""
  return 'autoload -U +X bashcompinit && bashcompinit\n' + _bash(words)


def _fish(words: dict[str, list[str]]) -> str:
  """A line of fish for each command, under a condition."""
  lines = ['# Completion of python -m lightman_jax and launch.py.',
           'function __lightman_jax_at',
           '  set -l line (commandline -opc)',
           '  set -l at (contains -i -- lightman_jax $line); or return 1',
           '  set -l next (math $at + 1)',
           "  test (count $line) -ge $next; or begin; test -z $argv[1]; return; end",
           '  test "$line[$next]" = "$argv[1]"',
           'end']
  for name, every in words.items():
    lines += [f"complete -c {program} -n '__lightman_jax_at \"{name}\"' "
              f"-a '{' '.join(every)}'" for program in ('python', 'python3')]
  return '\n'.join(lines) + '\n'
