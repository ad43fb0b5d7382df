"""The parts of `gpu.py`: each takes a log, and writes rows to it.

Programs are compiled several beside each other, and timed alone. A time is the median
of rounds, each of so many calls in a row that it can be measured; the device is waited
for at the end of each. What is told of a device's peak is its maker's data sheet, of
products without sparsity.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import concurrent.futures
import functools
import importlib.metadata
import itertools
import math
import os
import platform
import shutil
import subprocess
import time
from typing import Any, NamedTuple

from gpu import Log, describe
import jax
import jax.numpy as jnp
import kernels
import numpy as np
import scaling

from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.meta.losses import Align
from lightman_jax.models import convolution, encoders, network
from lightman_jax.profiling import efficiency, memory
from lightman_jax.tasks.sampling import Examples, Sizes, Task
from lightman_jax.training import devices, numerics
from lightman_jax.training.state import (
  Recipe,
  init_state,
  make_optimizer,
  run_folds,
  stack,
)

LEAST, ROUNDS, LONGEST = .02, 7, 1.5     # seconds of a round; rounds; seconds of all
CALLS = 200                              # of a round, at most
PROGRAMS = 6         # compiled beside each other, at most: rows come after each batch
RATE, MEMORY = .05, 1024.                # as the defaults of `method`
MIB = 2**20

# What products of float32 are made of: `model.matmul_precision`, and activations of 16
# bits, which are `model.precision`. 'high' is TF32 where a device has it.
PRECISIONS = {'highest': 'float32', 'high': 'float32', 'default': 'float32',
              'bfloat16': 'bfloat16'}

# TFLOP/s of float32, of TF32 and of bfloat16 by the start of a device's kind.
PEAKS = {
    'NVIDIA H200': (67., 494.7, 989.4),
    'NVIDIA H100 80GB HBM3': (67., 494.7, 989.4),
    'NVIDIA H100 PCIe': (51., 378., 756.),
    'NVIDIA A100': (19.5, 156., 312.),
    'NVIDIA L40S': (91.6, 183., 362.),
    'NVIDIA L4': (30.3, 60., 121.),
    'NVIDIA A10': (31.2, 62.5, 125.),
    'Tesla V100': (15.7, 15.7, None),
    'Tesla T4': (8.1, 8.1, None),
}


def peak_of(kind: str, precision: str) -> float | None:
  """TFLOP/s by the data sheet; None where it is not known here."""
  column = {'highest': 0, 'bfloat16': 2}.get(precision, 1)
  longest = max((name for name in PEAKS if kind.startswith(name)), key=len, default='')
  return PEAKS[longest][column] if longest else None


def pinned(precision: str):
  return numerics.pinned('default' if precision == 'bfloat16' else precision)


def seconds_of(call: Callable[[], Any]) -> dict[str, float]:
  """Median and best of a call, in milliseconds, after a first that does not count."""
  jax.block_until_ready(call())
  began = time.perf_counter()
  jax.block_until_ready(call())
  once = max(time.perf_counter() - began, 1e-6)
  calls, times = min(CALLS, int(LEAST / once) + 1), []
  end = time.perf_counter() + LONGEST
  while len(times) < ROUNDS and (len(times) < 2 or time.perf_counter() < end):
    began = time.perf_counter()
    for _ in range(calls):
      result = call()
    jax.block_until_ready(result)
    times.append((time.perf_counter() - began) / calls)
  return {'ms': 1e3 * float(np.median(times)), 'best_ms': 1e3 * min(times)}


class Program(NamedTuple):
  """What was compiled, for arguments that lie on the host still."""
  compiled: jax.stages.Compiled
  arguments: tuple[Any, ...]
  compile_s: float          # beside others, tracing included

  @property
  def bytes(self) -> int | None:
    """That it plans to hold."""
    about = self.compiled.memory_analysis()
    return about and (about.argument_size_in_bytes + about.output_size_in_bytes
                      - about.alias_size_in_bytes + about.temp_size_in_bytes)


class Job(NamedTuple):
  """A measurement: what names its row, what to compile, and what to make of it."""
  fields: Mapping[str, Any]
  make: Callable[[], tuple[Callable, tuple[Any, ...]]]     # function, arguments
  use: Callable[[Program], Mapping[str, Any]]              # the rest of the row


def compiled_job(job: Job) -> Program | Exception:
  try:
    with pinned(job.fields.get('precision', 'highest')):
      began = time.perf_counter()
      function, arguments = job.make()
      compiled = jax.jit(function).lower(*arguments).compile()
      return Program(compiled, arguments, time.perf_counter() - began)
  except Exception as error:      # one that fails leaves the others
    return error


def measure(log: Log, jobs: Sequence[Job], together: int = PROGRAMS) -> None:
  """Rows of the jobs, in their order, as long as there is time."""
  size, longest = max(1, min(together, os.cpu_count() or 1)), 0.
  with concurrent.futures.ThreadPoolExecutor(size) as pool:
    for begin in range(0, len(jobs), size):
      batch, began = jobs[begin:begin + size], time.monotonic()
      if log.left < longest:
        log.skip(*(name_of(job) for job in jobs[begin:]))
        return
      for job, program in zip(batch, list(pool.map(compiled_job, batch))):
        if log.left < 0:
          log.skip(name_of(job))
          continue
        try:
          if isinstance(program, Exception):
            raise program
          with pinned(job.fields.get('precision', 'highest')):
            log.row(**job.fields, **job.use(program))
        except Exception as error:
          log.row(**job.fields, error=describe(error))
      longest = max(longest, time.monotonic() - began)


def name_of(job: Job) -> str:
  return ' '.join(str(value) for value in job.fields.values())


# The machine.

def environment(log: Log) -> None:
  """What the figures are of, and the rates that they are measured against."""
  device, words = jax.devices()[0], ('JAX_', 'XLA_', 'CUDA_', 'NVIDIA_', 'TF_', 'LD_')
  packages = ('jax', 'jaxlib', 'flax', 'optax', 'jaxtyping', 'numpy', 'torch',
              'jax-cuda12-plugin', 'jax-cuda13-plugin', 'jax-rocm7-plugin', 'libtpu')
  versions = {}
  for name in packages:
    try:
      versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  log.fact(
      backend=jax.default_backend(),
      devices=[str(x.device_kind) for x in jax.devices()],
      runtime=device.client.platform_version,
      compute_capability=getattr(device, 'compute_capability', None),
      bytes_limit=(device.memory_stats() or {}).get('bytes_limit'),
      python=platform.python_version(), machine=platform.platform(),
      cores=os.cpu_count(), versions=versions, tiny=log.tiny,
      flags={name: value for name, value in sorted(os.environ.items())
             if name.startswith(words)}, nvidia_smi=_nvidia_smi())
  log.fact(call_of_nothing_ms=seconds_of(
      functools.partial(jax.jit(lambda x: x + 1), jnp.zeros(())))['ms'])
  for precision, dtype in PRECISIONS.items():
    with pinned(precision):
      rates = efficiency.measure_rates(device, dtype=jnp.dtype(dtype))
    log.row(precision=precision, matmul_tflops=rates.matmul / 1e12,
            data_sheet_tflops=peak_of(device.device_kind, precision),
            copy_gbs=rates.copy / 1e9)


def _nvidia_smi() -> str | None:
  if not shutil.which('nvidia-smi'):
    return None
  wanted = ('name,driver_version,memory.total,clocks.max.sm,clocks.sm,power.limit,'
            'temperature.gpu,ecc.mode.current,mig.mode.current')
  try:
    answer = subprocess.run(['nvidia-smi', f'--query-gpu={wanted}', '--format=csv'],
                           capture_output=True, text=True, timeout=20)
  except (OSError, subprocess.TimeoutExpired):
    return None
  return answer.stdout.strip() or answer.stderr.strip()


# Is what a device computes right?

class Size(NamedTuple):
  """Of a meta-step; as `scaling.make_data` takes it."""
  encoder: str = 'conv4'
  width: int = 32
  side: int = 28
  frames: int = 1
  depth: int = 0            # of the temporal module
  tasks: int = 4
  folds: int = 1
  shots: int = 1
  queries: int = 3
  steps: int = 3
  classes: int = scaling.CLASSES
  precision: str = 'float32'

  @property
  def clips(self) -> int:
    """Of all tasks of a step."""
    return self.folds * self.tasks * self.classes * (self.shots + self.queries)


def make_net(size: Size) -> network.Network:
  kind = {'conv4': encoders.Conv4, 'resnet12': encoders.ResNet12,
          'ststnet': encoders.STSTNet, 'vit': encoders.ViT}[size.encoder]
  encoder = kind(width=size.width, temporal_width=size.width,
                 temporal_depth=size.depth, precision=size.precision)
  return network.make_network(encoder.make(), classes=size.classes)


def make_learner(size: Size, method: str = 'maml') -> learners.Learner:
  net, steps = make_net(size), Steps(size.steps, RATE, memory=MEMORY)
  if method == 'lightman':
    return learners.lightman(net, steps, Align())
  return learners.maml(net, steps)


def weights(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
  """Kernels that keep the scale of what goes through; vectors about 1."""
  noise = rng.standard_normal(shape)
  return .1 * noise + 1 if len(shape) == 1 else noise / np.sqrt(np.prod(shape[:-1]))


def weights_and_tasks(size: Size):
  """Random, in NumPy's float64; a class has a pattern, and a task five macro clips."""
  rng, clip = np.random.default_rng(0), (size.frames, size.side, size.side, 3)
  shapes = jax.eval_shape(lambda: make_net(size).init(jax.random.key(0), clip))
  pattern = rng.standard_normal((size.tasks, size.classes, *clip))

  def examples(each):
    label = np.tile(np.repeat(np.arange(size.classes), each), (size.tasks, 1))
    x = np.repeat(pattern, each, 1)
    macro = rng.standard_normal((size.tasks, 5, *clip))
    return Examples(x + rng.standard_normal(x.shape), label, macro,
                    np.full((size.tasks, 5), -1))
  params = jax.tree.map(lambda leaf: weights(rng, leaf.shape), shapes)
  return params, Task(examples(size.shots), examples(size.queries))


