"""What the doctor finds: plain records, which become JSON as they are."""

from collections.abc import Mapping
import fnmatch
from typing import Any, NamedTuple

from lightman_jax.data.corrections import CORRECTIONS
from lightman_jax.data.facts import Facts
from lightman_jax.data.rows import LeftOut
from lightman_jax.errors import Kind

USABLE, LOSSES, UNUSABLE = 0, 1, 2
VERDICTS = ('usable', 'usable with losses', 'not usable')


class Count(NamedTuple):
  """How many there are, and how many a complete copy holds."""
  name: str
  here: int
  expected: int | None = None       # None: not published, or not comparable


class Loss(NamedTuple):
  """A row of the sheet that gives no clip."""
  clip: str
  kind: str                 # the name of an `errors.Kind`, in lower case
  reason: str
  known: bool = False       # so in every copy of this data set, not only here
  shared: str = ''          # what is missing, where that may be missing to others, too


class Frames(NamedTuple):
  """An edition of the pictures that lies there."""
  edition: str
  root: str
  used: bool                # by a build that chooses for itself
  nested: bool              # unzipping put the tree into a folder too many


class Sheet(NamedTuple):
  """An edition of the annotations that lies there."""
  edition: str
  files: tuple[str, ...]
  used: bool


class Change(NamedTuple):
  """A table of corrections, and what it would do here."""
  name: str
  source: str
  reason: str
  changes: tuple[str, ...]          # a line each
  gained: tuple[str, ...]           # clips that only then can be used
  lost: tuple[str, ...]
  used: bool                        # chosen already


class Estimate(NamedTuple):
  """What a build would take on this machine, from a few clips that were read."""
  seconds: float
  bytes: int
  frames: int               # T
  size: int                 # side in pixels
  free: int                 # bytes there are


class Examination(NamedTuple):
  """One data set at one place."""
  name: str
  title: str
  path: str
  verdict: int
  why: str                  # where not usable: the one sentence that a build would say
  sheets: tuple[Sheet, ...] = ()
  frames: tuple[Frames, ...] = ()
  sheet_sha256: str = ''
  class_set: str = ''
  counts: tuple[Count, ...] = ()
  emotions: tuple[Count, ...] = ()
  class_sets: Mapping[str, Mapping[str, int]] = {}
  losses: tuple[Loss, ...] = ()
  outside: tuple[tuple[str, str], ...] = ()     # clips of other classes, and why
  remarks: tuple[str, ...] = ()
  corrections: tuple[Change, ...] = ()
  estimate: Estimate | None = None
  build: str = ''           # the command


class Composite(NamedTuple):
  """A data set that is made of others, all of which lie there."""
  name: str
  title: str
  clips: int
  subjects: int
  per_class: Mapping[str, int]
  differences: tuple[str, ...]      # from what was published; () where it agrees


def to_jsonable(value: Any) -> Any:
  """Records as mappings and lists, ready for `json.dump`."""
  if isinstance(value, tuple) and hasattr(value, '_asdict'):
    return {name: to_jsonable(part) for name, part in value._asdict().items()}
  if isinstance(value, Mapping):
    return {str(name): to_jsonable(part) for name, part in value.items()}
  if isinstance(value, list | tuple):
    return [to_jsonable(part) for part in value]
  return value


def is_lost_everywhere(entry: LeftOut, facts: Facts, edition: str) -> bool:
  """Whether a row is lost in every copy of the data set, not only in this one.

  Args:
    entry: the row, and why it is left out.
    facts: the data set.
    edition: of the frames.
  """
  cause = entry.cause
  if cause.reason.kind in (Kind.FOLDER, Kind.FRAMES):
    values = dict(cause.facts)
    place = str(values.get('names', values.get('folder', '')))
    return any(fnmatch.fnmatchcase(entry.clip, pattern)
               or fnmatch.fnmatchcase(f'/{place}', f'*/{pattern}')
               for pattern in facts.absent.get(edition, ()))
  return cause.reason.kind is Kind.ORDER and any(
      entry.clip == change.clip or entry.clip.startswith(f'{change.clip}/')
      for table in CORRECTIONS.values() if table.dataset == facts.name
      for change in table.changes)
