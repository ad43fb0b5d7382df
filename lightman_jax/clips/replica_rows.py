"""The rows of a made-up CASME II: numbers from `replica_facts`, the rest drawn."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from lightman_jax.clips import replica_facts as facts


class Clip(NamedTuple):
  """One row of the replica's sheets."""
  subject: int
  name: str
  onset: int
  apex: int | str
  offset: int
  emotion: str              # under the sheet of 2014
  units: int | str
  units_2019: int | str
  odd: bool


def rows(seed: int = 0) -> tuple[Clip, ...]:
  """Returns all 255 rows, in the sheet's order: by subject."""
  rng = np.random.default_rng([seed, 255])
  places = [(subject, *odd) for subject, odd in _named(rng)]
  units = [facts.UNITS[emotion][rng.integers(len(facts.UNITS[emotion]))]
           for *_, emotion, _ in places]
  for index in rng.choice(len(places), facts.UNKNOWN_UNITS, replace=False):
    units[index] = '?'
  other = set(rng.choice(len(places), facts.OTHER_UNITS_2019, replace=False).tolist())
  lengths = _lengths(rng, len(places))
  clips = []
  for index, (subject, name, onset, apex, offset, emotion, odd) in enumerate(places):
    if onset is None:
      onset = int(rng.integers(1, 400))
      offset = onset + lengths[index] - 1
      apex = int(rng.integers(onset + 1, offset))
    new = f'{units[index]}+43' if index in other else units[index]
    clips.append(Clip(subject, name, onset, apex, offset, emotion, units[index],
                      new, odd))
  return tuple(clips)


def table(clips: tuple[Clip, ...], sheet: str) -> list[list[int | str]]:
  """Returns a sheet's cells, header first; blank columns hold ''."""
  new = sheet == '2019'
  lines = [list(facts.HEADER_2019 if new else facts.HEADER)]
  for clip in clips:
    emotion = clip.emotion
    if new:
      emotion = facts.RELABELLED_2019.get((clip.subject, clip.name), emotion)
    line = [f'{clip.subject:02d}', clip.name, '', clip.onset, clip.apex, clip.offset,
            '', clip.units_2019 if new else clip.units, emotion]
    lines.append(line + [facts.OBJECTIVE[clip.emotion]] if new else line)
  return lines


def _named(rng):
  """Yields (subject, (name, onset, apex, offset, emotion, odd)) for every row."""
  left = Counter(facts.CLASSES_2014)
  room = dict(enumerate(facts.CLIPS_OF, start=1))
  chosen = {subject: [] for subject in room}
  for subject, *odd, emotion in facts.ODD:
    chosen[subject].append((*odd, emotion, True))
    left[emotion] -= 1
    room[subject] -= 1
  pool = []
  for subject in facts.OTHERS_ONLY:
    pool += [(subject, 'others')] * room[subject]
    left['others'] -= room[subject]
  seats = [subject for subject, count in room.items() for _ in range(count)
           if subject not in facts.OTHERS_ONLY]
  words = list(left.elements())
  # Every subject's first seat is a MEGC class, so that 24 of them are in that set.
  firsts = sorted({seat: index for index, seat in reversed(list(enumerate(seats)))}
                  .values())
  megc = [index for index, word in enumerate(words)
          if word in ('disgust', 'happiness', 'surprise')]
  given = dict(zip(firsts, rng.choice(megc, len(firsts), replace=False).tolist()))
  rest = rng.permutation(sorted(set(range(len(words))) - set(given.values()))).tolist()
  pool += [(seat, words[given[index] if index in given else rest.pop()])
           for index, seat in enumerate(seats)]
  for subject, emotion in pool:
    name = _free_name(rng, {entry[0] for entry in chosen[subject]})
    chosen[subject].append((name, None, None, None, emotion, False))
  return [(subject, entry) for subject in chosen for entry in sorted(
      chosen[subject], key=lambda entry: entry[0])]


def _free_name(rng, taken: set[str]) -> str:
  while True:
    name = f'EP{rng.integers(1, 20):02d}_{rng.integers(1, 10):02d}'
    name += 'f' * int(rng.integers(2))
    if name not in taken:
      return name


def _lengths(rng, count: int) -> list[int]:
  least, median, greatest = facts.LENGTHS
  half = count // 2
  short = np.linspace(least, median, half, dtype=int)
  long = np.linspace(median, greatest, count - half, dtype=int)
  return rng.permutation(np.concatenate([short, long])).tolist()
