"""results.json and predictions.csv: what a run found, and nothing of when.

Equal predictions give equal bytes: the order is fixed, floats have six digits, no time
and no path is in it.
"""

from collections.abc import Mapping, Sequence
import csv
import io
import json
import math
import os
from typing import Any, NamedTuple

from jaxtyping import Float, Int
import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.evaluation import intervals, scores
from lightman_jax.files import write_atomically

SCORES = {'uf1': scores.uf1, 'uar': scores.uar, 'accuracy': scores.accuracy}
DIGITS = 6


class About(NamedTuple):
  """What every figure must name."""
  protocol: str          # such as 'leave one subject out'
  dataset: str
  class_set: str
  sheet: str             # file name of the labels
  sheet_sha256: str
  data_sha256: str       # of the built data set's content
  seed: int
  encoder: str = ''
  clips_seen: int = 0    # by the training of a fold, each time one was drawn
  balance: str = ''      # how classes of unequal size are dealt with
  augmentation: str = ''
  people: Mapping[str, Sequence[str]] = {}   # what is known of who is in several data
                                             # sets, what is not, what settings say


class Clips(NamedTuple):
  """The N clips that were held out once each."""
  clip: Sequence[str]
  subject: Sequence[str]
  fold: Sequence[str]
  truth: Int[np.ndarray, 'N']
  classes: Sequence[str]


def summarise(predictions: Mapping[str, Int[np.ndarray, 'N']], clips: Clips,
              about: About, *, resamples: int = 2000,
              level: float = .95) -> dict[str, Any]:
  """Scores, intervals and counts of every row, the method's first.

  Args:
    predictions: row name to class indices; the first row is the method, the others
      are the references beside it, all of the same clips.
    clips: those clips.
    about: what the figures are figures of; its seed draws the subjects, the same ones
      for every row.
    resamples, level: of the intervals, see `evaluation.intervals`.

  Returns:
    'about', 'rows' (name to scores, confusion, per_class, per_subject) and
    'differences' (the method minus each reference, on the same subjects); only plain
    JSON types, a missing number is None.
  """
  subjects = sorted(set(clips.subject))
  group = np.array([subjects.index(name) for name in clips.subject])
  counts = {
      name: scores.confusion_by(group, clips.truth, prediction, groups=len(subjects),
                                classes=len(clips.classes))
      for name, prediction in predictions.items()}
  options = {'resamples': resamples, 'level': level}
  method, *references = counts
  return _rounded({
      'about': _about(clips, about, subjects, **options),
      'rows': {name: _row(part, clips.classes, subjects, about.seed, **options)
               for name, part in counts.items()},
      'differences': {
          f'{method} - {name}': _difference(counts[method], counts[name], about.seed,
                                            **options)
          for name in references},
  })


def write_results(path: str | os.PathLike, results: Mapping[str, Any]) -> None:
  """Writes what `summarise` returns as JSON, a list of numbers to a line."""
  with write_atomically(path) as file:
    file.write(text(results))


def text(results: Mapping[str, Any]) -> str:
  """What results.json holds."""
  return _layout(results) + '\n'


def read_results(path: str | os.PathLike) -> dict[str, Any]:
  """What `write_results` wrote.

  Raises:
    InputError: it is not that.
  """
  try:
    value = bounded.read_json(path)
    if not isinstance(value, dict) or not {'about', 'rows'} <= value.keys():
      raise ValueError('it is no object with about and rows')
  except (ValueError, OSError) as error:
    raise InputError(f'{path} cannot be read ({error}); start over with --fresh'
                     ) from error
  return value


def write_predictions(path: str | os.PathLike, clips: Clips,
                      prediction: Int[np.ndarray, 'N'],
                      probability: Float[np.ndarray, 'N K']) -> None:
  """Writes one line a clip: who, what it is, what was said, and how surely."""
  names = tuple(clips.classes)
  with write_atomically(path) as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(('clip', 'subject', 'fold', 'truth', 'prediction',
                     *(f'probability_{name}' for name in names)))
    for n, clip in enumerate(clips.clip):
      writer.writerow((clip, clips.subject[n], clips.fold[n], names[clips.truth[n]],
                       names[prediction[n]],
                       *(f'{p:.{DIGITS}f}' for p in probability[n])))


def read_predictions(path: str | os.PathLike) -> list[dict[str, str]]:
  """The lines that `write_predictions` wrote, by the names of their columns.

  Raises:
    OSError, ValueError, csv.Error: it cannot be read.
  """
  text = bounded.read_bytes(path).decode('utf-8')
  return list(csv.DictReader(io.StringIO(text, newline='')))


def _about(clips: Clips, about: About, subjects: Sequence[str], *, resamples: int,
           level: float) -> dict[str, Any]:
  size = np.bincount(clips.truth, minlength=len(clips.classes))
  return {
      **about._asdict(),
      'f1': scores.UF1_VARIANT,
      'interval': f'{level:.0%} percentile interval over {resamples} resamples of '
                  'subjects',
      'confusion': 'rows are the truth, columns the prediction',
      'folds': len(set(clips.fold)),
      'subjects': len(subjects),
      'clips': len(clips.truth),
      'clips_per_class': dict(zip(clips.classes, size.tolist())),
  }


def _row(counts: Int[np.ndarray, 'S K K'], classes: Sequence[str],
         subjects: Sequence[str], seed: int, **options) -> dict[str, Any]:
  pooled = counts.sum(0)
  parts = {'f1': scores.class_f1(pooled), 'recall': scores.class_recall(pooled),
           'precision': scores.class_precision(pooled), 'clips': pooled.sum(-1)}
  return {
      **{name: _scored(score(pooled), intervals.subject_interval(
          counts, score, rng=np.random.default_rng(seed), **options))
         for name, score in SCORES.items()},
      'confusion': pooled.tolist(),
      'per_class': {name: {key: part[k].item() for key, part in parts.items()}
                    for k, name in enumerate(classes)},
      'per_subject': {name: {'clips': int(own.sum()),
                             'accuracy': float(scores.accuracy(own)),
                             'confusion': own.tolist()}
                      for name, own in zip(subjects, counts)},
  }


def _difference(first: np.ndarray, second: np.ndarray, seed: int,
                **options) -> dict[str, Any]:
  return {
      name: _scored(score(first.sum(0)) - score(second.sum(0)),
                    intervals.paired_interval(
                        first, second, score, rng=np.random.default_rng(seed),
                        **options))
      for name, score in SCORES.items()}


def _scored(value, interval: tuple[float, float]) -> dict[str, float]:
  return {'value': float(value), 'low': interval[0], 'high': interval[1]}


def _rounded(value: Any) -> Any:
  if isinstance(value, dict):
    return {key: _rounded(part) for key, part in value.items()}
  if isinstance(value, list):
    return [_rounded(part) for part in value]
  if isinstance(value, float):
    # Adding nought turns -0.0, which rounding makes of tiny numbers, into 0.0.
    return round(value, DIGITS) + 0. if math.isfinite(value) else None
  return value


def _layout(value: Any, indent: str = '') -> str:
  if not isinstance(value, dict) or not value:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
  inner = indent + '  '
  parts = (f'{inner}{json.dumps(key, ensure_ascii=False)}: {_layout(part, inner)}'
           for key, part in value.items())
  return '{\n' + ',\n'.join(parts) + '\n' + indent + '}'
