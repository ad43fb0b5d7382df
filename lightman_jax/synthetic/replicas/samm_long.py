"""Made-up SAMM long videos: 343 macro- and 159 micro-expressions of 30 people.

The micro-expressions are those of the replica of SAMM, in other frame numbers. How many
clips a subject has, names and frame numbers of the macro-expressions, and how many
apexes are missing, are made up, and so is what emotion a face shows: no column says.
"""

from collections import Counter

import numpy as np

from lightman_jax.synthetic.replicas import draw, samm
from lightman_jax.synthetic.replicas.replica import (
  Book,
  Clip,
  Edition,
  Film,
  Replica,
  Tab,
)

HEADER = ('Subject', 'Filename', 'Inducement Code', 'Onset', 'Apex', 'Offset',
          'Duration', 'Type', 'Action Units', 'Notes')
SHEET = 'SAMM_LongVideos_V2_Release'
HEADER_ROW = 10
TYPES = {'micro': 'Micro - 1/2', 'macro': 'Macro'}
EDITIONS = {'raw': Edition(('SAMM_longvideos',), (960, 650), False)}
MACRO = 343
SUBJECTS = (*samm.SUBJECTS, 8)  # made up which the thirtieth is
WITHOUT_MACRO = 24              # made up: 29 have macro-expressions
TWICE = '037_4_1'
NO_APEX = 9                     # rows that say -1
LENGTHS = {'least': 101, 'median': 150, 'greatest': 420}


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 502 clips, video by video."""
  rng = np.random.default_rng([seed, 502])
  micro = samm.clips(seed)
  lengths = draw.lengths(rng, MACRO, **LENGTHS)
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


def table(clips: tuple[Clip, ...]) -> list[list[int | str]]:
  """Returns the sheet's cells: nine lines of text, the header, the rows."""
  preamble = [['SAMM long videos: made-up codes'], [],
              ['Apex', '-1: not seen'], ['Type', 'Macro, Micro - 1/2']]
  preamble += [[]] * (HEADER_ROW - 1 - len(preamble))
  return [*preamble, list(HEADER), *(
      [clip.subject, clip.name, int(clip.name.split('_')[1]), clip.onset,
       *clip.cells('apex'), clip.offset, clip.offset - clip.onset + 1, TYPES[clip.kind],
       clip.units, ''] for clip in clips)]


def _names(rng, micro: tuple[Clip, ...]) -> list[str]:
  """Names of the macro-expressions: one is that of a micro-expression, too."""
  taken = Counter(clip.name for clip in micro)
  people = [subject for subject in SUBJECTS if subject != WITHOUT_MACRO]
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


def _books(clips):
  return {'v2': (Book(SHEET, (Tab('Sheet1', table(clips)),)),)}


def _films(clips, edition):
  videos = (clip.name.rpartition('_')[0] for clip in clips)
  return tuple(Film(clip, video, f'{video}_{{:04d}}.jpg', grey=True)
               for clip, video in zip(clips, videos))


REPLICA = Replica('SAMM long videos', clips, _films, EDITIONS, _books)
