"""Settings chosen by an inner split of each fold's training people, inside the fold.

There is no other way to choose in this code. For every fold, some of its training
people judge models that were trained on the others, one model a candidate; the best is
then trained on all of the fold's training people. Who is held out has no part in it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lightman_jax import keys, listed_settings, settings
from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.experiment import assembly
from lightman_jax.experiment.assembly import Material
from lightman_jax.experiment.findings import FoldLogits, clips_seen, macro_clips_seen
from lightman_jax.files import write_atomically
from lightman_jax.inputs.pool import Pool, members
from lightman_jax.runs.folder import RunFolder, blaming, read_json, write_json
from lightman_jax.tasks.folds import Fold
from lightman_jax.units import counted

ATTEMPTS = 64
Loop = Callable[..., list[FoldLogits]]      # trains and predicts folds: experiment's


def run_folds(config: Mapping[str, Any], folder: RunFolder, material: Material, devices,
              progress, *, loop: Loop) -> list[FoldLogits]:
  """All folds, trained and predicted, each with the candidate chosen inside it.

  Args:
    config: complete; where select.by is none, all is left to the loop.
    folder: of the run; the inner runs have folders of their own in it.
    material: of the run.
    devices, progress: handed on to the loop.
    loop: (config, folder, material, devices, progress, stage=) -> what the folds found.

  Raises:
    InputError: no inner split of a fold can be trained on.
  """
  options = candidates(config)
  if not options:
    return loop(config, folder, material, devices, progress)
  if not folder.choices.exists():
    write_json(folder.choices, _choose(config, options, folder, material, devices,
                                       progress, loop))
  chosen = _choice_by_fold(folder, options)
  with blaming(folder.choices):
    choice = [chosen[fold.held_out] for fold in material.folds]
  fold_logits: list[Any] = [None] * len(choice)
  parts = []
  for k in sorted(set(choice)):
    numbers = [number for number, own in enumerate(choice) if own == k]
    # Steps may differ, so each candidate has a series of checkpoints of its own.
    part = folder.part(folder.selection / f'final{k}', ('metrics', 'checkpoints'))
    own = settings.changed(config, options[k])
    part_logits = loop(own, part, _restricted(own, material, numbers), devices,
                       progress, stage=f'train {k + 1}/{len(options)}')
    for number, one in zip(numbers, part_logits):
      fold_logits[number] = one
    parts.append(part)
  with write_atomically(folder.metrics, 'wb') as file:
    file.write(b''.join(part.metrics.read_bytes() for part in parts))
  return fold_logits


def candidates(config: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
  """What each candidate changes; none where settings are fixed.

  Args:
    config: complete.
  """
  values = settings.flat(config)
  if values['select.by'] == 'none':
    return ()
  return listed_settings.candidates(values['select.candidates'], values)


def describe_selection(config: Mapping[str, Any], folder: RunFolder, classes: int, *,
                       pool: Pool | None = None) -> dict[str, Any]:
  """What the results say of it: how many were tried, and what each fold chose.

  Where the choice moves what they say of every run, that is told by what was chosen:
  the clips seen are those of the average fold, without the inner runs; with the pool,
  macro clips, too.

  Args:
    config: complete.
    folder: of the run, whose choices are made.
    classes: how many there are.
    pool: of the run; None leaves macro clips out.
  """
  options = candidates(config)
  if not options:
    return {'tried': 1}
  words = [' '.join(f'{name}={value}' for name, value in option.items())
           for option in options]
  choice = _choice_by_fold(folder, options)
  chosen = [settings.changed(config, options[k]) for k in choice.values()]
  mean = lambda counts: round(float(np.mean(counts)))
  moved = any(name.startswith('augment.') for name in options[0])
  macro = {} if pool is None else {
      'macro_clips_seen': mean([macro_clips_seen(own, pool) for own in chosen])}
  return {'tried': len(options),
          'clips_seen': mean([clips_seen(own, classes) for own in chosen]), **macro,
          **({'augmentation': 'chosen inside each fold'} if moved else {}),
          'chosen': {name: words[k] for name, k in choice.items()}}


def inner_folds(config: Mapping[str, Any], material: Material) -> tuple[Fold, ...]:
  """Of each fold: `train` without the people who judge, `test` their micro clips.

  Who judges is a function of the seed and the fold: the first draw after which the
  others can still fill a task.

  Args:
    config: complete.
    material: of the run.
  """
  return tuple(_inner_fold(config, material.pool, fold, label)
               for fold, label in zip(material.folds, material.labels))


def _inner_fold(config, pool, fold: Fold, label: np.ndarray) -> Fold:
  people = np.unique(pool.subject[fold.train & ~pool.macro])
  count = max(1, round(config['select']['share'] * len(people)))
  rng = keys.generator(config['seed'], 'inner split', fold.held_out)
  for _ in range(ATTEMPTS):
    judges = np.isin(pool.subject, rng.permutation(people)[:count])
    inner = fold._replace(train=fold.train & ~judges,
                          test=fold.train & judges & ~pool.macro)
    try:
      assembly.plan(config, pool, (inner,), (label,), lambda line: None)
      return inner
    except InputError as error:
      why = error
  raise InputError(
      f'select.by=inner: of the {counted(len(people), "training person")} of fold '
      f'{fold.held_out} {count} cannot be kept apart ({why}); lower select.share, or '
      'fix the settings with select.by=none')


def _choose(config, options, folder: RunFolder, material: Material, devices, progress,
            loop: Loop) -> dict[str, Any]:
  """Scores of every candidate in every fold, and the first of the best."""
  inner = material._replace(folds=inner_folds(config, material))
  table = []
  for k, option in enumerate(options):
    own = settings.changed(config, option)
    own['evaluation'].update(noise='none', oracle_gap=False, episodes=0,
                             embeddings=False, tensorboard=False, attribution=False)
    fold_logits = loop(own, folder.part(folder.selection / f'inner{k}'),
                       _restricted(own, inner, range(len(inner.folds))), devices,
                       progress, stage=f'select {k + 1}/{len(options)}')
    table.append([_score(material, label, part)
                  for label, part in zip(material.labels, fold_logits)])
  variant = (scores.UNIT_VARIANT.partition(';')[0] if material.pool.multi_label else
             scores.UF1_VARIANT)
  return {
      'candidates': list(options),
      'score': f'{variant}, of the micro clips of the people who judge',
      'folds': {
          fold.held_out: {
              'choice': int(np.argmax(column)), 'scores': list(column),
              'judges': sorted({material.pool.subjects[s]
                                for s in material.pool.subject[inner_fold.test]})}
          for fold, inner_fold, column in zip(material.folds, inner.folds,
                                              zip(*table))}}


def _score(material: Material, label: np.ndarray, fold_logits: FoldLogits) -> float:
  """By the labels that the fold believes: a wrong one misleads the choice, too."""
  if material.pool.multi_label:
    logits = np.array(fold_logits.logits)
    return float(scores.f1_binary(scores.unit_confusion_by(
        np.zeros(len(logits), int), members(
            label[fold_logits.index], logits.shape[1]), logits > 0, groups=1)[0]))
  return float(scores.uf1(scores.confusion(
      label[fold_logits.index], np.array(fold_logits.logits).argmax(-1),
      classes=len(material.pool.classes))))


def _restricted(config, material: Material, numbers) -> Material:
  """Some of the folds, their tasks planned by these settings."""
  folds = tuple(material.folds[n] for n in numbers)
  labels = tuple(material.labels[n] for n in numbers)
  return material._replace(folds=folds, labels=labels, splits=assembly.plan(
      config, material.pool, folds, labels, lambda line: None))


def _choice_by_fold(folder: RunFolder, options: Sequence[Mapping[str, Any]]
                    ) -> dict[str, int]:
  """Of every fold, which of the options."""
  kept = read_json(folder.choices)
  with blaming(folder.choices):
    choice_by_fold = {name: fold['choice'] for name, fold in kept['folds'].items()}
    if not set(choice_by_fold.values()) <= set(range(len(options))):
      raise ValueError('a choice that there is not')
    return choice_by_fold
