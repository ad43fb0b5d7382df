"""Made-up CAS(ME)^2 and CAS(ME)^3, with micro- and macro-expressions.

Numbers of rows, classes, marks, odd rows and the two tables of names are those
published. How many clips a participant has, the videos' titles, frame numbers, action
units and the words of the self-reports are made up.

Numbers of clips, classes, subjects, odd rows and folders are those published. Which
other subjects there are, how many clips they have, frame numbers, action units, which
frames are missing, how often no offset is given, part C's file names, and that it is
the file `mockCrimeME` whose sheet gives the apex, are made up.
"""

from collections import Counter

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Book, Clip, Edition, Film, Replica, Tab

# A made-up CAS(ME)^2: 57 micro- and 300 macro-expressions in videos, 30 frames/s.

SHEET = 'CAS(ME)^2code_final(Updated)'
TABS = ('CASFEcode_final', 'CASMEcode_final', 'naming rule1', 'naming rule2')
EDITIONS = {'cropped': Edition(('cropped',), (250, 260), True),
            'raw': Edition(('rawpic',), (640, 480), False)}
PATTERN = 'img{:03d}.jpg'

CLASSES = {
    'micro': {'negative': 21, 'others': 19, 'surprise': 9, 'positive': 8},
    'macro': {'negative': 105, 'others': 63, 'surprise': 16, 'positive': 116}}
PARTICIPANTS = dict(zip(range(1, 23), (
    15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38,
    40)))
# Made up which: 14 have micro-expressions, and 20 have macro-expressions.
WITH_MICRO = (1, 2, 3, 4, 5, 7, 8, 11, 12, 14, 15, 17, 18, 22)
WITHOUT_MACRO = (4, 12)
VIDEOS = {
    'disgust1': '0101', 'disgust2': '0102', 'anger1': '0401', 'anger2': '0402',
    'happy1': '0502', 'happy2': '0503', 'happy3': '0505', 'happy4': '0507',
    'happy5': '0508'}
TITLES = {'0101': 'disgustingteeth', '0102': 'wormsonplates', '0401': 'quarrel',
          '0402': 'unfairreferee', '0502': 'funnyerrors', '0503': 'slippingcats',
          '0505': 'talkingparrot', '0507': 'badmagician', '0508': 'laughingbaby'}
MISFILED = {(23, '0502'): 19}         # lies with another's videos, in the raw edition
NOT_CROPPED = ((15, '0508'), (24, '0507'), (23, '0503'), (23, '0507'))
REPORTS = ('happiness', 'disgust', 'anger', 'sadness', 'surprise', 'fear', 'pain',
           'confusion')
NO_OFFSET = 44                        # rows of macro-expressions
NO_UNITS, OTHER_UNITS = ('NULL', 'null'), ('4,7', '6+12,25', '14or23', '4, 9+17')

# (participant, name, kind, emotion, what is odd)
ODD = (
    (17, 'anger1_1', 'macro', 'negative', 'no apex'),
    (11, 'disgust1_5', 'macro', 'negative', 'late apex'),
    (14, 'happy2_1', 'macro', 'positive', 'late apex'),
    (15, 'anger1_12', 'macro', 'negative', 'late apex'),
    (1, 'happy5_1', 'macro', 'positive', ''),
    (8, 'happy4_1', 'macro', 'positive', ''),
    (7, 'happy2_1', 'micro', 'positive', ''),
    (7, 'happy4_1', 'macro', 'positive', ''),
    (7, 'happy1_1', 'macro', 'positive', ''),
    (7, 'happy1_2', 'micro', 'others', ''),
    (3, 'happy1_1', 'macro', 'positive', ''),
)
LENGTHS = {'micro': {'least': 5, 'median': 12, 'greatest': 16},
           'macro': {'least': 16, 'median': 34, 'greatest': 117}}


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 357 clips: by participant, video and number."""
  rng = np.random.default_rng([seed, 357])
  seats = _seats(rng)
  lengths = {kind: draw.lengths(rng, sum(counts.values()), **LENGTHS[kind])
             for kind, counts in CLASSES.items()}
  end: dict[tuple[int, str], int] = {}
  made = []
  for number, name, kind, emotion, odd in seats:
    video, length = (number, name.split('_')[0]), lengths[kind].pop()
    onset = end.get(video, 0) + int(rng.integers(2, 250))
    end[video] = onset + length
    clip = Clip(
        str(PARTICIPANTS[number]), name, onset, draw.apex_of(rng, onset, length),
        onset + length - 1, emotion, draw.units_for(rng, emotion), kind,
        odd=odd is not None, overrides={
            'participant': number, 'code': VIDEOS[video[1]],
            'report': REPORTS[rng.integers(8)]})
    made.append(_with_quirk(clip, odd))
  return _marked(rng, made)


def table(clips: tuple[Clip, ...]) -> list[list[int | str]]:
  """Returns the sheet's cells; there is no header row, and some rows are longer."""
  return [[*clip.cells('participant', 'name', 'onset', 'apex', 'offset', 'units',
                       'emotion'),
           f'{clip.kind}-expression', clip.overrides['report'],
           *(['seen twice', 2] if clip.onset % 7 == 0 else [])] for clip in clips]


