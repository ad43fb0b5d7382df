"""One run, from a configuration to a folder of results: the stages in their order."""

import collections
from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import functools
import os
import pathlib
import sys
import time
from typing import Any

import numpy as np

from lightman_jax import bounded, registry, sections
from lightman_jax.configurations import defaults
from lightman_jax.data.load import load
from lightman_jax.errors import InputError
from lightman_jax.evaluation import predict as prediction
from lightman_jax.evaluation.scores import scores_of, try_scores
from lightman_jax.experiment import (
  assembly,
  few_shot,
  inspection,
  oracle,
  preconditions,
  pretraining,
  replay,
  robustness,
  selection,
)
from lightman_jax.experiment.assembly import Material
from lightman_jax.experiment.findings import FoldLogits, optional, write_findings
from lightman_jax.files import fold_path
from lightman_jax.inputs.pool import select_clips
from lightman_jax.profiling import cost as metering, efficiency, memory
from lightman_jax.report import table
from lightman_jax.runs import (
  environment,
  parts,
  progress as metrics_log,
  reproducibility,
  results,
)
from lightman_jax.runs.folder import RunFolder, blaming, write_json
from lightman_jax.runs.progress import Progress, Stages
from lightman_jax.settings import is_multi_label, macro_data
from lightman_jax.tasks.folds import Fold
from lightman_jax.training import (
  devices as device_door,
  multihost,
  numerics,
  stopping,
)
from lightman_jax.training.checkpoints import open_checkpoints
from lightman_jax.training.loop import group_folds, make_trainer, train_folds
from lightman_jax.training.state import FoldData, Recipe
from lightman_jax.units import counted

# What the method of a configuration costs, where and with what it was measured.

def measure_cost(config: Mapping[str, Any], material: Material, devices
                 ) -> dict[str, Any]:
  """The content of efficiency.json: 'about', and 'measures' with their units.

  It holds times, so two runs of one configuration differ in it.

  Args:
    config: complete.
    material: of the run.
    devices: of the run; the first is measured.
  """
  folds = len(material.folds)
  layout = assembly.make_layout(config, devices, folds)
  recipe = assembly.make_recipe(config, material.pool, layout)
  measures = efficiency.measure(recipe, assembly.fold_data(config, material, 0),
                                steps=config['training']['steps'], folds=folds)
  about = {
      'method': registry.label(config['method']['name']),
      'encoder': registry.label(config['model']['encoder']),
      'clip': list(material.pool.x.shape[1:]), 'classes': len(material.pool.classes),
      'shots': config['episodes']['shots'], 'queries': config['episodes']['queries'],
      'macro_clips': recipe.sizes.macros,
      'inner_steps': config['method'].get('inner_steps', 0),
      'tasks_of_a_step': config['training']['tasks'],
      'steps_of_a_fold': config['training']['steps'], 'folds': folds,
      'device': {**environment.devices(), 'count': 1}, 'cpus': os.cpu_count(),
      'versions': environment.versions()}
  return {'about': about, 'measures': measures}


def run(config: Mapping[str, Any], folder: RunFolder, *, resume_anyway: bool = False,
        span: parts.Span | None = None) -> dict[str, Any]:
  """Runs, or goes on with, what `config` describes; returns the results.

  Of a part of a run there are none yet.

  Args:
    config: complete and checked, as nested plain values.
    folder: opened for this configuration.
    resume_anyway: see `RunFolder.check`.
    span: the folds of a part of the run; None: all.

  Raises:
    InputError: one sentence on what cannot be used.
  """
  try:
    with numerics.pinned(config['model']['matmul_precision']), registry.same_folder():
      return _run(config, folder, resume_anyway, span)
  except SystemExit as error:     # nothing of this package raises it here
    raise InputError('code from outside would end the program '
                     f'({registry.describe(error)}); take sys.exit out') from error
  except InputError:
    raise
  except Exception as error:
    if said := _blame_outside(config, error):
      raise InputError(said) from error
    raise


# What arrays and objects of other shapes and kinds than are due lead to.
_MISFITS = (AttributeError, LookupError, TypeError, ValueError)


