"""A made-up CASME: 197 rows in two sheets of the old binary format, 60 frames a second.

Numbers of rows, classes and marks are those published. Which subjects stand in which
section, names, frame numbers and action units are made up.
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
