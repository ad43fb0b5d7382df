"""Whether a run fits into memory: the estimate, what is there, which setting to change.

The estimate is the compiler's own plan of a chunk of steps: clips and states that go
in, states that come out, and the temporaries between. What an accelerator has, or the
user allows, is no guess: there fewer folds, then fewer tasks, make a batch, until they
fit. On a CPU all devices share one memory, what is free of it changes with the hour,
and the system ends a program that takes too much without a word: a run that is far too
large is refused before it starts, and the same command never gives other batches.
"""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import pathlib
import resource
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from lightman_jax import sections
from lightman_jax.errors import InputError
from lightman_jax.settings import changed
from lightman_jax.training import devices as device_door, multihost
from lightman_jax.training.devices import Layout
from lightman_jax.units import bytes_in_words

T = TypeVar('T')

GIB = 2**30
FAR = 1.25     # times what the system says is there: it can drop what others cache


class TooMuch(Exception):
  """A program does not fit, and one of smaller batches may."""

  def __init__(self, settings: dict[str, int]):
    """`settings` are those that make them smaller."""
    super().__init__(settings)
    self.settings = settings


class Need(NamedTuple):
  """Bytes of a program, on each of its devices."""
  clips: int          # what goes in, states with it
  results: int
  temporaries: int
  devices: int        # that share one memory

  @property
  def total(self) -> int:
    """On all of its devices that share one memory."""
    return self.devices * (self.clips + self.results + self.temporaries)


def need_of(compiled: jax.stages.Compiled, layout: Layout) -> Need | None:
  """What a program plans to hold; None where the backend does not tell.

  Args:
    compiled: a program.
    layout: of the run.
  """
  analysis = compiled.memory_analysis()
  if analysis is None:
    return None
  shared = len(layout.devices) if layout.devices[0].platform == 'cpu' else 1
  # New states lie where the old ones did.
  results = analysis.output_size_in_bytes - analysis.alias_size_in_bytes
  return Need(analysis.argument_size_in_bytes, results, analysis.temp_size_in_bytes,
              shared)


def room(device: jax.Device, placed: int = 0) -> int | None:
  """Bytes that a program may take on a device; None where nobody knows.

  Args:
    device: the one that is asked, if it is of this process.
    placed: bytes of the program's own that lie on an accelerator already.
  """
  if device.platform != 'cpu':
    here = device_door.local([device]) or jax.local_devices()
    stats = here[0].memory_stats() or {}
    if 'bytes_limit' not in stats:
      return None
    others = max(0, stats.get('bytes_in_use', 0) - placed)
    return max(0, stats['bytes_limit'] - others)
  left = [*_of_machine(), *_of_groups(), *_of_process()]
  return max(0, min(left)) if left else None


def check(need: Need | None, config: Mapping[str, Any], layout: Layout,
          say: Callable[[str], None]) -> None:
  """Tells of the estimate, and refuses a program that would not fit.

  Args:
    need: of the program; None: nothing is known.
    config: complete.
    layout: of the run.
    say: called with a line.

  Raises:
    TooMuch: smaller batches may fit.
    InputError: names the setting to change.
  """
  if need is None:
    return
  allowed = config['training']['memory_limit'] * GIB
  available = allowed or _room_of_all(layout, need.clips)
  where = f' on each of {len(layout.devices)} devices' * (len(layout.devices) > 1)
  each = f' ({bytes_in_words(need.total // need.devices)}{where})'
  estimate = bytes_in_words(need.total) + (each if need.devices > 1 else where)
  say(f'memory: about {estimate}'
      + (f' of {bytes_in_words(available)}' if available else '')
      + f', of which clips and states {bytes_in_words(need.clips + need.results)}')
  guess = layout.devices[0].platform == 'cpu' and not allowed
  if available is None or need.total <= available * (FAR if guess else 1):
    return
  fewer = {} if guess else smaller(need, available, layout, config['training']['tasks'])
  if fewer:
    say('that is too much: ' + ', '.join(f'{name}={value}'
                                         for name, value in fewer.items()))
    raise TooMuch(fewer)
  raise InputError(
      f'training needs about {estimate} of memory and {bytes_in_words(available)} '
      f'{"are allowed by training.memory_limit" if allowed else "are there"}; '
      f'{advice(need, config, layout)}; training.memory_limit=GIB allows more')


