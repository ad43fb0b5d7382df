"""Clips read as a build reads them: what cannot be, and what a build would take.

A few clips are read, and the rest is arithmetic.
"""

from collections.abc import Iterator, Sequence
import math
import shutil
import time
from typing import NamedTuple

import numpy as np

from lightman_jax.data import workers
from lightman_jax.data.choice import Choice
from lightman_jax.data.plan import Item, Plan
from lightman_jax.data.rows import LeftOut
from lightman_jax.doctor.findings import Estimate
from lightman_jax.errors import Unreadable
from lightman_jax.units import counted, listed

_CLIPS = 5        # that are read for an estimate
_START, _WRITE = 3., .004     # seconds: libraries; to write and read back one clip
_BESIDE = 6000    # bytes of a clip beside its frames


def sample_items(items: Sequence[Item]) -> list[Item]:
  """A few clips, far from each other."""
  step = max(1, math.ceil(len(items) / _CLIPS))
  return list(items[step // 2::step])


class Reading(NamedTuple):
  """What was found as clips were read."""
  durations: list[float]            # seconds that each took
  broken: tuple[LeftOut, ...]       # that cannot be read
  still: tuple[str, ...]            # in which nothing is to be seen


def read_items(items: Sequence[Item], *, seconds: float = math.inf) -> Reading:
  """Reads clips as a build does.

  Args:
    items: the clips to read.
    seconds: after which no further clip is begun.
  """
  durations, broken, still, end = [], [], [], time.monotonic() + seconds
  for item in items:
    start = time.monotonic()
    if start > end:
      break
    try:
      frames = item.make().frames
      durations.append(time.monotonic() - start)
      if not np.ptp(frames, axis=0 if len(frames) > 1 else (0, 1, 2)).any():
        still.append(item.row.clip)
    except Unreadable as error:
      broken.append(LeftOut(item.row.clip, error.cause))
  return Reading(durations, tuple(broken), tuple(still))


def describe_still(still: Sequence[str], frames: int) -> Iterator[str]:
  """A line on clips in which nothing is to be seen, if there are any.

  Args:
    still: their names.
    frames: that are stored of a clip.
  """
  if still:
    why = 'all frames are alike' if frames > 1 else 'the picture is of one colour'
    yield (f'nothing is to be seen in {counted(len(still), "clip")}, for {why}: '
           + listed(still))


def estimate_build(choice: Choice, plan: Plan, durations: list[float]) -> Estimate:
  """Seconds and bytes of a build, from what the reading of some clips took.

  Args:
    choice: the settings of the build.
    plan: its clips.
    durations: seconds that each of some clips took to read; one at least.
  """
  count = len(plan.items)
  slower = sorted(durations)[len(durations) // 4:]
  seconds = sum(slower) / len(slower)
  cores = workers.count_cores() if count >= workers.WORTH_IT else 1
  frames, height, width = plan.shape
  home = choice.home.absolute()
  while not home.exists():
    home = home.parent
  return Estimate(
      _START + count * (seconds / cores + _WRITE),
      count * (frames * height * width * 3 + _BESIDE), frames, choice.size,
      shutil.disk_usage(home).free)
