"""What code computes a stage, as a digest that no comment and no docstring changes.

What is kept between two starts (inputs, built data sets, unfinished runs) is used again
only where the code that computes it is the same. That is a module with all that it
imports from this package, directly or not: another method's or the report's code may
change meanwhile.
"""

import ast
from collections.abc import Callable, Iterable, Iterator
import functools
import hashlib
import pathlib
from typing import Any, NamedTuple

PACKAGE = pathlib.Path(__file__).resolve().parent


class Module(NamedTuple):
  """What counts of one module."""
  sha256: str
  imports: frozenset[str]     # dotted names, of this package and of others


class Package:
  """The sources below a folder, each read once.

  Args:
    root: of the package; its name is the first part of its modules' names.
  """

  def __init__(self, root: pathlib.Path):
    self._root = root
    self._modules: dict[str, Module] = {}

  def sha256(self, modules: Iterable[str], without: Iterable[str] = ()) -> str:
    """SHA-256 over some modules and all that they import from the package.

    Args:
      modules: dotted names.
      without: modules, or folders of such, that only show what others compute; what
        they alone import does not count either.

    Raises:
      ModuleNotFoundError: one of the names is not there.
    """
    reached, waiting, without = set(), list(modules), tuple(without)
    for name in (*waiting, *without):
      if self._path(name) is None:
        raise ModuleNotFoundError(f'there is no module {name} in {self._root}')
    while waiting:
      name = waiting.pop()
      shows = any(name == one or name.startswith(f'{one}.') for one in without)
      if name not in reached and not shows:
        reached.add(name)
        waiting += filter(None, map(self._module_of, self._read(name).imports))
    digest = hashlib.sha256()
    for name in sorted(reached):
      digest.update(f'{name} {self._read(name).sha256}\n'.encode())
    return digest.hexdigest()

  def _read(self, name: str) -> Module:
    if name not in self._modules:
      tree = ast.parse(self._path(name).read_bytes())
      self._modules[name] = Module(tree_sha256(tree), frozenset(_imports(tree)))
    return self._modules[name]

  def _module_of(self, name: str) -> str | None:
    """The module that an imported name is, or stands in; None outside of the package.

    Packages run nothing but their docstring when a module in them is imported, so they
    count only where a name is taken from them.
    """
    above, _, _ = name.rpartition('.')
    if self._path(name) is not None and not self._path(name).name == '__init__.py':
      return name
    return above if above and self._path(above) is not None else None

  def _path(self, name: str) -> pathlib.Path | None:
    first, *rest = name.split('.')
    if first != self._root.name:
      return None
    place = self._root.joinpath(*rest)
    for path in (place.with_suffix('.py'), place / '__init__.py'):
      if path.is_file() and (rest or path.name == '__init__.py'):
        return path
    return None


@functools.cache
def code_sha256(*modules: str, without: tuple[str, ...] = ()) -> str:
  """SHA-256 over modules of this package and all that they import from it.

  Each source is read once in a process, so call it before a long computation: what is
  edited meanwhile is not what runs.

  Args:
    modules: dotted names, such as 'lightman_jax.inputs.inputs'.
    without: modules or folders that compute nothing of it; see `Package.sha256`.
  """
  return _OURS.sha256(modules, without)


def tree_sha256(tree: ast.AST) -> str:
  """SHA-256 over a syntax tree without its docstrings and places in the file.

  The same for every version of Python that reads the source alike: fields that are
  empty do not count, and newer versions have more of these.

  Args:
    tree: as `ast.parse` returns it.
  """
  words: list[str] = []
  _spell(tree, words.append)
  return hashlib.sha256('\0'.join(words).encode(errors='surrogatepass')).hexdigest()


def _spell(node: Any, add: Callable[[str], None]) -> None:
  if isinstance(node, list):
    add('[')
    for part in node:
      if not _is_text(part):
        _spell(part, add)
    add(']')
  elif isinstance(node, ast.AST):
    add(type(node).__name__)
    for name in node._fields:
      value = getattr(node, name, None)
      if value is not None and value != [] and name != 'kind':
        add(name)
        _spell(value, add)
    add('.')
  else:
    add(repr(node))


def _is_text(node: Any) -> bool:
  """A docstring, or another string that stands alone: it computes nothing."""
  return (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
          and isinstance(node.value.value, str))


def _imports(tree: ast.AST) -> Iterator[str]:
  for node in ast.walk(tree):
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield from (f'{node.module}.{alias.name}' for alias in node.names)


_OURS = Package(PACKAGE)
