"""A made-up CAS(ME)^3, parts A (860 clips of 94 people) and C (165 of 30), 30 frames/s.

Numbers of clips, classes, subjects, odd rows and folders are those published. Which
other subjects there are, how many clips they have, frame numbers, action units, which
frames are missing, how often no offset is given, part C's file names, and that it is
the file `mockCrimeME` whose sheet gives the apex, are made up.
"""

from collections import Counter

import numpy as np

from lightman_jax.synthetic.replicas import draw
from lightman_jax.synthetic.replicas.replica import (
  Book,
  Clip,
  Edition,
  Film,
  Replica,
  Tab,
)

HEADER = ('Subject', 'Filename', 'Onset', 'Apex', 'Offset', 'AU', 'Objective class',
          'emotion')
HEADER_C = ('sub', 'count', 'onset', 'offset', 'au', 'emotion')
HEADER_C_APEX = ('sub', 'count', 'onset', 'apex', 'offset', 'au', 'emotion')
SHEET, TAB = 'cas(me)3_part_A_ME_label_JpgIndex_v2', 'label'
SHEET_C, TAB_C = 'CAS(ME)3_part_C_ME', 'mockCrimeME'
EDITIONS = {'raw': Edition(('part_A',), (1280, 720), False)}
EDITIONS_C = {'raw': Edition(('ME_C',), (1280, 720), False)}

CLASSES = {'disgust': 250, 'surprise': 187, 'others': 161, 'fear': 86, 'anger': 64,
           'sad': 57, 'happy': 55}
CLASSES_C = {'negative': 99, 'surprise': 30, 'others': 20, 'positive': 16}
SUBJECTS, SUBJECTS_C = 94, 30
FILES = 'abcdefghijklm'
AT_ONSET = 55                   # rows whose apex is the onset, that of ODD with them
LACKING = 6                     # clips one of whose frames is missing
NO_OFFSET = 3                   # clips that end with their apex: the offset reads 0

# (subject, file, what is odd); only of these are all rows of the file odd
ODD = ((149, 'd', 'late'), (216, 'd', 'early'), (40, 'e', 'late'), (40, 'e', 'early'),
       (216, 'e', 'zero'), (1, 'a', ''))
LENGTHS = {'least': 4, 'median': 11, 'greatest': 16}


def clips(seed: int = 0) -> tuple[Clip, ...]:
  """Returns the 860 clips of part A, by subject, file and onset."""
  rng = np.random.default_rng([seed, 860])
  seats = _seats(rng)
  lengths = draw.lengths(rng, len(seats), **LENGTHS)
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
  for rank, index in enumerate(ordinary[-NO_OFFSET:].tolist()):
    made[index] = made[index]._replace(
        overrides={'offset': 0}, offset=made[index].apex, odd=rank < 1)
  return tuple(made)


def table(clips: tuple[Clip, ...]) -> list[list[str]]:
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
  lengths = draw.lengths(rng, len(seats), **LENGTHS)
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


def _seats(rng):
  """Returns (subject, file, emotion, oddity or None), sorted."""
  named = sorted({subject for subject, *_ in ODD})
  free = [number for number in range(1, 218) if number not in named]
  people = sorted([*named, *rng.choice(
      free, SUBJECTS - len(named), replace=False).tolist()])
  room = draw.shares(rng, sum(CLASSES.values()), people, least=3)
  left, seats = Counter(CLASSES), []
  for subject, file, odd in ODD:
    seats.append((subject, file, 'others', odd))
    left['others'] -= 1
    room[subject] -= 1
  taken = {(subject, file) for subject, file, _ in ODD}
  for subject, emotion in draw.deal_words(rng, left, room):
    files = [file for file in FILES if (subject, file) not in taken]
    seats.append((subject, files[rng.integers(len(files))], emotion, None))
  return sorted(seats, key=lambda seat: seat[:2])


def _films(clips, edition):
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
    'CAS(ME)^3, part A', clips, _films, EDITIONS,
    lambda clips: {'v2': (Book(SHEET, (Tab(TAB, table(clips)),)),)},
    litter=('part_A/spNO.1/a/depth/355.png',))
PART_C = Replica(
    'CAS(ME)^3, part C', clips_c, _films_c, EDITIONS_C, _books_c)
