"""The commands `final` and `adapt`: a model that can be carried, and one of somebody's.

    python -m lightman_jax final RUN --out=MODEL
    python -m lightman_jax adapt MODEL CLIPS.csv --out=MODEL2
"""

import argparse
from collections.abc import Sequence
import os
import pathlib
import sys

from lightman_jax import places, sections
from lightman_jax.bundle.folder import describe
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.training import stopping
from lightman_jax.units import counted

EXPORTS = ('stablehlo',)


@refusing('final')
def final(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax final',
      description="Trains a run's settings on everyone, and writes what is needed to "
      'predict with that model, and no clip: weights.safetensors and model.json. It '
      'states the scores that the run had on people whom its models had not seen.')
  parser.add_argument('run', metavar='RUN', help='a folder that a run has finished in; '
                      'or the name of a configuration, as synthetic:debug or FILE.py, '
                      'which is run first, in OUT-run, for scores to state')
  parser.add_argument('--out', required=True, metavar='MODEL',
                      help='a folder that is not there yet')
  parser.add_argument('--seeds', type=int, default=1, metavar='N',
                      help='models, from the seed of the run on, whose answers are '
                      'averaged (1)')
  parser.add_argument('--fold', metavar='NAME', help='take the models of one fold as '
                      'they are, which have not seen whom it holds out')
  parser.add_argument('--export', default='', metavar='FORMS', help='also write the '
                      f'network by itself: {", ".join(EXPORTS)}')
  for kind in sections.SECTIONS:
    parser.add_argument(f'--{kind}', metavar='FILE.py:NAME',
                        help='code from outside that the run had')
  options = parser.parse_args(arguments)
  try:
    with stopping.as_interrupts():
      _final(options)
  except KeyboardInterrupt:
    print('\nfinal: stopped; the same command goes on from the last checkpoint',
          file=sys.stderr)
    return 130
  return 0


def _final(options: argparse.Namespace) -> None:
  forms = [form for form in options.export.split(',') if form]
  if unknown := [form for form in forms if form not in EXPORTS]:
    raise InputError(f'--export={unknown[0]} is no form; there are '
                     f'{", ".join(EXPORTS)}')
  # Not above: --help does not wait for jax.
  from lightman_jax.bundle import export, folder as bundle_folder
  from lightman_jax.bundle.final import train_final
  from lightman_jax.experiment.finished import Run
  for form in forms:
    export.check_installed(form)
  out = bundle_folder.check_place(options.out)
  run = _run(options.run, out)
  sections.allow_again(run.settings, {
      kind: getattr(options, kind) for kind in sections.SECTIONS})
  model = train_final(Run(run.path), out, seeds=options.seeds, fold=options.fold)
  for form in forms:
    print(f'{export.write(model, out, form)}: the network as {form}')
  print('\n'.join([f'{out}: {os.stat(out / bundle_folder.WEIGHTS).st_size} bytes of '
                   'weights', *describe(model.about)]))


def _run(name: str, out: pathlib.Path):
  """A finished run; that of a configuration is made beside the bundle."""
  from lightman_jax.experiment import finished
  path = places.expand(name)
  if path.is_dir():
    return finished.Run(path)
  from lightman_jax.configurations.named import settings_by_name
  return finished.run(settings_by_name(name), out.with_name(f'{out.name}-run'))


@refusing('adapt')
def adapt(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax adapt',
      description='Adapts a model to a few labelled clips of a new person or '
      'laboratory (one to five of each class), by the inner loop of its method, and '
      'writes the adapted one. With --shots the other clips of the table are tested, '
      'and those that were adapted to never are.')
  parser.add_argument('model', metavar='MODEL',
                      help='a folder that `final` has written')
  parser.add_argument('clips', metavar='CLIPS.csv',
                      help='a manifest: the columns clip, subject, label, path, and of '
                      'frames onset, apex, offset')
  parser.add_argument('--out', required=True, metavar='MODEL2',
                      help='a folder that is not there yet')
  parser.add_argument('--shots', type=int, default=0, metavar='N',
                      help='adapt to the first N clips of each class in the table '
                      'alone; 0: to all')
  options = parser.parse_args(arguments)
  _adapt(options)
  return 0


def _adapt(options: argparse.Namespace) -> None:
  # Not above: --help does not wait for jax.
  from lightman_jax.bundle import folder as bundle_folder, own_clips
  from lightman_jax.bundle.model import load_model
  if not 0 <= options.shots <= 1000:
    raise InputError(f'--shots={options.shots}: give how many clips of each class are '
                     'adapted to, or 0 for all')
  out = bundle_folder.check_place(options.out)
  model = load_model(options.model)
  clips = own_clips.read_clips(model, places.expand(options.clips))
  support = own_clips.first_of_class(clips.labels, options.shots)
  adapted = model.adapt(clips.x[support], [clips.labels[n] for n in support],
                        [clips.people[n] for n in support], encoded=True)
  adapted.write(out)
  print('\n'.join([f'{out}: adapted to {counted(len(support), "clip")}',
                   *describe(adapted.about)]))
  for line in own_clips.test_lines(model, adapted, clips, support):
    print(line)