def _blame_outside(config: Mapping[str, Any], error: Exception) -> str:
  """A sentence on an error that code from outside leads to; '' where it does not."""
  what, method = registry.describe(error), config['method']['name']
  if place := registry.line_of(error):
    return f'{place}: code from outside raised {what}; mend it there'
  if registry.is_outside(method) and isinstance(error, _MISFITS):
    return (f'method={method}: what its functions return does not fit ({what}); '
            'lightman_jax.meta.learners.Learner says what each of them returns')
  return ''


def _run(config, folder: RunFolder, resume_anyway: bool, span: parts.Span | None
         ) -> dict[str, Any]:
  """What `run` says, as jax is set."""
  metrics_log.check(config)
  scores_of(config['evaluation'].get('scores', ''))      # refused before training
  environment.code_version()      # of what is running, should it be edited meanwhile
  device_door.use_compilation_cache()
  used = device_door.open_devices(config['training']['devices'])
  check = functools.partial(_check, config, folder, len(used), resume_anyway)
  ready = multihost.first(folder.is_finished)
  if not ready and span and multihost.first(lambda: parts.is_sealed(folder)):
    check(None)
    return {}
  with Progress(quiet=not multihost.is_first()) as progress:
    if ready:         # whose data may have changed since
      reproducibility.refuse_changed(folder.path)
      check(multihost.in_turn(lambda: _content_sha256(config, progress)))
      return results.read_results(folder.results)
    began = time.monotonic()
    material = _prepare(config, folder, span, progress)
    if other := check(material.sha256):
      progress.say(other)
    prepared = time.monotonic()
    if multihost.is_first() and (code := sections.outside(config)):
      write_json(folder.outside, code)
    meter = metering.Meter(config, progress.say, folder.cost, progress.aside)
    with memory.explain_lack_of_memory(meter.advice):
      loop = memory.in_smaller_batches(
          functools.partial(_all_folds, meter=meter, span=span))
      fold_logits = selection.run_folds(config, folder, material, used, progress,
                                        loop=loop)
    done = time.monotonic()
    if not multihost.is_first():
      return multihost.first(dict)
    if span:
      parts.seal(folder, span, [fold.held_out for fold in material.folds],
                 reproducibility.command_without_places(sys.argv))
      return multihost.first(dict)
    with progress.aside('scoring: intervals, references, figures'):
      findings = _score(config, folder, material, fold_logits, progress.say)
    if config['evaluation']['efficiency']:
      with progress.aside('measuring what the method costs (evaluation.efficiency)'), \
          optional(folder.efficiency.name, progress.say):
        write_json(folder.efficiency, measure_cost(config, material, used))
    write_json(folder.timing, {
        'unit': 'seconds of this start of the program',
        'prepare': prepared - began, 'folds': done - prepared,
        'report': time.monotonic() - done})
    reproducibility.write_statement(config, folder, findings)
    # Last: a folder with results is a finished run.
    results.write_results(folder.results, findings)
    multihost.first(dict)
  return findings


def _prepare(config, folder: RunFolder, span: parts.Span | None, progress: Progress
             ) -> Material:
  """What the run works on, and whether what is asked of it can be."""
  preconditions.refuse_itself(config, folder.path)
  material = multihost.in_turn(lambda: assembly.prepare(config, progress))
  parts.numbers_of(span, len(material.folds))
  try_scores(config['evaluation'].get('scores', ''), len(material.pool.classes))
  robustness.noise_kinds(config, material, progress.say)
  return material


def _content_sha256(config: Mapping[str, Any], progress: Progress) -> str:
  """`Material.sha256` of the data as they are today, made of no more than it needs."""
  if (config['pretrain']['source'] != 'none' or is_multi_label(config)
      or config['model'].get('weights')):
    return assembly.prepare(config, progress).sha256
  shown, sha256 = Stages(progress), ['', '']
  for place, data in enumerate((config['data'], macro_data(config))):
    if data:
      sha256[place] = load(data, progress=shown.of(data), say=progress.say
                           ).info['sha256']
  return assembly.data_sha256(sha256)


