"""What a run costs, gathered while it goes: the content of cost.json.

Arithmetic and bytes are counted from the chunk's program, its memory is the compiler's
plan of it, seconds are those of the chunks. All but the counts differ from one start of
the program to the next, so nothing of it stands in the results.
"""

import collections
from collections.abc import Callable, Mapping
import contextlib
import pathlib
import time
from typing import Any

import jax
import numpy as np

from lightman_jax.profiling import efficiency, memory
from lightman_jax.profiling.efficiency import as_measure, peak_memory
from lightman_jax.runs import environment
from lightman_jax.runs.folder import write_json
from lightman_jax.training import devices as device_door
from lightman_jax.training.compiled import COMPILING, Program
from lightman_jax.training.loop import Trainer
from lightman_jax.units import bytes_in_words

HIT, MISS = '/jax/compilation_cache/cache_hits', '/jax/compilation_cache/cache_misses'
COMPILED = '/jax/core/compile/backend_compile_duration'
# How a program was come by, and why so.
CAUSES = {HIT: ('read from the compilation cache', ''),
          MISS: ('compiled', 'the cache had no program of this configuration, code and '
                             'machine'),
          '': ('compiled', 'there is no compilation cache')}

Aside = Callable[[str], contextlib.AbstractContextManager]

_SEEN: collections.Counter[str] = collections.Counter()
_LAST = ['']


def _count(name: str, *_, **__) -> None:
  if name in (HIT, MISS):
    _SEEN[name] += 1
    _LAST[0] = name


def _time(name: str, seconds: float, **_) -> None:
  if name == COMPILED:
    _SEEN['seconds'] += seconds
    _SEEN['programs'] += 1


jax.monitoring.register_event_listener(_count)
jax.monitoring.register_event_duration_secs_listener(_time)


