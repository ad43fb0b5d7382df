"""Chosen corrections are applied to the cells of a sheet, and what they did is said."""

from collections.abc import Mapping, Sequence

from lightman_jax.annotations import spellings
from lightman_jax.annotations.corrections import Change, Correction
from lightman_jax.annotations.entries import Line, key, onset_apex_offset
from lightman_jax.annotations.facts import Facts
from lightman_jax.annotations.frame_numbers import disorder, whole


def correct(
    lines: Sequence[Line], facts: Facts, corrections: Mapping[str, Correction],
) -> tuple[list[Line], list[tuple[str, ...]], tuple[str, ...]]:
  """Returns the lines with other cells, the notes of each, and a report.

  Args:
    lines: of the sheet.
    facts: the data set.
    corrections: by name.
  """
  lines, notes, report = list(lines), [()] * len(lines), []
  clips = [key(line, facts)[0] for line in lines]
  for name, correction in corrections.items():
    for change in correction.changes:
      same = [index for index, clip in enumerate(clips) if clip == change.clip]
      fitting = [index for index in same if _fits(change, lines[index], facts)]
      for index in fitting:
        text = _said(change, lines[index])
        lines[index] = lines[index]._replace(
            cells={**lines[index].cells, **change.after})
        notes[index] = (*notes[index], f'corrected by {name}: {text}')
        report.append(f'{name}: {change.clip}, {lines[index].where}: {text} '
                      f'({correction.reason})')
      if not fitting:
        report.append(f'{name}: not applied, {_why(change, bool(same))}')
  return lines, notes, tuple(report)


def _fits(change: Change, line: Line, facts: Facts) -> bool:
  if change.only_disordered and not _disordered(line, facts):
    return False
  return all(_same(line.cells.get(column, ''), text)
             for column, text in change.before.items())


def _disordered(line: Line, facts: Facts) -> bool:
  onset, apex, offset = onset_apex_offset(line.cells, facts).values()
  return None not in (onset, apex, offset) and bool(disorder(onset, apex, offset))


def _same(cell: str, text: str) -> bool:
  number = whole(text)
  if number is not None:
    return whole(cell) == number
  return spellings.emotion(cell) == text.casefold()


def _said(change: Change, line: Line) -> str:
  return ', '.join(f'{column} {line.cells.get(column, "")!r} becomes '
                   f'{text!r}' if text else f'{column} '
                   f'{line.cells.get(column, "")!r} counts as not given'
                   for column, text in change.after.items())


def _why(change: Change, there: bool) -> str:
  if not there:
    return f'the sheet has no row of {change.clip}'
  if change.only_disordered:
    return f'no row of {change.clip} breaks the order of its frames'
  held = ', '.join(f'{column} {text!r}' for column, text in change.before.items())
  return f'the row of {change.clip} does not hold {held}'
