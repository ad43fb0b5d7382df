"""What a build will do: every clip, where its pixels come from, what is left out.

A plan is made from file names alone, in a second, so that whatever is wrong with the
input is said before long work starts. What the files hold is hashed when they are read;
see `build`.
"""

from collections import Counter
from collections.abc import Callable
import hashlib
import json
import os
import time
from typing import Any, NamedTuple

from jaxtyping import Float32, UInt8
import numpy as np

from lightman_jax.data.rows import Corrected, LeftOut, Row
from lightman_jax.errors import InputError
from lightman_jax.units import counted

# Nanoseconds: a file that changes twice within them may bear the same time after both.
TICK = 2 * 10**9


class File(NamedTuple):
  """A file that a clip is made from, and what the system says of it."""
  path: str                             # absolute
  size: int
  mtime_ns: int
  ctime_ns: int                         # of the last change of content, times or name
  inode: int
  settled: bool                         # did not change just before it was looked at

  @property
  def mark(self) -> tuple[int, ...]:
    """Changes whenever the content does, as far as the system knows."""
    return self.size, self.mtime_ns, self.ctime_ns, self.inode


def stat_file(path: str | os.PathLike) -> File:
  """What the system says of a file, its links followed.

  Raises:
    OSError: it is not there.
  """
  about = os.stat(path)
  return File(os.path.abspath(path), about.st_size, about.st_mtime_ns,
              about.st_ctime_ns, about.st_ino,
              time.time_ns() - about.st_ctime_ns > TICK)


class Pixels(NamedTuple):
  """What is stored of one clip."""
  frames: UInt8[np.ndarray, 'T H W 3']
  landmarks: Float32[np.ndarray, 'T 68 2']  # pixels of the stored frame; NaN unknown
  numbers: tuple[int, ...] = ()         # the T frame numbers, where found on the way
  apex_source: str = ''                 # 'spotted' where the apex was found on the way
  faceless: bool = False                # no face is found in its onset frame
  sums: tuple[str, ...] = ()            # SHA-256 of `Item.files`, as they were read


class Item(NamedTuple):
  """One clip of a plan."""
  row: Row
  label: int                            # -1 where it has none
  numbers: tuple[int, ...]              # the T frame numbers; () where `make` tells
  evidence: tuple[Any, ...]             # what the digest covers: names, code
  key: str                              # changes when the pixels may have changed
  make: Callable[[], Pixels]            # raises Unreadable
  apex_source: str = ''                 # 'sheet', 'given', or '' where `make` tells
  files: tuple[File, ...] = ()          # whose content the pixels are made from


class Plan(NamedTuple):
  """All of a build but the pixels."""
  dataset: str
  config: str                           # the builder configuration's name
  class_set: str
  classes: tuple[str, ...]
  shape: tuple[int, int, int]           # T, H, W
  items: tuple[Item, ...]
  left_out: tuple[LeftOut, ...]
  sheet: str = ''
  sheet_sha256: str = ''
  strict: bool = True       # a picture that cannot be read stops the build; else the
                            # clip is left out
  notes: tuple[str, ...] = ()           # what a person should know of the choices made
  fewest_people: int = 2    # 1 where nobody is held out, as of clips to adapt to
  corrected: tuple[Corrected, ...] = ()   # what the chosen corrections changed
  outside: frozenset[str] = frozenset() # those left out that are of no class here
  waivers: tuple[str, ...] = ()         # what looks like a mistake, and a setting says
                                        # that it is none
  fitting: tuple[str, ...] = ()         # class sets that have a row of every class
  parts: tuple['Plan', ...] = ()        # of what it is made, where it is of several

  @property
  def digest(self) -> str:
    """SHA-256 over sheet, rows and evidence: all but the contents of the files."""
    return fingerprint([
        self.config, self.classes, self.sheet_sha256, self.corrected,
        [[item.row[:-1], item.label, item.numbers, item.evidence, item.apex_source]
         for item in sorted(self.items, key=lambda item: item.row.clip)],
        sorted(entry.in_words for entry in self.left_out)])


def fingerprint(content: Any) -> str:
  """Returns the SHA-256 of JSON-like content, in hexadecimal."""
  text = json.dumps(content, separators=(',', ':'), ensure_ascii=False)
  # Linux has file names that are no text.
  return hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()


def check_enough(plan: Plan, items: tuple[Item, ...]) -> None:
  """Refuses what nobody could leave one subject out of.

  Micro clips are judged; where there is none, as in a pool of macro clips, all are.

  Args:
    plan: names the data set and its classes.
    items: those of its clips that are there.

  Raises:
    InputError: there is no clip, one subject only, or a class without any clip.
  """
  lost = counted(len(plan.left_out), 'clip', 'is', 'are')
  why = f' ({lost} left out, the first because: ' \
        f'{plan.left_out[0].clip}: {plan.left_out[0].cause})' if plan.left_out else ''
  if not items:
    raise InputError(f'{plan.dataset} ({plan.config}) holds no usable clip{why}.')
  test_items = [item for item in items if item.row.kind == 'micro'] or items
  subjects = {item.row.subject for item in test_items}
  if len(subjects) < plan.fewest_people:
    raise InputError(f'{plan.dataset} ({plan.config}) holds one subject only, '
                     f'{subjects.pop()!r}; leaving one subject out needs at least two.')
  counts = Counter(item.label for item in test_items)
  for label, name in enumerate(plan.classes):
    if not counts[label]:
      others = [class_set for class_set in plan.fitting if class_set != plan.class_set]
      raise InputError(
          f'{plan.dataset} ({plan.config}) holds no clip of the class {name!r}{why}'
          + (f'; data.class_set={others[0]} has rows of all its classes' if others
             else '') + '.')
