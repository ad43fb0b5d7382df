"""A process of eight devices: prints what several layouts make of the same training.

    XLA_FLAGS=--xla_force_host_platform_device_count=8 python eight_devices.py FOLDER
"""

import json
import pathlib
import sys

from flax import linen as nn
import jax
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from configs import synthetic
from lightman_jax.clips.clipset import ClipSet
from lightman_jax.episodes.tasks import Sizes
from lightman_jax.meta import learners
from lightman_jax.models.network import make_network
from lightman_jax.run import assembly
from lightman_jax.training import devices
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.loop import group_folds, make_trainer, train_folds
from lightman_jax.training.state import Recipe, make_optimizer

STEPS, EVERY, TASKS, PEOPLE = 20, 10, 9, 9
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


def trained(trainer, config, found, folder):
  """Losses of every fold, by the last step of their chunk."""
  data = {fold.held_out: assembly.fold_data(config, found, number)
          for number, fold in enumerate(found.folds)}
  losses = {name: {} for name in data}
  with Checkpoints(folder) as checkpoints:
    for names in group_folds(checkpoints.reached([*data]), trainer.layout.together):
      def on_chunk(last, scalars):
        for place, name in enumerate(names):
          losses[name][last] = scalars['query_loss'][place].tolist()
      train_folds(trainer, [data[name] for name in names], checkpoints,
                  on_chunk=on_chunk)
  return losses


def main(folder: pathlib.Path) -> None:
  found = jax.devices()
  lay = lambda count, split: devices.lay_out(
      found[:count], folds=PEOPLE, tasks=TASKS, split=split)
  layouts = {
      'one': lay(1, 'folds'), 'folds': lay(8, 'folds'),
      # Two tasks for each of four, one for the fifth, and none for the others.
      'tasks': lay(8, 'tasks')._replace(devices=tuple(found))}
  config, data = material()
  told, trainers = {}, {}
  for name, layout in layouts.items():
    texts = []
    trainer = trainers[name] = make(layout, config, texts)
    losses, (text,) = trained(trainer, config, data, folder / name), texts
    told[name] = {'devices': len(layout.devices), 'losses': losses,
                  'collectives': any(word in text for word in COLLECTIVES)}
  # Begun on eight devices, gone on with on one.
  begun = trained(trainers['folds']._replace(steps=EVERY), config, data,
                  folder / 'elastic')
  ended = trained(trainers['one'], config, data, folder / 'elastic')
  told['elastic'] = {'losses': {name: begun[name] | ended[name] for name in begun}}
  json.dump(told, sys.stdout)


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
