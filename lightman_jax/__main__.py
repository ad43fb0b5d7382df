"""python -m lightman_jax COMMAND: each command lives with its stage."""

import importlib
import sys

from lightman_jax import machine, places

# Where the function of a command's name is, and what it does.
COMMANDS = {
    'build': ('lightman_jax.data.commands', 'builds a data set ahead of a run'),
    'convert-weights': ('lightman_jax.models.torch_files',
                        'turns published PyTorch weights into safetensors'),
    'doctor': ('lightman_jax.doctor.command',
               'tells which data set lies in a folder and what of it can be used'),
    'fetch': ('lightman_jax.faces.detection',
              'downloads the two graphs that find faces and landmarks'),
    'final': ('lightman_jax.bundle.command',
              'trains on everyone, and writes a model that can be carried'),
    'folds': ('lightman_jax.experiment.folds_command',
              'writes who is held out with whom, for other programs'),
    'info': ('lightman_jax.runs.info_command',
             'tells versions, devices, flags and caches, for a report of a fault'),
    'inputs': ('lightman_jax.experiment.inputs_command',
               'writes flow pictures in a layout of the field, or a manifest of them'),
    'predict': ('lightman_jax.video.command',
                'spots expressions in videos, and writes tables, tiers and a page'),
    'replay': ('lightman_jax.experiment.replay',
               'redoes the task in which training met a value that is no number'),
    'replica': ('lightman_jax.synthetic.replicas.write',
                "writes a synthetic tree in a data set's exact layout"),
    'report': ('lightman_jax.report.page.command',
               'makes one page and its tables from finished runs'),
    'score': ('lightman_jax.report.score_command',
              'scores predictions of any program, and tests two against each other'),
    'settings': ('lightman_jax.settings_command',
                 'lists what a method can be set to'),
    'spot': ('lightman_jax.data.commands',
             'measures the apex spotter on clips whose apex is known'),
    'train': ('lightman_jax.experiment.launch',
              'trains and evaluates what a configuration describes, as launch.py'),
    'verify': ('lightman_jax.experiment.verify',
               'checks a finished run against what it states, or trains it again'),
}


def usage() -> str:
  """How the program is called, and a line for each command."""
  width = max(map(len, COMMANDS))
  return '\n'.join([
      'usage: python -m lightman_jax COMMAND ...', '',
      *(f'  {name:<{width}}  {line}' for name, (_, line) in COMMANDS.items()), '',
      'COMMAND --help tells more.'])


def main(arguments: list[str]) -> int:
  """Runs a command; returns the exit code."""
  if arguments and arguments[0] in ('--help', '-h', 'help'):
    print(usage())
    return 0
  if not arguments or arguments[0] not in COMMANDS:
    print(*(f'{word!r} is no command' for word in arguments[:1]), usage(), sep='\n',
          file=sys.stderr)
    return 2
  name = arguments[0]
  machine.check(name)
  places.use_home(lambda line: print(line, file=sys.stderr, flush=True))
  module = importlib.import_module(COMMANDS[name][0])
  return getattr(module, name.replace('-', '_'))(arguments[1:])


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
