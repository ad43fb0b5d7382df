"""One run, from a configuration to a folder of results: the stages in their order."""

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import functools
import pathlib
import time
from typing import Any

import numpy as np
from rich.console import Console

from lightman_jax import bounded
from lightman_jax.episodes.folds import Fold
from lightman_jax.evaluation import predict as prediction
from lightman_jax.files import of_fold
from lightman_jax.preprocessing.stored import rows
from lightman_jax.report import environment, metrics_log, reproducibility, results
from lightman_jax.report.progress import Progress
from lightman_jax.report.run_folder import RunFolder, blaming, write_json
from lightman_jax.run import actions, assembly, cost, embeddings, events, few_shot
from lightman_jax.run import memory, metering, oracle, replay, robustness, selection
from lightman_jax.run.assembly import Material
from lightman_jax.run.findings import Held, report
from lightman_jax.training import compiled
from lightman_jax.training import devices as device_door
from lightman_jax.training import hosts
from lightman_jax.training import stopping
from lightman_jax.training.loop import (
  FoldData,
  group_folds,
  make_trainer,
  train_folds,
)
from lightman_jax.training.shared_checkpoints import open_checkpoints
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
  events.check(config)
  device_door.use_compilation_cache()
  used = device_door.open_devices(config['training']['devices'])
  def check(data_sha256: str | None) -> str:
    layout = {name: config['training'][name]
              for name in ('split', 'folds_at_once', 'tasks_at_once')}
    now = environment.environment(data_sha256=data_sha256,
                                  layout={'used': len(used), **layout})
    return hosts.first(lambda: folder.check(now, resume_anyway=resume_anyway))

  if hosts.first(folder.is_finished):
    check(None)
    return results.read_results(folder.results)
  with Progress(console=Console(stderr=True, quiet=not hosts.is_first())) as progress:
    began = time.monotonic()
    material = hosts.in_turn(lambda: assembly.prepare(config, progress))
    if other := check(material.sha256):
      progress.say(other)
    prepared = time.monotonic()
    robustness.kinds(config, material, progress.say)
    meter = metering.Meter(config, progress.say, folder.cost, progress.aside)
    with memory.explained(meter.advice):
      held = selection.run_folds(config, folder, material, used, progress,
                                 loop=memory.in_smaller_batches(
                                     functools.partial(_all_folds, meter=meter)))
    done = time.monotonic()
    if not hosts.is_first():
      return hosts.first(dict)
    with progress.aside('scoring: intervals, references, figures'):
      found = report(config, folder, material, held)
      found['about'] |= selection.told(config, folder, len(material.pool.classes))
      oracle.write(config, folder, material)
    if config['evaluation']['efficiency']:
      with progress.aside('measuring what the method costs (evaluation.efficiency)'):
        write_json(folder.efficiency, cost.cost(config, material, used))
    write_json(folder.timing, {
        'unit': 'seconds of this start of the program',
        'prepare': prepared - began, 'folds': done - prepared,
        'report': time.monotonic() - done})
    reproducibility.write(config, folder, found)
    # Last: a folder with results is a finished run.
    results.write_results(folder.results, found)
    hosts.first(dict)
  return found


def _all_folds(config, folder: RunFolder, material: Material, devices,
               progress: Progress, *, meter: metering.Meter, stage: str = 'train'
               ) -> list[Held]:
  """Trains and predicts every fold that has not yet been."""
  layout = assembly.make_layout(config, devices, len(material.folds))
  recipe = assembly.make_recipe(config, material.pool, layout)
  training = config['training']
  trainer = meter.trainer(config, functools.partial(
      make_trainer, recipe, steps=training['steps'],
      every=training['checkpoint_every'], layout=layout, streamed=material.streamed))
  predict = make_predictions(config, material, recipe)
  beside = [stage.make_writer(config, folder, material, recipe)
            for stage in (few_shot, actions, embeddings)]
  places = [of_fold(folder.folds, fold.held_out, '.json') for fold in material.folds]
  names = [fold.held_out for fold in material.folds]
  with open_checkpoints(folder.checkpoints, progress.say) as checkpoints:
    reached = checkpoints.reached(hosts.first(lambda: [
        fold.held_out for fold, place in zip(material.folds, places)
        if _kept(place, fold, material, progress.say) is None]))
    done = {name: reached.get(name, trainer.steps) for name in names}
    hosts.first(lambda: _forget_unfinished(folder, done, progress.say))
    progress.stage(stage, total=len(places) * trainer.steps, done=sum(done.values()),
                   unit='step of a fold')
    shown = functools.partial(_first_time, progress)
    for together in group_folds(reached, layout.together):
      group = [names.index(name) for name in together]
      data = [assembly.fold_data(config, material, number) for number in group]
      if not hosts.is_first():
        with hosts.ending_together():
          train_folds(trainer, data, checkpoints, on_chunk=lambda last, scalars: None)
        continue
      with hosts.ending_together(), replay.keeping(
          config, folder, material, recipe, progress.say):
        states = train_folds(
            trainer, data, checkpoints,
            on_chunk=meter.after_chunk(functools.partial(
                _on_chunk, folder, progress, done, together, trainer.steps)),
            on_states=oracle.watcher(config, folder, material, predict, group, data))
      for number, state, one in zip(group, states, data):
        with shown():
          held = predict(state.params, one, material.folds[number])
          for write in beside:
            write(state.params, one)
          events.write_fold(config, folder, one.name)
          robustness.write_fold(config, folder, material, number, functools.partial(
              predict, state.params, one, material.folds[number]))
        shown = contextlib.nullcontext
        write_json(places[number], held._asdict())
        stopping.check()
  return [_kept(place, fold, material, progress.say)
          for fold, place in zip(material.folds, places) if hosts.is_first()]


