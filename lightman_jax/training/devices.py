"""The one door to devices: `pmap` over devices of `vmap` over their tasks."""

from collections.abc import Callable, Sequence
import os
import pathlib

import jax
import numpy as np

AXIS = 'device'


def over_devices(chunk: Callable, devices: Sequence[jax.Device]) -> Callable:
  """`chunk(state, *shared)` on all devices, its state kept equal by averaging.

  Args:
    chunk: takes the state and what all devices share; averages over `AXIS` itself.
    devices: where it runs.

  Returns:
    A function of a state with a leading device axis (see `replicate`) and the shared
    arguments, to the new state and the first device's scalars.
  """
  mapped = {}

  def call(state, *shared):
    if len(shared) not in mapped:
      mapped[len(shared)] = jax.pmap(
          chunk, AXIS, in_axes=(0, *(None for _ in shared)), devices=list(devices))
    state, scalars = mapped[len(shared)](state, *shared)
    return state, jax.tree.map(lambda x: np.asarray(x[0]), scalars)
  return call


def replicate(tree, devices: Sequence[jax.Device]):
  """One copy for each device, along a new first axis.

  The mesh's axis bears pmap's name: under any other name the second call compiles
  everything anew.
  """
  mesh = jax.sharding.Mesh(np.asarray(devices), (AXIS,))
  sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(AXIS))
  copies = lambda x: np.broadcast_to(np.asarray(x)[None], (len(devices), *x.shape))
  return jax.tree.map(lambda x: jax.device_put(copies(x), sharding), tree)


def first(tree):
  """The first device's copy, on the host."""
  return jax.tree.map(lambda x: np.asarray(x[0]), tree)


def tasks_at_once(wanted: int) -> int:
  """How many of its tasks a device takes as one batch; 0 leaves it to the backend.

  An accelerator is filled by a large batch; a CPU is full with one task.
  """
  return wanted or (1 if jax.default_backend() == 'cpu' else 10**6)


def use_compilation_cache() -> None:
  """Compiled programs are kept between runs, where the user has not said otherwise."""
  if jax.config.jax_compilation_cache_dir is None:
    home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    jax.config.update('jax_compilation_cache_dir',
                      str(pathlib.Path(home) / 'lightman_jax' / 'xla'))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 1.)
