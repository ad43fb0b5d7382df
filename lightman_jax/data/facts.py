"""The form in which a data set is described: a table of facts, and its class sets.

A further data set is one more value of `Facts`, not one more reader.

Each class set names its source: who measured with these classes.

Macro-expressions of another data set bear other words than the micro-expressions they
are aligned with: joy is 'happiness' here and 'positive' there. A map says which class a
macro clip counts under; a clip without one is still a macro-expression, without class.
"""

from collections.abc import Mapping
from typing import NamedTuple

from lightman_jax.data import spellings
from lightman_jax.errors import InputError

# The form in which a data set is described: a table of facts, read by one reader.

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
  by: str = 'emotion'                   # what `folding` maps: 'emotion', 'objective',
                                        # 'coded': whether a unit is coded
  source: str = ''                      # who uses these classes


class Beside(NamedTuple):
  """Files beside the frames that say of each sequence what no name does.

  They lie in ROOT/FOLDER/CLIP, one of a kind; those of landmarks one a frame.
  """
  roots: Mapping[str, tuple[str, ...]]  # 'emotion', 'units', 'landmarks' -> names of
                                        # folders beside or above the tree of frames
  words: Mapping[int, str]              # number in a file of emotion -> `Row.emotion`


class Stills(NamedTuple):
  """Single pictures, each a clip with a neutral one of the same person.

  `Facts.owner` is the pattern of their names, or with `path` of their places below the
  root; its group 'take' says which neutral picture of several goes with one.
  """
  neutral: str = 'neutral'              # of `Facts.emotions`: shows no expression
  alike: tuple[str, ...] = ()           # groups in which the two agree
  only: Mapping[str, str] = {}          # group -> what it must be, in lower case
  people: Mapping[str, str] = {}        # words for groups of people, as f: female
  bare: bool = False                    # files have no ending that tells a picture
  path: bool = False                    # `owner` is of a place, without the ending
  onset_of: str = ''                    # folder of a clip of the {subject} beside the
                                        # root, whose first frame is the neutral one


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
  ends_with_apex: bool = False          # where no offset is given; of sequences that
                                        # have no sheet, the last frame is the apex, and
                                        # in others it is spotted
  remarks: Mapping[str, str] = {}       # clip -> what is known of it; becomes a note
  absent: Mapping[str, tuple[str, ...]] = {}  # edition of the frames -> clips, or
                                        # 'folder/video*', that no copy holds
  expected: tuple[Expected, ...] = ()
  stills: Stills | None = None          # of single pictures, which pair
  beside: Beside | None = None          # of sequences without a sheet
  mistaken: Mapping[str, str] = {}      # pattern of FOLDER/FILE -> what that is, which
                                        # goes by the same name


# Data sets that are put together from others, and what they must then hold.


class Composite(NamedTuple):
  """A data set made of others; its subjects and clips bear their data set's name."""
  name: str
  title: str
  class_set: str
  classes: tuple[str, ...]
  parts: Mapping[str, str]                      # data set -> its class set
  expected: Mapping[str, tuple[int, ...]]       # data set -> clips of each class, where
  subjects: Mapping[str, int]                   # published; and subjects with clips
  source: str
  citation: str
  corrections: tuple[str, ...] = ()             # those that keep clips which the sheets
                                                # as they stand lose
  sheets: Mapping[str, str] = {}                # data set -> the edition of the sheet
                                                # that alone has its classes


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

MEGC2018 = Composite(
    name='megc2018',
    title='MEGC2018',
    class_set='objective_5',
    classes=('I', 'II', 'III', 'IV', 'V'),
    parts={'casme2': 'objective_5', 'samm': 'objective_5'},
    # As Davison et al. 2018 have them; with VI and VII (1 and 69, 7 and 84) they add up
    # to the 255 and 159 rows of the sheets. Not counted in a sheet, for want of a copy.
    expected={'casme2': (25, 15, 99, 26, 20), 'samm': (24, 13, 20, 8, 3)},
    subjects={'casme2': 26, 'samm': 21},
    sheets={'casme2': '2019'},
    corrections=('samm_028_4_1_spotted', 'samm_032_3_1'),
    source='Yap et al. 2018, Facial Micro-Expressions Grand Challenge 2018, composite '
           'and holdout-database evaluation; objective classes of Davison et al. 2018',
    citation="""@inproceedings{yap2018megc,
  title={Facial Micro-Expressions Grand Challenge 2018 Summary},
  author={Yap, Moi Hoon and See, John and Hong, Xiaopeng and Wang, Su-Jing},
  booktitle={IEEE International Conference on Automatic Face and Gesture Recognition},
  year={2018}
}""",
)

# What a clip's class is where all clips whose action units are coded count.
CODED = 'action_units'

CD6ME = Composite(
    name='cd6me',
    title='CD6ME',
    class_set=CODED,
    classes=('coded',),
    parts=dict.fromkeys(('casme', 'casme2', 'samm', 'mmew', 'casme_cubed', 'four_dme'),
                        CODED),
    expected={}, subjects={},
    corrections=('samm_028_4_1_spotted', 'samm_032_3_1', 'casme_cubed_spotted'),
    source='Varanka et al. 2023, CD6ME: action units, leave one data set out',
    citation="""@article{varanka2023data,
  title={Data Leakage and Evaluation Issues in Micro-Expression Analysis},
  author={Varanka, Tuomas and Li, Yante and Peng, Wei and Zhao, Guoying},
  journal={IEEE Transactions on Affective Computing},
  year={2023}
}""",
)