def _score(config, folder: RunFolder, material: Material, fold_logits: list[FoldLogits],
           say: Callable[[str], None]) -> dict[str, Any]:
  """What was found, with what is written beside it."""
  findings = write_findings(config, folder, material, fold_logits, say=say)
  findings['about'] |= selection.describe_selection(
      config, folder, len(material.pool.classes), pool=material.pool)
  findings['about'] |= _describe_knowledge(config, material)
  pretraining.write_people(config, material, folder)
  if config['evaluation']['attribution']:
    with optional(folder.attribution_png.name, say):
      inspection.draw_attribution(config, folder, material, findings['about'])
  with optional(folder.unit_actions_png.name, say):
    inspection.draw_unit_actions(config, folder, material, findings['about'])
  with optional(folder.oracle_json.name, say):
    oracle.write_oracle(config, folder, material)
  return findings


def _check(config, folder: RunFolder, used: int, resume_anyway: bool,
           data_sha256: str | None) -> str:
  """Compares the environment with that of the folder; a line on another layout."""
  now = environment.environment(
      data_sha256=data_sha256, layout={'used': used, **{
          name: config['training'][name]
          for name in ('split', 'folds_at_once', 'tasks_at_once')}})
  return multihost.first(lambda: folder.check(now, resume_anyway=resume_anyway))


def _describe_knowledge(config: Mapping[str, Any], material: Material
                        ) -> dict[str, Any]:
  """What results say of a trial, of weights that folds begin with, of macro clips."""
  about: dict[str, Any] = {}
  if trial := defaults.describe_trial(config):
    about['trial'] = trial
  elif material.pretrained and material.pretrained.trial:
    about['trial'] = f'folds begin with weights of {material.pretrained.trial}'
  if material.weights:
    about['weights'] = dict(material.weights.about)
  if config['macro']['label_weight'] or config['macro']['only']:
    about['macro'] = table.macro_knowledge(config)
  if material.pretrained:
    about['pretrained'] = dict(material.pretrained.about)
  return about


def _all_folds(config, folder: RunFolder, material: Material, devices,
               progress: Progress, *, meter: metering.Meter, stage: str = 'train',
               span: parts.Span | None = None) -> list[FoldLogits]:
  """Trains and predicts every fold, or those of a part, that has not yet been."""
  layout = assembly.make_layout(config, devices, len(material.folds))
  recipe = assembly.make_recipe(config, material.pool, layout)
  trainer = meter.trainer(config, functools.partial(
      make_trainer, recipe, steps=config['training']['steps'], layout=layout,
      every=config['training']['checkpoint_every'], streamed=material.streamed))
  predict = make_predictions(config, material, recipe)
  write_episodes, inspecting = (
      make(config, folder, material, recipe)
      for make in (few_shot.make_writer, inspection.make_writers))
  names = [fold.held_out for fold in material.folds]
  places = [fold_path(folder.folds, name, '.json') for name in names]
  mine = parts.numbers_of(span, len(names))
  with open_checkpoints(folder.checkpoints, progress.say) as checkpoints:
    def unfinished() -> list[str]:
      return [names[number] for number in mine if _kept_logits(
          places[number], material.folds[number], material, progress.say) is None]
    reached = checkpoints.reached(multihost.first(unfinished))
    done = {names[n]: reached.get(names[n], trainer.steps) for n in mine}
    multihost.first(lambda: _forget_unfinished(folder, done, progress.say))
    progress.stage(stage, total=len(mine) * trainer.steps, done=sum(done.values()),
                   unit='step of a fold')
    shown = functools.partial(_first_time, progress)
    for together in _groups(reached, names, layout.together, span):
      group = [names.index(name) for name in together]
      data = [assembly.fold_data(config, material, number) for number in group]
      if not multihost.is_first():
        with multihost.ending_together():
          train_folds(trainer, data, checkpoints, on_chunk=lambda last, scalars: None)
        continue
      with multihost.ending_together(), replay.keeping(
          config, folder, material, recipe, progress.say):
        states = train_folds(
            trainer, data, checkpoints,
            on_chunk=meter.after_chunk(functools.partial(
                _on_chunk, folder, progress, done, together, trainer.steps)),
            on_states=oracle.make_watcher(config, folder, material, predict, group,
                                          data))
      for number, state, one in zip(group, states, data):
        with shown():
          fold_logits = predict(state.params, one, material.folds[number])
          write_episodes(state.params, one)
          for place, write in (*inspecting, (
              folder.tensorboard, lambda _, one: metrics_log.write_fold(
                  config, folder, one.name))):
            with optional(place.name, progress.say):
              write(state.params, one)
          robustness.write_fold(config, folder, material, number, functools.partial(
              predict, state.params, one, material.folds[number]))
        shown = contextlib.nullcontext
        write_json(places[number], fold_logits._asdict())
        stopping.check()
  return [_kept_logits(places[number], material.folds[number], material, progress.say)
          for number in mine if multihost.is_first()]


