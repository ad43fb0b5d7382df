"""Prints what several layouts make of the same training, as JSON; see layouts.py.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 \
        python benchmarks/layout_training.py FOLDER one folds tasks fewer more
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from flax import linen as nn
import numpy as np

from configs import synthetic
from lightman_jax.data.store import ClipSet
from lightman_jax.experiment import assembly
from lightman_jax.meta import learners
from lightman_jax.models.network import make_network
from lightman_jax.tasks.sampling import Sizes
from lightman_jax.training import devices, multihost
from lightman_jax.training.checkpoints import open_checkpoints
from lightman_jax.training.loop import group_folds, make_trainer, train_folds
from lightman_jax.training.state import Recipe, make_optimizer

STEPS, EVERY, TASKS, PEOPLE = 20, 10, 9, 9
# Begun in one layout, gone on with in another.
ELASTIC = {'fewer': ('folds', 'one'), 'more': ('one', 'folds')}
COLLECTIVES = ('all-reduce', 'all-gather', 'collective', 'all-to-all')


class Flat(nn.Module):
  """A linear encoder."""

  @nn.compact
  def __call__(self, x):
    return nn.Dense(4)(x.reshape(len(x), -1))


def material():
  """Nine people, two clips of each of two classes."""
  count = 4 * PEOPLE
  subject = np.repeat(np.arange(PEOPLE), 4)
  clips = ClipSet(
      np.zeros((count, 3, 8, 8, 3), np.uint8),
      np.full((count, 3, 68, 2), np.nan, np.float32),
      np.tile([0, 0, 1, 1], PEOPLE), np.zeros(count, bool),
      tuple(f's{n}' for n in subject), tuple(f'c{n:03}' for n in range(count)),
      ('',) * count, ('a', 'b'), {'sha256': '', 'dataset': 'made-up'})
  x = np.random.default_rng(0).standard_normal((count, 1, 2, 2, 2), np.float32)
  config = synthetic.get_config().to_dict()
  config['episodes'].update(shots=1, queries=1)
  config['macro'].update(source='none')
  return config, assembly.arrange(config, clips, make=lambda clips: x,
                                  say=lambda line: None)


def make(layout, config, texts):
  """A trainer; the compiled program is put into `texts`."""
  recipe = Recipe(learners.supervised(make_network(Flat(), classes=2)),
                  make_optimizer(outer_rate=1e-2, weight_decay=1e-2, clip_norm=1.),
                  Sizes(2, 1, 1), lambda key, x: x, TASKS, layout.tasks_at_once, STEPS)
  return make_trainer(
      recipe, steps=STEPS, every=EVERY, layout=layout,
      on_compiled=lambda program: texts.append(program.compiled.as_text()))


def trained(trainer, config, used, folder):
  """Losses of every fold, by the last step of their chunk."""
  data = {fold.held_out: assembly.fold_data(config, used, number)
          for number, fold in enumerate(used.folds)}
  losses = {name: {} for name in data}
  with open_checkpoints(folder, print) as checkpoints:
    for names in group_folds(checkpoints.reached([*data]), trainer.layout.together):
      def on_chunk(last, scalars):
        for place, name in enumerate(names):
          losses[name][last] = scalars['query_loss'][place].tolist()
      train_folds(trainer, [data[name] for name in names], checkpoints,
                  on_chunk=on_chunk)
  return losses


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('folder', type=pathlib.Path)
  parser.add_argument('layouts', nargs='+',
                      choices=['one', 'folds', 'tasks', *ELASTIC])
  parser.add_argument('--coordinator', help='HOST:PORT, of two processes')
  parser.add_argument('--process', type=int)
  flags = parser.parse_args()
  if flags.coordinator:
    multihost.start(coordinator=flags.coordinator, processes=2, process=flags.process,
                heartbeat=30)
  visible = devices.open_devices(0)
  lay = lambda devices_, split: devices.lay_out(
      devices_, folds=PEOPLE, tasks=TASKS, split=split)
  layouts = {
      'one': lay(visible[:1], 'folds'), 'folds': lay(visible, 'folds'),
      # Two tasks for each of four, one for the fifth, and none for the others.
      'tasks': lay(visible, 'tasks')._replace(devices=visible)}
  config, data = material()
  lines, trainers = {}, {}
  for name in flags.layouts:
    if name in ELASTIC:
      first, second = (trainers[layout] for layout in ELASTIC[name])
      begun = trained(first._replace(steps=EVERY), config, data, flags.folder / name)
      ended = trained(second, config, data, flags.folder / name)
      lines[name] = {'losses': {fold: begun[fold] | ended[fold] for fold in begun}}
      continue
    texts = []
    trainers[name] = make(layouts[name], config, texts)
    losses = trained(trainers[name], config, data, flags.folder / name)
    lines[name] = {'devices': len(layouts[name].devices), 'losses': losses,
                   'collectives': any(word in texts[0] for word in COLLECTIVES)}
  if multihost.is_first():
    json.dump(lines, sys.stdout)


if __name__ == '__main__':
  main()
