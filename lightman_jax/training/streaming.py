"""Clips that do not fit on the device: drawn ahead, read by a thread, sent in blocks.

A chunk of steps is cut into blocks. While the devices train one, a thread draws the
tasks of the next (with the keys that the steps would draw them with, so that they are
the same tasks), reads their clips, each once, and sends them. What runs is the step of
`training.state`, as where all clips live on the device.
"""

from collections.abc import Callable, Iterator
import concurrent.futures
import contextlib
import functools
import itertools
import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax.inputs.pool import Inputs
from lightman_jax.tasks.sampling import ClipTable, bring_clips, max_clips
from lightman_jax.training import compiled, devices as device_door, numerics
from lightman_jax.training.devices import Layout
from lightman_jax.training.state import (
  BlockView,
  Recipe,
  SharedClips,
  View,
  draw_steps,
)
from lightman_jax.units import bytes_in_words, counted

# Of a device: up to three blocks are there, one that is trained on, one that waits and
# one that arrives.
BLOCK_BYTES = 2**27

# Share of the memory that clips may take: networks, gradients and the system want some.
SHARE = .5


def choose_clip_memory(setting: str, size: int, *, devices: int, limit: int | None
           ) -> tuple[str, str]:
  """Where the clips live, 'device' or 'host', and why: a line for who waits.

  Args:
    setting: `training.data`: 'auto', 'device' or 'host'.
    size: of all clips, in bytes.
    devices: of the run.
    limit: bytes of one device; None where devices are parts of this machine, and its
      memory holds a copy for each of them beside the clips they are made from.
  """
  need, available = (size, limit) if limit else (size * (1 + devices), _memory())
  where = setting
  if setting == 'auto':
    where = 'device' if need <= SHARE * available else 'host'
  reason = f'the clips take {bytes_in_words(size)}, and '
  reason += (f'a device has {bytes_in_words(available)}' if limit else
             f'{counted(devices, "device", "shares", "share")} '
             f'{bytes_in_words(available)} of this machine')
  return where, (
      f'{reason}: they stay in files, and tasks are read as they are needed '
      '(training.data=host)' if where == 'host' else
      f'{reason}: they live on the device (training.data=device)')


def memory_of(device: jax.Device) -> int | None:
  """What `placed` takes as `limit`: what nothing else holds of an accelerator.

  Args:
    device: of this process, or of another whose devices are as these.

  Returns:
    Bytes; None where the devices are parts of this machine.
  """
  here = device_door.local([device]) or jax.local_devices()
  stats = here[0].memory_stats() or {}
  if 'bytes_limit' not in stats:
    return None
  return max(0, stats['bytes_limit'] - stats.get('bytes_in_use', 0))


def block_length(length: int, *, bytes_of_a_step: int) -> int:
  """Steps of a block: the greatest divisor of a chunk whose clips are not too many.

  Args:
    length: steps of a chunk.
    bytes_of_a_step: of its clips, on one device.
  """
  return max(n for n in range(1, length + 1)
             if length % n == 0 and (n == 1 or n * bytes_of_a_step <= BLOCK_BYTES))


class Blocks(NamedTuple):
  """How a chunk is cut; one for all folds."""
  draw: Callable            # views, clip table, first step -> Drawn (G, steps,)
  length: int               # of a block, in steps
  layout: Layout


def make_blocks(recipe: Recipe, layout: Layout, *, length: int, clip_bytes: int
                ) -> Blocks:
  """Blocks of chunks of `length` steps, of clips of so many bytes each.

  Args:
    recipe: of a step.
    layout: how folds and tasks are divided over devices.
    length: steps of a chunk.
    clip_bytes: of one clip.
  """
  sizes, shared = recipe.sizes, layout.split == 'tasks'
  clips = recipe.tasks * (sizes.classes * (sizes.shots + sizes.queries) + sizes.macros)
  on_device = clips // len(layout.devices) if shared else (
      clips * layout.together // len(layout.devices))
  block = block_length(length, bytes_of_a_step=on_device * clip_bytes)

  def draw(views, table, first):
    return jax.lax.map(
        lambda view: draw_steps(view, table, first, recipe=recipe, length=block), views)
  return Blocks(compiled.jit(draw), block, layout)


