"""Made-up SMIC: 164 micro-expressions of three cameras, and its long videos.

HS (164 clips of 16 people, 100 frames a second), VIS and NIR (71 clips of 8 people, 25
frames a second) lie in one tree, and clips without an expression beside them. There is
no sheet. How many clips a subject has of a class and all frame numbers are made up.

Header, numbers of rows and classes, odd rows and absent folders are those published;
the shape of what stands in the third event's columns by mistake is made up.
"""

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Book, Clip, Edition, Film, Replica, Tab

# A made-up SMIC: short clips of three cameras, known by the names of their folders.

CODES = {'negative': 'ne', 'positive': 'po', 'surprise': 'sur'}
# subject -> clips of each class, in the order of CODES: 70, 51 and 43 in all
HS = {1: (4, 1, 1), 2: (2, 3, 1), 3: (24, 10, 5), 4: (11, 3, 5), 5: (1, 0, 1),
      6: (2, 1, 1), 8: (6, 4, 3), 9: (1, 2, 2), 11: (2, 4, 4), 12: (2, 2, 5),
      13: (2, 6, 2), 14: (3, 4, 3), 15: (2, 3, 2), 18: (2, 2, 4), 19: (1, 1, 1),
      20: (5, 5, 3)}
# 24, 28 and 19 in all
VIS = {11: (3, 4, 3), 12: (2, 2, 3), 13: (3, 6, 2), 14: (4, 4, 3), 15: (2, 3, 2),
       18: (3, 3, 3), 19: (2, 1, 1), 20: (5, 5, 2)}
CAMERAS = {'HS': HS, 'VIS': VIS, 'NIR': VIS}
LENGTHS = {'HS': {'least': 11, 'median': 33, 'greatest': 58},
           'VIS': {'least': 4, 'median': 9, 'greatest': 13}}
# Frame numbers are absolute: of six, seven or eight digits.
NUMBERS = (100_000, 20_000_000)
EDITIONS = {'cropped': Edition(('SMIC_all_cropped',), (150, 170), True),
            'raw': Edition(('SMIC_all_raw',), (640, 480), False)}
NAMES = {'cropped': 'reg_image{}.bmp', 'raw': 'image{}.bmp'}
_ODD = ('s1_ne_01', 's1_ne_03', 's3_ne_03', 's18_sur_03', 's9_sur_02', 's11_po_01')


def names(camera: str) -> list[tuple[int, str, str]]:
  """Returns (subject, clip, class) of a camera's clips, by subject."""
  return [(subject, f's{subject}_{code}_{number:02d}', emotion)
          for subject, counts in CAMERAS[camera].items()
          for (emotion, code), count in zip(CODES.items(), counts)
          for number in range(1, count + 1)]


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns the 164 clips of HS, then the 71 of VIS, then the same events by NIR."""
  rng = np.random.default_rng([seed, 164])
  made = [clip for camera in ('HS', 'VIS') for clip in _filmed(rng, camera)]
  made += [clip._replace(part='NIR') for clip in made if clip.part == 'VIS']
  return tuple(made)


def _filmed(rng, camera: str) -> list[Clip]:
  seats = names(camera)
  lengths = draw.lengths(rng, len(seats), **LENGTHS[camera])
  low, high = np.log(NUMBERS)
  made = []
  for (subject, name, emotion), length in zip(seats, lengths):
    onset = int(np.exp(rng.uniform(low, high)))
    if (camera, name) == ('HS', 's1_ne_01'):
      onset = 559740
    made.append(Clip(
        str(subject), name, onset, draw.apex_of(rng, onset, length),
        onset + length - 1, emotion, part=camera, odd=name in _ODD, whole=True))
  return made


def _films(clips, edition):
  made = [
      Film(clip, f'{clip.part}/s{clip.subject}/micro/{clip.emotion}/{clip.name}',
           NAMES[edition], grey=clip.part == 'NIR') for clip in clips]
  seen = {(film.clip.part, film.clip.subject): film for film in made}
  for (camera, subject), film in seen.items():
    name = f's{subject}_non_micro_01'
    made.append(film._replace(
        folder=f'{camera}/s{subject}/non_micro/{name}', beside=True))
  return tuple(made)


REPLICA = Replica('SMIC', clips, _films, EDITIONS)


# A made-up SMIC HS-E: 157 rows, up to three events each, in longer clips.

HEADER = ('Subject', 'Filename', '', 'OnsetF', 'OffsetF', 'Onset2F', 'Offset2F',
          'Onset3F', 'Offset3F', '', 'FirstF', 'LastF', 'TotalMF1', 'TotalMF2',
          'TotalMF3', 'TotalVL', 'Emotion')
VIS_LACKS = ('Onset3F', 'Offset3F', 'TotalMF3', 'LastF')
SHEET = 'SMIC-HS-E_annotation'
LONG_EDITIONS = {'raw': Edition(('HS_long/SMIC_HS_E',), (640, 480), False)}

# Made up: short clips of HS that have no row; all but one are another row's second
# event. With them, and one label that is not its name's, 66, 51 and 40 are left.
NO_ROW = ('s3_ne_22', 's3_ne_24', 's4_ne_10', 's8_ne_06', 's20_ne_05', 's12_sur_05',
          's14_sur_03')
SECOND = ('s3_ne_21', 's3_ne_23', 's4_ne_09', 's8_ne_05', 's20_ne_04', 's12_sur_04',
          's14_sur_02', 's11_po_02')
THIRD = ('s3_ne_21',)
GARBAGE = {'s2_po_01': ('-', ''), 's5_ne_01': (0, 0), 's9_po_01': ('?', 3),
           's13_po_02': (302, ''), 's19_sur_01': ('blink', '')}
LABELS = {'s18_sur_03': 'negative'}
NO_FOLDER = ('s3_ne_03', 's3_ne_20', 's4_ne_05', 's4_ne_06', 's9_sur_02')
OUTSIDE = 's1_ne_03'            # its onset is before its first frame
TAIL = ([], [], ['HS: 100 frames a second'], ['MF: frames of a micro-expression'])
_LONG_ODD = {*SECOND, *GARBAGE, *LABELS, *NO_FOLDER, OUTSIDE, 's1_ne_01'}


def long_clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns the 157 clips of the tab HS, then the 71 of VIS."""
  rng = np.random.default_rng([seed, 157])
  made = []
  for camera in ('HS', 'VIS'):
    seats = [seat for seat in names(camera)
             if camera == 'VIS' or seat[1] not in NO_ROW]
    lengths = draw.lengths(rng, len(seats), **LENGTHS[camera])
    low, high = np.log(NUMBERS)
    for (subject, name, emotion), length in zip(seats, lengths):
      onset = int(np.exp(rng.uniform(low, high)))
      clip = Clip(str(subject), name, onset, draw.apex_of(rng, onset, length),
                  onset + length - 1, emotion, part=camera, whole=True,
                  odd=camera == 'HS' and name in _LONG_ODD)
      made.append(clip._replace(overrides=_cells(rng, clip)))
  return tuple(made)


