"""One second-order meta-step, four times: rivals as `interleaved` takes them.

JAX takes `CHUNK` steps a call, as training does with its chunks: what a call allocates
is paid once for all of them. Where a step is slow, it takes one.
"""

from collections.abc import Callable, Mapping
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import plain_nets

from lightman_jax.batches import map_in_batches
from lightman_jax.meta import learners
from lightman_jax.meta.inner import Steps
from lightman_jax.models import conv4, network, resnet, temporal
from lightman_jax.profiling import efficiency
from lightman_jax.settings import flat
from lightman_jax.tasks.sampling import Examples, Task
from lightman_jax.training import devices

RATE = .05     # inner
OUTER = 1e-7   # so small that a chunk does not change what a step takes
CHUNK, SLOW = 8, 2.     # steps, seconds


class Row(NamedTuple):
  """One line of the table: what a task is and what is adapted to it."""
  name: str
  encoder: str = 'conv4'
  width: int = 32
  size: int = 64
  frames: int = 1
  depth: int = 0          # of the temporal module
  tasks: int = 4
  steps: int = 3
  classes: int = 5
  shots: int = 1
  queries: int = 3
  precision: str = 'float32'     # of ours alone


class Problem(NamedTuple):
  """What every rival starts from; arrays are NumPy's."""
  row: Row
  params: Mapping[str, Any]
  tasks: tuple[np.ndarray, ...]    # support x, label, query x, label; all (tasks, ...)
  devices: int = 0                 # of ours; 0: as the program chooses
  memory: float = 1024.            # of ours: MiB that a task may keep


def make_net(row: Row) -> network.Network:
  kind = {'conv4': conv4.Conv4, 'resnet12': resnet.ResNet12}[row.encoder]
  encoder = network.ClipEncoder(kind(width=row.width),
                                temporal.Temporal(row.width, row.depth),
                                dtype=jnp.dtype(row.precision))
  return network.make_network(encoder, classes=row.classes)


def make_problem(row: Row, **options) -> Problem:
  """Random weights and clips; every class has a pattern of its own."""
  rng = np.random.default_rng(0)
  clip = (row.frames, row.size, row.size, 3)
  shapes = jax.eval_shape(
      lambda: make_net(row).init(jax.random.key(0), clip))

  def weights(leaf):
    noise = rng.standard_normal(leaf.shape)
    fan = np.prod(leaf.shape[:-1])
    return (.1 * noise + 1 if leaf.ndim == 1 else noise / np.sqrt(fan)).astype('f4')
  pattern = rng.standard_normal((row.tasks, row.classes, *clip))

  def side(each):
    label = np.tile(np.repeat(np.arange(row.classes), each), (row.tasks, 1))
    x = np.repeat(pattern, each, 1)
    return (x + rng.standard_normal(x.shape)).astype('f4'), label.astype('i4')
  return Problem(row, jax.tree.map(weights, shapes),
                 (*side(row.shots), *side(row.queries)), **options)


