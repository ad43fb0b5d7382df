"""A run's folder: which run it belongs to, who may write, and what may be deleted.

A run is its configuration. The same configuration finds its folder again and goes on in
it; any other is refused, and so is other code, data, or packages, because half a result
of each is a result of nothing. A folder of someone else's is never touched.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import copy
import json
import os
import pathlib
from typing import Any

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.report import differences, environment as env, lock, owned
from lightman_jax.report.identity import canonical, identity, plain


class RunFolder:
  """Paths of one run, locked until `close` or the end of the process.

  A first start that is refused before anything was computed leaves nothing behind.
  """

  def __init__(self, path: pathlib.Path, held, made: Sequence[pathlib.Path] = ()):
    """`made` are the files and folders that this start brings into being."""
    self.path, self._held, self._made = path, held, made
    self.config = path / 'config.json'
    self.environment = path / 'environment.json'
    self.metrics = path / 'metrics.jsonl'
    self.predictions = path / 'predictions.csv'
    self.results = path / 'results.json'
    self.timing = path / 'timing.json'
    self.cost = path / 'cost.json'
    self.efficiency = path / 'efficiency.json'
    self.confusion = path / 'confusion.png'
    self.curves = path / 'learning_curves.png'
    self.actions = path / 'actions.png'
    self.actions_json = path / 'actions.json'
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
    self.fault = path / 'fault.json'
    self.fault_npz = path / 'fault.npz'

  def __enter__(self) -> 'RunFolder':
    return self

  def __exit__(self, kind, *_) -> None:
    if kind is not None and not self.environment.exists():
      self._withdraw()
    self.close()

  def _withdraw(self) -> None:
    for path in self._made:
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
    self._held.close()

  def is_finished(self) -> bool:
    """Whether the run has its results; they are written last."""
    return self.results.exists()

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
      changed, layout = env.changes(before, json.loads(canonical(environment)))
    if changed and not resume_anyway:
      raise InputError(
          f'{self.path} was made in another environment: {differences.told(changed)}; '
          'go back to that one, go on with --resume_anyway (results of both will mix), '
          'or start over with --fresh')
    if (changed or layout) and not self.is_finished():
      stored.setdefault('resumed_with', []).append(dict(environment))
      write_json(self.environment, stored)
    return (f'the layout has changed ({differences.told(layout)}): the run goes on in '
            'the present one' if layout and not self.is_finished() else '')


def open_run(workdir: str | os.PathLike, *, config: Mapping[str, Any],
             environment: Mapping[str, Any] | None = None, fresh: bool = False,
             resume_anyway: bool = False) -> RunFolder:
  """Opens the folder of a run, a new one or the one that is to go on.

  Args:
    workdir: the folder; made where missing.
    config: complete, as nested plain values; written to config.json of a new folder.
    environment: of `environment.environment`; None leaves it to `RunFolder.check`,
      which a new run must call before it writes anything else.
    fresh: delete what this program wrote there, and begin anew.
    resume_anyway: see `RunFolder.check`.

  Raises:
    InputError: the folder is someone else's, in use, or belongs to another
      configuration, code version, data or packages. Nothing was changed then.
  """
  path = pathlib.Path(workdir)
  _refuse_foreign(path)
  made = _not_there(path)
  try:
    path.mkdir(parents=True, exist_ok=True)
    held = lock.take(path)
  except (PermissionError, FileNotFoundError, NotADirectoryError,
          FileExistsError) as error:
    raise InputError(f'cannot write to {path} ({error.strerror}); give another '
                     '--workdir') from None
  folder = RunFolder(path, held, made)
  try:
    _settle(folder, config, fresh)
    if environment is not None:
      folder.check(environment, resume_anyway=resume_anyway)
  except BaseException as error:
    folder.__exit__(type(error))
    raise
  return folder


def write_json(path: str | os.PathLike, value: Any) -> None:
  """Writes plain values as indented JSON, whole or not at all."""
  text = json.dumps(value, indent=2, ensure_ascii=False, default=plain)
  with write_atomically(path) as file:
    file.write(text + '\n')


def read_json(path: str | os.PathLike, most: int = bounded.MOST_JSON) -> dict[str, Any]:
  """What `write_json` wrote of a mapping, up to so many bytes.

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
  if (path / lock.NAME).exists():
    return []
  return [path / 'config.json', path / lock.NAME,
          *(folder for folder in (path, *path.parents) if not folder.exists())]


def _settle(folder: RunFolder, config: Mapping[str, Any], fresh: bool) -> None:
  """Leaves the folder with this configuration in it, or refuses."""
  if folder.config.exists() and not fresh:
    changed = differences.between(identity(read_json(folder.config)), identity(config))
    if changed:
      raise InputError(
          f'{folder.path} belongs to another configuration: '
          f'{differences.told(changed)}; give another --workdir, or start over there '
          'with --fresh')
    owned.refuse_links(folder.path)
    owned.sweep(folder.path)
    return
  # Without config.json the rest is of a run that was being deleted.
  owned.clear(folder.path)
  write_json(folder.config, config)


def _refuse_foreign(path: pathlib.Path) -> None:
  if path.is_file():
    raise InputError(f'{path} is a file; give a folder as --workdir')
  if not path.is_dir() or (path / lock.NAME).is_file():
    return
  if any(path.iterdir()):
    raise InputError(f'{path} holds files but no run of this program, so nothing is '
                     'written or deleted there; give an empty or new --workdir')