def _groups(reached: Mapping[str, int], names: Sequence[str], together: int,
            span: parts.Span | None) -> Iterator[tuple[str, ...]]:
  """Folds that are trained together; of a part, those that the whole run has so."""
  for first in range(0, len(names), together if span else len(names)):
    block = names[first:first + together] if span else reached
    yield from group_folds({name: reached[name] for name in block if name in reached},
                           together)


@contextlib.contextmanager
def _first_time(progress: Progress) -> Iterator[None]:
  """Shows what the first fold takes that no other will."""
  with progress.aside('predicting the first fold: compiling, unless the cache has it'):
    yield


def _kept_logits(place: pathlib.Path, fold: Fold, material: Material,
                 say: Callable[[str], None]) -> FoldLogits | None:
  """What a fold has found; None where it has not yet, or where that is damaged."""
  if not place.exists():
    return None
  count, classes = shape = int(fold.test.sum()), len(material.pool.classes)
  try:
    most = 2**20 + 100 * count * (1 + 3 * classes)
    kept = FoldLogits(**bounded.read_json(place, most))
    logits = [one for one in (kept.logits, kept.plain, kept.one_draw)
              if one is not None]
    if (kept.index == np.flatnonzero(fold.test).tolist()
        and all(np.asarray(one, float).shape == shape for one in logits)):
      return kept
  except (OSError, TypeError, ValueError):
    pass
  say(f'{place} is damaged: its fold is predicted again from its last checkpoint')
  return None


def _on_chunk(folder, progress, done: dict[str, int], group: Sequence[str],
              steps: int, last: int, scalars: dict[str, np.ndarray]) -> None:
  """Writes the steps up to `last` to the log, and moves the bar.

  There is something of this run now: what lay in its folder before may go.

  The log goes by steps and not by folds: its order does not tell where pieces ended.
  """
  folder.forget_earlier()
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
    dropped = metrics_log.keep(folder.metrics, stays)
  if dropped:
    say(f'this run was begun before: {sum(done.values())} of its steps are kept, and '
        f'{dropped} that no checkpoint holds are done again')
  short = [name for name, step in done.items() if kept[name] < step]
  if short:
    say(f'{folder.metrics} lacks steps of {counted(len(short), "fold")}, {short[0]} '
        'among them: their losses are in no log and no curve; scores do not depend on '
        'them')


def make_predictions(config, material: Material, recipe: Recipe):
  """The prediction of a fold's held-out clips, as (params, data, fold) -> `FoldLogits`.

  With `x` that of other inputs, up to `copies` times as many clips.

  Args:
    config: complete.
    material: of the run.
    recipe: its learner is what adapts and predicts.
  """
  learner, most = recipe.learner, max(int(fold.test.sum()) for fold in material.folds)
  name = config['method']['name']
  if registry.is_outside(name) and not is_multi_label(config):
    prediction.check_logits(learner, sizes=recipe.support_sizes, name=name,
                            clip=material.pool.x.shape[1:])
  draws = config['evaluation']['draws'] if learner.needs_support else 1
  adapted = prediction.make_predict(learner, sizes=recipe.support_sizes, draws=draws,
                                    at_once=recipe.at_once, mirror=recipe.mirror)
  plain = (prediction.make_plain_predict(learner, mirror=recipe.mirror)
           if learner.adapted_subtrees else None)

  def predict(params, data: FoldData, fold: Fold, x=None, copies=1) -> FoldLogits:
    index = np.flatnonzero(fold.test)
    x = select_clips(material.pool.x, fold.test) if x is None else x
    question = params, data.key, data.clips, x
    mean, single = adapted(*question, most=most * copies, first=True)
    prediction.check_finite(np.asarray(mean), data.name)
    return FoldLogits(index.tolist(), mean.tolist(),
                      plain(*question, most=most * copies).tolist() if plain else None,
                      single.tolist() if draws > 1 else None)
  return predict
