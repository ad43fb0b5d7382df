"""Faces are found in pictures, and 68 landmarks on them, without a network connection.

Two graphs run in OpenCV's own importer. BlazeFace finds a face and its eyes (Bazarevsky
et al. 2019, "BlazeFace: sub-millisecond neural face detection on mobile GPUs"; the
short-range graph, whose picture is 128 x 128 and holds 896 anchors). A second graph
puts a mesh of 468 points on it (Kartynnik et al. 2019). Both come out of the wheel of
mediapipe 0.10.21 (Apache-2.0), the last release that holds them; nothing else of
mediapipe is used. Coordinates are (x, y) in pixels, pixel centres at whole numbers.
"""

from collections.abc import Iterable, Iterator, Mapping
import functools
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import NamedTuple
import zipfile
import zlib

import cv2
from jaxtyping import Bool, Float, Float32, UInt8
import numpy as np

from lightman_jax import places
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks
from lightman_jax.files import write_atomically

# The two neural networks that find faces: which files they are, and where they lie.

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


def has_graphs(folder: str | os.PathLike = '') -> bool:
  """Whether both files lie in a folder; '' is the default one."""
  place = places.expand(folder or default_folder())
  return all((place / graph.name).is_file() for graph in GRAPHS)


def locate_graphs(folder: str | os.PathLike = '') -> Mapping[Graph, pathlib.Path]:
  """Where both files are, after a look at their content.

  Args:
    folder: where they lie; '' is `default_folder`.

  Raises:
    InputError: a file is not there, or is another one than these.
  """
  place = places.expand(folder or default_folder())
  paths = {}
  for graph in GRAPHS:
    paths[graph] = place / graph.name
    try:
      content = paths[graph].read_bytes()
    except OSError as error:
      raise InputError(
          f'{paths[graph]}, which finds faces, cannot be read '
          f'({error.strerror}): run "{FETCH}" once, or give the folder that holds it, '
          'or use cropped frames') from error
    check_graph(graph, content, paths[graph])
  return paths


def check_graph(graph: Graph, content: bytes, place: str | os.PathLike) -> None:
  """Refuses a file that is not the one whose errors were measured.

  Args:
    graph: which file it should be.
    content: its bytes.
    place: its path, for the message.

  Raises:
    InputError: the checksum differs.
  """
  digest = hashlib.sha256(content).hexdigest()
  if digest != graph.sha256:
    raise InputError(f'{place} is not the {graph.name} of {WHEEL}: its SHA-256 begins '
                     f'with {digest[:12]} instead of {graph.sha256[:12]}; remove it '
                     f'and run "{FETCH}"')


# BlazeFace: where in a picture a face is, how large and how turned.

_DETECTOR_SIDE = 128
_GRIDS = ((16, 2), (8, 6))      # cells a side, anchors a cell
_LEAST_SCORE = .5
_OVERLAP = .3                   # boxes that share more than this are one face
VIEWS = (1., 2., .6)
"""Sides of what is looked at, in longer sides of the picture: as it is; with a margin,
for faces that fill it; its middle, for small ones."""


class Face(NamedTuple):
  """A detection, in pixels of the picture; `angle` in radians, from x towards y."""
  x: float
  y: float
  side: float
  angle: float
  score: float


def _anchors() -> np.ndarray:
  centres = []
  for cells, count in _GRIDS:
    middle = (np.arange(cells) + .5) / cells
    y, x = np.meshgrid(middle, middle, indexing='ij')
    centres.append(np.repeat(np.stack([x, y], -1).reshape(-1, 2), count, axis=0))
  return np.concatenate(centres)


_ANCHORS = _anchors()


def detect_face(net: cv2.dnn.Net, picture: UInt8[np.ndarray, 'h w 3'], *, view: float
                ) -> Face | None:
  """The most prominent face, or None.

  Args:
    net: the graph.
    picture: RGB.
    view: one of `VIEWS`; what lies outside of the picture is black.
  """
  return next(detect_faces(net, picture, view=view), None)