def _results(loss, grads: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  gradient = np.concatenate([np.ravel(grads[name]) for name in sorted(grads)])
  return {'loss': np.asarray(loss), 'gradient norm': np.linalg.norm(gradient),
          'gradient': gradient}


def _in_chunks(step: Callable) -> Callable:
  """`step`, (params, tasks) to loss and gradients, so many times; those of the last."""
  def chunk(params, tasks, steps):
    def once(number, state):
      params, _ = state
      # Each step of a training has other clips: nothing of them is computed ahead. In
      # float32 this is 1, which no compiler knows.
      one = 1 + 1e-9 * number
      loss, grads = step(params, [x * one if x.dtype == jnp.float32 else x
                                  for x in tasks])
      return jax.tree.map(lambda p, g: p - OUTER * g, params, grads), (loss, grads)
    nothing = jax.tree.map(jnp.zeros_like, (jnp.zeros(()), params))
    return jax.lax.fori_loop(0, steps, once, (params, nothing))[1]
  return chunk


def _of_jax(chunk: Callable) -> tuple[dict[str, np.ndarray], Callable, int]:
  """`chunk(steps)` gives loss and gradients, as arrays on devices."""
  loss, grads = jax.tree.map(np.asarray, chunk(1))
  began = time.perf_counter()
  jax.block_until_ready(chunk(1))
  steps = 1 if time.perf_counter() - began > SLOW else CHUNK
  return _results(loss, flat(grads)), lambda: jax.block_until_ready(chunk(steps)), steps


def meta_grad_of(problem: Problem) -> Callable:
  """Ours, of parameters and one task's arrays: the gradient, and what is told."""
  row = problem.row
  learner = learners.maml(make_net(row), Steps(row.steps, RATE, memory=problem.memory))
  # MAML looks at no macro clips.
  side = lambda x, label: Examples(x, label, x[:0], label[:0])
  return lambda params, arrays: learner.meta_grad(
      params, Task(side(*arrays[:2]), side(*arrays[2:])), jax.random.key(0))


def operations(problem: Problem) -> int:
  """Floating point operations of a meta-step of ours, all tasks together."""
  return problem.row.tasks * efficiency.count_operations(
      meta_grad_of(problem), problem.params, [x[0] for x in problem.tasks])


def ours(problem: Problem):
  """As `training.state` does it: devices share the tasks, each takes one in turn."""
  row = problem.row
  devices.use_compilation_cache()
  layout = devices.lay_out(devices.open_devices(problem.devices), folds=1,
                           tasks=row.tasks, split='tasks')
  used = layout.devices
  together = min(layout.tasks_at_once, row.tasks // len(used))
  meta_grad = meta_grad_of(problem)

  def step(params, tasks):
    grads, scalars = map_in_batches(lambda arrays: meta_grad(params, arrays), tasks,
                                    together)
    mean = jax.lax.pmean(jax.tree.map(lambda x: x.mean(0), (grads, scalars)),
                         devices.AXIS)
    return mean[1]['query_loss'], mean[0]
  tasks = devices.divide(problem.tasks, used)
  params = devices.replicate(problem.params, used)
  mapped = jax.pmap(_in_chunks(step), devices.AXIS, in_axes=(0, 0, None), devices=used)
  return _of_jax(lambda steps: jax.tree.map(lambda x: x[0],
                                            mapped(params, tasks, steps)))


def plain_jax(problem: Problem):
  """`lax.conv` under `vmap` over the tasks, the inner loop written out."""
  row = problem.row

  def loss(params, x, label):
    logits = plain_nets.logits(params, x, encoder=row.encoder, depth=row.depth)
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), label[:, None], 1).mean()

  def after(params, x, label, query, answer):
    for _ in range(row.steps):
      grads = jax.grad(loss)(params, x, label)
      params = jax.tree.map(lambda p, g: p - RATE * g, params, grads)
    return loss(params, query, answer)
  all_tasks = lambda params, tasks: jax.vmap(after, (None, 0, 0, 0, 0))(
      params, *tasks).mean()
  chunk = jax.jit(_in_chunks(jax.value_and_grad(all_tasks)))
  params, tasks = jax.device_put((problem.params, problem.tasks))
  return _of_jax(lambda steps: chunk(params, tasks, steps))


def _torch_parts(problem: Problem):
  import torch
  import torch_nets
  row = problem.row
  cross_entropy = torch.nn.functional.cross_entropy
  loss = lambda params, x, label: cross_entropy(torch_nets.logits(
      params, x, encoder=row.encoder, depth=row.depth), label)
  tasks = [torch.tensor(x).long() if x.ndim == 2 else torch_nets.clips(x)
           for x in problem.tasks]
  return torch, torch_nets, torch_nets.from_flax(problem.params), loss, tasks


def torch_loop(problem: Problem):
  """One task after the other, `autograd.grad(create_graph=True)` in the inner loop."""
  torch, nets, params, loss, tasks = _torch_parts(problem)

  def step():
    total = 0.
    for p in params.values():
      p.grad = None
    for x, label, query, answer in zip(*tasks):
      fast = params
      for _ in range(problem.row.steps):
        grads = torch.autograd.grad(loss(fast, x, label), list(fast.values()),
                                    create_graph=True)
        fast = {k: p - RATE * g for (k, p), g in zip(fast.items(), grads)}
      value = loss(fast, query, answer) / problem.row.tasks
      value.backward()
      total += float(value.detach())
    return total
  return _results(step(), nets.to_flax_order(
      {name: p.grad for name, p in params.items()})), step


def torch_func(problem: Problem):
  """`torch.func`: `vmap` over the tasks, `grad` inside and outside."""
  torch, nets, params, loss, tasks = _torch_parts(problem)
  params = {name: p.detach() for name, p in params.items()}

  def after(params, x, label, query, answer):
    for _ in range(problem.row.steps):
      grads = torch.func.grad(loss)(params, x, label)
      params = {name: p - RATE * grads[name] for name, p in params.items()}
    return loss(params, query, answer)
  total = lambda params: torch.func.vmap(after, (None, 0, 0, 0, 0))(
      params, *tasks).mean()
  step = lambda: torch.func.grad_and_value(total)(params)
  grads, value = step()
  return _results(value.detach().cpu().numpy(), nets.to_flax_order(grads)), step
