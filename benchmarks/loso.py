"""Supervised leave-one-subject-out with STSTNet: all folds as one program, and PyTorch.

    python benchmarks/loso.py --quick           # 24 folds, 2 epochs
    python benchmarks/loso.py                   # 24 and 68 folds, 20 epochs: minutes

The sizes of CASME II (145 clips of 24 people) and of MEGC2019 (442 of 68) in three
classes; the pictures are noise of 28 x 28 x 3, which takes as long as flow does.
Batches of 256, Adam at 5e-5 (Liong et al. 2019), the same weights and batches on both
sides, the batches of an epoch drawn anew; then the held-out clips are predicted. Ours
takes a batch in blocks, as supervised training does. The network is the package's form:
group normalisation, no dropout. The last loss of every fold and the logits of all
held-out clips must agree, or nothing is reported. PyTorch takes one fold after the
other; a run over ten seconds is timed once.
"""

import argparse
import pathlib
import sys
from typing import Any, NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import interleaved
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lightman_jax.batches import map_in_batches
from lightman_jax.meta import outer
from lightman_jax.models import network, temporal
from lightman_jax.models.ststnet import STSTNet
from lightman_jax.training import devices

CLASSES, BATCH, RATE = 3, 256, 5e-5
PUBLISHED_EPOCHS = 800
SIZES = {24: 145, 68: 442}     # clips, by folds
TOLERANCE = {'loss': 1e-4, 'logits': 1e-3}


class Problem(NamedTuple):
  """What both sides start from; every array is NumPy's, -1 fills up."""
  params: Any
  x: np.ndarray                    # (N, 1, h, w, c)
  label: np.ndarray
  batches: tuple[np.ndarray, ...]  # of an epoch, each (folds, epochs, clips)
  held_out: np.ndarray             # (folds, clips)
  together: int                    # of ours: folds of a device that make one batch
  devices: int


def make_net() -> network.Network:
  return network.make_network(
      network.ClipEncoder(STSTNet(), temporal.Temporal(depth=0)), classes=CLASSES)


def make_problem(folds: int, epochs: int, **options) -> Problem:
  rng, clips = np.random.default_rng(0), SIZES[folds]
  x = rng.standard_normal((clips, 1, 28, 28, 3)).astype('f4')
  subject = np.concatenate([np.arange(folds),
                            rng.integers(folds, size=clips - folds)])
  most = clips - np.bincount(subject).min()
  orders = np.full((folds, epochs, most), -1, np.int32)
  held_out = np.full((folds, np.bincount(subject).max()), -1, np.int32)
  for fold in range(folds):
    train, test = np.flatnonzero(subject != fold), np.flatnonzero(subject == fold)
    held_out[fold, :len(test)] = test
    for epoch in range(epochs):
      orders[fold, epoch, :len(train)] = rng.permutation(train)
  shapes = jax.eval_shape(lambda: make_net().init(jax.random.key(0), x.shape[1:]))
  params = jax.tree.map(
      lambda p: (rng.standard_normal(p.shape) / np.sqrt(np.prod(p.shape[:-1]))
                 + (p.ndim == 1)).astype('f4'), shapes)
  batches = np.split(orders, range(BATCH, most, BATCH), -1)
  return Problem(params, x, rng.integers(CLASSES, size=clips).astype('i4'),
                 tuple(batches), held_out, **options)


