"""Training stops at the first value that is not a number, and says where that was."""

from collections.abc import Mapping, Sequence

import numpy as np

from lightman_jax.errors import InputError


def check_finite(folds: Sequence[str], before: int, scalars: Mapping[str, np.ndarray],
                 place: str) -> None:
  """Refuses to go on from steps with a scalar that is not finite.

  Args:
    folds: names of a group.
    before: steps that were done before these.
    scalars: of these steps, each (folds, steps).
    place: of the checkpoint from before.

  Raises:
    InputError: names the first such step, the fold, and what is not finite in it.
  """
  broken = ~np.all([np.isfinite(x) for x in scalars.values()], axis=0)
  if broken.any():
    at = int(np.argmax(broken.any(0)))
    which = int(np.argmax(broken[:, at]))
    fold = folds[which]
    names = ', '.join(k for k, x in scalars.items() if not np.isfinite(x[which, at]))
    kept = (f'its last good checkpoint, of step {before}, is {place}' if before else
            'it has no checkpoint yet')
    raise InputError(
        f'fold {fold}: {names} is not a number at step {before + at + 1}; {kept}; look '
        'for clips that are not finite, or lower method.inner_rate or '
        'training.outer_rate')
