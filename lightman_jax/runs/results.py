"""results.json and predictions.csv: what a run found, and nothing of when.

Equal predictions give equal bytes: the order is fixed, floats have six digits, no time
and no path is in it.
"""

from collections.abc import Callable, Mapping, Sequence
import csv
import functools
import io
import json
import math
import os
from typing import Any, NamedTuple

from jaxtyping import Bool, Float, Int
import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.evaluation import comparison, intervals, scores
from lightman_jax.evaluation.scores import Score
from lightman_jax.files import write_atomically
from lightman_jax.runs import divisions

SCORES = scores.scores_of()      # those of every run
DIGITS = 6


# Of N clips: their classes, or which of several action units act in each.
Answers = Int[np.ndarray, 'N'] | Bool[np.ndarray, 'N U']


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
  clips_seen: int = 0    # micro, by the training of a fold, each time one was drawn
  balance: str = ''      # how classes of unequal size are dealt with
  augmentation: str = ''
  people: Mapping[str, Sequence[str]] = {}   # what is known of who is in several data
                                             # sets, what is not, what settings say
  macro_clips_seen: int = 0         # the same of macro clips
  models: Mapping[str, int] = {}    # row -> how many models' logits it averages
  references: Mapping[str, str] = {}    # row -> what was chosen for it, and by whom


class Clips(NamedTuple):
  """The N clips that were held out once each."""
  clip: Sequence[str]
  subject: Sequence[str]
  fold: Sequence[str]
  truth: Answers
  classes: Sequence[str]         # or names of the units
  dataset: Sequence[str] = ()    # of each clip; () or '' where it is not known
  # Column, such as sex, to the value of each clip's person; '' where it is not known.
  groups: Mapping[str, Sequence[str]] = {}

  @property
  def of_units(self) -> bool:
    """Whether action units are told, of which a clip may have several."""
    return np.ndim(self.truth) == 2

  @property
  def sizes(self) -> dict[str, int]:
    """Clips of each class, or in which each unit acts."""
    counts = (np.sum(self.truth, 0) if self.of_units else
              np.bincount(self.truth, minlength=len(self.classes)))
    return dict(zip(self.classes, counts.tolist()))


def summarise(predictions: Mapping[str, Answers], clips: Clips, about: About, *,
              resamples: int = 2000, level: float = .95,
              every: Mapping[str, Score] = SCORES,
              probabilities: Mapping[str, Float[np.ndarray, 'N K']] = {}
              ) -> dict[str, Any]:
  """Scores, intervals and counts of every row, the method's first.

  Args:
    predictions: row name to class indices, or which units act; the first row is the
      method, the others are the references beside it, all of the same clips.
    clips: those clips.
    about: what the figures are figures of; its seed draws the swaps.
    resamples: swaps of two rows' names that a p is taken from, at most.
    level: of the intervals, see `evaluation.intervals`.
    every: score by name, see `scores.scores_of`; of units it is `scores.UNIT_SCORES`.
    probabilities: of some rows, for scores that need them; the others have none such.

  Returns:
    'about', 'rows' (name to scores, confusion, per_class, per_subject),
    'differences' (the method minus each reference, on the same subjects, and one draw
    of it minus the references that are one model) and, of several data sets,
    'data_sets' (name to subjects, clips_per_class and rows), and where people are in
    groups 'groups' (column to by_value, value to the same, and the number of people
    whose group is not known); only plain JSON types, a missing number is None.

  Raises:
    ValueError: a subject is in two folds or two data sets.
  """
  subjects = sorted(set(clips.subject))
  group = np.array([subjects.index(name) for name in clips.subject])
  folds = divisions.of_subjects(clips.fold, group, len(subjects))
  _, number = np.unique(folds, return_inverse=True)
  every = scores.UNIT_SCORES if clips.of_units else every
  counts = {name: _counts(clips, prediction, group, len(subjects))
            for name, prediction in predictions.items()}
  of_clips = {name: _score_of_clips(clips.truth, group, len(subjects), own)
              for name, own in probabilities.items()}
  score = functools.partial(_scores, classes=clips.classes, level=level, every=every)
  part = functools.partial(_part, counts, clips, subjects, number, score, of_clips)
  parts = divisions.by_data_set(clips.dataset, group, len(subjects), part)
  groups = divisions.by_group(clips.groups, group, number, part)
  return _rounded({
      'about': _about(clips, about, subjects, resamples=resamples, level=level),
      'rows': {name: {**score(part, number, of_clips=of_clips.get(name)),
                      **_by_subject(part, subjects)} for name, part in counts.items()},
      'differences': {
          f'{first} - {second}': _difference(
              counts[first], counts[second], about.seed, number,
              resamples=resamples, level=level, every=every)
          for first, second in _pairs(list(counts))},
      **({'data_sets': parts} if parts else {}),
      **({'groups': groups} if groups else {}),
  })


