"""Leave one subject out as one program: folds times seeds are one batch axis.

    python benchmarks/loso_seeds.py --quick     # 24 folds, 1 and 3 seeds, 2 steps
    python benchmarks/loso_seeds.py             # and 68 folds, 20 steps
    python benchmarks/loso_seeds.py --manifest=FILE.csv     # of ready flow pictures

Supervised STSTNet at the sizes of `loso.py`, whose clips and network these are, or on
pictures of three classes and all their people, as `configs/manifest.py` reads them, by
`training.state.run_folds` as a run uses it: batches of 255 drawn inside the program,
which is compiled once for all folds and seeds. A fold of another seed is another key on
the same axis. The first seed's weights must be those that it gets alone, or nothing is
reported.
"""

import argparse
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import jax
import jax.numpy as jnp
import loso
import numpy as np

from configs import manifest
from lightman_jax import keys
from lightman_jax.experiment import assembly
from lightman_jax.meta import learners
from lightman_jax.runs.progress import Progress
from lightman_jax.tasks.sampling import Clips, ClipTable, FoldView, Sizes
from lightman_jax.training import devices
from lightman_jax.training.loop import make_trainer, stack
from lightman_jax.training.state import FoldData, Recipe, make_optimizer

TOLERANCE = 1e-4


def make_folds(folds: int, seeds: int) -> list[FoldData]:
  """Seed after seed, each with all folds."""
  rng, clips = np.random.default_rng(0), loso.SIZES[folds]
  x = rng.standard_normal((clips, 1, 28, 28, 3), 'f4')
  subject = np.concatenate([np.arange(folds), rng.integers(folds, size=clips - folds)])
  label = rng.integers(loso.CLASSES, size=clips)
  nothing = np.zeros(clips, bool)
  split = rng.random((8, folds)) < .5
  return [FoldData(f's{n}', keys.fold_key(seed, f's{n}'), Clips(
      x, ClipTable(subject.astype('i4'), nothing, nothing),
      FoldView(subject != n, label.astype('i4'), np.ones((2, 3), 'f4'))), split)
          for seed in range(seeds) for n in range(folds)]


def real_folds(path: str, seeds: int) -> list[FoldData]:
  """Likewise, of a manifest's pictures."""
  config = manifest.get_config('method=supervised,macro=none').to_dict()
  config['data']['path'] = path
  with Progress() as progress:
    material = assembly.prepare(config, progress)
  return [assembly.fold_data({**config, 'seed': seed}, material, number)
          for seed in range(seeds) for number in range(len(material.folds))]


def run(folds: list[FoldData], options):
  """Weights of all folds, seconds of the training, seconds to compile."""
  used = devices.open_devices(options.devices)
  used = used[:max(n for n in range(1, len(used) + 1) if len(folds) % n == 0)]
  recipe = Recipe(
      learners.supervised(loso.make_net()),
      make_optimizer(outer_rate=loso.RATE, weight_decay=0., clip_norm=1.),
      Sizes(loso.CLASSES, 42, 43), lambda key, clip: clip, tasks=1, at_once=1)
  layout = devices.lay_out(used, folds=len(folds), tasks=1, split='folds',
                           folds_at_once=options.together)
  lines = []
  trainer = make_trainer(recipe, steps=options.steps, every=options.steps,
                         layout=layout, on_compiled=lines.append)
  views, clips = stack(folds, len(folds))
  states = trainer.init(views.key, clips.x.shape[1:])
  views, states = (devices.divide(tree, used) for tree in (views, states))
  clips = jax.device_put(clips)
  times = []
  for _ in range(1 + options.rounds):
    start = jax.block_until_ready(jax.tree.map(jnp.copy, states))   # it is used up
    began = time.perf_counter()
    done, _ = jax.block_until_ready(trainer.chunk(
        start, views, clips, np.int32(options.steps)))
    times.append(time.perf_counter() - began)
  weights = np.concatenate([leaf.reshape(len(folds), -1) for leaf in jax.tree.leaves(
      devices.gather(done.params))], 1)
  return weights, float(np.median(times[1:])), lines[0].tracing + lines[0].compiling


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--folds', type=int, default=0, choices=[0, *loso.SIZES])
  parser.add_argument('--steps', type=int, default=0)
  parser.add_argument('--seeds', type=int, default=3)
  parser.add_argument('--together', type=int, default=1,
                      help='folds of a device that make one batch')
  parser.add_argument('--devices', type=int, default=0, help='0: all')
  parser.add_argument('--rounds', type=int, default=3)
  parser.add_argument('--manifest', default='', help='of ready flow pictures')
  options = parser.parse_args()
  options.steps = options.steps or (2 if options.quick else 20)
  devices.use_compilation_cache()
  table = ([real_folds(options.manifest, options.seeds)] if options.manifest else
           [make_folds(folds, options.seeds) for folds in loso.sizes(options)])
  for row in table:
    folds = len(row) // options.seeds
    alone, single, start = run(row[:folds], options)
    print(f'{folds} folds, 1 seed: {single:.3f} s for {options.steps} steps of each, '
          f'{folds * options.steps / single:.0f} steps a second; compiled in '
          f'{start:.1f} s', flush=True)
    together, several, start = run(row, options)
    gap = np.linalg.norm(together[:folds] - alone) / np.linalg.norm(alone)
    if not gap <= TOLERANCE:
      raise SystemExit(f'the first seed alone differs by {gap:.1e}; nothing reported')
    print(f'{folds} folds, {options.seeds} seeds: {several:.3f} s, '
          f'{several / single / options.seeds:.2f} times as long for each seed; '
          f'compiled in {start:.1f} s; the first seed differs by {gap:.0e}', flush=True)


if __name__ == '__main__':
  main()
