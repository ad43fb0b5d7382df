"""What of a protocol can be told from settings and sheets, before clips are read."""

from collections.abc import Mapping
from typing import Any

from lightman_jax.data import people
from lightman_jax.data.choice import choose
from lightman_jax.data.facts import COMPOSITES, MEGC2019
from lightman_jax.data.manifest import read_manifest
from lightman_jax.data.sources import Missing, manifest_path
from lightman_jax.data.spellings import misspelt
from lightman_jax.errors import InputError
from lightman_jax.settings import is_multi_label
from lightman_jax.units import counted


def check_protocol(config: Mapping[str, Any]) -> None:
  """Refuses a protocol that a run's data set cannot have, whatever its clips are.

  `tasks.folds.make_folds` looks at the clips themselves, minutes later.

  Args:
    config: complete and nested; its data are there, see `sources.check_present`.

  Raises:
    InputError: names the protocol, the data set, and what to use instead.
  """
  episodes, name = config['episodes'], config['data']['name']
  protocol = episodes['protocol']
  across = protocol in ('leave_one_dataset_out', 'cross_dataset')
  if across and len(_data_sets(config['data'])) < 2:
    raise InputError(
        f'episodes.protocol={protocol} needs two data sets or more, and '
        f'{name} is one: take a composite such as {", ".join(COMPOSITES)}, or a '
        'manifest with people of several data sets, or use episodes.protocol=loso')
  if protocol == 'cross_dataset' and people.fold_dataset(
      episodes['train_on']) not in map(people.fold_dataset, _data_sets(config['data'])):
    raise InputError(
        f'episodes.train_on={episodes["train_on"]} is no data set of {name}, which is '
        f'made of {", ".join(sorted(_data_sets(config["data"])))}; name one of these')
  if protocol == 'megc2019' and name != MEGC2019.name:
    raise InputError(
        f'episodes.protocol=megc2019 is for the data set {MEGC2019.name}, and this is '
        f'{name}; use episodes.protocol=loso')
  if (name == 'manifest' and protocol in ('loso', 'kfold')
      and not config['macro']['only'] and not is_multi_label(config)):
    _check_people(config)
  subjects = config['data']['synthetic']['subjects']
  if name == 'synthetic' and protocol == 'kfold' and subjects < episodes['folds']:
    raise InputError(f'episodes.folds is {episodes["folds"]} and there are {subjects} '
                     'synthetic people; use fewer folds')


def _check_people(config: Mapping[str, Any]) -> None:
  """Refuses a manifest with a label of one or two people, before its clips are read.

  Whoever of them is held out, a task needs two others, one for its support and one for
  its query.
  """
  try:
    path = manifest_path(choose(config['data']))
  except Missing:
    return                     # of an earlier build, which a run has used before
  people_of: dict[str, set[tuple[str, str]]] = {}
  for entry in read_manifest(path):
    if entry.kind == 'micro':
      people_of.setdefault(entry.label, set()).add((entry.dataset, entry.subject))
  everyone = set().union(*people_of.values())
  for label, subjects in people_of.items():
    if len(subjects) < 3 <= len(everyone):
      near = misspelt(label, people_of)
      raise InputError(
          f'{path}: the label {label!r} is of {counted(len(subjects), "person")} alone'
          ', and whoever of them is held out, a task needs two others, one for its '
          f'support and one for its query; '
          + (f'is {near!r} meant?' if near else 'leave its clips out, or add people'))


def _data_sets(data: Mapping[str, Any]) -> set[str]:
  """Names of the data sets whose micro-expressions a run takes.

  A manifest says whose they are in a column, or before the subject, as smic/s01.
  """
  if data['name'] in COMPOSITES:
    return set(COMPOSITES[data['name']].parts)
  if data['name'] != 'manifest':
    return {data['name']}
  entries = [entry for entry in read_manifest(manifest_path(choose(data)))
             if entry.kind == 'micro']
  return {people.fold_dataset(people.origin(entry.dataset, entry.subject))
          for entry in entries} - {''}