def mean_gradient(size: Size, method: str, at_once: int) -> Callable:
  """Of parameters and tasks: the mean outer gradient, and the mean query loss."""
  meta_grad = make_learner(size, method).meta_grad

  def function(params, tasks):
    grads, scalars = jax.lax.map(
        lambda task: meta_grad(params, task, jax.random.key(0)), tasks,
        batch_size=at_once)
    return jax.tree.map(lambda x: x.mean(0), grads), scalars['query_loss'].mean()
  return function


def _as(tree, dtype):
  return jax.tree.map(lambda x: np.asarray(
      x, dtype if np.issubdtype(x.dtype, np.floating) else np.int32), tree)


@functools.cache
def reference(size: Size, method: str):
  """The same in float64, one task after the other, on the CPU."""
  cpu = jax.local_devices(backend='cpu')[0]
  arguments = _as(weights_and_tasks(size), np.float64)
  with jax.enable_x64(True), jax.default_device(cpu):
    return jax.tree.map(np.asarray, jax.jit(mean_gradient(size, method, 1))(*arguments))


def correctness(log: Log) -> None:
  """The outer gradient at each precision: its relative error, and its angle."""
  full = (('maml', Size(tasks=2)), ('lightman', Size(tasks=2)),
          ('lightman', Size('ststnet', 16, tasks=2)),
          ('lightman', Size('vit', tasks=2)),
          ('lightman', Size(frames=3, depth=1, tasks=2)),
          ('lightman', Size('resnet12', 32, tasks=2, steps=1)))
  tiny = (('lightman', Size('ststnet', 4, side=12, tasks=2, steps=1)),)

  def use(method, size, program):
    def call():
      return program.compiled(*program.arguments)
    grads, loss = jax.tree.map(np.asarray, call())
    again = jax.tree.map(np.asarray, call())
    truth, true_loss = reference(size._replace(precision='float32'), method)
    a, b = (np.concatenate([np.ravel(x).astype('f8') for x in jax.tree.leaves(of)])
            for of in (truth, grads))
    return {'gradient_error': float(np.linalg.norm(b - a) / np.linalg.norm(a)),
            'cosine': float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)),
            'loss_error': abs(float(loss) / float(true_loss) - 1),
            'same_bits_again': all(map(np.array_equal, jax.tree.leaves((grads, loss)),
                                       jax.tree.leaves(again)))}

  def job(method, size, precision):
    size = size._replace(precision=PRECISIONS[precision])
    name = f'{size.encoder}{size.width}' + f' {size.frames} frames' * (size.frames > 1)

    def make():
      reference(size._replace(precision='float32'), method)     # beside others
      return (mean_gradient(size, method, size.tasks),
              _as(weights_and_tasks(size), np.float32))
    return Job({'method': method, 'encoder': name, 'precision': precision}, make,
               functools.partial(use, method, size))
  measure(log, [job(method, size, precision) for precision in PRECISIONS
                for method, size in (tiny if log.tiny else full)])