@contextlib.contextmanager
def open_blocks(blocks: Blocks, chunk: Callable, views: View, clips: SharedClips, *,
                first: int, last: int, steps: int
                ) -> Iterator[Callable[[Any, int], tuple]]:
  """A function that takes states on their devices so many steps further, and tells
  scalars and how many steps it made: those of whole blocks, and none of another chunk.

  Args:
    blocks: see there.
    chunk: the compiled block, over devices each of which has its own clips.
    views: of G folds, on the host.
    clips: of all folds; `x` is only read.
    first: the step from which it goes on.
    last: the step at which it ends.
    steps: of a chunk.
  """
  layout = blocks.layout
  place = device_door.divide if layout.split == 'folds' else device_door.replicate
  key_and_scale = place((views.key, views.fold.scale), layout.devices)
  make = numerics.as_here(functools.partial(
      _block, blocks, *_on_the_host(views, clips.table), clips.x, key_and_scale))
  counts = block_counts(blocks.length, first=first, last=last, steps=steps)
  firsts = iter([*itertools.accumulate(counts, initial=first)][:-1])
  counts = iter(counts)
  with concurrent.futures.ThreadPoolExecutor(1, 'clips') as thread:
    ahead, step = thread.submit(make, next(firsts, None)), first

    def run(copies, count_wanted):
      nonlocal ahead, step
      scalars_of_blocks, done = [], 0
      while done < count_wanted and (not done or step % steps):
        block, count = ahead.result(), next(counts)
        ahead = thread.submit(make, next(firsts, None))
        if scalars_of_blocks:
          # Or blocks would heap up on the device.
          jax.block_until_ready(scalars_of_blocks[-1])
        copies, scalars = chunk(copies, *block, np.int32(count))
        scalars_of_blocks.append(scalars if count == blocks.length else jax.tree.map(
            lambda x, count=count: x[..., :count], scalars))
        done, step = done + count, step + count
      scalars = jax.tree.map(lambda *x: jnp.concatenate(x, -1), *scalars_of_blocks)
      return copies, scalars, done
    yield run


def block_counts(length: int, *, first: int, last: int, steps: int) -> list[int]:
  """How many steps each block makes, from `first` to `last`: `length`, or fewer before
  the end of a chunk of `steps` that began elsewhere.
  """
  counts = []
  while first < last:
    counts.append(min(length, steps - first % steps))
    first += counts[-1]
  return counts


def _on_the_host(views: View, table: ClipTable) -> tuple[View, ClipTable, jax.Device]:
  """What is drawn from, where drawing does not wait for the training of a block."""
  try:
    here = jax.local_devices(backend='cpu')[0]
  except RuntimeError:                        # jax was told to know no CPU
    here = jax.local_devices()[0]
  return jax.device_put(views, here), jax.device_put(table, here), here


def _block(blocks: Blocks, views: View, table: ClipTable, here: jax.Device, x: Inputs,
           key_and_scale: tuple[jax.Array, jax.Array], first: int | None
           ) -> tuple[BlockView, jax.Array] | None:
  """The tasks and clips of a block on their devices; None after the last.

  Of several processes each reads the clips of its own devices.
  """
  if first is None:
    return None
  layout = blocks.layout
  drawn = jax.device_get(blocks.draw(views, table, jax.device_put(first, here)))
  drawn = device_door.local_part(
      jax.tree.map(functools.partial(_split_over_devices, layout=layout), drawn),
      layout.devices)
  parts = [jax.tree.map(lambda part: part[n], drawn)
           for n in range(len(device_door.local(layout.devices)))]
  size = max_clips(parts[0], len(x))
  arrays, drawn = zip(*(bring_clips(x, part, size) for part in parts))
  drawn = jax.tree.map(lambda *part: np.stack(part), *drawn)
  drawn, whole = device_door.each((drawn, np.stack(arrays)), layout.devices)
  return BlockView(*key_and_scale, drawn), whole


def _split_over_devices(x: np.ndarray, *, layout: Layout) -> np.ndarray:
  """Drawn (G, length, tasks, ...), dealt out: along a new first axis, the devices."""
  devices = len(layout.devices)
  if layout.split == 'folds':
    return x.reshape(devices, len(x) // devices, *x.shape[1:])
  # Uneven counts are filled up: the step lets what fills them count for nothing.
  x = np.concatenate([x, x[:, :, :1].repeat(-x.shape[2] % devices, 2)], 2)
  x = x.reshape(*x.shape[:2], devices, x.shape[2] // devices, *x.shape[3:])
  return np.moveaxis(x, 2, 0)


def _memory() -> int:
  """Bytes of this machine."""
  return os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