def _counts(clips: Clips, prediction: np.ndarray, group: Int[np.ndarray, 'N'],
            subjects: int) -> Int[np.ndarray, 'S *k']:
  """Confusion of every subject: (S, K, K), or (S, U, 2, 2) of units."""
  if clips.of_units:
    return scores.unit_confusion_by(group, np.asarray(clips.truth), prediction,
                                    groups=subjects)
  return scores.confusion_by(group, clips.truth, prediction, groups=subjects,
                             classes=len(clips.classes))


def class_sizes(counts: Int[np.ndarray, 'S *k']) -> Int[np.ndarray, 'K']:
  """Clips of each class in confusion counts, or in which each unit acts.

  Args:
    counts: of every subject, (S, K, K), or (S, U, 2, 2) of units.
  """
  sizes = counts.sum((0, -1))
  return sizes[:, 1] if counts.ndim == 4 else sizes


def write_results(path: str | os.PathLike, results: Mapping[str, Any]) -> None:
  """Writes what `summarise` returns as JSON, a list of numbers to a line.

  Args:
    path: of results.json.
    results: plain values.
  """
  with write_atomically(path) as file:
    file.write(text(results))


def text(results: Mapping[str, Any]) -> str:
  """What results.json holds."""
  return _layout(results) + '\n'


def read_results(path: str | os.PathLike) -> dict[str, Any]:
  """What `write_results` wrote.

  Args:
    path: of results.json.

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
  """Writes one line a clip: who, what it is, what was said, and how surely.

  Args:
    path: of predictions.csv.
    clips: that were held out.
    prediction: class of each clip.
    probability: of each clip and class.
  """
  names = tuple(clips.classes)
  with write_atomically(path) as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(('clip', 'subject', 'fold', 'truth', 'prediction',
                     *(f'probability_{name}' for name in names)))
    for n, clip in enumerate(clips.clip):
      writer.writerow((clip, clips.subject[n], clips.fold[n], names[clips.truth[n]],
                       names[prediction[n]],
                       *(f'{p:.{DIGITS}f}' for p in probability[n])))


def write_unit_predictions(path: str | os.PathLike, clips: Clips,
                           prediction: Bool[np.ndarray, 'N U'],
                           probability: Float[np.ndarray, 'N U']) -> None:
  """Writes one line a clip and for each unit three columns: truth, answer, how surely.

  Truth and answer are 1 where the unit acts and 0 where it does not, in the columns
  truth_AU12, prediction_AU12 and probability_AU12, unit after unit.

  Args:
    path: of predictions.csv.
    clips: that were held out.
    prediction: which units are said to act in each clip.
    probability: that each does.
  """
  with write_atomically(path) as file:
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(('clip', 'subject', 'fold', *(
        f'{column}_{name}' for name in clips.classes
        for column in ('truth', 'prediction', 'probability'))))
    for n, clip in enumerate(clips.clip):
      cells = [cell for k in range(len(clips.classes)) for cell in (
          int(clips.truth[n, k]), int(prediction[n, k]),
          f'{probability[n, k]:.{DIGITS}f}')]
      writer.writerow((clip, clips.subject[n], clips.fold[n], *cells))


def read_units(lines: Sequence[Mapping[str, str]], column: str, units: Sequence[str]
               ) -> Bool[np.ndarray, 'N U']:
  """A column of each unit in the lines of predictions.csv, as true and false.

  Args:
    lines: of `read_predictions`.
    column: 'truth' or 'prediction'.
    units: their names.

  Raises:
    KeyError, ValueError: it is not there, or holds another number than 0 and 1.
  """
  values = np.array([[int(line[f'{column}_{name}']) for name in units]
                     for line in lines]).reshape(len(lines), len(units))
  if not np.isin(values, (0, 1)).all():
    raise ValueError(f'{column} of a unit is neither 0 nor 1')
  return values.astype(bool)


def read_predictions(path: str | os.PathLike) -> list[dict[str, str]]:
  """The lines that `write_predictions` wrote, by the names of their columns.

  Args:
    path: of predictions.csv.

  Raises:
    OSError, ValueError, csv.Error: it cannot be read.
  """
  text = bounded.read_bytes(path).decode('utf-8')
  return list(csv.DictReader(io.StringIO(text, newline='')))


ONE_DRAW, NOT_ADAPTED = 'one draw', 'not adapted'


def one_draw(method: str) -> str:
  """The row of a method whose model is adapted to one support alone."""
  return f'{method}, {ONE_DRAW}'


def not_adapted(method: str) -> str:
  """The row of a method's model without its steps on a support."""
  return f'{method}, {NOT_ADAPTED}'


