"""Made-up sets of posed expressions: CK+, Oulu-CASIA, MUG, JAFFE, KDEF, RaFD, Yale.

Numbers of people, sequences and pictures, names and the shape of paths are those
published; who shows what, and how long a sequence is, are made up. Of a still the face
is drawn at rest or at the apex.
"""

from collections.abc import Iterator
import functools

import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.draw import Clip, Edition, Film, Replica

_SIX = ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')

# CK+: 593 sequences of 123 people, 327 with an emotion.

CODES = {'anger': 1, 'contempt': 2, 'disgust': 3, 'fear': 4, 'happiness': 5,
         'sadness': 6, 'surprise': 7}
COUNTS = {'anger': 45, 'contempt': 18, 'disgust': 59, 'fear': 25, 'happiness': 69,
          'sadness': 28, 'surprise': 83, '': 593 - 327}
LENGTHS = {'least': 4, 'median': 18, 'greatest': 71}


def sequences(seed: int = 0) -> tuple[Clip, ...]:
  """The sequences of CK+, by person; `part` holds the emotion, '' where none is given.

  Args:
    seed: another seed, other people.
  """
  rng = np.random.default_rng([seed, 593])
  room = draw.shares(rng, sum(COUNTS.values()), range(1, 124), least=2)
  seats = draw.deal_words(rng, COUNTS, room)
  lengths, made, count = draw.lengths(rng, len(seats), **LENGTHS), [], {}
  for (subject, emotion), length in zip(seats, lengths):
    count[subject] = count.get(subject, 0) + 1
    shown = emotion or 'happiness'
    made.append(Clip(
        f'S{subject:03d}', f'{count[subject]:03d}', 1, length, length, shown,
        draw.units_for(rng, shown), kind='macro', part=emotion))
  return tuple(made)


def _sequence_films(clips, edition) -> tuple[Film, ...]:
  return tuple(
      Film(clip, f'{clip.subject}/{clip.name}',
           f'{clip.subject}_{clip.name}_{{:08d}}.png', fixed=True, grey=True)
      for clip in clips)


def _beside(clips: tuple[Clip, ...], side: int) -> dict[str, str]:
  """Emotion of the labelled, units of all, and landmarks of every frame."""
  points = _face(side)
  texts = {}
  for clip in clips:
    place = f'{clip.subject}/{clip.name}'
    stem = f'{place}/{clip.subject}_{clip.name}_'
    if clip.part:
      texts[f'Emotion/{stem}{clip.offset:08d}_emotion.txt'] = (
          f'   {CODES[clip.part]:.7e}\n')
    texts[f'FACS/{stem}{clip.offset:08d}_facs.txt'] = ''.join(
        f'   {float(unit):.7e}   {float(how):.7e}\n'
        for how, unit in enumerate(_numbers(clip.units)))
    for number in range(clip.onset, clip.offset + 1):
      texts[f'Landmarks/{stem}{number:08d}_landmarks.txt'] = points
  return texts


def _numbers(units) -> Iterator[int]:
  for part in str(units).split('+'):
    yield int(''.join(letter for letter in part if letter.isdigit()))