# Which form of a convolution is fast where?

ORDER = (1, 6, 7, 0, 4, 10, 9, 11, 5, 2, 3, 8)     # of `kernels.LAYERS`


def convolutions(log: Log) -> None:
  """Each form's times and greatest error; `auto` is what is taken today.

  Of the second derivative, which is two convolutions, that may be two forms.
  """
  small = (kernels.Layer('small', 2, (6, 6), 8, 8, tasks=2),
           kernels.Layer('small, in time', 2, (3, 4, 4), 4, 4, (3, 3, 3), tasks=2))
  layers = small if log.tiny else [kernels.LAYERS[n] for n in ORDER]
  precisions = ('highest',) if log.tiny else ('default', 'highest')
  platform_name = jax.default_backend()
  platform_name = 'cuda' if platform_name == 'gpu' else platform_name

  @functools.cache
  def truth(layer: kernels.Layer, work: str):
    conv = functools.partial(convolution.convolve, form='patches')
    cpu = jax.local_devices(backend='cpu')[0]
    with jax.enable_x64(True), jax.default_device(cpu):
      operands = [np.asarray(x, np.float64) for x in kernels.operands(layer)]
      return jax.tree.map(np.asarray, kernels.derivatives(conv)[work](*operands))

  def use(layer, work, form, program):
    arguments = jax.device_put(program.arguments)
    result = jax.tree.leaves(program.compiled(*arguments))
    expected = jax.tree.leaves(truth(layer, work))
    error = max(float(np.abs(np.asarray(x, np.float64) - y).max() / np.abs(y).max())
                for x, y in zip(result, expected))
    arithmetic = 2 * kernels.WORK[work] * math.prod((
        layer.tasks, layer.n, *layer.space, *layer.window, layer.c, layer.d))
    times = seconds_of(lambda: program.compiled(*arguments))
    return {**times, 'tflops': arithmetic / times['ms'] / 1e9, 'max_error': error,
            'auto': None if work == 'second' else form == taken(layer, work)}

  def taken(layer, work):
    x = (layer.tasks, layer.n, *layer.space, layer.c)
    if work == 'by kernel':
      return convolution._choose_corr(x, layer.window, platform_name)
    turned = work == 'by pictures'
    c, d = (layer.d, layer.c) if turned else (layer.c, layer.d)
    return convolution._choose_conv((*x[:-1], c), (layer.tasks, *layer.window, c, d),
                                    platform_name)

  def job(layer, work, form, precision):
    def make():
      if form == 'lax.conv':
        truth(layer, work)                                        # beside others
      return (kernels.derivatives(kernels.FORMS[form])[work],
              tuple(map(np.asarray, kernels.operands(layer))))
    return Job({'layer': layer.name, 'work': work, 'form': form,
                'precision': precision}, make,
               functools.partial(use, layer, work, form))
  # In two dimensions `folded` is `lax`.
  measure(log, [job(layer, work, form, precision)
                for precision, layer in itertools.product(precisions, layers)
                for work in kernels.WORK for form in ('lax.conv', *convolution.FORMS)
                if form != 'folded' or len(layer.window) == 3], together=16)