def ours(problem: Problem):
  """The folds dealt out to the devices, each one after the other or some at once."""
  devices.use_compilation_cache()
  visible = devices.open_devices(problem.devices)
  folds = len(problem.held_out)
  used = visible[:max(n for n in range(1, len(visible) + 1) if folds % n == 0)]
  net, optimizer = make_net(), optax.adam(RATE)

  def one_fold(params, x, label, batches, held_out):
    def loss(params, index, share):
      each = optax.softmax_cross_entropy_with_integer_labels(
          net.logits(params, x[index]), label[index])
      return jnp.sum(each * share)

    def epoch(state, batches):
      for index in batches:
        params, moments = state
        share = (index >= 0) / jnp.sum(index >= 0)
        value, grads = outer.sum_over_microbatches(
            jax.value_and_grad(loss), params, (index, share),
            outer.microbatch_size((len(index), *x.shape[1:])))
        updates, moments = optimizer.update(grads, moments)
        state = optax.apply_updates(params, updates), moments
      return state, value
    (params, _), values = jax.lax.scan(epoch, (params, optimizer.init(params)), batches)
    return values[-1], net.logits(params, x[held_out])

  def of_device(views, params, x, label):
    return map_in_batches(lambda view: one_fold(params, x, label, *view), views,
                          problem.together)
  views = devices.divide((problem.batches, problem.held_out), used)
  shared = devices.replicate((problem.params, problem.x, problem.label), used)
  mapped = jax.pmap(of_device, devices.AXIS, devices=used)
  call = lambda: jax.block_until_ready(mapped(views, *shared))
  losses, logits = devices.gather(call())
  return {'loss': losses, 'logits': logits[problem.held_out >= 0]}, call


def pytorch(problem: Problem):
  """One fold after the other, on all cores."""
  import torch
  import torch_nets
  x, label = torch_nets.clips(problem.x), torch.tensor(problem.label).long()
  chosen = lambda index: torch.tensor(index[index >= 0]).long()
  logits_of = lambda params, index: torch_nets.logits(
      params, x[index], encoder='ststnet', depth=0)

  def one_fold(fold):
    params = torch_nets.from_flax(problem.params)
    optimizer = torch.optim.Adam(params.values(), RATE)
    for epoch in range(problem.batches[0].shape[1]):
      for batch in problem.batches:
        index = chosen(batch[fold, epoch])
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits_of(params, index), label[index])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
      return float(loss), logits_of(params, chosen(problem.held_out[fold])).numpy()
  run = lambda: [one_fold(fold) for fold in range(len(problem.held_out))]
  losses, logits = zip(*run())
  return {'loss': np.array(losses), 'logits': np.concatenate(logits)}, run


def sizes(options) -> list[int]:
  """Folds, as the command line asks for them."""
  return [options.folds] if options.folds else [24] if options.quick else [*SIZES]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--quick', action='store_true')
  parser.add_argument('--folds', type=int, default=0, choices=[0, *SIZES])
  parser.add_argument('--epochs', type=int, default=0)
  parser.add_argument('--together', type=int, default=1,
                      help='folds of a device that ours trains as one batch')
  parser.add_argument('--devices', type=int, default=0, help='of ours; 0: all')
  parser.add_argument('--rounds', type=int, default=5)
  parser.add_argument('--limit', type=float, default=1800.)
  options = parser.parse_args()
  epochs = options.epochs or (2 if options.quick else 20)
  rivals, ratios = {'ours': ours, 'PyTorch': pytorch}, []
  for folds in sizes(options):
    timings, results = interleaved.compare(
        rivals, make_problem(folds, epochs, together=options.together,
                             devices=options.devices),
        rounds=options.rounds, limit=options.limit)
    wrong = interleaved.difference(list(results.values()), TOLERANCE)
    if wrong or len(results) < len(rivals):
      notes = ' '.join(timing.note for timing in timings.values())
      raise SystemExit(f'{folds} folds: {wrong or notes}; nothing reported')
    print(f'{folds} folds, {SIZES[folds]} clips, {epochs} epochs')
    for name, timing in timings.items():
      whole = timing.median * PUBLISHED_EPOCHS / epochs
      print(f'  {name:8} {timing.median / timings["ours"].median:6.2f}x '
            f'{timing.peak:6.0f} MiB  {timing}, start {timing.start:.1f} s; '
            f'{PUBLISHED_EPOCHS} epochs, extrapolated: {whole:.0f} s', flush=True)
    ratios.append(timings['PyTorch'].median / timings['ours'].median)
  print(f'slowest ratio against PyTorch: {min(ratios):.2f}x')


if __name__ == '__main__':
  main()
