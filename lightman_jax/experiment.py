"""One run, from a configuration to a folder of results: the stages in their order."""

from collections.abc import Mapping
import functools
import hashlib
import json
import time
from typing import Any, NamedTuple
import urllib.parse

import jax
import numpy as np

from lightman_jax import keys
from lightman_jax.clips.clipset import ClipSet
from lightman_jax.clips.load import load
from lightman_jax.episodes.folds import Fold, leave_one_subject_out
from lightman_jax.episodes.splits import plan_splits
from lightman_jax.episodes.tasks import Clips, Sizes
from lightman_jax.evaluation import predict as prediction
from lightman_jax.evaluation import references
from lightman_jax.meta.learners import make_learner
from lightman_jax.models.network import make_encoder, make_network
from lightman_jax.preprocessing import inputs
from lightman_jax.preprocessing.augmentation import Augmentation, augment
from lightman_jax.preprocessing.cache import cached_inputs
from lightman_jax.preprocessing.macros import make_pool
from lightman_jax.preprocessing.pool import Pool, channel_scale
from lightman_jax.report import environment, metrics_log, results, table
from lightman_jax.report.progress import Progress
from lightman_jax.report.run_folder import RunFolder, write_json
from lightman_jax.training import devices as device_door
from lightman_jax.training.checkpoints import Checkpoints
from lightman_jax.training.loop import FoldData, Trainer, make_trainer, train_fold
from lightman_jax.training.state import Recipe, make_optimizer


class Material(NamedTuple):
  """What a run works on."""
  clips: ClipSet
  pool: Pool
  folds: tuple[Fold, ...]
  splits: tuple[np.ndarray, ...]    # (P, S) of each fold
  sha256: str                       # over the data set and the macro source


class Held(NamedTuple):
  """What a fold found: logits of its held-out clips."""
  index: list[int]                  # of the clips in the pool
  logits: list[list[float]]
  plain: list[list[float]] | None   # of the model not adapted, where that is another


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
  used = tuple(jax.devices()[:config['training']['devices'] or None])
  with Progress() as progress:
    began = time.monotonic()
    material = prepare(config, progress)
    folder.check(environment.environment(
        data_sha256=material.sha256, layout={'used': len(used)}),
        resume_anyway=resume_anyway)
    if folder.is_finished():
      return results.read_results(folder.results)
    prepared = time.monotonic()
    held = _all_folds(config, folder, material, used, progress)
    done = time.monotonic()
    found = _report(config, folder, material, held)
    write_json(folder.timing, {
        'unit': 'seconds of this start of the program',
        'prepare': prepared - began, 'folds': done - prepared,
        'report': time.monotonic() - done})
    # Last: a folder with results is a finished run.
    results.write_results(folder.results, found)
  return found


def prepare(config: Mapping[str, Any], progress: Progress) -> Material:
  """Loads or builds the data, makes the inputs, checks that every fold has tasks."""
  clips = load(config['data'], progress=_Stages(progress), say=progress.say)
  how, source = inputs.Settings(**config['inputs']), config['macro']['source']
  other = None
  if uses_macro(config) and source not in ('own', 'none', 'magnified'):
    if source != 'synthetic':
      progress.say(f'macro-expressions come from {source}: whether its people are also '
                   f'in {config["data"]["name"]} is not known here')
    other = load({**config['macro']['data'], 'name': source,
                  'data_dir': config['data']['data_dir'],
                  'manual_dir': config['data']['manual_dir']},
                 progress=_Stages(progress), say=progress.say)
  pool = make_pool(
      clips, how, source=source if uses_macro(config) else 'none', other=other,
      make=functools.partial(cached_inputs, how=how, progress=_Stages(progress),
                             say=progress.say))
  folds = leave_one_subject_out(pool)
  splits = _plan(config, pool, folds, progress)
  both = [clips.info['sha256'], other.info['sha256'] if other else '']
  return Material(clips, pool, folds, splits,
                  hashlib.sha256(' '.join(both).encode()).hexdigest())


def uses_macro(config: Mapping[str, Any]) -> bool:
  """Whether the method looks at macro-expressions at all."""
  return config['method']['name'] == 'lightman' and config['macro']['source'] != 'none'


def make_sizes(config: Mapping[str, Any], pool: Pool) -> Sizes:
  """What a task holds; no macro clip where none is used, or there is none."""
  magnified = uses_macro(config) and config['macro']['source'] == 'magnified'
  some = magnified or (uses_macro(config) and bool(pool.macro.any()))
  return Sizes(
      len(pool.classes), config['episodes']['shots'], config['episodes']['queries'],
      config['macro']['clips'] if some else 0,
      float(config['macro']['factor']) if magnified else 0.)


def make_recipe(config: Mapping[str, Any], pool: Pool) -> Recipe:
  """Network, learner, optimizer and tasks of a configuration."""
  net = make_network(make_encoder(**config['model']), classes=len(pool.classes))
  training = config['training']
  return Recipe(
      make_learner(net, **config['method']),
      make_optimizer(outer_rate=training['outer_rate'],
                     weight_decay=training['weight_decay'],
                     clip_norm=training['clip_norm']),
      make_sizes(config, pool),
      functools.partial(augment, content=pool.content,
                        how=Augmentation(**config['augment'])),
      training['tasks'], device_door.tasks_at_once(training['tasks_at_once']))


