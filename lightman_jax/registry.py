"""One table for each kind of part, and parts from outside: FILE.py:NAME.

Code from outside runs only where a person names it: on the command line, in a
configuration file, in Python. What a run folder or a bundle names is data, and is
refused here until the same code has been allowed by a person.
"""

from collections.abc import Iterator, Mapping
import contextlib
import hashlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import json
import os
import pathlib
import re
import sys
import traceback
from typing import Any, NamedTuple

from lightman_jax import places
from lightman_jax.errors import InputError, printable
from lightman_jax.options import suggestion

# By names and not by imports: settings are checked before jax is imported.
METHODS = {
    'lightman': 'lightman_jax.meta.methods:Lightman',
    'maml': 'lightman_jax.meta.methods:Maml',
    'fomaml': 'lightman_jax.meta.methods:Fomaml',
    'anil': 'lightman_jax.meta.methods:Anil',
    'reptile': 'lightman_jax.meta.methods:Reptile',
    'metasgd': 'lightman_jax.meta.methods:MetaSGD',
    'protonet': 'lightman_jax.meta.methods:ProtoNet',
    'matchingnet': 'lightman_jax.meta.methods:MatchingNet',
    'finetune': 'lightman_jax.meta.methods:Finetune',
    'supervised': 'lightman_jax.meta.methods:Supervised',
}
ENCODERS = {
    'conv4': 'lightman_jax.models.encoders:Conv4',
    'resnet12': 'lightman_jax.models.encoders:ResNet12',
    'resnet18': 'lightman_jax.models.encoders:ResNet18',
    'ststnet': 'lightman_jax.models.encoders:STSTNet',
    'off_apexnet': 'lightman_jax.models.encoders:OffApexNet',
    'vit': 'lightman_jax.models.encoders:ViT',
    'dere_grl': 'lightman_jax.models.encoders:DereGRL',
    'mlp': 'lightman_jax.models.encoders:MLP',
    'tcn': 'lightman_jax.models.encoders:TCN',
}
# Data sets of one's own clips, drawn ones and composites are no sheets: they are not
# described by facts, and stand in `data.choice`.
DATA_SETS = {
    'casme': 'lightman_jax.data.datasets.casme:FACTS',
    'casme2': 'lightman_jax.data.datasets.casme2:FACTS',
    'samm': 'lightman_jax.data.datasets.samm:FACTS',
    'smic': 'lightman_jax.data.datasets.smic:HS',
    'smic_vis': 'lightman_jax.data.datasets.smic:VIS',
    'smic_nir': 'lightman_jax.data.datasets.smic:NIR',
    'smic_long': 'lightman_jax.data.datasets.smic_long:FACTS',
    'casme_squared': 'lightman_jax.data.datasets.casme_squared:FACTS',
    'samm_long': 'lightman_jax.data.datasets.samm_long:FACTS',
    'casme_cubed': 'lightman_jax.data.datasets.casme_cubed:PART_A',
    'casme_cubed_c': 'lightman_jax.data.datasets.casme_cubed:PART_C',
    'mmew': 'lightman_jax.data.datasets.mmew:FACTS',
    'dfme': 'lightman_jax.data.datasets.dfme:FACTS',
    'four_dme': 'lightman_jax.data.datasets.four_dme:FACTS',
    'ck_plus': 'lightman_jax.data.datasets.posed:CK_PLUS',
    'oulu_casia': 'lightman_jax.data.datasets.posed:OULU_CASIA',
    'mug': 'lightman_jax.data.datasets.posed:MUG',
    'jaffe': 'lightman_jax.data.datasets.posed:JAFFE',
    'kdef': 'lightman_jax.data.datasets.posed:KDEF',
    'rafd': 'lightman_jax.data.datasets.posed:RAFD',
    'yale': 'lightman_jax.data.datasets.posed:YALE',
    'mmew_macro': 'lightman_jax.data.datasets.posed:MMEW_MACRO',
}
PROTOCOLS = {
    'loso': 'lightman_jax.tasks.folds:LeaveOneSubjectOut',
    'kfold': 'lightman_jax.tasks.folds:KFold',
    'leave_one_dataset_out': 'lightman_jax.tasks.folds:LeaveOneDatasetOut',
    'cross_dataset': 'lightman_jax.tasks.folds:CrossDataset',
    'megc2019': 'lightman_jax.tasks.folds:Megc2019',
}
SCORES = {
    'uf1': 'lightman_jax.evaluation.scores:uf1',
    'uar': 'lightman_jax.evaluation.scores:uar',
    'accuracy': 'lightman_jax.evaluation.scores:accuracy',
}
TABLES = {'method': METHODS, 'encoder': ENCODERS, 'data': DATA_SETS,
          'protocol': PROTOCOLS, 'score': SCORES}


