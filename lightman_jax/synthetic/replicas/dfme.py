"""A tenth of a made-up DFME: three sheets, frame rates mixed within each.

Names of files, header, classes, rates and the shape of paths are those published; the
numbers of clips and people are a tenth of those of the three parts (1856, 474 and 299
clips of 176, 42 and 41 people). Classes' counts and the rest are made up.
"""

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Book, Clip, Edition, Film, Replica, Tab

HEADER = ('Subject', 'Filename', 'OnsetFrame', 'ApexFrame', 'OffsetFrame', 'Emotion',
          'EmotionId', 'Fps', 'AU')
SHEETS = {'train': 'training_full_with_AU', 'test_a': 'testA_full_with_AU',
          'test_b': 'testB_full_with_AU'}
EDITIONS = {'raw': Edition(('DFME',), (1024, 768), False)}
CLASSES = ('happiness', 'anger', 'contempt', 'disgust', 'fear', 'sadness', 'surprise')
ROWS = {'train': 186, 'test_a': 47, 'test_b': 30}
PEOPLE = {'train': 18, 'test_a': 5, 'test_b': 5}
RATES = (200, 300, 500)
FIRST = 3                       # 'sub0003/sub0003_01'
LENGTHS = {'least': 20, 'median': 75, 'greatest': 240}


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all clips, part by part; a subject's rows do not stand together."""
  rng = np.random.default_rng([seed, 2629])
  numbers = [FIRST, *(FIRST + 1 + rng.choice(
      660, sum(PEOPLE.values()) - 1, replace=False)).tolist()]
  made, start = [], 0
  for part, rows in ROWS.items():
    people = numbers[start:start + PEOPLE[part]]
    start += len(people)
    words = dict(zip(CLASSES, (rows // 7 + (k < rows % 7) for k in range(7))))
    seats = draw.deal_words(rng, words, draw.shares(rng, rows, people, least=2))
    lengths, place = draw.lengths(rng, rows, **LENGTHS), {}
    for index in rng.permutation(rows).tolist():
      subject, emotion = seats[index]
      place[subject] = place.get(subject, 0) + 1
      onset, length = int(rng.integers(1, 60)), lengths[index]
      made.append(Clip(
          f'sub{subject:04d}', f'sub{subject:04d}_{place[subject]:02d}', onset,
          draw.apex_of(rng, onset, length), onset + length - 1, emotion,
          draw.units_for(rng, emotion), part=part,
          odd=subject == FIRST and place[subject] == 1,
          overrides={'fps': RATES[rng.integers(3)]}))
  return tuple(made)


def table(clips: tuple[Clip, ...], part: str) -> list[list[int | str]]:
  """Returns the cells of 'train', 'test_a' or 'test_b', header first.

  Args:
    clips: of all parts.
    part: 'train', 'test_a' or 'test_b'.
  """
  return [list(HEADER), *(
      [*clip.cells('subject', 'name', 'onset', 'apex', 'offset', 'emotion'),
       CLASSES.index(clip.emotion), *clip.cells('fps', 'units')]
      for clip in clips if clip.part == part)]


def _films(clips, edition):
  return tuple(Film(clip, f'{clip.subject}/{clip.name}', '{:05d}.jpg')
               for clip in clips)


def _books(clips):
  return {part: (Book(stem, (Tab('Sheet1', table(clips, part)),)),)
          for part, stem in SHEETS.items()}


REPLICA = Replica('DFME', clips, _films, EDITIONS, _books)


# A made-up 4DME: its columns and the marks of units that do not move are those
# published; its numbers of clips and people and the names of its files are made up.
FOUR_HEADER = ('sub_ID', 'fold_name', 'Emotion', 'Onset', 'Apex', 'Offset', 'AUs')
FOUR_CLASSES = {'negative': 40, 'positive': 16, 'surprise': 14, 'repression': 12,
                'others': 18}
FOUR_PEOPLE, FOUR_FIRST = 10, 1
FOUR_LENGTHS = {'least': 9, 'median': 22, 'greatest': 40}
_STATIC = 7       # every so many rows have a unit that does not move


def four_dme_clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns a hundred clips, by person."""
  rng = np.random.default_rng([seed, 4])
  rows = sum(FOUR_CLASSES.values())
  people = range(FOUR_FIRST, FOUR_FIRST + FOUR_PEOPLE)
  seats = draw.deal_words(rng, FOUR_CLASSES, draw.shares(rng, rows, people, least=3))
  lengths, made, count = draw.lengths(rng, rows, **FOUR_LENGTHS), [], {}
  for number, ((subject, emotion), length) in enumerate(zip(seats, lengths)):
    place = count[subject] = count.get(subject, 0) + 1
    onset, units = int(rng.integers(1, 30)), draw.units_for(rng, emotion)
    odd = number % _STATIC == 0
    made.append(Clip(
        f'{subject:02d}', f'{subject:02d}_{place:02d}', onset,
        draw.apex_of(rng, onset, length), onset + length - 1, emotion,
        f'{units}+AU45(k)' if odd else units, odd=odd and number < 2 * _STATIC))
  return tuple(made)


def four_dme_table(clips: tuple[Clip, ...]) -> list[list[int | str]]:
  """Returns the cells of the sheet, header first."""
  return [list(FOUR_HEADER), *(
      [*clip.cells('subject', 'name'), clip.emotion.capitalize(),
       *clip.cells('onset', 'apex', 'offset', 'units')] for clip in clips)]


FOUR_DME = Replica(
    '4DME', four_dme_clips,
    lambda clips, edition: tuple(
        Film(clip, f'{clip.subject}/{clip.name}', '{}.jpg') for clip in clips),
    {'raw': Edition(('4DME',), (640, 480), False)},
    lambda clips: {'v1': (Book('4DME', (Tab('Sheet1', four_dme_table(clips)),)),)})
