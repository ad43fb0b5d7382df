"""Two processes train one run, are killed and stopped, and end like one process.

    python benchmarks/two_processes.py --home=FOLDER        # minutes

Everything is real: launch.py in processes of their own, which meet over loopback and
compute together on CPUs (gloo). A row tells what was done, how the processes ended and
how long the survivors took for that, and whether results.json and predictions.csv of
the run, once it is finished, have the bytes of one process with two devices; metrics
are compared number by number. The last row emulates Slurm's variables, so that
--distributed has something to detect.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORDS = (
    '--config=configs/synthetic.py:debug,method=supervised,encoder=ststnet',
    '--config.data.size=32',
    '--config.data.frames=3', '--config.inputs.size=28',
    '--config.data.synthetic.subjects=4', '--config.data.synthetic.micro=6',
    '--config.data.synthetic.macro=2', '--config.model.temporal_depth=0',
    '--config.training.tasks=4', '--config.training.steps=20',
    '--config.training.checkpoint_every=2')


def start(home: pathlib.Path, *words: str, devices: int, **environment: str
          ) -> subprocess.Popen:
  """launch.py; all that it keeps but its run folder lies in `home`."""
  places = {
      'XDG_CACHE_HOME': home / 'cache', 'TFDS_DATA_DIR': home / 'data',
      'JAX_COMPILATION_CACHE_DIR': home / 'xla', 'JAX_PLATFORMS': 'cpu',
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
      'JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES': '-1',
      'JAX_NUM_CPU_DEVICES': devices, **environment}
  environ = {name: word for name, word in os.environ.items() if name != 'XLA_FLAGS'}
  return subprocess.Popen(
      [sys.executable, 'launch.py', *words], cwd=ROOT, text=True,
      env=environ | {name: str(place) for name, place in places.items()},
      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def pair(home: pathlib.Path, *words: str, devices: int = 1, slurm: bool = False
         ) -> list[subprocess.Popen]:
  """Two processes that meet at a free port."""
  with socket.socket() as free:
    free.bind(('localhost', 0))
    port = free.getsockname()[1]
  if slurm:
    return [start(home, *words, '--distributed', '--heartbeat=5', devices=devices,
                  SLURM_JOB_ID=str(port), SLURM_STEP_NODELIST='localhost',
                  SLURM_NTASKS='2', SLURM_PROCID=str(n), SLURM_LOCALID=str(n))
            for n in (0, 1)]
  return [start(home, *words, f'--coordinator=localhost:{port}', '--processes=2',
                f'--process={n}', '--heartbeat=5', devices=devices) for n in (0, 1)]


def ended(processes: list[subprocess.Popen]) -> tuple[list[int], list[str]]:
  """Exit codes, and the last line of each."""
  said = [process.communicate(timeout=900)[0].strip().split('\n')[-1]
          for process in processes]
  return [process.returncode for process in processes], said


def curve(folder: pathlib.Path) -> dict[tuple[str, int], float]:
  """The loss of each fold and step."""
  lines = [json.loads(line) for line in open(folder / 'metrics.jsonl')]
  losses = {(line['fold'], line['step']): line['loss'] for line in lines}
  assert len(losses) == len(lines), 'a step is there twice'
  return losses


def apart(folder: pathlib.Path, other: pathlib.Path) -> float:
  """The largest relative difference of a loss."""
  one, two = curve(folder), curve(other)
  assert one.keys() == two.keys(), 'not the same steps'
  return max(abs(two[at] - one[at]) / abs(one[at]) for at in one)


def compared(folder: pathlib.Path, other: pathlib.Path) -> str:
  same = [name for name in ('results.json', 'predictions.csv')
          if (folder / name).read_bytes() == (other / name).read_bytes()]
  return f'{" and ".join(same) or "nothing"} alike, losses {apart(folder, other):.1e}'


def disturbed(home: pathlib.Path, words: list[str], folder: pathlib.Path,
              victims: tuple[int, ...], number: int) -> str:
  """Sends a signal once some steps are done; how the processes ended."""
  processes = pair(home, *words)
  while not (folder / 'metrics.jsonl').exists() or len(curve(folder)) < 8:
    assert all(process.poll() is None for process in processes), ended(processes)
    time.sleep(.05)
  began = time.monotonic()
  for n in victims:
    processes[n].send_signal(number)
  codes, said = ended(processes)
  # The last to end is the one that was waited for.
  return (f'codes {codes} after {time.monotonic() - began:.1f} s at '
          f'{len(curve(folder))} of 80 steps; said: '
          f'{said[0 if 1 in victims else 1][:120]!r}')


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--home', type=pathlib.Path, help='a new folder; kept')
  parser.add_argument('--cases', nargs='*', help='some of them; by default all')
  flags = parser.parse_args()
  home = flags.home or pathlib.Path(tempfile.mkdtemp())
  home.mkdir(parents=True, exist_ok=True)
  at = lambda name: [*WORDS, f'--workdir={home / name}']
  tell = lambda name, text: print(f'{name:34} {text}', flush=True)
  codes, said = ended([start(home, *at('one'), devices=2)])
  tell('one process, two devices', f'codes {codes}')
  assert codes == [0], said
  bad = 0

  def finish(name, *words, **how):
    nonlocal bad
    codes, said = ended(pair(home, *at(name), *words, **how))
    bad += codes != [0, 0]
    tell(f'  {name}: to the end', f'codes {codes}; ' + (
        compared(home / 'one', home / name) if codes == [0, 0] else str(said)))
  wanted = lambda name: flags.cases is None or name in flags.cases
  for split in filter(wanted, ('folds', 'tasks')):
    finish(split, f'--config.training.split={split}')
  for name, victims, number in (
      ('process-1-killed', (1,), signal.SIGKILL),
      ('process-0-killed', (0,), signal.SIGKILL),
      ('one-terminated', (1,), signal.SIGTERM),
      ('both-terminated', (0, 1), signal.SIGTERM)):
    if wanted(name):
      tell(name, disturbed(home, at(name), home / name, victims, number))
      finish(name)
  if wanted('slurm'):
    finish('slurm', slurm=True)
  print(f'{bad} ended otherwise than they should')
  return bool(bad)


if __name__ == '__main__':
  sys.exit(main())
