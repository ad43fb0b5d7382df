"""Made-up CASME, of two sections, and CASME II.

Numbers of rows, classes and marks are those published. Which subjects stand in which
section, names, frame numbers and action units are made up.

Numbers of clips, classes and odd rows are those of the sheets as published. How many
clips a subject has, the other clips' names, frame numbers and action units are made up.
"""

from collections import Counter

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Book, Clip, Edition, Film, Replica, Tab

# A made-up CASME: 197 rows in two sheets of the old binary format, 60 frames a second.

HEADER = ('Subject', 'Filename', '', 'OnsetF', 'ApexF1', 'ApexF2', 'OffsetF', '',
          'Onset', 'Total', 'AU', 'Emotion')
SHEETS = {'A': 'Section A', 'B': 'Section B'}
EDITIONS = {'cropped': Edition(('Cropped',), (150, 190), True),
            'raw': Edition(('CASME_raw_selected',), (640, 480), False)}
PREFIX = {'cropped': 'reg_', 'raw': ''}
PADDING = {'A': '{}', 'B': '{:03d}'}

CLASSES = {'tense': 71, 'disgust': 46, 'repression': 40, 'surprise': 21, 'happiness': 9,
           'sadness': 6, 'comtempt': 2, 'fear': 2}
ROWS, KEYS = 197, 177           # (Subject, Filename) does not tell rows apart
MISSING = '\\'
NO_OFFSET, NO_TOTAL, NO_SECOND_APEX = 21, 20, 63
REMAKE = 'remake'               # stands in one ApexF2
# Free text, brackets and the full-width comma stand in AU cells of this field; that it
# is in these rows is made up.
ODD_UNITS = ('14+17+soft focus', '4\uff0c7', '(6)+12', '12 or 14', 'L4, 9')

# Made up: 19 of 35 people have clips, these in each section.
SUBJECTS = {'A': (1, 2, 3, 4, 5, 7, 8), 'B': (9, 11, 12, 14, 15, 16, 19, 21, 24, 26, 30,
                                              35)}
LENGTHS = {'least': 8, 'median': 17, 'greatest': 30}
_ODD = 3                        # so many of each quirk are in every smaller replica


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 197 clips, section A first, by subject."""
  rng = np.random.default_rng([seed, 197])
  people = [subject for section in SUBJECTS.values() for subject in section]
  seats = draw.deal_words(rng, CLASSES, draw.shares(rng, ROWS, people, least=4),
                          firsts=('tense', 'disgust', 'repression'))
  names = _names(rng, [subject for subject, _ in seats])

  def place(row):
    return people.index(seats[row][0]), *_numbers(names[row])

  order = sorted(range(ROWS), key=place)
  length = draw.lengths(rng, ROWS, **LENGTHS)
  shared = Counter((seats[k][0], names[k]) for k in order)
  made, before = [], {}
  for k in order:
    (subject, emotion), key = seats[k], (seats[k][0], names[k])
    onset = before.get(key, 0) + int(rng.integers(3, 180))
    before[key] = onset + length[k]
    made.append(Clip(
        f'{subject:02d}', names[k], onset, draw.apex_of(rng, onset, length[k]),
        onset + length[k] - 1, emotion, draw.units_for(rng, emotion),
        part='A' if subject in SUBJECTS['A'] else 'B',
        odd=shared[key] > 2 or emotion == 'comtempt' or key == (1, 'EP01_12')))
  return _marked(rng, made)


def table(clips: tuple[Clip, ...], section: str) -> list[list[int | str]]:
  """Returns the cells of section 'A' or 'B', header first.

  Args:
    clips: of both sections.
    section: 'A' or 'B'.
  """
  return [list(HEADER), *(
      [int(clip.subject), clip.name, '',
       *clip.cells('onset', 'apex', 'second', 'offset'), '',
       *clip.cells('rise', 'total', 'units', 'emotion')]
      for clip in clips if clip.part == section)]


def _marked(rng, made: list[Clip]) -> tuple[Clip, ...]:
  """Puts in the cells of times and of missing numbers."""
  no_offset = rng.choice(ROWS, NO_OFFSET, replace=False).tolist()
  no_second = rng.permutation(ROWS).tolist()
  remake, no_second = no_second[0], no_second[1:NO_SECOND_APEX + 1]
  free_text = rng.choice(ROWS, len(ODD_UNITS), replace=False).tolist()
  marked = []
  for index, clip in enumerate(made):
    cells = {
        'second': int(rng.integers(clip.apex, clip.offset)),
        'rise': round(1000 * (clip.apex - clip.onset + 1) / 60),
        'total': round(1000 * (clip.offset - clip.onset + 1) / 60)}
    if index in no_offset:
      cells['offset'] = MISSING
    if index in no_offset[:NO_TOTAL]:
      cells['total'] = MISSING
    if index in no_second:
      cells['second'] = MISSING
    if index == remake:
      cells['second'] = REMAKE
    if index in free_text:
      clip = clip._replace(units=ODD_UNITS[free_text.index(index)])
    odd = clip.odd or index == remake or index in (
        no_offset[:_ODD] + no_offset[-1:] + no_second[:_ODD] + free_text)
    marked.append(clip._replace(overrides=cells, odd=odd, whole=index in no_offset))
  return tuple(marked)


def _names(rng, subjects: list[int]) -> list[str]:
  """Names for all rows, of which 20 repeat one of their subject's."""
  taken, names = {(1, 'EP01_12')}, ['EP01_12']
  for subject in subjects[1:]:
    while True:
      name = f'EP{rng.integers(1, 18):02d}_{rng.integers(1, 16)}'
      if (subject, name) not in taken:
        break
    taken.add((subject, name))
    names.append(name)
  # One name stands three times, eighteen stand twice.
  crowd = Counter(subjects).most_common(1)[0][0]
  first = subjects.index(crowd)
  names[first + 1] = names[first + 2] = names[first + 3]
  fixed = set(range(first, first + 4)) | {0, 1}
  free = [k for k in range(2, len(subjects)) if subjects[k] == subjects[k - 1]
          and not {k, k - 1} & fixed]
  repeated = 2
  for k in rng.permutation(free).tolist():
    if repeated < ROWS - KEYS and not {k, k - 1} & fixed:
      names[k] = names[k - 1]
      fixed |= {k, k - 1}
      repeated += 1
  return names


