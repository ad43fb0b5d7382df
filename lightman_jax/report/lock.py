"""One program at a time in a run folder, and nobody waits for a dead one.

The lock is the operating system's (`flock`), so it ends with the process that holds it,
however that ends; what is written in the file only names the owner.
"""

import contextlib
import errno
import fcntl
import getpass
import os
import pathlib
import socket
from typing import IO

from lightman_jax.errors import InputError

NAME = 'lightman_jax.lock'   # also the mark by which a run folder is known


def take(folder: str | os.PathLike, name: str = NAME) -> IO:
  """Locks `folder`, which exists, until the returned file, `name` in it, is closed.

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
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
