"""Made-up SAMM: its 159 micro-expressions, and its long videos.

Numbers of clips, classes, subjects and odd rows are those published. How many clips a
subject has, the other names, frame numbers and action units are made up, and so are the
emotions of the odd rows. 028_4_1 and 032_3_1 are in classes of MEGC2019, so that the
sheet as it stands gives 440 of its 442 clips.

The micro-expressions are those of the replica of SAMM, in other frame numbers. How many
clips a subject has, names and frame numbers of the macro-expressions, and how many
apexes are missing, are made up, and so is what emotion a face shows: no column says.
"""

from collections import Counter

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Book, Clip, Edition, Film, Replica, Tab

# A made-up SAMM: 159 micro-expressions of 29 people, 200 grey frames a second.

HEADER = ('Subject', 'Filename', 'Inducement Code', 'Onset Frame', 'Apex Frame',
          'Offset Frame', 'Duration', 'Micro', 'Action Units', 'Estimated Emotion',
          'Objective Classes', 'Notes')
SHEET, TAB = 'SAMM_Micro_FACS_Codes_v2', 'MICRO_ONLY'
HEADER_ROW = 14
EDITIONS = {'cropped': Edition(('SAMM_CROP', 'SAMM_Cropped'), (170, 200), True),
            'raw': Edition(('SAMM',), (960, 650), False)}

CLASSES = {'Anger': 57, 'Happiness': 26, 'Other': 26, 'Surprise': 15, 'Contempt': 12,
           'Disgust': 9, 'Fear': 8, 'Sadness': 6}
SUBJECTS = tuple(number for number in range(6, 38) if number not in (8, 27, 29))
OTHER_ONLY = 24                 # made up: MEGC2019 has 28 of the 29
LENGTHS = {'least': 30, 'median': 74, 'greatest': 101}

# (file name, onset, apex and offset as in the sheet, true apex and offset, emotion)
ODD = (
    ('006_1_2', 5562, 5588, 5632, 5588, 5632, 'Anger'),
    ('006_2_4', 180, 204, 232, 204, 232, 'Anger'),
    ('028_4_1', 1071, 1143, 1134, 1103, 1143, 'Anger'),
    ('032_3_1', 4896, 1930, 4970, 4930, 4970, 'Contempt'),
    ('032_3_2', 5126, 5127, 5200, 5150, 5200, 'Other'),
    ('037_4_1', 2310, 2344, 2380, 2344, 2380, 'Happiness'),
)
FOUR_DIGITS = ('006_2_4',)      # '006_0180.jpg'; the others draw lots
IRREGULAR = ('(R6 or R12)+R15', 'ref(7B)+43', '10A/B', 'A/L12', 'L12 or L14',
             'R14A or 17A or 24A', '4A/B', 'T23', 'B18+25', 'L12 + 61', '14 ')
IRREGULAR_ROWS = 31


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 159 clips, by subject."""
  rng = np.random.default_rng([seed, 159])
  seats = _seats(rng)
  lengths = draw.lengths(rng, len(seats), **LENGTHS)
  known = {name: numbers for name, *numbers, _ in ODD}
  irregular = rng.choice(len(seats), IRREGULAR_ROWS, replace=False).tolist()
  made = []
  for index, (name, emotion) in enumerate(seats):
    units = draw.units_for(rng, emotion)
    if index in irregular:
      units = IRREGULAR[irregular.index(index) % len(IRREGULAR)]
    onset = int(rng.integers(20, 9000))
    length = lengths[index]
    apex = draw.apex_of(rng, onset, length)
    annotated = apex, onset + length - 1
    truth = annotated
    if name in known:
      onset, *annotated = known[name]
      annotated, truth = annotated[:2], annotated[2:]
    made.append(Clip(
        name[:3], name, onset, *truth, emotion, units,
        overrides={'apex': annotated[0], 'offset': annotated[1],
                   'padding': _padding(rng, name, truth)},
        odd=name in known or irregular[:len(IRREGULAR)].count(index) > 0,
        whole=tuple(annotated) != tuple(truth)))
  return tuple(made)


def table(clips: tuple[Clip, ...]) -> list[list[int | str]]:
  """Returns the sheet's cells: thirteen lines of text, the header, the rows."""
  preamble = [['SAMM: made-up codes in the layout of the second release'], [],
              ['Subject', 'three digits; see Filename'],
              ['Onset, apex and offset are numbers of frames, 200 a second'],
              ['Duration', 'in frames'], [], ['Micro', '1/2 second at most']]
  preamble += [[]] * (HEADER_ROW - 1 - len(preamble))
  return [*preamble, list(HEADER), *(_line(clip) for clip in clips)]


def _line(clip: Clip) -> list[int | str]:
  apex, offset = clip.cells('apex', 'offset')
  return [clip.subject, clip.name, int(clip.name.split('_')[1]), clip.onset, apex,
          offset, offset - clip.onset + 1, 'Micro - 1/2', clip.units, clip.emotion,
          draw.OBJECTIVE[draw.common_word(clip.emotion)],
          'head movement' if clip.onset % 9 == 0 else '']


