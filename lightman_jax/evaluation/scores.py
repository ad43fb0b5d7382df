"""Scores of confusion counts: UF1, UAR, accuracy, and per class.

Counts add over folds and over subjects; a score is taken once, of the sum, because a
mean of per-fold scores is another number (classes are missing in most folds). Rows of
a count matrix are the truth, columns the prediction. Every function takes leading
batch axes. A score from outside is a function of (truth, prediction) or of (truth,
prediction, probabilities) to a number, see `Score`. 0/0 counts as 0: a class that
neither occurs nor is predicted has F1 0 and still takes its share in the mean, as in
scikit-learn with `zero_division=0`.
"""

from collections.abc import Callable, Iterable
import inspect
import math
import typing
from typing import Any, NamedTuple

from jaxtyping import Bool, Float, Int
import numpy as np
from numpy.typing import ArrayLike

from lightman_jax import registry, sections
from lightman_jax.errors import InputError
from lightman_jax.options import Range
from lightman_jax.units import counted

# What a figure must say about itself: "F1" alone names at least four numbers.
UF1_VARIANT = 'UF1: unweighted mean of class F1 over counts pooled over folds'


def confusion(truth: Int[np.ndarray, 'N'], prediction: Int[np.ndarray, 'N'], *,
              classes: int) -> Int[np.ndarray, 'K K']:
  """Counts of [truth, prediction] pairs.

  Args:
    truth: class of each clip.
    prediction: class of each clip.
    classes: how many there are.

  Raises:
    ValueError: an index outside 0 ... classes - 1, such as a clip without a label.
  """
  group = np.zeros(len(truth), int)
  return confusion_by(group, truth, prediction, groups=1, classes=classes)[0]


def confusion_by(group: Int[np.ndarray, 'N'], truth: Int[np.ndarray, 'N'],
                 prediction: Int[np.ndarray, 'N'], *, groups: int,
                 classes: int) -> Int[np.ndarray, 'S K K']:
  """Counts of every group, for instance every subject; they sum to `confusion`.

  Args:
    group: number of each clip's group.
    truth: class of each clip.
    prediction: class of each clip.
    groups: how many there are.
    classes: how many there are.

  Raises:
    ValueError: an index outside its range.
  """
  counts = np.zeros((groups, classes, classes), int)
  named = (('group', group, groups), ('truth', truth, classes),
           ('prediction', prediction, classes))
  for name, index, size in named:
    if np.any((index < 0) | (index >= size)):
      raise ValueError(f'{name} holds an index outside 0 ... {size - 1}')
  np.add.at(counts, (group, truth, prediction), 1)
  return counts


def unit_confusion_by(group: Int[np.ndarray, 'N'], truth: Bool[np.ndarray, 'N U'],
                      prediction: Bool[np.ndarray, 'N U'], *, groups: int
                      ) -> Int[np.ndarray, 'S U 2 2']:
  """Counts of every group and action unit: absent or present, by what was said.

  Args:
    group: number of each clip's group.
    truth: which units act in each clip.
    prediction: which are said to.
    groups: how many there are.
  """
  counts = np.zeros((groups, truth.shape[1], 2, 2), int)
  unit = np.arange(truth.shape[1])
  np.add.at(counts, (group[:, None], unit, truth.astype(int), prediction.astype(int)),
            1)
  return counts


def class_f1(counts: Int[np.ndarray, '*b K K']) -> Float[np.ndarray, '*b K']:
  """Harmonic mean of precision and recall of every class: 2 TP / (2 TP + FP + FN)."""
  return _ratio(2 * _hits(counts), counts.sum(-1) + counts.sum(-2))


def class_recall(counts: Int[np.ndarray, '*b K K']) -> Float[np.ndarray, '*b K']:
  """Share of a class's clips that were recognised."""
  return _ratio(_hits(counts), counts.sum(-1))


def class_precision(counts: Int[np.ndarray, '*b K K']) -> Float[np.ndarray, '*b K']:
  """Share of the predictions of a class that were right."""
  return _ratio(_hits(counts), counts.sum(-2))


def uf1(counts: Int[np.ndarray, '*b K K']) -> Float[np.ndarray, '*b']:
  """Unweighted mean of the classes' F1 (the MEGC measure; See et al. 2019)."""
  return np.asarray(class_f1(counts).mean(-1))