class Meter:
  """Looks on while folds are trained; tells of the last program that trained any."""

  def __init__(self, config: Mapping[str, Any], say: Callable[[str], None],
               place: pathlib.Path, aside: Aside | None = None):
    """`place` is where cost.json lies; `aside` shows what a context is busy with."""
    self._config, self._say, self._place = config, say, place
    self._aside = aside or self._said
    self._before = collections.Counter(_SEEN)
    self._trainer: Trainer | None = None
    self._need: memory.Need | None = None
    self._cause, self._program = ('', ''), {}
    self._best: efficiency.Rates | None = None
    self._began: float | None = None
    self._seconds: list[float] = []      # of a meta-step of one fold, for each piece

  def trainer(self, config: Mapping[str, Any], make: Callable[..., Trainer]) -> Trainer:
    """`make(on_compiled=...)`, whose programs and chunks are looked at.

    The trainer raises InputError where its program would not fit into memory.
    """
    trainer = make(on_compiled=self._on_compiled, around=lambda: self._aside(COMPILING))

    def chunk(*arguments):
      if self._began is None:
        self._began = time.perf_counter()
      return trainer.chunk(*arguments)
    chunk.lower = trainer.chunk.lower
    self._config, self._trainer, self._seconds = config, trainer, []
    self._began = None
    return trainer._replace(chunk=chunk)

  def after_chunk(self, on_chunk: Callable[..., None]) -> Callable[..., None]:
    """The same callback, at whose call a piece of a chunk is over.

    After the last one cost.json is written before that piece is saved, for a start that
    finds all trained has nothing to tell.
    """
    def call(last: int, scalars) -> None:
      steps = np.shape(next(iter(scalars.values())))[1]
      self._seconds.append((time.perf_counter() - self._began) / (
          steps * self._trainer.layout.together))
      self._began = None
      if last == self._trainer.steps:
        self.write()
      on_chunk(last, scalars)
    return call

  def advice(self) -> str:
    """For a run that ran out of memory: what is known, and the setting to change."""
    if self._trainer is None:
      return 'lower inputs.size, data.frames or data.size, or free some memory'
    known = '' if self._need is None else (
        f'the estimate for training was {bytes_in_words(self._need.total)}; ')
    return known + memory.advice(self._need, self._config, self._trainer.layout)

  def write(self) -> None:
    """Writes what is known by now; a start that trained nothing changes nothing."""
    if content := self.report():
      write_json(self._place, content)

  def report(self) -> dict[str, Any] | None:
    """The content of cost.json; None where this start trained nothing."""
    if not self._seconds or not self._program:
      return None
    layout, training = self._trainer.layout, self._config['training']
    about = {
        'of': 'this start of the program', 'program': self._cause[0],
        'compile_cause': ': '.join(filter(None, self._cause)),
        'device': environment.devices(), 'devices_used': len(layout.devices),
        'split': layout.split, 'folds_at_once': layout.folds_at_once,
        'tasks_at_once': layout.tasks_at_once, 'tasks_of_a_step': training['tasks'],
        'precision': self._config['model'].get('precision', 'float32'),
        'matmul_precision': self._config['model']['matmul_precision'],
        'pieces_timed': len(self._seconds)}
    low, middle, high = np.quantile(self._seconds, (.25, .5, .75)).tolist()
    timed = {'step_time': {'value': middle, 'low': low, 'high': high,
                           'unit': 'seconds of a meta-step of one fold'}}
    return {'about': about, 'measures': {
        **timed, **self._program, **self._rates(middle), **self._whole()}}

  @contextlib.contextmanager
  def _said(self, text: str):
    self._say(text)
    yield

  def _on_compiled(self, program: Program) -> None:
    self._cause, _LAST[0] = CAUSES[_LAST[0]], ''
    devices = self._trainer.layout.devices
    self._need = memory.need_of(program.compiled, self._trainer.layout)
    memory.check(self._need, self._config, self._trainer.layout, self._say)

    # Of clips that come in blocks, the program takes the steps of one block.
    length = (self._trainer.blocks or self._trainer).length

    def of_a_step() -> tuple[int | None, int | None]:
      if jax.process_count() > 1:      # a host's part of the arguments is not the whole
        return None, None
      try:
        counts = efficiency.count_operations_and_traffic(
            self._trainer.whole, *program.arguments)
      except ValueError:
        return None, None
      operations, traffic = (each * len(devices) // (
          length * self._trainer.layout.together) for each in counts)
      return operations, traffic
    need, (operations, traffic) = self._need, of_a_step()
    self._program = {
        'step_arithmetic': as_measure(
            operations, 'floating point operations of a meta-step'),
        'step_traffic': as_measure(
            traffic, 'bytes that a meta-step reads and writes at least'),
        'trace_time': as_measure(
            program.tracing, 'seconds, of the program that trains'),
        'compile_time': as_measure(
            program.compiling, 'seconds, of it: compiling, or reading it'),
        'memory_estimate': as_measure(
            need and need.total, 'bytes, before the first step'),
        'temporaries': as_measure(
            need and need.temporaries, 'bytes of it, of a device')}
    self._began = time.perf_counter()

  def _rates(self, seconds: float) -> dict[str, Any]:
    devices = self._trainer.layout.devices
    best = self._best = self._best or efficiency.measure_rates(devices[0])
    # The cores of a CPU are all in the rate of its first device.
    many = 1 if devices[0].platform == 'cpu' else len(devices)
    measures = {}
    for name, rate, unit, of in (
        ('matmul', best.matmul, 'operations', 'step_arithmetic'),
        ('copy', best.copy, 'bytes', 'step_traffic')):
      amount = self._program[of]['value']
      reached = None if amount is None else amount / seconds
      measures[f'{name}_rate'] = as_measure(reached, f'{unit} a second, of a meta-step')
      measures[f'machine_{name}_rate'] = as_measure(
          rate * many, f'{unit} a second at best')
      measures[f'share_of_{name}_rate'] = as_measure(
          reached and reached / rate / many, 'of the machine; 1 is all')
    return measures

  def _whole(self) -> dict[str, Any]:
    seen = {name: _SEEN[name] - self._before[name]
            for name in ('programs', 'seconds', HIT, MISS)}
    stats = [device.memory_stats() or {}
             for device in device_door.local(self._trainer.layout.devices)]
    peaks = [one['peak_bytes_in_use'] for one in stats if 'peak_bytes_in_use' in one]
    return {
        'programs': as_measure(seen['programs'], 'of this start'),
        'programs_read': as_measure(seen[HIT], 'of them, from the compilation cache'),
        'all_compile_time': as_measure(seen['seconds'], 'seconds, of all programs'),
        'peak_memory': as_measure(peak_memory(), 'bytes, of the process'),
        **({'device_peak_memory': as_measure(max(peaks), 'bytes, of a device')}
           if peaks else {})}


def describe_cost(content: Mapping[str, Any]) -> str:
  """The content of cost.json as a sentence.

  Args:
    content: of cost.json.
  """
  value = {name: one['value'] for name, one in content['measures'].items()}

  def of(name: str, unit: str, describe: Callable[[float], str]) -> str:
    return f'? {unit}' if value[name] is None else describe(value[name])

  def gflop(count: int | float) -> str:
    return f'{count / 1e9:.3g} GFLOP'
  share = value['share_of_matmul_rate']
  return (f'cost: {value["step_time"]:.3g} s a meta-step of a fold, '
          f'{of("step_arithmetic", "GFLOP", gflop)} and '
          f'{of("step_traffic", "GiB", bytes_in_words)}, '
          + ('' if share is None else f'{share:.0%} of the matmul rate; ')
          + f'program {content["about"].get("program", "made")} in '
          f'{value["compile_time"]:.1f} s; at most '
          f'{of("peak_memory", "GiB", bytes_in_words)}')
