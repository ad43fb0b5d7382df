"""A built data set: what every later stage starts from."""

from collections.abc import Iterable
import hashlib
import json
from typing import Any, NamedTuple

from jaxtyping import Bool, Float32, Int32, UInt8
import numpy as np

from lightman_jax.clips.records import Records


class ClipSet(NamedTuple):
  """N clips of T frames, micro and macro in one pool, sorted by clip id.

  Strings are tuples of length N; frames and landmarks of a built data set stay in its
  files. `info` holds what a result must name: data set, builder configuration, class
  set, label sheet and its hash, clips left out with reasons, and `sha256` over the
  content.
  """
  frames: UInt8[np.ndarray, 'N T H W C'] | Records      # onset first, apex midway
  landmarks: Float32[np.ndarray, 'N T 68 2'] | Records  # pixels of a frame; NaN unknown
  label: Int32[np.ndarray, 'N']                # index into `classes`; -1 where none
  macro: Bool[np.ndarray, 'N']
  subject: tuple[str, ...]
  clip: tuple[str, ...]
  emotion: tuple[str, ...]
  classes: tuple[str, ...]
  info: dict[str, Any]


def content_sha256(
    clips: Iterable[tuple[tuple[str, ...], int, np.ndarray, np.ndarray]],
    classes: tuple[str, ...],
) -> str:
  """Returns the SHA-256 over the content of clips, in hexadecimal.

  Args:
    clips: for each, sorted by id: (id, subject, emotion, kind), label, frames and
      landmarks.
    classes: the names of the labels.
  """
  digest = hashlib.sha256(json.dumps(classes).encode())
  for words, label, frames, landmarks in clips:
    digest.update(json.dumps([*words, int(label), frames.shape]).encode())
    digest.update(np.ascontiguousarray(frames, np.uint8))
    digest.update(np.ascontiguousarray(landmarks, np.float32))
  return digest.hexdigest()
