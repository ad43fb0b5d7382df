"""What peeking would have gained; not a result, and nothing that a run reports.

Much of the literature tests a fold at many moments of its training and keeps the best.
Here this is computed beside the honest score, so that the two can be told apart. What
is found goes into files of its own, which no other part of a run reads.
"""

from collections.abc import Callable, Mapping, Sequence
import pathlib
from typing import Any

import jax
import numpy as np

from lightman_jax import bounded
from lightman_jax.evaluation import scores
from lightman_jax.experiment.assembly import Material
from lightman_jax.files import fold_path
from lightman_jax.runs.folder import RunFolder, blaming, read_json, write_json
from lightman_jax.training.state import FoldData, TrainState

NOT_A_RESULT = (
    'This is not a result. In every fold the checkpoint was chosen by its accuracy on '
    'the very clips that it is tested on, as much of the literature does; no honest '
    'procedure could have chosen it. It shows what such a choice is worth, and must '
    'not be reported as a score of the method.')


def make_watcher(config: Mapping[str, Any], folder: RunFolder, material: Material,
                 predict: Callable[..., Any], group: Sequence[int],
                 data: Sequence[FoldData]) -> Callable[[int, TrainState], None] | None:
  """Called with every checkpoint of a group, writes what it says of the test clips.

  None where `evaluation.oracle_gap` does not ask for it.

  Args:
    config: complete.
    folder: of the run.
    material: of the run.
    predict: (params, data, fold) -> `FoldLogits`.
    group: numbers of the folds that are trained together.
    data: of these folds.
  """
  if not config['evaluation']['oracle_gap']:
    return None

  def watch(step: int, states: TrainState) -> None:
    for place, (number, one) in enumerate(zip(group, data)):
      params = jax.tree.map(lambda x: np.asarray(x)[place], states.params)
      fold_logits = predict(params, one, material.folds[number])
      path = _place(folder, material, number)
      before = read_json(path, bounded.MOST_BYTES) if path.exists() else {}
      # A step done again after a kill says the same again.
      before[str(step)] = fold_logits.logits
      with blaming(path):
        write_json(path, dict(sorted(before.items(), key=lambda item: int(item[0]))))
  return watch


def write_oracle(config: Mapping[str, Any], folder: RunFolder, material: Material
                 ) -> None:
  """Writes oracle.json, where it is asked for, when all folds are trained.

  Args:
    config: complete.
    folder: of the run.
    material: of the run.
  """
  if not config['evaluation']['oracle_gap']:
    return
  pool, folds, honest, best = material.pool, {}, 0, 0
  for number, fold in enumerate(material.folds):
    path, truth = _place(folder, material, number), pool.label[fold.test]
    kept = read_json(path, bounded.MOST_BYTES)
    with blaming(path):
      predictions = {int(step): np.array(logits).argmax(-1)
                     for step, logits in kept.items()}
      right = {step: float(np.mean(prediction == truth))
               for step, prediction in predictions.items()}
      last, peeked = max(predictions), max(sorted(predictions), key=right.get)
      count = lambda step: scores.confusion(truth, predictions[step],
                                            classes=len(pool.classes))
      honest, best = honest + count(last), best + count(peeked)
    folds[fold.held_out] = {'step': peeked, 'accuracy': right[peeked],
                            'honest step': last, 'honest accuracy': right[last]}
  peeked_scores, honest_scores = _scored(best), _scored(honest)
  write_json(folder.oracle_json, {
      'this is not a result': NOT_A_RESULT,
      'f1': scores.UF1_VARIANT,
      'chosen on the held-out clips': peeked_scores,
      'honest': honest_scores,
      'gap': {name: peeked_scores[name] - value
              for name, value in honest_scores.items()},
      'folds': folds})


def describe_oracle(path: pathlib.Path) -> str:
  """One line of oracle.json, at `path`, that says what it is not.

  Args:
    path: of oracle.json.
  """
  content = read_json(path)
  with blaming(path):
    peeked, honest = content['chosen on the held-out clips'], content['honest']
    return ("NOT A RESULT: had each fold's checkpoint been chosen on its own test "
            f'clips, UF1 would read {peeked["uf1"]:.3f}, not {honest["uf1"]:.3f} '
            f'({path})')


def _scored(counts: np.ndarray) -> dict[str, float]:
  return {'uf1': float(scores.uf1(counts)), 'uar': float(scores.uar(counts)),
          'accuracy': float(scores.accuracy(counts))}


def _place(folder: RunFolder, material: Material, number: int) -> pathlib.Path:
  return fold_path(folder.oracle, material.folds[number].held_out, '.json')
