"""How a replica is described, and how its numbers and pictures are drawn.

A person's face in a mood is drawn at a few instants (a reel); a frame of a clip is the
nearest of them. So a thousand clips cost no more than their files.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import hashlib
import io
import pathlib
from typing import NamedTuple

import cv2
from jaxtyping import UInt8
import numpy as np
from PIL import Image

from lightman_jax.synthetic import scenes

# The form in which a replica is described: clips, where they lie, which sheets.

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
  fixed: bool = False       # as long as it is, however few frames are asked for
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
  texts: Callable[[tuple[Clip, ...], int], Mapping[str, str]] | None = None   # path ->
                            # content of the files that say what a sheet would; of the
                            # clips, for a side of so many pixels


# What the modules of the data sets draw with: shares, lengths, places, names.

# A number stands as a number in a sheet, the rest as text.
UNITS = {
    'others': (4, '4+7', 'L14', '4+L10', 'R14', 15, '4+14', '7+17'),
    'negative': (4, '4+7', '4+9', 15, '4+7+10', 'L10', 17, 'R14'),
    'anger': ('4+7', 4, '4+5', '7+23', 'L4', '4+24'),
    'disgust': ('4+7', '4+9', 9, '4+7+10', 'L10', '10+17', '4+7+R10'),
    'happiness': (12, '6+12', 'L12', '12+14', 'R12', '6+12+15'),
    'contempt': ('R14', 'L14', 14, 'R12', 'L10+L14'),
    'repression': (15, 17, '14+17', '15+17', '12+17'),
    'surprise': ('1+2', 'L1+L2', 2, '1+2+5', '1+2+25'),
    'sadness': (1, '1+4', '1+L4'),
    'fear': (20, '4+5+20', '1+4', '20+25'),
}
OBJECTIVE = {'others': 'VII', 'disgust': 'IV', 'happiness': 'I', 'repression': 'VII',
             'surprise': 'II', 'sadness': 'VI', 'fear': 'V', 'anger': 'III',
             'contempt': 'VII', 'negative': 'VII'}
_PLAIN = {'other': 'others', 'happy': 'happiness', 'sad': 'sadness',
          'positive': 'happiness', 'tense': 'negative', 'comtempt': 'contempt'}


def common_word(emotion: str) -> str:
  """Returns the key of `UNITS` and `OBJECTIVE` for a sheet's word."""
  word = emotion.casefold()
  return _PLAIN.get(word, word)


def units_for(rng: np.random.Generator, emotion: str) -> int | str:
  """Draws what the action-unit cell of a clip may hold.

  Args:
    rng: source of randomness.
    emotion: in the sheet's spelling.
  """
  known = UNITS[common_word(emotion)]
  return known[rng.integers(len(known))]


def shares(
    rng: np.random.Generator, total: int, places: Sequence[int], *, least: int = 1,
) -> dict[int, int]:
  """Divides `total` clips among places, unevenly, at least `least` to each.

  Args:
    rng: source of randomness.
    total: clips in all.
    places: subjects, or whatever has clips.
    least: clips of each.

  Returns:
    Place -> clips.
  """
  weights = rng.dirichlet(np.full(len(places), 2.))
  more = rng.multinomial(total - least * len(places), weights)
  return {place: least + int(count) for place, count in zip(places, more)}


def lengths(
    rng: np.random.Generator, count: int, *, least: int, median: int, greatest: int,
) -> list[int]:
  """Draws numbers of frames, first to last inclusive, with these three exactly.

  Args:
    rng: source of randomness.
    count: of the clips.
    least, median, greatest: numbers of frames.
  """
  half = count // 2
  short = np.linspace(least, median, half, dtype=int)
  long = np.linspace(median, greatest, count - half, dtype=int)
  return rng.permutation(np.concatenate([short, long])).tolist()


def apex_of(rng: np.random.Generator, onset: int, length: int) -> int:
  """Draws an apex strictly between onset and offset where there is room.

  Args:
    rng: source of randomness.
    onset: its frame number.
    length: frames from onset to offset, both of them counted.
  """
  return onset + (int(rng.integers(1, length - 1)) if length > 2 else length - 1)


def deal_words(
    rng: np.random.Generator, words: Mapping[str, int], seats: Mapping[int, int], *,
    only: Mapping[int, str] = {}, firsts: tuple[str, ...] = (),
) -> list[tuple[int, str]]:
  """Gives every seat a word; returns (subject, word), subject by subject.

  Args:
    rng: source of randomness.
    words: how often each is to be given; in all as often as there are seats.
    seats: how many each subject has; none is possible.
    only: subjects all of whose seats have one word.
    firsts: every other subject with a seat gets one of these words at least.
  """
  left = dict(words)
  for subject, word in only.items():
    left[word] -= seats[subject]
  pool = rng.permutation([word for word, count in left.items() for _ in range(count)])
  pool = pool.tolist()
  words_of = {subject: [word] * seats[subject] for subject, word in only.items()}
  others = [subject for subject in seats if subject not in only]
  for subject in others if firsts else ():
    if seats[subject]:
      index = next(i for i, word in enumerate(pool) if word in firsts)
      words_of[subject] = [pool.pop(index)]
  for subject in others:
    own_words = words_of.setdefault(subject, [])
    while len(own_words) < seats[subject]:
      own_words.append(pool.pop())
  return [(subject, word) for subject in seats for word in words_of[subject]]


# The pictures of a replica: synthetic faces, drawn once and shown often.

Show = Callable[[Film, Sequence[int]], list[bytes]]

