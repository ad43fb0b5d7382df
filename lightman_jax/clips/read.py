"""A built data set is read into memory."""

import json
import pathlib

import numpy as np
import tensorflow_datasets as tfds

from lightman_jax.clips.clipset import ClipSet, content_sha256
from lightman_jax.clips.sources import REPORT


def read(folder: pathlib.Path, *, progress=lambda stage, done, total: None) -> ClipSet:
  """Reads all clips of a built data set, sorted by id.

  `info` is the build's report, with `sha256` taken over what was read.
  """
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