@contextlib.contextmanager
def _first_time(progress: Progress) -> Iterator[None]:
  """Shows what the first fold takes that no other will."""
  with progress.aside('predicting the first fold: compiling, unless the cache has it'):
    with compiled.without_alarm():
      yield


def _kept(place: pathlib.Path, fold: Fold, material: Material,
          say: Callable[[str], None]) -> Held | None:
  """What a fold has found; None where it has not yet, or where that is damaged."""
  if not place.exists():
    return None
  count, classes = shape = int(fold.test.sum()), len(material.pool.classes)
  try:
    held = Held(**bounded.read_json(place, 2**20 + 100 * count * (1 + 2 * classes)))
    logits = [held.logits] + ([] if held.plain is None else [held.plain])
    if (held.index == np.flatnonzero(fold.test).tolist()
        and all(np.asarray(one, float).shape == shape for one in logits)):
      return held
  except (OSError, TypeError, ValueError):
    pass
  say(f'{place} is damaged: its fold is predicted again from its last checkpoint')
  return None


def _on_chunk(folder, progress, done: dict[str, int], group: Sequence[str],
              steps: int, last: int, scalars: dict[str, np.ndarray]) -> None:
  """Writes the steps up to `last` to the log, and moves the bar.

  The log goes by steps and not by folds: its order does not tell where pieces ended.
  """
  count = scalars['query_loss'].shape[1]
  metrics_log.append(folder.metrics, [
      {'stage': 'train', 'fold': name, 'step': last - count + 1 + n,
       'loss': float(scalars['query_loss'][place, n]),
       **{name: float(x[place, n]) for name, x in scalars.items()
          if name != 'query_loss'}}
      for n in range(count) for place, name in enumerate(group)])
  done |= dict.fromkeys(group, last)
  trained = sum(step == steps for step in done.values())
  progress.update(sum(done.values()), folds=f'{trained}/{len(done)}',
                  loss=float(scalars['query_loss'].mean()))


def _forget_unfinished(folder: RunFolder, done: Mapping[str, int],
                       say: Callable[[str], None]) -> None:
  """Drops log lines of steps that no checkpoint holds: they are done again."""
  kept = collections.Counter()

  def stays(line) -> bool:
    is_done = line['step'] <= done[line['fold']]
    kept[line['fold']] += is_done
    return is_done
  with blaming(folder.metrics):
    metrics_log.keep(folder.metrics, stays)
  short = [name for name, step in done.items() if kept[name] < step]
  if short:
    say(f'{folder.metrics} lacks steps of {len(short)} fold(s), {short[0]} among them: '
        'their losses are in no log and no curve; scores do not depend on them')


def make_predictions(config, material: Material, recipe: Recipe):
  """The prediction of a fold's held-out clips, as (params, data, fold) -> `Held`.

  With `x` that of other inputs, up to `copies` times as many clips.
  """
  learner, most = recipe.learner, max(int(fold.test.sum()) for fold in material.folds)
  draws = config['evaluation']['draws']
  adapted = prediction.make_predict(learner, sizes=recipe.sizes,
                                    draws=draws if learner.supported else 1,
                                    at_once=recipe.at_once)
  plain = prediction.make_plain_predict(learner) if learner.moving else None

  def predict(params, data: FoldData, fold: Fold, x=None, copies=1) -> Held:
    index = np.flatnonzero(fold.test)
    x = rows(material.pool.x, fold.test) if x is None else x
    ask = lambda how: how(params, data.key, data.clips, x,
                          most=most * copies).tolist()
    return Held(index.tolist(), ask(adapted), ask(plain) if plain else None)
  return predict
