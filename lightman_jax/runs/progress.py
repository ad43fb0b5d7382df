"""How far a run is, for who waits; and metrics.jsonl and event files, for later.

A line of training reads `{"stage": "train", "fold": "sub01", "step": 40, "loss": ...}`,
with further scalars as they come. A process may be killed at any moment: what was
appended before is on disk, a torn last line is dropped by whoever opens the file next.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import importlib.util
import json
import math
import os
import pathlib
import shutil
import threading
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress as Bar, ProgressColumn, TextColumn
from rich.text import Text

from lightman_jax import bounded, registry
from lightman_jax.errors import InputError
from lightman_jax.files import fold_path, write_atomically
from lightman_jax.runs.folder import RunFolder

# How far a run is: a bar on a terminal, a plain line now and then in a log.

PERIOD = 10.   # seconds between two lines of a log
SURE = 1.      # seconds of steps from which the time of all is told
STILL = 60.    # seconds between two lines on what takes long and has no steps
FEWER = .25    # of a stage's time so far, between two lines in a notebook


class Progress:
  """Shows stage, steps, what the caller adds (folds, loss), and the time left.

      with Progress() as progress:
        progress.stage('train', total=steps, done=resumed_at)
        progress.update(step, folds='2/8', loss=.83)
        progress.say('a remark above the bar')
        with progress.aside('what has no steps'):
          ...

  A call costs microseconds: drawing happens ten times a second at most, in a thread of
  its own. It writes to standard error, so that a redirected output stays clean; in a
  notebook, which keeps all lines below its cell, ever fewer of them.
  """

  def __init__(self, *, console: Console | None = None, quiet: bool = False,
               period: float = PERIOD, clock=time.monotonic):
    notebook = _is_notebook()
    # There rich would show each line as an output of its own.
    plainly = dict(force_jupyter=False, force_terminal=False) if notebook else {}
    self._console = console or Console(stderr=True, quiet=quiet, **plainly)
    self._share = FEWER if notebook else 0.
    self._period, self._clock = period, clock
    self._live = self._console.is_terminal and not self._console.is_dumb_terminal
    self._stage: _Stage | None = None
    self._bar = self._task = None

  def __enter__(self) -> 'Progress':
    if self._live:
      self._bar = Bar(TextColumn('{task.description:<9}'), BarColumn(bar_width=None),
                      TextColumn('{task.completed:.0f}/{task.total:.0f}'),
                      TextColumn('{task.fields[said]}', markup=False), _Left(),
                      console=self._console)
      self._bar.start()
    return self

  def __exit__(self, kind, error, trace) -> None:
    if kind is None:
      self._finish()
    if self._bar is not None:
      self._bar.stop()

  def stage(self, name: str, *, total: int, done: int = 0, unit: str = '') -> None:
    """Ends the stage before and begins one of `total` steps, `done` of them before.

    Where its steps have a `unit`, such as 'step of a fold', the first updates tell what
    one takes, and what that makes of all.
    """
    self._finish()
    self._stage, self._unit = _Stage(name, total, done, self._clock), unit
    self._spoken = self._clock()
    if self._bar is None:
      self._print(f'{name}: {self._stage.steps()}')
    else:
      self._task = self._bar.add_task(name, total=total, completed=done, said='',
                                      stage=self._stage)

  def update(self, done: int, **facts: Any) -> None:
    """`done` steps of the stage are over; `facts` are shown as they are named."""
    stage = self._stage
    if stage is None:
      raise ValueError('update() before stage()')
    stage.update(done, facts)
    self._estimate()
    if self._bar is not None:
      self._bar.update(self._task, completed=done, said=stage.said())
    elif done < stage.total and self._clock() - self._spoken >= max(
        self._period, self._share * stage.spent()):
      self._spoken = self._clock()
      left = stage.left()
      tail = '' if left is None else f', {_duration(left)} left'
      self._print(f'{stage.name}: {stage.line()}{tail}')

  def say(self, text: str) -> None:
    """Prints a line of its own, above the bar where there is one."""
    self._print(text)

  @contextlib.contextmanager
  def aside(self, text: str) -> Iterator[None]:
    """Shows what is done inside, and how long it took; the time left leaves it out."""
    began, over = self._clock(), threading.Event()

    def still():
      while not over.wait(STILL):
        self._print(f'{text}: {_duration(self._clock() - began)} so far')
    self._print(text)
    thread = threading.Thread(target=still, daemon=True)
    thread.start()
    try:
      yield
    finally:
      over.set()
      thread.join()
    took = self._clock() - began
    self._print(f'{text}: took {_duration(took)}')
    if self._stage is not None:
      self._stage.leave_out(took)

  def _estimate(self) -> None:
    """Once a stage, as soon as its speed is known."""
    stage = self._stage
    if self._unit and stage.timed() >= SURE and stage.done < stage.total:
      left, rest = stage.left(), stage.total - stage.done
      self._print(f'{stage.name}: a {self._unit} takes {_number(stage.pace())} s, so '
                  f'{rest} more take{"s" * (rest == 1)} about {_duration(left)}')
      self._unit = ''

  def _finish(self) -> None:
    stage, self._stage = self._stage, None
    if stage is None:
      return
    if self._bar is not None:
      self._bar.remove_task(self._task)
    self._print(f'{stage.name}: {stage.line()}, took {_duration(stage.spent())}')

  def _print(self, text: str) -> None:
    self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _is_notebook() -> bool:
  return Console(quiet=True).is_jupyter


class Stages:
  """A callback (stage, done, total) that opens a new stage of the bar for each.

  A second data set is a stage of the same name, which begins anew.
  """

  def __init__(self, progress: Progress):
    self._progress, self._last = progress, ('', 0, 0)

  def of(self, data: Mapping[str, Any]) -> Callable[[str, int, int], None]:
    """The same callback, with the name of a data set, or of a csv, before the stage."""
    name = (pathlib.Path(data['path']).name if data['name'] == 'manifest'
            else registry.label(data['name']))
    return lambda stage, done, total: self(f'{name} {stage}', done, total)

  def __call__(self, stage: str, done: int, total: int) -> None:
    name, before, of = self._last
    if (stage, total) != (name, of) or done < before:
      self._progress.stage(stage, total=total)
    self._last = stage, done, total
    self._progress.update(done)


class _Stage:
  """One stage's count, and what it says of the time to come."""

  def __init__(self, name: str, total: int, done: int, clock):
    self.name, self.total, self.done, self.facts = name, total, done, {}
    self._clock, self._began = clock, clock()
    # Speed is counted from here; the first update moves it past the first steps, which
    # load programs and open devices as well.
    self._since = (self._began, done)
    self._last, self._moved = None, False

  def update(self, done: int, facts: dict[str, Any]) -> None:
    self.done, self.facts = done, facts
    self._last = (self._clock(), done)
    if not self._moved and done > self._since[1]:
      self._moved, self._since = True, self._last

  def leave_out(self, seconds: float) -> None:
    """Of the time until now, so many seconds were spent on something else."""
    if self._last is None:
      # What was done so far only prepared the first step.
      self._since = (self._clock(), self.done)
    else:
      self._since = (self._since[0] + seconds, self._since[1])
      self._last = (self._last[0] + seconds, self._last[1])

  def timed(self) -> float:
    """Seconds of the steps from which the speed is known."""
    return 0. if self._last is None else self._last[0] - self._since[0]

  def pace(self) -> float | None:
    """Seconds of a step after the first ones; None before two updates."""
    if self._last is None or self._last[1] <= self._since[1]:
      return None
    return self.timed() / (self._last[1] - self._since[1])

  def left(self) -> float | None:
    """Seconds to the end, where there is a `pace`."""
    pace = self.pace()
    return None if pace is None else max(
        0., (self.total - self.done) * pace - (self._clock() - self._last[0]))

  def spent(self) -> float:
    return self._clock() - self._began

  def steps(self) -> str:
    return f'{self.done}/{self.total}'

  def said(self) -> str:
    return ', '.join(f'{name} {_number(value)}' for name, value in self.facts.items())

  def line(self) -> str:
    return ', '.join(part for part in (self.steps(), self.said()) if part)


