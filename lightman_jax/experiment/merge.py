"""python -m lightman_jax merge RUN... --out=DIR: one run of the parts of --folds.

The folder is made as one run would have left it with all folds trained, and no result
yet; what follows is that run's own end. So results, predictions and checkpoints are
those of one run, byte for byte.
"""

from collections.abc import Mapping, Sequence
import itertools
import pathlib
import shutil
import sys
from typing import Any

from lightman_jax import bounded, machine, places, sections, settings
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.experiment import sweep
from lightman_jax.runs import (
  environment as env,
  folder as run_folder,
  identity,
  parts as run_parts,
  progress,
)
from lightman_jax.runs.folder import RunFolder, blaming, write_json
from lightman_jax.runs.parts import Part
from lightman_jax.units import counted

Arrays = dict[str, Any]                    # by path; a step is a number
States = dict[tuple[str, int], Arrays]     # of a fold at a step


@refusing('merge')
def merge(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax merge',
      description='Makes one run of parts that were trained with --folds=START:END: '
      'the same bytes as one run. Parts that overlap, are missing, were set '
      'differently or were edited are refused.')
  parser.add_argument('parts', metavar='RUN', nargs='+', type=places.expand,
                      help='a folder of a part')
  parser.add_argument('--out', metavar='DIR', required=True, type=places.expand,
                      help='folder of the run, a new one')
  parser.add_argument('--fresh', action='store_true',
                      help='delete what this program wrote there, and begin anew')
  for kind in sections.SECTIONS:
    parser.add_argument(f'--{kind}', metavar='FILE.py:NAME',
                        help='code from outside that the parts had')
  options = parser.parse_args(arguments)
  merge_parts(options.parts, options.out, fresh=options.fresh, outside={
      kind: getattr(options, kind) for kind in sections.SECTIONS})
  return 0


def merge_parts(paths: Sequence[pathlib.Path], out: pathlib.Path, *,
                fresh: bool = False, outside: Mapping[str, str | None] = {}
                ) -> dict[str, Any]:
  """One run of finished parts; returns its results.

  Args:
    paths: folders of the parts, in any order.
    out: folder of the run.
    fresh: delete what this program wrote there.
    outside: kind of part -> code from outside, named again.

  Raises:
    InputError: the parts are not those of one run, or it cannot be written.
  """
  if within := [path for path in paths if _is_or_holds(out, path)]:
    raise InputError(f'--out={out} is, or holds, the part {within[0]}, which would go '
                     'before it is read; give a new folder')
  parts = run_parts.check_parts([run_parts.read_part(path) for path in paths])
  config = parts[0].config
  with blaming(parts[0].path / 'config.json'):
    sections.allow_again(config, outside)
    settings.check(config)
  sweep.ask_for_determinism()
  # Not above: what can be refused is, before jax is imported.
  from lightman_jax.experiment import findings, run as experiment
  from lightman_jax.report import table
  from lightman_jax.training import numerics
  with numerics.pinned(config['model']['matmul_precision']):
    together = _check_here(parts)
  with run_folder.open_run(out, config=config, fresh=fresh) as folder:
    if folder.has_begun() or folder.environment.exists():
      raise InputError(f'{out} holds a run already; give a new folder as --out, or '
                       '--fresh')
    before = sys.argv
    sys.argv = _words(parts[0].command)      # the statement of a run names its command
    try:
      with folder.all_or_nothing():
        _take_over(parts, folder, together)
        results = experiment.run(config, folder)
    finally:
      sys.argv = before
    table.show(results)
    for line in findings.describe_files(folder):
      print(line)
    print(f'{counted(len(parts), "part")}, {counted(len(parts[0].names), "fold")}: '
          f'{folder.path}')
  return results


def _is_or_holds(out: pathlib.Path, part: pathlib.Path) -> bool:
  """Whether a part's folder is that of the run, or lies in it, by whatever links."""
  out, part = out.resolve(), part.resolve()
  return out == part or out in part.parents


def _words(command: Sequence[str] | None) -> list[str]:
  """The words of a process that a part's command names."""
  if not command:
    return ['merge']
  train = ['-m', 'lightman_jax', machine.TRAIN]
  return [*command[2:]] if [*command[:3]] == train else [*command]


