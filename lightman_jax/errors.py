"""The errors that are meant for a person, and the reasons for which a clip is not made.

A reason is handed on as a member of `Reason` and its facts; the sentence is made last,
where somebody reads it.
"""

import enum
import re
from typing import NamedTuple

from lightman_jax import refusals

# The one error that is meant for the person at the keyboard.

class InputError(ValueError):
  """Something that the user gave cannot be used.

  The message is one clear sentence that names the file, row, clip or setting and
  says what to do; `launch.py` prints it without a traceback, with its code in brackets,
  and exits with 2.

  Example:
    >>> try:                                                      # doctest: +SKIP
    ...   lm.settings('casme3')
    ... except lm.InputError as error:
    ...   print(error)
  """

  def __str__(self) -> str:
    return shorten(super().__str__())

  @property
  def code(self) -> str:
    """Of what kind it is, as 'E102'; `python -m lightman_jax explain` has the page."""
    return refusals.code_of(self)

  def with_code(self) -> str:
    """The sentence as programs print it, with the code in brackets at its end."""
    return f'{self} [{self.code}]'


# Why a clip is not made.

class Kind(enum.Enum):
  """Under what clips that are not made are counted; a value follows their number."""
  CLASS = 'of an unknown class, or of none'
  DUPLICATE = 'named more than once'
  ORDER = 'with onset, apex and offset out of order'
  MISFILED = "filed or named as another subject's or class's"
  APEX = 'without an apex'
  REFUSED = 'refused for safety'
  FRAMES = 'with frames missing'
  FOLDER = 'without a folder of frames'
  PICTURE = 'with pictures that cannot be read'
  CELL = 'with a cell that cannot be read'
  REMARK = 'that name no clip'
  UNSORTED = 'left out for other reasons'


