"""Ours and PyTorch's meta-step on a device, in turns: a part of `gpu.py`.

The nets, weights and tasks are those of `meta_step.py`. Each rival has a process of its
own, and runs twice: with products of float32, and of TF32 where the device has it.
Their results must agree with ours of float32; by how much they differ is a column.
"""

from collections.abc import Callable
import functools
import importlib.util
import os

from gpu import Log
import interleaved
import meta_rivals
from meta_rivals import Row
import numpy as np

ROWS = (Row('conv4 28 x 28, 4 tasks', size=28), Row('centre: 64 x 64, 4 tasks'),
        Row('conv4 28 x 28, 64 tasks', size=28, tasks=64))
TINY = (Row('tiny', width=4, size=8, tasks=2, steps=1, classes=2, queries=1),)
SLOWEST = 20.      # seconds of one step


def ours(problem: meta_rivals.Problem, *, tf32: bool):
  """`meta_rivals.ours`, on the devices that jax finds."""
  import jax
  jax.config.update('jax_default_matmul_precision', 'high' if tf32 else 'highest')
  return meta_rivals.ours(problem)


def in_torch(problem: meta_rivals.Problem, *, make: Callable, tf32: bool):
  """A rival of PyTorch on a GPU where it finds one, waited for at its end."""
  import torch
  gpu = torch.cuda.is_available()
  torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
  torch.set_default_device('cuda' if gpu else 'cpu')
  results, step = make(problem)

  def waited():
    step()
    if gpu:
      torch.cuda.synchronize()
  waited()
  return {**results, 'device': np.array(gpu)}, waited


def torch_compiled(problem: meta_rivals.Problem):
  """`torch.compile` of what `torch_func` does."""
  import torch
  results, step = meta_rivals.torch_func(problem)
  compiled = torch.compile(step)
  compiled()
  return results, compiled


RIVALS = {'torch loop': meta_rivals.torch_loop, 'torch.func': meta_rivals.torch_func,
          'torch.compile': torch_compiled}


def _is_there(package: str) -> bool:
  try:
    return importlib.util.find_spec(package) is not None
  except ImportError:
    return False


def compare(log: Log) -> None:
  """A row for each problem, precision and rival; `times_as_long` is of ours."""
  # The processes share a device's memory.
  os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'] = 'false'
  there = _is_there('torch')
  if not there:
    log.skip(*RIVALS, '(PyTorch is not installed)')
  names = RIVALS if there else {}
  for row in TINY if log.tiny else ROWS:
    problem, truth = meta_rivals.make_problem(row, devices=1), None
    for tf32 in (False,) if log.tiny else (False, True):
      if log.left < 5:
        log.skip(f'{row.name} {"TF32" if tf32 else "float32"}')
        continue
      rivals = {'ours': functools.partial(ours, tf32=tf32),
                **{name: functools.partial(in_torch, make=make, tf32=tf32)
                   for name, make in names.items()}}
      timings, results = interleaved.compare(
          rivals, problem, rounds=3 if log.tiny else 9,
          limit=max(5., min(SLOWEST * 3, log.left / len(rivals))))
      truth = truth or results.get('ours')
      for name, timing in timings.items():
        _row(log, row.name, tf32, name, timing, timings['ours'], results.get(name),
             truth)


def _row(log, problem, tf32, name, timing, ours_timing, results, truth) -> None:
  gap = None
  if results and truth:
    a, b = (np.asarray(of['gradient'], np.float64) for of in (truth, results))
    gap = float(np.linalg.norm(b - a) / np.linalg.norm(a))
  on_gpu = results and results.get('device')
  log.row(problem=problem, products='TF32' if tf32 else 'float32', of=name,
          ms=1e3 * timing.median if timing.seconds else None,
          times_as_long=(timing.median / ours_timing.median
                         if timing.seconds and ours_timing.seconds else None),
          gradient_differs=gap, start_s=timing.start,
          gpu=None if on_gpu is None else bool(on_gpu), note=timing.note)
