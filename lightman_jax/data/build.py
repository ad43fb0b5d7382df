"""A plan becomes a data set on disk.

Content is hashed while it is read for a clip. Beside the built data set lies what was
read: of each file its hash, and what the system says of it. Where size, time of change,
time of the entry's change (which nobody can put back) and inode are the same, the hash
is not made again; else the file is read, and only another content is another data set.

Clips first go one by one into a cache; TFDS writes last, into a folder that it renames
when it is complete; then everything is read back and compared, and only then the report
is written, whose presence makes the data set count as finished.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import contextlib
import errno
import fcntl
import functools
import io
import json
import os
import pathlib
import shutil
from typing import Any, NamedTuple

from absl import logging
import tensorflow_datasets as tfds

from lightman_jax import bounded
from lightman_jax.data import builder as builders, planning, workers as cache
from lightman_jax.data.facts import COMPOSITES
from lightman_jax.data.plan import File, Item, Pixels, Plan, check_enough, fingerprint
from lightman_jax.data.rows import LeftOut
from lightman_jax.data.sources import REPORT, VERSION
from lightman_jax.data.store import (
  ClipSet,
  content_sha256,
  hashed_words,
  read_data_set,
  write_order,
)
from lightman_jax.data.trees import PICTURES, VIDEOS
from lightman_jax.data.workers import Job, make_all
from lightman_jax.errors import InputError
from lightman_jax.files import UNWRITABLE, file_sha256, write_atomically
from lightman_jax.units import counted

# Which files a data set is built from, by their content.

RECORD = 'files.json'
MOST_RECORD = 256 * 1024**2
Sums = Mapping[str, Sequence[str]]      # clip -> SHA-256 of its files, in their order
Progress = Callable[[str, int, int], None]


class _Entry(NamedTuple):
  """What was recorded of a file; `mark` is () where it cannot be relied on."""
  path: str
  mark: tuple[int, ...]
  sha256: str


def build_digest(plan: Plan, sums: Sums) -> str:
  """SHA-256 over all that a build depends on, the contents of its files among it.

  Args:
    plan: what is built.
    sums: clip -> SHA-256 of its files, in their order.
  """
  return fingerprint([plan.digest, sorted(
      (item.row.clip, list(sums[item.row.clip])) for item in plan.items)])


def is_unchanged(plan: Plan, final: pathlib.Path, built: Mapping[str, Any],
                 progress: Progress) -> bool:
  """Whether a finished data set is what `plan` would build again.

  Reads the files that may have changed, up to the first that has.

  Args:
    plan: of the files as they are now.
    final: the folder of the data set.
    built: its report; {} where there is none.
    progress: called with 'files', how many are read, and of how many.
  """
  if not built:
    return False
  name, entries = _read_record(final)
  if name not in ('', plan.digest):
    return False
  total = sum(not _same(file, before) for item in plan.items
              for file, before in _pairs(item, entries))
  sums: dict[str, list[str]] = {}
  done = 0
  for item in plan.items:
    own = sums.setdefault(item.row.clip, [])
    for file, before in _pairs(item, entries):
      if _same(file, before):
        own.append(before.sha256)
        continue
      own.append(sha256_of(file))
      if before and before.sha256 != own[-1]:
        return False
      done += 1
      progress('files', done, total)
  if built.get('digest') != build_digest(plan, sums):
    return False
  if total:
    # A place that is read only costs the time to read the files again.
    with contextlib.suppress(OSError):
      write_record(plan, final, sums)
  return True


def write_record(plan: Plan, final: pathlib.Path, sums: Sums) -> None:
  """Puts beside a data set what its files were when they were read.

  Args:
    plan: what was built.
    final: the folder of the data set.
    sums: clip -> SHA-256 of its files, as they were read.
  """
  clips = {item.row.clip: [[file.path, file.mark if file.settled else (), sha256]
                           for file, sha256 in zip(item.files, sums[item.row.clip])]
           for item in plan.items if item.files}
  if clips:
    with write_atomically(final / RECORD) as file:
      json.dump({'plan': plan.digest, 'clips': clips}, file)


def sha256_of(file: File) -> str:
  """The SHA-256 of a file's content; '' where it cannot be read."""
  read = _sha256 if file.settled else _sha256.__wrapped__    # else not remembered
  return read(file.path, file.mark)


@functools.lru_cache(maxsize=2**20)
def _sha256(path: str, mark: tuple[int, ...]) -> str:
  try:
    return file_sha256(path) if os.path.isfile(path) else ''
  except OSError:
    return ''


def _same(file: File, before: _Entry | None) -> bool:
  return bool(before) and (before.path, before.mark) == (file.path, file.mark)


def _pairs(item: Item, entries: Mapping[str, Sequence[_Entry]]
           ) -> Iterable[tuple[File, _Entry | None]]:
  before = entries.get(item.row.clip, ())
  for number, file in enumerate(item.files):
    yield file, before[number] if number < len(before) else None


def _read_record(final: pathlib.Path) -> tuple[str, dict[str, list[_Entry]]]:
  """The digest of the plan and, by clip, the files; ('', {}) where nothing is there."""
  try:
    value = bounded.read_json(final / RECORD, MOST_RECORD)
    return str(value['plan']), {
        str(clip): [_Entry(str(path), tuple(mark), str(sha256))
                    for path, mark, sha256 in files]
        for clip, files in value['clips'].items()}
  except (AttributeError, KeyError, OSError, TypeError, ValueError):
    return '', {}     # without it all files are read again


