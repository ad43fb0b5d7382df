"""What is fuzzed: every reader of outside input, as a function (content, folder).

Each puts `content` where its reader looks, below the empty `folder`, and reads it. What
a reader may raise is caught here, and nothing else is: the rest is a finding.
"""

from collections.abc import Callable, Iterable
import functools
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from lightman_jax import bounded
from lightman_jax.data import frames, manifest, rows, sheets as reader, user_tables
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.posed import reader_of
from lightman_jax.data.rows import Row
from lightman_jax.data.trees import Tree, folder_names
from lightman_jax.data.workbooks import read_cells
from lightman_jax.errors import InputError, Unreadable
from lightman_jax.experiment import findings, replay, verify
from lightman_jax.files import file_sha256
from lightman_jax.models import published_weights, torch_files, weights_files
from lightman_jax.report import scoring, table
from lightman_jax.report.page import command, groups
from lightman_jax.runs import folder as run_folder, results
from lightman_jax.training import checkpoints as archive
from lightman_jax.training.checkpoints import ABOUT, ARRAYS, Checkpoints
from lightman_jax.training.state import TrainState

# Between the files of one input; a name stands before each.
MARK = b'\n=== '
_OF_SHEETS = [facts for facts in TABLES.values() if facts.sheets]
_OF_FOLDERS = [facts for facts in TABLES.values() if not facts.sheets]
_ROWS = (Row('s1/a', 's1', 'x', 'happy', 'micro', 1, 2, 3, fps=200., filename='a'),
         Row('s2/b', 's2', 'x', 'sad', 'micro', 1, 2, 3, fps=200., filename='b'))
_SHAPES = {
    'encoder': {'Conv_0': {'kernel': (3, 3, 3, 16), 'bias': (16,)},
                'BatchNorm_0': {'scale': (16,), 'bias': (16,)}},
    'head': {'kernel': (16, 3), 'bias': (3,)},
    'statistics': {'BatchNorm_0': {'mean': (16,), 'variance': (16,)}}}
_STATE = TrainState(np.zeros(1, np.int32), {'w': np.zeros((1, 2), np.float32)}, ())


def grammar(content: bytes, folder: pathlib.Path) -> None:
  """Action units never fail, and are the same when spelt and read again."""
  units = rows.parse_action_units(content.decode('utf-8', 'surrogateescape'))
  assert rows.parse_action_units(rows.spell_action_units(units)) == units


def manifests(content: bytes, folder: pathlib.Path) -> None:
  """A csv of anyone's own clips."""
  path = folder / 'm.csv'
  path.write_bytes(content)
  try:
    manifest.read_manifest(path)
  except InputError:
    pass


def predictions(content: bytes, folder: pathlib.Path) -> None:
  """Predictions of another program, by themselves and against another file of them."""
  one, _, other = content.partition(MARK)
  paths = folder / 'p.csv', folder / 'q.csv'
  for path, text in zip(paths, (one, other or one)):
    path.write_bytes(text)
  try:
    scoring.score(*paths)
  except InputError:
    pass


def sheets(content: bytes, folder: pathlib.Path) -> None:
  """The sheet of a data set, which the first byte chooses, as csv."""
  path = folder / 's.csv'
  path.write_bytes(content[1:])
  facts = _OF_SHEETS[content[0] % len(_OF_SHEETS)] if content else _OF_SHEETS[0]
  try:
    reader.read_listing(path, facts)
  except InputError:
    pass


def workbooks(content: bytes, folder: pathlib.Path) -> None:
  """A workbook; the process that reads it is part of what is tested."""
  path = folder / 's.xlsx'
  path.write_bytes(content)
  try:
    read_cells(path)
  except InputError:
    pass


def pictures(content: bytes, folder: pathlib.Path) -> None:
  """A picture's head, and its pixels."""
  path = folder / 'p.png'
  path.write_bytes(content)
  try:
    shape = frames.check_picture(path)
    assert shape[0] * shape[1] <= frames.MOST_PIXELS
    picture = frames.read_picture(path)
    assert picture.dtype == np.uint8 and picture.size == 3 * np.prod(shape)
  except Unreadable:
    pass


def videos(content: bytes, folder: pathlib.Path) -> None:
  """A video's length, and its first frame."""
  path = folder / 'v.avi'
  path.write_bytes(content)
  try:
    if frames.video_length(path):
      frames.read_video(path, (0,))
  except Unreadable:
    pass


def trees(content: bytes, folder: pathlib.Path) -> None:
  """Names of folders and frames, a line a path, as a sheet's words and as a tree."""
  place = folder / 'tree'
  for line in content.split(b'\n')[:16]:
    names = [name for name in line.split(b'/') if name not in (b'', b'.', b'..')]
    path = os.fsencode(place) + b'/' + b'/'.join(names[:8])
    try:
      os.makedirs(os.path.dirname(path), exist_ok=True)
      open(path, 'wb').close()
    except (OSError, ValueError):         # no name of a file
      pass
  words = content[:200].decode('utf-8', 'surrogateescape')
  place.mkdir(exist_ok=True)
  tree = Tree(place)
  for facts in _OF_FOLDERS:
    for edition in facts.editions:
      reader_of(facts)(tree, edition, facts)
  try:
    listed = tree.folder(folder_names('{a}/{b}*', {'a': words[:100], 'b': words[100:]}))
    assert place in listed.parents
    frames.pictures_by_number(listed)
  except Unreadable:
    pass