# How fast is a step?

LENGTH = 2      # meta-steps of a call, as training makes several


@functools.cache
def operations(size: Size) -> int:
  """Of one task's meta-gradient."""
  params, tasks = _as(weights_and_tasks(size), np.float32)
  learner = make_learner(size)
  return efficiency.count_operations(
      lambda params, task: learner.meta_grad(params, task, jax.random.key(0)),
      params, jax.tree.map(lambda x: x[0], tasks))


def training(size: Size):
  """A call of the package's own training of folds, all at once; and its arguments."""
  recipe = Recipe(
      make_learner(size), make_optimizer(outer_rate=1e-3, weight_decay=0.,
                                         clip_norm=1.),
      Sizes(size.classes, size.shots, size.queries), lambda key, clip: clip, size.tasks,
      size.tasks)
  views, clips = stack([scaling.make_data(size, n) for n in range(size.folds)],
                       size.folds)
  rng, shape = np.random.default_rng(0), clips.x.shape[1:]
  shapes = jax.eval_shape(jax.vmap(lambda key: init_state(key, recipe, shape)),
                          views.key)
  states = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
  params = jax.tree.map(lambda leaf: np.stack([
      weights(rng, leaf.shape[1:]) for _ in range(size.folds)]).astype(leaf.dtype),
                        shapes.params)
  run = functools.partial(run_folds, recipe=recipe, length=LENGTH, at_once=size.folds)
  return run, (states._replace(params=params), views, clips)


