"""The kinds of reason for which a row gives no clip.

A reason is a sentence for people, said where the fault is met. Here the sentences are
sorted, so that they can be counted; a damaged copy brings hundreds of them.
"""

import fnmatch
import re
from typing import NamedTuple

from lightman_jax.annotations.corrections import CORRECTIONS
from lightman_jax.annotations.facts import Facts
from lightman_jax.annotations.rows import LeftOut


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


def title(name: str) -> str:
  """What is said of rows of a kind, after their number."""
  return {kind.name: kind.title for kind in (*KINDS, UNSORTED)}[name]


def known(entry: LeftOut, facts: Facts, edition: str) -> bool:
  """Whether a row is lost in every copy of the data set, not only in this one."""
  if kind_of(entry.reason) in ('folder', 'frames'):
    return any(fnmatch.fnmatchcase(entry.clip, pattern) or pattern.rstrip('*')
               in entry.reason for pattern in facts.absent.get(edition, ()))
  return kind_of(entry.reason) == 'order' and any(
      entry.clip == change.clip or entry.clip.startswith(f'{change.clip}/')
      for table in CORRECTIONS.values() if table.dataset == facts.name
      for change in table.changes)