class Reason(enum.Enum):
  """Why a clip is not made: of what kind that is, and how the sentence goes."""
  NO_CLASS = Kind.CLASS, 'its {word} {value!r} is in no class of the class set'
  NO_WORD = Kind.CLASS, 'the sheet gives no {word}'
  NOT_OF_SET = Kind.CLASS, '{why}'
  NO_FOLDER_NAME = Kind.CLASS, 'the emotion {emotion!r} is not the name of a folder'
  REPEATED = Kind.DUPLICATE, 'repeats {first} cell by cell'
  TWICE_IN_SHEET = Kind.DUPLICATE, 'stands in the sheet {times} times ({lines})'
  TWICE_IN_TREE = Kind.DUPLICATE, 'stands in the tree {times} times'
  BACKWARDS = Kind.ORDER, 'onset {onset} comes after offset {offset}'
  APEX_OUTSIDE = Kind.ORDER, ('apex {apex} is not between onset {onset} and offset '
                              '{offset}')
  BACKWARDS_IN_FILES = Kind.ORDER, ('onset {onset} comes after offset {offset} (it '
                                    'holds frames {first} to {last})')
  APEX_OUTSIDE_IN_FILES = Kind.ORDER, (
      'apex {apex} is not between onset {onset} and offset {offset} (it holds frames '
      '{first} to {last})')
  OTHER_SUBJECT = Kind.MISFILED, ('the subject is {cell!r}, but the file name {name!r} '
                                  'belongs to subject {subject}')
  OTHER_FOLDER = Kind.MISFILED, ('it lies in {place}, among the clips of {folder}: '
                                 'misfiled, or misnamed')
  OTHER_CLASS = Kind.MISFILED, ('it lies in {place}, and its name says {label}: '
                                'misfiled, or misnamed')
  NO_APEX = Kind.APEX, 'the sheet gives no apex, and every clip must hold it'
  NO_APEX_IN_TABLE = Kind.APEX, 'neither the sheet nor {table} gives an apex'
  LINK = Kind.REFUSED, '{path} is a link to {target}, outside of {root}'
  BAD_NAME = Kind.REFUSED, ('the name {name!r} in {names!r} cannot be a folder of the '
                            'data set')
  ARCHIVE = Kind.REFUSED, ('{name!r} is the name of an archive, not of a folder of '
                           'frames; correct the sheet')
  FRAME_MISSING = Kind.FRAMES, 'frame {number} is not in {folder}'
  FRAME_OUTSIDE = Kind.FRAMES, ('frame {number} is not in {folder}, which holds frames '
                                '{first} to {last}')
  NO_FRAMES = Kind.FRAMES, ('frame {number} is not in {folder}, which holds no '
                            'numbered picture')
  EMPTY = Kind.FRAMES, '{folder} holds no numbered picture'
  NO_NUMBERS = Kind.FRAMES, ('the folder {folder} holds no picture with a number in '
                             'its name')
  NO_FOLDER = Kind.FOLDER, 'there is no folder {names} in {folder}'
  NO_FOLDER_ABOVE = Kind.FOLDER, ('there is no folder {names} in {folder}, for {above} '
                                  'is not there')
  TWO_FOLDERS = Kind.FOLDER, 'both {one} and {other} in {folder} could be {name}'
  CLOSED_FOLDER = Kind.FOLDER, 'the folder {folder} cannot be read: {error}'
  NO_FILE = Kind.PICTURE, '{path} is not a file'
  CLOSED_FILE = Kind.PICTURE, '{path} cannot be read: {error}'
  NO_PICTURE = Kind.PICTURE, '{path} cannot be read as a picture: {error}'
  BROKEN_PICTURE = Kind.PICTURE, '{path} cannot be decoded: {error}'
  SEVERAL = Kind.PICTURE, ('{path} holds {count} pictures, and a frame is one; give '
                           'each a file of its own')
  NO_RANGE = Kind.PICTURE, ('{path} holds numbers of 32 bits, of which it is not known '
                            'what is black and white; store it with 8 or 16 bits')
  SEE_THROUGH = Kind.PICTURE, ('{path} is transparent in places, and what colour is '
                               'meant there is not known; store it without alpha')
  TOO_LARGE = Kind.PICTURE, ('{path} has {width} x {height} pixels; more than {most} '
                             'million are not decoded')
  TWO_SIZES = Kind.PICTURE, 'the frames in {folder} differ in size'
  TWO_OF_NUMBER = Kind.PICTURE, '{one} and {other} in {folder} are both frame {number}'
  NO_FACE = Kind.PICTURE, 'no face is found in its onset frame, so it cannot be aligned'
  CRASHED = Kind.PICTURE, 'decoding its pictures ended the process (exit code {code})'
  CHANGED = Kind.PICTURE, 'the frames in {folder} changed while they were read'
  NO_CONTAINER = Kind.PICTURE, ('{path} cannot be read as a video: it begins as no '
                                'AVI, MP4, MOV, MKV, WebM, MPEG or WMV file does')
  NO_VIDEO = Kind.PICTURE, '{path} cannot be read as a video'
  EMPTY_VIDEO = Kind.PICTURE, '{path} is not a readable video'
  BROKEN_FRAME = Kind.PICTURE, 'frame {number} of {path} cannot be decoded'
  VIDEO_ENDS = Kind.FRAMES, ('{path} holds no frame {number}: it has {length}, counted '
                             'from 0')
  NOT_THERE = Kind.PICTURE, '{path} is not there'
  OTHER_SHAPE = Kind.PICTURE, 'its frames are {shape} in shape'
  NO_FRAME_NUMBER = Kind.CELL, '{column} {text!r} is not a frame number'
  MISSING_NUMBER = Kind.CELL, ('{column} {text!r} is not a frame number, but the mark '
                               'of a missing one')
  NO_KIND = Kind.CELL, '{text!r} says neither micro nor macro'
  NO_KNOWN_VIDEO = Kind.CELL, 'the file name {name!r} belongs to no known video'
  NO_CLIP = Kind.REMARK, 'subject {subject!r}, file name {filename!r}: not a clip'
  NOT_NAMED = Kind.REMARK, '{folder} is not named as a clip: not a clip'
  NOT_USED = Kind.REMARK, ('{count} pictures, whose {what} is {value}, make no pair: '
                           'no clips')
  NO_EXPRESSION = Kind.REMARK, '{folder} shows no expression: not a clip'
  NO_NEUTRAL = Kind.FRAMES, 'there is no neutral picture of {subject} that goes with it'
  BESIDE = Kind.CELL, '{path} does not hold {what}'
  TWO_BESIDE = Kind.DUPLICATE, '{folder} holds {one} and {other}, and should hold one'
  NO_LANDMARKS = Kind.UNSORTED, '{table} gives no landmarks of its frame {number}'
  NO_FORM = Kind.UNSORTED, ('{path} is neither a folder of frames nor a picture nor a '
                            'video')
  ONE_PICTURE = Kind.UNSORTED, ('{path} is one picture, but data.frames asks for '
                                '{frames}; set it to 1, or name a folder or a video')
  NO_PAIR = Kind.UNSORTED, ('{path} and its neutral picture are two frames, and '
                            'data.frames=1 takes one: set it to 3')
  NO_STILL = Kind.UNSORTED, ('{path} is no picture, and a neutral picture goes with '
                             'one picture')
  TWO_SIZES_OF_PAIR = Kind.PICTURE, '{one} and {other} differ in size'
  NO_SIZE = Kind.UNSORTED, ('{path} is a video; data.size must say to which size its '
                            'frames are brought')
  LOST = Kind.UNSORTED, 'what was made of it is lost'

  @property
  def kind(self) -> Kind:
    """Under what such clips are counted."""
    return self.value[0]

  @property
  def form(self) -> str:
    """The sentence, a format string over the facts."""
    return self.value[1]


