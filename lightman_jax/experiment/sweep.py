"""A family of runs: one configuration, changed setting by setting, seed by seed.

A sweep has a folder; in it every run has its own, and beside that NAME.log with what it
printed. sweep.json lists the runs and what each changes.

A run that ends badly ends alone. Where there are as many GPUs as runs at a time, each
has its share of them, and nothing is exchanged. All end when the process that started
them does, however that ends: each holds the reading end of a pipe, which then closes.
"""

from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
import contextlib
import importlib.util
import json
import os
import pathlib
import re
import runpy
import signal
import subprocess
import threading
import time
from typing import Any, NamedTuple

from lightman_jax import machine, settings
from lightman_jax.errors import InputError
from lightman_jax.options import suggestion
from lightman_jax.runs import environment, folder as lock, identity
from lightman_jax.runs.folder import RunFolder, read_json, write_json
from lightman_jax.runs.progress import Progress
from lightman_jax.training import stopping

LOCK = 'sweep.lock'                    # also the mark by which the folder is known

Changes = Mapping[str, Any]            # dotted setting -> value
Variant = tuple[str, Changes]          # what it is called, and what it changes


class Run(NamedTuple):
  """One run of a sweep."""
  name: str                            # of its folder: 'maml-seed0'
  config: dict[str, Any]               # complete, nested
  changes: dict[str, Any]              # what it differs in from the configuration given


TOGETHER = 'E103'      # the code of settings that do not go together


def plan(config: Mapping[str, Any], family: Sequence[Variant], *, seeds: int,
         every: bool = False, say: Callable[[str], None] = lambda line: None
         ) -> tuple[Run, ...]:
  """All runs of a family, checked; the first seed of every variant comes first.

  A variant that changes nothing but what an earlier one has too is that one: it is run
  once, under the earlier name. One whose settings do not go together with those of the
  configuration, as labels of macro-expressions where there are none, is left out.

  Args:
    config: complete and nested; its seed is the first.
    family: as the `sweep(family)` of a configuration file gives it.
    seeds: how many.
    every: refuse such a variant instead, for it was asked for by its name.
    say: called with a line on each variant that has no run of its own.

  Raises:
    InputError: a variant that cannot run, two of one name, or none that can run.
  """
  runs, seen, lines = {}, {}, {}
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
        if every or error.code != TOGETHER:
          raise InputError(f'the variant {name} cannot run: {error}') from None
        lines[name] = f'left out: the variant {name} cannot run: {error}'
        continue
      if run.name in runs:
        raise InputError(f'two variants are called {name}; give each a name of its own')
      first = seen.setdefault(json.dumps(run.config, sort_keys=True), name)
      if first == name:
        runs[run.name] = run
      else:
        lines[name] = f'{name} is {first} here, by whose name it is run'
  if not runs:
    raise InputError(next(iter(lines.values()), 'this sweep has no variant; its '
                          'configuration file lists none'))
  for line in lines.values():
    say(line)
  return tuple(runs.values())


