"""The few-shot part of a run: each fold's episodes are answered, kept, and counted."""

from collections.abc import Callable, Mapping
import csv
import json
from typing import Any

import numpy as np

from lightman_jax import registry
from lightman_jax.evaluation.few_shot import DEVIATIONS, episode_interval, make_answer
from lightman_jax.evaluation.scores import UF1_VARIANT, confusion_by
from lightman_jax.experiment.assembly import Material
from lightman_jax.files import fold_path, write_atomically
from lightman_jax.inputs.pool import Pool
from lightman_jax.runs import results
from lightman_jax.runs.folder import RunFolder, blaming, read_json, write_json
from lightman_jax.tasks import folds
from lightman_jax.tasks.few_shot import (
  EpisodePlan,
  count_distinct_episodes,
  protocol_name,
)
from lightman_jax.training.state import FoldData, Recipe

EPISODES = (f'mean -+ {DEVIATIONS} sd / sqrt(n) over episodes, as is usual; they share '
            'people and clips, so it is no interval over other people')
PEOPLE = ('{level}; all episodes of a person stay together, so it says how far the '
          'score would move with other people: the one to trust')


def make_writer(config: Mapping[str, Any], folder: RunFolder, material: Material,
                recipe: Recipe) -> Callable[[Any, FoldData], None]:
  """A function (params, data of a fold) that answers its episodes and keeps that.

  Args:
    config: complete.
    folder: of the run.
    material: of the run.
    recipe: its learner is what adapts.
  """
  plan = material.few_shot if config['evaluation']['episodes'] else None
  if plan is None:
    return lambda params, data: None
  answer = make_answer(
      recipe.learner, sizes=recipe.sizes, at_once=recipe.at_once,
      most=max(len(part.classes) for part in plan.folds.values()))

  def write(params, data: FoldData) -> None:
    answers, plain = answer(params, data.key, data.clips, plan.folds[data.name])
    write_json(fold_path(folder.few_shot, data.name, '.json'), {
        'answers': answers.tolist(),
        'plain': None if plain is None else plain.tolist()})
  return write


def summary(config: Mapping[str, Any], folder: RunFolder, material: Material,
            about: results.About) -> dict[str, Any] | None:
  """The few_shot section of the results; writes episodes.csv. None where it is off.

  Args:
    config: complete.
    folder: of the run, all of whose folds are predicted.
    material: of the run.
    about: of the results.
  """
  plan = material.few_shot
  if plan is None:
    return None
  name, pool, resamples = (registry.label(config['method']['name']), material.pool,
                           config['evaluation']['resamples'])
  answers = _read_answers(folder, plan, name)
  query = np.concatenate([part.query for part in plan.folds.values()])
  fold = [held_out for held_out, part in plan.folds.items() for _ in part.query.flat]
  queries = query.reshape(-1)
  clips = results.Clips(
      [pool.clips[n] for n in queries],
      [pool.subjects[pool.subject[n]] for n in queries],
      fold, pool.label[queries], pool.classes)
  section = results.summarise({row: own.reshape(-1) for row, own in answers.items()},
                              clips, about, resamples=resamples)
  right = {row: (own == pool.label[query]).mean(1) for row, own in answers.items()}
  for row, accuracy in right.items():
    low, high = episode_interval(accuracy)
    section['rows'][row]['accuracy_over_episodes'] = {
        part: round(value, results.DIGITS) for part, value in (
            ('value', float(accuracy.mean())), ('low', low), ('high', high))}
  _write_csv(folder, plan, material, answers, right)
  return _describe_section(config, plan, pool, section)


def _describe_section(config, plan: EpisodePlan, pool: Pool, section: dict[str, Any]
                      ) -> dict[str, Any]:
  form, classes = plan.form, len(pool.classes)
  return {
      'protocol': protocol_name(form, classes,
                                protocol=config['episodes']['protocol']),
      'held_out_by': folds.protocol_name(pool, config['episodes']['protocol'],
                                         folds=config['episodes']['folds'],
                                         options=config['episodes']),
      **form._asdict(), 'classes': classes,
      'distinct_episodes': count_distinct_episodes(plan),
      'people': len(plan.people), 'held_out_people': plan.held_out_people,
      'chance': round(1 / form.ways, results.DIGITS),
      'f1': UF1_VARIANT.replace('folds', 'episodes'),
      'intervals': {
          'uf1, uar, accuracy': PEOPLE.format(level=section['about']['interval']),
          'accuracy_over_episodes': EPISODES},
      'rows': section['rows'], 'differences': section['differences']}


def _read_answers(folder: RunFolder, plan: EpisodePlan, name: str
                  ) -> dict[str, np.ndarray]:
  """What every row answered, (E, q), fold after fold."""
  places = [fold_path(folder.few_shot, held_out, '.json')
            for held_out, part in plan.folds.items() if len(part.classes)]
  parts = [read_json(place) for place in places]
  with blaming(folder.few_shot):
    rows = {name: [part['answers'] for part in parts]}
    if parts[0]['plain'] is not None:
      rows[results.not_adapted(name)] = [part['plain'] for part in parts]
    return {row: np.concatenate([np.array(part) for part in answers])
            for row, answers in rows.items()}


def _write_csv(folder: RunFolder, plan: EpisodePlan, material: Material,
               answers: Mapping[str, np.ndarray],
               right: Mapping[str, np.ndarray]) -> None:
  """A line an episode: whose, what, and the confusion of the method's answers."""
  pool, (row, *others) = material.pool, answers
  def people_of(index: np.ndarray) -> str:
    return ';'.join(sorted({pool.subjects[s] for s in pool.subject[index]}))
  episodes = [(held_out, number, *one) for held_out, part in plan.folds.items()
              for number, one in enumerate(zip(*part))]
  count = len(pool.classes)
  by = np.arange(len(episodes)).repeat(answers[row].shape[1])
  truth = np.concatenate([pool.label[query] for *_, query in episodes])
  counts = confusion_by(by, truth, answers[row].reshape(-1), groups=len(episodes),
                        classes=count)
  with write_atomically(folder.episodes) as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(('fold', 'episode', 'classes', 'support_people', 'query_people',
                     'accuracy', *(f'accuracy, {results.own_rows(row)[other]}'
                                   for other in others), 'confusion'))
    for n, (held_out, number, classes, support, query) in enumerate(episodes):
      writer.writerow((held_out, number, ';'.join(pool.classes[k] for k in classes),
                       people_of(support), people_of(query),
                       *(f'{right[name][n]:.{results.DIGITS}f}' for name in answers),
                       json.dumps(counts[n].tolist())))
