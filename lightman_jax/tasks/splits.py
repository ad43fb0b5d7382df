"""How a fold's training subjects can be divided between support and query.

Everything here runs once, on the host, before anything compiles: a fold that cannot
fill a task is refused by name instead of training on the wrong clips.
"""

from collections.abc import Sequence
import itertools
from typing import NamedTuple

from jaxtyping import Bool, Int
import numpy as np

from lightman_jax.data.spellings import misspelt
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Content, Pool
from lightman_jax.tasks.folds import Fold, count_clips, leave_one_subject_out
from lightman_jax.units import counted, short_repr

ENUMERATE_UP_TO = 12      # subjects; 2^11 splits, each tried; beyond that a sample is
CANDIDATES = 4096


class Splits(NamedTuple):
  """P splits of S subjects, the best first; and what they cannot fill."""
  support: Bool[np.ndarray, 'P S']   # True: support side; False: query side
  short: int     # clips that a task draws more than once, on average over the splits
  __repr__ = short_repr


def plan_splits(pool: Pool, fold: Fold, *, shots: int, queries: int, own_macro: bool,
                most: int = 256, rng: np.random.Generator) -> Splits:
  """The splits of a fold's training subjects in which both sides have all classes.

  Of action units it is those in which the most units act on both sides. Those that
  have the fewest clips drawn twice come first; `most` are kept. With up to
  12 training subjects all splits are tried, with more a sample of 4096.

  Args:
    pool: the clips.
    fold: which of them are for training.
    shots: support clips a class.
    queries: query clips a class.
    own_macro: the support side must also hold a macro clip.
    most: how many are kept.
    rng: which are tried where there are too many.

  Raises:
    InputError: no way exists; names fold and class.
  """
  counts, macros = _counts(pool, fold)
  _check_classes(pool, fold, counts)
  present = np.flatnonzero(counts.sum(0))
  sides = candidate_splits(len(present), rng)
  support = sides @ counts[:, present].T                        # (P, K)
  query = counts[:, present].sum(1) - support
  both = (support > 0) & (query > 0)
  # Of sets of classes a clip that lacks one serves, too: as many on both sides as can.
  valid = (both.all(1) if not pool.multi_label else
           (both.sum(1) == both.sum(1).max()) & both.any(1))
  if own_macro:
    valid &= sides @ macros[present] > 0
  if not valid.any():
    need = ' and a macro-expression in the support' if own_macro else ''
    raise InputError(
        f'fold {fold.held_out}: no division of its '
        f'{counted(len(present), "training subject")} gives every class to both '
        f'support and query{need}; use another class set, more subjects, or '
        'macro.source=none')
  lacking = (np.maximum(shots - support, 0) + np.maximum(queries - query, 0)).sum(1)
  order = np.flatnonzero(valid)[np.argsort(lacking[valid], kind='stable')][:most]
  supports = np.zeros((len(order), len(pool.subjects)), bool)
  supports[:, present] = sides[order]
  return Splits(supports, int(round(lacking[order].mean())))


SURE = 16     # people of a class, of whom some division has some on either side


def check_people(label: Sequence[int], subject: Sequence[str],
                 classes: Sequence[str]) -> None:
  """Refuses clips of which a run of the defaults can fill no task.

  Everybody is held out once (`episodes.protocol=loso`), and a task is drawn of the
  others, as `plan_splits` says.

  Args:
    label: of the clips that are judged, numbers of classes.
    subject: whose each is.
    classes: names.

  Raises:
    InputError: names the fold and the class, as a run does.
  """
  codes = np.asarray(label, np.int32)
  names, number = np.unique(np.asarray(subject, str), return_inverse=True)
  of_class = [set(map(int, number[codes == k])) for k in range(len(classes))]
  # Whoever else is held out takes nothing away of what is scarce.
  scarce = {names[s] for people in of_class if len(people) <= SURE for s in people}
  count, nowhere = len(codes), np.zeros(len(codes), bool)
  pool = Pool(
      np.zeros((count, 1), np.float32), codes,
      number.astype(np.int32), nowhere, nowhere, tuple(names.tolist()),
      tuple(map(str, range(count))), tuple(classes), Content('array', (1,), False))
  for fold in leave_one_subject_out(pool):
    if fold.held_out in scarce:
      plan_splits(pool, fold, shots=1, queries=1, own_macro=False,
                  rng=np.random.default_rng(0))


def _counts(pool: Pool, fold: Fold
            ) -> tuple[Int[np.ndarray, 'K S'], Int[np.ndarray, 'S']]:
  """Training clips of each class and subject; macro clips of each subject."""
  subject, macro = np.asarray(pool.subject), np.asarray(pool.macro)
  return count_clips(pool, fold.train), np.bincount(
      subject[fold.train & macro], minlength=len(pool.subjects))


def _check_classes(pool: Pool, fold: Fold, counts: Int[np.ndarray, 'K S']) -> None:
  for name, row in zip(pool.classes, counts):
    if np.count_nonzero(row) < 2:
      raise InputError(
          f'fold {fold.held_out}: class {name} has '
          f'{counted(row.sum(), "training clip")} of '
          f'{counted(np.count_nonzero(row), "subject")}, and a task needs two '
          'subjects, one for its support and one for its query; leave the class out of '
          'the class set or add subjects'
          + (f' (is {near!r} meant?)' if (near := misspelt(name, pool.classes)) else '')
      )


def candidate_splits(subjects: int, rng: np.random.Generator
                     ) -> Bool[np.ndarray, 'P S']:
  """Ways to divide people in two, in any order: all there are, or a sample.

  Args:
    subjects: how many people.
    rng: of the sample, and of the order.
  """
  if subjects <= ENUMERATE_UP_TO:
    sides = np.array(list(itertools.product([False, True], repeat=subjects)))
  else:
    sides = np.unique(rng.random((CANDIDATES, subjects)) < .5, axis=0)
  # Among equally good splits those that are kept must not all look alike.
  return rng.permutation(sides)
