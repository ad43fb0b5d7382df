"""What a run finds: scores of the method and of what stands beside it, and pictures."""

from collections.abc import Callable, Iterator, Mapping
import contextlib
import shlex
from typing import Any, NamedTuple

import numpy as np

from lightman_jax import bounded, files, registry, sections
from lightman_jax.evaluation import references, unit_references
from lightman_jax.evaluation.predict import probabilities
from lightman_jax.evaluation.scores import name_of, scores_of
from lightman_jax.experiment import few_shot, inspection, oracle, robustness
from lightman_jax.experiment.assembly import Material, make_sizes
from lightman_jax.inputs.augmentation import Augmentation, describe_augmentation
from lightman_jax.inputs.pool import Pool, channel_scale, members, select_clips
from lightman_jax.profiling import cost
from lightman_jax.report import table
from lightman_jax.runs import progress, results
from lightman_jax.runs.folder import RunFolder
from lightman_jax.tasks.folds import data_sets, protocol_name
from lightman_jax.units import counted

# What is made beside a result and is no part of it: figures, event files, ...


@contextlib.contextmanager
def optional(name: str, say: Callable[[str], None]) -> Iterator[None]:
  """Within, what is named is made; where that fails, a line says so, and all goes on.

  Args:
    name: what is missing then, such as 'confusion.png'.
    say: called with the line.
  """
  try:
    yield
  except Exception as error:       # whatever a library raises: no result depends on it
    # A full disk holds no results either; the same command goes on once there is room.
    if isinstance(error, OSError) and error.errno in files.UNWRITABLE:
      raise
    reason = ' '.join(str(error).split())[:200]
    say(f'{name} is not made ({type(error).__name__}: {reason}); results do not depend '
        'on it')


class FoldLogits(NamedTuple):
  """What a fold found: logits of its held-out clips."""
  index: list[int]                  # of the clips in the pool
  logits: list[list[float]]
  plain: list[list[float]] | None   # of the model not adapted, where that is another
  one_draw: list[list[float]] | None = None   # of the first draw, where the logits
                                              # are a mean over several


def write_findings(config: Mapping[str, Any], folder: RunFolder, material: Material,
                   fold_logits: list[FoldLogits], *,
                   say: Callable[[str], None] = print) -> dict[str, Any]:
  """Scores the folds, writes predictions and figures; returns what is to be results.

  results.json itself is left to the caller, who writes it last.

  Args:
    config: complete.
    folder: of the run.
    material: of the run.
    fold_logits: of every fold, in the order of the material's.
    say: called with a line on a figure that cannot be made.
  """
  pool, about = material.pool, _about(config, material)
  order = np.concatenate([part.index for part in fold_logits])
  logits = np.concatenate([np.array(part.logits) for part in fold_logits])
  name = registry.label(config['method']['name'])
  answer = (lambda x: x > 0) if pool.multi_label else (lambda x: x.argmax(-1))
  rows, averaged = {name: answer(logits)}, {name: 1}
  if fold_logits[0].one_draw is not None:
    averaged[name] = config['evaluation']['draws']
    rows[results.one_draw(name)] = np.concatenate(
        [answer(np.array(part.one_draw)) for part in fold_logits])
  if fold_logits[0].plain is not None:
    rows[results.not_adapted(name)] = np.concatenate(
        [answer(np.array(part.plain)) for part in fold_logits])
  beside, chosen = (_unit_references if pool.multi_label else _references)(
      config, material)
  rows |= {name: answers.prediction[order] for name, answers in beside.items()}
  about = about._replace(models=dict.fromkeys(rows, 1) | averaged, references=chosen)
  clips = results.Clips(
      [pool.clips[n] for n in order], [pool.subjects[pool.subject[n]] for n in order],
      [fold.held_out for fold, part in zip(material.folds, fold_logits)
       for _ in part.index],
      members(pool.label[order], len(pool.classes)) if pool.multi_label
      else pool.label[order], pool.classes, _data_sets(material, order), {
          name: [of.get(pool.clips[n], '') for n in order]
          for name, of in (material.clips.info.get('groups') or {}).items()})
  named = config['evaluation'].get('scores', '')
  findings = results.summarise(
      rows, clips, about, resamples=config['evaluation']['resamples'],
      every=scores_of(named), probabilities={} if pool.multi_label else _probabilities(
          name, logits, fold_logits))
  if pool.multi_label:
    findings['about']['rare_units'] = dict(material.rare)
  if named:
    findings['about']['scores'] = {
        name_of(one): registry.label(one)
        for one in sections.names_in('score', named) if registry.is_outside(one)}
  episodes = few_shot.summary(config, folder, material, about)
  findings |= {'few_shot': episodes} if episodes else {}
  noisy = robustness.noise_rows(config, folder, material, clips, about, rows[name])
  findings |= {'robustness': noisy} if noisy else {}
  write = (results.write_unit_predictions if pool.multi_label else
           results.write_predictions)
  write(folder.predictions, clips, rows[name], probabilities(logits, pool.multi_label))
  _draw(folder, findings, name, pool.classes, say)
  return findings


