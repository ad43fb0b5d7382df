"""A made-up SMIC HS-E: 157 rows, up to three events each, in longer clips.

Header, numbers of rows and classes, odd rows and absent folders are those published;
the shape of what stands in the third event's columns by mistake is made up.
"""

import numpy as np

from lightman_jax.synthetic.replicas import draw, smic
from lightman_jax.synthetic.replicas.replica import (
  Book,
  Clip,
  Edition,
  Film,
  Replica,
  Tab,
)

HEADER = ('Subject', 'Filename', '', 'OnsetF', 'OffsetF', 'Onset2F', 'Offset2F',
          'Onset3F', 'Offset3F', '', 'FirstF', 'LastF', 'TotalMF1', 'TotalMF2',
          'TotalMF3', 'TotalVL', 'Emotion')
VIS_LACKS = ('Onset3F', 'Offset3F', 'TotalMF3', 'LastF')
SHEET = 'SMIC-HS-E_annotation'
EDITIONS = {'raw': Edition(('HS_long/SMIC_HS_E',), (640, 480), False)}

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
_ODD = {*SECOND, *GARBAGE, *LABELS, *NO_FOLDER, OUTSIDE, 's1_ne_01'}


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns the 157 clips of the tab HS, then the 71 of VIS."""
  rng = np.random.default_rng([seed, 157])
  made = []
  for camera in ('HS', 'VIS'):
    seats = [seat for seat in smic.names(camera)
             if camera == 'VIS' or seat[1] not in NO_ROW]
    lengths = draw.lengths(rng, len(seats), **smic.LENGTHS[camera])
    low, high = np.log(smic.NUMBERS)
    for (subject, name, emotion), length in zip(seats, lengths):
      onset = int(np.exp(rng.uniform(low, high)))
      clip = Clip(str(subject), name, onset, draw.apex_of(rng, onset, length),
                  onset + length - 1, emotion, part=camera, whole=True,
                  odd=camera == 'HS' and name in _ODD)
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


def _films(clips, edition):
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


REPLICA = Replica('SMIC HS-E', clips, _films, EDITIONS, _books)
