"""Some folds of a run, trained as a job of their own; `merge` makes one run of all.

A part has the whole configuration of the run and a folder of its own, and trains the
folds START to END - 1 of it. part.json marks it from the start; when its folds are
trained and predicted, that also holds a hash of each file that a merged run takes over.
"""

from collections.abc import Mapping, Sequence
import os
import pathlib
import re
from typing import Any, NamedTuple

from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256, fold_path
from lightman_jax.runs import environment as env, folder as run_folder, identity
from lightman_jax.runs.folder import (
  RunFolder,
  blaming,
  read_json,
  write_json,
)
from lightman_jax.runs.owned import OF_FOLDS, refuse_links
from lightman_jax.units import counted

# What a merged run takes over from its parts.
FOLDERS = ('checkpoints', *OF_FOLDS, 'tensorboard')
FILES = ('metrics.jsonl', 'actions.json', 'embeddings.npz')


class Span(NamedTuple):
  """Numbers of folds, in the order of the run: `first` to `end` - 1."""
  first: int
  end: int

  def __str__(self) -> str:
    return f'{self.first}:{self.end}'


class Part(NamedTuple):
  """A finished part, as it lies on disk."""
  path: pathlib.Path
  span: Span
  names: tuple[str, ...]             # of all folds of the run
  files: tuple[str, ...]             # relative, that are carried
  command: list[str] | None
  config: dict[str, Any]
  environment: dict[str, Any]


def read_span(text: str) -> Span:
  """What --folds says.

  Args:
    text: as '0:8'.

  Raises:
    InputError: it is no range of numbers.
  """
  match = re.fullmatch(r'(\d{1,6}):(\d{1,6})', text.strip())
  span = match and Span(*map(int, match.groups()))
  if span is None or span.first >= span.end:
    raise InputError(f'--folds={text} is no range of folds; give START:END, as '
                     '--folds=0:8 for the first eight')
  return span


def numbers_of(span: Span | None, count: int) -> range:
  """The numbers of the folds that are trained.

  Args:
    span: of a part; None: all.
    count: of the folds of the run.

  Raises:
    InputError: there are not so many folds.
  """
  if span is not None and span.end > count:
    raise InputError(f'--folds={span}: this run has {counted(count, "fold")}, '
                     f'0:{count} in all; give a range within them')
  return range(count) if span is None else range(*span)


def mark(folder: RunFolder, span: Span | None) -> None:
  """Marks a folder as that of a part; that of a whole run has no mark.

  Args:
    folder: opened for the run.
    span: of the part; None where all folds are trained.

  Raises:
    InputError: other folds are trained there than those.
  """
  stored = None
  if folder.part_json.exists():
    with blaming(folder.part_json):
      stored = read_span(read_json(folder.part_json)['folds'])
  if stored == span:
    return
  if stored is not None:
    raise InputError(f'{folder.path} trains the folds {stored} alone; give '
                     f'--folds={stored}, or another --workdir')
  if folder.has_begun():
    raise InputError(f'{folder.path} trains all folds, and --folds={span} some; give '
                     'another --workdir')
  write_json(folder.part_json, {'folds': str(span)})


def open_run(workdir: str | os.PathLike, *, config: Mapping[str, Any],
             fresh: bool = False, span: Span | None = None) -> RunFolder:
  """`runs.folder.open_run`, for some folds of a run or for all.

  Args:
    workdir: the folder; made where missing.
    config: complete, of the whole run.
    fresh: delete what this program wrote there, and begin anew.
    span: the folds; None: all.

  Raises:
    InputError: as there, or other folds are trained in that folder.
  """
  folder = run_folder.open_run(workdir, config=config, fresh=fresh)
  try:
    mark(folder, span)
  except BaseException as error:
    folder.__exit__(type(error))
    raise
  return folder


def is_sealed(folder: RunFolder) -> bool:
  """Whether the part that the folder is marked as is finished."""
  if not folder.part_json.exists():
    return False
  with blaming(folder.part_json):
    return 'files' in read_json(folder.part_json)


def seal(folder: RunFolder, span: Span, names: Sequence[str],
         command: Sequence[str] | None) -> None:
  """States that all folds of a part are trained, and what its files are.

  Args:
    folder: of the part.
    span: its folds.
    names: of all folds of the run.
    command: that made it, without --folds and places.
  """
  places = [folder.path / name for name in FILES]
  for name in FOLDERS:
    places += sorted((folder.path / name).rglob('*'))
  write_json(folder.part_json, {
      'folds': str(span), 'of': [*names], 'command': command and [*command],
      'files': {place.relative_to(folder.path).as_posix(): file_sha256(place)
                for place in places if place.is_file()}})


