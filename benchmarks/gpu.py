"""What an accelerator makes of this program, in eight minutes and one file.

    python benchmarks/gpu.py --out=FILE.json              # at most 8 minutes
    python benchmarks/gpu.py --out=FILE.json --tiny       # everything small, on a CPU
    python benchmarks/gpu.py --out=FILE.json --parts=steps --minutes=20

From any folder; it needs Python 3.12, jax 0.11 or later for the accelerator, flax,
optax, jaxtyping and NumPy, and no data: arrays are drawn. PyTorch is measured beside it
where it is installed. Each part is a process of its own with its share of the time, so
one that fails or takes too long leaves the others; the file is written after each part,
and a part that is ended keeps the rows that it has. What was not measured is named. The
exit status is 1 where a part failed.
The parts are those of `gpu_parts.py`; `benchmarks/README.md` says what they mean.
"""

import argparse
from collections.abc import Mapping, Sequence
import contextlib
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

SPARE = 4.        # seconds of a part's share that it does not begin a measurement in
DETERMINISTIC = 'xla_gpu_deterministic_ops'      # as training asks XLA


class Part(NamedTuple):
  """Of the file."""
  title: str
  weight: float     # its share of the time, beside the others
  function: str     # of a log: its module's, and its own name


PARTS = {
    'environment': Part('the machine, and its rates', 40,
                        'gpu_parts.environment'),
    'correctness': Part('a second-order step beside float64 on the CPU', 75,
                        'gpu_parts.correctness'),
    'convolutions': Part('forms of a convolution, by layer', 75,
                         'gpu_parts.convolutions'),
    'steps': Part('a meta-step: time, clips a second, share of the peak', 130,
                  'gpu_parts.steps'),
    'filling': Part('folds and tasks at which the device is full', 60,
                    'gpu_parts.filling'),
    'torch': Part('PyTorch beside it: times as long', 60,
                  'gpu_rivals.compare'),
    'memory': Part('peak memory beside the estimate of the compiler', 30,
                   'gpu_parts.peak_memory'),
}


def write(path: pathlib.Path, content: Any) -> None:
  """Writes JSON so that a reader sees the old file or the whole new one."""
  with tempfile.NamedTemporaryFile('w', encoding='utf-8', dir=path.parent,
                                   prefix=f'.{path.name}.', delete=False) as file:
    json.dump(content, file, indent=1, allow_nan=False)
  os.replace(file.name, path)


class Log:
  """The rows of a part, in its file from the moment that they are measured."""

  def __init__(self, path: pathlib.Path, seconds: float, tiny: bool):
    self.tiny, self._path = tiny, path
    self._end = time.monotonic() + seconds
    self.content = {'status': 'ended', 'facts': {}, 'rows': [], 'not_measured': []}
    self.write()

  def write(self) -> None:
    write(self._path, _finite(self.content))

  @property
  def left(self) -> float:
    """Seconds."""
    return self._end - time.monotonic()

  def row(self, **values) -> None:
    self.content['rows'].append(values)
    self.write()

  def fact(self, **values) -> None:
    self.content['facts'] |= values
    self.write()

  def skip(self, *names: str) -> None:
    """These were not measured: the time is over, or something is not there."""
    self.content['not_measured'] += names
    self.write()


def _finite(value: Any) -> Any:
  """JSON has no NaN and no infinity: they become text."""
  if isinstance(value, Mapping):
    return {name: _finite(one) for name, one in value.items()}
  if isinstance(value, list | tuple):
    return [_finite(one) for one in value]
  if isinstance(value, float) and value - value != 0:
    return str(value)
  return value


def measure(name: str, path: pathlib.Path, seconds: float, tiny: bool) -> None:
  """One part, in this process."""
  log = Log(path, seconds - SPARE, tiny)
  try:
    module, _, function = PARTS[name].function.partition('.')
    getattr(importlib.import_module(module), function)(log)
    log.content['status'] = 'incomplete' if log.content['not_measured'] else 'done'
  except Exception as error:      # whatever a device, a driver or a library raises
    log.content |= {'status': 'failed', 'error': describe(error)}
    raise
  finally:
    log.write()


def describe(error: BaseException) -> str:
  return f'{type(error).__name__}: {str(error)[:600]}'


