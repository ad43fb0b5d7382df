"""Files appear whole or not at all, and under names that any system takes."""

from collections.abc import Iterator
import contextlib
import errno
import hashlib
import os
import pathlib
import re
import shutil
import tempfile
from typing import IO
import urllib.parse

from lightman_jax.errors import InputError, shorten

try:
  import fcntl
  import resource
except ImportError:     # Windows, where only what predicts runs: it locks nothing
  fcntl = resource = None

FEWEST = 64     # open files; a run has some thirty

# Numbers of an OSError: a disk on which there is no room, or nothing at all is written;
# and where more files are open than the system or the user allows.
FULL = (errno.ENOSPC, errno.EDQUOT)
UNWRITABLE = (*FULL, errno.EROFS)
TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)
FAULT = 'E504'     # the code of such a refusal


@contextlib.contextmanager
def write_atomically(path: str | os.PathLike, mode: str = 'w') -> Iterator[IO]:
  """Opens a temporary neighbour of `path`; a clean exit puts it in place.

  The content is on disk before the name is, so a reader, or the same program after a
  power cut, finds the old file or the new one. On an error nothing is left behind.

  Args:
    path: the final name; its folder is made where missing.
    mode: 'w' (text, UTF-8, newlines as written) or 'wb'.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
  try:
    options = {} if 'b' in mode else {'encoding': 'utf-8', 'newline': ''}
    with open(number, mode, **options) as file:
      with contextlib.suppress(OSError):    # some network file systems have no locks
        lock(file)
      yield file
      file.flush()
      os.fsync(file.fileno())
      # mkstemp is private to the owner; results are for the whole group.
      os.chmod(temporary, 0o666 & ~_umask())
      if fcntl:
        os.replace(temporary, path)
    if not fcntl:       # Windows renames no open file
      os.replace(temporary, path)
    sync_folder(path.parent)
  except BaseException as error:
    pathlib.Path(temporary).unlink(missing_ok=True)
    name_place(error, path)
    raise


def lock(file: IO) -> None:
  """Locks an open file for this process; nobody waits.

  Args:
    file: that is open.

  Raises:
    BlockingIOError: another process has locked it.
    OSError: files cannot be locked there.
  """
  if fcntl is None:
    raise OSError(errno.ENOLCK, 'this system has no locks on files')
  fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


# Types of file systems, and words of their mounts, where a lock holds on one host only.
LOCAL = {'nfs': ('nolock', 'local_lock=all', 'local_lock=flock'),
         'nfs4': ('local_lock=all', 'local_lock=flock'), 'lustre': ('localflock',)}
# Those of FUSE that leave locks to the host.
LOCAL |= dict.fromkeys((f'fuse.{name}' for name in (
    'sshfs', 's3fs', 'gcsfuse', 'goofys', 'rclone', 'blobfuse2')), ('',))


def lock_limits(path: str | os.PathLike,
                mounts: str | os.PathLike = '/proc/self/mountinfo') -> str:
  """Why a lock on a file may keep nobody out; '' where nothing is known against it.

  Args:
    path: of a file that this process has locked.
    mounts: the system's list of mounts.
  """
  with contextlib.suppress(OSError), open(path, 'rb') as other:
    lock(other)
    return 'a second lock on the same file is granted'
  place, best, limit = os.path.realpath(path), '', ''
  with contextlib.suppress(OSError, ValueError), open(
      mounts, encoding='utf-8') as lines:
    for line in lines:
      before, _, after = line.partition(' - ')
      # A space in a name is written as its octal number.
      point = re.sub(r'\\(\d{3})', lambda digits: chr(int(digits[1], 8)),
                     before.split(' ')[4])
      kind, _, options = after.rstrip('\n').split(' ', 2)
      if len(point) >= len(best) and os.path.commonpath([point, place]) == point:
        words = options.split(',')
        local = next((word for word in LOCAL.get(kind, ())
                      if not word or word in words), None)
        best, limit = point, '' if local is None else (
            f'{point} is {" ".join(filter(None, (kind, local)))}, where a lock holds '
            'on this host only')
  return limit


def name_place(error: BaseException, path: str | os.PathLike) -> None:
  """Where a write fails, the system does not say to which file.

  Args:
    error: what the write raised; an `OSError` without a file gets one.
    path: of the file.
  """
  if isinstance(error, OSError) and error.filename is None:
    error.filename = os.fspath(path)


def explain_fault(error: OSError) -> str:
  """A sentence for the faults of a disk; `FAULT` is its code.

  Args:
    error: what reading or writing raised.
  """
  place = shorten(f' at {error.filename}') if error.filename else ''
  if error.errno in FULL:
    return (f'the disk is full{place}: free some space and give the same command '
            'again')
  if error.errno in TOO_MANY_OPEN:
    return (f'too many files are open{place}: raise the limit (ulimit -n) and give the '
            'same command again')
  elsewhere = ('; name another folder: --workdir of a run, --out of other commands, '
               'TFDS_DATA_DIR of data sets'
               if error.errno in (*UNWRITABLE, errno.EACCES, errno.EPERM, errno.EEXIST,
                             errno.ENOTDIR)
               else '')
  return f'{error.strerror or error}{place}{elsewhere}'


def sync_folder(folder: str | os.PathLike) -> None:
  """Waits until the names in a folder are on disk; files have a wait of their own.

  Args:
    folder: whose names are waited for.
  """
  if not hasattr(os, 'O_DIRECTORY'):      # Windows opens no folder
    return
  number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
  try:
    with contextlib.suppress(OSError):    # some network file systems cannot
      os.fsync(number)
  finally:
    os.close(number)


def remove(path: pathlib.Path) -> None:
  """Deletes a folder and all in it, a file, or a link and not where it leads."""
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path)
  else:
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def all_or_nothing(folder: pathlib.Path) -> Iterator[None]:
  """Within, a folder is filled; where that fails, it is left as it was.

  Args:
    folder: a new or empty one; made where missing.
  """
  made = [place for place in (folder, *folder.parents) if not place.exists()]
  try:
    folder.mkdir(parents=True, exist_ok=True)
    yield
  except BaseException as error:
    name_place(error, folder)
    for place in folder.iterdir() if folder.is_dir() else ():
      remove(place)
    for place in made:
      with contextlib.suppress(OSError):
        place.rmdir()
    raise


def remove_leftovers(folder: pathlib.Path, pattern: str) -> None:
  """Deletes what killed writers left under temporary names that match `pattern`.

  Who still writes holds a lock on the file; where none can be had, nothing is deleted.

  Args:
    folder: in which the writers worked.
    pattern: of temporary names, as `Path.glob` takes it.
  """
  for rest in folder.glob(pattern):
    # Another start may sweep, too.
    with contextlib.suppress(OSError), open(rest, 'rb') as file:
      lock(file)
      rest.unlink()


def check_open_files() -> None:
  """Where hardly a file can be opened, libraries fail in the middle and in any words.

  Raises:
    InputError: this process may have fewer than `FEWEST` files open.
  """
  if resource is None:
    return
  most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
  if most != resource.RLIM_INFINITY and most < FEWEST:
    raise InputError(f'this process may have {most} files open, and needs {FEWEST}: '
                     'raise the limit (ulimit -n) and give the same command again')


def file_sha256(path: str | os.PathLike) -> str:
  """SHA-256 of a file's bytes, in hexadecimal."""
  with open(path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def fold_path(folder: pathlib.Path, held_out: str, suffix: str = '') -> pathlib.Path:
  """Where a fold's own part of a folder lies; its name may hold any letter.

  Args:
    folder: of one kind of file, for all folds.
    held_out: the fold's name.
    suffix: the ending of a file; '' for a folder.
  """
  name = urllib.parse.quote(held_out, safe='')
  # '..' would be another folder, and a first point marks what is only temporary.
  name = f'%2E{name[1:]}' if name.startswith('.') else name
  return folder / f'{name}{suffix}'


def _umask() -> int:
  mask = os.umask(0)
  os.umask(mask)
  return mask
