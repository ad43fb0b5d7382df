"""The one door to devices: `pmap` over devices of the folds or tasks each holds."""

from collections.abc import Callable, Sequence
import contextlib
import os
import pathlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax import places
from lightman_jax.errors import InputError
from lightman_jax.training import compiled, multihost

AXIS = 'device'
_CONFIG: Any = jax.config     # whose settings become attributes when jax is imported
FOLDS_AT_ONCE = 8         # on an accelerator; not measured yet


def over_devices(chunk: Callable, devices: Sequence[jax.Device], *, own: bool = False,
                 donate: bool = False) -> Callable:
  """`chunk(state, view, shared, count)` on all devices.

  Args:
    chunk: takes what a device has of the state and of the folds' view, what all
      devices share, and how many steps to make.
    devices: where it runs.
    own: each has its own of what else is shared, along a leading device axis.
    donate: the memory of the state becomes that of the new one; the old is gone then.

  Returns:
    A function of a state and a view with a leading device axis (see `replicate` and
    `divide`), what is shared, and the count, to the new state and scalars, with that
    axis.
  """
  return jax.pmap(chunk, AXIS, in_axes=(0, 0, 0 if own else None, None),
                  devices=list(devices), donate_argnums=(0,) if donate else ())


def share(tree, devices: Sequence[jax.Device]):
  """What all devices of this process see alike, sent to each of them once.

  Args:
    tree: of arrays.
    devices: of the run.
  """
  mesh = jax.sharding.Mesh(np.asarray(local(devices)), (AXIS,))
  sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
  return jax.tree.map(lambda x: jax.device_put(x, sharding), tree)


def replicate(tree, devices: Sequence[jax.Device]):
  """One copy for each device, along a new first axis.

  Args:
    tree: of arrays.
    devices: of the run.
  """
  copies = lambda x: jnp.broadcast_to(x, (len(devices), *x.shape))
  return each(local_part(jax.tree.map(copies, tree), devices), devices)


def divide(tree, devices: Sequence[jax.Device]):
  """The first axis dealt out to the devices, which must share it equally.

  Args:
    tree: of arrays, whose first axis is a multiple of the number of devices.
    devices: of the run.
  """
  parts = lambda x: jnp.reshape(x, (len(devices), -1, *x.shape[1:]))
  return each(local_part(jax.tree.map(parts, tree), devices), devices)


def local_part(tree, devices: Sequence[jax.Device]):
  """Of what is there for each device, along the first axis, that of this process's.

  Args:
    tree: of arrays with a first axis of devices.
    devices: of the run.
  """
  mine = local(devices)
  first = list(devices).index(mine[0])
  return tree if len(mine) == len(devices) else jax.tree.map(
      lambda x: x[first:first + len(mine)], tree)


def each(tree, devices: Sequence[jax.Device]):
  """What is there for each device of this process, along the first axis, sent to it.

  Args:
    tree: of arrays with a first axis of the devices of this process.
    devices: of the run.
  """
  # Under any other axis than pmap's the second call compiles all anew.
  mesh = jax.sharding.Mesh(np.asarray(local(devices)), (AXIS,))
  sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(AXIS))
  return jax.tree.map(lambda x: jax.device_put(x, sharding), tree)


def first(tree):
  """The first device's copy, on the host: the reverse of `replicate`.

  Args:
    tree: of arrays with a first axis of devices.
  """
  return jax.tree.map(lambda x: np.asarray(x[0]), tree)


def gather(tree):
  """All devices' parts, of all processes, on the host: the reverse of `divide`.

  Args:
    tree: of arrays with a first axis of devices.
  """
  # A copy: what numpy sees of a CPU's memory, the next chunk may be written into.
  return multihost.gather(jax.tree.map(
      lambda x: np.array(x).reshape(-1, *x.shape[2:]), tree))


