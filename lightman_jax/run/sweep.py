"""A family of runs: one configuration, changed setting by setting, seed by seed.

A sweep has a folder; in it every run has its own, and beside that NAME.log with what it
printed. sweep.json lists the runs and what each changes.
"""

from collections.abc import Iterable, Mapping, Sequence
import contextlib
import json
import os
import pathlib
import re
import runpy
from typing import Any, NamedTuple

from lightman_jax import settings
from lightman_jax.errors import InputError
from lightman_jax.report import environment, lock
from lightman_jax.report.progress import Progress
from lightman_jax.report.run_folder import RunFolder, read_json, write_json
from lightman_jax.run import processes

LOCK = 'sweep.lock'                    # also the mark by which the folder is known

Changes = Mapping[str, Any]            # dotted setting -> value
Variant = tuple[str, Changes]          # what it is called, and what it changes


class Run(NamedTuple):
  """One run of a sweep."""
  name: str                            # of its folder: 'maml-seed0'
  config: dict[str, Any]               # complete, nested
  changes: dict[str, Any]              # what it differs in from the configuration given


def plan(config: Mapping[str, Any], family: Iterable[Variant], *, seeds: int
         ) -> tuple[Run, ...]:
  """All runs of a family, checked; the first seed of every variant comes first.

  A variant that changes nothing but what an earlier one has too is that one: it is run
  once, under the earlier name.

  Args:
    config: complete and nested; its seed is the first.
    family: as the `sweep(family)` of a configuration file gives it.
    seeds: how many.

  Raises:
    InputError: a variant that cannot run, or two of one name.
  """
  runs, seen = {}, set()
  for seed in range(config['seed'], config['seed'] + seeds):
    for name, changes in family:
      if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._=+-]*', name):
        raise InputError(f'the variant {name!r} cannot be the name of a folder; use '
                         'letters, digits and . _ = + -')
      run = Run(f'{name}-seed{seed}', {}, {**changes, 'seed': seed})
      try:
        run = run._replace(config=settings.changed(config, run.changes))
        settings.check(run.config)
      except InputError as error:
        raise InputError(f'the variant {name} cannot run: {error}') from None
      if run.name in runs:
        raise InputError(f'two variants are called {name}; give each a name of its own')
      content = json.dumps(run.config, sort_keys=True)
      if content not in seen:
        seen.add(content)
        runs[run.name] = run
  if not runs:
    raise InputError('this sweep has no variant; its configuration file lists none')
  return tuple(runs.values())


def family(file: str | os.PathLike, name: str) -> tuple[Variant, ...]:
  """The variants that the configuration file's `sweep(name)` gives.

  Raises:
    InputError: the file has no such function, or that knows no such family.
  """
  found = runpy.run_path(os.fspath(file)).get('sweep')
  if found is None:
    raise InputError(f'{file} has no function sweep(family), so it has no --sweep; '
                     'configs/sweeps.py has one to take over')
  return tuple(found(name))


def subset(variants: Sequence[Variant], names: str) -> tuple[Variant, ...]:
  """Some variants of a family, in its order.

  Args:
    variants: of the family.
    names: with commas between; '' takes all.

  Raises:
    InputError: a name is no variant's; names the nearest.
  """
  wanted = [name.strip() for name in names.split(',') if name.strip()]
  known = [name for name, _ in variants]
  for name in wanted:
    if name not in known:
      raise InputError(
          f'--sweep has no variant {name!r} in this family; the nearest is '
          f'{settings.nearest(name, known)!r} (all: {", ".join(known)})')
  return tuple(variant for variant in variants if not wanted or variant[0] in wanted)


def carry_out(runs: Sequence[Run], folder: pathlib.Path, *, command: Sequence[str],
              parallel: int, again: bool = False) -> dict[str, str]:
  """Runs what is not yet finished; returns why some failed, in a sentence each.

  Args:
    runs: of the sweep.
    folder: of the sweep; made where missing.
    command: starts a run with the configuration that the runs differ from.
    parallel: how many run at the same time.
    again: also those that are finished.

  Raises:
    InputError: the folder is in use, or not a sweep's.
  """
  with _opened(folder), Progress() as progress:
    write_json(folder / 'sweep.json', _listed(folder, runs))
    done = [] if again else [
        run.name for run in runs if RunFolder(folder / run.name, None).is_finished()]
    older = sum(_by_other_code(folder / name) for name in done)
    if older:
      progress.say(f'{older} of the {len(done)} finished runs were made by another '
                   'version of the code and are left as they are; --fresh makes all '
                   'anew')
    commands = {
        run.name: [*command, *(f'--config.{name}={value}'
                               for name, value in run.changes.items()),
                   f'--workdir={folder / run.name}']
        for run in runs if run.name not in done}
    return processes.run_all(commands, folder, parallel=parallel, progress=progress,
                             finished=len(done))


def _listed(folder: pathlib.Path, runs: Sequence[Run]) -> dict[str, Any]:
  """What each run changes, of those of an earlier part of the family, too."""
  earlier = {}
  with contextlib.suppress(InputError, OSError, AttributeError):    # none, or damaged
    earlier = {name: changes
               for name, changes in read_json(folder / 'sweep.json').items()
               if (folder / name).is_dir()}
  return {**earlier, **{run.name: run.changes for run in runs}}


def _opened(folder: pathlib.Path):
  """The folder's lock, held until it is closed."""
  try:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / LOCK).exists():
      raise InputError(f'{folder} holds files but no sweep of this program; give an '
                       'empty or new --workdir')
    return lock.take(folder, LOCK)
  except (PermissionError, NotADirectoryError, FileExistsError) as error:
    raise InputError(f'cannot write to {folder} ({error.strerror}); give another '
                     '--workdir') from None


def _by_other_code(folder: pathlib.Path) -> bool:
  made = read_json(folder / 'environment.json')
  return made.get('code_sha256') != environment.code_version()
