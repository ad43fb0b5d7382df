"""One of several processes of a run: a worker, and what watches over it.

jax ends a process from within when another one is lost, with a page of its own words
and no way to catch it. So the process that the user starts is one that only watches: it
starts the worker, passes signals on, and says in a sentence what became of it.
"""

from collections.abc import Callable, Mapping, Sequence
import faulthandler
import io
import os
import pathlib
import re
import signal
import subprocess
import sys
from typing import Any

from lightman_jax import machine
from lightman_jax.errors import InputError
from lightman_jax.runs import parts
from lightman_jax.runs.folder import RunFolder
from lightman_jax.training import stopping
from lightman_jax.units import counted

LOST = 75                 # EX_TEMPFAIL: give the same command again
SENTENCE = ('another process of this run has ended, or cannot be reached: start all '
            'processes again with the same commands, without --fresh, and the run goes '
            'on from its last checkpoint')
WORDS = 200               # of what the runtime says
# Passed on to the worker, where they were not ignored at the start.
SIGNALS = (signal.SIGINT, *stopping.NAMES)
# What the worker says for itself: the end, a refusal, a signal that it was sent.
SPOKEN = (0, 1, 2, *(128 + number for number in SIGNALS), LOST)


def supervise(command: Sequence[str]) -> int:
  """Runs a worker, which ends when this process does; returns the exit code.

  Args:
    command: that starts the worker.
  """
  worker = subprocess.Popen(command, stdin=subprocess.PIPE)
  stopped = []
  def pass_on(number, _):
    stopped.append(number)
    worker.send_signal(number)
  for number in SIGNALS:
    if signal.getsignal(number) is not signal.SIG_IGN:
      signal.signal(number, pass_on)
  code = worker.wait()
  if code in SPOKEN:
    return code
  if stopped:
    return 128 + stopped[0]
  why = f'signal {-code}' if code < 0 else f'exit code {code}'
  print(f'{machine.program()}: {SENTENCE} (this one ended with {why})',
        file=sys.stderr)
  return LOST


def join(work: Callable[[], int], **how: Any) -> int:
  """Does `work` as one of several processes; `how` is of `multihost.start`.

  Args:
    work: what the worker does; gives its exit code.
    how: of `multihost.start`.

  Raises:
    InputError: the processes do not come together.
    ConnectionAbortedError: one of them was lost.
  """
  # Not above: what can be refused is, before jax is imported.
  import jax

  from lightman_jax.training import multihost
  multihost.start(**how)
  faulthandler.disable()   # absl's: pages of what the runtime was doing at its end
  if not multihost.is_first():
    print(f'one of {multihost.count()} processes of this run; process 0 says how far '
          'they are', file=sys.stderr, flush=True)
  try:
    return work()
  except jax.errors.JaxRuntimeError as error:
    words = str(error).partition('\n')[0][:WORDS]
    raise ConnectionAbortedError(f'{SENTENCE} (the runtime says: {words})') from error


def open_run(workdir: pathlib.Path, *, config: Mapping[str, Any], fresh: bool,
             span: parts.Span | None = None) -> RunFolder:
  """`runs.parts.open_run` in the first process; the others write nothing there.

  Args:
    workdir: the folder.
    config: complete.
    fresh: delete what this program wrote there, and begin anew.
    span: the folds of a part of the run.

  Raises:
    InputError: in all processes, where it is refused.
  """
  from lightman_jax.training import multihost
  opened = []
  multihost.first(lambda: opened.append(
      parts.open_run(workdir, config=config, fresh=fresh, span=span)))
  return opened[0] if opened else RunFolder(pathlib.Path(workdir), io.StringIO())


def refuse_hidden_gpus(environ: Mapping[str, str]) -> None:
  """Refuses processes of Slurm, some of which cannot see the GPU that they would take.

  jax takes the GPU whose number is the process's on its node. Where each is shown one
  of its own, that is there for the first alone, and all wait for the others.

  Args:
    environ: the variables of this process.

  Raises:
    InputError: a process of this node is shown fewer GPUs than there are processes.
  """
  words = environ.get('SLURM_STEP_TASKS_PER_NODE', '')
  tasks = [int(count) for count, times in re.findall(r'(\d+)(?:\(x(\d+)\))?', words)
           for _ in range(int(times or 1))]
  node = int(environ.get('SLURM_NODEID', 0))
  here = tasks[node] if node < len(tasks) else 1
  name = next((name for name in ('CUDA_VISIBLE_DEVICES', 'ROCR_VISIBLE_DEVICES')
               if re.match('\\d|GPU-', environ.get(name, ''))), None)
  if (name is None or environ[name].count(',') + 1 >= here
      or environ.get('JAX_LOCAL_DEVICE_IDS') or environ.get('JAX_PLATFORMS') == 'cpu'):
    return
  raise InputError(
      f'Slurm runs {counted(here, "process")} on this node and shows this one '
      f'{name}={environ[name]}, where jax gives each the GPU of its own number; give '
      '--gpus-per-node and as many --ntasks-per-node in the place of --gpus-per-task '
      'or --gpu-bind, or set JAX_LOCAL_DEVICE_IDS=0')


def is_one_of_several(config: Mapping[str, Any], distributed: bool,
                      coordinator: str | None, processes: int | None,
                      process: int | None, sweep: str | None) -> bool:
  """Whether this is to be one of several processes, by the flags of launch.py.

  Args:
    config: complete.
    distributed: --distributed.
    coordinator: --coordinator; None where it is not given, as the next three.
    processes: --processes.
    process: --process.
    sweep: --sweep.

  Raises:
    InputError: they do not fit together, or several processes cannot do what
      `config` asks for.
  """
  flags = [name for name, value in (('coordinator', coordinator),
                                    ('processes', processes), ('process', process))
           if value is not None]
  if flags and (len(flags) < 3 or process >= processes or distributed):
    raise InputError('--coordinator=HOST:PORT, --processes=N and --process=I (from 0 '
                     'to N - 1) are given together, and --distributed instead of them')
  if not flags and not distributed:
    return False
  if sweep is not None:
    raise InputError('the runs of a --sweep are processes already; start one run with '
                     'several processes, or one sweep on each host')
  if config['select']['by'] != 'none':
    raise InputError('select.by=inner trains in one process only; leave out '
                     '--distributed and --coordinator, or set select.by=none')
  if config['training']['devices']:
    raise InputError('training.devices is for one process; several use all devices '
                     'they have, so set it to 0')
  if distributed:
    refuse_hidden_gpus(os.environ)
  return True
