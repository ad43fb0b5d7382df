"""Who is held out together: a fold is two masks over the clips, never a copy."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Bool, Int
import numpy as np

from lightman_jax import keys
from lightman_jax.data import people
from lightman_jax.data.facts import COMPOSITES, MEGC2019
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Pool


class Fold(NamedTuple):
  """The held-out people's macro clips are in neither mask."""
  held_out: str                   # a name: the subject, the data set, or fold1of5
  train: Bool[np.ndarray, 'N']    # micro and macro, of all but the held-out people
  test: Bool[np.ndarray, 'N']     # the held-out people's micro clips


def make_folds(pool: Pool, protocol: str, *, folds: int, seed: int,
               dataset: str) -> tuple[Fold, ...]:
  """The folds of a protocol, in the order of their names.

  Args:
    pool: the clips.
    protocol: as `episodes.protocol` of a configuration.
    folds: how many, for `kfold`.
    seed: of the run; `kfold` divides people by it.
    dataset: name of the data set.

  Raises:
    InputError: the data do not suit the protocol.
  """
  if protocol == 'kfold':
    return k_folds(pool, folds, seed=seed)
  if protocol == 'leave_one_dataset_out':
    return leave_one_dataset_out(pool, dataset)
  if protocol == 'megc2019' and (
      dataset != MEGC2019.name or pool.classes != MEGC2019.classes):
    raise InputError(
        f'episodes.protocol=megc2019 is for the data set {MEGC2019.name} and its '
        f'classes {", ".join(MEGC2019.classes)}, and this is {dataset} with '
        f'{", ".join(pool.classes)}; use episodes.protocol=loso')
  return leave_one_subject_out(pool)


def protocol_name(pool: Pool, protocol: str, *, folds: int) -> str:
  """What a figure says of how people were held out; the same for every seed.

  Args:
    pool: the clips.
    protocol: as `episodes.protocol` of a configuration.
    folds: how many, for `kfold`.
  """
  clips, published = int((~pool.macro).sum()), sum(map(sum, MEGC2019.expected.values()))
  exact = '' if clips == published else f' ({clips} clips instead of {published})'
  return {
      'loso': 'leave one subject out',
      'kfold': f'{folds} folds of subjects',
      'leave_one_dataset_out': 'leave one data set out',
      'megc2019': f'MEGC2019 composite{exact}, leave one subject out',
  }[protocol]


def leave_one_subject_out(pool: Pool) -> tuple[Fold, ...]:
  """One fold a subject with micro clips, in the order of their names."""
  return _by_name(pool, {pool.subjects[s]: [s] for s in test_subjects(pool)})


def k_folds(pool: Pool, folds: int, *, seed: int) -> tuple[Fold, ...]:
  """Subjects with micro clips, divided so that folds are about equally large.

  Greedy: subjects come in the order of their number of clips, the greatest first, and
  those of equal number in an order drawn from the seed; each goes to the fold that so
  far holds the least of what it brings, that is of sum_k n_k c_k / C_k, with n_k its
  clips of class k, c_k the fold's, C_k all, and clips of any class as one more k. Of
  folds that are equal in that it takes the first.

  Args:
    pool: the clips.
    folds: how many.
    seed: of the order of people with equally many clips.

  Raises:
    InputError: there are fewer people than folds.
  """
  subjects = test_subjects(pool)
  if len(subjects) < folds:
    raise InputError(f'episodes.folds is {folds} and {len(subjects)} people have '
                     'micro-expressions; use fewer folds')
  by_name = sorted(subjects, key=lambda s: pool.subjects[s])
  drawn = keys.generator(seed, 'folds').permutation(by_name).tolist()
  parts = spread_evenly(count_clips(pool, ~pool.macro), drawn, folds)
  width = len(str(folds))
  return _by_name(pool, {f'fold{number:0{width}d}of{folds}': part
                         for number, part in enumerate(parts, 1)})