def speed(size: Size, precision: str, matmul: Mapping[str, float], program: Program
          ) -> dict[str, Any]:
  """Of a meta-step of all tasks and folds."""
  device = jax.devices()[0]
  room = memory.room(device)
  if room and program.bytes and program.bytes > room:
    raise MemoryError(f'it needs {program.bytes} bytes, and {room} are there')
  arguments = jax.device_put(program.arguments)
  times = {name: ms / LENGTH for name, ms in seconds_of(
      lambda: program.compiled(*arguments)).items()}
  seconds = times['ms'] / 1e3
  one = size._replace(folds=1, tasks=1, precision='float32')
  flops = size.tasks * size.folds * operations(one) / seconds / 1e12
  peak = peak_of(device.device_kind, precision)
  return {**times, 'clips_per_s': size.clips / seconds, 'tflops': flops,
          'of_matmul': flops / matmul[precision] if precision in matmul else None,
          'of_data_sheet': peak and flops / peak,
          'plan_mib': program.bytes and program.bytes / MIB,
          'compile_s': program.compile_s}


def matmul_rates(precisions: Sequence[str]) -> dict[str, float]:
  """TFLOP/s by precision."""
  rates = {}
  for precision in precisions:
    with pinned(precision):
      rates[precision] = efficiency.measure_rates(
          jax.devices()[0], dtype=jnp.dtype(PRECISIONS[precision])).matmul / 1e12
  return rates


def training_jobs(sizes: Sequence[Size], precisions: Sequence[str],
                  matmul: Mapping[str, float]) -> Iterator[Job]:
  for size, precision in itertools.product(sizes, precisions):
    size = size._replace(precision=PRECISIONS[precision])
    yield Job({'encoder': f'{size.encoder} {size.width}', 'side': size.side,
               'folds': size.folds, 'tasks': size.tasks, 'precision': precision},
              functools.partial(training, size),
              functools.partial(speed, size, precision, matmul))