def _seats(rng) -> list[tuple[str, str]]:
  """Returns (name, emotion) for every row."""
  left = Counter(CLASSES)
  room = draw.shares(rng, sum(CLASSES.values()), SUBJECTS, least=3)
  for name, *_, emotion in ODD:
    left[emotion] -= 1
    room[int(name[:3])] -= 1
  seats = [(name, emotion) for name, *_, emotion in ODD]
  taken = {name for name, _ in seats}
  for subject, emotion in draw.deal_words(
      rng, left, room, only={OTHER_ONLY: 'Other'},
      firsts=('Anger', 'Happiness', 'Surprise')):
    while True:
      name = f'{subject:03d}_{rng.integers(1, 8)}_{rng.integers(1, 13)}'
      if name not in taken:
        break
    taken.add(name)
    seats.append((name, emotion))
  return sorted(seats, key=lambda seat: [int(part) for part in seat[0].split('_')])


def _padding(rng, name: str, truth) -> int:
  four = rng.random() < .4 and truth[1] < 10_000
  return 4 if name in FOUR_DIGITS or (four and name != '006_1_2') else 5


def _books(clips):
  return {'v2': (Book(SHEET, (Tab(TAB, table(clips)),)),)}


def _films(clips, edition):
  return tuple(
      Film(clip, f'{clip.subject}/{clip.name}',
           f'{clip.subject}_{{:0{clip.overrides["padding"]}d}}.jpg', grey=True)
      for clip in clips)


REPLICA = Replica('SAMM', clips, _films, EDITIONS, _books)


# Made-up SAMM long videos: 343 macro- and 159 micro-expressions of 30 people.

LONG_HEADER = ('Subject', 'Filename', 'Inducement Code', 'Onset', 'Apex', 'Offset',
          'Duration', 'Type', 'Action Units', 'Notes')
LONG_SHEET = 'SAMM_LongVideos_V2_Release'
LONG_HEADER_ROW = 10
TYPES = {'micro': 'Micro - 1/2', 'macro': 'Macro'}
LONG_EDITIONS = {'raw': Edition(('SAMM_longvideos',), (960, 650), False)}
MACRO = 343
LONG_SUBJECTS = (*SUBJECTS, 8)  # made up which the thirtieth is
WITHOUT_MACRO = 24              # made up: 29 have macro-expressions
TWICE = '037_4_1'
NO_APEX = 9                     # rows that say -1
LONG_LENGTHS = {'least': 101, 'median': 150, 'greatest': 420}


def long_clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 502 clips, video by video."""
  rng = np.random.default_rng([seed, 502])
  micro = clips(seed)
  lengths = draw.lengths(rng, MACRO, **LONG_LENGTHS)
  rows = [(clip.name, clip.offset - clip.onset + 1, clip) for clip in micro]
  rows += [(name, length, None) for name, length in zip(_names(rng, micro), lengths)]
  rows = [rows[index] for index in rng.permutation(len(rows))]
  rows.sort(key=lambda row: row[0].split('_')[:2])
  macro = [index for index, row in enumerate(rows) if row[2] is None]
  lacking = rng.choice(macro, NO_APEX, replace=False).tolist()
  end: dict[str, int] = {}
  made = []
  for index, (name, length, twin) in enumerate(rows):
    video = name.rpartition('_')[0]
    onset = end.get(video, 0) + int(rng.integers(2, 400))
    end[video] = onset + length
    emotion = twin.emotion if twin else ('Anger', 'Happiness', 'Surprise')[
        rng.integers(3)]
    apex = (onset + twin.apex - twin.onset if twin
            else draw.apex_of(rng, onset, length))
    lacks = index in lacking
    made.append(Clip(
        name[:3], name, onset, apex, onset + length - 1, emotion,
        draw.units_for(rng, emotion), 'micro' if twin else 'macro',
        overrides={'apex': -1} if lacks else {}, whole=lacks,
        odd=name == TWICE or index in lacking[:2]))
  return tuple(made)


def long_table(clips: tuple[Clip, ...]) -> list[list[int | str]]:
  """Returns the sheet's cells: nine lines of text, the header, the rows."""
  preamble = [['SAMM long videos: made-up codes'], [],
              ['Apex', '-1: not seen'], ['Type', 'Macro, Micro - 1/2']]
  preamble += [[]] * (LONG_HEADER_ROW - 1 - len(preamble))
  return [*preamble, list(LONG_HEADER), *(
      [clip.subject, clip.name, int(clip.name.split('_')[1]), clip.onset,
       *clip.cells('apex'), clip.offset, clip.offset - clip.onset + 1, TYPES[clip.kind],
       clip.units, ''] for clip in clips)]


def _names(rng, micro: tuple[Clip, ...]) -> list[str]:
  """Names of the macro-expressions: one is that of a micro-expression, too."""
  taken = Counter(clip.name for clip in micro)
  people = [subject for subject in LONG_SUBJECTS if subject != WITHOUT_MACRO]
  room = draw.shares(rng, MACRO - 1, people, least=2)
  names = [TWICE]
  for subject, count in room.items():
    for _ in range(count):
      video = f'{subject:03d}_{rng.integers(1, 8)}'
      place = 1
      while f'{video}_{place}' in taken:
        place += 1
      taken[f'{video}_{place}'] += 1
      names.append(f'{video}_{place}')
  return names


def _long_books(clips):
  return {'v2': (Book(LONG_SHEET, (Tab('Sheet1', long_table(clips)),)),)}


def _long_films(clips, edition):
  videos = (clip.name.rpartition('_')[0] for clip in clips)
  return tuple(Film(clip, video, f'{video}_{{:04d}}.jpg', grey=True)
               for clip, video in zip(clips, videos))


LONG_REPLICA = Replica('SAMM long videos', long_clips, _long_films, LONG_EDITIONS,
                       _long_books)
