"""What the modules of the data sets draw with: shares, lengths, places, names."""

from collections.abc import Mapping, Sequence

import numpy as np

# A number stands as a number in a sheet, the rest as text.
UNITS = {
    'others': (4, '4+7', 'L14', '4+L10', 'R14', 15, '4+14', '7+17'),
    'negative': (4, '4+7', '4+9', 15, '4+7+10', 'L10', 17, 'R14'),
    'anger': ('4+7', 4, '4+5', '7+23', 'L4', '4+24'),
    'disgust': ('4+7', '4+9', 9, '4+7+10', 'L10', '10+17', '4+7+R10'),
    'happiness': (12, '6+12', 'L12', '12+14', 'R12', '6+12+15'),
    'contempt': ('R14', 'L14', 14, 'R12', 'L10+L14'),
    'repression': (15, 17, '14+17', '15+17', '12+17'),
    'surprise': ('1+2', 'L1+L2', 2, '1+2+5', '1+2+25'),
    'sadness': (1, '1+4', '1+L4'),
    'fear': (20, '4+5+20', '1+4', '20+25'),
}
OBJECTIVE = {'others': 'VII', 'disgust': 'IV', 'happiness': 'I', 'repression': 'VII',
             'surprise': 'II', 'sadness': 'VI', 'fear': 'V', 'anger': 'III',
             'contempt': 'VII', 'negative': 'VII'}
_PLAIN = {'other': 'others', 'happy': 'happiness', 'sad': 'sadness',
          'positive': 'happiness', 'tense': 'negative', 'comtempt': 'contempt'}


def common_word(emotion: str) -> str:
  """Returns the key of `UNITS` and `OBJECTIVE` for a sheet's word."""
  word = emotion.casefold()
  return _PLAIN.get(word, word)


def units_for(rng: np.random.Generator, emotion: str) -> int | str:
  """Draws what the action-unit cell of a clip may hold.

  Args:
    rng: source of randomness.
    emotion: in the sheet's spelling.
  """
  known = UNITS[common_word(emotion)]
  return known[rng.integers(len(known))]


def shares(
    rng: np.random.Generator, total: int, places: Sequence[int], *, least: int = 1,
) -> dict[int, int]:
  """Divides `total` clips among places, unevenly, at least `least` to each.

  Args:
    rng: source of randomness.
    total: clips in all.
    places: subjects, or whatever has clips.
    least: clips of each.

  Returns:
    Place -> clips.
  """
  weights = rng.dirichlet(np.full(len(places), 2.))
  more = rng.multinomial(total - least * len(places), weights)
  return {place: least + int(count) for place, count in zip(places, more)}


def lengths(
    rng: np.random.Generator, count: int, *, least: int, median: int, greatest: int,
) -> list[int]:
  """Draws numbers of frames, first to last inclusive, with these three exactly.

  Args:
    rng: source of randomness.
    count: of the clips.
    least, median, greatest: numbers of frames.
  """
  half = count // 2
  short = np.linspace(least, median, half, dtype=int)
  long = np.linspace(median, greatest, count - half, dtype=int)
  return rng.permutation(np.concatenate([short, long])).tolist()


def apex_of(rng: np.random.Generator, onset: int, length: int) -> int:
  """Draws an apex strictly between onset and offset where there is room.

  Args:
    rng: source of randomness.
    onset: its frame number.
    length: frames from onset to offset, both of them counted.
  """
  return onset + (int(rng.integers(1, length - 1)) if length > 2 else length - 1)


def deal_words(
    rng: np.random.Generator, words: Mapping[str, int], seats: Mapping[int, int], *,
    only: Mapping[int, str] = {}, firsts: tuple[str, ...] = (),
) -> list[tuple[int, str]]:
  """Gives every seat a word; returns (subject, word), subject by subject.

  Args:
    rng: source of randomness.
    words: how often each is to be given; in all as often as there are seats.
    seats: how many each subject has; none is possible.
    only: subjects all of whose seats have one word.
    firsts: every other subject with a seat gets one of these words at least.
  """
  left = dict(words)
  for subject, word in only.items():
    left[word] -= seats[subject]
  pool = rng.permutation([word for word, count in left.items() for _ in range(count)])
  pool = pool.tolist()
  words_of = {subject: [word] * seats[subject] for subject, word in only.items()}
  others = [subject for subject in seats if subject not in only]
  for subject in others if firsts else ():
    if seats[subject]:
      index = next(i for i, word in enumerate(pool) if word in firsts)
      words_of[subject] = [pool.pop(index)]
  for subject in others:
    own_words = words_of.setdefault(subject, [])
    while len(own_words) < seats[subject]:
      own_words.append(pool.pop())
  return [(subject, word) for subject in seats for word in words_of[subject]]