def own_rows(method: str) -> dict[str, str]:
  """The rows of a method's own models beside its own: row -> what sets it apart."""
  return {one_draw(method): ONE_DRAW, not_adapted(method): NOT_ADAPTED}


def strongest_reference(rows: Mapping[str, Mapping[str, Any]]) -> str | None:
  """The row with the highest score that is no row of the method's own models, if any.

  The score is UF1, or the binary F1 of action units.

  Args:
    rows: of the results, the method's first.
  """
  method = next(iter(rows))
  main = scores.main_score(rows[method])
  others = [name for name in rows if name not in {method, *own_rows(method)}]
  return max(others, key=lambda name: rows[name][main]['value'], default=None)


def _pairs(rows: Sequence[str]) -> list[tuple[str, str]]:
  """The method and every row, and its one draw and the rows that are one model."""
  method, *others = rows
  single = one_draw(method)
  pairs = [(method, other) for other in others]
  if single in others:
    pairs += [(single, other) for other in others if other != single]
  return pairs


def _part(counts: Mapping[str, Int[np.ndarray, 'S *k']], clips: Clips,
          subjects: Sequence[str], folds: Int[np.ndarray, 'S'],
          score: Callable[..., dict[str, Any]], of_clips: Mapping[str, '_OfClips'],
          mine: Bool[np.ndarray, 'S']) -> dict[str, Any]:
  """Scores and confusions of some of the subjects."""
  sizes = class_sizes(next(iter(counts.values()))[mine]).tolist()
  return {
      'subjects': [subject for subject, here in zip(subjects, mine) if here],
      'clips_per_class': dict(zip(clips.classes, sizes)),
      'remarks': remarks(dict(zip(clips.classes, sizes)), units=clips.of_units),
      'rows': {row: score(part[mine], folds[mine], of_clips=of_clips[row].of(mine)
                          if row in of_clips else None)
               for row, part in counts.items()}}


def _about(clips: Clips, about: About, subjects: Sequence[str], *, resamples: int,
           level: float) -> dict[str, Any]:
  folds = len(set(clips.fold))
  units = ('subjects' if folds == len(subjects) else
           'folds, each of which is one trained model')
  return {
      **about._asdict(),
      'f1': scores.UNIT_VARIANT if clips.of_units else scores.UF1_VARIANT,
      'interval': f"{level:.0%} interval, Student's t over a jackknife of {folds} "
                  f'{units}',
      'test': _test(folds, units, resamples),
      'remarks': remarks(clips.sizes, units=clips.of_units),
      'confusion': ('of each unit: rows are the truth, absent and present, columns the '
                    'prediction' if clips.of_units else
                    'rows are the truth, columns the prediction'),
      'folds': folds,
      'subjects': len(subjects),
      'clips': len(clips.truth),
      'clips_per_class': clips.sizes,
      **({'labels': 'action_units'} if clips.of_units else {}),
  }


def has_verdict(about: Mapping[str, Any]) -> bool:
  """Whether a difference could be seen in as many folds; see `_test`.

  Args:
    about: of the results; those of 0.1.0 do not say.
  """
  return 'test' not in about or comparison.least_p(about['folds']) < comparison.LEVEL


def _test(folds: int, units: str, resamples: int) -> str:
  """What a p is, or why none can be small."""
  swaps = f'{2 ** folds} ways' if 2 ** folds <= resamples else f'{resamples} drawn ways'
  words = (f"p: two-sided, of swapping the two rows' answers in units of {folds} "
           f'{units}, in {swaps}; not adjusted for the number of differences')
  least = comparison.least_p(folds)
  if least < comparison.LEVEL:
    return words
  return (f'no verdict on any difference: {folds} {units}, can be swapped in '
          f'{2 ** folds} ways only, so no p can be below {least:.3g}; more people who '
          'have models alone, or more folds, make one possible, and under kfold, which '
          'divides people anew in each, several seeds in one report; seeds that hold '
          f'out the same people together do not. {words}')


