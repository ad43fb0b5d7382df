"""A run's look into its models: embeddings, the actions of DeRe-GRL, and maps."""

import collections
from collections.abc import Callable, Mapping, Sequence
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float
import numpy as np

from lightman_jax import registry
from lightman_jax.evaluation import attribution
from lightman_jax.evaluation.inspection import (
  make_embed,
  make_explain,
  one_of_each_class,
  principal,
)
from lightman_jax.experiment.assembly import Material, make_member_learner, make_net
from lightman_jax.faces import landmarks
from lightman_jax.files import fold_path, write_atomically
from lightman_jax.inputs import inputs
from lightman_jax.models.explanation import Explanation
from lightman_jax.models.network import make_encoder
from lightman_jax.report import table
from lightman_jax.runs.folder import RunFolder, blaming, read_json, write_json
from lightman_jax.tasks import action_units
from lightman_jax.training import compiled
from lightman_jax.training.state import FoldData, Recipe


def make_writers(config: Mapping[str, Any], folder: RunFolder, material: Material,
                 recipe: Recipe
                 ) -> list[tuple[pathlib.Path, Callable[[Any, FoldData], None]]]:
  """All that look into a trained fold, each with the file that it makes or serves.

  Args:
    config: complete.
    folder: of the run.
    material: of the run.
    recipe: its learner is what adapts.
  """
  makers = ((folder.actions_json, make_action_writer),
            (folder.unit_actions_json, make_unit_action_writer),
            (folder.embeddings, make_embedding_writer),
            (folder.attribution_json, make_attribution_writer))
  return [(place, make(config, folder, material, recipe)) for place, make in makers]


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
  learner = make_member_learner(config, net)
  embed = make_embed(net, learner, sizes=recipe.support_sizes)
  micro = np.flatnonzero((fold.train | fold.test) & ~pool.macro)
  macro = np.flatnonzero(fold.train & pool.macro)
  index = np.concatenate([micro, macro])

  def write(params, data: FoldData) -> None:
    if data.name != fold.held_out:
      return
    before, after = map(np.asarray, embed(_first_member(config, params), data.key,
                                          data.clips, micro, macro))
    moved = 'encoder' in learner.adapted_subtrees
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
    config: complete; of another encoder than DeRe-GRL nothing is written, nor of
      action units, whose logits are not set against each other.
    folder: of the run.
    material: of the run.
    recipe: its learner is what adapts.
  """
  if (config['model']['encoder'] != 'dere_grl' or material.pool.multi_label
      or config['method']['name'] in COMPARING):
    return lambda params, data: None
  pool, fold = material.pool, material.folds[0]
  learner = make_member_learner(config, make_net(config, pool.classes))
  explain = make_explain(
      learner, make_encoder(**config['model']), sizes=recipe.support_sizes,
      draws=config['evaluation']['draws'] if learner.needs_support else 1)

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
        'clips': [describe_actions(explanation, n, int(prediction[n])) | {
            'clip': pool.clips[index[n]], 'truth': pool.classes[label[n]],
            'prediction': pool.classes[prediction[n]],
            'movement': _strongest(np.asarray(pool.x[index[n]])).tolist()}
                  for n in one_of_each_class(label, prediction)]})
  return write


def describe_actions(explanation: Explanation, n: int, k: int) -> dict[str, Any]:
  """Contributions to the logit of class k: what all classes get decides nothing.

  Args:
    explanation: of clips.
    n: number of the clip.
    k: number of the class.
  """
  above_mean = lambda x: (x[n, k] - x[n].mean(0)).tolist()
  return {'logit': float(explanation.logits[n, k] - explanation.logits[n].mean()),
          'bias': float(explanation.bias[k] - explanation.bias.mean()),
          'parts': above_mean(explanation.parts),
          'relations': above_mean(explanation.relations),
          'weights': explanation.weights[n].tolist()}


def _strongest(movements: np.ndarray) -> np.ndarray:
  """The movements (68, 2) of the frame in which the face is farthest from its onset."""
  return movements[np.square(movements).sum((1, 2)).argmax()]


# DeRe-GRL's actions beside action units that people coded. An action has no name, and
# in every fold another order, so that no two can be matched but by what they do: in
# each fold a unit has the action that goes with it most on the training clips, and how
# these go with all units is measured on held-out clips alone.

LEAST = 2          # clips that show a unit, and that do not, or nothing is said of it


def make_unit_action_writer(config: Mapping[str, Any], folder: RunFolder,
                            material: Material, recipe: Recipe
                            ) -> Callable[[Any, FoldData], None]:
  """A function (params, data of a fold) that keeps actions of coded held-out clips.

  How much an action acts is the root mean square of its features, of the model that is
  not adapted, less its mean and by its deviation over training clips.

  Args:
    config: complete; of another encoder than DeRe-GRL nothing is written, nor where no
      clip's units are coded.
    folder: of the run.
    material: of the run.
    recipe: of the run.
  """
  pool = material.pool
  cells = getattr(pool, 'action_units', ())
  coding = action_units.read_coding(cells)
  if config['model']['encoder'] != 'dere_grl' or not coding.known.any():
    return lambda params, data: None
  folds = {fold.held_out: fold for fold in material.folds}
  net, micro = make_net(config, pool.classes), ~np.asarray(pool.macro)
  activity = compiled.jit(lambda params, x: jnp.sqrt(
      jnp.square(net.maps(params, x)).mean(-1)))

  def write(params, data: FoldData) -> None:
    fold, params = folds[data.name], _first_member(config, params)
    train, test = (np.flatnonzero(part & micro & coding.known)
                   for part in (fold.train, fold.test))
    scale, content = np.asarray(data.clips.view.scale)[0], {'actions': [], 'clips': []}
    if len(train) and len(test):
      known, new = (np.concatenate([np.asarray(activity(
          params, np.asarray(pool.x[[n]], np.float32) / scale)) for n in part])
                    for part in (train, test))
      centre, spread = known.mean(0), np.maximum(known.std(0), 1e-12)
      chosen = _following((known - centre) / spread, coding.acts[train])
      content = {'actions': chosen, 'clips': test.tolist(), 'activity': [
          [None if action < 0 else float(row[action]) for action in chosen]
          for row in (new - centre) / spread]}
    write_json(fold_path(folder.unit_actions, data.name, '.json'), content)
  return write


def correlations(activity: Float[np.ndarray, 'n A'], acts: Bool[np.ndarray, 'n U']
                 ) -> Float[np.ndarray, 'A U']:
  """Pearson's correlation of each action with each unit, over clips.

  Args:
    activity: how much an action acts in each clip; NaN where there is none.
    acts: whether a unit does.

  Returns:
    NaN where either does not vary, or a unit is shown, or not, in less than `LEAST`
    clips.
  """
  result = np.full((activity.shape[1], acts.shape[1]), np.nan)
  for a, u in np.ndindex(*result.shape):
    there = np.isfinite(activity[:, a])
    x, y = activity[there, a], acts[there, u]
    if LEAST <= y.sum() <= len(y) - LEAST and x.std() > 0:
      result[a, u] = np.corrcoef(x, y)[0, 1]
  return result


def _following(activity: np.ndarray, acts: np.ndarray) -> list[int]:
  """Of each unit the action that goes with it most; -1 where that cannot be said."""
  return [-1 if np.isnan(column).all() else int(np.nanargmax(column))
          for column in correlations(activity, acts).T]


def draw_unit_actions(config: Mapping[str, Any], folder: RunFolder, material: Material,
                      about: Mapping[str, Any]) -> None:
  """Writes unit_actions.json, over the held-out clips of all folds, and draws it.

  Args:
    config: complete.
    folder: of the run; where no fold kept actions beside units, nothing is written.
    material: of the run.
    about: of the results.
  """
  with blaming(folder.unit_actions):
    parts = _of_folds(folder.unit_actions, material)
    clips = np.array([n for part in parts for n in part['clips']], int)
    if not clips.size:
      return
    activity = np.array([row for part in parts for row in part.get('activity', ())],
                        float)
  coding, subject = action_units.read_coding(material.pool.action_units), np.asarray(
      material.pool.subject)[clips]
  acts = coding.acts[clips]
  matrix = correlations(activity, acts)
  kept = [u for u in range(len(coding.numbers))
          if np.isfinite(matrix[u]).any() and np.isfinite(matrix[:, u]).any()]
  content = {
      'units': [action_units.unit_name(coding.numbers[u]) for u in kept],
      'clips': len(clips), 'people': len(np.unique(subject)), 'folds': len(parts),
      'shown': [int(acts[:, u].sum()) for u in kept],
      'shown_by': [len(np.unique(subject[acts[:, u]])) for u in kept],
      'correlation': [[None if np.isnan(x) else float(x) for x in row]
                      for row in matrix[np.ix_(kept, kept)]]}
  write_json(folder.unit_actions_json, content)
  if kept:
    from lightman_jax.report import figures
    figures.draw_unit_actions(
        folder.unit_actions_png, content, caption=table.caption(about)[:1],
        title=f"{registry.label(config['method']['name'])}: actions and coded units")


# Of encoders of pictures: where in the face each class's predictions come from.

PER_CLASS = 2      # clips of a class that are looked into, in a fold


def make_attribution_writer(config: Mapping[str, Any], folder: RunFolder,
                            material: Material, recipe: Recipe
                            ) -> Callable[[Any, FoldData], None]:
  """A function (params, data of a fold) that keeps its clips' maps.

  What is looked into is the score of each held-out clip's own class.

  Args:
    config: complete; without evaluation.attribution nothing is written.
    folder: of the run.
    material: of the run.
    recipe: its learner is what adapts.
  """
  if not config['evaluation']['attribution']:
    return lambda params, data: None
  pool, folds = material.pool, {fold.held_out: fold for fold in material.folds}
  learner, how = recipe.learner, inputs.Settings(**config['inputs'])
  label, aligned = np.asarray(pool.label), _are_aligned(material)
  look = attribution.make_attribute(
      learner, sizes=recipe.support_sizes, mirror=recipe.mirror,
      most=PER_CLASS * len(pool.classes),
      draws=config['evaluation']['draws'] if learner.needs_support else 1)

  def write(params, data: FoldData) -> None:
    test = np.flatnonzero(folds[data.name].test)
    index = np.concatenate([test[label[test] == k][:PER_CLASS]
                            for k in range(len(pool.classes))])
    made = look(params, data.key, data.clips, np.asarray(pool.x[index]), label[index],
                classes=pool.classes, how=how, aligned=aligned)
    write_json(fold_path(folder.attribution, data.name, '.json'), {
        'clips': [pool.clips[n] for n in index], 'classes': made.classes,
        'gradient': [attribution.by_cell(one).tolist() for one in made.gradient],
        'deletion': [attribution.by_cell(one).tolist() for one in made.occlusion],
        'regions': made.regions, 'change': made.change.tolist(),
        'random_change': made.random_change.tolist()})
  return write


def _are_aligned(material: Material) -> bool:
  """Whether clips are frames of faces whose landmarks are known, hence in place."""
  clips = material.clips
  return clips.frames.shape[1] > 1 and all(
      np.isfinite(points[0]).all() for points in clips.landmarks)


def draw_attribution(config: Mapping[str, Any], folder: RunFolder, material: Material,
                     about: Mapping[str, Any]) -> None:
  """Writes attribution.json, class by class over all folds, and draws it.

  Args:
    config: complete.
    folder: of the run, all of whose folds have been looked into.
    material: of the run.
    about: of the results.
  """
  with blaming(folder.attribution):
    parts = _of_folds(folder.attribution, material)
    rows = [dict(zip(part, row)) for part in parts for row in zip(*part.values())]
    content = {
        'aligned': _are_aligned(material), 'folds': len(parts),
        'unit': "of a class's logit less the mean over all classes",
        'classes': {name: _of_class([row for row in rows if row['classes'] == name])
                    for name in material.pool.classes}}
  write_json(folder.attribution_json, content)
  from lightman_jax.report import figures
  name = registry.label(config['method']['name'])
  figures.draw_attribution(folder.attribution_png, content,
                           title=f'{name}: where predictions come from',
                           caption=table.caption(about)[:1])


def _of_class(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
  """Means over clips of one class; of what they name, how often."""
  if not rows:
    return {'clips': 0}
  mean = lambda name: np.mean([row[name] for row in rows], 0).tolist()
  more = [abs(row['change']) > row['random_change'] for row in rows]
  return {'clips': len(rows), 'gradient': mean('gradient'),
          'deletion': mean('deletion'), 'change': mean('change'),
          'random_change': mean('random_change'), 'faithful': float(np.mean(more)),
          'regions': dict(collections.Counter(
              row['regions'] for row in rows).most_common())}


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


def _of_folds(place: pathlib.Path, material: Material) -> list[dict[str, Any]]:
  """What the folds of a run kept in a folder, of those that kept something."""
  files = (fold_path(place, fold.held_out, '.json') for fold in material.folds)
  return [read_json(file) for file in files if file.exists()]
