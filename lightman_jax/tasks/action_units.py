"""Action units as labels: of each clip, which of several units act, in one number.

Bit k of a label is unit k; a label of -1 says that nobody coded the clip. So a set of
units goes wherever a class does: a task draws by it, a loss reads it, a score counts
it. Units are merged by side and intensity: `L12`, `R12`, `12` and `12B` are AU12
(Ekman, Friesen and Hager 2002).
"""

from collections.abc import Callable, Mapping, Sequence
import hashlib
import json
from typing import Any, NamedTuple

from jaxtyping import Bool, Int
import numpy as np

from lightman_jax.coupled_settings import MOST_UNITS, read_unit_numbers
from lightman_jax.data.rows import parse_action_units
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Pool, select_clips
from lightman_jax.tasks.folds import Fold
from lightman_jax.units import counted, short_repr

# What FACS codes of the face itself (Ekman, Friesen and Hager 2002): not where head and
# eyes point. What is learned beside classes, where no units are named: a list that does
# not depend on who shows what.
FACE = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 22, 23, 24, 25, 26,
        27, 28, 38, 39, 43, 45)


def unit_name(number: int) -> str:
  """What a unit is called where classes have names: 'AU12'."""
  return f'AU{number}'


def encode(acts: Bool[np.ndarray, 'N U'], known: Bool[np.ndarray, 'N']
           ) -> Int[np.ndarray, 'N']:
  """Labels of which units act in each clip; `pool.members` reads them.

  Args:
    acts: of each clip and unit.
    known: which clips were coded; the others get -1.
  """
  weights = np.left_shift(1, np.arange(acts.shape[1], dtype=np.int64))
  return np.where(known, acts.astype(np.int64) @ weights, -1).astype(np.int32)


class Coding(NamedTuple):
  """What the sheets say of N clips."""
  numbers: tuple[int, ...]              # of the U units that are coded in any of them
  acts: Bool[np.ndarray, 'N U']
  known: Bool[np.ndarray, 'N']          # a unit is named in the clip's cell
  __repr__ = short_repr


def read_coding(cells: Sequence[str]) -> Coding:
  """Reads the cells of action units of N clips, sides and intensities merged.

  Args:
    cells: as sheets write them; one that names no unit, as '?', says nothing of a clip.
  """
  named = [{unit.number for unit in parse_action_units(cell)} for cell in cells]
  numbers = tuple(sorted(set().union(*named)))
  acts = np.array([[number in own for number in numbers] for own in named], bool)
  return Coding(numbers, acts.reshape(len(cells), len(numbers)),
                np.array([bool(own) for own in named], bool))


def spelled(cell: str) -> str:
  """The units of a cell, each once and without its side: 'AU1+AU12'."""
  return '+'.join(unit_name(number) for number in sorted(
      {unit.number for unit in parse_action_units(cell)}))


def coded_pool(pool: Pool, say: Callable[[str], None]) -> Pool:
  """The pool without micro clips of which no unit is coded.

  Macro clips stay: what micro ones are aligned with needs no label.

  Args:
    pool: of a data set.
    say: called with a line that names the clips that are left out.

  Raises:
    InputError: no micro clip is coded.
  """
  macro = np.asarray(pool.macro)
  keep = read_coding(pool.action_units or ('',) * len(pool.clips)).known | macro
  if not (keep & ~macro).any():
    raise InputError('labels.kind=action_units: the sheet names no action unit of any '
                     'clip of this data set; use labels.kind=classes, or a data set '
                     'whose sheet has action units')
  if keep.all():
    return pool
  left_out = [pool.clips[n] for n in np.flatnonzero(~keep)]
  say(f'{counted(len(left_out), "clip", "is", "are")} left out, for their sheet names '
      'no action unit: '
      + ', '.join(left_out))
  some = lambda names: tuple(np.array(names)[keep].tolist()) if names else names
  return pool._replace(
      x=select_clips(pool.x, keep), label=pool.label[keep], subject=pool.subject[keep],
      macro=pool.macro[keep], foreign=pool.foreign[keep], clips=some(pool.clips),
      dataset=some(pool.dataset), action_units=some(pool.action_units),
      frames_sha256=some(pool.frames_sha256))