def _check_here(parts: Sequence[Part]) -> int:
  """How many folds make a group of the run here; refuses another environment."""
  from lightman_jax.experiment import assembly
  from lightman_jax.training import devices
  config = parts[0].config
  devices.use_compilation_cache()
  used = devices.open_devices(config['training']['devices'])
  stored = (parts[0].environment.get('resumed_with') or [parts[0].environment])[-1]
  layout = {name: config['training'][name]
            for name in ('split', 'folds_at_once', 'tasks_at_once')}
  now = env.environment(data_sha256=stored.get('data_sha256'),
                        layout={'used': len(used), **layout})
  changed, _ = env.changes(stored, now)
  if changed:
    raise InputError(f'{parts[0].path} was made in another environment: '
                     f'{identity.describe_differences(changed)}; merge in the one in '
                     'which the parts were made')
  return assembly.make_layout(config, used, len(parts[0].names)).together


def _take_over(parts: Sequence[Part], folder: RunFolder, together: int) -> None:
  """Leaves a run's folder as that run would have, with all folds trained."""
  for part in parts:
    for name in part.files:
      if name != folder.metrics.name and not name.startswith('checkpoints/'):
        (folder.path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(part.path / name, folder.path / name)
  names = parts[0].names
  groups = [names[first:first + together] for first in range(0, len(names), together)]
  lines = [line for part in parts for line in progress.read(
      part.path / folder.metrics.name)]
  with blaming(folder.metrics):
    by_place = {(line['fold'], line['step']): line for line in lines}
    progress.append(folder.metrics, [
        by_place[name, step] for group in groups
        for step in sorted({step for name, step in by_place if name in group})
        for name in group if (name, step) in by_place])
  _take_checkpoints(parts, folder, groups)
  write_json(folder.environment, _environment(parts))


def _environment(parts: Sequence[Part]) -> dict[str, Any]:
  """That of the first part, and the others, as of a run that went on in them."""
  without = lambda one, *names: {
      name: value for name, value in one.items() if name not in names}
  kept: list[dict[str, Any]] = []
  for part in parts:
    for one in (part.environment, *part.environment.get('resumed_with', ())):
      if without(one, 'resumed_with', *env.NOTED) not in [
          without(other, *env.NOTED) for other in kept]:
        kept.append(without(one, 'resumed_with'))
  return {**kept[0], **({'resumed_with': kept[1:]} if kept[1:] else {})}


def _take_checkpoints(parts: Sequence[Part], folder: RunFolder,
                      groups: Sequence[Sequence[str]]) -> None:
  """The checkpoints that one run keeps: the last of every group, and the one before."""
  from lightman_jax.training.checkpoints import Checkpoints
  states: States = {}
  for part in parts:
    states |= _states_of(part)
  last = {name: max((step for other, step in states if other == name), default=0)
          for name in itertools.chain(*groups)}
  if lost := [name for name, step in last.items() if not step]:
    raise InputError(f'no part has a checkpoint of fold {lost[0]}; make that part '
                     'again, with --fresh')
  with Checkpoints(folder.checkpoints) as checkpoints:
    for group in groups:
      earlier = {step for name, step in states if name in group and step < last[name]}
      for step in sorted(earlier)[-1:] * (group is groups[-1]):
        if all((name, step) in states for name in group):
          checkpoints.add(group, [states[name, step] for name in group])
      checkpoints.add(group, [states[name, last[name]] for name in group])


def _states_of(part: Part) -> States:
  """All that a part's checkpoints hold, but for interim ones."""
  from lightman_jax.training.checkpoints import ABOUT, ARRAYS, FILE
  states: States = {}
  for name in part.files:
    if not name.startswith('checkpoints/') or not name.endswith(f'/{ABOUT}'):
      continue
    about = part.path / name
    with blaming(about):
      save = bounded.read_json(about)
      if save.get('interim'):
        continue
      arrays = bounded.read_arrays(about.parent / ARRAYS / FILE)
      for row, fold in enumerate(save['folds']):
        states[fold, int(save['step'])] = {
            path: x[row] for path, x in arrays.items()}
  return states
