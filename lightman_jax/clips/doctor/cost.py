"""What a build would take: a few clips are read, the rest is arithmetic."""

from collections.abc import Sequence
import math
import shutil
import time

from lightman_jax.annotations.rows import LeftOut
from lightman_jax.clips import workers
from lightman_jax.clips.choice import Choice
from lightman_jax.clips.doctor.findings import Estimate
from lightman_jax.clips.plan import Item, Plan
from lightman_jax.clips.unreadable import Unreadable

_CLIPS = 5        # that are read for an estimate
_SECONDS = 3.     # after which no further one is
_START, _WRITE = 3., .004     # seconds: libraries; to write and read back one clip
_BESIDE = 6000    # bytes of a clip beside its frames


def some(items: Sequence[Item]) -> list[Item]:
  """A few clips, far from each other."""
  step = max(1, math.ceil(len(items) / _CLIPS))
  return list(items[step // 2::step])


def read(items: Sequence[Item], *, seconds: float = math.inf
         ) -> tuple[list[float], tuple[LeftOut, ...]]:
  """Reads clips as a build does.

  Returns:
    The seconds that each took, and the clips that cannot be read.
  """
  taken, broken, end = [], [], time.monotonic() + seconds
  for item in items:
    began = time.monotonic()
    if began > end:
      break
    try:
      item.make()
      taken.append(time.monotonic() - began)
    except Unreadable as error:
      broken.append(LeftOut(item.row.clip, str(error)))
  return taken, tuple(broken)


def estimate(choice: Choice, plan: Plan, taken: list[float]) -> Estimate:
  """Seconds and bytes of a build, from what the reading of some clips took."""
  count = len(plan.items)
  each = sum(sorted(taken)[len(taken) // 4:]) / len(taken[len(taken) // 4:])
  cores = workers.cores() if count >= workers.WORTH_IT else 1
  frames, height, width = plan.shape
  home = choice.home.absolute()
  while not home.exists():
    home = home.parent
  return Estimate(
      _START + count * (each / cores + _WRITE),
      count * (frames * height * width * 3 + _BESIDE), frames, choice.size,
      shutil.disk_usage(home).free)
