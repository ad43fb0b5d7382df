"""Who is held out together: a fold is two masks over the clips, never a copy."""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import functools
from typing import Any, NamedTuple

from jaxtyping import Bool, Int
import numpy as np

from lightman_jax import keys, registry, sections
from lightman_jax.data import people
from lightman_jax.data.facts import COMPOSITES, MEGC2019
from lightman_jax.errors import InputError
from lightman_jax.inputs.pool import Pool, members
from lightman_jax.options import option
from lightman_jax.units import counted, short_repr

LONGEST_NAME = 80    # characters of a fold's name, which becomes that of a file


class Fold(NamedTuple):
  """The held-out people's macro clips are in neither mask."""
  held_out: str                   # a name: the subject, the data set, or fold1of5
  train: Bool[np.ndarray, 'N']    # micro and macro, of all but the held-out people
  test: Bool[np.ndarray, 'N']     # the held-out people's micro clips
  __repr__ = short_repr


class ProtocolTable:
  """What a protocol sees: a row a clip, micro and macro, and nobody's pictures.

  Columns are copies that cannot be written to: what they say of a clip stays.

  Attributes:
    name: of the data set.
    classes: names, in the order of the pool's.
    clip: (N,) names.
    subject: (N,) names; one name is one person.
    label: (N,) names of classes; '' where a clip has none.
    macro: (N,) bool.
    dataset: (N,) names, '' where it is not known.
  """

  def __init__(self, pool: Pool, dataset: str):
    """Takes the clips of a pool; `dataset` is theirs where the pool says none."""
    self._pool = pool
    self.name, self.classes = dataset, tuple(pool.classes)
    label, count = np.asarray(pool.label), len(pool.classes)
    known = (label >= 0) & (label < count)
    self.clip = _frozen(np.array(pool.clips, str))
    self.subject = _frozen(np.array(pool.subjects, str)[np.asarray(pool.subject)])
    self.label = _frozen(
        np.array([*pool.classes, ''], str)[np.where(known, label, count)])
    self.macro = _frozen(np.array(pool.macro))

  @functools.cached_property
  def dataset(self) -> np.ndarray:
    """See the class; looked up when it is asked for."""
    own = np.array(data_sets(self._pool, self.name), str)
    return _frozen(own[np.asarray(self._pool.subject)])

  def columns(self) -> dict[str, np.ndarray]:
    """For pandas.DataFrame or polars.DataFrame."""
    return {name: getattr(self, name)
            for name in ('clip', 'subject', 'dataset', 'label', 'macro')}


def _frozen(column: np.ndarray) -> np.ndarray:
  column.setflags(write=False)
  return column


# Fold -> which clips are held out: all of some people.
Masks = Mapping[str, Bool[np.ndarray, 'N']]


def make_folds(pool: Pool, protocol: str, *, folds: int, seed: int, dataset: str,
               options: Mapping[str, Any] = {}) -> tuple[Fold, ...]:
  """The folds of a protocol, in the order of their names.

  Args:
    pool: the clips.
    protocol: as `episodes.protocol` of a configuration.
    folds: how many, for a protocol that has that setting.
    seed: of the run; `kfold` divides people by it.
    dataset: name of the data set.
    options: of a protocol from outside, among others.

  Raises:
    InputError: the data do not suit the protocol; or it holds out a part of a person's
      clips, a person twice, or nobody.
  """
  table = ProtocolTable(pool, dataset)
  part = _part(protocol, {**options, 'folds': folds})
  try:
    masks = part(table, keys.generator(seed, 'folds'))
  except InputError:
    raise
  except registry.RAISED as error:
    if not registry.is_outside(protocol):
      raise
    raise InputError(f'protocol={protocol} cannot divide these '
                     f'{counted(len(table.clip), "clip")} '
                     f'({registry.describe(error)})') from error
  return _checked(pool, protocol, masks)


def protocol_name(pool: Pool, protocol: str, *, folds: int,
                  options: Mapping[str, Any] = {}) -> str:
  """What a figure says of how people were held out; the same for every seed.

  Args:
    pool: the clips.
    protocol: as `episodes.protocol` of a configuration.
    folds: how many, for a protocol that has that setting.
    options: of a protocol from outside, among others.
  """
  options = {**options, 'folds': folds}
  part = registry.find('protocol', protocol)
  own = {name: options[name] for name in sections.options_of('protocol', protocol)}
  if not registry.is_outside(protocol):
    return part(**own).describe(pool)
  settings = ', '.join(f'{name}={value}' for name, value in own.items())
  return f'folds of {registry.label(protocol)}' + (f' with {settings}' if own else '')


def _part(protocol: str, options: Mapping[str, Any]
          ) -> Callable[[ProtocolTable, np.random.Generator], Masks]:
  own = {name: options[name] for name in sections.options_of('protocol', protocol)}
  return lambda table, rng: sections.build('protocol', protocol, own, table, rng)


