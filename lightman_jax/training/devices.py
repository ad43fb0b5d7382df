"""The one door to devices: `pmap` over devices of `vmap` over their tasks."""

from collections.abc import Callable, Sequence
import contextlib
import os
import pathlib

import jax
import numpy as np

from lightman_jax.errors import InputError

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


def open_devices(wanted: int, tasks: int) -> tuple[jax.Device, ...]:
  """The devices that share the tasks of a meta-batch.

  A CPU counts as one device for each core, as far as they share the tasks equally: the
  parts of a step that run on one core only then run beside each other. Call before
  anything else starts jax; what the user said with `XLA_FLAGS` or `JAX_NUM_CPU_DEVICES`
  holds.

  Args:
    wanted: how many; 0 takes as many as share the tasks equally.
    tasks: of a meta-batch.

  Raises:
    InputError: so many are not there.
  """
  if ('xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', '')
      and jax.config.jax_num_cpu_devices < 1):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else (
        os.cpu_count() or 1)
    with contextlib.suppress(RuntimeError):   # jax runs already
      jax.config.update('jax_num_cpu_devices',
                        min(wanted, cores) or _sharing(tasks, cores))
  found = jax.devices()
  if wanted > len(found):
    raise InputError(f'training.devices is {wanted}, and there are {len(found)}; '
                     'choose fewer, or 0 for as many as share the tasks equally')
  return tuple(found[:wanted or _sharing(tasks, len(found))])


def _sharing(tasks: int, most: int) -> int:
  """The greatest number up to `most` that divides `tasks`."""
  return max(n for n in range(1, min(tasks, most) + 1) if tasks % n == 0)


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
