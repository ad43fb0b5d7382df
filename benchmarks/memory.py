"""Does the memory of a second-order meta-step grow with its inner steps?

    python benchmarks/memory.py --quick     # Conv-4 on pictures: a minute or two
    python benchmarks/memory.py             # ResNet-12 on clips: most of an hour

One task of three classes, one clip of each in the support and in the query, on one
device: the full size is ResNet-12 (64 channels and up) with the temporal module on
clips of 9 frames of 64 x 64. What each step needs for its derivative does not fit into
`method.inner_memory`, so the inner steps are rematerialised. Each number of steps has a
process of its own, whose peak memory is what the system says it held, everything
included. The last lines say how the temporaries grow, and whether 12 GB are enough.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import interleaved
import jax
import meta_rivals
import numpy as np

from lightman_jax.training import devices

LIMIT = 12 * 10**9      # bytes
FULL = dict(encoder='resnet12', width=64, size=64, frames=9, depth=2)
QUICK = dict(encoder='conv4', width=16, size=32, frames=1, depth=0)


def one_task(problem: meta_rivals.Problem):
  """As `interleaved` takes it; nothing is computed before the first step."""
  devices.use_compilation_cache()
  arguments = jax.device_put((problem.params, [x[0] for x in problem.tasks]))
  began = time.perf_counter()
  compiled = jax.jit(meta_rivals.meta_grad_of(problem)).lower(*arguments).compile()
  measures = {'seconds to compile': np.array(time.perf_counter() - began),
              'temporaries': np.array(compiled.memory_analysis().temp_size_in_bytes)}
  return measures, lambda: jax.block_until_ready(compiled(*arguments))


def measure(size, steps: int, options) -> tuple[int, int]:
  """Prints a line; returns bytes of temporaries and of the process."""
  row = meta_rivals.Row(f'{steps} steps', tasks=1, classes=3, shots=1, queries=1,
                        steps=steps, **size)
  rival = interleaved.Rival(
      one_task, meta_rivals.make_problem(row, devices=1, memory=options.memory))
  try:
    answer, note = rival.answer(options.limit)
    timed, note = rival.step(options.limit) if answer else (None, note)
  finally:
    rival.end()
  if note:
    raise SystemExit(f'{steps} inner steps: {note}; nothing reported')
  measures, seconds, peak = answer[0], timed[0], timed[1] * 2**20
  print(f'{steps:5} {seconds:10.1f} s {seconds / steps:8.2f} s '
        f'{measures["temporaries"] / 1e9:8.3f} GB {peak / 1e9:8.3f} GB '
        f'{measures["seconds to compile"]:8.1f} s', flush=True)
  return int(measures['temporaries']), int(peak)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--steps', default='5,20,50', help='inner steps, by commas')
  parser.add_argument('--memory', type=float, default=0.,
                      help='MiB that the task may keep, as method.inner_memory')
  parser.add_argument('--limit', type=float, default=7200., help='seconds of a step')
  options = parser.parse_args()
  counts = [int(word) for word in options.steps.split(',')]
  print('steps    meta-step   of a step  temporaries     process   compiled in')
  measures = {steps: measure(QUICK if options.quick else FULL, steps, options)
              for steps in counts}
  few, many = measures[min(counts)], measures[max(counts)]
  print(f'temporaries of {max(counts)} steps are {many[0] / few[0]:.3f} times those of '
        f'{min(counts)}')
  print(f'within {LIMIT / 1e9:.0f} GB: {"yes" if many[1] <= LIMIT else "NO"}')


if __name__ == '__main__':
  main()