class _Left(ProgressColumn):
  """The time left, running down between updates."""

  def render(self, task) -> Text:
    left = task.fields['stage'].left()
    return Text('' if left is None else f'{_duration(left)} left')


def _number(value: Any) -> str:
  return str(value) if isinstance(value, str | int) else f'{float(value):.3g}'


def _duration(seconds: float) -> str:
  minutes, rest = divmod(round(seconds), 60)
  hours, minutes = divmod(minutes, 60)
  return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'


# metrics.jsonl and event files: each line a moment of the run.

# metrics.jsonl: one JSON object a line, each a moment of the run.

Line = dict[str, Any]
MOST = 2 * 1024**3     # bytes of a log


def append(path: str | os.PathLike, lines: Iterable[Line]) -> None:
  """Adds lines and waits until they are on disk; many at once cost one wait.

  NumPy scalars become numbers, NaN and infinity become null, which JSON has.

  Args:
    path: of the log; made with its folder where missing.
    lines: to be added, in their order.
  """
  text = ''.join(_encode(line) for line in lines)
  if not text:
    return
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, 'a+b') as file:
    _drop_torn_line(file)
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())


def read(path: str | os.PathLike) -> list[Line]:
  """All whole lines; none where there is no file.

  Args:
    path: of the log.

  Raises:
    InputError: a line before the last is not a JSON object.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return []
  lines = []
  # What follows the last newline is empty, or torn.
  try:
    content = bounded.read_bytes(path, MOST)
  except bounded.Refused as error:
    raise InputError(f'{path} is not read: {error}') from None
  for number, text in enumerate(content.split(b'\n')[:-1], 1):
    try:
      line = bounded.parse_json(text)
    except ValueError:
      line = None
    if not isinstance(line, dict):
      raise InputError(f'{path}, line {number} is not a JSON object; delete that line, '
                       'or start the run over with --fresh')
    lines.append(line)
  return lines


def keep(path: str | os.PathLike, predicate: Callable[[Line], bool]) -> int:
  """Drops the lines for which `predicate` is false, and a torn last one.

  At resume: the lines later than the checkpoint, which will be written again. The file
  changes at once or not at all.

  Args:
    path: of the log; it may be missing.
    predicate: of a line.

  Returns:
    How many whole lines were dropped.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return 0
  lines = read(path)
  kept = [line for line in lines if predicate(line)]
  text = ''.join(_encode(line) for line in kept)
  if text.encode() != path.read_bytes():
    with write_atomically(path) as file:
      file.write(text)
  return len(lines) - len(kept)


