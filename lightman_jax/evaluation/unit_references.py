"""What stands beside every score of action units: constant answers, and an SVM a unit.

On the same folds and inputs as the method; see `references`, of which the SVM is one
for each unit, present against absent, with a penalty that a fold's training people
choose. `constant` says of every clip that every unit acts, which is the constant answer
of Varanka et al. 2023; `never` that none does, whose binary F1 is 0 and whose macro F1
is often higher.
"""

from typing import NamedTuple

from jaxtyping import Bool, Int
import numpy as np

from lightman_jax.evaluation import references
from lightman_jax.inputs.pool import Content, Inputs, members
from lightman_jax.units import short_repr


class Answers(NamedTuple):
  """What a reference says of N clips and U units, and the penalties it chose."""
  prediction: Bool[np.ndarray, 'N U']       # False where no fold holds a clip out
  penalty: tuple[float, ...] = ()           # unit after unit, of each fold
  __repr__ = short_repr


def constants(clips: int, units: int) -> dict[str, Answers]:
  """Every unit acts in every clip, and none in any.

  Args:
    clips: how many.
    units: how many.
  """
  return {'constant': Answers(np.ones((clips, units), bool)),
          'never': Answers(np.zeros((clips, units), bool))}


def svm(x: Inputs, label: Int[np.ndarray, 'N'], train: Bool[np.ndarray, 'F N'],
        test: Bool[np.ndarray, 'F N'], *, units: int, subject: Int[np.ndarray, 'N'],
        content: Content) -> Answers:
  """scikit-learn's linear `SVC` for each unit; see `references.svm`.

  Args:
    x: inputs (N, *clip), channels on the last axis.
    label: which units act, see `pool.members`.
    train: micro clips to fit on, a row a fold.
    test: micro clips to predict, every clip in one fold at most.
    units: how many there are.
    subject: whose each clip is.
    content: what the inputs hold.

  Raises:
    InputError: NaN or infinity in a training clip.
  """
  acts = members(np.asarray(label), units)
  prediction, penalty = np.zeros(acts.shape, bool), []
  for unit in range(units):
    of_unit = references.svm(x, acts[:, unit].astype(int), train, test, classes=2,
                             subject=subject, content=content)
    prediction[:, unit] = of_unit.prediction == 1
    penalty += of_unit.penalty
  return Answers(prediction, tuple(penalty))
