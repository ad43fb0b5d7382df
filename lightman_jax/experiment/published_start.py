"""Folds that begin with published weights, and whom these weights have seen.

Published weights were trained on people, and a held-out person must not be one of
them. A file of weights lists them; where it does not, results say so.
"""

from collections.abc import Mapping, Sequence
import hashlib
import pathlib
from typing import Any, NamedTuple

import jax

from lightman_jax.data import people
from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256
from lightman_jax.inputs.pool import Pool
from lightman_jax.models import published_weights, weights_files
from lightman_jax.models.network import Network, Params
from lightman_jax.models.weights_files import Declared
from lightman_jax.tasks.folds import Fold
from lightman_jax.units import counted

Person = tuple[str, str]      # data set, and how it or a manifest calls them


class Weights(NamedTuple):
  """The published weights of a run."""
  files: Mapping[str, pathlib.Path]     # of each fold, by whom it holds out
  sha256: str                           # over all of them
  about: Mapping[str, Any]              # what results say


def choose(config: Mapping[str, Any], pool: Pool, folds: Sequence[Fold], dataset: str
           ) -> Weights | None:
  """A file for each fold, whose people the fold does not hold out.

  Args:
    config: complete; None is returned where its `model.weights` is empty.
    pool: of the run.
    folds: of the run.
    dataset: name of the run's data set.

  Raises:
    InputError: a fold has no file, or several; or the weights are of other inputs or
      classes than the run's.
  """
  path = config['model'].get('weights', '')
  if not path:
    return None
  declared = {file: weights_files.read(file)[0]
              for file in weights_files.files_of(path)}
  for file, one in declared.items():
    _check_inputs(file, one, config, pool, next(iter(declared.values())))
  held_out = {fold.held_out: people_of(config, pool, fold, dataset) for fold in folds}
  files = {name: _file_for(name, persons, declared)
           for name, persons in held_out.items()}
  used = sorted(set(files.values()))
  digest = hashlib.sha256(' '.join(map(file_sha256, used)).encode()).hexdigest()
  first = declared[used[0]]
  return Weights(files, digest, {
      'sha256': digest, 'files': len(used), 'source': first.source,
      'inputs': f'{", ".join(first.channels)}, {first.low:g} to {first.high:g}',
      'origin': _origin([declared[file] for file in used], held_out)})


def start(file: pathlib.Path, net: Network, pool: Pool) -> Params:
  """The weights of a file as parameters of the network.

  Args:
    file: as `choose` names it.
    net: of the run; its shapes are those of the pool's clips.
    pool: of the run.

  Raises:
    InputError: an array is missing, or has another shape.
  """
  declared, arrays = weights_files.read(file)
  order = [declared.classes.index(name) for name in pool.classes]
  for name in ('fc.weight', 'fc.bias'):
    if name in arrays and len(arrays[name]) == len(order):
      arrays[name] = arrays[name][order]
  shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), pool.x.shape[1:]))
  return published_weights.from_state_dict(arrays, shapes)


def people_of(config: Mapping[str, Any], pool: Pool, fold: Fold, dataset: str
              ) -> tuple[Person, ...]:
  """Whom a fold holds out: (data set, person).

  Args:
    config: of the run
    pool: of the run
    fold: of the run
    dataset: where the pool does not say, the data set of all clips
  """
  return tuple(sorted({person_of(config, pool, n, dataset)
                       for n in fold.test.nonzero()[0].tolist()}))


def person_of(config: Mapping[str, Any], pool: Pool, number: int, dataset: str
              ) -> Person:
  """Whom a clip shows: (data set, person), of synthetic faces with their seed.

  Args:
    config: of the run
    pool: of the run
    number: of the clip
    dataset: where the pool does not say, the data set of all clips
  """
  name = pool.subjects[int(pool.subject[number])]
  if pool.foreign[number]:      # these alone bear their data set's name before theirs
    name = name.partition(':')[2] or name
  own = pool.dataset[number] if pool.dataset else dataset
  other = bool(pool.macro[number]) and config['macro']['source'] == people.SYNTHETIC
  data = config['macro']['data'] if other else config['data']
  if own == people.SYNTHETIC and (other or data['name'] == people.SYNTHETIC):
    name = people.synthetic_name(data['synthetic']['seed'], name)
  return own, name


def _file_for(fold: str, persons: Sequence[Person],
              declared: Mapping[pathlib.Path, Declared]) -> pathlib.Path:
  """The one file that saw none of a fold's held-out people."""
  seen = {file: next((person for person in persons for other in one.trained_on or ()
                      if people.may_be_one(person, other)), None)
          for file, one in declared.items()}
  fitting = [file for file, person in seen.items() if person is None]
  if len(fitting) == 1:
    return fitting[0]
  if fitting:
    raise InputError(
        f'model.weights: {len(fitting)} files fit fold {fold}, '
        f'{fitting[0].name} and {fitting[1].name} among them; give one file, or a '
        'folder in which each fold has one that did not see its people')
  file, person = next(iter(seen.items()))
  person = people.identify(*person)
  unnamed = (f'; where {"/".join(person)} is somebody else, name people with their '
             'data set, as smic/s01' if person[0] == people.UNKNOWN else '')
  raise InputError(
      f'model.weights: fold {fold} holds out {"/".join(person)}, and {file.name} was '
      'trained on that person; give weights that never saw who is held out, or a '
      f'folder with such a file for each fold{unnamed}')


def _check_inputs(file: pathlib.Path, declared: Declared, config, pool: Pool,
                  first: Declared) -> None:
  how = config['inputs']
  if how['kind'] != 'picture' or how['holds'] != declared.holds:
    raise InputError(
        f'model.weights: {file.name} takes pictures of {declared.holds}, and '
        f'inputs.kind={how["kind"]} with inputs.holds={how["holds"]} gives none; use '
        f'inputs.kind=picture and inputs.holds={declared.holds}')
  shape = pool.x.shape[2:]
  if shape != (declared.size, declared.size, len(declared.channels)):
    raise InputError(
        f'model.weights: {file.name} takes pictures of {declared.size} x '
        f'{declared.size} pixels with {counted(len(declared.channels), "channel")}, '
        f'and the run has {shape[1]} x {shape[0]} with {shape[2]}; set '
        f'inputs.size={declared.size}')
  if set(declared.classes) != set(pool.classes):
    raise InputError(
        f'model.weights: {file.name} tells {", ".join(declared.classes)} apart, and '
        f'the data have {", ".join(pool.classes)}')
  if (declared.scaling, declared.size) != (first.scaling, first.size):
    raise InputError(f'model.weights: {file.name} takes other inputs than the files '
                     'beside it; put weights of one kind into a folder')


def _origin(declared: Sequence[Declared], held_out: Mapping[str, Sequence[Person]]
            ) -> str:
  """What is known of whom the weights saw."""
  if any(one.trained_on is None for one in declared):
    return ('unknown: whom these weights were trained on is not stated, so the people '
            'held out here may be among them')
  seen = {person for one in declared for person in one.trained_on}
  origins = sorted({people.origin(*person) for person in seen})
  data_sets = ', '.join(filter(None, origins)) or 'data sets that it does not name'
  words = ('trained on '
           f'{counted(max(len(one.trained_on) for one in declared), "person")} of '
           f'{data_sets}; no person that a fold holds out is on its list')
  if any(not people.origin(*person) for persons in held_out.values()
         for person in persons):
    words += ('; the manifest does not say whose its people are, so whether they are '
              'there under other names is not known')
  if '' in origins:
    words += ('; the list does not say of which data set all of its people are, so '
              'whether they are held out under other names is not known')
  return words