def fold_data(config: Mapping[str, Any], material: Material, number: int) -> FoldData:
  """The arrays of one fold, with its statistics from training clips alone."""
  pool, fold = material.pool, material.folds[number]
  return FoldData(
      fold.held_out, keys.fold_key(config['seed'], fold.held_out),
      Clips(pool.x, pool.label, pool.subject, pool.macro, pool.foreign, fold.train,
            channel_scale(pool, fold.train)),
      material.splits[number])


def _plan(config, pool: Pool, folds: tuple[Fold, ...], progress: Progress):
  """Splits of every fold; says what is drawn more than once, and what is absent."""
  sizes = make_sizes(config, pool)
  if uses_macro(config) and not sizes.macros:
    progress.say('there are no macro-expressions to align with: without the auxiliary '
                 'term this is MAML')
  planned = []
  for fold in folds:
    number = int.from_bytes(hashlib.sha256(fold.held_out.encode()).digest()[:8], 'big')
    planned.append(plan_splits(
        pool, fold, shots=sizes.shots, queries=sizes.queries,
        own_macro=sizes.macros > 0 and bool((pool.macro & ~pool.foreign).any()),
        rng=np.random.default_rng([config['seed'], number])))
  short = [plan.short for plan in planned]
  if any(short):
    progress.say(f'classes are short of clips in {np.count_nonzero(short)} of '
                 f'{len(folds)} folds: a task draws up to {max(short)} of its '
                 f'{sizes.classes * (sizes.shots + sizes.queries)} clips again')
  return tuple(plan.support for plan in planned)


def _all_folds(config, folder: RunFolder, material: Material, devices,
               progress: Progress) -> list[Held]:
  """Trains and predicts every fold that has not yet been."""
  recipe = make_recipe(config, material.pool)
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
        data = fold_data(config, material, number)
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


def _report(config, folder: RunFolder, material: Material, held: list[Held]):
  """Scores, tables and figures; everything but results.json is written here."""
  pool, about = material.pool, _about(config, material)
  order = np.concatenate([part.index for part in held])
  logits = np.concatenate([np.array(part.logits) for part in held])
  name = config['method']['name']
  rows = {name: logits.argmax(-1)}
  if held[0].plain is not None:
    rows[f'{name}, not adapted'] = np.concatenate(
        [np.array(part.plain).argmax(-1) for part in held])
  rows |= _references(config, material, order)
  clips = results.Clips(
      [pool.clips[n] for n in order], [pool.subjects[pool.subject[n]] for n in order],
      [fold.held_out for fold, part in zip(material.folds, held) for _ in part.index],
      pool.label[order], pool.classes)
  found = results.summarise(rows, clips, about,
                            resamples=config['evaluation']['resamples'])
  odds = np.exp(logits - logits.max(-1, keepdims=True))
  results.write_predictions(folder.predictions, clips, rows[name],
                            odds / odds.sum(-1, keepdims=True))
  _draw(folder, found, name, pool.classes)
  return found


def _references(config, material: Material, order: np.ndarray) -> dict[str, np.ndarray]:
  """The linear model and the constant answer, on the same folds and inputs."""
  pool, folds = material.pool, material.folds
  train = np.stack([fold.train & ~pool.macro for fold in folds])
  test = np.stack([fold.test for fold in folds])
  scale = np.stack([channel_scale(pool, fold.train)[0] for fold in folds])
  linear = references.ridge(pool.x, pool.label, train, test, classes=len(pool.classes),
                            scale=scale,
                            relative_penalty=config['evaluation']['ridge_penalty'])
  most = references.constant(pool.label, train, test, classes=len(pool.classes))
  return {'ridge': linear.prediction[order], 'constant': most.prediction[order]}


def _about(config, material: Material) -> results.About:
  info = material.clips.info
  return results.About(
      protocol='leave one subject out, support from training subjects',
      dataset=info['dataset'], class_set=info['class_set'], sheet=info['sheet'],
      sheet_sha256=info['sheet_sha256'], data_sha256=material.sha256,
      seed=config['seed'])


def _draw(folder: RunFolder, found: dict[str, Any], name: str,
          classes: tuple[str, ...]) -> None:
  # Matplotlib takes a second to import, and most of a run does not need it.
  from lightman_jax.report import figures
  caption = table.caption(found['about'])[:2]
  figures.confusion_matrix(folder.confusion,
                           np.array(found['rows'][name]['confusion']),
                           classes=classes, title=name, caption=caption)
  figures.learning_curves(folder.curves, metrics_log.read(folder.metrics), title=name,
                          caption=caption)


class _Stages:
  """A callback (stage, done, total) that opens a new stage of the bar by its name."""

  def __init__(self, progress: Progress):
    self._progress, self._name = progress, None

  def __call__(self, stage: str, done: int, total: int) -> None:
    if stage != self._name:
      self._name = stage
      self._progress.stage(stage, total=total)
    self._progress.update(done)