def with_units(pool: Pool, folds: Sequence[Fold], labels: Mapping[str, Any],
               say: Callable[[str], None]) -> tuple[Pool, dict[str, str]]:
  """The pool with action units as its classes, but those that are too rare.

  A unit is rare where a fold has too few training people, or clips, in whom it acts:
  looked at in all folds, so that every fold has the same outputs.

  Args:
    pool: of `coded_pool`.
    folds: of it.
    labels: the section of the configuration; `people` training people and `clips`
      training clips must show a unit in every fold.
    say: called with a line for each unit that is left out.

  Returns:
    The pool, and of each rare unit how rare it is.

  Raises:
    InputError: all units are rare, or more than `MOST_UNITS` are left.
  """
  coding, named = read_coding(pool.action_units), read_unit_numbers(labels['units'])
  acts = dict(zip(coding.numbers, coding.acts.T))
  nowhere, kept, rare = np.zeros(len(pool.clips), bool), [], {}
  needs = (f'{counted(labels["clips"], "training clip")} of '
           f'{counted(labels["people"], "person")} in every fold (labels.clips, '
           'labels.people)')
  for number in named or coding.numbers:
    words = _rarity(pool, folds, acts.get(number, nowhere), labels)
    if words:
      rare[unit_name(number)] = words
      say(f'{unit_name(number)} is left out: it needs {needs}, and has {words}')
    else:
      kept.append(number)
  if not kept:
    raise InputError(
        f'labels.kind=action_units: no unit has {needs}: '
        f'{"; ".join(f"{name} has {words}" for name, words in rare.items())}; lower '
        'the two, or take more data')
  if len(kept) > MOST_UNITS:
    raise InputError('labels.kind=action_units: '
                     f'{counted(len(kept), "unit", "is", "are")} left, and a label '
                     f'holds {MOST_UNITS} at most; name some with labels.units, or '
                     'raise labels.people')
  table = np.stack([acts[number] for number in kept], 1)
  return pool._replace(
      label=encode(table, coding.known), classes=tuple(map(unit_name, kept)),
      multi_label=True), rare


# Units beside classes: what an auxiliary loss learns.


def beside_classes(labels: Mapping[str, Any]) -> tuple[int, ...]:
  """The units that are learned beside classes; () where none are.

  Args:
    labels: the section of the configuration; a bundle of before has less in it.
  """
  if not labels.get('units_weight'):
    return ()
  return read_unit_numbers(labels['units']) or FACE


def fold_units(pool: Pool, fold: Fold, labels: Mapping[str, Any]
               ) -> Int[np.ndarray, 'N'] | None:
  """Which units act in each of a fold's training clips, to be learned beside classes.

  Args:
    pool: N clips.
    fold: of it; clips that it does not train on count as not coded.
    labels: the section of the configuration.

  Returns:
    See `encode`; -1 where nobody coded the clip. None where no units are learned.

  Raises:
    InputError: the units of no training clip are coded.
  """
  numbers = beside_classes(labels)
  if not numbers:
    return None
  coding = read_coding(pool.action_units or ('',) * len(pool.clips))
  if labels['units'] and (lost := [number for number in numbers
                                   if number not in coding.numbers]):
    raise InputError(f'labels.units has {unit_name(lost[0])}, which acts in no clip; '
                     'leave it out')
  known = coding.known & np.asarray(fold.train)
  if not known.any():
    raise InputError(
        f'labels.units_weight: fold {fold.held_out} has no training clip of which an '
        'action unit is coded; use a data set or macro.source whose sheet has action '
        'units, a manifest with the column action_units, or labels.units_weight=0')
  acts = dict(zip(coding.numbers, coding.acts.T))
  nowhere = np.zeros(len(pool.clips), bool)
  return encode(np.stack([acts.get(number, nowhere) for number in numbers], 1), known)


def _rarity(pool: Pool, folds: Sequence[Fold], acts: Bool[np.ndarray, 'N'],
            labels: Mapping[str, Any]) -> str:
  """How rare a unit is that is too rare; '' of another."""
  subject, own = np.asarray(pool.subject), acts & ~np.asarray(pool.macro)
  counts = [(len(np.unique(subject[own & fold.train])), int((own & fold.train).sum()))
            for fold in folds]
  least = min(counts), min(counts, key=lambda count: count[1])
  if least[0][0] >= labels['people'] and least[1][1] >= labels['clips']:
    return ''
  people, clips = least[0] if least[0][0] < labels['people'] else least[1]
  fold = folds[counts.index((people, clips))].held_out
  return (f'{int(own.sum())} of {counted(len(np.unique(subject[own])), "person")}, in '
          f'the training of the fold {fold} {clips} of {people}')


def sha256(pool: Pool) -> str:
  """A hash over which unit acts in which clip of a multi-label pool."""
  known = [list(map(str, pool.classes)), list(zip(pool.clips, pool.label.tolist()))]
  return hashlib.sha256(json.dumps(known).encode()).hexdigest()