def _with_quirk(clip: Clip, odd: str | None) -> Clip:
  if odd == 'no apex':
    return clip._replace(overrides={**clip.overrides, 'apex': 0}, whole=True)
  if odd == 'late apex':
    middle = (clip.onset + clip.offset) // 2
    return clip._replace(
        overrides={**clip.overrides, 'apex': clip.offset, 'offset': middle}, whole=True)
  return clip


def _marked(rng, made: list[Clip]) -> tuple[Clip, ...]:
  """Puts in missing offsets, of which the first two are odd, and odd action units."""
  macro = rng.permutation([index for index, clip in enumerate(made)
                           if clip.kind == 'macro' and not clip.odd]).tolist()
  for rank, index in enumerate(macro[:NO_OFFSET]):
    clip = made[index]
    made[index] = clip._replace(
        overrides={**clip.overrides, 'offset': 0}, offset=clip.apex, odd=rank < 2)
  cells = [*NO_UNITS * 5, *OTHER_UNITS * 4]
  for rank, cell in enumerate(cells):
    index = macro[NO_OFFSET + rank]
    made[index] = made[index]._replace(units=cell, odd=rank < 2)
  return tuple(made)


def _seats(rng):
  """Returns (participant, name, kind, emotion, oddity or None), in order."""
  seats = list(ODD)
  taken = {(number, name) for number, name, *_ in ODD}
  for kind, counts in CLASSES.items():
    left = Counter(counts)
    people = WITH_MICRO if kind == 'micro' else tuple(
        number for number in PARTICIPANTS if number not in WITHOUT_MACRO)
    room = draw.shares(rng, sum(counts.values()), people,
                       least=2 if kind == 'micro' else 5)
    for number, _, of, emotion, _ in ODD:
      if of == kind:
        left[emotion] -= 1
        room[number] -= 1
    for number, emotion in draw.deal_words(rng, left, room):
      seats.append((number, _name(rng, number, taken), kind, emotion, None))
  return sorted(seats, key=_place_of_seat)


def _place_of_seat(seat) -> tuple[int, int, int]:
  video, number = seat[1].split('_')
  return seat[0], list(VIDEOS).index(video), int(number)


def _name(rng, number: int, taken) -> str:
  video = list(VIDEOS)[rng.integers(len(VIDEOS))]
  place = 1
  while (number, f'{video}_{place}') in taken:
    place += 1
  taken.add((number, f'{video}_{place}'))
  return f'{video}_{place}'


def _books(clips):
  micro = tuple(clip for clip in clips if clip.kind == 'micro')
  tabs = (table(clips), table(micro),
          [['number', 'folder'], *([n, f's{folder}'] for n, folder in
                                   PARTICIPANTS.items())],
          [['video', 'code'], *map(list, VIDEOS.items())])
  return {'updated': (Book(SHEET, tuple(map(Tab, TABS, tabs))),)}