def family(file: str | os.PathLike, name: str) -> tuple[Variant, ...]:
  """The variants that the configuration file's `sweep(name)` gives.

  Args:
    file: of the configuration.
    name: of the family.

  Raises:
    InputError: the file has no such function, or that knows no such family.
  """
  list_variants = runpy.run_path(os.fspath(file)).get('sweep')
  if list_variants is None:
    raise InputError(f'{file} has no function sweep(family), so it has no --sweep; '
                     'lightman_jax/configurations/sweeps.py has one to take over')
  return tuple(list_variants(name))


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
          f'--sweep has no variant {name!r} in this family' + suggestion(name, known))
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
    InputError: the folder is in use, or not a sweep's, or has a run of the same name
      and of other settings.
  """
  with _opened(folder), Progress() as progress:
    if not again:
      _check_same(folder, runs)
    write_json(folder / 'sweep.json', _listed(folder, runs))
    done = [] if again else [
        run.name for run in runs if RunFolder(folder / run.name, None).is_finished()]
    older = sum(_by_other_code(folder / name) for name in done)
    if older:
      progress.say(f'{older} of the {len(done)} finished runs were made by another '
                   'version of the code and are left as they are; --fresh makes all '
                   'anew')
    waiting = [run for run in runs if run.name not in done]
    return run_all(commands(waiting, folder, command), folder, parallel=parallel,
                   progress=progress, finished=len(done))


def commands(runs: Sequence[Run], folder: pathlib.Path, command: Sequence[str]
             ) -> dict[str, list[str]]:
  """What starts each run, by its name, in a folder of its own.

  Args:
    runs: of the sweep.
    folder: of the sweep.
    command: starts a run with the configuration that the runs differ from.
  """
  return {run.name: [*_of_run(command, run),
                     *(f'--config.{name}={value}'
                       for name, value in run.changes.items()),
                     f'--workdir={folder / run.name}'] for run in runs}


def _of_run(command: Sequence[str], run: Run) -> list[str]:
  """The command without settings that the method or encoder of a run does not have, and
  without those that the run changes."""
  known = {f'--config.{name}' for name in settings.flat(run.config)
           if name not in run.changes}
  return [word for word in command if not word.startswith('--config.')
          or word.partition('=')[0] in known]


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


def _check_same(folder: pathlib.Path, runs: Sequence[Run]) -> None:
  """Refuses settings that are not those of the runs that lie there."""
  for run in runs:
    place = folder / run.name / 'config.json'
    if not place.is_file():
      continue
    changed = identity.find_differences(identity.identity(read_json(place)),
                                        identity.identity(run.config))
    if changed:
      raise InputError(
          f'{place.parent} is a run of this sweep by other settings: '
          f'{identity.describe_differences(changed)}; give another --workdir, or make '
          'all runs anew with --fresh')


def _by_other_code(folder: pathlib.Path) -> bool:
  made = read_json(folder / 'environment.json')
  return made.get('code_sha256') != environment.code_version()


# The runs of a sweep, each in a process of its own, so many at a time.

POLL = .05     # seconds
DEVICES = pathlib.Path('/dev')
GPU_PLUGINS = ('jax_cuda12_plugin', 'jax_cuda13_plugin', 'jax_rocm60_plugin',
               'jax_rocm7_plugin')
DETERMINISTIC = 'xla_gpu_deterministic_ops'
# Which share of an accelerator's memory a process may take: under either name, as jax
# refuses both at once, and by default.
FRACTIONS = ('XLA_CLIENT_MEM_FRACTION', 'XLA_PYTHON_CLIENT_MEM_FRACTION')
FRACTION = .75


def run_all(commands: Mapping[str, Sequence[str]], logs: pathlib.Path, *,
            parallel: int, progress: Progress, finished: int = 0) -> dict[str, str]:
  """Runs every command; returns why some failed, in a sentence each.

  Args:
    commands: name of a run -> what starts it; a process that calls `end_with_parent`.
    logs: folder for what they print, NAME.log each.
    parallel: how many run at the same time.
    progress: shows how many are done.
    finished: runs of the sweep that were done before.
  """
  waiting, running, failed = dict(commands), {}, {}
  progress.stage('sweep', total=finished + len(commands), done=finished)
  progress.say(f'what the runs print is in {logs}{os.sep}NAME.log')
  done, free, place = finished, _shares(parallel), {}
  try:
    while waiting or running:
      while waiting and len(running) < parallel:
        name = next(iter(waiting))
        place[name] = free.pop(0)
        running[name] = _start(waiting.pop(name), logs / f'{name}.log', place[name])
        progress.update(done, **_facts(running, failed))
      ended = [name for name, process in running.items() if process.poll() is not None]
      for name in ended:
        process, done = running.pop(name), done + 1
        free.append(place.pop(name))
        process.stdin.close()
        if process.returncode:
          failed[name] = _why(process.returncode, logs / f'{name}.log')
          progress.say(f'{name} failed: {failed[name]}')
        progress.update(done, **_facts(running, failed))
      if not ended:
        time.sleep(POLL)
  finally:
    with stopping.deferred():           # they save what they have done
      for process in running.values():
        process.terminate()
      for process in running.values():
        process.wait()
        process.stdin.close()
  return failed


def end_with_parent() -> None:
  """Has this process end as soon as its standard input does; returns at once."""
  def watch():
    # Nothing is lost: a run goes on after a kill at any moment.
    while os.read(0, 4096):
      pass
    os._exit(128 + signal.SIGTERM)
  threading.Thread(target=watch, daemon=True).start()


def ask_for_determinism(environ: MutableMapping[str, str] = os.environ) -> None:
  """Has XLA take operations of a GPU that give the same bits every time.

  Without, sums by atomic additions and kernels chosen by timing may differ between two
  runs. For the process of a program, before jax starts: XLA reads its flags once. What
  a user's XLA_FLAGS says of it holds, and where no GPU can be there nothing is set.

  Args:
    environ: the variables of this process.
  """
  flags = environ.get('XLA_FLAGS', '').strip()
  if (DETERMINISTIC in flags or flags and not flags.startswith('-')
      or not any(map(importlib.util.find_spec, GPU_PLUGINS))):
    return
  environ['XLA_FLAGS'] = f'{flags} --{DETERMINISTIC}=true'.strip()


def _facts(running: Iterable[str], failed: Mapping[str, str]) -> dict[str, str]:
  facts = {'now': ', '.join(running), 'failed': str(len(failed) or '')}
  return {name: value for name, value in facts.items() if value}


def _shares(parallel: int) -> list[dict[str, str]]:
  """What each of so many processes at a time is told of the accelerators."""
  if parallel == 1:
    return [{}]
  visible = os.environ.get('CUDA_VISIBLE_DEVICES')
  gpus = [path.name.removeprefix('nvidia') for path in sorted(DEVICES.glob('nvidia*'))
          if path.name.removeprefix('nvidia').isdecimal()]
  gpus = gpus if visible is None else [name for name in visible.split(',') if name]
  if len(gpus) < parallel:
    # The first process would take most of an accelerator's memory for itself, and each
    # would plan for all of it. A fraction is also what a run is told is there.
    keep = os.environ.get('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
    name = next((name for name in FRACTIONS if os.environ.get(name)), FRACTIONS[0])
    try:
      whole = float(os.environ.get(name) or FRACTION)
    except ValueError:
      raise InputError(f'{name} is {os.environ[name]!r}; give a share of the memory, '
                       f'such as {FRACTION}, or unset it') from None
    return [{'XLA_PYTHON_CLIENT_PREALLOCATE': keep,
             name: f'{whole / parallel:.4f}'}] * parallel
  return [{'CUDA_VISIBLE_DEVICES': ','.join(gpus[n::parallel])}
          for n in range(parallel)]


def _start(command: Sequence[str], log: pathlib.Path, share: Mapping[str, str]
           ) -> subprocess.Popen:
  with open(log, 'wb') as file:
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file,
                            stderr=subprocess.STDOUT,
                            env={**os.environ, **share})


def _why(code: int, log: pathlib.Path) -> str:
  """The last line that a process printed, which is the sentence of its error."""
  if code < 0:
    memory = ', as happens where memory is short' if -code == signal.SIGKILL else ''
    return f'it was ended by {signal.Signals(-code).name}{memory}; its output is {log}'
  lines = log.read_text(encoding='utf-8', errors='replace').split('\n')
  last = next((line for line in reversed(lines) if line.strip()), 'it printed nothing')
  return f'{machine.sentence_of(last).rstrip(".")}; its output is {log}'