def detect_faces(net: cv2.dnn.Net, picture: UInt8[np.ndarray, 'h w 3'], *, view: float
                 ) -> Iterator[Face]:
  """Every face, the most prominent first.

  Args:
    net: the graph.
    picture: RGB.
    view: one of `VIEWS`; what lies outside of the picture is black.
  """
  height, width = picture.shape[:2]
  side = view * max(height, width)
  cut = _square(picture, side)
  net.setInput((cut.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None])
  outputs = net.forward(net.getUnconnectedOutLayersNames())
  logits, values = sorted(outputs, key=lambda output: output.size)
  score = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -80, 80).astype(np.float64)))
  keep = score >= _LEAST_SCORE
  # Each row: centre, size, then six points: the eyes first, the picture's left before.
  rows = values.reshape(-1, 8, 2)[keep].astype(np.float64) / _DETECTOR_SIDE
  rows[:, [0, 2, 3, 4, 5, 6, 7]] += _ANCHORS[keep][:, None]
  score = score[keep]
  while len(rows):
    merged, same = _merged(rows, score)
    (x, y), (w, h), left, right = merged[:4]
    angle = float(np.arctan2(right[1] - left[1], right[0] - left[0]))
    yield Face(float(.5 * width + (x - .5) * side),
               float(.5 * height + (y - .5) * side), float(max(w, h) * side), angle,
               float(score.max()))
    rows, score = rows[~same], score[~same]


def _square(picture: np.ndarray, side: float) -> np.ndarray:
  """The square about the picture's middle, brought to the size of the graph."""
  height, width = picture.shape[:2]
  scale = _DETECTOR_SIDE / side
  whole = max(1, round(width * scale)), max(1, round(height * scale))
  small = cv2.resize(picture, whole, interpolation=cv2.INTER_AREA if scale < 1
                     else cv2.INTER_LINEAR)
  scale_x, scale_y = small.shape[1] / width, small.shape[0] / height
  move = np.array([[1., 0., .5 * _DETECTOR_SIDE - .5 * width * scale_x],
                   [0., 1., .5 * _DETECTOR_SIDE - .5 * height * scale_y]])
  return cv2.warpAffine(small, move, (_DETECTOR_SIDE, _DETECTOR_SIDE),
                        flags=cv2.INTER_LINEAR)


def _merged(rows: Float[np.ndarray, 'n 8 2'], score: Float[np.ndarray, 'n']
            ) -> tuple[Float[np.ndarray, '8 2'], Bool[np.ndarray, 'n']]:
  """The mean, weighted by score, of all boxes that overlap the most prominent one.

  Also which these are.
  """
  low, high = rows[:, 0] - .5 * rows[:, 1], rows[:, 0] + .5 * rows[:, 1]
  area = np.prod(high - low, axis=1)
  best = int(np.argmax(area * score))
  inside = np.minimum(high, high[best]) - np.maximum(low, low[best])
  shared = np.prod(np.maximum(inside, 0), axis=1)
  same = shared / (area + area[best] - shared) > _OVERLAP
  weight = np.where(same, score, 0)
  return np.tensordot(weight / weight.sum(), rows, 1), same


LEAST_SCORE = .5          # below it a mesh lies on no face
_MESH_SIDE = 192               # of the picture that the mesh is fitted to
_MARGIN = 1.5             # side of that picture's square in sides of a face
_PASSES = 2               # the square is taken anew from the mesh before it
# Squares of these sizes give meshes that are averaged. On synthetic clips this takes a
# fifth off the error of how far landmarks moved; three times as many, a tenth more.
_SHARES = (.92, 1., 1.08)
_EYES = (33, 263)         # outer corners, in the mesh


class Model(NamedTuple):
  """The two graphs. One process, one thread: OpenCV's networks are not shared."""
  detect: cv2.dnn.Net
  mesh: cv2.dnn.Net


class Square(NamedTuple):
  """A turned square of a picture; `angle` in radians, from x towards y."""
  x: float
  y: float
  side: float
  angle: float


def load_model(folder: str | os.PathLike = '') -> Model:
  """The graphs from a folder, '' being `default_folder`; kept once loaded.

  Args:
    folder: that holds the two files.

  Raises:
    InputError: the files are not there (`python -m lightman_jax fetch` brings them),
      or are not the right ones.
  """
  return _load(os.fspath(folder or default_folder()), os.getpid())