def uar(counts: Int[np.ndarray, '*b K K']) -> Float[np.ndarray, '*b']:
  """Unweighted mean of the classes' recall; a constant answer has 1 / K."""
  return np.asarray(class_recall(counts).mean(-1))


def accuracy(counts: Int[np.ndarray, '*b K K']) -> Float[np.ndarray, '*b']:
  """Share of clips that were recognised."""
  return _ratio(_hits(counts).sum(-1), counts.sum((-1, -2)))


def f1_binary(counts: Int[np.ndarray, '*b U 2 2']) -> Float[np.ndarray, '*b']:
  """Mean over action units of the F1 of a unit's presence."""
  return np.asarray(class_f1(counts)[..., 1].mean(-1))


def f1_macro(counts: Int[np.ndarray, '*b U 2 2']) -> Float[np.ndarray, '*b']:
  """Mean over action units of the mean F1 of a unit's presence and its absence."""
  return np.asarray(class_f1(counts).mean((-1, -2)))


def _hits(counts: np.ndarray) -> np.ndarray:
  return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
  return np.divide(part, whole, out=np.zeros(np.shape(whole)),
                   where=np.greater(whole, 0))


# Scores by name: those of the table, and those from outside that a run names.

# Of columns; any other score as it is named.
HEADS = {'uf1': 'UF1', 'uar': 'UAR', 'f1_binary': 'binary F1', 'f1_macro': 'macro F1'}
BESIDE = ('confusion', 'per_class', 'per_subject')    # what else a row has
TAKES = ('truth', 'prediction', 'probabilities', 'classes')


class Score(NamedTuple):
  """A score as tables and intervals need it.

  From outside it is a function whose parameters are some of

    truth: (n,) class of each clip, from 0.
    prediction: (n,) likewise.
    probabilities: (n, K) of each clip and class; a row of which none are kept, such as
      the constant answer, then has no such score.
    classes: K, how many there are, in the data or not.

  and which returns a number. `-> Annotated[float, Range(-1., 1.)]` says between which
  it lies: its interval stays between them. Without it, nothing is known.
  """
  name: str                          # in results.json
  function: Callable[..., Any]
  bounds: tuple[float, float] | None = (0., 1.)
  takes: tuple[str, ...] = ('counts',)

  @property
  def needs_probabilities(self) -> bool:
    """Whether counts are not enough."""
    return 'probabilities' in self.takes

  def of_counts(self, counts: Int[np.ndarray, '*k']) -> Float[np.ndarray, '*b']:
    """The score of each count matrix, or of those of units; NaN where is no clip."""
    if self.takes == ('counts',):
      with registry.same_folder():
        return np.asarray(self.function(counts))
    classes = counts.shape[-1]
    several = np.asarray(counts).reshape(-1, classes * classes)
    distinct, which = np.unique(several, axis=0, return_inverse=True)
    values = np.array([self._of_pairs(row, classes) for row in distinct], float)
    return values[which.reshape(-1)].reshape(counts.shape[:-2])

  def of_clips(self, truth: Int[np.ndarray, 'N'], probabilities: Float[np.ndarray,
               'N K']) -> Callable[[np.ndarray], np.ndarray]:
    """The score of some of N clips, as a function of which: (*b, N), 1 or 0."""
    prediction, classes = probabilities.argmax(-1), probabilities.shape[-1]

    def score(some: np.ndarray) -> np.ndarray:
      rows = np.asarray(some).reshape(-1, len(truth)) > 0
      return np.array([self._call(
          truth=truth[row], prediction=prediction[row],
          probabilities=probabilities[row], classes=classes)
                       for row in rows]).reshape(np.shape(some)[:-1])
    return score

  def _of_pairs(self, row: Int[np.ndarray, 'KK'], classes: int) -> float:
    truth, prediction = np.divmod(np.repeat(np.arange(len(row)), row), classes)
    return self._call(truth=truth, prediction=prediction, classes=classes)

  def _call(self, *, truth: np.ndarray, **known: Any) -> float:
    if not len(truth):
      return math.nan
    known |= {'truth': truth}
    try:
      with registry.same_folder():
        return float(self.function(**{name: known[name] for name in self.takes}))
    except registry.RAISED as error:
      raise InputError(f'score {self.name} of {counted(len(truth), "clip")} is no '
                       f'number ({registry.describe(error)})') from error


# The scores of action units: of each presence, and of presence and absence alike, as
# Varanka et al. 2023 report both.
UNIT_SCORES = {'f1_binary': Score('f1_binary', f1_binary),
               'f1_macro': Score('f1_macro', f1_macro)}
