"""A built data set: checked, and read as far as it fits into memory.

Frames and landmarks stay in its files: where clips are many they do not fit into
memory, and hardly anybody needs more than one clip at a time. Inputs are made of them
once, and kept.
"""

from collections.abc import Iterable, Sequence
import hashlib
import json
import pathlib
from typing import Any, NamedTuple

from jaxtyping import Bool, Float32, Int32, UInt8
import numpy as np

from lightman_jax import bounded
from lightman_jax.data.sources import REPORT
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.units import counted, listed

# Frames and landmarks that stay in a built data set's files until they are asked for.


class Records:
  """One field of N clips, in place of an array (N, ...); what is indexed is clips."""

  def __init__(self, folder: pathlib.Path, source: Sequence, places: np.ndarray,
               field: str, first: np.ndarray):
    """Clips of the data set in `folder`, by their places in its source of examples.

    Args:
      folder: of one version of a built data set.
      source: its examples.
      places: of the N clips among them.
      field: of an example.
      first: that of any clip, for shape and type.
    """
    self._folder, self._source, self.places, self._field = (
        folder, source, places, field)
    self.shape, self.dtype = (len(places), *first.shape), first.dtype

  def __repr__(self) -> str:
    return f'<Records {self._field}: {self.dtype}{list(self.shape)} in files>'

  def __len__(self) -> int:
    return len(self.places)

  def __getitem__(self, index) -> np.ndarray:
    """One clip, or several.

    Raises:
      InputError: the files cannot be read.
    """
    if isinstance(index, tuple):
      raise TypeError('a part of a clip is taken from the clip: x[number][part]')
    places = self.places[index].tolist()
    if isinstance(places, int):
      return self._read(places)
    out = np.empty((len(places), *self.shape[1:]), self.dtype)
    for number, place in enumerate(places):
      out[number] = self._read(place)
    return out

  def __array__(self, dtype=None, copy=None):
    return self[:] if dtype is None else self[:].astype(dtype)

  def beside(self, field: str) -> list:
    """Another field of these clips, such as 'fps'; decodes each of them."""
    other = Records(self._folder, self._source, self.places, field, np.zeros(1))
    return [other._read(place) for place in self.places.tolist()]

  def _read(self, place: int) -> Any:
    try:
      return self._source[place][self._field]
    except MemoryError:
      raise
    except Exception as error:    # what reads records fails in any way on damaged ones
      raise InputError(f'clips cannot be read from {self._folder} any more ({error}); '
                       'see to the disk and give the same command again') from error


# A built data set: what every later stage starts from.


