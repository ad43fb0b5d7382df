"""A run's look into its first fold: embeddings, and the actions of DeRe-GRL."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from lightman_jax.evaluation.inspection import (
  make_embed,
  make_explain,
  one_of_each_class,
  principal,
)
from lightman_jax.experiment.assembly import Material, make_member, make_net
from lightman_jax.faces import landmarks
from lightman_jax.files import write_atomically
from lightman_jax.models.network import make_encoder
from lightman_jax.report import table
from lightman_jax.runs.folder import RunFolder, blaming, read_json, write_json
from lightman_jax.training.loop import FoldData
from lightman_jax.training.state import Recipe

# embeddings.npz: clips of a run's first fold, before and after adaptation.

def make_embedding_writer(config: Mapping[str, Any], folder: RunFolder,
                          material: Material, recipe: Recipe
                          ) -> Callable[[Any, FoldData], None]:
  """A function (params, data of a fold) that writes the first fold's embeddings.

  Args:
    config: complete; without evaluation.embeddings nothing is written.
    folder: of the run.
    material: of the run.
    recipe: its learner is what adapts.
  """
  if not config['evaluation']['embeddings']:
    return lambda params, data: None
  pool, fold = material.pool, material.folds[0]
  net = make_net(config, pool.classes)
  learner = make_member(config, net)
  embed = make_embed(net, learner, sizes=recipe.support_sizes)
  micro = np.flatnonzero((fold.train | fold.test) & ~pool.macro)
  macro = np.flatnonzero(fold.train & pool.macro)
  index = np.concatenate([micro, macro])

  def write(params, data: FoldData) -> None:
    if data.name != fold.held_out:
      return
    before, after = map(np.asarray, embed(_first_member(config, params), data.key,
                                          data.clips, micro, macro))
    moved = 'encoder' in learner.moving
    components = principal(before, after if moved else None, ~fold.test[index])
    arrays = {'before': components.before, 'explained': components.explained,
              'label': np.asarray(pool.label)[index],
              'macro': np.asarray(pool.macro)[index], 'held_out': fold.test[index],
              'fold': np.array(fold.held_out)}
    if moved:
      arrays['after'] = components.after
    with write_atomically(folder.embeddings, 'wb') as file:
      np.savez_compressed(file, **arrays)
  return write


def _first_member(config: Mapping[str, Any], params):
  """Of several models the first is looked into."""
  if config['training']['members'] == 1:
    return params
  return jax.tree.map(lambda x: x[0], params)


# DeRe-GRL's part of a run: what carried predictions of the first fold, drawn.

# Their predictions are no linear head's, so nothing adds up to them.
COMPARING = ('protonet', 'matchingnet')


def make_action_writer(config: Mapping[str, Any], folder: RunFolder, material: Material,
                       recipe: Recipe) -> Callable[[Any, FoldData], None]:
  """A function (params, data of a fold) that keeps what `draw` needs of the first.

  Args:
    config: complete; of another encoder than DeRe-GRL nothing is written.
    folder: of the run.
    material: of the run.
    recipe: its learner is what adapts.
  """
  if (config['model']['encoder'] != 'dere_grl'
      or config['method']['name'] in COMPARING):
    return lambda params, data: None
  pool, fold = material.pool, material.folds[0]
  learner = make_member(config, make_net(config, pool.classes))
  explain = make_explain(
      learner, make_encoder(**config['model']), sizes=recipe.support_sizes,
      draws=config['evaluation']['draws'] if learner.supported else 1)

  def write(params, data: FoldData) -> None:
    if data.name != fold.held_out:
      return
    index = np.flatnonzero(fold.test)
    explanation = explain(_first_member(config, params), data.key, data.clips,
                          pool.x[index])
    explanation = type(explanation)(*map(np.asarray, explanation))
    prediction, label = explanation.logits.argmax(-1), np.asarray(pool.label)[index]
    write_json(folder.actions_json, {
        'fold': fold.held_out, 'classes': pool.classes,
        'components': (list(landmarks.COMPONENTS) if config['model']['decompose']
                       else list(range(landmarks.COUNT))),
        'unit': 'logit, after the mean over classes is taken off',
        'clips': [_of_clip(explanation, n, int(prediction[n])) | {
            'clip': pool.clips[index[n]], 'truth': pool.classes[label[n]],
            'prediction': pool.classes[prediction[n]],
            'movement': _strongest(np.asarray(pool.x[index[n]])).tolist()}
                  for n in one_of_each_class(label, prediction)]})
  return write


def _of_clip(explanation, n: int, k: int) -> dict[str, Any]:
  """Contributions to the logit of class k: what all classes get decides nothing."""
  above_mean = lambda x: (x[n, k] - x[n].mean(0)).tolist()
  return {'logit': float(explanation.logits[n, k] - explanation.logits[n].mean()),
          'bias': float(explanation.bias[k] - explanation.bias.mean()),
          'parts': above_mean(explanation.parts),
          'relations': above_mean(explanation.relations),
          'weights': explanation.weights[n].tolist()}


def _strongest(movements: np.ndarray) -> np.ndarray:
  """The movements (68, 2) of the frame in which the face is farthest from its onset."""
  return movements[np.square(movements).sum((1, 2)).argmax()]


def draw(folder: RunFolder, about: Mapping[str, Any], *, title: str) -> None:
  """Draws actions.png, if the run has kept what is drawn in it.

  Args:
    folder: of the run.
    about: of the results.
    title: one line above.
  """
  if not folder.actions_json.exists():
    return
  from lightman_jax.report import figures
  kept = read_json(folder.actions_json)
  with blaming(folder.actions_json):
    figures.draw_actions(
        folder.actions, kept,
        title=f'{title}: what carried the prediction, fold {kept["fold"]}',
        caption=table.caption(about)[:1])
