"""The form in which a data set is described: a table of facts, read by one reader.

A further data set is one more value of `Facts`, not one more reader.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Sheet(NamedTuple):
  """An edition of the annotations that a data set was released with."""
  edition: str              # what a user calls it: '2014'
  stems: tuple[str, ...]    # file names without ending; together they are the edition
  tab: str = ''             # name of the sheet in a workbook; '' = the first
  columns: tuple[str, ...] = ()   # of those that not all editions have, its own
  rows: int = 0             # of a complete copy, where the files of `stems` are parts
                            # of one table: so many tell that one file is the whole


class Frames(NamedTuple):
  """An edition of the pictures."""
  edition: str              # 'cropped', 'raw' or 'selected'
  roots: tuple[str, ...]    # below the manual folder or one of `Facts.folders`
  folder: str               # a clip's frames below the root: a format string over the
                            # fields of `Row`, whose last part may end in '*'
  aligned: bool             # cut to the face: used whole
  otherwise: tuple[str, ...] = ()       # further such places, looked at in this order


class Expected(NamedTuple):
  """What a complete sheet holds, left-out rows included, as published."""
  kind: str                             # 'micro' or 'macro'
  rows: int
  subjects: int
  emotions: Mapping[str, int] = {}      # in the spelling of `Row.emotion`
  sheet: str = ''                       # the edition, where editions differ


class ClassSet(NamedTuple):
  """Which clips count under which class."""
  classes: tuple[str, ...]
  folding: Mapping[str, str]            # emotion -> class; others are left out
  excluded: Mapping[str, str] = {}      # clip -> why it is left out all the same
  by: str = 'emotion'                   # what `folding` maps: 'emotion', 'objective'
  source: str = ''                      # who uses these classes


class Facts(NamedTuple):
  """Everything that a reader must know of one data set."""
  name: str
  title: str
  sheets: tuple[Sheet, ...]             # the first that is there is taken; () where
                                        # rows come from the names of folders
  columns: Mapping[str, tuple[str, ...]]  # name -> header words in use
  subject: str                          # format of `Row.subject`: 'sub{:02d}'
  fps: float                            # a column named 'fps' goes before it
  class_sets: Mapping[str, ClassSet]    # the first is the default
  folders: tuple[str, ...]              # where in the manual folder, beside itself
  editions: tuple[Frames, ...]          # the first that is there is taken
  layout: tuple[str, ...]               # an example path for each, for messages
  access: str                              # whom to ask for it
  homepage: str
  citation: str
  kind: str = 'micro'                   # or 'macro'; a column 'kind' goes before it
  missing: frozenset[str] = frozenset({''})   # marks of an unknown frame number
  zero_is_a_frame: bool = False         # 0 is an onset, and the apex of such a clip,
                                        # though it marks a missing number elsewhere
  optional: tuple[str, ...] = ()        # columns that some copies lack, besides those
                                        # that may lack everywhere
  folder: str = ''                      # format of `Row.folder`; '' = as `subject`
  positions: Mapping[str, int] = {}     # name -> column from 0, in sheets that have no
                                        # header row; `columns` is then empty
  supplement: Mapping[str, tuple[str, ...]] = {}   # columns of a sheet that only adds
                                        # cells to the rows of another
  subjects: Mapping[int, int] = {}      # number in the sheet -> number on disk
  names: str = ''                       # pattern of the clips' file names, where
                                        # neither `owner` nor `video` is one
  words: Mapping[str, str] = {}         # stem of a sheet -> pattern of words by which
                                        # other names of the file tell it
  owner: str = ''                       # pattern of the file names, where these name
                                        # the 'subject' and perhaps the 'emotion'
  emotions: Mapping[str, str] = {}      # what `owner` calls them -> `Row.emotion`
  video: str = ''                       # pattern of the file names, where a clip is
                                        # part of a 'video'; `Row.video` is that group
  videos: Mapping[str, str] = {}        # or that group -> the number on disk, before
                                        # which `Row.video` has the subject's and '_'
  naming: str = 'file'                  # of clips: 'file'; 'onset' adds the onset to
                                        # all; 'repeated' to files that stand twice
  lower: bool = False                   # on disk, file names are in lower case
  ends_with_apex: bool = False          # where no offset is given
  remarks: Mapping[str, str] = {}       # clip -> what is known of it; becomes a note
  absent: Mapping[str, tuple[str, ...]] = {}  # edition of the frames -> clips, or
                                        # 'folder/video*', that no copy holds
  expected: tuple[Expected, ...] = ()


# Data sets that are put together from others, and what they must then hold.


class Composite(NamedTuple):
  """A data set made of others; its subjects and clips bear their data set's name."""
  name: str
  title: str
  class_set: str
  classes: tuple[str, ...]
  parts: Mapping[str, str]                      # data set -> its class set
  expected: Mapping[str, tuple[int, ...]]       # data set -> clips of each class
  subjects: Mapping[str, int]                   # data set -> subjects with clips
  source: str
  citation: str
  corrections: tuple[str, ...] = ()             # those that keep clips which the sheets
                                                # as they stand lose


MEGC2019 = Composite(
    name='megc2019',
    title='MEGC2019',
    class_set='megc_3',
    classes=('negative', 'positive', 'surprise'),
    parts={'smic': 'megc_3', 'casme2': 'megc_3', 'samm': 'megc_3'},
    expected={'smic': (70, 51, 43), 'casme2': (88, 32, 25), 'samm': (92, 26, 15)},
    subjects={'smic': 16, 'casme2': 24, 'samm': 28},
    corrections=('samm_028_4_1_spotted', 'samm_032_3_1'),
    source='See et al. 2019, MEGC 2019 - The Second Facial Micro-Expressions Grand '
           'Challenge, composite database evaluation',
    citation="""@inproceedings{see2019megc,
  title={{MEGC} 2019 -- The Second Facial Micro-Expressions Grand Challenge},
  author={See, John and Yap, Moi Hoon and Li, Jingting and Hong, Xiaopeng and
    Wang, Su-Jing},
  booktitle={IEEE International Conference on Automatic Face and Gesture Recognition},
  year={2019}
}""",
)

COMPOSITES = {composite.name: composite for composite in (MEGC2019,)}
