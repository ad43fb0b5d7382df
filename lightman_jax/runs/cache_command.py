"""python -m lightman_jax cache: what this program keeps, and deleting it by name."""

from collections.abc import Iterator, Sequence
import contextlib
import datetime
import os
import pathlib
from typing import NamedTuple

from lightman_jax import bounded, files, places
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError, printable
from lightman_jax.options import suggestion
from lightman_jax.units import bytes_in_words

# Below the cache's folder, and what lies there.
ROOMS = {'inputs': 'what networks see of the clips of a data set',
         'xla': 'compiled programs',
         'pretrained': 'weights that folds begin with'}
DATA_SETS = 'data'       # built ones, below TFDS_DATA_DIR
MODULE = 'lightman_jax.'


class Entry(NamedTuple):
  """Something that can be deleted, and is made again where it is needed."""
  name: str                 # as 'inputs/0f3a.npy', 'data/samm/five/1.0.0', 'xla'
  path: pathlib.Path
  bytes: int
  changed: float            # seconds since 1970
  note: str = ''


def entries() -> list[Entry]:
  """All that lies in the caches, by name.

  Compiled programs are one entry. Of the folder of built data sets only those that
  this program built are listed.
  """
  root = places.standard('XDG_CACHE_HOME') / 'lightman_jax'
  result = []
  for room, note in ROOMS.items():
    folder = _folder(root, room)
    if room == 'xla':      # thousands of files, of which none has a name to know
      result += [_entry(room, folder, note)] if folder.is_dir() else []
      continue
    result += [_entry(f'{room}/{path.name}', path, note) for path in _content(folder)]
  return result + list(_data_sets(places.standard('TFDS_DATA_DIR')))


def select(names: Sequence[str], known: Sequence[Entry]) -> list[Entry]:
  """The entries that names mean: a whole name, or that of all below it, as inputs.

  Args:
    names: of a command line.
    known: of `entries`.

  Raises:
    InputError: nothing has such a name.
  """
  chosen = []
  for name in names:
    word = name.rstrip('/')
    of_name = [entry for entry in known
               if entry.name == word or entry.name.startswith(f'{word}/')]
    if not of_name:
      every = [entry.name for entry in known]
      raise InputError(f'nothing in the caches is called {name!r}'
                       + suggestion(word, (*ROOMS, DATA_SETS, *every), listed=False)
                       + ('; python -m lightman_jax cache lists all' if every
                          else '; they are empty'))
    chosen += [entry for entry in of_name if entry not in chosen]
  return chosen


@refusing('cache')
def cache(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax cache',
      description='Lists inputs, compiled programs, pre-trained weights and built '
                  'data sets with their sizes, or deletes those that are named. All '
                  'are made again where a run needs them; a built data set needs '
                  'its files for that. Run folders and licensed files are not listed.')
  parser.add_argument('action', nargs='?', choices=('list', 'delete'), default='list')
  parser.add_argument('names', metavar='NAME', nargs='*',
                      help='as inputs/0f3a.npy; inputs, data/samm: all below it')
  options = parser.parse_args(arguments)
  known = entries()
  if options.action == 'list':
    print(*_lines(select(options.names, known) if options.names else known), sep='\n')
    return 0
  if not options.names:
    raise InputError('nothing is deleted that is not named: cache delete NAME, with '
                     'names that python -m lightman_jax cache lists')
  for entry in select(options.names, known):
    files.remove(entry.path)
    if entry.name.startswith(f'{DATA_SETS}/'):
      _remove_empty(entry.path)
    print(f'deleted {printable(entry.name)}, {bytes_in_words(entry.bytes)}')
  return 0


def _folder(root: pathlib.Path, room: str) -> pathlib.Path:
  compiled = os.environ.get('JAX_COMPILATION_CACHE_DIR')
  return pathlib.Path(compiled) if room == 'xla' and compiled else root / room


def _content(folder: pathlib.Path) -> list[pathlib.Path]:
  """What lies in a folder, without what a writer has not finished."""
  if not folder.is_dir():
    return []
  return sorted(path for path in folder.iterdir() if not path.name.startswith('.'))


def _data_sets(folder: pathlib.Path) -> Iterator[Entry]:
  """Built data sets: NAME/CONFIGURATION/VERSION, where TFDS says that they are ours."""
  for path in sorted(folder.glob('*/*/*/dataset_info.json')):
    try:
      about = bounded.read_json(path)
    except (OSError, ValueError):
      continue
    if isinstance(about, dict) and str(about.get('moduleName')).startswith(MODULE):
      name = '/'.join(path.parent.parts[-3:])
      yield _entry(f'{DATA_SETS}/{name}', path.parent, 'a built data set')


def _entry(name: str, path: pathlib.Path, note: str) -> Entry:
  total = changed = 0
  for one in [path, *(path.rglob('*') if path.is_dir() else ())]:
    try:
      about = one.lstat()
    except OSError:             # gone meanwhile
      continue
    total += about.st_size * (not one.is_dir())
    changed = max(changed, about.st_mtime)
  return Entry(name, path, total, changed, note)


def _lines(known: Sequence[Entry]) -> Iterator[str]:
  width = max((len(printable(entry.name)) for entry in known), default=0)
  for entry in known:
    day = datetime.datetime.fromtimestamp(entry.changed).strftime('%Y-%m-%d')
    yield (f'{printable(entry.name):<{width}}  {bytes_in_words(entry.bytes):>10}  '
           f'{day}  {entry.note}')
  total = sum(entry.bytes for entry in known)
  yield f'{len(known)} in all, {bytes_in_words(total)}'


def _remove_empty(version: pathlib.Path) -> None:
  """The folders of a data set's configuration and name, once nothing is in them."""
  for folder in version.parents[:2]:
    with contextlib.suppress(OSError):      # another configuration or version is there
      folder.rmdir()