def _encode(line: Line) -> str:
  return json.dumps(_plain(line), allow_nan=False) + '\n'


def _plain(value: Any) -> Any:
  if isinstance(value, dict):
    return {key: _plain(part) for key, part in value.items()}
  if isinstance(value, list | tuple):
    return [_plain(part) for part in value]
  if hasattr(value, 'tolist'):
    return _plain(value.tolist())
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value


def _drop_torn_line(file) -> None:
  """Cuts what a killed writer left after the last newline."""
  end = file.seek(0, os.SEEK_END)
  if end == 0:
    return
  file.seek(end - 1)
  if file.read(1) == b'\n':
    return
  file.seek(0)
  file.truncate(file.read().rfind(b'\n') + 1)


# TensorBoard event files: what metrics.jsonl holds, for those who watch it there.

def check(config: Mapping[str, Any]) -> None:
  """Refuses what cannot be written.

  Raises:
    InputError: event files are asked for, and what writes them is not installed.
  """
  if config['evaluation']['tensorboard'] and not importlib.util.find_spec(
      'tensorboardX'):
    raise InputError("evaluation.tensorboard needs tensorboardX: pip install -e "
                     "'.[tensorboard]', or leave the setting out")


def write_fold(config: Mapping[str, Any], folder: RunFolder, fold: str) -> None:
  """All steps of a trained fold, in a folder of its own; anew where it was there.

  Args:
    config: complete; without evaluation.tensorboard nothing is written.
    folder: of the run.
    fold: its name.
  """
  if not config['evaluation']['tensorboard']:
    return
  from tensorboardX import SummaryWriter
  place = fold_path(folder.tensorboard, fold)
  shutil.rmtree(place, ignore_errors=True)
  with SummaryWriter(str(place)) as writer:
    for line in read(folder.metrics):
      if line.get('fold') == fold:
        for name, value in line.items():
          if isinstance(value, float):
            writer.add_scalar(name, value, line['step'])
