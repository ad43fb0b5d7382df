"""Clips larger than the memory that a run may take: trained on, scaled, predicted."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# 1.2 GB of clips in a sparse file, and blocks of 14 MB, a step each. What Linux counts
# as the most that the process held is looked at before the first program of the
# training is compiled, and after the last clip.
PROGRAM = """
import json, pathlib, resource, sys, threading, os
import jax, jax.numpy as jnp, numpy as np, optax
from lightman_jax import keys
from lightman_jax.tasks.sampling import Clips, ClipTable, FoldView, Sizes
from lightman_jax.evaluation import predict, references
from lightman_jax.meta.inner import Adapted
from lightman_jax.meta.learners import Learner
from lightman_jax.inputs import pool
from lightman_jax.inputs.pool import Stored
from lightman_jax.training import streaming
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.devices import lay_out
from lightman_jax.training.loop import make_trainer, train_folds
from lightman_jax.training.state import FoldData, Recipe

folder, n, shape = pathlib.Path(sys.argv[1]), 1000, (1, 100, 1500, 2)
path = folder / 'x.npy'
with open(path, 'wb') as file:
  np.lib.format.write_array_header_1_0(file, {
      'descr': '<f4', 'fortran_order': False, 'shape': (n, *shape)})
  begin = file.tell()
  for clip in range(n):
    file.seek(begin + 4 * clip * 300000)
    file.write(np.float32(clip))
  file.truncate(begin + 4 * n * 300000)
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def meta_grad(params, task, key, done):
  sum_of = task.support.x.sum() + task.query.x.sum()
  return {'w': sum_of}, {'query_loss': sum_of}
learner = Learner(lambda key, shape: {'w': jnp.zeros(())},
                  lambda params, support, key: Adapted(params, {}),
                  lambda fast, x: jnp.stack([x.sum((1, 2, 3, 4))] * 3, -1), meta_grad)
sizes = Sizes(3, 1, 1)
recipe = Recipe(learner, optax.sgd(1.), sizes, lambda key, clip: clip, 2, 1)
number, x = np.arange(n), Stored.open(path)
nothing = np.zeros(n, bool)
clips = Clips(
    x, ClipTable((number // 100).astype(np.int32), nothing, nothing),
    FoldView(number >= 200, (number % 3).astype(np.int32), np.ones((2, 2), np.float32)))
fold = FoldData('a', keys.fold_key(0, 'a'), clips, np.arange(10)[None] < 6)
streaming.BLOCK_BYTES, predict.BATCH = 2**23, 2**23
trainer = make_trainer(recipe, steps=20, every=10, streamed=1200000,
                       layout=lay_out(jax.devices()[:1], folds=1, tasks=2))
def train(name):
  told = []
  with Checkpoints(folder / name) as checkpoints:
    train_folds(trainer, [fold], checkpoints,
                on_chunk=lambda last, scalars: told.append(scalars['query_loss'][0]))
  return np.concatenate(told)
jax.block_until_ready(jax.jit(lambda x: x @ x)(jnp.ones((256, 256))))
before = most()
first = train('one')
files, threads = len(os.listdir('/proc/self/fd')), threading.active_count()
again = train('two')
logits = predict.make_predict(learner, sizes=sizes, draws=1)(
    {'w': jnp.zeros(())}, fold.key, clips, x.rows(~clips.view.train), most=200)
squares = pool.mean_squares(x)
print(json.dumps({
    'grown': most() - before, 'same': bool((first == again).all()),
    'varied': float(first.std()), 'logits': logits[:, 0].tolist(),
    'squares': squares[:, 0].tolist(), 'fd': len(os.listdir('/proc/self/fd')) - files,
    'threads': threading.active_count() - threads}))
"""


@pytest.mark.slow
def test_twelve_hundred_megabytes_in_a_third_of_that(tmp_path):
  """Training, held-out clips and channel scales, each right, and none keeps the clips.

  Between two trainings neither threads nor files have become more.
  """
  environment = {**os.environ, 'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': '',
                 'PYTHONPATH': str(ROOT)}
  done = subprocess.run([sys.executable, '-c', PROGRAM, str(tmp_path)], text=True,
                        capture_output=True, env=environment, timeout=400)
  assert done.returncode == 0, done.stderr
  measured = json.loads(done.stdout.splitlines()[-1])
  assert measured['grown'] < 400, f'{measured["grown"]:.0f} MiB'
  assert measured['same'] and measured['varied'] > 0
  assert measured['logits'] == [float(clip) for clip in range(200)]
  assert measured['squares'] == [clip ** 2 / 150000 for clip in range(1000)]
  assert measured['fd'] <= 0 and measured['threads'] <= 0
