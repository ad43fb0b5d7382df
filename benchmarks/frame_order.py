"""Does the order of the frames matter? Synthetic faces as they are, and shuffled.

    python benchmarks/frame_order.py            # about 4 minutes on two cores

Plain supervised training, leave one subject out, with the network and budget of
configs/synthetic.py. Before the flow is computed, the frames of every clip (training
and test) are put in a random order of that clip's own: what was the onset is then any
moment, so the direction of the motion is lost, while every single frame is kept.
"""

import functools
import pathlib
import sys
import tempfile

import jax
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from configs import synthetic
from lightman_jax.data.load import load
from lightman_jax.evaluation import intervals, scores
from lightman_jax.experiment import assembly, run
from lightman_jax.inputs import inputs
from lightman_jax.training import devices
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.loop import make_trainer, train_folds


def shuffled(clips, seed: int):
  """The same clips, the frames of each in a random order of its own."""
  rng = np.random.default_rng(seed)
  frames = np.stack([clip[rng.permutation(len(clip))] for clip in clips.frames])
  return clips._replace(frames=frames)


def counts(config, clips) -> np.ndarray:
  """Confusion counts of each held-out subject, (S, K, K)."""
  make = functools.partial(inputs.make_inputs, how=inputs.Settings(**config['inputs']))
  material = assembly.arrange(config, clips, make=make, say=print)
  layout = assembly.make_layout(config, jax.devices()[:1], len(material.folds))
  recipe = assembly.make_recipe(config, material.pool, layout)
  predict = run.make_predictions(config, material, recipe)
  trainer = make_trainer(recipe, steps=config['training']['steps'],
                         every=config['training']['steps'], layout=layout)
  confusions = []
  for number, fold in enumerate(material.folds):
    with tempfile.TemporaryDirectory() as folder, Checkpoints(folder) as checkpoints:
      data = assembly.fold_data(config, material, number)
      state, = train_folds(trainer, [data], checkpoints,
                           on_chunk=lambda step, scalars: None)
    fold_logits = predict(state.params, data, fold)
    confusions.append(scores.confusion(
        material.pool.label[fold_logits.index], np.argmax(fold_logits.logits, -1),
        classes=len(material.pool.classes)))
  return np.stack(confusions)


def main() -> None:
  devices.use_compilation_cache()
  config = synthetic.get_config('method=supervised').to_dict()
  clips = load(config['data'])
  table = {'in order': counts(config, clips),
           'shuffled': counts(config, shuffled(clips, config['seed']))}
  for name, confusions in table.items():
    low, high = intervals.subject_interval(confusions, scores.uf1)
    print(f'{name}: UF1 {scores.uf1(confusions.sum(0)):.3f} [{low:.3f}, {high:.3f}]')
  low, high = intervals.paired_interval(*table.values(), scores.uf1)
  print(f'difference, 95 % interval over subjects: [{low:.3f}, {high:.3f}]')


if __name__ == '__main__':
  main()
