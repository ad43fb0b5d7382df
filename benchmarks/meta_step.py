"""How fast is a second-order meta-step? Ours against PyTorch's and plain JAX's.

    python benchmarks/meta_step.py --quick      # some minutes on two cores
    python benchmarks/meta_step.py              # about an hour

Needs PyTorch (the CPU build is enough), which the package itself does not. One row
after the other: the same network, weights and tasks for all rivals, whose loss,
gradient norm and gradient must agree, or nothing is reported. Rivals have processes of
their own and are timed in turns; a step over ten seconds is timed once. Printed are
medians, quartiles, and how many times as long as ours a rival takes.

learn2learn is not among the rivals: its newest release is a source archive whose C code
asks for longintrepr.h, which Python has no more since 3.11, so it does not build. Its
MAML makes the same calls of autograd as `torch_loop`, and clones modules besides.
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import interleaved
import meta_rivals
from meta_rivals import Row

ROWS = (
    Row('centre: Conv-4, 64 x 64, 4 tasks, 3 steps'),
    Row('28 x 28', size=28),
    Row('3 frames', frames=3, depth=2),
    Row('9 frames', frames=9, depth=2),
    Row('9 frames of 28 x 28', size=28, frames=9, depth=2),
    Row('ResNet-12', encoder='resnet12', width=64),
    Row('1 task', tasks=1),
    Row('16 tasks', tasks=16),
    Row('1 inner step', steps=1),
    Row('5 inner steps', steps=5),
    # Of a fold of configs/casme2.py, whose three members have two tasks each.
    Row('the default of casme2', width=16, size=14, depth=1, tasks=6, steps=1, shots=5,
        queries=5),
)
# The same factors where everything is small.
QUICK = (
    Row('quick centre: Conv-4, 28 x 28, 4 tasks, 3 steps', size=28),
    Row('64 x 64', steps=1),
    Row('3 frames', size=28, frames=3, depth=2),
    Row('ResNet-12, width 16', encoder='resnet12', width=16, size=28, steps=1),
    Row('1 task', size=28, tasks=1),
)
RIVALS = {'ours': meta_rivals.ours, 'torch loop': meta_rivals.torch_loop,
          'torch.func': meta_rivals.torch_func, 'plain JAX': meta_rivals.plain_jax}
TOLERANCE = {'loss': 1e-4, 'gradient norm': 1e-3, 'gradient': 1e-2}


def measure(row: Row, names, options) -> tuple[dict[str, interleaved.Timing], int]:
  """Times of the rivals, operations of ours; ends where results differ."""
  problem = meta_rivals.make_problem(row, devices=options.devices,
                                     memory=options.memory)
  timings, results = interleaved.compare(
      {name: RIVALS[name] for name in names}, problem,
      rounds=options.rounds, limit=options.limit)
  wrong = interleaved.difference(list(results.values()), TOLERANCE)
  if wrong or 'ours' not in results:
    raise SystemExit(f'{row.name}: {wrong or timings["ours"].note}; nothing reported '
                     f'(of {", ".join(results)})')
  return timings, meta_rivals.operations(problem)


def show(row: Row, timings, operations: int) -> dict[str, float]:
  """Prints a row; returns how many times as long others take, of PyTorch the faster."""
  ours = timings['ours'].median
  print(f'{row.name}: {operations / 1e9:.1f} GFLOP, of ours '
        f'{operations / ours / 1e9:.0f} a second')
  for name, timing in timings.items():
    ratio = f'{timing.median / ours:8.2f}x' if timing.seconds else ' ' * 9
    size = f'{timing.peak:8.0f} MiB' if timing.seconds else ' ' * 12
    start = f', start {timing.start:.1f} s' if timing.seconds else ''
    print(f'  {name:11}{ratio}{size}  {timing}{start}', flush=True)
  taken = {of: [timing.median / ours for name, timing in timings.items()
                if word in name and timing.seconds]
           for of, word in (('plain JAX', 'plain'), ('PyTorch', 'torch'))}
  return {of: min(ratios) for of, ratios in taken.items() if ratios}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--rows', default='', help='only rows with one of these words')
  parser.add_argument('--rivals', default=','.join(RIVALS), help='separated by commas')
  parser.add_argument('--devices', type=int, default=0,
                      help='of ours; 0: as many as share the tasks equally')
  parser.add_argument('--memory', type=float, default=1024.,
                      help='MiB that a task of ours may keep for the backward pass')
  parser.add_argument('--rounds', type=int, default=0)
  parser.add_argument('--limit', type=float, default=300.,
                      help='seconds that a rival gets to start, and for a step')
  parser.add_argument('--json', type=pathlib.Path, help='also writes the times there')
  options = parser.parse_args()
  options.rounds = options.rounds or (3 if options.quick else 7)
  words = [word.strip() for word in options.rows.split(',')]
  names = ['ours', *(n for n in options.rivals.split(',') if n != 'ours')]
  measures, ratios = {}, {}
  for row in QUICK if options.quick else ROWS:
    if any(word in row.name for word in words):
      measures[row.name], operations = measure(row, names, options)
      ratios[row.name] = show(row, measures[row.name], operations)
  if options.json:
    options.json.write_text(json.dumps(
        {row: {name: t._asdict() for name, t in of.items()}
         for row, of in measures.items()}, indent=1), encoding='utf-8')
  print('learn2learn: not measured, does not build here (see the first lines)')
  for of in ('plain JAX', 'PyTorch'):
    known = [ratio[of] for ratio in ratios.values() if of in ratio]
    if known:
      print(f'slowest ratio against {of}: {min(known):.2f}x')


if __name__ == '__main__':
  main()
