"""A made-up CASME II: 255 clips of 26 people, under the sheets of 2014 and 2019.

Numbers of clips, classes and odd rows are those of the sheets as published. How many
clips a subject has, the other clips' names, frame numbers and action units are made up.
"""

from collections import Counter

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.replica import (
  Book,
  Clip,
  Edition,
  Film,
  Replica,
  Tab,
)

HEADER = ('Subject', 'Filename', '', 'OnsetFrame', 'ApexFrame', 'OffsetFrame', '',
          'Action Units', 'Estimated Emotion')
HEADER_2019 = (*HEADER, 'Objective Classes')
EMPTY_SHEETS = 2
SHEETS = {'2014': 'CASME2-coding-20140508', '2019': 'CASME2-coding-20190701'}
OBJECTIVE_SHEET = 'CASME2-ObjectiveClasses'
EDITIONS = {
    'cropped': Edition(('Cropped', 'Cropped_original', 'Cropped-updated/Cropped'),
                       (280, 340), True),
    'raw': Edition(('CASME2_RAW_selected',), (640, 480), False)}
NAMES = {'cropped': 'reg_img{}.jpg', 'raw': 'img{}.jpg'}

CLASSES_2014 = {'others': 99, 'disgust': 63, 'happiness': 32, 'repression': 27,
                'surprise': 25, 'sadness': 7, 'fear': 2}
MEGC = ('disgust', 'happiness', 'surprise')

# Made up; sums to 255. Subjects 10 and 18 have no clip of the three MEGC classes.
CLIPS_OF = (9, 13, 8, 7, 16, 6, 9, 5, 14, 7, 10, 11, 8, 6, 5, 7, 28, 4, 13, 10, 6, 5,
            12, 11, 8, 17)
OTHERS_ONLY = (10, 18)

# (subject, file name, onset, apex, offset, emotion); None: the name's row is otherwise
# ordinary.
ODD = (
    (4, 'EP12_01f', 261, '/', 321, 'disgust'),
    (5, 'EP09_05f', 69, 69, 123, 'repression'),
    (5, 'EP16_04f', 101, 160, 160, 'others'),
    (12, 'EP09_06', 85, 135, 135, 'others'),
    (20, 'EP16_01', 121, 188, 188, 'others'),
    (25, 'EP18_04f', 40, 99, 99, 'others'),
    (24, 'EP07_01', None, None, None, 'sadness'),
    (24, 'EP07_04f', None, None, None, 'sadness'),
    (24, 'EP10_03', None, None, None, 'sadness'),
    (1, 'EP02_01f', 46, 59, 86, 'happiness'),
    (3, 'EP01_2', None, None, None, 'disgust'),
    (9, 'EP08_1', None, None, None, 'happiness'),
    (17, 'EP06_02_01', None, None, None, 'repression'),
    (17, 'EP06_02_02', None, None, None, 'surprise'),
    (26, 'EP09f', None, None, None, 'disgust'),
)
RELABELLED_2019 = {(24, 'EP07_01'): 'surprise', (24, 'EP07_04f'): 'surprise',
                   (24, 'EP10_03'): 'surprise'}
OTHER_UNITS_2019 = 57       # cells that differ between the sheets
OTHER_OBJECTIVE_2019 = 37   # and objective classes
UNKNOWN_UNITS = 5           # cells that hold '?'

# First to last frame, inclusive: least, median, greatest.
LENGTHS = {'least': 24, 'median': 61, 'greatest': 141}


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 255 clips, in the sheets' order: by subject."""
  rng = np.random.default_rng([seed, 255])
  seats = _seats(rng)
  lengths = draw.lengths(rng, len(seats), **LENGTHS)
  unknown = set(rng.choice(len(seats), UNKNOWN_UNITS, replace=False).tolist())
  units = set(rng.choice(len(seats), OTHER_UNITS_2019, replace=False).tolist())
  classes = set(rng.choice(len(seats), OTHER_OBJECTIVE_2019, replace=False).tolist())
  made = []
  for index, (subject, name, onset, apex, offset, emotion, odd) in enumerate(seats):
    if onset is None:
      onset = int(rng.integers(1, 400))
      offset = onset + lengths[index] - 1
      apex = draw.apex_of(rng, onset, lengths[index])
    old = '?' if index in unknown else draw.units_for(rng, emotion)
    objective = draw.OBJECTIVE[emotion]
    cells = {
        'units_2019': f'{old}+43' if index in units else old,
        'emotion_2019': RELABELLED_2019.get((subject, name), emotion),
        'objective': objective,
        'objective_2019': 'III' if index in classes else objective}
    lacks = apex == '/'
    made.append(Clip(
        f'{subject:02d}', name, onset, (onset + offset) // 2 if lacks else apex, offset,
        emotion, old, overrides={**cells, 'apex': apex}, odd=odd, whole=lacks))
  return tuple(made)


def table(clips: tuple[Clip, ...], sheet: str) -> list[list[int | str]]:
  """Returns the cells of '2014', '2019' or 'objective', header first.

  Args:
    clips: all of them.
    sheet: '2014', '2019' or 'objective'.
  """
  if sheet == 'objective':
    return [['Subject', 'Filename', 'Objective Class'],
            *(clip.cells('subject', 'name', 'objective') for clip in clips)]
  new = sheet == '2019'
  last = ('units_2019', 'emotion_2019', 'objective_2019') if new else (
      'units', 'emotion')
  return [list(HEADER_2019 if new else HEADER), *(
      [clip.subject, clip.name, '', *clip.cells('onset', 'apex', 'offset'), '',
       *clip.cells(*last)] for clip in clips)]


def _books(clips):
  empty = tuple(Tab(f'Sheet{k + 2}', []) for k in range(EMPTY_SHEETS))
  books = {edition: (Book(stem, (Tab('Sheet1', table(clips, edition)), *empty)),)
           for edition, stem in SHEETS.items()}
  scratch = Tab('Sheet2', [['', ''], ['I', 25], ['II', 15], ['', 'check 17']])
  books['objective'] = (Book(
      OBJECTIVE_SHEET, (Tab('Sheet1', table(clips, 'objective')), scratch)),)
  return books


def _films(clips, edition):
  return tuple(Film(clip, f'sub{clip.subject}/{clip.name}', NAMES[edition])
               for clip in clips)


def _seats(rng):
  """Returns (subject, name, onset, apex, offset, emotion, odd) for every row."""
  left = Counter(CLASSES_2014)
  room = dict(enumerate(CLIPS_OF, start=1))
  seats = []
  for odd in ODD:
    seats.append((*odd, True))
    left[odd[-1]] -= 1
    room[odd[0]] -= 1
  taken = {(subject, name) for subject, name, *_ in ODD}
  for subject, emotion in draw.deal_words(
      rng, left, room, only={subject: 'others' for subject in OTHERS_ONLY},
      firsts=MEGC):
    name = _free_name(rng, subject, taken)
    seats.append((subject, name, None, None, None, emotion, False))
  return sorted(seats, key=lambda seat: seat[:2])


def _free_name(rng, subject, taken) -> str:
  while True:
    name = f'EP{rng.integers(1, 20):02d}_{rng.integers(1, 10):02d}'
    name += 'f' * int(rng.integers(2))
    if (subject, name) not in taken:
      taken.add((subject, name))
      return name


REPLICA = Replica('CASME II', clips, _films, EDITIONS, _books)