# Whatever code of somebody else raises; sys.exit there would end the program as if it
# had succeeded.
RAISED = (Exception, SystemExit)


class NotNamed(InputError):
  """Code from outside that no person has named in this process."""


class Source(NamedTuple):
  """Code from outside, as it was read when a person named it."""
  name: str          # 'my_file.py:proximal_maml'
  sha256: str        # of the whole file
  text: str
  part: Any          # what NAME is in it
  object_sha256: str = ''    # of the text of NAME alone, as Python records an object


_ALLOWED: dict[tuple[str, str], Source] = {}
_OBJECTS: set[tuple[str, str]] = set()     # of these, what Python holds


def is_outside(name: str) -> bool:
  """Whether a name is FILE.py:NAME or package.module:NAME."""
  return isinstance(name, str) and ':' in name


def label(name: str) -> str:
  """A name without folders, for tables and names of folders."""
  return name.replace('\\', '/').rpartition('/')[2] if is_outside(name) else name


def find(kind: str, name: str) -> Any:
  """The dataclass or function of a name.

  Args:
    kind: of `TABLES`.
    name: in the table, or that of code from outside which was allowed.

  Raises:
    InputError: there is no such name, or nobody allowed it.
  """
  if is_outside(name):
    return source(kind, name).part
  table = TABLES[kind]
  if name not in table:
    raise InputError(f'there is no {kind} {name!r}' + suggestion(name, table))
  module, _, attribute = table[name].partition(':')
  return getattr(importlib.import_module(module), attribute)


def is_allowed(kind: str, name: str) -> bool:
  """Whether a person has named this code from outside in this process."""
  return (kind, name) in _ALLOWED


def source(kind: str, name: str) -> Source:
  """The code from outside that a name stands for.

  Raises:
    NotNamed: nobody allowed it in this process.
  """
  if not is_allowed(kind, name):
    raise NotNamed(
        f'the {kind} {name} is code from outside of the package, and is not run '
        f'because a folder names it; name it yourself, with --{kind}={name}, or give '
        'the command of the run again')
  return _ALLOWED[kind, name]


def allow(kind: str, name: str, *, recorded: str | None = None) -> Source:
  """Reads, runs and keeps code from outside, as a person names it.

  Args:
    kind: of `TABLES`.
    name: 'my_file.py:proximal_maml' or 'my_package.models:Mixer'.
    recorded: the name that a run folder has for it, where it lay elsewhere then.

  Raises:
    InputError: it cannot be imported, or has no such name.
  """
  place, _, attribute = name.rpartition(':')
  try:
    with same_folder():
      path, module = _import(place)
  except InputError:
    raise
  except RAISED as error:
    raise InputError(f'{kind}={name}: {place} cannot be imported '
                     f'({describe(error)})') from error
  if not _fits(kind, getattr(module, attribute, None)):
    known = [key for key, value in vars(module).items() if _fits(kind, value)
             and getattr(value, '__module__', module.__name__) == module.__name__]
    near = suggestion(attribute, known, lead='the nearest there is') if known else ''
    raise InputError(f'{kind}={name}: {place} has no {attribute!r} that '
                     f'{"is a Facts" if kind == "data" else "can be called"}{near}')
  part = getattr(module, attribute)
  code = Source(recorded or name, _sha256(path), _text(path), part,
                _object_sha256(part))
  _ALLOWED[kind, code.name] = code
  return code


def allow_object(kind: str, part: Any) -> str:
  """Allows a function, a class or facts that Python holds; returns their name.

  Args:
    kind: of `TABLES`.
    part: defined in a file, so that its text can be recorded; facts are their own text.

  Raises:
    InputError: it has no text, or is no part of a module by its own name.
  """
  try:
    text = _object_text(part)
  except (OSError, TypeError) as error:
    raise InputError(f'{kind}={part!r} has no source that could be recorded '
                     f'({error}); define it in a file') from None
  name = (f'python:{part.name}' if kind == 'data' else
          f'{part.__module__}:{part.__qualname__}')
  sha256 = _object_sha256(part)
  _ALLOWED[kind, name] = Source(name, sha256, text, part, sha256)
  _OBJECTS.add((kind, name))
  return name


