"""The form in which a data set is described: a table of facts, read by one reader.

A further data set is one more value of `Facts`, not one more reader.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Sheet(NamedTuple):
  """An annotation sheet that a data set was released with."""
  edition: str              # what a user calls it: '2014'
  stem: str                 # file name without its ending


class ClassSet(NamedTuple):
  """Which clips count under which class."""
  classes: tuple[str, ...]
  folding: Mapping[str, str]            # emotion -> class; others are left out
  excluded: Mapping[str, str] = {}      # clip -> why it is left out all the same


class Facts(NamedTuple):
  """Everything that a reader must know of one data set."""
  name: str
  title: str
  sheets: tuple[Sheet, ...]             # the first that is there is taken
  columns: Mapping[str, tuple[str, ...]]  # name -> header words in use
  missing: frozenset[str]               # marks of an unknown frame number
  emotions: Mapping[str, str]           # spelling, lower case -> one spelling
  subject: str                          # format of a subject's folder: 'sub{:02d}'
  kind: str                             # 'micro' or 'macro'
  fps: float
  class_sets: Mapping[str, ClassSet]
  folders: tuple[str, ...]              # where in the manual folder, beside itself
  editions: Mapping[str, tuple[str, ...]]  # edition of the frames -> their folder
  layout: tuple[str, ...]               # an example path for each, for messages
  ask: str                              # whom to ask for it
  homepage: str
  citation: str
