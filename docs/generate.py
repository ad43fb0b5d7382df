"""Writes the pages that come out of the code, or out of run folders.

    python docs/generate.py
    python docs/generate.py results RUN [RUN ...]

The first writes the pages of settings, commands and refusals; the second that of
results, from finished runs alone. Both write Markdown, which is kept in the repository.
"""

from collections.abc import Iterator
import json
import pathlib
import re
import sys

from lightman_jax import (
  __main__ as program,
  completion,
  options,
  refusals,
  settings_command,
)
from lightman_jax.data import sheets

DOCS = pathlib.Path(__file__).resolve().parent
HEAD = '<!-- Made by python docs/generate.py{}: edit what it reads, not this. -->\n\n'


def _cell(text: str) -> str:
  return ' '.join(text.split()).replace('|', r'\|').replace('<', '&lt;')


def _allowed(option: options.Option) -> str:
  if option.choices:
    return ', '.join(f'`{choice}`' for choice in option.choices)
  if option.range:
    return f'{option.range.least} to {option.range.most}'
  if option.default == '{}':
    return 'names'
  return {bool: 'True or False', str: 'text', int: 'a whole number',
          float: 'a number'}[type(option.default)]


def settings_page() -> str:
  """Every setting: default, what is allowed, what it is."""
  lines = ['# Every setting', '',
           'On the command line `--config.NAME=VALUE`, in Python '
           "`lm.settings('casme2', **{'NAME': VALUE})`. The defaults are those of "
           '`lightman_jax/configurations/defaults.py`; a configuration changes some. '
           '`python -m lightman_jax settings WORD` searches here, and '
           '`settings method=NAME` lists those of a method or an encoder.']
  section = None
  for name, option in settings_command.all_settings().items():
    first = name.partition('.')[0]
    if first != section:
      section = first
      lines += ['', f'## {section}', '', '| setting | default | allowed | what it is |',
                '|---|---|---|---|']
    default = f'`{option.default!r}`' if option.default != '{}' else '`{}`'
    lines.append(f'| `{name}` | {default} | {_allowed(option)} | '
                 f'{_cell(option.help)} |')
  lines += ['', '## Names of `data.corrections`', '',
            'None is on unless it is named. A clip that one changes must hold what the '
            'misprint is known to be, or the run is refused.', '',
            '| name | data set | why | by whom |', '|---|---|---|---|']
  lines += [f'| `{name}` | `{one.dataset}` | {_cell(one.reason)} | '
            f'{_cell(one.source)} |'
            for name, one in sheets.CORRECTIONS.items()]
  return HEAD.format('') + '\n'.join(lines) + '\n'


def _flags_of_train() -> Iterator[tuple[str, str]]:
  from lightman_jax.experiment import launch
  for flag in sorted(launch.flags.FLAGS.get_key_flags_for_module(launch),
                     key=lambda flag: flag.name):
    yield f'--{flag.name}' + '=' * (not flag.boolean), flag.help


def _words_of(name: str, module: str) -> Iterator[tuple[str, str]]:
  if name == 'train':
    yield from _flags_of_train()
    return
  function = getattr(__import__(module, fromlist=['x']), name.replace('-', '_'))
  for action in completion.actions_of(completion.parser_of(function)):
    if action.dest == 'help':
      continue
    label = ', '.join(action.option_strings) or str(action.metavar or action.dest)
    if action.choices:
      label += ': ' + ', '.join(map(str, action.choices))
    yield label, (action.help or '') % {'default': action.default}


def commands_page() -> str:
  """Each command with its words and an example."""
  lines = ['# Commands', '', '`python -m lightman_jax COMMAND --help` tells the same. '
           '`python launch.py` is `train`, flag by flag. '
           '`python -m lightman_jax completion bash` prints what completes them all in '
           'a shell (or `zsh`, `fish`).', '']
  for name, (module, line) in program.COMMANDS.items():
    lines += [f'## {name}', '', f'{line[0].upper()}{line[1:]}.', '', '```sh',
              *(f'python -m lightman_jax {one}'
                for one in program.EXAMPLES.get(name, ())), '```', '']
    words = [f'| `{_cell(label)}` | {_cell(text)} |'
             for label, text in _words_of(name, module)]
    if words:
      lines += ['| word | what it is |', '|---|---|', *words, '']
  return HEAD.format('') + '\n'.join(lines)


def refusals_page() -> str:
  """The pages that `explain` prints, on one."""
  return HEAD.format('') + refusals.PAGES.read_text(encoding='utf-8')


def results_page(runs: list[str]) -> str:
  """Tables of finished runs, with the commit and the machine of each.

  Args:
    runs: folders.

  Raises:
    InputError: one is no finished run.
  """
  from lightman_jax.report.page import texts
  from lightman_jax.report.page.command import read_runs
  from lightman_jax.report.page.comparison import compare_methods
  from lightman_jax.report.page.groups import arrange
  paths = sorted(map(pathlib.Path, runs))
  tables = arrange(read_runs(paths))
  compared = [(table, [compare_methods(column)
                       for column in table.columns]) for table in tables]
  lines = ['# Runs', '', 'Made from run folders alone, by '
           '`python docs/generate.py results RUN ...`.', '',
           re.sub('^#', '##', texts.markdown(compared), flags=re.M).strip(), '',
           '## The runs', '',
           '| run | command | commit and code | machine | packages |',
           '|---|---|---|---|---|']
  for path in paths:
    about = json.loads((path / 'environment.json').read_text(encoding='utf-8'))
    stated = json.loads((path / 'reproducibility.json').read_text(encoding='utf-8'))
    noted, devices = about['noted'], about['devices']
    packages = about['packages']
    lines.append(
        f'| {path.name} | `{_cell(_command(stated))}` | '
        f'{str(noted["git_commit"])[:12]}, code {about["code_sha256"][:12]} | '
        f'{noted["cpus"]} CPUs, {devices["count"]} '
        f'{devices["kind"]} used by jax, {noted["platform"].partition("-")[0]}, '
        f'Python {about["python"]} | '
        f'jax {packages["jax"]}, numpy {packages["numpy"]} |')
  return HEAD.format(' results RUN ...') + '\n'.join(lines) + '\n'


def _command(stated: dict) -> str:
  command = stated.get('command', '')
  words = command.split() if isinstance(command, str) else list(command)
  return ' '.join(word for word in words
                  if not word.startswith(('--workdir', '--grace')))


PAGES = {'reference/settings.md': settings_page, 'reference/commands.md': commands_page,
         'reference/refusals.md': refusals_page}


def main(arguments: list[str]) -> int:
  """Writes the pages; returns the exit code."""
  if arguments[:1] == ['results'] and arguments[1:]:
    pages = {'results/runs.md': lambda: results_page(arguments[1:])}
  elif arguments:
    print(__doc__, file=sys.stderr)
    return 2
  else:
    pages = PAGES
  for name, make in pages.items():
    (DOCS / name).write_text(make(), encoding='utf-8')
    print(DOCS / name)
  return 0


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
