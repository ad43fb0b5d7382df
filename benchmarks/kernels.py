"""How near to the machine's matmul rate is each form of a convolution?

    python benchmarks/kernels.py --quick        # under a minute on two cores
    python benchmarks/kernels.py                # some minutes

For the layers of the package's networks, each of several tasks with a kernel of its own
(as after an inner step): the convolution, its derivative by the kernel, its derivative
by the pictures, and the derivative of the kernel's derivative, which is what second
order adds. Every form must give what `lax.conv` gives, or nothing is reported.
`lax.conv` is under `vmap`, with XLA's own derivatives; `auto` is what we take.
A number is the median of runs in turns, as a share of the rate of a matmul that is
measured among them. What takes over a second is timed once.
"""

import argparse
from collections.abc import Callable, Mapping
import functools
import math
import pathlib
import sys
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax.models import convolution

MATMUL = 1536      # rows and columns


class Layer(NamedTuple):
  """Of one network; what is convolved is (tasks, n, *space, c)."""
  name: str
  n: int
  space: tuple[int, ...]
  c: int
  d: int
  window: tuple[int, ...] = (3, 3)
  tasks: int = 4


LAYERS = (
    Layer('Conv-4, 64 x 64, first', 5, (64, 64), 3, 32),
    Layer('Conv-4, 64 x 64, second', 5, (32, 32), 32, 32),
    Layer('Conv-4, 64 x 64, third', 5, (16, 16), 32, 32),
    Layer('Conv-4, 64 x 64, fourth', 5, (8, 8), 32, 32),
    Layer('Conv-4, 28 x 28, second', 5, (14, 14), 32, 32),
    Layer('Conv-4, query, second', 15, (32, 32), 32, 32),
    Layer('temporal, 9 frames', 5, (9, 4, 4), 32, 32, (3, 3, 3)),
    Layer('ResNet-12, second block', 5, (32, 32), 64, 160),
    Layer('ResNet-12, shortcut', 5, (32, 32), 64, 160, (1, 1)),
    Layer('ResNet-12, fourth block', 5, (8, 8), 640, 640, tasks=1),
    Layer('STSTNet', 64, (28, 28), 3, 16, tasks=1),
    Layer('one kernel for all', 80, (32, 32), 32, 32, tasks=1),
)
QUICK = (0, 1, 4, 6)
WORK = {'forward': 1, 'by kernel': 1, 'by pictures': 1, 'second': 2}    # convolutions


def lax_conv(x, kernel):
  letters = 'DHW'[-(x.ndim - 2):]
  return jax.lax.conv_general_dilated(
      x, kernel, (1,) * len(letters), 'SAME',
      dimension_numbers=(f'N{letters}C', f'{letters}IO', f'N{letters}C'))


FORMS: Mapping[str, Callable] = {
    'lax.conv': lax_conv,
    **{form: functools.partial(convolution.convolve, form=form)
       for form in convolution.FORMS},
    'auto': convolution.convolve,
}


def derivatives(conv: Callable) -> dict[str, Callable]:
  """Functions of (x, kernel, g) with a leading axis of tasks."""
  by_kernel = lambda x, k, g: jax.vjp(lambda k: conv(x, k), k)[1](g)[0]
  by_x = lambda x, k, g: jax.vjp(lambda x: conv(x, k), x)[1](g)[0]
  # The kernel takes the part of the tangent that comes back to the inner gradient.
  second = lambda x, k, g: jax.vjp(lambda x, g: by_kernel(x, k, g), x, g)[1](k)
  of_one = {'forward': lambda x, k, g: conv(x, k), 'by kernel': by_kernel,
            'by pictures': by_x, 'second': second}
  return {name: jax.jit(jax.vmap(of)) for name, of in of_one.items()}


def operands(layer: Layer):
  rng = np.random.default_rng(0)
  shapes = ((layer.n, *layer.space, layer.c), (*layer.window, layer.c, layer.d),
            (layer.n, *layer.space, layer.d))
  return [jnp.asarray(rng.standard_normal((layer.tasks, *shape)), jnp.float32)
          for shape in shapes]


def seconds(of: Callable, arguments) -> float:
  began = time.perf_counter()
  jax.block_until_ready(of(*arguments))
  return time.perf_counter() - began


def measure(layer: Layer, rounds: int, limit: float) -> tuple[dict, list[float]]:
  """Median seconds by (work, form), and the rates of a matmul among them.

  Raises:
    SystemExit: two forms give different results.
  """
  arguments, times, rates = operands(layer), {}, []
  square = jnp.ones((MATMUL, MATMUL), jnp.float32)
  matmul = jax.jit(jnp.matmul)
  seconds(matmul, (square, square))
  calls = {(work, form): of for form, conv in FORMS.items()
           for work, of in derivatives(conv).items()}
  results = {key: jax.block_until_ready(of(*arguments)) for key, of in calls.items()}
  for (work, form), result in results.items():
    for one, other in zip(*map(jax.tree.leaves, (results[work, 'lax.conv'], result))):
      if not jnp.linalg.norm(one - other) <= 1e-5 * jnp.linalg.norm(one):
        raise SystemExit(f'{layer.name}, {work}: {form} is not lax.conv')
  del results
  names = list(calls)
  for turn in range(rounds):
    rates.append(2 * MATMUL**3 / seconds(matmul, (square, square)))
    # Who follows one that takes much memory, pays for it; that is another every turn.
    for which in np.random.default_rng(turn).permutation(len(names)):
      key = names[which]
      if turn and times[key][0] > limit:
        continue                                  # a slow one is timed once
      times.setdefault(key, []).append(seconds(calls[key], arguments))
  return {key: float(np.median(taken)) for key, taken in times.items()}, rates


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--layers', default='', help='only those with this word')
  parser.add_argument('--rounds', type=int, default=0)
  options = parser.parse_args()
  rounds = options.rounds or (7 if options.quick else 21)
  layers = [LAYERS[n] for n in QUICK] if options.quick else LAYERS
  print(f'{jax.default_backend()}; forms: {", ".join(FORMS)}')
  worst = {work: (math.inf, '') for work in WORK}
  for layer in (layer for layer in layers if options.layers in layer.name):
    times, rates = measure(layer, rounds, limit=1.)
    rate = float(np.median(rates))
    low, high = np.percentile(rates, (25, 75))
    once = 2 * math.prod((layer.tasks, layer.n, *layer.space, *layer.window, layer.c,
                          layer.d))
    print(f'{layer.name}: {layer.tasks} x {(layer.n, *layer.space, layer.c)} by '
          f'{layer.window} -> {layer.d}; matmul {rate / 1e9:.0f} '
          f'[{low / 1e9:.0f}, {high / 1e9:.0f}] GFLOP/s')
    for work, count in WORK.items():
      shares = {form: count * once / times[work, form] / rate for form in FORMS}
      print(f'  {work:12}' + ''.join(
          f'  {form} {share:5.1%} ({times[work, form] * 1e3:.2f} ms)'
          for form, share in shares.items()), flush=True)
      taken = shares['auto'] / max(shares.values())
      worst[work] = min(worst[work], (taken, layer.name))
  for work, (taken, name) in worst.items():
    print(f'{work}: the form taken is at worst {taken:.2f}x as fast as the fastest '
          f'({name})')


if __name__ == '__main__':
  main()
