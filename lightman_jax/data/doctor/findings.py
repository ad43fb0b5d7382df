"""What the doctor finds: plain records, and the kinds of reason for a lost row.

A reason is a sentence for people, said where the fault is met. Here the sentences are
sorted, so that they can be counted; a damaged copy brings hundreds of them.
"""

from collections.abc import Mapping
import fnmatch
import re
from typing import Any, NamedTuple

from lightman_jax.data.corrections import CORRECTIONS
from lightman_jax.data.facts import Facts
from lightman_jax.data.rows import LeftOut

# What others wrote into sheets and file names, shown without obeying it.


def printable(text: str) -> str:
  """Text that cannot act on a terminal: what does not print is spelt out."""
  return ''.join(
      mark if mark.isprintable() else mark.encode(
          'unicode_escape', 'surrogatepass').decode('ascii') for mark in text)


def printable_lines(text: str) -> str:
  """The same for text of several lines, which stay lines."""
  return '\n'.join(map(printable, text.split('\n')))


# What the doctor found: plain records, which become JSON as they are.

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
  kind: str                 # see `KINDS`
  reason: str
  known: bool = False       # so in every copy of this data set, not only here


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


# The kinds of reason for which a row gives no clip.


class Kind(NamedTuple):
  """A kind of reason: its name, what a heading says, and how such sentences look."""
  name: str
  title: str
  pattern: re.Pattern


# The first that fits; `unsorted` takes the rest.
KINDS = tuple(Kind(name, title, re.compile(pattern)) for name, title, pattern in (
    ('class', 'of an unknown class, or of none',
     r'is in no class of the class set|gives no emotion|'
     r'the emotion .* is not the name of a folder'),
    ('duplicate', 'named more than once',
     r'stands in .* times|repeats .* cell by cell'),
    ('order', 'with onset, apex and offset out of order',
     r'comes after offset|is not between onset'),
    ('misfiled', 'filed or named as another subject\'s or class\'s',
     r'belongs to subject|misfiled, or misnamed'),
    ('apex', 'without an apex', r'gives no apex'),
    ('refused', 'refused for safety',
     r'is a link to|cannot be a folder of|is the name of an archive'),
    ('frames', 'with frames missing',
     r'\bframes? \d+.* (is|are) not in |holds no numbered picture'),
    ('folder', 'without a folder of frames',
     r'there is no folder|the folder .* cannot be read|^both .* could be '),
    ('picture', 'with pictures that cannot be read',
     r'cannot be (decoded|read)|pixels; more than|differ in size|are both frame|'
     r'no face is found|ended the process'),
    ('cell', 'with a cell that cannot be read',
     r'is not a frame number|says neither micro nor macro|belongs to no known video'),
    ('remark', 'that name no clip', r'not a clip$'),
))
UNSORTED = Kind('unsorted', 'left out for other reasons', re.compile(''))


def kind_of(reason: str) -> str:
  """Returns the name of a reason's kind."""
  return next((kind.name for kind in KINDS if kind.pattern.search(reason)),
              UNSORTED.name)


_CAUSE = re.compile(', for (.+ is not there)$')


def cause_of(reason: str) -> str:
  """What a reason names as the cause that others may share; '' where it names none."""
  match = _CAUSE.search(reason)
  return match[1] if match else ''


def kind_title(name: str) -> str:
  """What is said of rows of a kind, after their number."""
  return {kind.name: kind.title for kind in (*KINDS, UNSORTED)}[name]


def is_lost_everywhere(entry: LeftOut, facts: Facts, edition: str) -> bool:
  """Whether a row is lost in every copy of the data set, not only in this one.

  Args:
    entry: the row, and why it is left out.
    facts: the data set.
    edition: of the frames.
  """
  if kind_of(entry.reason) in ('folder', 'frames'):
    return any(fnmatch.fnmatchcase(entry.clip, pattern) or pattern.rstrip('*')
               in entry.reason for pattern in facts.absent.get(edition, ()))
  return kind_of(entry.reason) == 'order' and any(
      entry.clip == change.clip or entry.clip.startswith(f'{change.clip}/')
      for table in CORRECTIONS.values() if table.dataset == facts.name
      for change in table.changes)