def _numbers(name: str) -> list[int]:
  return [int(part) for part in name.removeprefix('EP').split('_')]


def _books(clips):
  books = tuple(Book(stem, (Tab('Sheet1', table(clips, section)), Tab('Sheet2', []),
                            Tab('Sheet3', [])))
                for section, stem in SHEETS.items())
  return {'sections': books}


def _films(clips, edition):
  return tuple(
      Film(clip, f'sub{clip.subject}/{clip.name}',
           f'{PREFIX[edition]}{clip.name}-{PADDING[clip.part]}.jpg')
      for clip in clips)


REPLICA = Replica('CASME', clips, _films, EDITIONS, _books, form='xls')


# A made-up CASME II: 255 clips of 26 people, under the sheets of 2014 and 2019.

SECOND_HEADER = ('Subject', 'Filename', '', 'OnsetFrame', 'ApexFrame', 'OffsetFrame',
                 '', 'Action Units', 'Estimated Emotion')
HEADER_2019 = (*SECOND_HEADER, 'Objective Classes')
EMPTY_SHEETS = 2
SECOND_SHEETS = {'2014': 'CASME2-coding-20140508', '2019': 'CASME2-coding-20190701'}
OBJECTIVE_SHEET = 'CASME2-ObjectiveClasses'
SECOND_EDITIONS = {
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
SECOND_LENGTHS = {'least': 24, 'median': 61, 'greatest': 141}


def second_clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 255 clips, in the sheets' order: by subject."""
  rng = np.random.default_rng([seed, 255])
  seats = _seats(rng)
  lengths = draw.lengths(rng, len(seats), **SECOND_LENGTHS)
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


def second_table(clips: tuple[Clip, ...], sheet: str) -> list[list[int | str]]:
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
  return [list(HEADER_2019 if new else SECOND_HEADER), *(
      [clip.subject, clip.name, '', *clip.cells('onset', 'apex', 'offset'), '',
       *clip.cells(*last)] for clip in clips)]


def _second_books(clips):
  empty = tuple(Tab(f'Sheet{k + 2}', []) for k in range(EMPTY_SHEETS))
  books = {edition: (Book(stem, (Tab('Sheet1', second_table(clips, edition)), *empty)),)
           for edition, stem in SECOND_SHEETS.items()}
  scratch = Tab('Sheet2', [['', ''], ['I', 25], ['II', 15], ['', 'check 17']])
  books['objective'] = (Book(
      OBJECTIVE_SHEET, (Tab('Sheet1', second_table(clips, 'objective')), scratch)),)
  return books


def _second_films(clips, edition):
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


SECOND_REPLICA = Replica('CASME II', second_clips, _second_films, SECOND_EDITIONS,
                         _second_books)