_KNOWN = ('.bmp', '.jpeg', '.jpg', '.png', '.tiff')
_SIDES = 48, 160        # in which a face is drawn; larger ones are enlarged
_MOODS = {'happiness': 'positive', 'surprise': 'surprise', 'fear': 'surprise'}


def share_pictures(
    people: Sequence[str], *, seed: int | str, size: tuple[int, int], aligned: bool,
    steps: int,
) -> Show:
  """Returns what shows a film's frames, encoded as its file names end.

  Clips of one person, kind and mood share their pictures.

  Args:
    people: all subjects; each has a face of their own.
    seed: another seed, other people.
    size: width and height in pixels.
    aligned: the face fills the picture; else it is in the middle of a grey room.
    steps: instants of a reel, odd: rest, ..., apex, ..., end.
  """
  stock = _stock(people, seed, takes=1)

  @functools.cache
  def reel(person: str, kind: str, mood: str, ending: str, grey: bool):
    scene = stock[person, kind, mood][0]._replace(
        onset=0, apex=steps // 2, offset=steps - 1)
    drawn = scenes.render_scene(scene, frames=tuple(range(steps)), size=_drawn(size))
    return tuple(encode(_framed(picture, size, aligned), ending, grey)
                 for picture in drawn.frames)

  def show(film: Film, numbers: Sequence[int]) -> list[bytes]:
    clip = film.clip
    pictures = reel(clip.subject, clip.kind, mood_of(clip),
                    pathlib.PurePath(film.pattern).suffix, film.grey)
    return [pictures[reel_instant(clip, number, steps)] for number in numbers]

  return show


def draw_pictures(
    people: Sequence[str], *, seed: int | str, size: tuple[int, int], aligned: bool,
    takes: int,
) -> Show:
  """As `share_pictures`, but every clip is drawn for itself, frame by frame: slow.

  Args:
    people, seed, size, aligned: as in `share_pictures`.
    takes: at least as many as there are clips of a person in one mood.
  """
  stock = _stock(people, seed, takes=takes)

  def show(film: Film, numbers: Sequence[int]) -> list[bytes]:
    clip = film.clip
    scene = stock[clip.subject, clip.kind, mood_of(clip)].pop()
    # The face needs time to rise and to fall, whatever the sheet says of its apex.
    onset, offset = clip.onset, max(clip.offset, clip.onset + 2)
    apex = min(max(clip.apex, onset + 1), offset - 1)
    scene = scene._replace(onset=onset, apex=apex, offset=offset)
    still = clip.onset == clip.offset
    drawn = scenes.render_scene(scene, frames=(apex,) if still else tuple(numbers),
                                size=_drawn(size))
    ending = pathlib.PurePath(film.pattern).suffix
    return [encode(_framed(picture, size, aligned), ending, film.grey)
            for picture in drawn.frames]

  return show


def mood_of(clip: Clip) -> str:
  """Returns which of the three classes of synthetic faces a clip shows."""
  return _MOODS.get(common_word(clip.emotion), 'negative')


def reel_instant(clip: Clip, number: int, steps: int) -> int:
  """Returns which of a reel's instants a frame shows; the first before onset.

  Args:
    clip: whose onset, apex and offset count.
    number: of the frame.
    steps: instants of the reel.
  """
  half = steps // 2
  if clip.onset == clip.offset:
    return half
  start, end = (clip.onset, clip.apex) if number <= clip.apex else (
      clip.apex, clip.offset)
  share = (min(max(number, start), end) - start) / max(1, end - start)
  return round(half * share) + (half if number > clip.apex else 0)


def _stock(people: Sequence[str], seed: int | str, *, takes: int):
  digest = hashlib.sha256(f'replica/{seed}'.encode()).digest()
  number = int.from_bytes(digest[:6], 'big')
  each = takes * len(scenes.CLASSES)
  stock: dict[tuple[str, str, str], list[scenes.Scene]] = {}
  # A rate at which a blink takes a few instants of a reel, not all of them.
  for index, scene in enumerate(scenes.plan_scenes(
      seed=number, subjects=len(people), micro=each, macro=each, fps=27.)):
    key = (people[index // (2 * each)], scene.kind,
           scenes.CLASS_OF[scene.emotion])
    stock.setdefault(key, []).append(scene)
  return stock


def _drawn(size: tuple[int, int]) -> int:
  return min(max(min(size), _SIDES[0]), _SIDES[1])


def _framed(
    picture: UInt8[np.ndarray, 's s 3'], size: tuple[int, int], aligned: bool,
) -> UInt8[np.ndarray, 'h w 3']:
  width, height = size
  if aligned:
    return cv2.resize(picture, size)
  side = 3 * min(size) // 4
  room = np.full((height, width, 3), 96, np.uint8)
  top, left = (height - side) // 2, (width - side) // 2
  room[top:top + side, left:left + side] = cv2.resize(picture, (side, side))
  return room


def encode(picture: UInt8[np.ndarray, 'h w 3'], ending: str, grey: bool) -> bytes:
  """A picture as a file of its name's ending holds it.

  Args:
    picture: RGB.
    ending: with its dot; one of no picture is a GIF.
    grey: without colours.
  """
  if ending.lower() not in _KNOWN:      # no ending of a picture: a GIF, and grey
    content = io.BytesIO()
    Image.fromarray(picture).convert('L').save(content, 'GIF')
    return content.getvalue()
  code = cv2.COLOR_RGB2GRAY if grey else cv2.COLOR_RGB2BGR
  options = [cv2.IMWRITE_JPEG_QUALITY, 95] if ending == '.jpg' else []
  return cv2.imencode(ending, cv2.cvtColor(picture, code), options)[1].tobytes()
