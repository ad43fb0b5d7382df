"""What a person should know of a row that can be used all the same.

A check that finds something repairs nothing: it adds a note to the row.
"""

from collections.abc import Iterator, Mapping
import re

from lightman_jax.annotations import action_units, spellings
from lightman_jax.annotations.facts import Facts
from lightman_jax.annotations.frame_numbers import whole
from lightman_jax.annotations.rows import Row


def notes(row: Row, cells: Mapping[str, str], facts: Facts) -> tuple[str, ...]:
  """Returns what is odd about a row, a sentence each.

  Args:
    row: complete but for its notes.
    cells: of the sheet, by the names of `facts`.
    facts: the data set.
  """
  found = [*_lengths(row, cells), *_events(row, cells, facts),
           *_names(row, facts), *_units(row)]
  if (end := cells.get('apex_end', '')) not in facts.missing and whole(end) is None:
    found.append(f'the end of the apex reads {end!r} in the sheet')
  if 'fps' in cells and not row.fps:
    found.append(f'the frame rate reads {cells["fps"]!r} in the sheet')
  if row.clip in facts.remarks:
    found.append(facts.remarks[row.clip])
  return tuple(found)


def _lengths(row: Row, cells: Mapping[str, str]) -> Iterator[str]:
  duration = whole(cells.get('duration', ''))
  length = row.offset - row.onset + 1
  if duration is not None and duration != length:
    yield (f'the sheet gives a duration of {duration} frames, and onset and offset '
           f'span {length}')
  first, last = whole(cells.get('first', '')), whole(cells.get('last', ''))
  if first is not None and last is not None and not (
      first <= row.onset and row.offset <= last):
    yield (f'the recording is said to have frames {first} to {last}, which do not '
           'contain the clip')


def _events(row: Row, cells: Mapping[str, str], facts: Facts) -> Iterator[str]:
  """Recordings may hold further events, which are no clips of their own."""
  for number, word in ((2, 'second'), (3, 'third')):
    texts = [cells.get(f'{name}_{number}', '') for name in ('onset', 'offset')]
    if all(text in facts.missing for text in texts):
      continue
    onset, offset = map(whole, texts)
    if onset is not None and offset is not None and row.onset < onset <= offset:
      yield (f'the recording holds a {word} event, frames {onset} to {offset}, which '
             'is no clip of its own')
    else:
      yield (f'the columns of a {word} event read {texts[0]!r} and {texts[1]!r}, which '
             'is none')


def _names(row: Row, facts: Facts) -> Iterator[str]:
  found = re.fullmatch(facts.owner, row.filename) if facts.owner else None
  said = found.groupdict().get('emotion') if found else None
  named = spellings.emotion(facts.emotions.get(said, said)) if said else ''
  if named and named != row.emotion:
    yield f'the sheet says {row.emotion!r}, and the file name says {named!r}'


def _units(row: Row) -> Iterator[str]:
  """What of the action units' cell is not kept as a unit."""
  reading = action_units.read(row.action_units_raw)
  for text, unit in reading.chosen:
    yield (f'of the action units {row.action_units_raw!r}, {text} is read as '
           f'{action_units.spell((unit,))}')
  if reading.others:
    yield (f'of the action units {row.action_units_raw!r}, '
           f'{", ".join(map(repr, reading.others))} is not an action unit')
