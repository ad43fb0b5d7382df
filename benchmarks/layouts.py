"""Is the training curve the same on one device, on eight, and in two processes of four?

    python benchmarks/layouts.py

Twenty steps of a linear network on made-up clips, saved every ten: nine folds, and nine
tasks a step, so that neither divides by eight; the devices are forced on the host. A
row is a layout: the largest relative difference of a loss to one device, over all folds
and steps, and whether the compiled program exchanges anything between devices.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile

PROGRAM = pathlib.Path(__file__).with_name('layout_training.py')
NAMES = {'one': '1 device', 'folds': '8 devices, folds', 'tasks': '8 devices, tasks',
         'fewer': '8 devices, folds for 10 steps, then 1 device',
         'more': '1 device for 10 steps, then 8 devices, folds'}


def start(devices: int, *words: str) -> subprocess.Popen:
  """A process of so many devices."""
  flags = f'--xla_force_host_platform_device_count={devices}'
  return subprocess.Popen(
      [sys.executable, str(PROGRAM), *words], stdout=subprocess.PIPE, text=True,
      env={**os.environ, 'XLA_FLAGS': flags, 'JAX_PLATFORMS': 'cpu'})


def last_output(processes: list[subprocess.Popen]) -> dict:
  """What the first one prints."""
  outputs = [process.communicate()[0] for process in processes]
  if any(process.returncode for process in processes):
    raise SystemExit('a process failed')
  return json.loads(outputs[0][outputs[0].index('{'):])


def curve(part: dict) -> list[float]:
  return [loss for fold in sorted(part['losses'])
          for last in sorted(part['losses'][fold], key=int)
          for loss in part['losses'][fold][last]]


def main() -> int:
  with tempfile.TemporaryDirectory() as home, socket.socket() as free:
    free.bind(('localhost', 0))
    at = f'--coordinator=localhost:{free.getsockname()[1]}'
    free.close()
    processes = [start(8, f'{home}/alone', *NAMES), *(
        start(4, f'{home}/both', 'folds', 'tasks', at, f'--process={n}')
        for n in (0, 1))]
    alone, both = last_output(processes[:1]), last_output(processes[1:])
  rows = [(NAMES[name], part) for name, part in alone.items()]
  rows += [(f'2 processes x 4 devices, {name}', part)
           for name, part in both.items()]
  print('| layout | largest relative difference of a loss | collectives |')
  print('|---|---|---|')
  one, worst = curve(alone['one']), 0.
  for name, part in rows:
    apart = max(abs(a - b) / abs(b) for a, b in zip(curve(part), one, strict=True))
    worst = max(worst, apart)
    exchanged = {True: 'yes', False: 'none', None: '-'}[part.get('collectives')]
    print(f'| {name} | {apart:.1e} | {exchanged} |')
  return worst > 1e-5


if __name__ == '__main__':
  sys.exit(main())