def spread_evenly(counts: Int[np.ndarray, 'K S'], people: Sequence[int], parts: int
                  ) -> list[list[int]]:
  """People, divided into parts of about equally many clips of every class.

  Args:
    counts: clips of each class and person.
    people: the numbers of those who are divided, in the order in which people with
      equally many clips come; see `k_folds`.
    parts: how many.

  Returns:
    The people of each part.
  """
  counts = np.concatenate([counts, counts.sum(0, keepdims=True)])
  share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
  members, part_counts = [[] for _ in range(parts)], np.zeros((parts, len(counts)))
  for s in sorted(people, key=lambda s: -counts[-1, s]):
    # Rounded, so that equal sums are equal on every machine.
    overlap = np.round(part_counts @ share[:, s], 9)
    best = int(np.argmin(overlap))
    members[best].append(s)
    part_counts[best] += counts[:, s]
  return members


def leave_one_dataset_out(pool: Pool, dataset: str) -> tuple[Fold, ...]:
  """One fold a data set with micro clips; see `data_sets`.

  Macro-expressions of the held-out data set's other people are held out with it.

  Args:
    pool: the clips.
    dataset: name of the data set, for clips of which the pool says none.

  Raises:
    InputError: the data are one data set.
  """
  dataset_of = data_sets(pool, dataset)
  names = sorted({dataset_of[s] for s in test_subjects(pool)})
  if len(names) < 2 or not all(names):
    raise InputError(
        f'episodes.protocol=leave_one_dataset_out needs two data sets or more, and '
        f'{dataset} is one: take a composite such as {", ".join(COMPOSITES)}, or a '
        'manifest that names the data set of every clip in a column dataset')
  return _by_name(pool, {one: [s for s, other in enumerate(dataset_of) if other == one]
                         for one in names})


def data_sets(pool: Pool, dataset: str) -> tuple[str, ...]:
  """The data set of every subject; '' where it is not known.

  Data sets of the same people, such as samm and samm_long, count as one; so whoever has
  macro clips alone, from one of them, is held out with the other.

  Args:
    pool: the clips.
    dataset: where the pool does not say, the data set of all that are not foreign.
  """
  subject, foreign = np.asarray(pool.subject), np.asarray(pool.foreign)
  micro = ~np.asarray(pool.macro)
  names, shown = [''] * len(pool.subjects), {}
  for number in dict.fromkeys(subject.tolist()):
    clips, name, source = subject == number, pool.subjects[number], ''
    clips = np.flatnonzero(clips & micro if (clips & micro).any() else clips)
    if foreign[clips].any():     # they bear the name of the macro source before theirs
      source, _, name = name.partition(':')
    owns = ([pool.dataset[n] for n in clips] if pool.dataset else [source or dataset])
    known = (people.origin(own, name) for own in dict.fromkeys(owns))
    name = next(filter(None, known), '')
    # MyLab of a manifest and mylab of another are one.
    names[number] = shown.setdefault(people.fold_dataset(name), name)
  return tuple(names)


def test_subjects(pool: Pool) -> list[int]:
  """Numbers of the subjects who have micro clips."""
  return np.unique(np.asarray(pool.subject)[~np.asarray(pool.macro)]).tolist()


def count_clips(pool: Pool, which: Bool[np.ndarray, 'N']) -> Int[np.ndarray, 'K S']:
  """Micro clips of each class and subject, among those of a mask.

  Args:
    pool: the clips.
    which: those to be counted.
  """
  counts = np.zeros((len(pool.classes), len(pool.subjects)), int)
  mine = np.asarray(which) & ~np.asarray(pool.macro)
  np.add.at(counts, (np.asarray(pool.label)[mine], np.asarray(pool.subject)[mine]), 1)
  return counts


def _by_name(pool: Pool, parts: dict[str, list[int]]) -> tuple[Fold, ...]:
  """A fold for every name and the numbers of its people."""
  subject, macro = np.asarray(pool.subject), np.asarray(pool.macro)
  def fold(name: str, members: list[int]) -> Fold:
    theirs = np.isin(subject, members)
    return Fold(name, ~theirs, theirs & ~macro)
  return tuple(fold(name, parts[name]) for name in sorted(parts))


# Labels that are wrong on purpose, to see what a method makes of them.

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