class Cause(NamedTuple):
  """A reason with its facts; `str` makes the sentence."""
  reason: Reason
  facts: tuple[tuple[str, str | int], ...] = ()
  where: str = ''           # of the line, which the sentence then names first

  def __str__(self) -> str:
    sentence = self.reason.form.format(**dict(self.facts))
    return f'{self.where}: {sentence}' if self.where else sentence


class Unusable(ValueError):
  """A line of a sheet, a picture, video or folder that cannot be used; says why.

  Args:
    reason: why.
    where: of the line in a message; '' where that is not known, or said elsewhere.
    **facts: what the reason's sentence is made of.
  """

  def __init__(self, reason: Reason, *, where: str = '', **facts: object):
    self.cause = Cause(reason, tuple(
        (name, value if isinstance(value, int) else str(value))
        for name, value in facts.items()), where)
    super().__init__(self.cause)

  def __str__(self) -> str:
    return str(self.cause)


class Unreadable(Unusable):
  """A picture, video or folder that cannot be used; names it and says why."""


# What others wrote into sheets and file names, shown without obeying it.


def printable(text: str) -> str:
  """Text that cannot act on a terminal: what does not print is spelt out."""
  return ''.join(
      mark if mark.isprintable() else mark.encode(
          'unicode_escape', 'surrogatepass').decode('ascii') for mark in text)


LONGEST_WORD, LONGEST_TEXT = 400, 20_000      # characters of what is quoted, and of all


def shorten(text: str) -> str:
  """Text without the middle of words, such as paths, that nobody would read.

  Args:
    text: a sentence.
  """
  return _without_middle(_LONG_WORD.sub(
      lambda word: _without_middle(word[0], LONGEST_WORD), text), LONGEST_TEXT)


_LONG_WORD = re.compile(rf'\S{{{LONGEST_WORD + 1},}}')


def _without_middle(text: str, most: int) -> str:
  if len(text) <= most:
    return text
  return (f'{text[:most // 2]}[... {len(text) - most // 2 * 2} characters ...]'
          f'{text[-(most // 2):]}')


def describe_fault(error: BaseException) -> str:
  """Why a file cannot be read, in words: of the disk, or of what it holds.

  Args:
    error: that was raised as it was read.
  """
  if isinstance(error, IsADirectoryError):
    return 'it is a folder'
  if isinstance(error, UnicodeDecodeError):
    return f'it holds no text in UTF-8, from byte {error.start} on'
  if isinstance(error, OSError) and error.strerror:
    return error.strerror
  return printable(str(error))


def printable_lines(text: str) -> str:
  """The same for text of several lines, which stay lines."""
  return '\n'.join(map(printable, text.split('\n')))