COMPOSITES = {composite.name: composite for composite in (MEGC2019, MEGC2018, CD6ME)}


# Class sets of micro-expressions, and maps from macro-expressions to them.

# Class sets that several data sets share, and those that a user makes.

THREE = ('negative', 'positive', 'surprise')
_OBJECTIVE = ('I', 'II', 'III', 'IV', 'V', 'VI', 'VII')

# MEGC2019's words for the emotions of CASME II and SAMM; SMIC has the classes itself.
_VALENCE = {
    **dict.fromkeys(('anger', 'contempt', 'disgust', 'fear', 'sadness', 'negative'),
                    'negative'),
    **dict.fromkeys(('happiness', 'positive'), 'positive'),
    'surprise': 'surprise',
}
MEGC_2019 = 'MEGC2019, composite database evaluation (See et al. 2019)'
OBJECTIVE_SOURCE = ('objective classes by action units (Davison et al. 2018), I to V '
                    'as in MEGC2018 (Yap et al. 2018)')


def emotion_classes(*emotions: str, source: str) -> ClassSet:
  """Returns the class set whose classes are these emotions.

  Args:
    emotions: each is a class of its own.
    source: who uses it.
  """
  return ClassSet(emotions, {name: name for name in emotions}, source=source)


def valence_classes(*emotions: str, source: str, others: bool = False) -> ClassSet:
  """Returns negative, positive and surprise, made of these emotions.

  Args:
    emotions: those that count; each has its class by its name.
    source: who uses it.
    others: 'others' is a fourth class.
  """
  folding = {name: _VALENCE[name] for name in emotions}
  if others:
    return ClassSet((*THREE, 'others'), folding | {'others': 'others'}, source=source)
  return ClassSet(THREE, folding, source=source)


def objective_classes(count: int = 5) -> ClassSet:
  """Returns the first `count` objective classes.

  Args:
    count: 1 to 7 of the classes I to VII.
  """
  names = _OBJECTIVE[:count]
  return ClassSet(names, {name: name for name in names}, by='objective',
                  source=OBJECTIVE_SOURCE)


def coded_clips() -> ClassSet:
  """Returns the one class of all clips of which the sheet names an action unit."""
  return ClassSet(('coded',), {'coded': 'coded'}, by='coded',
                  source='all clips whose action units are coded, whatever the emotion')


def own_classes(folding: Mapping[str, str]) -> ClassSet:
  """Returns a class set of a user's making.

  Args:
    folding: emotion, in any spelling a sheet may have, to class; or objective class
      ('I' to 'VII') to class. What it does not name is left out. The classes stand in
      the order of their first appearance.

  Raises:
    InputError: fewer than two classes, or emotions mixed with objective classes.
  """
  objectives = [name for name in folding if name.strip().upper() in _OBJECTIVE]
  if objectives and len(objectives) < len(folding):
    other = next(name for name in folding if name not in objectives)
    raise InputError(
        f'a class set maps emotions or objective classes, not both; {objectives[0]!r} '
        f'is an objective class and {other!r} is not.')
  classes = tuple(dict.fromkeys(folding.values()))
  if len(classes) < 2:
    raise InputError(f'a class set needs two classes or more; {dict(folding)} has '
                     f'{len(classes)}.')
  spell = spellings.spell_objective if objectives else spellings.spell_emotion
  return ClassSet(
      classes, {spell(name): label for name, label in folding.items()},
      by='objective' if objectives else 'emotion', source='of the user')


# Named maps from the emotions of macro-expressions to the classes of micro ones.


class MacroMap(NamedTuple):
  """Which micro class a macro emotion belongs to; those not named have none."""
  folding: Mapping[str, str]
  source: str


_UNPLEASANT = ('anger', 'contempt', 'disgust', 'fear', 'sadness', 'negative')
_SIX = ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')

MACRO_MAPS = {
    'same': MacroMap(
        {name: name for name in (*_SIX, 'contempt', 'negative', 'positive', 'others',
                                 'repression', 'tense')},
        'a macro emotion counts under the class of its own name'),
    'valence': MacroMap(
        {**dict.fromkeys(_UNPLEASANT, 'negative'),
         'happiness': 'positive', 'positive': 'positive', 'surprise': 'surprise',
         'others': 'others'},
        'the folding of MEGC2019 (See et al. 2019), applied to macro-expressions'),
    # 'negative' may be anything unpleasant, so it has no single emotion here.
    'emotions': MacroMap(
        {**{name: name for name in (*_SIX, 'contempt', 'others')},
         'positive': 'happiness'},
        'CAS(ME)^2 (Qu et al. 2018) elicits its positive clips by funny films'),
}


def macro_label(emotion: str, name: str, classes: tuple[str, ...]) -> int:
  """Returns the index in `classes` of a macro clip's class, -1 where it has none.

  Args:
    emotion: of the macro clip, in any spelling.
    name: a key of `MACRO_MAPS`.
    classes: of the micro-expressions.

  Raises:
    InputError: there is no map of this name.
  """
  if name not in MACRO_MAPS:
    raise InputError(f'there is no map of macro emotions named {name!r}; there are '
                     f'{", ".join(MACRO_MAPS)}.')
  label = MACRO_MAPS[name].folding.get(spellings.spell_emotion(emotion))
  return classes.index(label) if label in classes else -1