def _films(clips, edition):
  made = []
  for clip in clips:
    number, code = int(clip.subject), clip.overrides['code']
    absent = edition == 'cropped' and (number, code) in NOT_CROPPED
    holder = MISFILED.get((number, code), number) if edition == 'raw' else number
    folder = f's{holder}/{number}_{code}{TITLES[code]}'
    made.append(Film(clip, '' if absent else folder, PATTERN))
  return tuple(made)


REPLICA = Replica(
    'CAS(ME)^2', clips, _films, EDITIONS, _books,
    litter=('rawvideo/s15/15_0101disgustingteeth.avi',
            'selectedpic/s15/anger1_1/img001.txt'))


# A made-up CAS(ME)^3, parts A (860 clips of 94 people) and C (165 of 30), 30 frames/s.

HEADER = ('Subject', 'Filename', 'Onset', 'Apex', 'Offset', 'AU', 'Objective class',
          'emotion')
HEADER_C = ('sub', 'count', 'onset', 'offset', 'au', 'emotion')
HEADER_C_APEX = ('sub', 'count', 'onset', 'apex', 'offset', 'au', 'emotion')
CUBED_SHEET, TAB = 'cas(me)3_part_A_ME_label_JpgIndex_v2', 'label'
SHEET_C, TAB_C = 'CAS(ME)3_part_C_ME', 'mockCrimeME'
CUBED_EDITIONS = {'raw': Edition(('part_A',), (1280, 720), False)}
EDITIONS_C = {'raw': Edition(('ME_C',), (1280, 720), False)}

CUBED_CLASSES = {'disgust': 250, 'surprise': 187, 'others': 161, 'fear': 86,
                 'anger': 64, 'sad': 57, 'happy': 55}
CLASSES_C = {'negative': 99, 'surprise': 30, 'others': 20, 'positive': 16}
SUBJECTS, SUBJECTS_C = 94, 30
FILES = 'abcdefghijklm'
AT_ONSET = 55                   # rows whose apex is the onset, that of ODD with them
LACKING = 6                     # clips one of whose frames is missing
CUBED_NO_OFFSET = 3             # clips that end with their apex: the offset reads 0

# (subject, file, what is odd); only of these are all rows of the file odd
CUBED_ODD = ((149, 'd', 'late'), (216, 'd', 'early'), (40, 'e', 'late'),
             (40, 'e', 'early'), (216, 'e', 'zero'), (1, 'a', ''))
CUBED_LENGTHS = {'least': 4, 'median': 11, 'greatest': 16}