def table(clips: tuple[Clip, ...], camera: str) -> list[list[int | str]]:
  """Returns the cells of the tab 'HS' or 'VIS': header, rows, blank rows, remarks.

  Args:
    clips: of both cameras.
    camera: 'HS' or 'VIS'.
  """
  lines = [dict(zip(HEADER, (
      int(clip.subject), clip.name, '', clip.onset, clip.offset,
      *clip.cells('onset2', 'offset2', 'onset3', 'offset3'), '',
      *clip.cells('first', 'last'), clip.offset - clip.onset + 1,
      *clip.cells('total2', 'total3'),
      clip.overrides['last'] - clip.overrides['first'] + 1,
      clip.overrides['label']))) for clip in clips if clip.part == camera]
  # The two blank columns are one key of a mapping, but two of the header.
  words = [word for word in HEADER if camera == 'HS' or word not in VIS_LACKS]
  return [words, *([line[word] for word in words] for line in lines), *TAIL]


def _cells(rng, clip: Clip) -> dict:
  further = int(clip.name in SECOND) + int(clip.name in THIRD)
  cells = {'label': clip.emotion, **dict.fromkeys(
      ('onset2', 'offset2', 'total2', 'onset3', 'offset3', 'total3'), '')}
  end = clip.offset
  if clip.part == 'HS':
    cells['label'] = LABELS.get(clip.name, clip.emotion)
    for event in range(2, 2 + further):
      start = end + int(rng.integers(5, 30))
      end = start + int(rng.integers(10, 30))
      cells.update({f'onset{event}': start, f'offset{event}': end,
                    f'total{event}': end - start + 1})
    if clip.name in GARBAGE:
      cells['onset3'], cells['offset3'] = GARBAGE[clip.name]
  before = int(rng.integers(10, 60))
  outside = clip.part == 'HS' and clip.name == OUTSIDE
  cells['first'] = clip.onset + (before if outside else -before)
  cells['last'] = end + int(rng.integers(60, 90))
  return cells


def _books(clips):
  tabs = tuple(Tab(camera, table(clips, camera)) for camera in ('HS', 'VIS'))
  return {'HS-E': (Book(SHEET, tabs),)}


def _long_films(clips, edition):
  made = []
  for clip in clips:
    if clip.part != 'HS':
      continue
    absent = clip.name in NO_FOLDER
    folder = '' if absent else f's{int(clip.subject):02d}/{clip.name}'
    film = Film(clip, folder, 'image{}.jpg')
    made.append(film)
    for event in (2, 3):
      start, end = clip.cells(f'onset{event}', f'offset{event}')
      if clip.name in SECOND and start and end:
        made.append(film._replace(beside=True, clip=clip._replace(
            onset=start, apex=(start + end) // 2, offset=end)))
  return tuple(made)


LONG_REPLICA = Replica('SMIC HS-E', long_clips, _long_films, LONG_EDITIONS, _books)
