"""Labels that are wrong on purpose, to see what a method makes of them."""

from jaxtyping import Bool, Int
import numpy as np


def mislabel(label: Int[np.ndarray, 'N'], which: Bool[np.ndarray, 'N'], *,
             share: float, classes: int, rng: np.random.Generator
             ) -> Int[np.ndarray, 'N']:
  """A copy in which round(share * n) of the n clips `which` are of another class.

  Every other class is equally likely. With generators in the same state a greater
  share has all the wrong labels of a smaller one and more, so that a curve over
  shares is one story.

  Args:
    label: 0 ... classes - 1 wherever `which` holds.
    which: clips that may be given another class, such as a fold's training clips.
    share: 0 to 1.
    classes: 2 or more where the share is not 0.
    rng: which clips, and which classes.
  """
  if not share:
    return label
  index = np.flatnonzero(which)
  order = rng.permutation(len(index))
  by = rng.integers(1, classes, len(index))
  wrong = order[:round(share * len(index))]
  changed = np.array(label)
  changed[index[wrong]] = (label[index[wrong]] + by[wrong]) % classes
  return changed