def run_part(name: str, seconds: float, tiny: bool) -> dict[str, Any]:
  """One part, in a process that is ended when its seconds are over."""
  began, note = time.monotonic(), ''
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, 'part.json')
    command = [sys.executable, __file__, f'--out={path}', f'--part={name}',
               f'--seconds={seconds}', *['--tiny'] * tiny]
    with open(pathlib.Path(folder, 'log'), 'w+', encoding='utf-8',
              errors='replace') as log:
      process = subprocess.Popen(command, stdout=log, stderr=log, env=_surroundings(),
                                 start_new_session=True)
      try:
        code = process.wait(seconds)
      except subprocess.TimeoutExpired:
        code, note = None, f'ended after its {seconds:.0f} seconds'
      finally:
        with contextlib.suppress(ProcessLookupError):    # its rivals, too
          os.killpg(process.pid, signal.SIGKILL)
        process.wait()
      log.seek(0)
      said = log.read()[-1500:]
    try:
      part = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
      part = {'status': 'failed', 'facts': {}, 'rows': [], 'not_measured': []}
  if code:
    part |= {'status': 'failed', 'said': said}
    part.setdefault('error', f'its process ended with {code}')
  if note:
    part |= {'status': 'incomplete', 'error': note}
  return part | {'seconds': round(time.monotonic() - began, 1)}


def _surroundings() -> dict[str, str]:
  flags = os.environ.get('XLA_FLAGS', '')
  if DETERMINISTIC not in flags:
    flags = f'{flags} --{DETERMINISTIC}=true'.strip()
  changed = {'XLA_FLAGS': flags}
  platforms = os.environ.get('JAX_PLATFORMS')
  if platforms and 'cpu' not in platforms.split(','):      # float64 is computed there
    changed['JAX_PLATFORMS'] = f'{platforms},cpu'
  return {**os.environ, **changed}


def show(name: str, part: Mapping[str, Any]) -> None:
  """Prints a part as a table; rows with other columns begin another."""
  print(f'\n{name}: {PARTS[name].title} ({part["status"]}, {part["seconds"]} s)')
  for fact, value in part['facts'].items():
    print(f'  {fact}: {value}')
  rows = part['rows']
  for first in dict.fromkeys(tuple(row) for row in rows):
    _print_table(first, [row for row in rows if tuple(row) == first])
  if part['not_measured']:
    print(f'  not measured: {", ".join(part["not_measured"])}')
  if 'error' in part:
    print(f'  {part["error"]}')


def _print_table(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
  cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
  widths = [max(len(line[n]) for line in cells) for n in range(len(names))]
  for line in cells:
    print('  ' + '  '.join(f'{cell:>{width}}' if n else f'{cell:{width}}' for
                           n, (cell, width) in enumerate(zip(line, widths))).rstrip())


def _cell(value: Any) -> str:
  if value is None:
    return '-'
  return f'{value:.4g}' if isinstance(value, float) else str(value)[:100]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--out', type=pathlib.Path, required=True, help='a JSON file')
  parser.add_argument('--tiny', action='store_true', help='small, for a CPU')
  parser.add_argument('--minutes', type=float, default=8., help='of all parts together')
  parser.add_argument('--parts', default=','.join(PARTS), help='separated by commas')
  parser.add_argument('--part', choices=tuple(PARTS), help=argparse.SUPPRESS)
  parser.add_argument('--seconds', type=float, help=argparse.SUPPRESS)
  options = parser.parse_args()
  out = options.out.absolute()
  if options.part:
    measure(options.part, out, options.seconds, options.tiny)
    return
  names = [name for name in options.parts.split(',') if name]
  for name in names:
    if name not in PARTS:
      parser.error(f'there is no part {name!r}; choose from {", ".join(PARTS)}')
  if not out.parent.is_dir():
    parser.error(f'--out: there is no folder {out.parent}')
  # Its parts have sessions of their own, and are ended with it.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  end, parts = time.monotonic() + 60 * options.minutes, {}
  for number, name in enumerate(names):
    # What a part leaves is shared by those behind it.
    share = PARTS[name].weight / sum(PARTS[other].weight for other in names[number:])
    parts[name] = run_part(name, share * (end - time.monotonic() - 1), options.tiny)
    write(out, parts)
    show(name, parts[name])
    sys.stdout.flush()
  sys.exit(any(part['status'] == 'failed' for part in parts.values()))


if __name__ == '__main__':
  main()
