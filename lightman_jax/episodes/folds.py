"""Leave one subject out: a fold is two masks over the clips, never a copy."""

from typing import NamedTuple

from jaxtyping import Bool
import numpy as np

from lightman_jax.preprocessing.pool import Pool


class Fold(NamedTuple):
  """The held-out subject's macro clips are in neither mask."""
  held_out: str
  train: Bool[np.ndarray, 'N']    # micro and macro, all but the held-out subject
  test: Bool[np.ndarray, 'N']     # the held-out subject's micro clips


def leave_one_subject_out(pool: Pool) -> tuple[Fold, ...]:
  """One fold a subject with micro clips, in the order of their names."""
  subject = np.asarray(pool.subject)
  tested = np.unique(subject[~np.asarray(pool.macro)])
  return tuple(sorted(
      (Fold(pool.subjects[s], subject != s, (subject == s) & ~pool.macro)
       for s in tested), key=lambda fold: fold.held_out))
