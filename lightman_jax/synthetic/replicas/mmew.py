"""A made-up MMEW: 300 micro-expressions at 90 frames a second, 900 macro stills.

Header, numbers of clips and the shape of paths are those published. The number of
people (30 to 36 are reported), what each class counts, all names and frame numbers, and
where the stills lie are made up.
"""

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Book, Clip, Edition, Film, Replica, Tab

HEADER = ('Subject', 'Filename', 'OnsetFrame', 'ApexFrame', 'OffsetFrame',
          'Action Units', 'Estimated Emotion', 'remarks')
SHEET = 'MMEW_Micro_Exp'
EDITIONS = {'raw': Edition(('Micro_Expression',), (1920, 1080), False)}
CLASSES = {'surprise': 89, 'disgust': 72, 'others': 66, 'happiness': 36, 'fear': 16,
           'sadness': 13, 'anger': 8}
STILLS = ('happiness', 'surprise', 'anger', 'disgust', 'fear', 'sadness')
PEOPLE, STILLS_OF = 30, 5       # so many stills of a person in each of six emotions
LENGTHS = {'least': 9, 'median': 25, 'greatest': 45}


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns the 300 micro-expressions, by subject, then the 900 stills."""
  rng = np.random.default_rng([seed, 300])
  room = draw.shares(rng, sum(CLASSES.values()), range(1, PEOPLE + 1), least=3)
  seats = draw.deal_words(rng, CLASSES, room)
  lengths = draw.lengths(rng, len(seats), **LENGTHS)
  made, count = [], {}
  for (subject, emotion), length in zip(seats, lengths):
    code = list(CLASSES).index(emotion) + 1
    place = count[subject, code] = count.get((subject, code), 0) + 1
    onset = int(rng.integers(1, 4))
    made.append(Clip(
        f'S{subject:02d}', f'S{subject:02d}-{code:02d}-{place:03d}', onset,
        draw.apex_of(rng, onset, length), onset + length - 1, emotion,
        draw.units_for(rng, emotion)))
  made += [
      Clip(f'S{subject:02d}', emotion, number, number, number, emotion, kind='macro')
      for subject in range(1, PEOPLE + 1) for emotion in STILLS
      for number in range(1, STILLS_OF + 1)]
  return tuple(made)


def table(clips: tuple[Clip, ...]) -> list[list[int | str]]:
  """Returns the sheet's cells, header first; the stills have no row."""
  return [list(HEADER), *(
      [int(clip.subject[1:]), *clip.cells('name', 'onset', 'apex', 'offset', 'units',
                                          'emotion'),
       'glasses' if clip.onset == 3 else ''] for clip in clips if clip.kind == 'micro')]


def _films(clips, edition):
  return tuple(
      Film(clip, f'{clip.emotion}/{clip.name}', '{}.jpg') if clip.kind == 'micro' else
      Film(clip, f'../Macro_Expression/{clip.subject}/{clip.emotion}', '{}.jpg',
           beside=True) for clip in clips)


REPLICA = Replica(
    'MMEW', clips, _films, EDITIONS,
    lambda clips: {'v1': (Book(SHEET, (Tab('Sheet1', table(clips)),)),)})
