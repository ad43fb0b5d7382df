"""A run's folder: which run it belongs to, who may write, and what may be deleted.

The lock is the operating system's (`flock`), so it ends with the process that holds it,
however that ends; what is written in the file only names the owner.

A run is its configuration. The same configuration finds its folder again and goes on in
it; any other is refused, and so is other code, data, or packages, because half a result
of each is a result of nothing. A folder of someone else's is never touched.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import copy
import errno
import getpass
import json
import os
import pathlib
import socket
import sys
from typing import IO, Any

from lightman_jax import bounded, places
from lightman_jax.errors import InputError
from lightman_jax.files import (
  lock as lock_file,
  lock_limits,
  name_place,
  write_atomically,
)
from lightman_jax.runs import environment as env, identity as differences
from lightman_jax.runs.identity import canonical_json, identity, plain
from lightman_jax.runs.owned import (
  Earlier,
  clear,
  names_there,
  refuse_links,
  sweep,
)

# One program at a time in a run folder, and nobody waits for a dead one.

NAME = 'lightman_jax.lock'   # also the mark by which a run folder is known


def take(folder: str | os.PathLike, name: str = NAME) -> IO:
  """Locks `folder`, which exists, until the returned file, `name` in it, is closed.

  Args:
    folder: which exists.
    name: of the lock's file.

  Returns:
    The lock's file; closing it lets others in.

  Raises:
    InputError: another process holds it, or the file system cannot lock.
  """
  path = pathlib.Path(folder) / name
  while True:
    file = _open(path)
    _lock(file, folder)
    # A start that is refused takes its lock away, maybe between these two.
    with contextlib.suppress(FileNotFoundError):
      if os.path.samestat(os.fstat(file.fileno()), path.lstat()):
        break
    file.close()
  file.seek(0)
  file.truncate()
  file.write(f'process {os.getpid()} on {socket.gethostname()}{_user()}\n')
  file.flush()
  if why := lock_limits(path):
    print(f'{path} cannot keep a second program out: {why}; do not start the same run '
          'twice', file=sys.stderr)
  return file


def _open(path: pathlib.Path) -> IO:
  # A link that somebody put there would have another file emptied.
  try:
    number = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
                     | os.O_CLOEXEC, 0o666)
  except OSError as error:
    if error.errno != errno.ELOOP:
      raise
    raise InputError(f'{path} is a link; delete it, or give another --workdir'
                     ) from None
  return open(number, 'a+', encoding='utf-8')


def _lock(file: IO, folder: str | os.PathLike) -> None:
  try:
    lock_file(file)
  except BlockingIOError:
    file.seek(0)
    owner = file.read().strip() or 'another process'
    file.close()
    raise InputError(f'{folder} is in use by {owner}; wait for it to end, or give '
                     'another --workdir') from None
  except OSError as error:
    file.close()
    raise InputError(f'{folder} lies where files cannot be locked ({error.strerror}); '
                     'give a --workdir on another file system') from None


def _user() -> str:
  with contextlib.suppress(KeyError, OSError):     # a number without a name
    return f' (user {getpass.getuser()})'
  return ''


class RunFolder:
  """Paths of one run, locked until `close` or the end of the process.

  A first start that is refused before anything was computed leaves nothing behind, and
  one that is to begin anew what lay there; see `owned.Earlier`.
  """

  def __init__(self, path: pathlib.Path, lock, new_paths: Sequence[pathlib.Path] = ()):
    """`new_paths` are the files and folders that this start brings into being."""
    self.path, self._lock, self._new_paths = path, lock, new_paths
    self._earlier = Earlier(path)
    self._is_whole = True
    self.config = path / 'config.json'
    self.environment = path / 'environment.json'
    self.metrics = path / 'metrics.jsonl'
    self.predictions = path / 'predictions.csv'
    self.results = path / 'results.json'
    self.part_json = path / 'part.json'      # of a part, see `runs.parts`
    self.timing = path / 'timing.json'
    self.cost = path / 'cost.json'
    self.efficiency = path / 'efficiency.json'
    self.confusion = path / 'confusion.png'
    self.units = path / 'units.png'
    self.curves = path / 'learning_curves.png'
    self.actions = path / 'actions.png'
    self.actions_json = path / 'actions.json'
    self.unit_actions = path / 'unit_actions'
    self.unit_actions_json = path / 'unit_actions.json'
    self.unit_actions_png = path / 'unit_actions.png'
    self.attribution = path / 'attribution'
    self.attribution_json = path / 'attribution.json'
    self.attribution_png = path / 'attribution.png'
    self.embeddings = path / 'embeddings.npz'
    self.tensorboard = path / 'tensorboard'
    self.checkpoints = path / 'checkpoints'
    self.folds = path / 'folds'
    self.few_shot = path / 'few_shot'
    self.episodes = path / 'episodes.csv'
    self.robustness = path / 'robustness'
    self.noise_curves = path / 'robustness.png'
    self.oracle = path / 'oracle'
    self.oracle_json = path / 'oracle.json'
    self.selection = path / 'selection'
    self.choices = self.selection / 'choices.json'
    self.outside = path / 'outside.json'
    self.fault = path / 'fault.json'
    self.fault_npz = path / 'fault.npz'

  def __enter__(self) -> 'RunFolder':
    return self

  def __exit__(self, kind, *_) -> None:
    try:
      if self._earlier.is_aside:
        if kind is None:
          self._earlier.forget()
        else:
          self._earlier.bring_back()
      elif kind is not None and (
          not self._is_whole or not self.environment.exists()
          or issubclass(kind, InputError) and self._is_unused()):
        self._withdraw()
    finally:
      self.close()

  def begin_anew(self) -> None:
    """Sets the run that lies there aside, until this one has trained its first steps.

    Where it is refused before, the other comes back.
    """
    self._earlier.set_aside()

  def forget_earlier(self) -> None:
    """Deletes what was set aside, for this run has trained some steps."""
    self._earlier.forget()

  def settle(self) -> None:
    """Ends what a start that was killed has left half done."""
    self._earlier.settle(self.has_begun())

  @contextlib.contextmanager
  def all_or_nothing(self) -> Iterator[None]:
    """What is written within stays only where nothing is raised."""
    self._is_whole = False
    yield
    self._is_whole = True

  def _is_unused(self) -> bool:
    """Whether this start began the folder, and nothing was computed in it."""
    return self.path.is_dir() and not self.has_begun() and (
        {*self.path.iterdir()} <= {*self._new_paths})

  def _withdraw(self) -> None:
    if self._new_paths:       # all that lies there is of this start
      clear(self.path)
    for path in self._new_paths:
      # Another start may have come in; what it wrote stays.
      with contextlib.suppress(OSError):
        path.rmdir() if path.is_dir() else path.unlink()

  def part(self, place: pathlib.Path, moved: Sequence[str] = ()) -> 'RunFolder':
    """The same run, but what is named in `moved`, or everything, lies in `place`."""
    part = copy.copy(self)
    for name, path in vars(self).items():
      if isinstance(path, pathlib.Path) and (name in moved or not moved):
        setattr(part, name, place / path.name)
    return part

  def close(self) -> None:
    """Lets others in."""
    if not self._lock.closed:
      self._lock.truncate(0)     # nobody holds it
    self._lock.close()

  def is_finished(self) -> bool:
    """Whether the run has its results; they are written last."""
    return self.results.exists()

  def has_begun(self) -> bool:
    """Whether a step, a fold or a result of the run is on disk."""
    return self.is_finished() or any(
        place.is_dir() and any(place.iterdir())
        for place in (self.checkpoints, self.folds)) or (
            self.metrics.is_file() and self.metrics.stat().st_size > 0)

  def check(self, environment: Mapping[str, Any], *,
            resume_anyway: bool = False) -> str:
    """Writes `environment` into a new folder, or compares it with what is there.

    Returns a line on another layout, which is no hindrance; '' where it is the same.

    Args:
      environment: of `environment.environment`; data that were not looked at are not
        compared.
      resume_anyway: go on in another environment, and note that in the file.

    Raises:
      InputError: it differs from the one of the last start.
    """
    if not self.environment.exists():
      write_json(self.environment, environment)
      return ''
    stored = read_json(self.environment)
    with blaming(self.environment):
      before = (stored.get('resumed_with') or [stored])[-1]
      if environment['data_sha256'] is None:
        environment = {**environment, 'data_sha256': before.get('data_sha256')}
      changed, layout = env.changes(before, json.loads(canonical_json(environment)))
    if changed and not self.has_begun():
      write_json(self.environment, environment)      # there is nothing to mix with
      return ''
    if changed and not resume_anyway:
      raise InputError(
          f'{self.path} was made in another environment: '
          f'{differences.describe_differences(changed)}; go back to that one, go on '
          'with --resume_anyway (results of both will mix), or start over with --fresh')
    if (changed or layout) and not self.is_finished():
      stored.setdefault('resumed_with', []).append(dict(environment))
      write_json(self.environment, stored)
    return (f'the layout has changed ({differences.describe_differences(layout)}): the '
            'run goes on in the present one' if layout and not self.is_finished()
            else '')


def open_run(workdir: str | os.PathLike, *, config: Mapping[str, Any],
             environment: Mapping[str, Any] | None = None, fresh: bool = False,
             resume_anyway: bool = False) -> RunFolder:
  """Opens the folder of a run, a new one or the one that is to go on.

  Args:
    workdir: the folder; made where missing.
    config: complete, as nested plain values; written to config.json of a new folder.
    environment: of `environment.environment`; None leaves it to `RunFolder.check`,
      which a new run must call before it writes anything else.
    fresh: delete what this program wrote there, as soon as the new run has trained its
      first steps, and begin anew.
    resume_anyway: see `RunFolder.check`.

  Raises:
    InputError: the folder is someone else's, in use, or belongs to another
      configuration, code version, data or packages. Nothing was changed then.
  """
  path = pathlib.Path(workdir)
  places.check_text('--workdir', path.absolute())
  _refuse_foreign(path)
  new_paths = _not_there(path)
  try:
    path.mkdir(parents=True, exist_ok=True)
    lock = take(path)
  except (PermissionError, FileNotFoundError, NotADirectoryError,
          FileExistsError) as error:
    raise InputError(f'cannot write to {path} ({error.strerror}); give another '
                     '--workdir') from None
  except OSError as error:      # as of a full disk
    name_place(error, path / NAME)
    RunFolder(path, None, new_paths)._withdraw()
    raise
  folder = RunFolder(path, lock, new_paths)
  try:
    _settle(folder, config, fresh)
    if environment is not None:
      folder.check(environment, resume_anyway=resume_anyway)
  except BaseException as error:
    folder.__exit__(type(error))
    raise
  return folder


def write_json(path: str | os.PathLike, value: Any) -> None:
  """Writes plain values as indented JSON, whole or not at all.

  Args:
    path: of the file, which is replaced where it exists.
    value: nested plain values, NumPy's arrays and numbers among them.
  """
  text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
  with write_atomically(path) as file:
    file.write(text + '\n')


def read_json(path: str | os.PathLike, most: int = bounded.MOST_JSON) -> dict[str, Any]:
  """What `write_json` wrote of a mapping, up to so many bytes.

  Args:
    path: of the file.
    most: bytes.

  Raises:
    InputError: it is not that.
    OSError: it cannot be read.
  """
  try:
    value = bounded.read_json(path, most)
  except ValueError:
    value = None
  if not isinstance(value, dict):
    raise InputError(f'{path} cannot be read as JSON; start over with --fresh, or give '
                     'another --workdir')
  return value


@contextlib.contextmanager
def blaming(path: str | os.PathLike) -> Iterator[None]:
  """Within, what a run has kept in a file or folder is used, whatever it may hold.

  Args:
    path: what the sentence names.

  Raises:
    InputError: it is not what this program writes.
  """
  try:
    yield
  except InputError:
    raise
  except (AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
    what = f'it holds no {error}' if isinstance(error, KeyError) else error
    raise InputError(f'{path} is damaged, or of another program ({what}); start over '
                     'with --fresh, or give another --workdir') from error


def _not_there(path: pathlib.Path) -> list[pathlib.Path]:
  """What the first start of a run makes, the innermost first."""
  if (path / NAME).exists():
    return []
  return [path / 'config.json', path / 'environment.json', path / 'outside.json',
          path / 'part.json', path / 'checkpoints', path / 'folds', path / NAME,
          *(folder for folder in (path, *path.parents) if not folder.exists())]


def _settle(folder: RunFolder, config: Mapping[str, Any], fresh: bool) -> None:
  """Leaves the folder with this configuration in it, or refuses."""
  folder.settle()
  if folder.config.exists() and not fresh:
    changed = differences.find_differences(identity(read_json(folder.config)),
                                           identity(config))
    if changed:
      raise InputError(
          f'{folder.path} belongs to another configuration: '
          f'{differences.describe_differences(changed)}; give another --workdir, or '
          'start over there with --fresh')
    refuse_links(folder.path)
    sweep(folder.path)
    return
  if fresh:
    folder.begin_anew()
  elif there := names_there(folder.path):
    raise InputError(
        f'{folder.path} holds {there[0]} of a run, and no config.json, which says what '
        'run it is; bring that back, give another --workdir, or start over with '
        '--fresh')
  sweep(folder.path)
  write_json(folder.config, config)


def _refuse_foreign(path: pathlib.Path) -> None:
  if path.is_file():
    raise InputError(f'{path} is a file; give a folder as --workdir')
  if not path.is_dir() or (path / NAME).is_file():
    return
  if any(path.iterdir()):
    raise InputError(f'{path} holds files but no run of this program, so nothing is '
                     'written or deleted there; give an empty or new --workdir')
