"""The two neural networks that find faces: which files they are, and where they lie.

Both come out of the wheel of mediapipe 0.10.21 (Apache-2.0), the last release that
holds them; nothing else of mediapipe is used.
"""

from collections.abc import Mapping
import hashlib
import os
import pathlib
from typing import NamedTuple

from lightman_jax import places
from lightman_jax.errors import InputError

FETCH = 'python -m lightman_jax fetch'
WHEEL = 'mediapipe==0.10.21'


class Graph(NamedTuple):
  """A file of weights: its place inside the wheel, and what its content must be."""
  member: str
  sha256: str

  @property
  def name(self) -> str:
    """The file's own name."""
    return self.member.rsplit('/', 1)[-1]


DETECTOR = Graph(
    'mediapipe/modules/face_detection/face_detection_short_range.tflite',
    'bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8')
MESH = Graph(
    'mediapipe/modules/face_landmark/face_landmark.tflite',
    '1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814')
GRAPHS = (DETECTOR, MESH)


def default_folder() -> pathlib.Path:
  """`$XDG_DATA_HOME`, or `~/.local/share`, and our name."""
  return places.standard('XDG_DATA_HOME') / 'lightman_jax' / 'models'


def present(folder: str | os.PathLike = '') -> bool:
  """Whether both files lie in a folder; '' is the default one."""
  place = places.expand(folder or default_folder())
  return all((place / graph.name).is_file() for graph in GRAPHS)


def locate(folder: str | os.PathLike = '') -> Mapping[Graph, pathlib.Path]:
  """Where both files are, after a look at their content.

  Args:
    folder: where they lie; '' is `default_folder`.

  Raises:
    InputError: a file is not there, or is another one than these.
  """
  place = places.expand(folder or default_folder())
  found = {}
  for graph in GRAPHS:
    found[graph] = place / graph.name
    try:
      content = found[graph].read_bytes()
    except OSError as error:
      raise InputError(
          f'{found[graph]}, which finds faces, cannot be read '
          f'({error.strerror}): run "{FETCH}" once, or give the folder that holds it, '
          'or use cropped frames') from error
    check(graph, content, found[graph])
  return found


def check(graph: Graph, content: bytes, place: str | os.PathLike) -> None:
  """Refuses a file that is not the one whose errors were measured.

  Raises:
    InputError: the checksum differs.
  """
  digest = hashlib.sha256(content).hexdigest()
  if digest != graph.sha256:
    raise InputError(f'{place} is not the {graph.name} of {WHEEL}: its SHA-256 begins '
                     f'with {digest[:12]} instead of {graph.sha256[:12]}; remove it '
                     f'and run "{FETCH}"')
