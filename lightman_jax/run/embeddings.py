"""embeddings.npz: clips of a run's first fold, before and after adaptation."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lightman_jax.evaluation.embeddings import make_embed, principal
from lightman_jax.files import write_atomically
from lightman_jax.report.run_folder import RunFolder
from lightman_jax.run.assembly import Material, make_net
from lightman_jax.training.loop import FoldData
from lightman_jax.training.state import Recipe


def make_writer(config: Mapping[str, Any], folder: RunFolder, material: Material,
                recipe: Recipe) -> Callable[[Any, FoldData], None]:
  """A function (params, data of a fold) that writes the first fold's embeddings."""
  if not config['evaluation']['embeddings']:
    return lambda params, data: None
  pool, fold, learner = material.pool, material.folds[0], recipe.learner
  net = make_net(config, pool.classes)
  embed = make_embed(net, learner, sizes=recipe.sizes)
  micro = np.flatnonzero((fold.train | fold.test) & ~pool.macro)
  macro = np.flatnonzero(fold.train & pool.macro)
  index = np.concatenate([micro, macro])

  def write(params, data: FoldData) -> None:
    if data.name != fold.held_out:
      return
    before, after = map(np.asarray, embed(params, data.key, data.clips, micro, macro))
    moved = 'encoder' in learner.moving
    found = principal(before, after if moved else None, ~fold.test[index])
    arrays = {'before': found.before, 'explained': found.explained,
              'label': np.asarray(pool.label)[index],
              'macro': np.asarray(pool.macro)[index], 'held_out': fold.test[index],
              'fold': np.array(fold.held_out)}
    if moved:
      arrays['after'] = found.after
    with write_atomically(folder.embeddings, 'wb') as file:
      np.savez_compressed(file, **arrays)
  return write