def open_devices(count: int) -> tuple[jax.Device, ...]:
  """The devices of a run.

  A CPU counts as one device for each core: what runs on one core only then has company.
  Call before anything else starts jax; what the user said with `XLA_FLAGS` or
  `JAX_NUM_CPU_DEVICES` holds.

  Args:
    count: how many; 0 takes all.

  Raises:
    InputError: so many are not there.
  """
  if ('xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', '')
      and _CONFIG.jax_num_cpu_devices < 1):
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else (
        os.cpu_count() or 1)
    with contextlib.suppress(RuntimeError):   # jax runs already
      jax.config.update('jax_num_cpu_devices', cores)
  # Side by side lie those of a process.
  devices = sorted(_all_devices(), key=lambda device: (device.process_index, device.id))
  if count > len(devices):
    raise InputError(f'training.devices is {count}, and there are {len(devices)}; '
                     'choose fewer, or 0 for all')
  return tuple(devices[:count or None])


def _all_devices() -> list[jax.Device]:
  try:
    return jax.devices()
  except (RuntimeError, AssertionError) as error:
    # Of a platform for which no plugin is installed jax only asserts that it is there.
    platforms = _CONFIG.jax_platforms
    if not platforms:
      raise
    reason = (str(error) or 'nothing for it is installed').splitlines()[0].rstrip('.')
    extra = 'tpu' if 'tpu' in platforms else 'cuda'
    raise InputError(
        f'JAX_PLATFORMS={platforms}, and jax can use no such device here ({reason}); '
        f"install what it needs (pip install -e '.[{extra}]'), unset JAX_PLATFORMS, or "
        'set it to cpu') from error


class Layout(NamedTuple):
  """How the work of a run is divided."""
  devices: tuple[jax.Device, ...]
  split: str                # 'folds': a device trains folds of its own; 'tasks': all
                            # train the same fold, each with its share of the tasks
  together: int             # folds that are trained as one group
  folds_at_once: int        # of the folds that a device holds, as one batch
  tasks_at_once: int        # of the tasks that a device holds, as one batch


def lay_out(devices: Sequence[jax.Device], *, folds: int, tasks: int,
            split: str = 'auto', folds_at_once: int = 0, tasks_at_once: int = 0
            ) -> Layout:
  """Divides folds, or the tasks of a meta-batch, over devices; 0 is a sound choice.

  Folds exchange nothing, so they are what is divided where there are enough of them.
  An accelerator is filled by a large batch; a core of a CPU is full with one task, and
  a batch of tasks that each have their own kernels is slower there. Counts that do not
  divide are filled up, and what fills them up counts for nothing.

  Args:
    devices: of the run.
    folds: to be trained.
    tasks: of a meta-batch.
    split: 'folds', 'tasks', or 'auto'; see `Layout`.
    folds_at_once: of a device, as one batch; 0 chooses by the platform.
    tasks_at_once: of a device, as one batch; 0 chooses by the platform.
  """
  cpu = devices[0].platform == 'cpu'
  # Of several processes none may be without a device that takes part.
  several = len({device.process_index for device in devices}) > 1
  tasks_at_once = tasks_at_once or (1 if cpu else tasks)
  folds_at_once = min(folds_at_once or (1 if cpu else FOLDS_AT_ONCE), folds)
  if split == 'auto':
    split = 'folds' if folds >= len(devices) else 'tasks'
  if split == 'tasks':
    # The last may have fewer tasks than the others; one that had none is left out.
    used = len(devices) if several else -(-tasks // -(-tasks // len(devices)))
    return Layout(tuple(devices[:used]), split, folds_at_once, folds_at_once,
                  tasks_at_once)
  used = len(devices) if several else min(len(devices), folds)
  return Layout(tuple(devices[:used]), split, used * folds_at_once, folds_at_once,
                tasks_at_once)


def local(devices: Sequence[jax.Device]) -> list[jax.Device]:
  """Those of this process, which alone it can ask for their memory.

  Args:
    devices: of the run.
  """
  return [device for device in devices if device.process_index == jax.process_index()]


def use_compilation_cache() -> None:
  """Compiled programs are kept between runs, where the user has not said otherwise."""
  folder = _CONFIG.jax_compilation_cache_dir
  if folder is None:
    folder = str(places.standard('XDG_CACHE_HOME') / 'lightman_jax' / 'xla')
    jax.config.update('jax_compilation_cache_dir', folder)
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 1.)
  compiled.hush()
  compiled.mend(pathlib.Path(folder))