def _probabilities(name: str, logits: np.ndarray, fold_logits: list[FoldLogits]
                   ) -> dict[str, np.ndarray]:
  """Of the method's rows, the class probabilities of every clip."""
  of_rows = {name: probabilities(logits)}
  if fold_logits[0].one_draw is not None:
    of_rows[results.one_draw(name)] = probabilities(np.concatenate(
        [np.array(part.one_draw) for part in fold_logits]))
  if fold_logits[0].plain is not None:
    of_rows[results.not_adapted(name)] = probabilities(np.concatenate(
        [np.array(part.plain) for part in fold_logits]))
  return of_rows


def _data_sets(material: Material, order: np.ndarray) -> list[str]:
  """The data set of every held-out clip, '' where it is not known."""
  own = data_sets(material.pool, material.clips.info['dataset'])
  return [own[subject] for subject in np.asarray(material.pool.subject)[order]]


def _references(config, material: Material
                ) -> tuple[dict[str, references.Answers], dict[str, str]]:
  """Linear models and the constant answer, on the same folds and inputs.

  And what penalties the first of them chose.
  """
  pool, folds = material.pool, material.folds
  train = np.stack([fold.train & ~pool.macro for fold in folds])
  test = np.stack([fold.test for fold in folds])
  scale = np.stack([channel_scale(pool, fold.train, material.squares)[0]
                    for fold in folds])
  # The labels of each fold's training are those that the method has, wrong ones, too.
  label, classes = np.stack(material.labels), len(pool.classes)
  rows = references.linear(pool.x, label, train, test, classes=classes,
                           subject=np.asarray(pool.subject), content=pool.content)
  chosen = {name: references.describe_penalties(name, answers.penalty)
            for name, answers in rows.items()}
  rows |= _macro_references(config, material, train, test, label)
  rows['ridge_raw'] = references.ridge_raw(
      pool.x, label, train, test, classes=classes, scale=scale,
      relative_penalty=config['evaluation']['ridge_penalty'])
  rows['constant'] = references.constant(label, train, test, classes=classes)
  return rows, chosen


def _unit_references(config, material: Material
                     ) -> tuple[dict[str, unit_references.Answers], dict[str, str]]:
  """An SVM for each action unit and the constant answers; and the SVM's penalties."""
  del config
  pool, units = material.pool, len(material.pool.classes)
  svm = unit_references.svm(
      pool.x, np.asarray(pool.label),
      np.stack([fold.train & ~pool.macro for fold in material.folds]),
      np.stack([fold.test for fold in material.folds]), units=units,
      subject=np.asarray(pool.subject), content=pool.content)
  words = references.describe_penalties('svm', svm.penalty).replace(
      f'each of {len(svm.penalty)} folds',
      f'each of {len(material.folds)} folds, for each of {units} units,')
  return {'svm': svm, **unit_references.constants(len(pool.clips), units)}, {
      'svm': words}


def _macro_references(config, material: Material, train: np.ndarray,
                      test: np.ndarray, label: np.ndarray
                      ) -> dict[str, references.Answers]:
  """The SVM on macro clips alone, and linear models to which they are further rows."""
  pool, subject = material.pool, np.asarray(material.pool.subject)
  shared = dict(classes=len(pool.classes), subject=subject, content=pool.content)
  labelled = np.flatnonzero(pool.macro & (pool.label >= 0))
  every = np.stack([fold.train for fold in material.folds])
  if not len(labelled):
    return {}
  alone = references.macro_only(pool.x, np.asarray(pool.label), np.asarray(pool.macro),
                                every, test, **shared)
  rows = {} if alone is None else {'macro_only': alone}
  if weight := config['macro']['label_weight']:
    extra = references.Extra(
        select_clips(pool.x, np.isin(np.arange(len(pool.label)), labelled)),
        np.asarray(pool.label)[labelled], subject[labelled],
        weight * every[:, labelled])
    rows |= {f'{name} with macro clips': answers for name, answers in references.linear(
        pool.x, label, train, test, extra=extra, **shared).items()}
  return rows