@functools.lru_cache(maxsize=2)
def _load(folder: str, process: int) -> Model:
  files = locate_graphs(folder)
  # The newer engine of OpenCV 5 drops one of two outputs; OpenCV 4 has but one engine.
  # Given a buffer instead of a name, OpenCV 5.0 forgets which engine was asked for.
  engine = [cv2.dnn.ENGINE_CLASSIC] if hasattr(cv2.dnn, 'ENGINE_CLASSIC') else []
  return Model(*(cv2.dnn.readNetFromTFLite(os.fspath(files[graph]), *engine)
                 for graph in (DETECTOR, MESH)))


def find_face(model: Model, picture: UInt8[np.ndarray, 'h w 3']
              ) -> Float32[np.ndarray, '68 2'] | None:
  """The landmarks of the most prominent face of an RGB picture, or None.

  A face that fills the picture, as in cropped editions, is found too.

  Args:
    model: as `load_model` returns it.
    picture: RGB.

  Returns:
    (x, y) of each landmark in pixels of the picture.
  """
  square = _first_square(model, picture)
  return None if square is None else _landmarks(model, picture, square)


def follow_face(model: Model, frames: Iterable[UInt8[np.ndarray, 'h w 3']]
                ) -> Float32[np.ndarray, 'T 68 2'] | None:
  """The landmarks of all frames of a clip; None if its first frame shows no face.

  The face is searched for in the first frame only: in the others it is near there.

  Args:
    model: as `load_model` returns it.
    frames: of one clip, the first of which shows the face.

  Returns:
    (x, y) of each landmark in pixels of its frame.
  """
  frames = list(frames)
  first = _first_square(model, frames[0])
  if first is None:
    return None
  squares = [first, *(square_of(fit_mesh(model, frame, first)[0])
                      for frame in frames[1:])]
  return np.stack([_landmarks(model, frame, square)
                   for frame, square in zip(frames, squares)])


