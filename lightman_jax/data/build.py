"""A plan becomes a data set on disk.

Clips first go one by one into a cache; TFDS writes last, into a folder that it renames
when it is complete; then everything is read back and compared, and only then the report
is written, whose presence makes the data set count as finished.
"""

from collections.abc import Callable, Iterator, Mapping
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

from lightman_jax import bounded
from lightman_jax.data import builder as builders, contents, workers as cache
from lightman_jax.data.build_report import describe_build, make_report
from lightman_jax.data.contents import Progress
from lightman_jax.data.plan import Item, Pixels, Plan, check_enough
from lightman_jax.data.rows import LeftOut
from lightman_jax.data.sources import REPORT, VERSION
from lightman_jax.data.store import (
  ClipSet,
  content_sha256,
  hashed_words,
  read_data_set,
  write_order,
)
from lightman_jax.data.workers import Job, make_all
from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically

_REFUSED = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES}


def build(
    plan: Plan, home: pathlib.Path, *, progress: Progress, say: Callable[[str], None],
    workers: int = 0,
) -> tuple[pathlib.Path, ClipSet | None]:
  """Builds a data set under `home`, unless one of the same content stands there.

  Args:
    plan: what to build.
    home: the folder of all data sets.
    progress: called with the stage, how much of it is done, and of how much.
    say: called with a line for the person who waits.
    workers: processes that make clips; 0: one a core where that pays.

  Returns:
    The data set's folder, for `tfds.builder_from_directory`; and its clips where they
    were built and read back just now, else None.

  Raises:
    InputError: too few clips, an unreadable picture in a strict plan, a full disk.
  """
  check_enough(plan, plan.items)
  folder = home / plan.dataset / plan.config
  final = folder / VERSION
  before = read_finished(final)
  if contents.is_unchanged(plan, final, before, progress):
    # Without a lock: the place may be shared and read-only.
    shutil.rmtree(folder / cache.FOLDER, ignore_errors=True)
    return final, None
  with _disk(folder), _alone(folder):
    built = read_finished(final)
    if built != before and contents.is_unchanged(plan, final, built, progress):
      return final, None  # another process has built it meanwhile
    if built:
      say(f'{plan.dataset} ({plan.config}): the files it was built from, or the code '
          'that makes its clips, have changed; it is built again.')
    for note in plan.notes:
      say(f'{plan.dataset} ({plan.config}): {note}.')
    return final, _rebuild(plan, home, final, progress, say, workers)


def is_built(plan: Plan, home: pathlib.Path,
             progress: Progress = lambda stage, done, total: None) -> bool:
  """Whether a data set of the same content stands under `home`.

  Args:
    plan: of the files as they are now.
    home: the folder of all data sets.
    progress: called with the stage, how much of it is done, and of how much.
  """
  final = home / plan.dataset / plan.config / VERSION
  return contents.is_unchanged(plan, final, read_finished(final), progress)


def read_finished(final: pathlib.Path) -> dict:
  """Returns the report of a finished data set, or {}.

  Args:
    final: the folder of one version of a data set.
  """
  try:
    report = bounded.read_json(final / REPORT)
  except (OSError, ValueError):
    return {}
  return report if isinstance(report, dict) else {}


def _rebuild(plan: Plan, home, final: pathlib.Path, progress, say, workers) -> ClipSet:
  clips = final.parent / cache.FOLDER
  for path in final.parent.glob('incomplete.*'):   # of a build that was killed
    shutil.rmtree(path, ignore_errors=True)
  cache.remove_stale(clips, plan.items)
  items, unreadable = _fill(plan, clips, progress, workers)
  check_enough(plan, items)
  details = {}
  sha256 = content_sha256(_content(items, details, plan.dataset), plan.classes)
  _write(plan._replace(items=items), home, final, progress)
  check = lambda _, done, total: progress('check', done, total)
  read = read_data_set(final, progress=check)
  if read.info['sha256'] != sha256:
    shutil.rmtree(final)
    raise InputError(f'{final} did not come back from the disk as it was written; '
                     'check the disk, then repeat the command.')
  left_out = tuple(sorted((*plan.left_out, *unreadable),
                          key=lambda entry: entry.in_words))
  whole = plan._replace(items=items, left_out=left_out)
  sums = _sums(plan, details)
  contents.write_record(plan, final, sums)
  write_order(final, read)
  report = make_report(whole, details, digest=contents.build_digest(plan, sums),
                       sha256=sha256)
  with write_atomically(final / REPORT) as file:
    json.dump(report, file, indent=2)     # ASCII, for Linux has names that are no text
    file.write('\n')
  for line in describe_build(whole, report, final / REPORT):
    say(line)
  shutil.rmtree(clips, ignore_errors=True)
  return read._replace(info=read_finished(final))


def _content(items: tuple[Item, ...], details: dict[str, Pixels], dataset: str):
  """What is hashed of each clip; what else its making told is put into `details`."""
  for item in items:
    pixels = item.make()
    details[item.row.clip] = pixels._replace(frames=None, landmarks=None)
    row = item.row
    words = hashed_words(row.clip, row.subject, row.emotion, row.kind, row.dataset,
                         whole=dataset)
    yield words, item.label, pixels.frames, pixels.landmarks


def _sums(plan: Plan, details: Mapping[str, Pixels]) -> dict[str, tuple[str, ...]]:
  """Of every clip the hashes of its files as they were decoded.

  Files of a clip that is left out are read for it: it may be one when they change.
  """
  return {item.row.clip: details[item.row.clip].sums if item.row.clip in details
          else tuple(map(contents.sha256_of, item.files)) for item in plan.items}


def _fill(
    plan: Plan, clips: pathlib.Path, progress: Progress, workers: int,
) -> tuple[tuple[Item, ...], tuple[LeftOut, ...]]:
  items = sorted(plan.items, key=lambda item: item.row.clip)
  jobs = [Job(item, clips, (*plan.shape, 3)) for item in items]
  answers, done = {}, 0
  progress('clips', 0, len(items))
  for number, reason in make_all(jobs, workers=workers):
    if reason and plan.strict:
      raise InputError(f'{plan.sheet or plan.dataset}, clip '
                       f'{items[number].row.clip!r}: {reason}.')
    answers[number] = reason
    done += 1
    progress('clips', done, len(items))
  kept = tuple(item._replace(make=functools.partial(_cached, clips, item))
               for number, item in enumerate(items) if not answers[number])
  return kept, tuple(LeftOut(items[number].row.clip, answers[number])
                     for number in sorted(answers) if answers[number])


def _cached(clips: pathlib.Path, item: Item) -> Pixels:
  # Made again should the file have been damaged since it was written.
  return cache.read_stored(clips, item) or item.make()


def _write(plan: Plan, home: pathlib.Path, final: pathlib.Path, progress) -> None:
  progress('write', 0, 1)
  if final.exists():
    shutil.rmtree(final)
  kind = builders.builder_of(plan.dataset)
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
    messages = {number: os.strerror(number) for number in _REFUSED}
    why = [words for number, words in messages.items()
           if number == getattr(error, 'errno', None) or words in str(error)]
    if not why:
      raise
    raise InputError(f'{folder} cannot be written: {why[0]}; make room, or choose '
                     'another place with --config.data.data_dir, then repeat the '
                     'command.') from error