def refuse_part(path: pathlib.Path) -> None:
  """Refuses the folder of a part, where a whole run is wanted.

  Args:
    path: of a folder.

  Raises:
    InputError: it is a part; says whether that is finished, and names `merge`.
  """
  if not (path / 'part.json').is_file():
    return
  about = read_json(path / 'part.json')
  with blaming(path / 'part.json'):
    span = read_span(about['folds'])
  now = ('merge it with the others' if 'files' in about else
         'it is not finished: give its command again, then merge it with the others')
  raise InputError(f'{path} is a part of a run, its folds {span} alone (--folds), and '
                   f'has no results of its own; {now}: python -m lightman_jax merge '
                   'RUN... --out=DIR')


def check_finished(path: pathlib.Path) -> None:
  """Refuses what is not the folder of a finished run.

  Args:
    path: of a folder.

  Raises:
    InputError: there is no run, a part of one, or one that is not finished.
  """
  if not (path / 'config.json').is_file():
    raise InputError(f'{path} is no run folder: it has no config.json; give the folder '
                     'that a run was written to')
  refuse_part(path)
  if not (path / 'results.json').is_file():
    raise InputError(f'{path} has no results yet; give the command of the run again, '
                     'and it goes on')


def read_part(path: pathlib.Path) -> Part:
  """A finished part, every file of which is what the part wrote.

  Args:
    path: of its folder; nothing in it is trusted.

  Raises:
    InputError: it is no part, not finished, or was edited.
  """
  if not (path / 'part.json').is_file():
    raise InputError(f'{path} is no part of a run, for it holds no part.json; give '
                     'folders that were made with --folds=START:END')
  refuse_links(path)
  about = read_json(path / 'part.json')
  if 'files' not in about:
    raise InputError(f'{path} is not finished; give its command again, which goes on')
  with blaming(path / 'part.json'):
    span, names = read_span(about['folds']), tuple(about['of'])
    files, command = dict(about['files']), about['command']
    for name in files:
      parts = pathlib.PurePosixPath(name).parts
      if '..' in parts or not (name in FILES or parts[0] in FOLDERS):
        raise ValueError(f'it names {name}')
    if len({*names}) != len(names) or not all(isinstance(name, str) for name in names):
      raise ValueError('its folds are not names')
    held_out = [names[number] for number in numbers_of(span, len(names))]
    for name in held_out:
      place = fold_path(path / 'folds', name, '.json').relative_to(path)
      if place.as_posix() not in files:
        raise ValueError(f'it names no {place}')
  for name, sha256 in files.items():
    if not (path / name).is_file() or file_sha256(path / name) != sha256:
      raise InputError(f'{path / name} is not what the part wrote; make that part '
                       'again, with --fresh')
  return Part(path, span, names, tuple(files), command,
              *(read_json(path / f'{name}.json') for name in ('config', 'environment')))


def check_parts(parts: Sequence[Part]) -> list[Part]:
  """The parts of one run, in the order of its folds.

  Args:
    parts: one or more.

  Raises:
    InputError: they are of different configurations, environments or folds, overlap, or
      leave a fold out.
  """
  parts = sorted(parts, key=lambda part: part.span)
  one = parts[0]
  for part in parts[1:]:
    changed = identity.find_differences(identity.identity(one.config),
                                        identity.identity(part.config))
    if changed:
      raise InputError(f'{one.path} and {part.path} are of different configurations: '
                       f'{identity.describe_differences(changed)}; give the parts of '
                       'one run')
    with blaming(part.path / 'environment.json'):
      changed, _ = env.changes(one.environment, part.environment)
    if changed:
      raise InputError(f'{one.path} and {part.path} were made in different '
                       f'environments: {identity.describe_differences(changed)}; make '
                       'one of them again')
    if part.names != one.names:
      raise InputError(f'{one.path} and {part.path} name different folds; make one of '
                       'them again')
  # Each part begins where the one before it ends, and the last ends with the run.
  ends = [0, *(part.span.end for part in parts)]
  firsts = [*(part.span.first for part in parts), len(one.names)]
  for number, (end, first) in enumerate(zip(ends, firsts)):
    if first < end:
      raise InputError(f'fold {first} is in {parts[number - 1].path} and in '
                       f'{parts[number].path}; give each fold once')
    if first > end:
      raise InputError(f'the folds {Span(end, first)} of {len(one.names)} are in none '
                       f'of these; make them with --folds={Span(end, first)}')
  return parts