def _about(config, material: Material) -> results.About:
  info = material.clips.info
  protocol = protocol_name(
      material.pool, config['episodes']['protocol'],
      folds=config['episodes']['folds'], options=config['episodes'])
  never = np.unique(material.pool.subject[~material.pool.macro & ~np.any(
      [fold.test for fold in material.folds], 0)])
  if len(never):
    protocol += f', {counted(len(never), "person")} trained on in every fold'
  share = config['training']['wrong_labels']
  wrong = f', {share:.0%} of the training labels wrong on purpose' if share else ''
  count = config['episodes']['training_people']
  some = f', {counted(count, "training person")} a fold' if count else ''
  return results.About(
      protocol=f'{protocol}{some}, support from training subjects{wrong}',
      dataset=info['dataset'], class_set=info['class_set'], sheet=info['sheet'],
      sheet_sha256=info['sheet_sha256'], data_sha256=material.sha256,
      seed=config['seed'], encoder=registry.label(config['model']['encoder']),
      clips_seen=clips_seen(config, len(material.pool.classes)),
      macro_clips_seen=macro_clips_seen(config, material.pool),
      balance=('as many clips in which each unit acts in every task'
               if material.pool.multi_label else
               'as many clips of each class in every task'),
      augmentation=describe_augmentation(
          Augmentation(**config['augment']), material.pool.content),
      people=material.people)


def clips_seen(config: Mapping[str, Any], classes: int) -> int:
  """Micro clips that one fold's training draws: the budget that methods share.

  A clip counts each time it is drawn.

  Args:
    config: complete.
    classes: how many there are.
  """
  if config['macro']['only']:
    return 0
  return _drawn(config, classes)


def _drawn(config: Mapping[str, Any], classes: int) -> int:
  """Clips of support and query that one fold's training draws."""
  sizes, training = config['episodes'], config['training']
  return (training['steps'] * training['tasks'] * classes
          * (sizes['shots'] + sizes['queries']))


def macro_clips_seen(config: Mapping[str, Any], pool: Pool) -> int:
  """Macro clips, magnified ones among them, that one fold's training draws besides.

  Args:
    config: complete.
    pool: of the run.
  """
  if config['macro']['only']:
    return _drawn(config, len(pool.classes))
  training = config['training']
  return training['steps'] * training['tasks'] * make_sizes(config, pool).macros


def _draw(folder: RunFolder, findings: dict[str, Any], name: str,
          classes: tuple[str, ...], say: Callable[[str], None]) -> None:
  # Matplotlib takes a second to import, and most of a run does not need it.
  caption = table.caption(findings['about'])[:2]
  of_units = 'labels' in findings['about']
  with optional((folder.units if of_units else folder.confusion).name, say):
    from lightman_jax.report import figures
    if of_units:
      figures.unit_scores(folder.units, findings['rows'], caption=caption)
    else:
      figures.confusion_matrix(folder.confusion,
                               np.array(findings['rows'][name]['confusion']),
                               classes=classes, title=name, caption=caption)
  with optional(folder.curves.name, say):
    from lightman_jax.report import figures
    figures.learning_curves(folder.curves, progress.read(folder.metrics),
                            title=name, caption=caption)
  if 'robustness' in findings:
    with optional(folder.noise_curves.name, say):
      from lightman_jax.report import figures
      figures.noise_curves(
          folder.noise_curves, findings['robustness'], title=f'{name} under noise',
          constant=findings['rows']['constant']['uf1']['value'], caption=caption)
  with optional(folder.actions.name, say):
    inspection.draw(folder, findings['about'], title=name)


# What a finished run has beside its table: where it is, what it is not, what next.

def describe_files(folder: RunFolder) -> Iterator[str]:
  """A line for each thing that the run was asked for beyond its table.

  Args:
    folder: of a finished run.
  """
  if folder.cost.exists():
    # It is told for information: a damaged one is no reason to fail.
    with contextlib.suppress(ValueError, KeyError, TypeError):
      yield cost.describe_cost(bounded.read_json(folder.cost))
  if folder.noise_curves.exists():
    yield f'robustness under noise: {folder.noise_curves}'
  if folder.choices.exists():
    yield f'settings chosen inside each fold: {folder.choices}'
  if folder.oracle_json.exists():
    yield oracle.describe_oracle(folder.oracle_json)
  run = str(folder.path)
  scores = bounded.read_json(folder.config)['evaluation'].get('scores', '')
  yield (f'next: python -m lightman_jax report {shlex.quote(run)} '
         f'--out={shlex.quote(run.rstrip("/") + "-report")}'
         + (f' --score={shlex.quote(scores)}' if scores else ''))
