"""Probabilities and sets that hold what they say, from people whom no model had seen.

Temperature: one number that divides logits, fitted by the likelihood of a run's
held-out clips (Guo et al. 2017, section 4.2).

Sets: split conformal prediction, with the score 1 - p of a clip's class (Sadinle, Lei
and Wasserman 2019). Clips of one person are alike, so the unit is the person, each of
whom counts alike whatever number of clips they have: the threshold is the quantile of

    sum_k 1/(K + 1) sum_i 1/n_k  delta(score of clip i of person k) + 1/(K + 1) delta(1)

(hierarchical conformal prediction: Lee, Barber and Willett 2023, section 3; Dunn,
Wasserman and Ramdas 2023). A clip drawn from a new person is then in its set with at
least the level, if that person is exchangeable with those, and the model is the one
that the scores are of. Here each fold's scores are those of its own model, and the
model that is carried has seen everyone; what that costs is measured, not guaranteed:
`held_out` is how often sets held the class, each person by a threshold of the others.
"""

from collections.abc import Sequence
import csv
import math
import os
from typing import Any

from jaxtyping import Bool, Float, Int
import numpy as np
from scipy import optimize
from scipy.special import log_softmax

from lightman_jax.runs import results
from lightman_jax.runs.folder import blaming
from lightman_jax.units import counted

LEVEL = .9
HOTTEST = 20.       # temperatures are looked for from 1 / HOTTEST to HOTTEST
# Files have six digits of a probability: what they have as 0 is below that.
LEAST = .5 * 10. ** -results.DIGITS
METHOD = ('split conformal sets of the score 1 - p, by person: each of K people has a '
          'weight of 1/(K + 1), shared by their clips, and 1/(K + 1) is at 1')


def temperature(logits: Float[np.ndarray, 'n K'], truth: Int[np.ndarray, 'n']
                ) -> float:
  """The temperature under which clips have their classes most probably.

  Args:
    logits: of clips; log-probabilities are as good.
    truth: class of each.
  """
  def loss(log_temperature: float) -> float:
    logarithms = log_softmax(logits / math.exp(log_temperature), -1)
    return -float(logarithms[np.arange(len(truth)), truth].mean())
  most = math.log(HOTTEST)
  return math.exp(float(optimize.minimize_scalar(
      loss, bounds=(-most, most), method='bounded', options={'xatol': 1e-4}).x))


def threshold(scores: Float[np.ndarray, 'n'], person: Sequence[str] | np.ndarray,
              level: float = LEVEL) -> float | None:
  """The score up to which a class is in a set; None where people are too few.

  Args:
    scores: 1 - p of each clip's class.
    person: of each clip.
    level: how often a new person's clip shall be in its set.

  Returns:
    The quantile; None where every class would be in every set.
  """
  people, which, count = np.unique(np.asarray(person), return_inverse=True,
                                   return_counts=True)
  weight = 1 / ((len(people) + 1) * count[which])
  order = np.argsort(scores, kind='stable')
  # Of equal scores the last counts all; sums of many parts are not exact.
  reached = np.cumsum(weight[order]) >= level - 1e-9
  return float(scores[order][reached.argmax()]) if reached.any() else None


def in_sets(probabilities: Float[np.ndarray, 'n K'], limit: float
            ) -> Bool[np.ndarray, 'n K']:
  """Which classes are in each clip's set; the most probable one always is.

  Args:
    probabilities: of clips.
    limit: of `threshold`.
  """
  inside = 1 - probabilities <= limit + 1e-9
  inside[np.arange(len(inside)), probabilities.argmax(-1)] = True
  return inside


def calibrate(logits: Float[np.ndarray, 'n K'], truth: Int[np.ndarray, 'n'],
              person: Sequence[str] | np.ndarray, level: float = LEVEL
              ) -> dict[str, Any]:
  """What model.json has of it.

  Args:
    logits: of held-out clips, or their log-probabilities.
    truth: class of each.
    person: of each.
    level: of the sets.
  """
  heat = temperature(logits, truth)
  probabilities = np.exp(log_softmax(logits / heat, -1))
  scores = 1 - probabilities[np.arange(len(truth)), truth]
  person = np.asarray(person)
  limit, people = threshold(scores, person, level), np.unique(person)
  made: dict[str, Any] = {
      'temperature': heat, 'level': level, 'threshold': limit, 'people': len(people),
      'clips': len(truth), 'method': METHOD}
  if limit is None:
    return {**made, 'why': f'{counted(len(people), "person", "is", "are")} too few for '
                           f'sets of {level:.0%}: '
            f'{math.ceil(level / (1 - level) - 1e-9)} are needed'}
  held_out, sizes = [], []
  for name in people:
    mine = person == name
    other = threshold(scores[~mine], person[~mine], level)
    inside = (np.ones_like(probabilities[mine], bool) if other is None else
              in_sets(probabilities[mine], other))
    held_out.append(inside[np.arange(mine.sum()), truth[mine]].mean())
    sizes.append(inside.sum(-1).mean())
  return {**made, 'held_out': float(np.mean(held_out)),
          'classes_in_a_set': float(np.mean(sizes))}


def of_run(folder: str | os.PathLike, classes: Sequence[str],
           without: str | None = None) -> dict[str, Any] | None:
  """The same from a run's predictions.csv; None where it has no such clip.

  Args:
    folder: of the run.
    classes: names.
    without: a fold that has no part in it: its model is what is calibrated.

  Raises:
    InputError: the file is damaged.
  """
  path = os.path.join(folder, 'predictions.csv')
  with blaming(path):
    try:
      rows = [row for row in results.read_predictions(path) if row['fold'] != without]
    except FileNotFoundError:
      return None
    except (OSError, csv.Error) as error:
      raise ValueError(error) from error
    if not rows:
      return None
    probabilities = np.array([[float(row[f'probability_{name}']) for name in classes]
                              for row in rows])
    if not np.isfinite(probabilities).all():
      raise ValueError('a probability is no number')
    truth = np.array([classes.index(row['truth']) for row in rows])
    return calibrate(np.log(np.maximum(probabilities, LEAST)), truth,
                     [row['subject'] for row in rows])
