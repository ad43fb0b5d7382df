"""A made-up SMIC: short clips of three cameras, known by the names of their folders.

HS (164 clips of 16 people, 100 frames a second), VIS and NIR (71 clips of 8 people, 25
frames a second) lie in one tree, and clips without an expression beside them. There is
no sheet. How many clips a subject has of a class and all frame numbers are made up.
"""

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.replica import Clip, Edition, Film, Replica

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
