"""Which files a data set is built from, by their content.

Content is hashed while it is read for a clip. Beside the built data set lies what was
read: of each file its hash, and what the system says of it. Where size, time of change,
time of the entry's change (which nobody can put back) and inode are the same, the hash
is not made again; else the file is read, and only another content is another data set.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import contextlib
import functools
import json
import os
import pathlib
from typing import Any, NamedTuple

from lightman_jax import bounded
from lightman_jax.data.plan import File, Item, Plan, fingerprint
from lightman_jax.files import file_sha256, write_atomically

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
