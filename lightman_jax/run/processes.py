"""The runs of a sweep, each in a process of its own, so many at a time.

A run that ends badly ends alone. Where there are as many GPUs as runs at a time, each
has its share of them, and nothing is exchanged. All end when the process that started
them does, however that ends: each holds the reading end of a pipe, which then closes.
"""

from collections.abc import Iterable, Mapping, Sequence
import os
import pathlib
import signal
import subprocess
import threading
import time

from lightman_jax.report.progress import Progress
from lightman_jax.training import stopping

POLL = .05     # seconds
DEVICES = pathlib.Path('/dev')


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


def _facts(running: Iterable[str], failed: Mapping[str, str]) -> dict[str, str]:
  facts = {'now': ', '.join(running), 'failed': str(len(failed) or '')}
  return {name: value for name, value in facts.items() if value}


def _shares(parallel: int) -> list[dict[str, str]]:
  """What each of so many processes at a time is told of the accelerators."""
  if parallel == 1:
    return [{}]
  given = os.environ.get('CUDA_VISIBLE_DEVICES')
  gpus = [path.name.removeprefix('nvidia') for path in sorted(DEVICES.glob('nvidia*'))
          if path.name.removeprefix('nvidia').isdecimal()]
  gpus = gpus if given is None else [name for name in given.split(',') if name]
  if len(gpus) < parallel:
    # The first process would take most of an accelerator's memory for itself.
    keep = os.environ.get('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
    return [{'XLA_PYTHON_CLIENT_PREALLOCATE': keep}] * parallel
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
  said = next((line for line in reversed(lines) if line.strip()), 'it said nothing')
  return f'{said.removeprefix("launch.py: ").rstrip(".")}; its output is {log}'
