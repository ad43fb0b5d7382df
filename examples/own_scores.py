"""Scores of one's own in a file of one's own.

    python launch.py --config=configs/synthetic.py:score=examples/own_scores.py:kappa
    python -m lightman_jax report runs/FOLDER --score=examples/own_scores.py:kappa

A score is a function of `truth` and `prediction` (class of each clip, from 0) and,
where it wants them, `probabilities` (a row a clip) and `classes` (how many there are);
it gets them by these names. The range of what it returns, where it has one, keeps its
interval inside. It is called with all held-out clips, and with all but some people's.
"""

from typing import Annotated

from jaxtyping import Float, Int
import numpy as np
from sklearn import metrics

from lightman_jax.options import Range


def kappa(truth: Int[np.ndarray, 'n'], prediction: Int[np.ndarray, 'n'], classes: int
          ) -> Annotated[float, Range(-1., 1.)]:
  """Agreement beyond chance (Cohen 1960); 0 where chance alone explains all of it."""
  counts = np.zeros((classes, classes))
  np.add.at(counts, (truth, prediction), 1.)
  share = counts / counts.sum()
  chance = float(share.sum(0) @ share.sum(1))
  return 0. if chance == 1. else (float(np.trace(share)) - chance) / (1. - chance)


def weighted_f1(truth: Int[np.ndarray, 'n'], prediction: Int[np.ndarray, 'n']
                ) -> Annotated[float, Range(0., 1.)]:
  """The mean of the classes' F1, weighted by their clips."""
  return float(metrics.f1_score(truth, prediction, average='weighted',
                                zero_division=0))


def brier(truth: Int[np.ndarray, 'n'], probabilities: Float[np.ndarray, 'n K']
          ) -> Annotated[float, Range(0., 2.)]:
  """Squared distance of the probabilities from the truth (Brier 1950); 0 is best."""
  right = np.eye(probabilities.shape[1])[truth]
  return float(np.square(probabilities - right).sum(1).mean())
