"""Places on a person's machine: what ~ means, and where caches go without a home."""

from collections.abc import Callable
import os
import pathlib
import stat
import sys
import tempfile

from lightman_jax.errors import InputError, printable

# Where each kind of file goes below a home folder, if its variable does not say it.
BELOW_HOME = {'XDG_CACHE_HOME': '.cache', 'XDG_DATA_HOME': '.local/share',
              'TFDS_DATA_DIR': 'tensorflow_datasets'}


def expand(path: str | os.PathLike) -> pathlib.Path:
  """A path that a person gave, with a leading ~ or ~NAME as that user's home folder.

  Where no user has that name it stays as it is, as in a shell.
  """
  path = pathlib.Path(path)
  if path.parts[:1] == ('~',):
    return home().joinpath(*path.parts[1:])
  return pathlib.Path(os.path.expanduser(path))


def standard(variable: str) -> pathlib.Path:
  """The folder that an environment variable names, or its usual place below the home.

  Args:
    variable: one of `BELOW_HOME`.
  """
  value = os.environ.get(variable)
  check_text(variable, value or home())
  return expand(value) if value else home() / BELOW_HOME[variable]


def check_text(what: str, path: str | os.PathLike) -> None:
  """Refuses a path that settings and results cannot name, for they are in UTF-8.

  Args:
    what: a setting or flag that gives it.
    path: of a file or folder.

  Raises:
    InputError: says what to do.
  """
  try:
    os.fspath(path).encode()
  except UnicodeEncodeError:
    encoding = sys.getfilesystemencoding()
    raise InputError(
        f"{what} is '{printable(os.fspath(path))}', which is no text in UTF-8, in "
        'which settings and results are written; '
        + ('give the folder another name, or link to it under one'
           if encoding == 'utf-8' else
           f'this shell has names in {encoding}: set PYTHONUTF8=1')) from None


def home() -> pathlib.Path:
  """The user's home folder; a temporary folder of this user's where there is none."""
  return _known_home() or _temporary_home()


def use_home(say: Callable[[str], None]) -> None:
  """Where there is no home folder, every library gets a temporary one, with a line.

  Containers run as users that neither HOME nor the passwd file knows, and libraries
  then fail when they are imported. Called once, before they are.

  Args:
    say: called with the line.
  """
  if _known_home() is not None:
    return
  before, place = os.environ.get('HOME'), _temporary_home()
  os.environ['HOME'] = str(place)
  unset = [name for name in BELOW_HOME if not os.environ.get(name)]
  say('there is no home folder ('
      + (f'HOME is {before!r}' if before else
         f'HOME is not set, and user {_user()} has no entry in passwd')
      + f'): {place} is used for what would lie there'
      + (f'; set {", ".join(unset)} for other places' if unset else ''))


def _known_home() -> pathlib.Path | None:
  """The home folder that HOME or the passwd file names, if it exists."""
  name = os.path.expanduser('~') if os.environ.get('HOME', 'unset') else ''
  return pathlib.Path(name) if os.path.isabs(name) and os.path.isdir(name) else None


def _temporary_home() -> pathlib.Path:
  """The same folder at every start, unless somebody else has made it."""
  place = pathlib.Path(tempfile.gettempdir(), f'lightman_jax-{_user()}')
  try:
    place.mkdir(mode=0o700, exist_ok=True)
    about = place.lstat()
    if stat.S_ISDIR(about.st_mode) and about.st_uid == _user():
      return place
  except FileExistsError:
    pass
  return pathlib.Path(tempfile.mkdtemp(prefix='lightman_jax-'))


def _user() -> int:
  """The number of this user; 0 on Windows, as all files have there."""
  return os.getuid() if hasattr(os, 'getuid') else 0
