"""Weights of a finished run that folds begin with, each from one that saw nobody of it.

The run must be of the same inputs and network, and say of each fold whom it saw.
"""

from collections.abc import Mapping, Sequence
import hashlib
import pathlib
from typing import Any

import jax
import numpy as np

from lightman_jax import bounded, registry, sections
from lightman_jax.configurations import defaults
from lightman_jax.data import duplicates, people
from lightman_jax.errors import InputError
from lightman_jax.experiment import finished
from lightman_jax.experiment.pretraining import (
  CLIPS,
  SEEN,
  Pretraining,
  SeenClip,
  name_clips,
)
from lightman_jax.experiment.published_start import Person, people_of
from lightman_jax.files import file_sha256
from lightman_jax.inputs.pool import Pool
from lightman_jax.models.network import Network, Params, check_clips
from lightman_jax.runs import reproducibility
from lightman_jax.tasks.folds import Fold
from lightman_jax.units import counted


def of_run(config: Mapping[str, Any], pool: Pool, folds: Sequence[Fold], dataset: str,
           net: Network) -> Pretraining:
  """The models of a finished run, each fold with one that saw none of its people.

  That of the same name where it fits, else the first that does.

  Args:
    config: complete; `pretrain.source` is the run's folder.
    pool: of the run that is to begin.
    folds: of it.
    dataset: name of its data set.
    net: of it.

  Raises:
    InputError: the run is of other inputs or another network, does not say whom it
      trained on, or saw somebody whom a fold holds out.
  """
  run = finished.open_run(config['pretrain']['source'])
  reproducibility.refuse_changed(run.path)
  _check_alike(config, run.settings, run.path)
  seen, models = _read_people(run.path), run.models
  clips, known = _compare_clips(config, pool, dataset, run, seen)
  if missing := sorted(seen.keys() - models.keys()):
    raise InputError(f'pretrain.source: {run.path} has no model of fold {missing[0]}, '
                     f'which {SEEN} names; make the run anew')
  chosen = {fold.held_out: _fitting(fold, people_of(config, pool, fold, dataset), seen,
                                      run) for fold in folds}
  classes = tuple(run.results['about']['clips_per_class'])
  # What is behind an embedding of another kind is drawn anew.
  projects = lambda settings: settings['method'].get('projection', 0)
  behind = projects(config) == projects(run.settings)
  kept = ('encoder', *(('projection',) if behind else ()),
          *(('head',) if behind and classes == pool.classes else ()))
  weights = {name: {part: models[name][part] for part in kept if part in models[name]}
             for name in sorted(set(chosen.values()))}
  if registry.is_outside(config['model']['encoder']):
    check_clips(net, pool.x.shape[1:], config['model']['encoder'])
  shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), pool.x.shape[1:]))
  for params in weights.values():
    _check_shapes(params, shapes, config['training']['members'], run.path)
  digest = hashlib.sha256()
  for x in jax.tree.leaves(weights):
    digest.update(np.ascontiguousarray(x))
  about = run.results['about']
  return Pretraining(
      {'source': 'a finished run', 'method': run.settings['method']['name'],
       'parts': ' and '.join(weights[next(iter(weights))]),
       'data_sha256': about['data_sha256'],
       'people': max(len(seen[name]) for name in weights)},
      digest.hexdigest(),
      lambda fold: weights[chosen[fold.held_out]],
      lambda fold: seen[chosen[fold.held_out]], clips=clips, known=known,
      trial=about.get('trial') or defaults.describe_trial(run.settings))


def _compare_clips(config: Mapping[str, Any], pool: Pool, dataset: str, run,
                   seen: Mapping[str, Sequence[Person]]
                   ) -> tuple[tuple[SeenClip, ...] | None, dict[str, list[str]]]:
  """The run's clips, None where it names none, and what is known of who is in both.

  Raises:
    InputError: a clip here is one there under the name of somebody else.
  """
  there, complete = _read_clips(run.path)
  here = name_clips(config, pool, np.ones(len(pool.clips), bool), dataset)
  everyone = sorted({person for persons in seen.values() for person in persons})
  unknown = people.describe_overlap(
      [(one.dataset, one.person) for one in here], everyone,
      beside='weights')['not_known']
  stored = [f'data.{name}' for name in ('frames', 'size')
            if config['data'][name] != run.settings.get('data', {}).get(name)]
  if not complete or stored or not pool.frames_sha256:
    why = (f'another {stored[0]} stores them otherwise' if complete and stored
           else f'hashes of them are not kept ({CLIPS})')
    unknown.append('whether a clip here is one under another name that the weights '
                   f'which folds begin with have seen was not compared: {why}')
  by_frames: dict[str, list[SeenClip]] = {}
  for one in there:
    by_frames.setdefault(one.frames_sha256, []).append(one)
  name = lambda one: '/'.join(people.identify(one.dataset, one.person))
  repeats = [
      duplicates.Repeat((one.clip, other.clip), (name(one), name(other)), 'the frames')
      for one in here if one.frames_sha256
      for other in by_frames.get(one.frames_sha256, ())
      if not people.may_be_one((one.dataset, one.person),
                               (other.dataset, other.person))]
  meant = duplicates.check_repeats(repeats, config['data']['repeated_clips'],
                                   place=f'pretrain.source={run.path}')
  return there if complete else None, {
      'not_known': unknown, **({'as_set': [*meant]} if meant else {})}