def fit_mesh(model: Model, picture: UInt8[np.ndarray, 'h w 3'], square: Square
             ) -> tuple[Float32[np.ndarray, '468 2'], float]:
  """The mesh within a square, in pixels of the picture, and its score, 0 to 1.

  Args:
    model: as `load_model` returns it.
    picture: RGB.
    square: where the face is.
  """
  to_square = _to_square(square, _MESH_SIDE)
  cut = cv2.warpAffine(picture, to_square, (_MESH_SIDE, _MESH_SIDE),
                       flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
  model.mesh.setInput(cut.astype(np.float32).transpose(2, 0, 1)[None] / 255)
  outputs = model.mesh.forward(model.mesh.getUnconnectedOutLayersNames())
  points, flag = sorted(outputs, key=lambda output: -output.size)
  points = points.reshape(landmarks.POINTS, 3)[:, :2].astype(np.float64)
  back = cv2.invertAffineTransform(to_square)
  placed = (points @ back[:, :2].T + back[:, 2]).astype(np.float32)
  return placed, float(1 / (1 + np.exp(-float(flag.item()))))


def square_of(points: Float[np.ndarray, '468 2']) -> Square:
  """The square for a mesh: around all of its points, turned as the eyes are.

  Args:
    points: of the mesh, in pixels of the picture.
  """
  left, right = points[_EYES[0]], points[_EYES[1]]
  angle = float(np.arctan2(right[1] - left[1], right[0] - left[0]))
  turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
  upright = points @ turn
  low, high = upright.min(0), upright.max(0)
  x, y = turn @ (.5 * (low + high))
  return Square(float(x), float(y), float(_MARGIN * (high - low).max()), angle)


def _first_square(model: Model, picture: np.ndarray) -> Square | None:
  for view in VIEWS:
    face = detect_face(model.detect, picture, view=view)
    square = face and settle_square(model, picture, face)
    if square:
      return square
  return None


def settle_square(model: Model, picture: UInt8[np.ndarray, 'h w 3'], face: Face
                  ) -> Square | None:
  """The square of a detected face, taken anew from its mesh; None if it is no face.

  Args:
    model: as `load_model` returns it.
    picture: RGB.
    face: as it was detected.
  """
  square = Square(face.x, face.y, _MARGIN * face.side, face.angle)
  for _ in range(_PASSES):
    points, score = fit_mesh(model, picture, square)
    if score < LEAST_SCORE:
      return None
    square = square_of(points)
  return square


def _landmarks(model: Model, picture: np.ndarray, square: Square) -> np.ndarray:
  meshes = [fit_mesh(model, picture, square._replace(side=share * square.side))[0]
            for share in _SHARES]
  return landmarks.landmarks_of(np.mean(meshes, axis=0)).astype(np.float32)


def _to_square(square: Square, side: int) -> np.ndarray:
  """The affine map from the picture to the square's own side x side pixels."""
  scale = side / square.side
  cos, sin = scale * np.cos(square.angle), scale * np.sin(square.angle)
  return np.array([
      [cos, sin, .5 * side - cos * square.x - sin * square.y],
      [-sin, cos, .5 * side + sin * square.x - cos * square.y]])


# The command `fetch`: brings the two graphs that find faces, and checks them.

_MOST = 10 * 2**20        # bytes of a graph; a larger file is none
# Whatever this machine is: nothing of the wheel runs here.
_PIP = ('-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps',
        '--only-binary=:all:', '--python-version=3.12',
        '--platform=manylinux_2_28_x86_64')


@refusing('fetch')
def fetch(arguments: list[str]) -> int:
  """python -m lightman_jax fetch: puts the graphs in their place; once is enough."""
  parser = Parser(
      prog='python -m lightman_jax fetch',
      description='Brings the two neural networks that find faces and landmarks '
                  f'(1.5 MB, Apache-2.0), out of the wheel of {WHEEL} (36 '
                  'MB), which pip downloads and which is not installed.')
  parser.add_argument('--wheel', default='', help='the wheel, where it is here already')
  parser.add_argument('--to', default='',
                      help='folder for the networks (below XDG_DATA_HOME, or '
                           '~/.local/share)')
  options = parser.parse_args(arguments)
  folder = places.expand(options.to or default_folder())
  if _complete(folder):
    print(f'{folder} holds both networks already.')
  else:
    fetch_graphs(folder, wheel=options.wheel)
    print(f'{folder} now holds {" and ".join(g.name for g in GRAPHS)}.')
  return 0


def fetch_graphs(folder: pathlib.Path, *, wheel: str = '') -> None:
  """Puts both files, checked, into a folder.

  Args:
    folder: made where it is missing; a wrong file in it is replaced.
    wheel: the wheel of mediapipe; '' has pip download it.

  Raises:
    InputError: the wheel cannot be had, is not the right one, or the folder cannot be
      written.
  """
  with tempfile.TemporaryDirectory() as scratch:
    source = places.expand(wheel) if wheel else _download(scratch)
    contents = {graph: _member(source, graph) for graph in GRAPHS}
  try:
    for graph, content in contents.items():
      with write_atomically(folder / graph.name, 'wb') as file:
        file.write(content)
  except OSError as error:
    raise InputError(f'{folder} cannot be written ({error.strerror}); choose another '
                     'place with --to.') from error


def _complete(folder: pathlib.Path) -> bool:
  try:
    locate_graphs(folder)
  except InputError:
    return False
  return True


def _download(scratch: str) -> pathlib.Path:
  done = subprocess.run([sys.executable, *_PIP, f'--dest={scratch}', WHEEL],
                        capture_output=True, text=True, check=False)
  wheels = list(pathlib.Path(scratch).glob('*.whl'))
  if done.returncode or not wheels:
    message = (done.stderr.strip() or 'no word').splitlines()[-1]
    raise InputError(f'pip cannot download {WHEEL} ({message}); bring its '
                     'wheel for CPython 3.12 and Linux here by other means and give it '
                     'with --wheel.')
  return wheels[0]


def _member(wheel: pathlib.Path, graph: Graph) -> bytes:
  try:
    with zipfile.ZipFile(wheel) as archive:
      if archive.getinfo(graph.member).file_size > _MOST:
        raise InputError(f'{graph.member} in {wheel} is too large to be that graph.')
      content = archive.read(graph.member)
  except KeyError as error:
    raise InputError(f'{wheel} holds no {graph.member}; give the wheel of '
                     f'{WHEEL}.') from error
  # zipfile meets damaged archives with whatever its decoders raise.
  except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile,
          zlib.error) as error:
    if isinstance(error, InputError):
      raise
    raise InputError(f'{wheel} cannot be read as a wheel ({error}); give that of '
                     f'{WHEEL}.') from error
  check_graph(graph, content, f'{graph.member} in {wheel}')
  return content
