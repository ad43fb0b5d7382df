"""A step as accelerators get it: made for cuda, rocm and tpu without having one.

Nothing is compiled, so what the compiler of such a device refuses is not seen here.
"""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lightman_jax as lm
from lightman_jax.experiment import assembly
from lightman_jax.settings import CHOICES
from lightman_jax.training import devices
from lightman_jax.training.state import (
  Recipe,
  init_state,
  make_optimizer,
  run_folds,
  stack,
)

PLATFORMS = ('cuda', 'rocm', 'tpu')
STEPS = 2
# Words of a program that leaves the device before it ends, or calls somebody's library.
LEAVING = re.compile(r'stablehlo\.(custom_call|infeed|outfeed|send|recv)|callback|'
                     r'annotate_device_placement|pinned_host')
PICTURES, LANDMARKS = (1, 12, 11, 3), (3, 68, 2)
SMALL = {'width': 4, 'grid': 2, 'temporal_width': 4, 'temporal_depth': 1, 'dense': 8,
         'depth': 1, 'actions': 3, 'patch': 4, 'heads': 1}
# Two pairs by default; all of them are slow.
QUICK = {('mlp', 'lightman'), ('ststnet', 'supervised')}
PAIRS = [pytest.param(encoder, method, marks=[pytest.mark.slow] * (
             (encoder, method) not in QUICK), id=f'{encoder}-{method}')
         for encoder in CHOICES['model.encoder'] for method in CHOICES['method.name']]


def recipe_of(config, pool) -> Recipe:
  net = assembly.make_net(config, pool.classes)
  return Recipe(assembly.make_learner(config, net),
                make_optimizer(outer_rate=1e-3, weight_decay=1e-2, clip_norm=1.),
                assembly.make_sizes(config, pool), lambda key, clip: clip,
                tasks=2, at_once=2, steps=STEPS)


@pytest.fixture
def lowered(pool_of):
  """A function of an encoder, a method and settings: a chunk of steps, traced."""
  def of(encoder, method, **model):
    landmarks = encoder == 'dere_grl'
    config = lm.settings(
        f'synthetic:debug,encoder={encoder},method={method}',
        **{'inputs.kind': 'landmarks'} if landmarks else {})
    config['model'] |= {name: value for name, value in (SMALL | model).items()
                        if name in config['model']}
    config['method'] |= {'inner_steps': 1} if 'inner_steps' in config['method'] else {}
    config['episodes'].update(shots=1, queries=1)
    pool = pool_of(subjects=4, micro=2, macro=1, classes=3,
                   shape=LANDMARKS if landmarks else PICTURES)
    fold = assembly.Fold('s0', pool.subject != 0, (pool.subject == 0) & ~pool.macro)
    splits, = assembly.plan(config, pool, (fold,), (pool.label,), lambda line: None)
    data = assembly.fold_data_of_pool(config, pool, fold, labels=pool.label,
                                      splits=splits)
    recipe = recipe_of(config, pool)
    views, clips = stack([data], 1)
    states = jax.eval_shape(jax.vmap(
        lambda key: init_state(key, recipe, clips.x.shape[1:])), views.key)
    program = devices.over_devices(
        functools.partial(run_folds, recipe=recipe, length=STEPS, at_once=1),
        jax.devices()[:1], donate=True)
    of_one_device = functools.partial(
        jax.eval_shape, lambda tree: jax.tree.map(lambda x: jnp.asarray(x)[None], tree))
    arguments = of_one_device(states), of_one_device(views), clips, np.int32(STEPS)
    return program, arguments, len(jax.tree.leaves(states))
  return of


@pytest.mark.parametrize('encoder, method', PAIRS)
def test_a_chunk_of_steps_is_made_for_every_platform_and_stays_on_it(
    encoder, method, lowered):
  program, arguments, leaves = lowered(encoder, method)
  # pmap lowers for the devices that are there; around it jit does for any.
  traced = jax.jit(program, donate_argnums=0).trace(*arguments)
  text = traced.lower(lowering_platforms=PLATFORMS).as_text()
  leaving = LEAVING.search(text)
  assert leaving is None, text[leaving.start() - 200:leaving.end() + 99]
  assert len(re.findall('tf.aliasing_output|jax.buffer_donor', text)) == leaves


def test_the_state_of_a_chunk_is_donated_by_the_door_itself(lowered):
  program, arguments, leaves = lowered('mlp', 'supervised')
  text = program.lower(*arguments).as_text()
  assert len(re.findall('tf.aliasing_output|jax.buffer_donor', text)) == leaves


def test_a_callback_would_be_seen():
  def step(x):
    jax.debug.callback(print, x)
    return x
  text = jax.jit(step).trace(1.).lower(lowering_platforms=('cpu',)).as_text()
  assert LEAVING.search(text)
