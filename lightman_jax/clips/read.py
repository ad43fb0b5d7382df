"""A built data set is checked and read: all but frames and landmarks into memory."""

import pathlib
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from lightman_jax import bounded
from lightman_jax.clips.clipset import (
  ClipSet,
  content_sha256,
  described,
  frames_sha256,
)
from lightman_jax.clips.records import Records
from lightman_jax.clips.sources import REPORT
from lightman_jax.errors import InputError

_OURS = 'tensorflow_datasets.core.features.'


def read(folder: pathlib.Path, *, progress=lambda stage, done, total: None) -> ClipSet:
  """Reads a built data set, sorted by clip id; frames and landmarks stay in its files.

  `info` is the build's report, with `sha256` taken over what was read.

  Raises:
    InputError: it was not written by this program.
  """
  _check_features(folder)
  builder = tfds.builder_from_directory(folder)
  source = builder.as_data_source('full')
  count = len(source)

  def example(place, done):
    progress('load', done, 2 * count)
    return source[place]

  # Twice, one at a time: the content is hashed by id, and files have another order.
  told = [_told(example(place, place)) for place in range(count)]
  places = np.array(sorted(range(count), key=lambda place: told[place][0]))
  clip, subject, emotion, kind, label, dataset = zip(
      *(told[place] for place in places))
  classes, hashes = tuple(builder.info.features['label'].names), []

  def content():
    for number, place in enumerate(places, count):
      one = example(place, number)
      hashes.append(frames_sha256(one['frames']))
      clip, subject, emotion, kind, label, dataset = _told(one)
      words = described(clip, subject, emotion, kind, dataset, whole=builder.name)
      yield words, label, one['frames'], one['landmarks']

  sha256 = content_sha256(content(), classes)
  progress('load', 2 * count, 2 * count)
  report = folder / REPORT
  info = bounded.read_json(report) if report.is_file() else {}
  return ClipSet(
      Records(folder, source, places, 'frames'),
      Records(folder, source, places, 'landmarks'), np.array(label, np.int32),
      np.array([word == 'macro' for word in kind]), subject, clip, emotion, classes,
      {**info, 'sha256': sha256}, dataset, tuple(hashes))


def _told(example: dict[str, Any]) -> tuple[str, str, str, str, int, str]:
  """What is held of every clip: id, subject, emotion, kind, label and data set."""
  words = (example[name].decode() for name in ('id', 'subject', 'emotion', 'kind'))
  return *words, example['label'], example['dataset'].decode()


def _check_features(folder: pathlib.Path) -> None:
  """TFDS imports whatever module a data set's description names."""
  path = folder / 'features.json'
  try:
    names = list(_class_names(bounded.read_json(path)))
  except (OSError, ValueError) as error:
    raise InputError(f'{path} cannot be read ({error}); delete {folder}, then repeat '
                     'the command.') from error
  for name in names:
    if not (isinstance(name, str) and name.startswith(_OURS)):
      raise InputError(f'{path} names {name!r}, which is no feature of this program: '
                       f'nothing of it is loaded; delete {folder}, then repeat the '
                       'command.')


def _class_names(value: Any):
  """All class names of a description, in each of the spellings that TFDS takes."""
  for name, part in value.items() if isinstance(value, dict) else ():
    if name in ('pythonClassName', 'python_class_name', 'type'):
      yield part
    elif name in ('jsonFeature', 'json_feature'):
      yield name                # holds such a description as text
    yield from _class_names(part)
  for part in value if isinstance(value, list) else ():
    yield from _class_names(part)