def allowed(kind: str) -> list[Any]:
  """The parts from outside that a person has named in this process."""
  return [code.part for (one, _), code in _ALLOWED.items() if one == kind]


def place_of(kind: str, part: Any) -> str:
  """The name by which a person named a part from outside; '' for one of the package."""
  return next((name for (one, name), code in _ALLOWED.items()
               if one == kind and code.part is part), '')


def allow_or_keep(kind: str, name: str) -> Source:
  """`allow`, but for what Python holds, which no file need have as it is.

  Raises:
    InputError: it cannot be imported, or has no such name.
  """
  return _ALLOWED[kind, name] if (kind, name) in _OBJECTS else allow(kind, name)


def line_of(error: BaseException) -> str:
  """The last line of code from outside that an error came through; '' for none.

  Of what a compiled program calls back, jax keeps the lines in the message alone.

  Args:
    error: that was raised.
  """
  files = set()
  for code in _ALLOWED.values():
    with contextlib.suppress(TypeError):      # an object has no file
      files.add(os.path.realpath(inspect.getfile(code.part)))
  lines = [(frame.filename, frame.lineno)
           for frame in traceback.extract_tb(error.__traceback__)]
  lines += re.findall(r'^ *File "(.+)", line (\d+)', str(error), re.M)
  places = [f'{file} line {line}' for file, line in lines
            if os.path.realpath(file) in files]
  return places[-1] if places else ''


@contextlib.contextmanager
def same_folder() -> Iterator[None]:
  """Within, code from outside may go to another working folder; it ends in this one."""
  try:
    before = os.getcwd()
  except FileNotFoundError:     # it was deleted
    before = ''
  try:
    yield
  finally:
    with contextlib.suppress(FileNotFoundError):
      if before and os.getcwd() != before:
        os.chdir(before)


def describe(error: BaseException) -> str:
  """What code from outside raised, in a line."""
  first, *rest = str(error).strip().split('\n')
  if rest and first.endswith('Traceback (most recent call last):'):   # of a call back
    return printable(rest[-1])
  return f'{type(error).__name__}: {printable(first)}'


def _import(place: str) -> tuple[pathlib.Path, Any]:
  """The file and the module of 'my_file.py' or 'my_package.models'."""
  if not place.endswith('.py'):
    module = importlib.import_module(place)
    return pathlib.Path(module.__file__), module
  path = pathlib.Path(places.expand(place)).resolve()
  if not path.is_file():
    raise InputError(f'{place} {"is no file" if path.exists() else "is not there"}; '
                     f'give the path of a Python file, from {pathlib.Path.cwd()}')
  name = f'outside_{_sha256(path)[:16]}_{path.stem}'
  if name not in sys.modules:
    spec = importlib.util.spec_from_loader(name, _AsWritten(name, str(path)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module       # where dataclasses look for their module
    try:
      spec.loader.exec_module(module)
    except BaseException:
      del sys.modules[name]
      raise
  return path, sys.modules[name]


class _AsWritten(importlib.machinery.SourceFileLoader):
  """Runs the text that is hashed: no older bytecode, and none is left beside it."""

  def get_code(self, fullname):
    return self.source_to_code(self.get_data(self.path), self.path)


def _fits(kind: str, part: Any) -> bool:
  """Whether an object can be a part: facts of a data set, or what can be called."""
  return (type(part).__name__ == 'Facts' and hasattr(part, 'class_sets')
          if kind == 'data' else callable(part))


def _object_text(part: Any) -> str:
  """The text of a function or a class; facts are values, which are their own text."""
  if _fits('data', part):
    return json.dumps(_plain(part), indent=1, sort_keys=True)
  return inspect.getsource(part)


def _plain(value: Any) -> Any:
  """Named tuples, mappings and sets as JSON has them, whatever their order."""
  if hasattr(value, '_asdict'):
    return _plain(value._asdict())
  if isinstance(value, Mapping):
    return {str(key): _plain(part) for key, part in value.items()}
  if isinstance(value, (set, frozenset)):
    return sorted(map(str, value))
  return list(map(_plain, value)) if isinstance(value, (tuple, list)) else value


def _object_sha256(part: Any) -> str:
  try:
    return hashlib.sha256(_object_text(part).encode()).hexdigest()
  except (OSError, TypeError):
    return ''


def _sha256(path: pathlib.Path) -> str:
  return hashlib.sha256(path.read_bytes()).hexdigest()


def _text(path: pathlib.Path) -> str:
  return path.read_bytes().decode('utf-8', errors='replace')
