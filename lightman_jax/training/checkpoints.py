"""Checkpoints of a run: states of named folds, whoever was trained beside whom.

Orbax's own handlers write arrays through TensorStore, which leaves some memory behind
for every array of every save (`KvStore.Spec.to_json` does not free what it returns) and
writes a dozen files. It is made for arrays that lie on many devices; here one process
has all of a state, and NumPy's format says the same in one file that anyone can open.

Each is a folder whose name is a number: of steps, over all folds, that are saved with
it, so the same run gives the same names wherever it was stopped. Orbax saves the arrays
in it, as one file; about.json tells whose they are, of what step, and its sha256.

Kept are the newest two, so a damaged one costs a few steps and no more, and the newest
of every fold, so each trained model can be opened. An interim one lies between those
that the configuration asks for, at a step that the clock chose: it does not count among
the two, and goes with the next one of its folds. In a run of several processes one
alone reads and writes here: see `shared_checkpoints`.
"""

import collections
from collections.abc import Callable, Mapping, Sequence
import dataclasses
import json
import os
import pathlib
import re
import shutil
import sys
from typing import Any, NamedTuple

import jax
from jaxtyping import PyTree
import numpy as np
import orbax.checkpoint as ocp

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.files import (
  file_sha256,
  name_place,
  remove,
  sync_folder,
  write_atomically,
)
from lightman_jax.training import multihost
from lightman_jax.training.finite import by_path
from lightman_jax.training.state import TrainState

# A state as one .npz file, for orbax to save and to restore.

FILE = 'state.npz'
HEADER = 2**12     # bytes; an array's own takes 128


class Archive(ocp.CheckpointHandler):
  """Nested arrays by their paths, such as 'params/encoder/Dense_0/kernel'."""

  def save(self, directory, args: 'SaveArchive') -> None:
    """Writes the file; nothing is left of it where the disk is full."""
    with write_atomically(directory / FILE, 'wb') as file:
      np.savez(file, **by_path(args.tree))

  def restore(self, directory, args: 'RestoreArchive') -> PyTree:
    """The arrays, in NumPy.

    Raises:
      ValueError: it is no whole file, or of other arrays than those asked for.
    """
    expected = by_path(args.like)
    most = sum(x.size * x.dtype.itemsize + HEADER for x in expected.values())
    arrays = bounded.read_arrays(directory / FILE, most)
    for name, x in expected.items():
      if name not in arrays:
        raise ValueError(f'it holds no {name}')
      if (arrays[name].shape, arrays[name].dtype) != (x.shape, x.dtype):
        raise ValueError(f'its {name} is {arrays[name].dtype}{arrays[name].shape}, not '
                         f'{x.dtype}{x.shape}')
    return jax.tree.unflatten(jax.tree.structure(args.like),
                              [arrays[name] for name in expected])


@ocp.args.register_with_handler(Archive, for_save=True)
@dataclasses.dataclass
class SaveArchive(ocp.args.CheckpointArgs):
  """`tree`: nested arrays on the host."""
  tree: PyTree


@ocp.args.register_with_handler(Archive, for_restore=True)
@dataclasses.dataclass
class RestoreArchive(ocp.args.CheckpointArgs):
  """`like`: the same nested arrays, or their shapes."""
  like: PyTree


ABOUT, ARRAYS = 'about.json', 'arrays'


class Save(NamedTuple):
  """What about.json holds."""
  folds: list[str]          # along the first axis of the arrays
  step: int
  sha256: str               # of the arrays' file
  interim: bool = False     # to be dropped when the next is there