def steps(log: Log) -> None:
  """By encoder, tasks and precision; the most telling rows first."""
  precisions = ('highest', 'bfloat16') if log.tiny else ('highest', 'high', 'bfloat16')
  matmul = matmul_rates(precisions)
  log.fact(matmul_tflops=matmul)
  four = (Size(), Size('ststnet', 16), Size('vit'), Size('resnet12', 64))
  sizes = [size._replace(tasks=tasks) for tasks in (16, 256, 1, 64, 4) for size in four]
  sizes += [Size(side=64, tasks=tasks) for tasks in (4, 64)]
  sizes += [Size(frames=9, depth=2, tasks=16)]
  if log.tiny:
    sizes = [Size('ststnet', 4, side=12, steps=1, tasks=2)]
  measure(log, list(training_jobs(sizes, precisions, matmul)))


FULL = .9      # of the best rate: there a device counts as full


def filling(log: Log) -> None:
  """Clips a second by folds and tasks as one batch, and where it grows no more."""
  folds, tasks = ((1, 2), (2,)) if log.tiny else ((1, 4, 16, 64), (1, 4, 16))
  sizes = ([Size('ststnet', 4, side=12, steps=1)] if log.tiny
           else [Size(), Size('ststnet', 16)])
  for size in sizes:
    before = len(log.content['rows'])
    grid = sorted(itertools.product(folds, tasks), key=np.prod)
    measure(log, list(training_jobs(
        [size._replace(folds=f, tasks=t) for f, t in grid], ['highest'], {})))
    rows = [row for row in log.content['rows'][before:] if 'error' not in row]
    if rows:
      best = max(row['clips_per_s'] for row in rows)
      full = min((row for row in rows if row['clips_per_s'] >= FULL * best),
                 key=lambda row: row['folds'] * row['tasks'])
      log.fact(**{f'{size.encoder}_full_at': {
          'folds': full['folds'], 'tasks': full['tasks'], 'best_clips_per_s': best}})


# Does a program take what its plan says?

def peak_memory(log: Log) -> None:
  """Programs from the least to the largest plan, and the peak after each."""
  sizes = [Size(tasks=tasks) for tasks in (1, 16, 256)] + [
      Size('resnet12', 64, tasks=tasks) for tasks in (4, 64)]
  if log.tiny:
    sizes = [Size('ststnet', 4, side=12, steps=1, tasks=tasks) for tasks in (1, 2)]
  device, jobs = jax.devices()[0], list(training_jobs(sizes, ['highest'], {}))
  with concurrent.futures.ThreadPoolExecutor(len(jobs)) as pool:
    programs = list(pool.map(compiled_job, jobs))
  both = [(job, program) for job, program in zip(jobs, programs)
          if isinstance(program, Program)]
  for job, program in zip(jobs, programs):
    if isinstance(program, Exception):
      log.row(**job.fields, error=describe(program))
  layout = devices.lay_out([device], folds=1, tasks=1)
  # The peak is that of the process so far: the least first.
  for job, program in sorted(both, key=lambda one: one[1].bytes or 0):
    if log.left < 0:
      log.skip(name_of(job))
      continue
    need, before = memory.need_of(program.compiled, layout), _peak(device)
    try:
      arguments = jax.device_put(program.arguments)
      jax.block_until_ready(program.compiled(*arguments))
    except Exception as error:
      log.row(**job.fields, error=describe(error))
      continue
    peak = _peak(device)
    hidden = peak is None or peak == before     # by what came before, as compiling
    log.row(**job.fields, estimate_mib=need and need.total / MIB,
            peak_mib=peak and peak / MIB,
            peak_by_estimate=peak / need.total if need and not hidden else None)
    del arguments


def _peak(device: jax.Device) -> int | None:
  return (device.memory_stats() or {}).get('peak_bytes_in_use')