def _checked(pool: Pool, protocol: str, masks: Any) -> tuple[Fold, ...]:
  """Folds of whole people, each of whom is held out once at most.

  Raises:
    InputError: names the fold, the person and the clips.
  """
  subject, macro = np.asarray(pool.subject), np.asarray(pool.macro)
  where = f'episodes.protocol={protocol}'
  parts, fold_of = {}, {}
  for fold, mask in _read_masks(protocol, masks):
    if mask.dtype != bool or mask.shape != subject.shape:
      raise InputError(f'{where}, fold {fold}: its mask is {mask.dtype} {mask.shape}; '
                       f'it must be bool ({len(subject)},), one for each clip')
    held_out = np.isin(subject, subject[mask])
    if (left := np.flatnonzero(held_out & ~mask & ~macro)).size:
      person = subject[left[0]]
      inside = np.flatnonzero(mask & (subject == person))[0]
      raise InputError(
          f'{where}, fold {fold}: {pool.subjects[person]} would be on both sides, '
          f'held out with the clip {pool.clips[inside]} and trained on with '
          f'{pool.clips[left[0]]}; hold out all clips of a person')
    if not (held_out & ~macro).any():
      raise InputError(f'{where}, fold {fold}: nobody with micro-expressions is held '
                       'out; leave the fold out')
    parts[fold] = np.unique(subject[mask]).tolist()
    for person in parts[fold]:
      if person in fold_of:
        raise InputError(f'{where}: {pool.subjects[person]} is held out in the folds '
                         f'{fold_of[person]} and {fold}; hold out a person once')
      fold_of[person] = fold
  return _by_name(pool, parts)


def _read_masks(protocol: str, masks: Any) -> list[tuple[str, np.ndarray]]:
  """The names of folds, each once, and their masks as arrays.

  Raises:
    InputError: there are none, they cannot be read, or a name cannot be that of a fold.
  """
  where, form = f'episodes.protocol={protocol}', (
      'a protocol returns a mapping of the name of a fold to a mask over the clips, '
      'true where one is held out')
  read: dict[str, np.ndarray] = {}
  try:
    for fold, mask in masks.items() if isinstance(masks, Mapping) else ():
      name = str(fold)
      if registry.is_outside(protocol):
        _check_name(where, name)
      if name in read:
        raise InputError(f'{where}: two of its folds have the name {name}; give each '
                         'a name of its own')
      read[name] = np.asarray(mask)
  except InputError:
    raise
  except registry.RAISED as error:
    after = f' after the fold {[*read][-1]}' if read else ''
    raise InputError(f'{where} makes what cannot be read as folds{after} '
                     f'({registry.describe(error)}); {form}') from error
  if not read:
    raise InputError(f'{where} makes no folds; {form}')
  return list(read.items())


def _check_name(where: str, fold: str) -> None:
  """Refuses a name that cannot be printed, or be that of a file."""
  if not fold.strip() or not fold.isprintable() or len(fold) > LONGEST_NAME:
    shown = fold if len(fold) <= LONGEST_NAME else f'{fold[:20]}...'
    raise InputError(f'{where}: the fold {shown!r} needs a name of 1 to '
                     f'{LONGEST_NAME} characters, all of which can be printed')


@dataclasses.dataclass(frozen=True)
class LeaveOneSubjectOut:
  """One fold a subject with micro clips."""

  def make(self, table: ProtocolTable, rng: np.random.Generator) -> Masks:
    """A mask for each person, by name."""
    del rng
    return {name: table.subject == name
            for name in sorted(set(table.subject[~table.macro].tolist()))}

  def describe(self, pool: Pool) -> str:
    """What a figure says."""
    del pool
    return 'leave one subject out'


@dataclasses.dataclass(frozen=True)
class KFold:
  """Folds of subjects, about equally large.

  Greedy: subjects come in the order of their number of clips, the greatest first, and
  those of equal number in an order drawn from the seed; each goes to the fold that so
  far holds the least of what it brings, that is of sum_k n_k c_k / C_k, with n_k its
  clips of class k, c_k the fold's, C_k all, and clips of any class as one more k. Of
  folds that are equal in that it takes the first.
  """
  folds: int = option(5, 'how many', range=(2, 4096))

  def make(self, table: ProtocolTable, rng: np.random.Generator) -> Masks:
    """See the class.

    Raises:
      InputError: there are fewer people than folds.
    """
    people = sorted(set(table.subject[~table.macro].tolist()))
    if len(people) < self.folds:
      raise InputError(f'episodes.folds is {self.folds} and '
                       f'{counted(len(people), "person", "has", "have")} '
                       'micro-expressions; use fewer folds')
    who, what = (column[~table.macro] for column in (table.subject, table.label))
    counts = np.array([[np.sum(what[who == person] == name) for person in people]
                       for name in table.classes])
    parts = spread_evenly(counts, rng.permutation(len(people)).tolist(), self.folds)
    width = len(str(self.folds))
    return {f'fold{number:0{width}d}of{self.folds}': np.isin(
        table.subject, [people[s] for s in part])
            for number, part in enumerate(parts, 1)}

  def describe(self, pool: Pool) -> str:
    """What a figure says."""
    del pool
    return f'{self.folds} folds of subjects'


