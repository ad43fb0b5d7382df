"""How do time and memory grow with tasks, inner steps, shots, pixels, frames and folds?

    python benchmarks/scaling.py --quick        # Conv-4 of width 8: minutes
    python benchmarks/scaling.py                # of width 32

One factor at a time from a centre, on one device, by the package's own chunk of one
meta-step of second-order MAML on clips of noise. Memory is what the compiler plans for
temporaries, time the least of repeated steps: what else runs on the machine only adds
to it. The last column of a factor is the exponent e of a fit of value = a * factor^e,
least squares of logarithms: 0 does not grow, 1 grows as the factor does. Pixels count
both sides of a picture, so its exponent is that of the area.
"""

import argparse
import functools
import pathlib
import sys
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import jax
import meta_rivals
import numpy as np

from lightman_jax import keys
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.tasks.sampling import Clips, ClipTable, FoldView, Sizes
from lightman_jax.training import devices
from lightman_jax.training.state import (
  FoldData,
  Recipe,
  init_state,
  make_optimizer,
  run_folds,
  stack,
)

CLASSES, PEOPLE = 3, 6


class Size(NamedTuple):
  """Of a meta-step."""
  tasks: int = 2
  steps: int = 2
  shots: int = 1
  side: int = 16
  frames: int = 1
  folds: int = 2
  width: int = 8
  depth: int = 0     # of the temporal module; 1 where the frames are many


QUICK = {'tasks': (1, 2, 4), 'steps': (1, 2, 4), 'shots': (1, 2, 4),
         'side': (16, 24, 32), 'frames': (1, 2, 4), 'folds': (1, 2, 4)}
FULL = {'tasks': (1, 2, 4, 8), 'steps': (1, 2, 4, 8, 16), 'shots': (1, 2, 4, 8),
        'side': (16, 32, 64), 'frames': (1, 3, 9), 'folds': (1, 2, 4, 8)}


def make_data(size: Size, fold: int) -> FoldData:
  """Noise: the same number of clips of every person and class."""
  rng, each = np.random.default_rng(0), 2 * size.shots
  subject, label = (np.ravel(v).astype('i4') for v in np.meshgrid(
      np.repeat(np.arange(PEOPLE), each), np.arange(CLASSES)))
  x = rng.standard_normal((len(label), size.frames, size.side, size.side, 3), 'f4')
  clips = Clips(
      x, ClipTable(subject, np.zeros(len(x), bool), np.zeros(len(x), bool)),
      FoldView(subject != fold % PEOPLE, label, np.ones((2, 3), 'f4')))
  split = np.arange(PEOPLE)[None] % 2 == 0
  return FoldData(f's{fold}', keys.fold_key(0, f's{fold}'), clips, split)


def measure(size: Size, options) -> tuple[float, int]:
  """Seconds of a meta-step of all folds, and bytes of temporaries."""
  net = meta_rivals.make_net(meta_rivals.Row(
      '', width=size.width, frames=size.frames, depth=size.depth, classes=CLASSES))
  recipe = Recipe(
      learners.maml(net, Steps(size.steps, meta_rivals.RATE, memory=options.memory)),
      make_optimizer(outer_rate=1e-3, weight_decay=0., clip_norm=1.),
      Sizes(CLASSES, size.shots, size.shots), lambda key, clip: clip, size.tasks,
      options.tasks_at_once)
  views, clips = stack([make_data(size, n) for n in range(size.folds)], size.folds)
  views, clips = jax.device_put((views, clips))
  shape = clips.x.shape[1:]
  states = jax.jit(lambda keys: jax.lax.map(
      lambda key: init_state(key, recipe, shape), keys))(views.key)
  run = functools.partial(run_folds, recipe=recipe, length=1,
                          at_once=options.folds_at_once)
  program = jax.jit(run).lower(states, views, clips).compile()
  times = []
  for _ in range(1 + options.rounds):
    began = time.perf_counter()
    jax.block_until_ready(program(states, views, clips))
    times.append(time.perf_counter() - began)
  return min(times[1:]), program.memory_analysis().temp_size_in_bytes


def exponent(factor, values) -> float:
  """Of the power law through the values."""
  return float(np.polyfit(np.log(factor), np.log(values), 1)[0])


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--factors', default='', help='only these, by commas')
  parser.add_argument('--tasks-at-once', type=int, default=1)
  parser.add_argument('--folds-at-once', type=int, default=1)
  parser.add_argument('--memory', type=float, default=1024.,
                      help='MiB a task may keep, as method.inner_memory')
  parser.add_argument('--rounds', type=int, default=10)
  options = parser.parse_args()
  devices.use_compilation_cache()
  table = QUICK if options.quick else FULL
  centre = Size() if options.quick else Size(width=32, side=28)
  wanted = options.factors.split(',') if options.factors else list(table)
  again = functools.cache(lambda size: measure(size, options))
  print(f'centre: {centre}')
  for name in wanted:
    of = centre._replace(depth=1) if name == 'frames' else centre
    points = [again(of._replace(**{name: value})) for value in table[name]]
    seconds, sizes = zip(*points)
    print(f'{name:7}' + ''.join(f'{value:>10}' for value in table[name]) + '  exponent')
    factor = np.square(table[name]) if name == 'side' else table[name]
    print('   ms  ' + ''.join(f'{1e3 * s:10.2f}' for s in seconds)
          + f'{exponent(factor, seconds):10.2f}')
    print('   MiB ' + ''.join(f'{b / 2**20:10.2f}' for b in sizes)
          + f'{exponent(factor, sizes):10.2f}', flush=True)


if __name__ == '__main__':
  main()
