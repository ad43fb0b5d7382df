"""What do drawn faces alone teach of real micro-expressions?

    python benchmarks/faces_alone.py MANIFEST.csv --faces=close,wide --seeds=0,1,2

An SVM, the one of the row `macro_only`, is trained on all clips of `--people` drawn
people (micro- and macro-expressions) and on no real clip, and predicts the ready flow
pictures of a manifest. Printed is pooled UF1 by data set and of all, a line a seed of
the faces. No label of the manifest has a part but in the score.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np

import lightman_jax as lm
from lightman_jax.data.load import load
from lightman_jax.evaluation import references, scores
from lightman_jax.inputs import inputs
from lightman_jax.settings import faces_data


def drawn(settings) -> tuple[np.ndarray, np.ndarray, list[str]]:
  """Inputs, labels and people of the faces of `pretrain.source=synthetic`."""
  clips = load(faces_data(settings), say=lambda line: None)
  made = inputs.make_inputs(clips, inputs.Settings(**settings['inputs']))
  return np.asarray(made[:]), np.asarray(clips.label), list(clips.subject)


def settings_of(manifest: str, **changes):
  """Settings of the clips of a manifest, without macro-expressions."""
  return lm.settings('manifest', method='supervised', **{
      'data.path': manifest, 'macro.source': 'none', **changes})


def uf1_by_data_set(manifest: str, real, faces: str, seed: int, people: int
                    ) -> dict[str, float]:
  """UF1 of each data set of a manifest, and of all.

  Args:
    manifest: path of the csv.
    real: its clips, as `lm.load` has them.
    faces: how they are framed, 'close' or 'wide'.
    seed: of the faces.
    people: how many are drawn, with nine micro- and nine macro-expressions each.
  """
  of_faces = {'source': 'synthetic', 'synthetic.faces': faces, 'synthetic.seed': seed,
              'synthetic.subjects': people, 'synthetic.micro': 9, 'synthetic.macro': 9}
  pool = real.pool
  x, label, who = drawn(settings_of(manifest, **{
      f'pretrain.{name}': value for name, value in of_faces.items()}))
  count, classes = len(pool.label), len(pool.classes)
  is_drawn = np.arange(count + len(x)) >= count
  subject = np.unique([*(f'real/{n}' for n in np.asarray(pool.subject)),
                       *(f'drawn/{name}' for name in who)], return_inverse=True)[1]
  truth = np.asarray(pool.label)
  answers = references.macro_only(
      np.concatenate([np.asarray(pool.x[:]), x]), np.concatenate([truth, label]),
      is_drawn, is_drawn[None], ~is_drawn[None], classes=classes, subject=subject,
      content=pool.content)
  said = answers.prediction[:count]
  of = np.asarray(real.clips.datasets)
  masks = {name: of == name for name in sorted(set(of))} | {'all': of == of}
  return {name: float(scores.uf1(scores.confusion(truth[mask], said[mask],
                                                  classes=classes)))
          for name, mask in masks.items()}


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('manifest', metavar='MANIFEST.csv')
  parser.add_argument('--faces', default='close,wide')
  parser.add_argument('--seeds', default='0,1,2')
  parser.add_argument('--people', type=int, default=24)
  options = parser.parse_args()
  real = lm.load(settings_of(options.manifest))
  for faces in options.faces.split(','):
    rows = []
    for seed in map(int, options.seeds.split(',')):
      rows.append(uf1_by_data_set(options.manifest, real, faces, seed, options.people))
      print(f'{faces}, seed {seed}: ' + ', '.join(
          f'{name} {value:.3f}' for name, value in rows[-1].items()), flush=True)
    print(f'{faces}, mean: ' + ', '.join(
        f'{name} {np.mean([row[name] for row in rows]):.3f}' for name in rows[0]))


if __name__ == '__main__':
  main()