@dataclasses.dataclass(frozen=True)
class LeaveOneDatasetOut:
  """One fold a data set with micro clips; see `data_sets`.

  Macro-expressions of the held-out data set's other people are held out with it.
  """

  def make(self, table: ProtocolTable, rng: np.random.Generator) -> Masks:
    """See the class.

    Raises:
      InputError: the data are one data set.
    """
    del rng
    names = sorted(set(table.dataset[~table.macro].tolist()))
    if len(names) < 2 or not all(names):
      raise InputError(
          f'episodes.protocol=leave_one_dataset_out needs two data sets or more, and '
          f'{table.name} is one: take a composite such as {", ".join(COMPOSITES)}, or '
          'a manifest that names the data set of every clip in a column dataset')
    return {name: table.dataset == name for name in names}

  def describe(self, pool: Pool) -> str:
    """What a figure says."""
    del pool
    return 'leave one data set out'


@dataclasses.dataclass(frozen=True)
class CrossDataset:
  """One fold: trained on one data set, tested on all others that have micro clips.

  Macro-expressions of another data set than these are in the training, as ever.
  """
  train_on: str = option('', 'the data set that is trained on')

  def make(self, table: ProtocolTable, rng: np.random.Generator) -> Masks:
    """See the class.

    Raises:
      InputError: the data set is none of these, or there is no other.
    """
    del rng
    names = sorted(set(table.dataset[~table.macro].tolist()))
    if self.train_on not in names or len(names) < 2 or not all(names):
      raise InputError(
          f'episodes.protocol=cross_dataset trains on episodes.train_on='
          f'{self.train_on!r} and tests on others, and the data sets here are '
          f'{", ".join(filter(None, names)) or "not known"}; name one of two or more')
    others = np.isin(table.dataset, names) & (table.dataset != self.train_on)
    return {f'all but {self.train_on}': others}

  def describe(self, pool: Pool) -> str:
    """What a figure says."""
    del pool
    return f'trained on {self.train_on} alone, tested on the other data sets'


@dataclasses.dataclass(frozen=True)
class Megc2019(LeaveOneSubjectOut):
  """Leave one subject out, of MEGC2019's composite alone."""

  def make(self, table: ProtocolTable, rng: np.random.Generator) -> Masks:
    """A mask for each person, by name, as `LeaveOneSubjectOut`.

    Raises:
      InputError: it is another data set, or has other classes.
    """
    if table.name != MEGC2019.name or table.classes != MEGC2019.classes:
      raise InputError(
          f'episodes.protocol=megc2019 is for the data set {MEGC2019.name} and its '
          f'classes {", ".join(MEGC2019.classes)}, and this is {table.name} with '
          f'{", ".join(table.classes)}; use episodes.protocol=loso')
    return super().make(table, rng)

  def describe(self, pool: Pool) -> str:
    """What a figure says; how many clips, where not all are there."""
    clips = int((~np.asarray(pool.macro)).sum())
    published = sum(map(sum, MEGC2019.expected.values()))
    exact = '' if clips == published else f' ({clips} clips instead of {published})'
    return f'MEGC2019 composite{exact}, leave one subject out'


def leave_one_subject_out(pool: Pool) -> tuple[Fold, ...]:
  """One fold a subject with micro clips, in the order of their names.

  This and `k_folds` are what tests cut folds by; those of a run are `make_folds`'s.
  """
  return _by_name(pool, {pool.subjects[s]: [s] for s in test_subjects(pool)})


def k_folds(pool: Pool, folds: int, *, seed: int) -> tuple[Fold, ...]:
  """Subjects with micro clips, divided so that folds are about equally large.

  Args:
    pool: the clips.
    folds: how many; see `KFold`.
    seed: of the order of people with equally many clips.

  Raises:
    InputError: there are fewer people than folds.
  """
  return make_folds(pool, 'kfold', folds=folds, seed=seed, dataset='')


def spread_evenly(counts: Int[np.ndarray, 'K S'], people: Sequence[int], parts: int
                  ) -> list[list[int]]:
  """People, divided into parts of about equally many clips of every class.

  Args:
    counts: clips of each class and person.
    people: the numbers of those who are divided, in the order in which people with
      equally many clips come; see `KFold`.
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
  if pool.multi_label:
    np.add.at(counts.T, np.asarray(pool.subject)[mine],
              members(np.asarray(pool.label)[mine], len(pool.classes)))
    return counts
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