def landmarks(content: bytes, folder: pathlib.Path) -> None:
  """A table of landmarks."""
  path = folder / 'l.csv'
  path.write_bytes(content)
  try:
    user_tables.read_landmark_table(str(path), _ROWS)
  except InputError:
    pass


def weights(content: bytes, folder: pathlib.Path) -> None:
  """Published weights in each of their forms, as parameters of the network."""
  path = folder / 'w'
  path.write_bytes(content)
  for read in (published_weights.read_npz_or_state, torch_files.read,
               lambda path: weights_files.read(path)[1]):
    try:
      published_weights.from_state_dict(read(path), _params())
    except InputError:
      pass


@functools.cache
def _params():
  return jax.tree.map(jnp.zeros, _SHAPES, is_leaf=lambda part: isinstance(part, tuple))


def run_folders(content: bytes, folder: pathlib.Path) -> None:
  """A run folder of several files: made into a page, verified, and opened again."""
  run = folder / 'run'
  run.mkdir()
  for name, part in divided(content):
    if name in ('config.json', 'results.json', 'predictions.csv', 'metrics.jsonl',
                'environment.json', 'efficiency.json', 'oracle.json', 'embeddings.npz',
                'reproducibility.json', 'cost.json'):
      (run / name).write_bytes(part)
  try:
    command.write([groups.read_run(run)], folder / 'out', permutations=4)
  except InputError:
    pass
  for use in (lambda: list(verify.checks(run)), lambda: _opened(run)):
    try:
      use()
    except InputError:
      pass


def _opened(run: pathlib.Path) -> None:
  """As a finished run that is started again."""
  (run / 'lightman_jax.lock').touch()
  config = run_folder.read_json(run / 'config.json') if (
      run / 'config.json').exists() else {}
  with run_folder.open_run(run, config=config) as again:
    again.check({'code_sha256': 'ab', 'data_sha256': None})
    list(findings.describe_files(again))
    if again.is_finished():
      content = results.read_results(again.results)
      with run_folder.blaming(again.results):
        table.show(content)


def faults(content: bytes, folder: pathlib.Path) -> None:
  """The task that a run kept because it broke, replayed."""
  for name, part in divided(content):
    if name in ('fault.json', 'fault.npz'):
      (folder / name).write_bytes(part)
  try:
    list(replay.replay_lines(folder))
  except InputError:
    pass


def checkpoints(content: bytes, folder: pathlib.Path) -> None:
  """A run's newest checkpoint, whose sha256 is made to fit what lies there."""
  place = folder / 'checkpoints' / '2'
  (place / ARRAYS).mkdir(parents=True)
  for name, part in divided(content):
    if name == archive.FILE:
      (place / ARRAYS / name).write_bytes(part)
    elif name == ABOUT:
      (place / name).write_bytes(part)
  state = place / ARRAYS / archive.FILE
  fitting = json.dumps(file_sha256(state) if state.exists() else '').encode()
  if (place / ABOUT).exists():
    about = (place / ABOUT).read_bytes()
    (place / ABOUT).write_bytes(about.replace(b'"fitting"', fitting))
  try:
    with Checkpoints(place.parent, say=lambda line: None) as kept:
      for fold, step in kept.reached(['a', 'b']).items():
        assert (kept.load([fold], _STATE) is not None) == (step > 0)
  except InputError:
    pass


def documents(content: bytes, folder: pathlib.Path) -> None:
  """JSON, and arrays, of unknown origin."""
  path = folder / 'x'
  path.write_bytes(content)
  for read in (bounded.read_json, bounded.read_arrays):
    try:
      read(path)
    except (ValueError, OSError):
      pass


def divided(content: bytes) -> list[tuple[str, bytes]]:
  """The files of one input: (name, content)."""
  named_parts = []
  for part in content.split(MARK)[1:]:
    name, _, rest = part.partition(b'\n')
    named_parts.append((name.decode('ascii', 'replace'), rest))
  return named_parts


def joined(files: Iterable[tuple[str, bytes]]) -> bytes:
  """One input of several files: the reverse of `divided`."""
  return b''.join(MARK + name.encode('ascii', 'replace') + b'\n' + content
                  for name, content in files)


HARNESSES: dict[str, Callable[[bytes, pathlib.Path], None]] = {
    function.__name__: function for function in (
        grammar, manifests, predictions, sheets, workbooks, pictures, videos, trees,
        landmarks, weights, run_folders, checkpoints, faults, documents)}