class Checkpoints:
  """Saves and finds the states of a run's folds."""

  def __init__(self, folder: str | os.PathLike, *,
               say: Callable[[str], None] = lambda line: print(line, file=sys.stderr)):
    """`say` is called with a line on each checkpoint that is damaged."""
    self._folder, self._say = pathlib.Path(os.path.abspath(folder)), say
    self._folder.mkdir(parents=True, exist_ok=True)
    # None of them forms a process group: who calls is alone.
    me = jax.process_index() if jax.distributed.is_initialized() else 0
    self._orbax = ocp.Checkpointer(
        Archive(), multiprocessing_options=ocp.options.MultiprocessingOptions(
            primary_host=me, active_processes={me},
            barrier_sync_key_prefix=f'alone{me}'))
    for ending in ('new', 'old'):             # of a save, or deletion, that was cut off
      for leftover in self._folder.glob(f'.*.{ending}'):
        remove(leftover)
    saves = {number: self._read(self._folder / str(number))
             for number in sorted(self._numbers())}
    self._saves = {number: save for number, save in saves.items() if save}
    self._whole: set[int] = set()
    # Nothing but a kill leaves more than is kept.
    for number in self._saves.keys() - self._kept():
      self._remove(self._folder / str(number))
      del self._saves[number]

  def __enter__(self) -> 'Checkpoints':
    return self

  def __exit__(self, *_) -> None:
    self._orbax.close()

  def reached(self, folds: Sequence[str]) -> dict[str, int]:
    """The step of each fold's newest whole checkpoint; 0 where there is none."""
    steps = {}
    for fold in folds:
      while (number := self._newest(fold)) is not None and not self._is_whole(number):
        del self._saves[number]
      steps[fold] = 0 if number is None else self._saves[number].step
    return steps

  def place(self, fold: str) -> str | None:
    """Where the newest checkpoint of a fold lies."""
    number = self._newest(fold)
    return None if number is None else os.fspath(self._folder / str(number))

  def load(self, folds: Sequence[str], like: TrainState) -> TrainState | None:
    """The newest states of some folds; None where one of them has none.

    Args:
      folds: that have reached the same step.
      like: a state, or shapes, with a first axis of any length.

    Returns:
      The states along a first axis, of NumPy: arrays that are bound to a device would
      have what follows compiled anew.

    Raises:
      InputError: they are states of another model.
    """
    numbers = [number for number in map(self._newest, folds) if number is not None]
    if len(numbers) < len(folds):
      return None
    read = {number: self._restored(number, like) for number in set(numbers)}
    rows = [jax.tree.map(lambda x: x[self._saves[number].folds.index(fold)],
                         read[number]) for fold, number in zip(folds, numbers)]
    return jax.tree.map(lambda *x: np.stack(x), *rows)

  def save(self, folds: Sequence[str], states: TrainState, *, interim: bool = False
           ) -> None:
    """Keeps the states of some folds, which are all at the same step.

    Args:
      folds: names.
      states: along a first axis, that of `folds` first; what follows is not kept.
      interim: they are kept until the next states of these folds are saved.

    Raises:
      OSError: the disk is full.
    """
    states = jax.tree.map(lambda x: np.asarray(x)[:len(folds)], states)
    self._write(folds, states, int(states.step[0]), interim)

  def add(self, folds: Sequence[str], arrays: Sequence[Mapping[str, Any]]
          ) -> None:
    """As `save`, of states that other checkpoints hold.

    Args:
      folds: names.
      arrays: of each fold, by paths, in the order of a checkpoint's file.

    Raises:
      InputError: they are not of one model, or not at one step.
      OSError: the disk is full.
    """
    try:
      # A plain dictionary would be sorted.
      rows = collections.OrderedDict(
          (name, np.stack([one[name] for one in arrays])) for name in arrays[0])
      step, = {*rows['step'].tolist()}
      if any(one.keys() != rows.keys() for one in arrays):
        raise ValueError('their arrays have other names')
    except (KeyError, ValueError) as error:
      raise InputError(f'the states of {", ".join(folds)} do not belong together '
                       f'({error}); make them again') from None
    self._write(folds, rows, step, False)

  def _write(self, folds: Sequence[str], states: PyTree, step: int, interim: bool
             ) -> None:
    number = self._number(folds, step)
    new, final = self._folder / f'.{number}.new', self._folder / str(number)
    try:
      self._orbax.save(new / ARRAYS, args=SaveArchive(states))
      save = Save([*folds], step, file_sha256(new / ARRAYS / FILE), interim)
      # The files are on disk by now; so are their names before the checkpoint has its.
      sync_folder(new / ARRAYS)
      about = save._asdict()
      if not interim:
        del about['interim']
      with write_atomically(new / ABOUT) as file:
        json.dump(about, file)
    except BaseException as error:
      shutil.rmtree(new, ignore_errors=True)
      name_place(error, self._folder)
      raise
    self._remove(final)
    os.replace(new, final)
    sync_folder(self._folder)     # before an older one goes
    self._saves[number] = save
    self._whole.add(number)
    self._tidy()

  def _number(self, folds: Sequence[str], step: int) -> int:
    """Steps that are saved with this one; the next, where that is another's."""
    best = {fold: save.step for save in sorted(self._saves.values(),
                                               key=lambda save: save.step)
            for fold in save.folds}
    number = sum((best | dict.fromkeys(folds, step)).values())
    while number in self._saves:
      number += 1
    return number

  def _tidy(self) -> None:
    """Drops what no one needs."""
    keep = self._kept()
    self._saves = {number: save for number, save in self._saves.items()
                   if number in keep}
    for number in self._numbers() - keep:
      self._remove(self._folder / str(number))

  def _kept(self) -> set[int]:
    """The newest two that are not interim, and the newest of every fold."""
    regular = sorted(number for number, save in self._saves.items() if not save.interim)
    folds = {fold for save in self._saves.values() for fold in save.folds}
    newest = map(self._newest, folds)
    return {*regular[-2:], *(number for number in newest if number is not None)}

  def _numbers(self) -> set[int]:
    """Of all that lie there, whole or not."""
    return {int(path.name) for path in self._folder.iterdir()
            if re.fullmatch('[1-9][0-9]{0,17}', path.name) and path.is_dir()}

  def _newest(self, fold: str) -> int | None:
    numbers = [number for number, save in self._saves.items() if fold in save.folds]
    return max(numbers, key=lambda n: (self._saves[n].step, n), default=None)

  def _is_whole(self, number: int) -> bool:
    """Reads all of it, once."""
    if number not in self._whole:
      path = self._folder / str(number)
      try:
        sha256 = file_sha256(path / ARRAYS / FILE)
      except OSError as error:
        return self._damaged(path, f'{FILE}: {error.strerror or error}')
      if sha256 != self._saves[number].sha256:
        return self._damaged(path, f'{FILE} is not what was written')
      self._whole.add(number)
    return True

  def _read(self, path: pathlib.Path) -> Save | None:
    try:
      save = Save(**bounded.read_json(path / ABOUT))
      if _is_sound(save):
        return save
    except (OSError, ValueError, TypeError):
      pass
    self._damaged(path, f'it has no readable {ABOUT}')
    return None

  def _damaged(self, path: pathlib.Path, why: str) -> bool:
    self._say(f'{path} is damaged ({why}): its folds go on from their newest whole '
              'checkpoint, or from the start')
    return False

  def _restored(self, number: int, like: TrainState) -> TrainState:
    count, path = len(self._saves[number].folds), self._folder / str(number)
    shapes = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((count, *x.shape[1:]), x.dtype), like)
    try:
      states = self._orbax.restore(path / ARRAYS, args=RestoreArchive(shapes))
      if (states.step != self._saves[number].step).any():
        raise ValueError(f'its step is {states.step[0]}')
      return states
    except (OSError, ValueError) as error:
      raise InputError(f'{path} is of another model, or not of this program ({error}); '
                       'give another --workdir, or delete it to start again') from None

  def _remove(self, path: pathlib.Path) -> None:
    """A rename is one moment, deleting is many: never half a checkpoint."""
    if path.exists():
      remove(path.rename(self._folder / f'.{path.name}.old'))


