"""The device door: one program for all devices, and state that stays equal on them."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.training import devices


def test_a_chunk_runs_everywhere_and_is_compiled_once():
  used, traced = jax.devices(), []
  assert len(used) == 2

  def chunk(state, view, shared, count):
    traced.append(count)
    mine = jax.lax.axis_index(devices.AXIS)
    mean = jax.lax.pmean(shared['x'] * (mine + 1.), devices.AXIS)
    return state + mean + view, {'mine': mine, 'mean': mean}
  call = devices.over_devices(chunk, used)
  copies = devices.replicate(np.float32(1.), used)
  view = devices.divide(np.array([10., 20.], np.float32), used)
  assert copies.shape == (2,) and len(copies.sharding.device_set) == 2
  for _ in range(3):
    copies, scalars = call(copies, jnp.squeeze(view, 1), {'x': np.float32(2.)},
                           np.int32(1))
  assert len(traced) == 1
  np.testing.assert_array_equal(copies, [40., 70.])       # 1 + 3 (mean(2, 4) + view)
  assert devices.first(copies) == 40.
  assert devices.first(scalars) == {'mine': 0, 'mean': 3.}
  assert all(isinstance(x, np.ndarray) for x in devices.first(scalars).values())


def test_replicas_and_parts_come_back(states_equal):
  tree = {'a': jnp.arange(8.).reshape(2, 4), 'key': jnp.arange(2)}
  for used in (jax.devices()[:1], jax.devices()):
    states_equal(devices.first(devices.replicate(tree, used)), tree)
    states_equal(devices.gather(devices.divide(tree, used)), tree)


# devices, folds, tasks, what is asked for -> used, split, together, at once
@pytest.mark.parametrize('count, folds, tasks, options, want', [
    (2, 24, 4, {}, (2, 'folds', 2, 1, 1)),
    (1, 24, 4, {}, (1, 'folds', 1, 1, 1)),
    (2, 1, 4, {}, (2, 'tasks', 1, 1, 1)),
    (2, 1, 3, {}, (2, 'tasks', 1, 1, 1)),
    (2, 1, 1, {}, (1, 'tasks', 1, 1, 1)),
    (2, 24, 4, {'split': 'tasks'}, (2, 'tasks', 1, 1, 1)),
    (2, 24, 4, {'folds_at_once': 6}, (2, 'folds', 12, 6, 1)),
    (2, 3, 4, {'folds_at_once': 6, 'tasks_at_once': 4}, (2, 'folds', 6, 3, 4))])
def test_how_work_is_divided(count, folds, tasks, options, want):
  used, *rest = devices.lay_out(jax.devices()[:count], folds=folds, tasks=tasks,
                                **options)
  assert (len(used), *rest) == want


# tasks on eight devices -> used: 4 each with one; 5 of 9 tasks' 2, the last with 1
@pytest.mark.parametrize('tasks, used', [(4, 4), (6, 6), (8, 8), (9, 5), (17, 6)])
def test_no_device_goes_without_a_task(tasks, used):
  eight = jax.devices()[:1] * 8
  layout = devices.lay_out(eight, folds=1, tasks=tasks, split='tasks')
  assert len(layout.devices) == used


def test_more_devices_than_there_are():
  assert devices.open_devices(0) == tuple(jax.devices())
  assert devices.open_devices(1) == tuple(jax.devices()[:1])
  with pytest.raises(InputError, match='training.devices is 3, and there are 2'):
    devices.open_devices(3)


def test_a_cpu_is_as_many_devices_as_it_has_cores():
  code = ('import os; os.sched_getaffinity = lambda _: range(3)\n'
          'from lightman_jax.training.devices import open_devices\n'
          'print(len(open_devices(0)))')
  environ = {name: word for name, word in os.environ.items() if name != 'XLA_FLAGS'}
  done = subprocess.run([sys.executable, '-c', code], env=environ, check=True,
                        capture_output=True, text=True)
  assert done.stdout.strip() == '3'


@pytest.mark.parametrize('platforms', ['cuda', 'gpu', 'nonsense'])
def test_a_platform_that_is_not_there_is_one_sentence(platforms):
  code = ('from lightman_jax.errors import InputError\n'
          'from lightman_jax.training.devices import open_devices\n'
          'try:\n  open_devices(0)\n'
          'except InputError as error:\n  print(error)')
  done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                        env={**os.environ, 'JAX_PLATFORMS': platforms}, check=True)
  assert done.stdout.startswith(f'JAX_PLATFORMS={platforms}, and jax can use no such')
  assert done.stdout.count('\n') == 1 and 'set it to cpu' in done.stdout
  assert 'Traceback' not in done.stderr


def test_what_is_shared_lies_on_every_device_once():
  used = jax.devices()
  shared = devices.share({'x': np.arange(6.)}, used)['x']
  assert shared.is_fully_replicated and shared.sharding.device_set == set(used)
  np.testing.assert_array_equal(shared, np.arange(6.))
  call = devices.over_devices(
      lambda state, view, x, count: (state + x.sum() + view, {}), used)
  state, _ = call(*(devices.divide(np.zeros(2, np.float32), used) for _ in range(2)),
                  shared, np.int32(1))
  np.testing.assert_array_equal(np.ravel(state), [15., 15.])


def test_a_state_that_is_donated_is_gone():
  used = jax.devices()
  make = lambda: devices.replicate(np.ones(8, np.float32), used)
  for donate in (False, True):
    call = devices.over_devices(
        lambda state, view, x, count: (state + view + x, {}), used, donate=donate)
    before = make()
    after, _ = call(before, make(), np.float32(1.), np.int32(1))
    assert before.is_deleted() == donate
    np.testing.assert_array_equal(devices.first(after), 3.)


def test_the_users_compilation_cache_is_left_alone(monkeypatch, tmp_path):
  kept = jax.config.jax_compilation_cache_dir
  try:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    for mine, want in ((str(tmp_path / 'mine'), 'mine'), (None, 'lightman_jax/xla')):
      jax.config.update('jax_compilation_cache_dir', mine)
      devices.use_compilation_cache()
      assert jax.config.jax_compilation_cache_dir == str(tmp_path / want)
  finally:
    jax.config.update('jax_compilation_cache_dir', kept)
