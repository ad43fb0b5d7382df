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
from lightman_jax.files import of_fold, write_atomically
from lightman_jax.runs import results
from lightman_jax.runs.folder import RunFolder, blaming, read_json, write_json
from lightman_jax.tasks.few_shot import EpisodePlan, distinct, protocol_name
from lightman_jax.training.loop import FoldData
from lightman_jax.training.state import Recipe

EPISODES = (f'mean -+ {DEVIATIONS} sd / sqrt(n) over episodes, as is usual; they share '
            'people and clips, so it is no interval over other people')
PEOPLE = ('{level}; all episodes of a person stay together, so it says how far the '
          'score would move with other people: the one to trust')


def make_writer(config: Mapping[str, Any], folder: RunFolder, material: Material,
                recipe: Recipe) -> Callable[[Any, FoldData], None]:
  """A function (params, data of a fold) that answers its episodes and keeps that."""
  plan = material.few_shot if config['evaluation']['episodes'] else None
  if plan is None:
    return lambda params, data: None
  answer = make_answer(
      recipe.learner, sizes=recipe.sizes, at_once=recipe.at_once,
      most=max(len(part.classes) for part in plan.folds.values()))

  def write(params, data: FoldData) -> None:
    said, plain = answer(params, data.key, data.clips, plan.folds[data.name])
    write_json(of_fold(folder.few_shot, data.name, '.json'), {
        'answers': said.tolist(), 'plain': None if plain is None else plain.tolist()})
  return write


def summary(config: Mapping[str, Any], folder: RunFolder, material: Material,
            about: results.About) -> dict[str, Any] | None:
  """The few_shot section of the results; writes episodes.csv. None where it is off."""
  plan = material.few_shot
  if plan is None:
    return None
  name, pool, resamples = (registry.label(config['method']['name']), material.pool,
                           config['evaluation']['resamples'])
  said = _read(folder, plan, name)
  query = np.concatenate([part.query for part in plan.folds.values()])
  fold = [held_out for held_out, part in plan.folds.items() for _ in part.query.flat]
  asked = query.reshape(-1)
  clips = results.Clips(
      [pool.clips[n] for n in asked], [pool.subjects[pool.subject[n]] for n in asked],
      fold, pool.label[asked], pool.classes)
  found = results.summarise({row: answer.reshape(-1) for row, answer in said.items()},
                            clips, about, resamples=resamples)
  right = {row: (answer == pool.label[query]).mean(1) for row, answer in said.items()}
  for row, accuracy in right.items():
    low, high = episode_interval(accuracy)
    found['rows'][row]['accuracy_over_episodes'] = {
        part: round(value, results.DIGITS) for part, value in (
            ('value', float(accuracy.mean())), ('low', low), ('high', high))}
  _write_csv(folder, plan, material, said, right)
  return _described(config, plan, len(pool.classes), found)


def _described(config, plan: EpisodePlan, classes: int, found: dict[str, Any]
               ) -> dict[str, Any]:
  form = plan.form
  return {
      'protocol': protocol_name(form, classes,
                                protocol=config['episodes']['protocol']),
      'held_out_by': found['about']['protocol'].partition(', support from ')[0],
      **form._asdict(), 'classes': classes, 'distinct_episodes': distinct(plan),
      'people': len(plan.people), 'held_out_people': plan.of,
      'chance': round(1 / form.ways, results.DIGITS),
      'f1': UF1_VARIANT.replace('folds', 'episodes'),
      'intervals': {
          'uf1, uar, accuracy': PEOPLE.format(level=found['about']['interval']),
          'accuracy_over_episodes': EPISODES},
      'rows': found['rows'], 'differences': found['differences']}


def _read(folder: RunFolder, plan: EpisodePlan, name: str) -> dict[str, np.ndarray]:
  """What every row answered, (E, q), fold after fold."""
  places = [of_fold(folder.few_shot, held_out, '.json')
            for held_out, part in plan.folds.items() if len(part.classes)]
  parts = [read_json(place) for place in places]
  with blaming(folder.few_shot):
    rows = {name: [part['answers'] for part in parts]}
    if parts[0]['plain'] is not None:
      rows[f'{name}, not adapted'] = [part['plain'] for part in parts]
    return {row: np.concatenate([np.array(part) for part in answers])
            for row, answers in rows.items()}


def _write_csv(folder: RunFolder, plan: EpisodePlan, material: Material,
               said: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> None:
  """A line an episode: whose, what, and the confusion of the method's answers."""
  pool, (row, *others) = material.pool, said
  who = lambda index: ';'.join(sorted({pool.subjects[s] for s in pool.subject[index]}))
  episodes = [(held_out, number, *one) for held_out, part in plan.folds.items()
              for number, one in enumerate(zip(*part))]
  count = len(pool.classes)
  by = np.arange(len(episodes)).repeat(said[row].shape[1])
  truth = np.concatenate([pool.label[query] for *_, query in episodes])
  counts = confusion_by(by, truth, said[row].reshape(-1), groups=len(episodes),
                        classes=count)
  with write_atomically(folder.episodes) as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(('fold', 'episode', 'classes', 'support_people', 'query_people',
                     'accuracy', *(f'accuracy, {other.rpartition(", ")[2]}'
                                   for other in others), 'confusion'))
    for n, (held_out, number, classes, support, query) in enumerate(episodes):
      writer.writerow((held_out, number, ';'.join(pool.classes[k] for k in classes),
                       who(support), who(query),
                       *(f'{right[name][n]:.{results.DIGITS}f}' for name in said),
                       json.dumps(counts[n].tolist())))
