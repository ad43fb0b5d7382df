"""A plan becomes a data set on disk.

Clips first go one by one into a cache; TFDS writes last, into a folder that it renames
when it is complete; then everything is read back and compared, and only then the report
is written, whose presence makes the data set count as finished.
"""

from collections import Counter
from collections.abc import Callable, Iterator
import contextlib
import errno
import fcntl
import functools
import io
import json
import os
import pathlib
import shutil

from absl import logging
import tensorflow_datasets as tfds

from lightman_jax.annotations.rows import LeftOut
from lightman_jax.clips import builder as builders
from lightman_jax.clips import cache
from lightman_jax.clips.clipset import content_sha256
from lightman_jax.clips.plan import Item, Pixels, Plan, Unreadable, check_enough
from lightman_jax.clips.read import read
from lightman_jax.clips.sources import REPORT, VERSION
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically

Progress = Callable[[str, int, int], None]
_BUILDERS = {'casme2': builders.Casme2, 'manifest': builders.Manifest,
             'synthetic': builders.Synthetic}
_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


def build(
    plan: Plan, home: pathlib.Path, *, progress: Progress, say: Callable[[str], None],
) -> pathlib.Path:
  """Builds a data set under `home`, unless one of the same content stands there.

  Args:
    plan: what to build.
    home: the folder of all data sets.
    progress: called with the stage, how much of it is done, and of how much.
    say: called with a line for the person who waits.

  Returns:
    The data set's folder, for `tfds.builder_from_directory`.

  Raises:
    InputError: too few clips, an unreadable picture in a strict plan, a full disk.
  """
  check_enough(plan, plan.items)
  folder = home / plan.dataset / plan.config
  final = folder / VERSION
  if finished(final).get('digest') == plan.digest:
    # Without a lock: the place may be shared and read-only.
    shutil.rmtree(folder / cache.FOLDER, ignore_errors=True)
    return final
  with _disk(folder), _alone(folder):
    built = finished(final)
    if built.get('digest') == plan.digest:
      return final
    if built:
      say(f'{plan.dataset} ({plan.config}): the files it was built from have changed; '
          'it is built again.')
    for note in plan.notes:
      say(f'{plan.dataset} ({plan.config}): {note}.')
    _rebuild(plan, home, final, progress, say)
  return final


def finished(final: pathlib.Path) -> dict:
  """Returns the report of a finished data set, or {}."""
  try:
    return json.loads((final / REPORT).read_text(encoding='utf-8'))
  except (OSError, ValueError):
    return {}


def _rebuild(plan: Plan, home: pathlib.Path, final: pathlib.Path, progress, say):
  clips = final.parent / cache.FOLDER
  for path in final.parent.glob('incomplete.*'):   # of a build that was killed
    shutil.rmtree(path, ignore_errors=True)
  cache.tidy(clips, plan.items)
  items, unreadable = _fill(plan, clips, progress)
  check_enough(plan, items)
  sha256 = content_sha256(
      ((_words(item), item.label, *item.make()) for item in items), plan.classes)
  _write(plan._replace(items=items), home, final, progress)
  if read(final, progress=progress).info['sha256'] != sha256:
    shutil.rmtree(final)
    raise InputError(f'{final} did not come back from the disk as it was written; '
                     'check the disk, then repeat the command.')
  left_out = tuple(sorted((*plan.left_out, *unreadable)))
  _report(plan._replace(items=items, left_out=left_out), plan.digest, sha256, final)
  if left_out:
    say(f'{plan.dataset} ({plan.config}): {len(left_out)} clips are left out; '
        f'{final / REPORT} says why.')
  shutil.rmtree(clips, ignore_errors=True)


def _fill(
    plan: Plan, clips: pathlib.Path, progress: Progress,
) -> tuple[tuple[Item, ...], tuple[LeftOut, ...]]:
  kept, unreadable = [], []
  for done, item in enumerate(sorted(plan.items, key=lambda item: item.row.clip)):
    progress('clips', done, len(plan.items))
    try:
      pixels = cache.stored(clips, item)
      if pixels is None:
        pixels = item.make()
        if pixels.frames.shape != (*plan.shape, 3):
          raise Unreadable(f'its frames are {pixels.frames.shape} in shape')
        cache.store(clips, item, pixels)
    except Unreadable as error:
      if plan.strict:
        raise InputError(f'{plan.sheet or plan.dataset}, clip {item.row.clip!r}: '
                         f'{error}.') from error
      unreadable.append(LeftOut(item.row.clip, str(error)))
      continue
    kept.append(item._replace(make=functools.partial(_cached, clips, item)))
  progress('clips', len(plan.items), len(plan.items))
  return tuple(kept), tuple(unreadable)


def _cached(clips: pathlib.Path, item: Item) -> Pixels:
  # Made again should the file have been damaged since it was written.
  return cache.stored(clips, item) or item.make()


def _words(item: Item) -> tuple[str, ...]:
  row = item.row
  return row.clip, row.subject, row.emotion, row.kind


def _write(plan: Plan, home: pathlib.Path, final: pathlib.Path, progress) -> None:
  progress('write', 0, 1)
  if final.exists():
    shutil.rmtree(final)
  kind = _BUILDERS[plan.dataset]
  # TFDS refuses a second configuration with the name of one that the class lists.
  config = plan.config if plan.config in kind.builder_configs else builders.ClipConfig(
      name=plan.config, class_set=plan.class_set, classes=plan.classes,
      shape=plan.shape, description=f'{plan.class_set}, {len(plan.items)} clips.')
  tfds.display_progress_bar(False)
  with _quiet():
    builder = kind(config=config, data_dir=home, file_format='array_record')
    builder.plan = plan
    builder.download_and_prepare(file_format='array_record')
  progress('write', 1, 1)


def _report(plan: Plan, digest: str, sha256: str, final: pathlib.Path) -> None:
  counts = Counter(item.label for item in plan.items)
  report = {
      'dataset': plan.dataset,
      'config': plan.config,
      'class_set': plan.class_set,
      'version': VERSION,
      'clips': len(plan.items),
      'subjects': len({item.row.subject for item in plan.items}),
      'per_class': {name: counts[label] for label, name in enumerate(plan.classes)},
      'without_class': counts[-1],
      'left_out': [list(entry) for entry in plan.left_out],
      'notes': list(plan.notes),
      'sheet': plan.sheet,
      'sheet_sha256': plan.sheet_sha256,
      'digest': digest,
      'sha256': sha256,
  }
  with write_atomically(final / REPORT) as file:
    json.dump(report, file, indent=2, ensure_ascii=False)
    file.write('\n')


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
  """Lets one process build at a time; the lock goes with the process."""
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / '.lock', 'w') as file:
    with contextlib.suppress(OSError):   # some network file systems have no locks
      fcntl.flock(file, fcntl.LOCK_EX)
    yield


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """TFDS announces downloads and unusual configurations; here neither is news."""
  before = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      yield
  finally:
    logging.set_verbosity(before)


@contextlib.contextmanager
def _disk(folder: pathlib.Path) -> Iterator[None]:
  """A full or closed disk is the user's to mend, whoever notices it."""
  try:
    yield
  except (OSError, RuntimeError) as error:
    # The writer of records gives the system's words, but not its number.
    known = {number: os.strerror(number) for number in _REFUSED}
    why = [words for number, words in known.items()
           if number == getattr(error, 'errno', None) or words in str(error)]
    if not why:
      raise
    raise InputError(f'{folder} cannot be written: {why[0]}; make room, or choose '
                     'another place with --config.data.data_dir, then repeat the '
                     'command.') from error
