"""Training as it is lowered for accelerators that are not here."""

import functools
import re

import jax
import numpy as np
import pytest

from lightman_jax import keys, registry
from lightman_jax.models.network import make_network
from lightman_jax.tasks.sampling import Sizes, fold_clips
from lightman_jax.training import numerics
from lightman_jax.training.state import (
  FoldData,
  Recipe,
  init_state,
  make_optimizer,
  run_folds,
  stack,
)

PLATFORMS = ('cuda', 'rocm', 'tpu')
PICTURES = (2, 12, 11, 3)
CLIPS = {'dere_grl': (3, 68, 2), 'mlp': (10,), 'tcn': (7, 5)}
SMALL = {'width': 8, 'grid': 2, 'temporal_width': 4, 'temporal_depth': 1, 'dense': 12,
         'depth': 1, 'actions': 3, 'inner_steps': 2}
# What leaves the device in the middle of a program, or waits for the host.
HOST = ('callback', 'infeed', 'outfeed', 'stablehlo.send', 'stablehlo.recv',
        'annotate_device_placement', 'pinned_host')
# What a program calls that is no operation of StableHLO: random numbers and choices,
# which every platform has on the device.
ON_DEVICE = re.compile(r'cu_threefry2x32|hip_threefry2x32|mhlo\.topk|ApproxTopK|'
                       r'Sharding|SPMD|cub|chlo')


def part(kind, name):
  """As a configuration names it, made small."""
  settings = registry.find(kind, name)
  known = {field: value for field, value in SMALL.items()
           if field in settings.__dataclass_fields__}
  return settings(**known)


def traced(pool_of, encoder, method, tasks=2, folds=2):
  """Two meta-steps of two folds, two tasks each, all as one batch."""
  pool = pool_of(subjects=4, micro=2, classes=3, shape=CLIPS.get(encoder, PICTURES))
  net = make_network(part('encoder', encoder).make(), classes=3)
  recipe = Recipe(part('method', method).make(net),
                  make_optimizer(outer_rate=1e-3, weight_decay=0., clip_norm=1.),
                  Sizes(3, 1, 1, 2), lambda key, clip: clip, tasks, tasks)
  scale = np.ones((2, pool.x.shape[-1]), np.float32)
  split = np.arange(len(pool.subjects))[None] % 2 == 0
  views, clips = stack([
      FoldData(f's{n}', keys.fold_key(0, f's{n}'),
               fold_clips(pool, pool.subject != n, scale), split)
      for n in range(folds)], folds)
  states = jax.eval_shape(jax.vmap(
      lambda key: init_state(key, recipe, clips.x.shape[1:])), views.key)
  run = functools.partial(run_folds, recipe=recipe, length=2, at_once=folds)
  with numerics.pinned():
    return states, jax.jit(run, donate_argnums=0).trace(states, views, clips)


def check(pool_of, encoder, method):
  states, program = traced(pool_of, encoder, method)
  for platform in PLATFORMS:
    text = program.lower(lowering_platforms=(platform,)).as_text()
    assert not [word for word in HOST if word in text], platform
    calls = set(re.findall(r'custom_call @([\w.$]+)', text))
    assert not [call for call in calls if not ON_DEVICE.match(call)], calls
    # New states lie where the old ones did.
    assert text.count('tf.aliasing_output') == len(jax.tree.leaves(states)), platform
    yield platform, text


def test_a_step_stays_on_its_device(pool_of):
  """And a kernel of each task is a matmul there, not a grouped convolution."""
  for _, text in check(pool_of, 'conv4', 'lightman'):
    assert 'dot_general' in text
    groups = re.findall(r'(?:feature|batch)_group_count = (\d+)', text)
    assert set(groups) <= {'1'}


def test_what_the_test_looks_for():
  """A callback is in the text, whatever the platform."""
  def function(x):
    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    return jax.pure_callback(np.sin, shape, x)
  program = jax.jit(function).trace(np.ones(3, np.float32))
  text = program.lower(lowering_platforms=('cuda',)).as_text()
  assert [word for word in HOST if word in text] == ['callback']


@pytest.mark.slow
@pytest.mark.parametrize('method', registry.METHODS)
@pytest.mark.parametrize('encoder', registry.ENCODERS)
def test_every_encoder_and_method(pool_of, encoder, method):
  assert [platform for platform, _ in check(pool_of, encoder, method)] == [*PLATFORMS]
