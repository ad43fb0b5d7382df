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
  files. A person is a subject of a data set; see `clips.people`. `info` holds what a
  result must name: data set, builder configuration, class set, label sheet and its
  hash, clips left out with reasons, what settings say is meant, and `sha256` over the
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
  dataset: tuple[str, ...] = ()      # of each clip; () where all are `info['dataset']`
  content: tuple[str, ...] = ()      # each clip's `frames_sha256`; () where unknown

  @property
  def datasets(self) -> tuple[str, ...]:
    """The data set of each clip."""
    return self.dataset or (self.info.get('dataset', ''),) * len(self.clip)


def content_sha256(
    clips: Iterable[tuple[tuple[str, ...], int, np.ndarray, np.ndarray]],
    classes: tuple[str, ...],
) -> str:
  """Returns the SHA-256 over the content of clips, in hexadecimal.

  Args:
    clips: for each, sorted by id: what `described` returns, label, frames and
      landmarks.
    classes: the names of the labels.
  """
  digest = hashlib.sha256(json.dumps(classes).encode())
  for words, label, frames, landmarks in clips:
    digest.update(json.dumps([*words, int(label), frames.shape]).encode())
    digest.update(np.ascontiguousarray(frames, np.uint8))
    digest.update(np.ascontiguousarray(landmarks, np.float32))
  return digest.hexdigest()


def described(clip: str, subject: str, emotion: str, kind: str, dataset: str, *,
              whole: str) -> tuple[str, ...]:
  """Returns what the hash over the content covers of a clip, beside its pixels.

  Args:
    clip, subject, emotion, kind: as in a `ClipSet`.
    dataset: that the clip belongs to; covered where neither the whole nor the
      subject's name says it.
    whole: name of the data set that is built.
  """
  said = dataset == whole or subject.startswith(f'{dataset}/')
  return (clip, subject, emotion, kind, *(() if said else (dataset,)))


def frames_sha256(frames: UInt8[np.ndarray, 'T H W C']) -> str:
  """Returns a hash of a clip's frames; '' where each is of one colour and shows nobody.

  Of 128 bits, for a data set may have millions of clips.
  """
  if (frames == frames[:, :1, :1]).all():
    return ''
  return hashlib.sha256(np.ascontiguousarray(frames, np.uint8)).hexdigest()[:32]
