"""Scores of confusion counts: UF1, UAR, accuracy, and per class.

Counts add over folds and over subjects; a score is taken once, of the sum, because a
mean of per-fold scores is another number (classes are missing in most folds). Rows of
a count matrix are the truth, columns the prediction. Every function takes leading
batch axes. 0/0 counts as 0: a class that neither occurs nor is predicted has F1 0 and
still takes its share in the mean, as in scikit-learn with `zero_division=0`.
"""

from jaxtyping import Float, Int
import numpy as np
from numpy.typing import ArrayLike

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


def _hits(counts: np.ndarray) -> np.ndarray:
  return np.diagonal(counts, axis1=-2, axis2=-1)


def _ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
  return np.divide(part, whole, out=np.zeros(np.shape(whole)),
                   where=np.greater(whole, 0))
