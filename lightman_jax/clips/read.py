"""A built data set is read into memory."""

import json
import pathlib
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from lightman_jax import bounded
from lightman_jax.clips.clipset import ClipSet, content_sha256
from lightman_jax.clips.sources import REPORT
from lightman_jax.errors import InputError

_OURS = 'tensorflow_datasets.core.features.'


def read(folder: pathlib.Path, *, progress=lambda stage, done, total: None) -> ClipSet:
  """Reads all clips of a built data set, sorted by id.

  `info` is the build's report, with `sha256` taken over what was read.

  Raises:
    InputError: it was not written by this program.
  """
  _check_features(folder)
  builder = tfds.builder_from_directory(folder)
  source = builder.as_data_source('full')
  examples = []
  for done in range(len(source)):
    progress('load', done, len(source))
    examples.append(source[done])
  examples.sort(key=lambda example: example['id'])
  progress('load', len(source), len(source))

  classes = tuple(builder.info.features['label'].names)
  frames = np.stack([example.pop('frames') for example in examples])
  landmarks = np.stack([example.pop('landmarks') for example in examples])
  label = np.array([example['label'] for example in examples], np.int32)
  clip, subject, emotion, kind = (
      tuple(example[name].decode() for example in examples)
      for name in ('id', 'subject', 'emotion', 'kind'))
  sha256 = content_sha256(
      zip(zip(clip, subject, emotion, kind), label, frames, landmarks), classes)
  report = folder / REPORT
  info = json.loads(report.read_text(encoding='utf-8')) if report.is_file() else {}
  return ClipSet(
      frames, landmarks, label, np.array([word == 'macro' for word in kind]), subject,
      clip, emotion, classes, {**info, 'sha256': sha256})


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