def _read_clips(path: pathlib.Path) -> tuple[tuple[SeenClip, ...], bool]:
  """The clips that a finished run may have trained on, and whether these are all."""
  try:
    hashes = bounded.read_json(path / reproducibility.NAME)['files']
    if CLIPS not in hashes and not (path / CLIPS).exists():
      return (), False      # of an earlier version
    stated = _read_stated(path, CLIPS)
    rows, complete = stated['clips'], stated['complete'] is True
    if not all(isinstance(row, list) and [*map(type, row)] == [str] * 4
               for row in rows):
      raise ValueError('it is not clip, data set, person and hash by clip')
  except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
    raise InputError(
        f'pretrain.source: {path} does not say which clips it was trained on '
        f'({CLIPS}: {registry.describe(error)}); make the run anew') from None
  return tuple(SeenClip(*row) for row in rows), complete


def _read_stated(path: pathlib.Path, name: str) -> Any:
  """What a run's file of JSON holds, whose hash the run states."""
  hashes = bounded.read_json(path / reproducibility.NAME)['files']
  if hashes[name] != file_sha256(path / name):
    raise ValueError('it is not what the run wrote')
  return bounded.read_json(path / name, bounded.MOST_BYTES)


def _read_people(path: pathlib.Path) -> dict[str, tuple[Person, ...]]:
  """Whom each fold of a finished run was trained on, as the run wrote it."""
  try:
    seen = _read_stated(path, SEEN)
    pairs = [pair for persons in seen.values() for pair in persons]
    if not all(isinstance(persons, list) for persons in seen.values()) or not all(
        isinstance(pair, list) and [*map(type, pair)] == [str, str] for pair in pairs):
      raise ValueError('it is not pairs of data set and person by fold')
  except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
    raise InputError(
        f'pretrain.source: {path} does not say whom its folds were trained on '
        f'({SEEN}: {registry.describe(error)}); make the run anew') from None
  return {name: tuple(map(tuple, persons)) for name, persons in seen.items()}


def _check_shapes(params: Params, shapes: Any, members: int, path: pathlib.Path
                  ) -> None:
  """Arrays of a run are those of the network here, or one of each member."""
  flat = lambda tree: {jax.tree_util.keystr(place): x.shape
                       for place, x in jax.tree.leaves_with_path(tree)}
  theirs, mine = flat(params), flat({name: shapes[name] for name in params})
  for name in sorted(theirs.keys() | mine.keys()):
    one, other = theirs.get(name), mine.get(name)
    if other is None or one not in (other, (members, *other)):
      raise InputError(f'pretrain.source: {name} is of shape {one} in {path} and '
                       f'{other} here; give clips and a network of the same kind')


def _check_alike(config: Mapping[str, Any], other: Mapping[str, Any],
                 path: pathlib.Path) -> None:
  """Weights fit a network and inputs like those that they were trained in."""
  computed = ('conv', 'precision', 'matmul_precision')
  # What a run before a setting was there did: its default, which changes nothing.
  usual = {'inputs': defaults.base()['inputs'].to_dict(), 'model': {
      name: option.default for name, option in sections.options_of(
          'encoder', config['model']['encoder']).items()}}
  for section in ('model', 'inputs'):
    for name, value in config[section].items():
      before = other[section].get(name, usual[section].get(name))
      if name not in computed and before != value:
        raise InputError(
            f'pretrain.source: {section}.{name} is {before!r} in {path} and {value!r} '
            'here; give both the same')
  # How much of a clip there is, where the inputs do not say so themselves.
  whole = config['inputs']['span'] == 'each' and config['inputs']['kind'] != 'picture'
  fixed = config['inputs']['size'] or config['inputs']['kind'] == 'landmarks'
  for section, name in (('macro', 'only'), *[('data', 'frames')] * whole,
                        *[('data', 'size')] * (not fixed)):
    value, before = config[section][name], other.get(section, {}).get(name)
    if before != value:
      raise InputError(
          f'pretrain.source: {section}.{name} is {before!r} in {path} and {value!r} '
          'here; give both the same')
  members = other.get('training', {}).get('members', 1)
  if members not in (1, config['training']['members']):
    raise InputError(
        f'pretrain.source: each fold of {path} has {counted(members, "model")} '
        f'(training.members) and here {config["training"]["members"]}; give both the '
        'same')


def _fitting(fold: Fold, persons: Sequence[Person],
             seen: Mapping[str, Sequence[Person]], run) -> str:
  """The run's fold whose weights saw none of these people."""
  first = None
  for name in sorted(seen, key=lambda name: (name != fold.held_out, name)):
    person = next((person for person in persons for other in seen[name]
                   if people.may_be_one(person, other)), None)
    if person is None:
      return name
    first = first or person
  raise InputError(
      f'pretrain.source: fold {fold.held_out} holds out '
      f'{"/".join(people.identify(*first))}, and every model of {run.path} was trained '
      'on that person; give a run whose folds hold out these people, or none of them')