@functools.cache
def _face(side: int) -> str:
  """Where the mean face would be in the middle of a room, as lines of a file.

  The picture is a replica's of CK+, whose width is 640 / 490 of its height.
  """
  face, left = .75 * side * landmarks.mean_face(), round(side * 640 / 490 - .75 * side)
  shift = np.array([left // 2, round(.25 * side) // 2])
  return ''.join(f'   {x:.7e}   {y:.7e}\n' for x, y in face + shift)


CK_PLUS = Replica(
    'CK+', sequences, _sequence_films,
    {'raw': Edition(('cohn-kanade-images',), (640, 490), False)}, texts=_beside)


# Oulu-CASIA: 80 people, six emotions each.

def _six_of_each(seed: int = 0) -> tuple[Clip, ...]:
  rng = np.random.default_rng([seed, 480])
  return tuple(
      Clip(f'P{subject:03d}', emotion.capitalize(), 0, length, length, emotion,
           kind='macro')
      for subject in range(1, 81) for emotion in _SIX
      for length in [int(rng.integers(8, 30))])


OULU_CASIA = Replica(
    'Oulu-CASIA', _six_of_each, lambda clips, edition: tuple(
        Film(clip, f'{clip.subject}/{clip.name}', '{:03d}.jpeg', fixed=True)
        for clip in clips),
    {'strong': Edition(('VL/Strong',), (320, 240), False),
     'weak': Edition(('VL/Weak',), (320, 240), False),
     'dark': Edition(('VL/Dark',), (320, 240), False),
     'infrared': Edition(('NI/Strong',), (320, 240), False)})


# MUG: the 52 people who are public; how many takes they have is made up, one or two.

def _takes(seed: int = 0) -> tuple[Clip, ...]:
  rng = np.random.default_rng([seed, 52])
  return tuple(
      Clip(f'{subject:03d}', f'take{take:03d}', 0, (length - 1) // 2, length - 1,
           emotion, kind='macro', whole=True)
      for subject in range(1, 53) for emotion in _SIX
      for take in range(1 + subject % 2) for length in [int(rng.integers(15, 30))])


MUG = Replica(
    'MUG', _takes, lambda clips, edition: tuple(
        Film(clip, f'{clip.subject}/{clip.emotion}/{clip.name}', 'img_{:04d}.jpg')
        for clip in clips),
    {'raw': Edition(('subjects3',), (896, 896), False)})


# Stills: a clip's name is that of its picture, and 'neutral' ones are of nobody's.

def _still(subject: str, path: str, emotion: str) -> Clip:
  # A smaller replica holds all neutral ones: nothing else can be a pair.
  return Clip(subject, path, 0, 1, 1, emotion, kind='macro', odd=emotion == 'neutral')


def _still_films(clips, edition) -> tuple[Film, ...]:
  return tuple(
      Film(clip, clip.name.rpartition('/')[0] or '.', clip.name.rpartition('/')[2],
           gone=frozenset({1 if clip.emotion == 'neutral' else 0}), fixed=True)
      for clip in clips)


PEOPLE = ('KA', 'KL', 'KM', 'KR', 'MK', 'NA', 'NM', 'TM', 'UY', 'YM')
JAFFE_COUNTS = {'anger': 30, 'disgust': 29, 'fear': 32, 'happiness': 31, 'neutral': 30,
                'sadness': 31, 'surprise': 30}
_JAFFE = {'anger': 'AN', 'disgust': 'DI', 'fear': 'FE', 'happiness': 'HA',
          'neutral': 'NE', 'sadness': 'SA', 'surprise': 'SU'}


def jaffe_pictures(seed: int = 0) -> tuple[Clip, ...]:
  """The 213 pictures of JAFFE: three of each person and emotion, or one fewer or more.

  Args:
    seed: makes no difference: nothing is drawn by chance but the faces.
  """
  takes = {(person, emotion): 3 for person in PEOPLE for emotion in JAFFE_COUNTS}
  for emotion, count in JAFFE_COUNTS.items():
    step = 1 if count > 30 else -1
    for person in PEOPLE[:abs(count - 30)]:
      takes[person, emotion] += step
  made = [(person, emotion, take) for person in PEOPLE for emotion in JAFFE_COUNTS
          for take in range(1, takes[person, emotion] + 1)]
  return tuple(
      _still(person, f'{person}.{_JAFFE[emotion]}{take}.{number}.tiff', emotion)
      for number, (person, emotion, take) in enumerate(made, start=1))


JAFFE = Replica('JAFFE', jaffe_pictures, _still_films,
                {'raw': Edition(('jaffe',), (256, 256), True)})

_KDEF = {'fear': 'AF', 'anger': 'AN', 'disgust': 'DI', 'happiness': 'HA',
         'neutral': 'NE', 'sadness': 'SA', 'surprise': 'SU'}


def kdef_pictures(seed: int = 0) -> tuple[Clip, ...]:
  """The 4 900 pictures of KDEF, of five views each; one name is wrong in length.

  Args:
    seed: makes no difference.
  """
  made = [
      _still(person, f'{session}{person}/{session}{person}{code}{view}.JPG', emotion)
      for session in 'AB' for sex in 'FM' for number in range(1, 36)
      for person in [f'{sex}{number:02d}'] for emotion, code in _KDEF.items()
      for view in ('S', 'HL', 'HR', 'FL', 'FR')]
  wrong = next(n for n, clip in enumerate(made) if clip.name == 'AF31/AF31SAFR.JPG')
  made[wrong] = made[wrong]._replace(name='AF31/AF31SR.JPG')
  return tuple(made)


KDEF = Replica('KDEF', kdef_pictures, _still_films,
               {'raw': Edition(('KDEF',), (562, 762), False)})

_RAFD = {'anger': 'angry', 'contempt': 'contemptuous', 'disgust': 'disgusted',
         'fear': 'fearful', 'happiness': 'happy', 'neutral': 'neutral',
         'sadness': 'sad', 'surprise': 'surprised'}
_ABSENT = {6, 13, 17, 34, 59, 62}       # numbers of models up to 73 that nobody has


def rafd_pictures(seed: int = 0) -> tuple[Clip, ...]:
  """The 8 040 pictures of RaFD: 67 models, five cameras, eight emotions, three gazes.

  Args:
    seed: makes no difference.
  """
  # The camera in front comes first: a small replica has the first pictures of a class.
  return tuple(
      _still(f'{model:02d}', f'Rafd{angle:03d}_{model:02d}_'
             f'{"Kid" if model % 7 == 0 else "Caucasian"}_'
             f'{"female" if model % 2 else "male"}_{word}_{gaze}.jpg', emotion)
      for model in range(1, 74) if model not in _ABSENT
      for angle in (90, 0, 45, 135, 180) for emotion, word in _RAFD.items()
      for gaze in ('frontal', 'left', 'right'))


RAFD = Replica('RaFD', rafd_pictures, _still_films,
               {'raw': Edition(('RaFD',), (681, 1024), False)})

_YALE = {'centerlight': 'neutral', 'glasses': 'neutral', 'happy': 'happiness',
         'leftlight': 'neutral', 'noglasses': 'neutral', 'normal': 'neutral',
         'rightlight': 'neutral', 'sad': 'sadness', 'sleepy': 'sadness',
         'surprised': 'surprise', 'wink': 'happiness'}


def yale_pictures(seed: int = 0) -> tuple[Clip, ...]:
  """The 165 pictures of Yale: 15 people in eleven conditions, GIFs without an ending.

  Args:
    seed: makes no difference.
  """
  return tuple(_still(f'subject{person:02d}', f'subject{person:02d}.{name}', emotion)
               for person in range(1, 16) for name, emotion in _YALE.items())


YALE = Replica('Yale faces', yale_pictures, _still_films,
               {'raw': Edition(('yalefaces',), (320, 243), False)})
