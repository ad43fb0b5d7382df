"""Rivals in processes of their own, timed in turns, and what is said of the times.

A rival is `make(given) -> (results, step)`: `results` are NumPy arrays by name, which
must agree between rivals, and `step()` does the work once and waits until it is done.
A third value tells how often it does the work, if not once; times are of once. Each
rival has a process, so that none shares memory or threads with another, and one that
takes too long or too much can be ended.
"""

from collections.abc import Callable, Mapping, Sequence
import multiprocessing
import resource
import time
from typing import Any, NamedTuple

import numpy as np

SLOW = 10.     # seconds: a step that takes longer is timed once


class Timing(NamedTuple):
  """Of one rival."""
  seconds: tuple[float, ...]     # of each timed step; empty where it did not finish
  start: float                   # seconds until the first results: compiling and all
  peak: float                    # MiB, of the whole process
  note: str = ''                 # why there are no times

  @property
  def median(self) -> float:
    return float(np.median(self.seconds)) if self.seconds else float('nan')

  def __str__(self) -> str:
    if not self.seconds:
      return self.note
    if len(self.seconds) == 1:
      return f'{self.median:.4g} s (once)'
    low, high = np.percentile(self.seconds, (25, 75))
    return f'{self.median:.4g} s [{low:.3g}, {high:.3g}]'


class Rival:
  """A process that makes a rival and does its step when told to."""

  def __init__(self, make: Callable, problem: Any):
    context = multiprocessing.get_context('spawn')
    self._mine, theirs = context.Pipe()
    self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
    self._process.start()
    theirs.close()
    self._mine.send((make, problem))

  def answer(self, limit: float) -> tuple[Any, str]:
    """What the process says next, or why it says nothing."""
    try:
      if not self._mine.poll(limit):
        return None, f'over {limit:.0f} s'
      answer = self._mine.recv()
    except EOFError:
      self._process.join()
      return None, f'ended with {self._process.exitcode} (memory?)'
    return (None, str(answer)) if isinstance(answer, Exception) else (answer, '')

  def step(self, limit: float) -> tuple[Any, str]:
    self._mine.send(None)
    return self.answer(limit)

  def end(self) -> None:
    self._process.kill()
    self._process.join()


def _serve(pipe) -> None:
  try:
    make, problem = pipe.recv()
    began = time.perf_counter()
    results, step, *often = make(problem)
    pipe.send((results, time.perf_counter() - began))
    while True:
      pipe.recv()
      began = time.perf_counter()
      step()
      pipe.send(((time.perf_counter() - began) / (often[0] if often else 1),
                 resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))
  except EOFError:
    pass
  except Exception as error:  # pylint: disable=broad-except
    pipe.send(RuntimeError(f'{type(error).__name__}: {str(error)[:200]}'))


def compare(rivals: Mapping[str, Callable], problem: Any, *, rounds: int, limit: float
            ) -> tuple[dict[str, Timing], dict[str, Mapping[str, np.ndarray]]]:
  """Times of each rival, in turns, and its results.

  Args:
    rivals: `make` by name; functions at the top of a module.
    problem: what each is made of.
    rounds: how often a step is timed.
    limit: seconds to wait for a rival's start, and for one step.
  """
  made, timings, results = {}, {}, {}
  try:
    for name, make in rivals.items():      # one after the other: compiling takes cores
      made[name] = Rival(make, problem)
      answer, note = made[name].answer(limit)
      if note:
        timings[name] = Timing((), float('nan'), float('nan'), note)
        made.pop(name).end()
      else:
        results[name], start = answer
        timings[name] = Timing((), start, 0.)
    for turn in range(rounds):
      for name in list(made):
        answer, note = made[name].step(limit)
        old = timings[name]
        if note:
          timings[name] = old._replace(note=note)
        else:
          timings[name] = Timing((*old.seconds, answer[0]), old.start, answer[1])
        if note or (turn == 0 and answer[0] > SLOW):
          made.pop(name).end()
  finally:
    for rival in made.values():
      rival.end()
  return timings, results


def difference(results: Sequence[Mapping[str, np.ndarray]],
               tolerance: Mapping[str, float]) -> str:
  """The first result in which two rivals differ; '' where all agree.

  A tolerance is relative to the first rival's result, as a norm over all its values,
  or absolute where that is below 1.
  """
  for name, most in tolerance.items():
    first = np.asarray(results[0][name], np.float64)
    for other in results[1:]:
      gap = np.linalg.norm(np.asarray(other[name], np.float64) - first)
      gap /= max(1., np.linalg.norm(first))
      if not gap <= most:
        return f'{name} differs by {gap:.1e}, more than {most:.0e}'
  return ''