def _is_sound(save: Save) -> bool:
  """Whether it is what its annotations say, which a file need not be."""
  return (isinstance(save.folds, list) and bool(save.folds)
          and all(isinstance(fold, str) for fold in save.folds)
          and type(save.step) is int and 0 < save.step < 2**31
          and isinstance(save.sha256, str) and isinstance(save.interim, bool))


# Checkpoints of a run of several processes: the first has them, and shares.

class SharedCheckpoints:
  """As `Checkpoints`; what goes wrong in the first process goes wrong in all."""

  def __init__(self, own: Checkpoints | None):
    """`own` is None in all processes but the first."""
    self._own = own

  def _of_the_first(self) -> Checkpoints:
    if self._own is None:
      raise RuntimeError('process 0 alone has the checkpoints')
    return self._own

  def __enter__(self) -> 'SharedCheckpoints':
    return self

  def __exit__(self, *error) -> None:
    if self._own is not None:
      self._own.__exit__(*error)

  def reached(self, folds: Sequence[str]) -> dict[str, int]:
    """See `Checkpoints.reached`."""
    return multihost.first(lambda: self._of_the_first().reached(folds))

  def place(self, fold: str) -> str | None:
    """See `Checkpoints.place`."""
    return self._own.place(fold) if self._own is not None else 'with process 0'

  def load(self, folds: Sequence[str], like: TrainState) -> TrainState | None:
    """See `Checkpoints.load`."""
    own_states = []
    def read():
      own_states.append(self._of_the_first().load(folds, like))
      return own_states[0] is not None
    if not multihost.first(read):
      return None
    states = own_states[0] if own_states else jax.tree.map(
        lambda x: np.zeros((len(folds), *x.shape[1:]), x.dtype), like)
    return jax.tree.map(lambda x: x[:len(folds)], multihost.gather(states))

  def save(self, folds: Sequence[str], states: TrainState, *, interim: bool = False
           ) -> None:
    """See `Checkpoints.save`."""
    multihost.first(lambda: self._of_the_first().save(folds, states, interim=interim))


def open_checkpoints(folder: str | os.PathLike, say: Callable[[str], None]
                     ) -> Checkpoints | SharedCheckpoints:
  """The checkpoints in a folder; see `Checkpoints`.

  Args:
    folder: made where missing.
    say: called with a line on each checkpoint that is damaged.
  """
  if multihost.count() == 1:
    return Checkpoints(folder, say=say)
  own = Checkpoints(folder, say=say) if multihost.is_first() else None
  return SharedCheckpoints(own)
