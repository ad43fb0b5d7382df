"""python -m lightman_jax COMMAND: each command lives with its stage."""

import errno
import importlib
import sys

from lightman_jax import machine, places
from lightman_jax.command_line import print_any_letter, print_refusal
from lightman_jax.options import suggestion

# Where the function of a command's name is, and what it does.
COMMANDS = {
    'adapt': ('lightman_jax.bundle.command',
              'adapts a model to a few labelled clips of a new person or laboratory'),
    'annotations': ('lightman_jax.video.annotations_command',
                    "reads codings of videos, writes tiers for ELAN, compares coders"),
    'build': ('lightman_jax.data.commands', 'builds a data set ahead of a run'),
    'cache': ('lightman_jax.runs.cache_command',
              'lists what lies in caches, with sizes, and deletes what is named'),
    'completion': ('lightman_jax.completion',
                   'prints what completes these commands in bash, zsh or fish'),
    'convert-weights': ('lightman_jax.models.torch_files',
                        'turns published PyTorch weights into safetensors'),
    'doctor': ('lightman_jax.doctor.command',
               'tells which data set lies in a folder and what of it can be used'),
    'explain': ('lightman_jax.refusals',
                'prints the page about a refusal, by its code'),
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
    'merge': ('lightman_jax.experiment.merge',
              'makes one run of the parts that --folds trained'),
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
                 'lists and explains settings, all or those with a word'),
    'spotting': ('lightman_jax.video.spotting_command',
                 'scores spotted intervals, of any program or ours on long videos'),
    'train': ('lightman_jax.experiment.launch',
              'trains and evaluates what a configuration describes, as launch.py'),
    'verify': ('lightman_jax.experiment.verify',
               'checks a finished run against what it states, or trains it again'),
}

# How each is called, for its help; a # begins what the shell does not read.
EXAMPLES = {
    'adapt': ('adapt MODEL CLIPS.csv --out=MODEL2 --shots=3',),
    'annotations': ('annotations import CODED.eaf --subject=S1 --out=CLIPS.csv',
                    'annotations agree CODER1.eaf CODER2.eaf DIR/expressions.csv'),
    'build': ('build samm --manual_dir DATA',),
    'cache': ('cache', 'cache delete inputs'),
    'completion': ('completion bash > ~/.lightman_jax.bash    # and source that',),
    'convert-weights': ('convert-weights s01.pth --out=W/s01.safetensors '
                        '--trained_on=people.csv --held_out=smic/s01',),
    'doctor': ('doctor DATA', 'doctor CLIPS.csv --contact_sheet=SHEET.png'),
    'explain': ('explain E205',),
    'fetch': ('fetch',),
    'final': ('final runs/FOLDER --out=MODEL',),
    'folds': ('folds casme2:three --out=FOLDS.csv',),
    'info': ('info', 'info --json'),
    'inputs': ('inputs export casme2:three DIR --layout=ststnet',),
    'merge': ('merge runs/FOLDER-folds* --out=DIR',),
    'predict': ('predict VIDEO.mp4 --out=DIR', 'predict --study=VIDEOS.csv --out=DIR',
                'predict --camera=0 --out=DIR'),
    'replay': ('replay runs/FOLDER',),
    'replica': ('replica samm DATA --frames 9',),
    'report': ('report runs/FOLDER/*-seed*/ --out=report',),
    'score': ('score THEIRS.csv --against=runs/FOLDER',),
    'settings': ('settings rate', 'settings method=lightman encoder=vit'),
    'spotting': ('spotting score FOUND.csv TRUTH.csv --lengths=VIDEOS.csv',
                 'spotting casme_squared --manual_dir DATA --out=DIR',
                 'spotting apex casme2 --manual_dir DATA'),
    'train': ('train --config=synthetic:debug --workdir=DIR',),
    'verify': ('verify runs/FOLDER', 'verify runs/FOLDER --rerun'),
}

# What a command was called in the version before; said for one release.
RENAMED = {'spot': 'spotting apex'}


def usage() -> str:
  """How the program is called, and a line for each command."""
  width = max(map(len, COMMANDS))
  return '\n'.join([
      'usage: python -m lightman_jax COMMAND ...', '',
      *(f'  {name:<{width}}  {line}' for name, (_, line) in COMMANDS.items()), '',
      'COMMAND --help tells more.'])


def main(arguments: list[str]) -> int:
  """Runs a command; returns the exit code."""
  print_any_letter()
  if arguments and arguments[0] in ('--help', '-h', 'help'):
    print(usage())
    return 0
  if arguments and arguments[0] in RENAMED:
    print(f'{arguments[0]} is now {RENAMED[arguments[0]]}: python -m lightman_jax '
          f'{" ".join([RENAMED[arguments[0]], *arguments[1:]])}', file=sys.stderr)
    return 2
  if not arguments or arguments[0] not in COMMANDS:
    print(*(f'{word!r} is no command'
            + suggestion(word, (*COMMANDS, *RENAMED), listed=False)
            for word in arguments[:1]), usage(), sep='\n', file=sys.stderr)
    return 2
  name = arguments[0]
  machine.check(name)
  places.use_home(lambda line: print(line, file=sys.stderr, flush=True))
  module = importlib.import_module(COMMANDS[name][0])
  try:
    code = getattr(module, name.replace('-', '_'))(arguments[1:])
    if sys.stdout is not None:
      sys.stdout.flush()
    return code
  except OSError as error:
    if error.filename is not None:
      return print_refusal(error, name)
    # What has no name is what the command printed to.
    if error.errno != errno.ENOSPC:
      raise
    print(f'{name}: what it prints cannot be written: {error.strerror}; make room',
          file=sys.stderr)
    sys.stdout = None     # or Python tries once more at its end
    return 2
  except SystemExit as ended:
    if not ended.code and {'--help', '-h'} & set(arguments[1:]):
      print('\nfor example:', *(f'  python -m lightman_jax {example}'
                                for example in EXAMPLES.get(name, ())), sep='\n')
    raise


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
