"""What does it cost to bring clips to the device in blocks, where they would fit there?

    python benchmarks/streaming.py --quick      # some minutes on two cores
    python benchmarks/streaming.py

The same supervised steps, which do the least with a clip and so leave the least time to
read the next, with all clips on the device and with clips in a file. Chunks are timed
in turns; parameters must agree to 1e-5, or nothing is reported. Printed are medians and
quartiles of a chunk, the ratio of each pair of neighbours, and what the thread that
prepares blocks needs for a chunk: where that is less than the chunk takes, and there is
a core for it, the device does not wait.
"""

import argparse
import pathlib
import sys
import tempfile
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax import keys
from lightman_jax.inputs.pool import Stored
from lightman_jax.meta.learners import supervised
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.tasks.sampling import Clips, ClipTable, FoldView, Sizes
from lightman_jax.training import streaming
from lightman_jax.training.devices import lay_out, replicate
from lightman_jax.training.loop import make_trainer, stack
from lightman_jax.training.state import FoldData, Recipe, make_optimizer


class Row(NamedTuple):
  """What is trained on what."""
  name: str
  shape: tuple[int, ...]
  encoder: str
  width: int
  shots: int              # of a class and side; three classes, two sides
  clips: int = 600
  length: int = 10        # steps of a chunk


ROWS = (Row('clips 8x64x64x3, Conv-4', (8, 64, 64, 3), 'conv4', 16, 3),
        Row('pictures 28x28x3, Conv-4', (1, 28, 28, 3), 'conv4', 16, 10),
        Row('pictures 28x28x3, STSTNet, 252 a step', (1, 28, 28, 3), 'ststnet', 16, 42))


def make_fold(row: Row, rng: np.random.Generator) -> FoldData:
  """Random clips of 20 people and three classes."""
  n, number = row.clips, np.arange(row.clips)
  x = rng.standard_normal((n, *row.shape), np.float32)
  splits = rng.random((16, 20)) < .5
  return FoldData('', keys.fold_key(0, ''), Clips(
      x, ClipTable((number // 3 % 20).astype(np.int32), np.zeros(n, bool),
                   np.zeros(n, bool)),
      FoldView(np.ones(n, bool), (number % 3).astype(np.int32),
               np.ones((2, 3), np.float32))), splits)


def seconds(call) -> tuple[float, object]:
  began = time.perf_counter()
  result = jax.block_until_ready(call())
  return time.perf_counter() - began, result


def measure(row: Row, rounds: int, folder: pathlib.Path) -> None:
  """Prints a row; ends the program where the two differ."""
  fold = make_fold(row, np.random.default_rng(0))
  np.save(folder / 'x.npy', fold.clips.x)
  net = make_network(make_encoder(
      encoder=row.encoder, width=row.width, grid=4, temporal_width=16,
      temporal_depth=1 if row.shape[0] > 1 else 0, depth=2, dense=64, actions=8,
      decompose=True, relate=True, conv='auto', norm='group'), classes=3)
  recipe = Recipe(supervised(net), make_optimizer(
      outer_rate=1e-3, weight_decay=0., clip_norm=1.), Sizes(3, row.shots, row.shots),
                  lambda key, clip: clip, tasks=1, at_once=1)
  layout = lay_out(jax.devices()[:1], folds=1, tasks=1)
  steps = row.length * (rounds + 1)
  here, away = (make_trainer(recipe, steps=steps, every=row.length, layout=layout,
                             streamed=size) for size in (0, fold.clips.x[0].nbytes))
  views, clips = stack([fold], 1)
  start = replicate(here.init(views.key, row.shape), layout.devices)
  on_device = clips._replace(x=jax.device_put(clips.x))
  in_file = clips._replace(x=Stored.open(folder / 'x.npy'))
  placed, times = replicate(views, layout.devices), []
  with streaming.open_blocks(away.blocks, away.chunk, views, in_file, first=0,
                             last=steps, steps=row.length) as train:
    # A chunk uses up the state that it takes.
    one, other = start, jax.tree.map(jnp.copy, start)
    for _ in range(rounds + 1):
      a, (one, _) = seconds(lambda: here.chunk(one, placed, on_device,
                                             np.int32(row.length)))
      b, (other, *_) = seconds(lambda: train(other, row.length))
      times.append((a, b))
  gap = max(jax.tree.leaves(jax.tree.map(
      lambda a, b: float(np.abs(a - b).max()), one.params, other.params)))
  if not gap <= 1e-5:
    raise SystemExit(f'{row.name}: parameters differ by {gap:.1e}; nothing reported')
  show(row, np.array(times[1:]), away.blocks, prepared(away, views, in_file, row), gap)


def prepared(trainer, views, clips, row: Row) -> float:
  """Seconds to draw, read and send the blocks of a chunk, with nothing beside it."""
  def idle(copies, view, block, count):
    return copies, {'loss': np.zeros(1)}
  folds = []
  for _ in range(5):
    began = time.perf_counter()
    with streaming.open_blocks(trainer.blocks, idle, views, clips, first=0,
                               last=row.length, steps=row.length) as train:
      train(None, row.length)
    folds.append(time.perf_counter() - began)
  return float(np.median(folds))


def show(row: Row, times: np.ndarray, blocks, alone: float, gap: float) -> None:
  """Prints medians, quartiles and the ratio."""
  words = lambda x: '{1:.4g} [{0:.3g}, {2:.3g}]'.format(*np.quantile(x, (.25, .5, .75)))
  print(f'{row.name}: {row.length} steps in blocks of {blocks.length}\n'
        f'  on the device  {words(times[:, 0])} s\n'
        f'  in blocks      {words(times[:, 1])} s, ratio '
        f'{words(times[:, 1] / times[:, 0])}\n'
        f'  preparing a chunk, alone: {alone:.4g} s; parameters differ by {gap:.0e}',
        flush=True)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--rows', default='', help='only rows with one of these words')
  options = parser.parse_args()
  words = options.rows.split(',')
  for row in ROWS:
    if any(word in row.name for word in words):
      with tempfile.TemporaryDirectory() as folder:
        measure(row, 8 if options.quick else 30, pathlib.Path(folder))


if __name__ == '__main__':
  main()
