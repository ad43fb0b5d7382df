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

  def chunk(state, shared, other):
    traced.append(1)
    mine = jax.lax.axis_index(devices.AXIS)
    mean = jax.lax.pmean(shared['x'] * (mine + 1.), devices.AXIS)
    return state + mean + other.sum(), {'mine': mine, 'mean': mean}
  call = devices.over_devices(chunk, used)
  copies = devices.replicate(jnp.array(1.), used)
  assert copies.shape == (2,) and len(copies.sharding.device_set) == 2
  for _ in range(3):
    copies, scalars = call(copies, {'x': np.float32(2.)}, np.ones(2, np.float32))
  assert len(traced) == 1
  np.testing.assert_array_equal(copies, [16., 16.])       # 1 + 3 (mean(2, 4) + 2)
  assert devices.first(copies) == 16. and scalars == {'mine': 0, 'mean': 3.}
  assert all(isinstance(x, np.ndarray) for x in scalars.values())


def test_replicas_come_back(states_equal):
  tree = {'a': jnp.arange(6.).reshape(2, 3), 'step': jnp.array(3)}
  for used in (jax.devices()[:1], jax.devices()):
    states_equal(devices.first(devices.replicate(tree, used)), tree)


@pytest.mark.parametrize('wanted, tasks, want', [
    (0, 4, 2), (0, 3, 1), (0, 1, 1), (1, 4, 1), (2, 4, 2)])
def test_tasks_are_shared_out_equally(wanted, tasks, want):
  assert devices.open_devices(wanted, tasks) == tuple(jax.devices()[:want])


def test_more_devices_than_there_are():
  with pytest.raises(InputError, match='training.devices is 3, and there are 2'):
    devices.open_devices(3, 3)


def test_a_cpu_is_as_many_devices_as_it_has_cores():
  code = ('import os; os.sched_getaffinity = lambda _: range(3)\n'
          'from lightman_jax.training.devices import open_devices\n'
          'print(len(open_devices(0, 6)))')
  environ = {name: word for name, word in os.environ.items() if name != 'XLA_FLAGS'}
  done = subprocess.run([sys.executable, '-c', code], env=environ, check=True,
                        capture_output=True, text=True)
  assert done.stdout.strip() == '3'


@pytest.mark.parametrize('wanted, want', [(0, 1), (1, 1), (4, 4)])
def test_a_cpu_takes_one_task_at_a_time(wanted, want):
  assert jax.default_backend() == 'cpu'
  assert devices.tasks_at_once(wanted) == want


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