def cubed_clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns the 860 clips of part A, by subject, file and onset."""
  rng = np.random.default_rng([seed, 860])
  seats = _cubed_seats(rng)
  lengths = draw.lengths(rng, len(seats), **CUBED_LENGTHS)
  end: dict[tuple[int, str], int] = {}
  made = []
  for (subject, file, emotion, odd), length in zip(seats, lengths):
    onset = end.get((subject, file), 0) + int(rng.integers(2, 400))
    length = max(length, 8) if odd else length
    if odd == 'zero':
      onset, length = 0, 26
    end[subject, file] = onset + length
    apex, offset = draw.apex_of(rng, onset, length), onset + length - 1
    cells = {'early': {'apex': onset - 1}, 'late': {'apex': offset + 6}}.get(odd, {})
    written = 'Others' if emotion == 'others' and rng.random() < .5 else emotion
    made.append(Clip(
        f'spNO.{subject}', file, onset, onset if odd == 'zero' else apex, offset,
        written, draw.units_for(rng, emotion), overrides=cells, odd=odd is not None,
        whole=bool(cells)))
  ordinary = rng.permutation([k for k, clip in enumerate(made) if not clip.odd])
  for rank, index in enumerate(ordinary[:AT_ONSET - 1].tolist()):
    made[index] = made[index]._replace(apex=made[index].onset, odd=rank < 2)
  for rank, index in enumerate(ordinary[AT_ONSET:AT_ONSET + LACKING].tolist()):
    made[index] = made[index]._replace(
        overrides={'gone': made[index].apex}, odd=rank < 1)
  for rank, index in enumerate(ordinary[-CUBED_NO_OFFSET:].tolist()):
    made[index] = made[index]._replace(
        overrides={'offset': 0}, offset=made[index].apex, odd=rank < 1)
  return tuple(made)


def cubed_table(clips: tuple[Clip, ...]) -> list[list[str]]:
  """Returns the cells of the sheet `label`, all of them text, header first."""
  return [list(HEADER), *(
      [str(cell) for cell in (
          *clip.cells('subject', 'name', 'onset', 'apex', 'offset', 'units'),
          draw.OBJECTIVE[draw.common_word(clip.emotion)], clip.emotion)]
          for clip in clips)]


def clips_c(seed: int = 0) -> tuple[Clip, ...]:
  """Returns the 165 clips of part C, by subject."""
  rng = np.random.default_rng([seed, 165])
  room = draw.shares(rng, sum(CLASSES_C.values()), range(1, SUBJECTS_C + 1))
  seats = draw.deal_words(rng, CLASSES_C, room)
  lengths = draw.lengths(rng, len(seats), **CUBED_LENGTHS)
  count, end, made = Counter(), Counter(), []
  for (subject, emotion), length in zip(seats, lengths):
    onset = end[subject] + int(rng.integers(2, 400))
    end[subject] = onset + length
    count[subject] += 1
    made.append(Clip(
        str(subject), str(count[subject]), onset, draw.apex_of(rng, onset, length),
        onset + length - 1, emotion, draw.units_for(rng, emotion), whole=True))
  return tuple(made)


def table_c(clips: tuple[Clip, ...], apex: bool = False) -> list[list[int | str]]:
  """Returns the cells of the sheet `mockCrimeME`, header first.

  Args:
    clips: of part C.
    apex: whether the sheet has the column `apex`, as some copies have.
  """
  words = ('onset', *['apex'] * apex, 'offset', 'units', 'emotion')
  return [list(HEADER_C_APEX if apex else HEADER_C), *([
      int(clip.subject), int(clip.name), *clip.cells(*words)] for clip in clips)]


def _cubed_seats(rng):
  """Returns (subject, file, emotion, oddity or None), sorted."""
  named = sorted({subject for subject, *_ in CUBED_ODD})
  free = [number for number in range(1, 218) if number not in named]
  people = sorted([*named, *rng.choice(
      free, SUBJECTS - len(named), replace=False).tolist()])
  room = draw.shares(rng, sum(CUBED_CLASSES.values()), people, least=3)
  left, seats = Counter(CUBED_CLASSES), []
  for subject, file, odd in CUBED_ODD:
    seats.append((subject, file, 'others', odd))
    left['others'] -= 1
    room[subject] -= 1
  taken = {(subject, file) for subject, file, _ in CUBED_ODD}
  for subject, emotion in draw.deal_words(rng, left, room):
    files = [file for file in FILES if (subject, file) not in taken]
    seats.append((subject, files[rng.integers(len(files))], emotion, None))
  return sorted(seats, key=lambda seat: seat[:2])


def _cubed_films(clips, edition):
  return tuple(
      Film(clip, f'{clip.subject}/{clip.name}/color', '{}.jpg',
           frozenset({clip.overrides['gone']} if 'gone' in clip.overrides else ()))
      for clip in clips)


def _films_c(clips, edition):
  return tuple(Film(clip, f'{int(clip.subject):02d}/{clip.name}/color', '{}.jpg')
               for clip in clips)


def _books_c(clips):
  return {'me': (Book(SHEET_C, (Tab(TAB_C, table_c(clips)),)),),
          'final': (Book(TAB_C, (Tab(TAB_C, table_c(clips, True)),)),)}


PART_A = Replica(
    'CAS(ME)^3, part A', cubed_clips, _cubed_films, CUBED_EDITIONS,
    lambda clips: {'v2': (Book(CUBED_SHEET, (Tab(TAB, cubed_table(clips)),)),)},
    litter=('part_A/spNO.1/a/depth/355.png',))
PART_C = Replica(
    'CAS(ME)^3, part C', clips_c, _films_c, EDITIONS_C, _books_c)
