"""Does a long run grow? Memory, threads and open files after so many chunks.

  python benchmarks/long_run.py --chunks=10000
  python benchmarks/long_run.py --chunks=200 --seconds=60

Trains one fold of a linear model on vectors, one step a chunk, as the program does it:
through the loop over chunks, with a line in the log and a checkpoint after every one.
Prints the figures after 50, 100, 200, 500 ... chunks; exits with 1 if, from the
first row on, memory has grown by more than 8 MiB, or threads or files by more than 2.
About 10 ms a chunk on an idle core, most of it the checkpoint.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import threading
import time
from typing import NamedTuple

from flax import linen as nn
import jax
import numpy as np

from lightman_jax.meta.learners import supervised
from lightman_jax.models.network import make_network
from lightman_jax.runs import progress
from lightman_jax.tasks.sampling import Clips, ClipTable, FoldView, Sizes
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import lay_out
from lightman_jax.training.loop import make_trainer, train_folds
from lightman_jax.training.state import FoldData, Recipe, make_optimizer

MOST_MIB, MOST_MORE = 8, 2
ROWS = [50, *(factor * 10**power for power in range(2, 6) for factor in (1, 2, 5))]


class Figures(NamedTuple):
  """What must not grow."""
  mib: float
  threads: int
  files: int


class Late(Exception):
  """The time is over."""


class Linear(nn.Module):
  """A vector, mixed linearly."""

  @nn.compact
  def __call__(self, x):
    return nn.Dense(8)(x.reshape(len(x), -1))


def figures() -> Figures:
  """Of this process, as the system counts them."""
  status = pathlib.Path('/proc/self/status').read_text().split('\n')
  known = dict(line.split(':', 1) for line in status if ':' in line)
  return Figures(int(known['VmRSS'].split()[0]) / 1024, int(known['Threads']),
                 len(os.listdir('/proc/self/fd')))


def fold() -> FoldData:
  """Four people, three classes, vectors of eight numbers."""
  label = np.repeat(np.arange(3, dtype=np.int32), 16)
  subject = np.tile(np.arange(4, dtype=np.int32), 12)
  x = np.random.default_rng(0).standard_normal((48, 1, 1, 8, 1)).astype(np.float32)
  none = np.zeros(48, bool)
  clips = Clips(x, ClipTable(subject, none, none),
                FoldView(~none, label, np.ones((2, 1), np.float32)))
  splits = np.array([[True, True, False, False], [True, False, True, False]])
  return FoldData('s0', jax.random.key(0), clips, splits)


def train(chunks: int, folder: pathlib.Path, seconds: float) -> list[tuple]:
  """Trains, and returns a row (chunks, seconds, figures) now and then."""
  recipe = Recipe(supervised(make_network(Linear(), classes=3)),
                  make_optimizer(outer_rate=1e-3, weight_decay=1e-2, clip_norm=1.),
                  Sizes(classes=3, shots=1, queries=1), lambda key, clip: clip,
                  tasks=1, at_once=1, steps=chunks)
  trainer = make_trainer(recipe, steps=chunks, every=1, layout=lay_out(
      jax.devices()[:1], folds=1, tasks=1))
  rows, began = [], time.monotonic()

  def on_chunk(last, scalars):
    progress.append(folder / 'metrics.jsonl', [
        {'fold': 's0', 'step': last, 'loss': float(scalars['query_loss'][0, 0])}])
    late = time.monotonic() - began > seconds
    if last in ROWS or last == chunks or late:
      rows.append((last, time.monotonic() - began, figures()))
      print(f'{last:8} {rows[-1][1]:8.0f} {rows[-1][2].mib:10.1f} '
            f'{rows[-1][2].threads:8} {rows[-1][2].files:6}', flush=True)
    if late:
      raise Late

  print('  chunks  seconds    RSS MiB  threads  files', flush=True)
  with Checkpoints(folder / 'checkpoints') as checkpoints:
    try:
      train_folds(trainer, [fold()], checkpoints, on_chunk=on_chunk)
    except Late:
      print(f'stopped after {rows[-1][0]} of {chunks} chunks')
  return rows


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--chunks', type=int, default=10_000)
  parser.add_argument('--seconds', type=float, default=float('inf'),
                      help='stop then, and judge what was done')
  flags = parser.parse_args()
  with tempfile.TemporaryDirectory() as folder:
    rows = train(flags.chunks, pathlib.Path(folder), flags.seconds)
  first, last = rows[0][2], rows[-1][2]
  grown = (last.mib > first.mib + MOST_MIB or last.threads > first.threads + MOST_MORE
           or last.files > first.files + MOST_MORE)
  print(f'from {rows[0][0]} to {rows[-1][0]} chunks: {last.mib - first.mib:+.1f} MiB, '
        f'{last.threads - first.threads:+} threads, {last.files - first.files:+} files'
        f'; Python knows of {threading.active_count()} threads')
  return int(grown or len(rows) < 2)


if __name__ == '__main__':
  sys.exit(main())
