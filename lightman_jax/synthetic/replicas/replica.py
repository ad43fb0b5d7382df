"""The form in which a replica is described: clips, where they lie, which sheets."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

Cell = int | str


class Clip(NamedTuple):
  """One made-up clip: what its row says, and what its frames really show."""
  subject: str              # who is seen; the same word in all clips of a person
  name: str                 # as the sheet names it
  onset: int                # of the frames: always in order, whatever the row says
  apex: int
  offset: int
  emotion: str              # in the sheet's spelling
  units: Cell = ''
  kind: str = 'micro'       # or 'macro'
  part: str = ''            # of the data set: a section of CASME, a camera of SMIC
  overrides: Mapping[str, Cell] = {}    # cells in which the row differs from the above
  odd: bool = False         # shows a known quirk, so a smaller replica holds it, too
  whole: bool = False       # all frames are written: no apex is given, or it is wrong

  def cells(self, *names: str) -> list[Cell]:
    """Returns what the row says in these columns, named as the fields or in `said`."""
    return [self.overrides[name] if name in self.overrides else getattr(self, name)
            for name in names]


class Film(NamedTuple):
  """Where a clip's frames lie."""
  clip: Clip
  folder: str               # below the edition's root; '' = nowhere
  pattern: str              # of file names: 'reg_img{}.jpg'
  gone: frozenset[int] = frozenset()    # frames that are not there
  beside: bool = False      # lies among the clips, but is none
  grey: bool = False


class Tab(NamedTuple):
  """One sheet of a workbook; blank cells hold ''."""
  title: str
  lines: list[list[Cell]]


class Book(NamedTuple):
  """A file of annotations; of a csv file only the first tab exists."""
  stem: str
  tabs: tuple[Tab, ...]


class Edition(NamedTuple):
  """An edition of the pictures."""
  roots: tuple[str, ...]    # names of the tree that are in use, the usual one first
  size: tuple[int, int]     # width and height in the real edition
  aligned: bool             # the face fills the picture


class Replica(NamedTuple):
  """A data set that can be made up."""
  title: str
  clips: Callable[[int], tuple[Clip, ...]]            # from a seed
  films: Callable[[tuple[Clip, ...], str], tuple[Film, ...]]    # of an edition
  editions: Mapping[str, Edition]                     # the usual one first
  books: Callable[[tuple[Clip, ...]], Mapping[str, tuple[Book, ...]]] | None = None
  form: str = 'xlsx'        # of the sheets, where none is asked for
  litter: tuple[str, ...] = ()    # other files that lie beside the pictures
