"""metrics.jsonl and event files: each line a moment of the run.

A line of training reads `{"stage": "train", "fold": "sub01", "step": 40, "loss": ...}`,
with further scalars as they come. A process may be killed at any moment: what was
appended before is on disk, a torn last line is dropped by whoever opens the file next.
"""

from collections.abc import Callable, Iterable, Mapping
import importlib.util
import json
import math
import os
import pathlib
import shutil
from typing import Any

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.files import fold_path, write_atomically
from lightman_jax.runs.folder import RunFolder

# metrics.jsonl: one JSON object a line, each a moment of the run.

Line = dict[str, Any]
MOST = 2 * 1024**3     # bytes of a log


def append(path: str | os.PathLike, lines: Iterable[Line]) -> None:
  """Adds lines and waits until they are on disk; many at once cost one wait.

  NumPy scalars become numbers, NaN and infinity become null, which JSON has.

  Args:
    path: of the log; made with its folder where missing.
    lines: to be added, in their order.
  """
  text = ''.join(_encode(line) for line in lines)
  if not text:
    return
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  with open(path, 'a+b') as file:
    _drop_torn_line(file)
    file.write(text.encode())
    file.flush()
    os.fsync(file.fileno())


def read(path: str | os.PathLike) -> list[Line]:
  """All whole lines; none where there is no file.

  Args:
    path: of the log.

  Raises:
    InputError: a line before the last is not a JSON object.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return []
  lines = []
  # What follows the last newline is empty, or torn.
  try:
    content = bounded.read_bytes(path, MOST)
  except bounded.Refused as error:
    raise InputError(f'{path} is not read: {error}') from None
  for number, text in enumerate(content.split(b'\n')[:-1], 1):
    try:
      line = bounded.parse_json(text)
    except ValueError:
      line = None
    if not isinstance(line, dict):
      raise InputError(f'{path}, line {number} is not a JSON object; delete that line, '
                       'or start the run over with --fresh')
    lines.append(line)
  return lines


def keep(path: str | os.PathLike, predicate: Callable[[Line], bool]) -> int:
  """Drops the lines for which `predicate` is false, and a torn last one.

  At resume: the lines later than the checkpoint, which will be written again. The file
  changes at once or not at all.

  Args:
    path: of the log; it may be missing.
    predicate: of a line.

  Returns:
    How many whole lines were dropped.
  """
  path = pathlib.Path(path)
  if not path.exists():
    return 0
  lines = read(path)
  kept = [line for line in lines if predicate(line)]
  text = ''.join(_encode(line) for line in kept)
  if text.encode() != path.read_bytes():
    with write_atomically(path) as file:
      file.write(text)
  return len(lines) - len(kept)


def _encode(line: Line) -> str:
  return json.dumps(_plain(line), allow_nan=False) + '\n'


def _plain(value: Any) -> Any:
  if isinstance(value, dict):
    return {key: _plain(part) for key, part in value.items()}
  if isinstance(value, list | tuple):
    return [_plain(part) for part in value]
  if hasattr(value, 'tolist'):
    return _plain(value.tolist())
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value


def _drop_torn_line(file) -> None:
  """Cuts what a killed writer left after the last newline."""
  end = file.seek(0, os.SEEK_END)
  if end == 0:
    return
  file.seek(end - 1)
  if file.read(1) == b'\n':
    return
  file.seek(0)
  file.truncate(file.read().rfind(b'\n') + 1)


# TensorBoard event files: what metrics.jsonl holds, for those who watch it there.

def check(config: Mapping[str, Any]) -> None:
  """Refuses what cannot be written.

  Raises:
    InputError: event files are asked for, and what writes them is not installed.
  """
  if config['evaluation']['tensorboard'] and not importlib.util.find_spec(
      'tensorboardX'):
    raise InputError("evaluation.tensorboard needs tensorboardX: pip install -e "
                     "'.[tensorboard]', or leave the setting out")


def write_fold(config: Mapping[str, Any], folder: RunFolder, fold: str) -> None:
  """All steps of a trained fold, in a folder of its own; anew where it was there.

  Args:
    config: complete; without evaluation.tensorboard nothing is written.
    folder: of the run.
    fold: its name.
  """
  if not config['evaluation']['tensorboard']:
    return
  from tensorboardX import SummaryWriter
  place = fold_path(folder.tensorboard, fold)
  shutil.rmtree(place, ignore_errors=True)
  with SummaryWriter(str(place)) as writer:
    for line in read(folder.metrics):
      if line.get('fold') == fold:
        for name, value in line.items():
          if isinstance(value, float):
            writer.add_scalar(name, value, line['step'])
