"""One run, from a configuration to a folder of results: the stages in their order."""

from collections.abc import Mapping
import functools
import json
import time
from typing import Any
import urllib.parse

import numpy as np

from lightman_jax import assembly
from lightman_jax.assembly import Material
from lightman_jax.episodes.folds import Fold
from lightman_jax.evaluation import predict as prediction
from lightman_jax.findings import Held, report
from lightman_jax.report import environment, metrics_log, results
from lightman_jax.report.progress import Progress
from lightman_jax.report.run_folder import RunFolder, write_json
from lightman_jax.training import devices as device_door
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.loop import FoldData, Trainer, make_trainer, train_fold
from lightman_jax.training.state import Recipe


def run(config: Mapping[str, Any], folder: RunFolder, *,
        resume_anyway: bool = False) -> dict[str, Any]:
  """Runs, or goes on with, what `config` describes; returns the results.

  Args:
    config: complete and checked, as nested plain values.
    folder: opened for this configuration.
    resume_anyway: see `RunFolder.check`.

  Raises:
    InputError: one sentence on what cannot be used.
  """
  device_door.use_compilation_cache()
  used = device_door.open_devices(config['training']['devices'],
                                  config['training']['tasks'])
  def check(data_sha256: str | None) -> None:
    folder.check(environment.environment(data_sha256=data_sha256,
                                         layout={'used': len(used)}),
                 resume_anyway=resume_anyway)

  if folder.is_finished():
    check(None)
    return results.read_results(folder.results)
  with Progress() as progress:
    began = time.monotonic()
    material = assembly.prepare(config, progress)
    check(material.sha256)
    prepared = time.monotonic()
    held = _all_folds(config, folder, material, used, progress)
    done = time.monotonic()
    found = report(config, folder, material, held)
    write_json(folder.timing, {
        'unit': 'seconds of this start of the program',
        'prepare': prepared - began, 'folds': done - prepared,
        'report': time.monotonic() - done})
    # Last: a folder with results is a finished run.
    results.write_results(folder.results, found)
  return found


def _all_folds(config, folder: RunFolder, material: Material, devices,
               progress: Progress) -> list[Held]:
  """Trains and predicts every fold that has not yet been."""
  recipe = assembly.make_recipe(config, material.pool)
  training = config['training']
  trainer = make_trainer(recipe, steps=training['steps'],
                         every=training['checkpoint_every'], devices=devices)
  predict = make_predictions(config, material, recipe)
  total, held = len(material.folds), []
  with Checkpoints(folder.checkpoints, steps=trainer.steps) as checkpoints:
    _forget_unfinished(folder, checkpoints, trainer.steps, material)
    progress.stage('train', total=total * trainer.steps,
                   done=checkpoints.newest() or 0)
    for number, fold in enumerate(material.folds):
      path = folder.folds / f'{urllib.parse.quote(fold.held_out, safe="")}.json'
      if not path.exists():
        data = assembly.fold_data(config, material, number)
        state = train_fold(
            trainer, number, data, checkpoints,
            on_chunk=functools.partial(_on_chunk, folder, progress, material, number,
                                       trainer))
        write_json(path, predict(state.params, data, fold)._asdict())
      held.append(Held(**json.loads(path.read_text(encoding='utf-8'))))
  return held


def _on_chunk(folder, progress, material, number, trainer: Trainer, last: int,
              scalars: dict[str, np.ndarray]) -> None:
  """Writes the steps of a chunk to the log, and moves the bar."""
  first = last - trainer.length + 1
  metrics_log.append(folder.metrics, [
      {'stage': 'train', 'fold': material.folds[number].held_out, 'step': first + n,
       'loss': float(scalars['query_loss'][n]),
       **{name: float(x[n]) for name, x in scalars.items() if name != 'query_loss'}}
      for n in range(trainer.length)])
  progress.update(number * trainer.steps + last,
                  folds=f'{number + last // trainer.steps}/{len(material.folds)}',
                  loss=float(scalars['query_loss'].mean()))


def _forget_unfinished(folder, checkpoints: Checkpoints, steps: int,
                       material: Material) -> None:
  """Drops log lines of steps that no checkpoint holds: they are done again."""
  if not folder.metrics.exists():
    return
  reached = checkpoints.newest() or 0
  index = {fold.held_out: number for number, fold in enumerate(material.folds)}
  metrics_log.keep(folder.metrics, lambda line: (
      index[line['fold']] * steps + line['step'] <= reached))


def make_predictions(config, material: Material, recipe: Recipe):
  """The prediction of a fold's held-out clips, as (params, data, fold) -> `Held`."""
  learner, most = recipe.learner, max(int(fold.test.sum()) for fold in material.folds)
  draws = config['evaluation']['draws']
  # Prototypes come from a support, too, although no parameter moves.
  adapts = bool(learner.moving) or config['method']['name'] == 'protonet'
  adapted = prediction.make_predict(learner, sizes=recipe.sizes,
                                    draws=draws if adapts else 1)
  plain = prediction.make_plain_predict(learner) if learner.moving else None

  def predict(params, data: FoldData, fold: Fold) -> Held:
    index = np.flatnonzero(fold.test)
    ask = lambda how: how(params, data.key, data.clips, index, most=most).tolist()
    return Held(index.tolist(), ask(adapted), ask(plain) if plain else None)
  return predict