def remarks(clips_per_class: Mapping[str, int], *, units: bool = False) -> list[str]:
  """What of the classes makes scores mean less than they seem to.

  Args:
    clips_per_class: held-out clips of each class, by its name.
    units: the classes are action units, of which a clip may have several.
  """
  if units:
    none = [name for name, size in clips_per_class.items() if not size]
    return [f'no held-out clip shows {", ".join(none)}: the F1 of its presence counts '
            'as 0 in the means'] if none else []
  present = [name for name, size in clips_per_class.items() if size]
  absent = [name for name, size in clips_per_class.items() if not size]
  lines = []
  if len(present) == 1:
    lines.append(f'all held-out clips are of one class, {present[0]}: whoever always '
                 'answers it is always right, so these scores say nothing of a method')
  if absent:
    lines.append(f'no held-out clip is of class {", ".join(absent)}: its F1 and its '
                 'recall count as 0 in UF1 and UAR, which cannot reach 1')
  return lines


class _OfClips(NamedTuple):
  """What a score of probabilities is taken of: the clips of every subject."""
  truth: Int[np.ndarray, 'N']
  probabilities: Float[np.ndarray, 'N K']
  members: Int[np.ndarray, 'S N']       # 1 where a clip is of a subject

  def of(self, mine: Bool[np.ndarray, 'S']) -> '_OfClips':
    """Those of some subjects."""
    return self._replace(members=self.members[mine])


def _score_of_clips(truth: Int[np.ndarray, 'N'], group: Int[np.ndarray, 'N'],
                    subjects: int, probabilities: Float[np.ndarray, 'N K']) -> _OfClips:
  return _OfClips(truth, probabilities,
                  (group == np.arange(subjects)[:, None]).astype(int))


def _by_subject(counts: Int[np.ndarray, 'S *k'], subjects: Sequence[str]
                ) -> dict[str, Any]:
  return {'per_subject': {name: {'clips': int(own.sum((-1, -2)).flat[0]),
                                 'accuracy': float(np.mean(scores.accuracy(own))),
                                 'confusion': own.tolist()}
                          for name, own in zip(subjects, counts)}}


def _scores(counts: Int[np.ndarray, 'S *k'], folds: Int[np.ndarray, 'S'], *,
            classes: Sequence[str], level: float, every: Mapping[str, Score],
            of_clips: _OfClips | None = None) -> dict[str, Any]:
  pooled = counts.sum(0)
  parts = {'f1': scores.class_f1(pooled), 'recall': scores.class_recall(pooled),
           'precision': scores.class_precision(pooled), 'clips': pooled.sum(-1)}
  if pooled.ndim == 3:       # of units: of their presence
    parts = {'f1_macro': parts['f1'].mean(-1), **{
        name: part[:, 1] for name, part in parts.items()}}
  per_class = {name: {key: part[k].item() for key, part in parts.items()}
               for k, name in enumerate(classes)}
  if pooled.ndim == 3:
    for k, name in enumerate(classes):
      per_class[name] |= {f'{key}_interval': list(intervals.subject_interval(
          counts[:, k], of_one, folds=folds, level=level))
                          for key, of_one in _OF_ONE_UNIT.items()}
  return {
      **{name: _with_interval(score, counts, folds, level, of_clips)
         for name, score in every.items()},
      'confusion': pooled.tolist(),
      'per_class': per_class,
  }


# Of one unit's counts (*b, 2, 2): the F1 of its presence, and of that and its absence.
_OF_ONE_UNIT = {'f1': lambda counts: scores.class_f1(counts)[..., 1],
                'f1_macro': lambda counts: scores.class_f1(counts).mean(-1)}


def _with_interval(score: Score, counts: Int[np.ndarray, 'S *k'],
                   folds: Int[np.ndarray, 'S'], level: float,
                   of_clips: _OfClips | None) -> dict[str, float]:
  function = score.of_counts
  if score.needs_probabilities:
    if of_clips is None:
      return _scored(math.nan, (math.nan, math.nan))
    counts = of_clips.members
    function = score.of_clips(of_clips.truth, of_clips.probabilities)
  return _scored(function(counts.sum(0)), intervals.subject_interval(
      counts, function, folds=folds, level=level, bounds=score.bounds))


def _difference(first: np.ndarray, second: np.ndarray, seed: int,
                folds: Int[np.ndarray, 'S'], *, resamples: int, level: float,
                every: Mapping[str, Score]) -> dict[str, Any]:
  differences = {}
  for name, score in every.items():
    if score.needs_probabilities:
      continue          # the rows beside a method have none
    value, low, high, p, _ = comparison.difference(
        first[None], second[None], score.of_counts, rng=np.random.default_rng(seed),
        folds=folds[None], permutations=resamples, level=level)
    differences[name] = {**_scored(value, (low, high)), 'p': p}
  return differences


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