def recorded_pictures(final: pathlib.Path) -> dict[str, dict[str, str]]:
  """Of every clip the names of its pictures or its video, by their SHA-256.

  Args:
    final: the folder of a data set; {} where it has no record.
  """
  return {clip: {file.sha256: pathlib.Path(file.path).name for file in files
                 if file.sha256 and pathlib.Path(file.path).suffix.lower()
                 in PICTURES | VIDEOS}
          for clip, files in _read_record(final)[1].items()}


# What a build found: the report that lies beside a built data set.

FACELESS = 'no face is found in its onset frame'


def make_report(plan: Plan, details: Mapping[str, Pixels], *, digest: str, sha256: str
           ) -> dict[str, Any]:
  """Returns all that a result must be able to name of the data it stands on.

  Args:
    plan: with the clips that were made, and all that were left out.
    details: clip -> what its making told, beside the pixels.
    digest: of the plan before anything was made, and of the contents of its files.
    sha256: over the content, see `store.content_sha256`.
  """
  counts = Counter(item.label for item in plan.items)
  kinds = Counter(item.row.kind for item in plan.items)
  sources = Counter(details[item.row.clip].apex_source or item.apex_source or 'unknown'
                    for item in plan.items)
  remarks = [[item.row.clip, note] for item in plan.items
             for note in (*map(str, item.row.notes),
                          *[FACELESS] * details[item.row.clip].faceless)]
  report = {
      'dataset': plan.dataset,
      'config': plan.config,
      'class_set': plan.class_set,
      'version': VERSION,
      'clips': len(plan.items),
      'subjects': len({item.row.subject for item in plan.items}),
      'per_class': {name: counts[label] for label, name in enumerate(plan.classes)},
      'without_class': counts[-1],
      'micro': kinds['micro'],
      'macro': kinds['macro'],
      'apex': dict(sorted(sources.items())),
      'corrected': [*map(str, plan.corrected)],
      'left_out': [list(entry.in_words) for entry in plan.left_out],
      'of_other_classes': sorted(plan.outside),
      'remarks': remarks,
      'faceless': sum(details[item.row.clip].faceless for item in plan.items),
      'notes': list(plan.notes),
      'sheet': plan.sheet,
      'sheet_sha256': plan.sheet_sha256,
      'groups': groups_of(plan.items),
      'digest': digest,
      'sha256': sha256,
  }
  if plan.dataset in COMPOSITES:
    report['differences'] = list(planning.differences(plan))
  return report


def groups_of(items: Iterable[Item]) -> dict[str, dict[str, str]]:
  """Column of a sheet to clip to the group of its person; without unknown ones.

  Args:
    items: of a plan.
  """
  groups: dict[str, dict[str, str]] = {}
  for item in items:
    for name, value in item.row.groups:
      groups.setdefault(name, {})[item.row.clip] = value
  return groups


def describe_build(plan: Plan, report: Mapping[str, Any], path: pathlib.Path
                   ) -> list[str]:
  """Lines for the person who waits; the report at `path` says the same at length.

  Args:
    plan: with the clips that were made, and all that were left out.
    report: as `make_report` returns it.
    path: of the report's file.
  """
  name, lines = f'{plan.dataset} ({plan.config})', []
  lost = [clip for clip, _ in plan.left_out if clip not in plan.outside]
  if plan.left_out:
    others = len(plan.left_out) - len(lost)
    lines.append(f'{name}: {counted(len(lost), "clip", "is", "are")} left out'
                 + f', and {others} of other classes' * bool(others)
                 + f'; {path} says why.')
  if report['faceless']:
    lines.append(f'{name}: in {counted(report["faceless"], "clip")} no face is found, '
                 f'so they have no landmarks; {path} names them.')
  lines += [f'{name}: {line}' for line in plan.corrected]
  if report.get('differences'):
    lines.append(f'{name}: this is not the data set as published:')
    lines += report['differences']
  return lines


_REFUSED = {*UNWRITABLE, errno.EFBIG, errno.EACCES}


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
  if is_unchanged(plan, final, before, progress):
    # Without a lock: the place may be shared and read-only.
    shutil.rmtree(folder / cache.FOLDER, ignore_errors=True)
    return final, None
  with _disk(folder), _alone(folder):
    built = read_finished(final)
    if built != before and is_unchanged(plan, final, built, progress):
      return final, None  # another process has built it meanwhile
    for line in planning.describe_plan(plan):
      say(line)
    if built:
      say(f'{plan.dataset} ({plan.config}): the files it was built from, or the code '
          'that makes its clips, have changed; it is built again.')
    for note in plan.notes:
      say(f'{plan.dataset} ({plan.config}): {note}.')
    return final, _rebuild(plan, home, final, progress, say, workers)


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
  write_record(plan, final, sums)
  write_order(final, read)
  report = make_report(whole, details, digest=build_digest(plan, sums),
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
          else tuple(map(sha256_of, item.files)) for item in plan.items}


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
      shape=plan.shape, description=f'{plan.class_set}, '
      f'{counted(len(plan.items), "clip")}.')
  tfds.display_progress_bar(False)
  with _quiet():
    builder = kind(config=config, data_dir=home, file_format='array_record')
    builder.plan = plan
    builder.download_and_prepare(file_format='array_record')
  progress('write', 1, 1)


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
  """Lets one process build at a time; the lock goes with the process.

  filelock 4 fails where a file system has no locks, or leaves a mark that stays when
  its process is killed; here a build goes on without.
  """
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