class ClipSet(NamedTuple):
  """N clips of T frames, micro and macro in one pool, sorted by clip id.

  Strings are tuples of length N; frames and landmarks of a built data set stay in its
  files. A person is a subject of a data set; see `data.people`. `info` holds what a
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
  action_units: tuple[str, ...] = ()     # each clip's cell of the sheet; () if unknown

  def __repr__(self) -> str:
    people = len(set(zip(self.datasets, self.subject)))
    return (f'<ClipSet {self.info.get("dataset", "")}: '
            f'{counted(len(self.clip), "clip")} {(*self.frames.shape[1:],)} of '
            f'{counted(people, "person")}; {listed(self.classes)}>')

  @property
  def datasets(self) -> tuple[str, ...]:
    """The data set of each clip."""
    return self.dataset or (self.info.get('dataset', ''),) * len(self.clip)

  @property
  def table(self) -> dict[str, np.ndarray]:
    """A row a clip, as columns by name: what pandas and polars take as a data frame.

    Returns:
      clip, dataset, subject, emotion, kind (micro or macro) and class ('' where a
      clip has none) as texts, label as (N,) int32; each of length N.

    Example:
      >>> pandas.DataFrame(clips.table).groupby('subject').size()    # doctest: +SKIP
    """
    named = (*self.classes, '')           # of -1, which is the last
    return {'clip': np.array(self.clip), 'dataset': np.array(self.datasets),
            'subject': np.array(self.subject), 'emotion': np.array(self.emotion),
            'kind': np.where(self.macro, 'macro', 'micro'),
            'class': np.array([named[k] for k in self.label]),
            'label': np.asarray(self.label)}


def content_sha256(
    clips: Iterable[tuple[tuple[str, ...], int, np.ndarray, np.ndarray]],
    classes: tuple[str, ...],
) -> str:
  """Returns the SHA-256 over the content of clips, in hexadecimal.

  Args:
    clips: for each, sorted by id: what `hashed_words` returns, label, frames and
      landmarks.
    classes: the names of the labels.
  """
  digest = hashlib.sha256(json.dumps(classes).encode())
  for words, label, frames, landmarks in clips:
    digest.update(json.dumps([*words, int(label), frames.shape]).encode())
    digest.update(np.ascontiguousarray(frames, np.uint8))
    digest.update(np.ascontiguousarray(landmarks, np.float32))
  return digest.hexdigest()


def hashed_words(clip: str, subject: str, emotion: str, kind: str, dataset: str, *,
                 whole: str) -> tuple[str, ...]:
  """Returns what the hash over the content covers of a clip, beside its pixels.

  Args:
    clip, subject, emotion, kind: as in a `ClipSet`.
    dataset: that the clip belongs to; covered where neither the whole nor the
      subject's name says it.
    whole: name of the data set that is built.
  """
  implied = dataset == whole or subject.startswith(f'{dataset}/')
  return (clip, subject, emotion, kind, *(() if implied else (dataset,)))


def frames_sha256(frames: UInt8[np.ndarray, 'T H W C']) -> str:
  """Returns a hash of a clip's frames; '' where each is of one colour and shows nobody.

  Of 128 bits, for a data set may have millions of clips.
  """
  if (frames == frames[:, :1, :1]).all():
    return ''
  return hashlib.sha256(np.ascontiguousarray(frames, np.uint8)).hexdigest()[:32]


# A built data set is checked and read: all but frames and landmarks into memory.

_OURS = 'tensorflow_datasets.core.features.'
ORDER = 'order.json'


def read_data_set(folder: pathlib.Path, *, progress=lambda stage, done, total: None
                  ) -> ClipSet:
  """Reads a built data set, sorted by clip id; frames and landmarks stay in its files.

  `info` is the build's report, with `sha256` taken over what was read. Every clip is
  decoded once where `write_order` has been called, else twice.

  Args:
    folder: of one version of a built data set.
    progress: called with 'load', how much is done, and of how much.

  Raises:
    InputError: it was not written by this program.
    ValueError: it is not whole.
  """
  import tensorflow_datasets as tfds  # not above: what only predicts has none
  _check_features(folder)
  builder = tfds.builder_from_directory(folder)
  source = builder.as_data_source('full')
  ids = _read_order(folder)
  steps = len(source) * (1 if ids else 2)
  done = iter(range(steps))

  def example(place):
    progress('load', next(done), steps)
    return source[place]

  # One at a time: the content is hashed by id, and files have another order.
  ids = ids or [_read_identity(example(place))[0] for place in range(len(source))]
  places = np.array(sorted(range(len(source)), key=ids.__getitem__))
  classes = tuple(builder.info.features['label'].names)
  identities, hashes, units, one = [], [], [], {}

  def content():
    nonlocal one
    for place in places:
      one = example(place)
      identities.append(_read_identity(one))
      clip, subject, emotion, kind, label, dataset = identities[-1]
      if clip != ids[place]:
        raise ValueError(f'{folder / ORDER} is not of these records')
      hashes.append(frames_sha256(one['frames']))
      units.append(one['action_units']['raw'].decode())
      words = hashed_words(clip, subject, emotion, kind, dataset, whole=builder.name)
      yield words, label, one['frames'], one['landmarks']

  sha256 = content_sha256(content(), classes)
  progress('load', steps, steps)
  clip, subject, emotion, kind, label, dataset = zip(*identities)
  return ClipSet(
      Records(folder, source, places, 'frames', one['frames']),
      Records(folder, source, places, 'landmarks', one['landmarks']),
      np.array(label, np.int32),
      np.array([word == 'macro' for word in kind]), subject, clip, emotion, classes,
      {**_read_report(folder), 'sha256': sha256}, dataset, tuple(hashes),
      tuple(units))


def write_order(folder: pathlib.Path, clips: ClipSet) -> None:
  """Leaves beside a data set which clip each record holds, for those who read it next.

  Args:
    folder: of one version of a built data set.
    clips: as `read_data_set` returned them.
  """
  ids = [clip for _, clip in sorted(zip(clips.frames.places.tolist(), clips.clip))]
  with write_atomically(folder / ORDER) as file:
    json.dump(ids, file)


def _read_order(folder: pathlib.Path) -> list[str]:
  """The ids of the clips in the order of the records; [] where it is not known."""
  try:
    ids = bounded.read_json(folder / ORDER)
  except (OSError, ValueError):
    return []
  return ids if isinstance(ids, list) and all(isinstance(i, str) for i in ids) else []


def _read_report(folder: pathlib.Path) -> dict[str, Any]:
  report = folder / REPORT
  return bounded.read_json(report) if report.is_file() else {}


def _read_identity(example: dict[str, Any]) -> tuple[str, str, str, str, int, str]:
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