def smaller(need: Need, available: int | float, layout: Layout, tasks: int
            ) -> dict[str, int]:
  """Settings of smaller batches; empty where all goes one by one already.

  Temporaries shrink with a batch at most in proportion, so what comes of it may have to
  be made smaller once more.

  Args:
    need: of the layout's program.
    available: bytes.
    layout: as it is.
    tasks: of a meta-batch.
  """
  mine = tasks if layout.split == 'folds' else -(-tasks // len(layout.devices))
  together = min(layout.tasks_at_once, mine)
  units = layout.folds_at_once * together
  if units == 1:
    return {}
  free = max(0, available / need.devices - need.clips - need.results)
  units = max(1, min(units - 1, int(units * free / max(1, need.temporaries))))
  # Batches of two sizes would be two programs in one.
  return {'training.folds_at_once': max(1, units // together),
          'training.tasks_at_once': max(n for n in range(1, min(units, together) + 1)
                                        if n == together or mine % n == 0)}


def in_smaller_batches(loop: Callable[..., T]) -> Callable[..., T]:
  """`loop(config, ...)`, begun again with smaller batches where it does not fit.

  It must be able to go on with what it left.
  """
  def call(config: Mapping[str, Any], *arguments, **options) -> T:
    while True:
      try:
        return loop(config, *arguments, **options)
      except TooMuch as error:
        config = changed(config, error.settings)
  return call


def advice(need: Need | None, config: Mapping[str, Any], layout: Layout) -> str:
  """The setting that saves most at the least price.

  Args:
    need: of the program; None: nothing is known.
    config: complete.
    layout: of the run.
  """
  for holds, sentence in (
      (layout.folds_at_once > 1,
       f'lower training.folds_at_once ({layout.folds_at_once}), to 1 at last'),
      (layout.tasks_at_once > 1 and config['training']['tasks'] > 1,
       f'lower training.tasks_at_once ({layout.tasks_at_once}), to 1 at last'),
      (need is not None and need.devices > 1,
       'set training.devices=1: here devices share one memory'),
      (need is not None and need.clips > need.temporaries,
       'most are the clips: lower inputs.size or data.frames'),
      (config['method'].get('inner_memory', 0) > 0
       and sections.is_second_order(config['method']),
       'set method.inner_memory=0, which takes a third more arithmetic')):
    if holds:
      return sentence
  return ('lower inputs.size, data.frames, model.width, episodes.shots or '
          'episodes.queries')


@contextlib.contextmanager
def explain_lack_of_memory(advise: Callable[[], str]) -> Iterator[None]:
  """What runs out of memory becomes one sentence.

  Args:
    advise: what is known of the need, and what to change.

  Raises:
    InputError: a device, or the process, had no more.
  """
  try:
    yield
  except MemoryError as error:
    raise InputError(f'memory ran out; {advise()}') from error
  except jax.errors.JaxRuntimeError as error:
    text = str(error)
    if 'RESOURCE_EXHAUSTED' not in text and 'bad_alloc' not in text:
      raise
    first = text.splitlines()[0].rstrip('.')[:160]
    raise InputError(f'a device ran out of memory ({first}); {advise()}') from error


def _room_of_all(layout: Layout, placed: int) -> float | None:
  """Of the process that has least: all must choose alike."""
  own = room(layout.devices[0], placed)
  least = multihost.gather(np.array([np.inf if own is None else own])).min()
  return None if np.isinf(least) else float(least)


def _of_machine() -> Iterator[int]:
  """What the kernel could give without swapping."""
  for line in _lines('/proc/meminfo'):
    if line.startswith('MemAvailable:'):
      yield int(line.split()[1]) * 1024


def _of_groups(mine: str = '/proc/self/cgroup', mount: str = '/sys/fs/cgroup'
               ) -> Iterator[int]:
  """What is left of the limits of a container or a job, of both versions of cgroups."""
  for line in _lines(mine):
    _, kinds, path = line.strip().split(':', 2)
    if kinds == 'memory':
      root, limit, used = (f'{mount}/memory', 'memory.limit_in_bytes',
                           'memory.usage_in_bytes')
    elif not kinds:
      root, limit, used = mount, 'memory.max', 'memory.current'
    else:
      continue
    here = pathlib.Path(root + path)
    for place in (here, *here.parents):
      if not place.is_relative_to(root):
        break
      both = [next(_lines(place / name), '').strip() for name in (limit, used)]
      # 'max' is no limit, and neither is the greatest number there is.
      if all(word.isdigit() for word in both) and int(both[0]) < 2**60:
        cached = sum(int(words[1]) for words in map(str.split, _lines(
            place / 'memory.stat')) if words[0] == 'inactive_file')
        yield int(both[0]) - int(both[1]) + cached


def _of_process() -> Iterator[int]:
  """What `ulimit -v` leaves, as some clusters limit jobs."""
  most, _ = resource.getrlimit(resource.RLIMIT_AS)
  if most != resource.RLIM_INFINITY:
    pages = next(_lines('/proc/self/statm'), '0').split()[0]
    yield most - int(pages) * resource.getpagesize()


def _lines(path: str | pathlib.Path) -> Iterator[str]:
  with contextlib.suppress(OSError):
    with open(path, encoding='ascii') as file:
      yield from file