UNIT_VARIANT = ('binary F1: mean over action units of the F1 of their presence; macro '
                'F1: of the mean F1 of presence and absence; over counts pooled over '
                'folds')


def main_score(names: Iterable[str]) -> str:
  """What rows are compared by: UF1, and of action units the binary F1.

  Args:
    names: of the scores that a row has.
  """
  return 'uf1' if 'uf1' in names else 'f1_binary'


def head(name: str) -> str:
  """What a score's column is called."""
  return HEADS.get(name, name)


def name_of(place: str) -> str:
  """The name in results of a score from outside, FILE.py:NAME."""
  return place.rpartition(':')[2].rpartition('.')[2]


def scores_of(named: str = '') -> dict[str, Score]:
  """All scores of the table, and those from outside that were allowed.

  Args:
    named: `evaluation.scores`: FILE.py:NAME, with commas between.

  Raises:
    InputError: one was not allowed, is no score, or has the name of another.
  """
  every = {name: _score_of(name, name) for name in registry.SCORES}
  for place in sections.names_in('score', named):
    if place in every:
      continue                # is there anyway
    name = name_of(place)
    if name in every or name in BESIDE:
      raise InputError(f'score={place}: a row of results has {name!r} already; call it '
                       'otherwise')
    every[name] = _score_of(name, place)
  return every


def _score_of(name: str, place: str) -> Score:
  """Of a function of counts in the table no `Range` is needed: it lies in 0 to 1."""
  part = registry.find('score', place)
  takes, bounds = _takes(place, part), _bounds(part)
  if bounds is None and takes == ('counts',) and not registry.is_outside(place):
    bounds = Score._field_defaults['bounds']
  return Score(name, part, bounds, takes)


def try_scores(named: str, classes: int) -> None:
  """Refuses scores from outside that are no function of a small made-up answer.

  Args:
    named: as `scores_of` takes it.
    classes: of the data.

  Raises:
    InputError: one raises, makes no number, or another one of the same answer.
  """
  truth = np.tile(np.arange(classes), 4)
  probabilities = np.full((len(truth), classes), 1 / (classes + 1))
  probabilities[np.arange(len(truth)), np.roll(truth, 1)[::-1]] *= 2
  counts = confusion(truth, probabilities.argmax(-1), classes=classes)
  for name, score in scores_of(named).items():
    arrays = tuple(x.copy() for x in (truth, probabilities, counts))
    try:
      first, second = (
          score.of_clips(*arrays[:2])(np.ones((1, len(truth))))
          if score.needs_probabilities else score.of_counts(arrays[2][None])
          for _ in range(2))
      if np.shape(first) != (1,):
        raise ValueError(f'an array {np.shape(first)} where one number was due')
      if not np.isfinite(first).all():
        raise ValueError(f'{float(first[0])} where a number was due')
      if any((x != y).any() for x, y in zip(arrays, (truth, probabilities, counts))):
        raise ValueError('it changes the arrays that it is given')
      if not np.array_equal(first, second):
        raise ValueError(f'{float(first[0])}, and then {float(second[0])} of the same; '
                         'a score draws nothing, or from a generator of a fixed seed')
    except Exception as error:      # whatever the code of somebody else raises
      raise InputError(
          f'score {name} fails on {counted(len(truth), "made-up clip")} of '
          f'{counted(classes, "class")} '
          f'({registry.describe(error.__cause__ or error)}); mend it, or leave it out '
          'of evaluation.scores') from error


def _takes(place: str, part: Any) -> tuple[str, ...]:
  """The names of a score's parameters that have no default."""
  names = tuple(name for name, parameter in inspect.signature(part).parameters.items()
                if parameter.default is parameter.empty)
  if names != ('counts',) and (not set(names) <= set(TAKES) or not names):
    raise InputError(f'score={place} takes {", ".join(names) or "nothing"}; a score '
                     f'takes some of {", ".join(TAKES)}, or counts alone')
  return names


def _bounds(part: Any) -> tuple[float, float] | None:
  try:
    note = inspect.get_annotations(part, eval_str=True).get('return')
  except Exception:     # an annotation that only a type checker can read
    return None
  ranges = [one for one in typing.get_args(note) if isinstance(one, Range)]
  return (float(ranges[0].least), float(ranges[0].most)) if ranges else None
