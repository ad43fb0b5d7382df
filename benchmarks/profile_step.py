"""Where does the time of a second-order meta-step go?

    python benchmarks/profile_step.py --quick              # 28 x 28: under a minute
    python benchmarks/profile_step.py                      # the centre of meta_step.py
    python benchmarks/profile_step.py --row="9 frames of 28 x 28" --top=20

Of one row of `meta_step.py`, one task on one core: that is what a device of a CPU does
while the others have tasks of their own. `jax.profiler` times every operation of the
compiled program; what is printed is their sum by kind, as a share of all of them, and
with --top the slowest operations one by one, with the line of the model they come from.
The same step is timed without the profiler, too: where the two differ much, the shares
are the profiler's and not the program's.
"""

import argparse
import collections
from collections.abc import Callable
import os
import pathlib
import re
import sys
import tempfile
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
# Before jax starts, which reads it once.
os.environ['XLA_FLAGS'] = (os.environ.get('XLA_FLAGS', '')
                           + ' --xla_cpu_multi_thread_eigen=false')

import jax
import meta_rivals
import meta_step
import numpy as np

TIMES = 5
KEPT = 'what a scan keeps, copies and clears'
# An operation, with all that XLA fused into it, is of the first kind that it holds.
KINDS = (
    ('convolutions', {'convolution'}),
    ('matmuls', {'dot'}),
    ('shifted copies', {'concatenate', 'pad'}),
    (KEPT, {'dynamic-update-slice', 'copy'}),
    ('sums', {'reduce', 'reduce-window'}),
)
REST = 'passes over maps'
FEW = {'broadcast', 'dynamic-slice', 'constant', 'parameter', 'bitcast'}
LOOPS = {'while', 'call', 'conditional'}     # their time is that of what is in them
INSTRUCTION = re.compile(r'\s+(?:ROOT )?%?([\w.\-]+) = .*?[\])}] ([a-z][\w\-]*)\(')


class Operation(NamedTuple):
  """Of a compiled program."""
  kind: str
  source: str       # where in the model it comes from


def operations(text: str) -> dict[str, Operation]:
  """Those of a compiled program's text, by name; without loops."""
  of, computation = collections.defaultdict(list), ''
  for line in text.splitlines():
    if head := re.match(r'(?:ENTRY )?%?([\w.\-]+) .*\{$', line):
      computation = head[1]
    elif part := INSTRUCTION.match(line):
      called = re.search(r'calls=%?([\w.\-]+)', line)
      source = re.search(r'op_name="([^"]*)"', line)
      of[computation].append((part[1], part[2], called and called[1],
                              source[1] if source else ''))

  def names_in(name: str, called: str | None) -> set[str]:
    return {name}.union(*(names_in(code, below) for _, code, below, _ in of[called]))
  return {name: Operation(kind_of(names_in(code, called)), source)
          for parts in list(of.values()) for name, code, called, source in parts
          if code not in LOOPS}


def kind_of(operations_in: set[str]) -> str:
  if operations_in <= FEW:
    return KEPT
  return next((kind for kind, words in KINDS if operations_in & words), REST)


def seconds_by_event(call: Callable[[], object], times: int
                     ) -> collections.Counter[str]:
  """Seconds of each named event of a call, which waits for its end; a mean."""
  # Level 3 has the single operations of a program.
  options = jax.profiler.ProfileOptions()
  options.host_tracer_level, options.python_tracer_level = 3, 0
  seconds_of = collections.Counter()
  with tempfile.TemporaryDirectory() as folder:
    with jax.profiler.trace(folder, profiler_options=options):
      for _ in range(times):
        call()
    file, = pathlib.Path(folder).rglob('*.xplane.pb')
    data = jax.profiler.ProfileData.from_file(str(file))
  for plane in data.planes:
    for line in plane.lines:
      for event in line.events:
        seconds_of[event.name] += event.duration_ns / 1e9 / times
  return seconds_of


def profile(row: meta_rivals.Row, memory: float) -> tuple[float, dict, dict]:
  """Seconds of a step, of its operations by name, and where those come from."""
  problem = meta_rivals.make_problem(row._replace(tasks=1), devices=1, memory=memory)
  arguments = jax.device_put((problem.params, [x[0] for x in problem.tasks]))
  compiled = jax.jit(meta_rivals.meta_grad_of(problem)).lower(*arguments).compile()
  call = lambda: jax.block_until_ready(compiled(*arguments))
  call()
  taken = []
  for _ in range(TIMES):
    began = time.perf_counter()
    call()
    taken.append(time.perf_counter() - began)
  known = operations(compiled.as_text())
  seconds_of = {name: spent for name, spent in seconds_by_event(call, TIMES).items()
                if name in known}
  return float(np.median(taken)), seconds_of, known


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--row', default='', help='a word of its name in meta_step.py')
  parser.add_argument('--top', type=int, default=0, help='single operations to print')
  parser.add_argument('--memory', type=float, default=1024.,
                      help='MiB that a task may keep for the backward pass')
  options = parser.parse_args()
  rows = meta_step.QUICK if options.quick else meta_step.ROWS
  row = next((row for row in rows if options.row in row.name), None)
  if row is None:
    parser.error(f'no row holds {options.row!r}: {", ".join(row.name for row in rows)}')
  if hasattr(os, 'sched_setaffinity'):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
  step, seconds_of, known = profile(row, options.memory)
  whole = sum(seconds_of.values())
  print(f'{row.name}, of it one task on one core: {step * 1e3:.1f} ms; operations '
        f'under the profiler {whole * 1e3:.1f} ms')
  by_kind = collections.Counter()
  for name, spent in seconds_of.items():
    by_kind[known[name].kind] += spent
  for kind, spent in by_kind.most_common():
    print(f'{spent / whole:6.1%}  {kind}')
  for name, spent in collections.Counter(seconds_of).most_common(options.top):
    print(f'{spent * 1e3:8.2f} ms  {name:44} {known[name].source[-80:]}')


if __name__ == '__main__':
  main()
