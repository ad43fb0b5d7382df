"""What does bfloat16 change in the loss and the gradient of a second-order meta-step?

    python benchmarks/precision.py --quick      # Conv-4: a minute or two
    python benchmarks/precision.py              # and ResNet-12, wider and larger

The same weights and tasks with `model.precision` of float32 and of bfloat16, both of
ours: activations and their products have 8 significant bits then, weights, sums of the
normalisation, losses and updates keep 24. Printed are relative differences: of the
query loss, of the norm of the gradient, and of the gradient over all weights, with
the cosine between the two; and the times of a step. On a CPU bfloat16 is no gain: it
has no arithmetic of it, and converts.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import interleaved
import meta_rivals
from meta_rivals import Row
import numpy as np

ROWS = (
    Row('Conv-4, 28 x 28, 3 steps', width=32, size=28),
    Row('Conv-4, 3 frames of 28 x 28, temporal module, 3 steps', width=32, size=28,
        frames=3, depth=1),
    Row('ResNet-12, width 16, 28 x 28, 1 step', encoder='resnet12', width=16, size=28,
        steps=1),
)
QUICK = (
    Row('Conv-4, width 8, 16 x 16, 1 step', width=8, size=16, tasks=1, steps=1),
    Row('Conv-4, width 8, 16 x 16, 5 steps', width=8, size=16, tasks=1, steps=5),
    Row('ResNet-12, width 16, 16 x 16, 1 step', encoder='resnet12', width=16, size=16,
        tasks=1, steps=1),
)
PRECISIONS = ('float32', 'bfloat16')


def differences(long, short) -> dict[str, float]:
  """Relative to the first; the cosine is of the angle between the gradients."""
  a, b = (np.asarray(of['gradient'], np.float64) for of in (long, short))
  gap = lambda name: abs(float(short[name]) / float(long[name]) - 1)
  return {'loss': gap('loss'), 'gradient norm': gap('gradient norm'),
          'gradient': float(np.linalg.norm(b - a) / np.linalg.norm(a)),
          'cosine': float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--row', default='', help='only rows with this word')
  parser.add_argument('--devices', type=int, default=0, help='0: as the program does')
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--limit', type=float, default=1200.)
  options = parser.parse_args()
  for row in QUICK if options.quick else ROWS:
    if options.row not in row.name:
      continue
    results, timings = {}, {}
    for precision in PRECISIONS:
      problem = meta_rivals.make_problem(row._replace(precision=precision),
                                         devices=options.devices)
      timing, result = interleaved.compare(
          {'ours': meta_rivals.ours}, problem, rounds=options.rounds,
          limit=options.limit)
      if not result:
        raise SystemExit(f'{row.name}, {precision}: {timing["ours"].note}')
      results[precision], timings[precision] = result['ours'], timing['ours']
    gaps = differences(*results.values())
    if not np.isfinite(list(gaps.values())).all():
      raise SystemExit(f'{row.name}: {gaps}; nothing reported')
    print(f'{row.name}: ' + ', '.join(
        f'{name} {value:.6f}' if name == 'cosine' else f'{name} {value:.1e}'
        for name, value in gaps.items()))
    print('   ' + '; '.join(f'{name} {timing}' for name, timing in timings.items()),
          flush=True)


if __name__ == '__main__':
  main()
