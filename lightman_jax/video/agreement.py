"""How far two coders agree: matched intervals, kappa, and errors of times.

Intervals belong together as in spotting (`intervals.match`, at an overlap of one half);
how a kind, a class or a unit was called plays no part in that. Kappa (Cohen 1960, "A
coefficient of agreement for nominal scales") is over the matched intervals: what one
coder alone has seen is counted, and has no second name to compare.
"""

from collections.abc import Sequence
import pathlib
from typing import Any

from jaxtyping import Int
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.video import intervals
from lightman_jax.video.annotations import Coded
from lightman_jax.video.intervals import Interval


def cohen_kappa(counts: Int[np.ndarray, 'K K']) -> float | None:
  """Agreement beyond chance; None where chance alone makes all of it.

  Args:
    counts: intervals by what the one and the other coder say.
  """
  total = counts.sum()
  if not total:
    return None
  observed = np.trace(counts) / total
  chance = float(counts.sum(0) @ counts.sum(1)) / total**2
  return None if chance >= 1. else float((observed - chance) / (1. - chance))


def agree(first: Sequence[Coded], second: Sequence[Coded]) -> dict[str, Any]:
  """Compares two codings of the same videos.

  Args:
    first, second: intervals of each; errors are those of the second, less the first.

  Returns:
    Counts, the share that is matched, kappa of classes (all together and each against
    the rest), of kinds and of each action unit, errors of onset, apex and offset in
    milliseconds (mean, mean of the absolute, and how many), and remarks.

  Raises:
    InputError: they have no video in common.
  """
  pairs = match_codings(first, second)
  both = [(first[i], second[j]) for i, j in pairs]
  named = [(a.label, b.label) for a, b in both if a.label and b.label]
  units = [(a.unit_numbers, b.unit_numbers) for a, b in both if a.units and b.units]
  errors = {}
  for name in ('onset', 'apex', 'offset'):
    times = [(getattr(a, f'{name}_s'), getattr(b, f'{name}_s')) for a, b in both]
    apart = np.array([1000. * (b - a) for a, b in times if None not in (a, b)])
    errors[name] = {'pairs': len(apart)} | ({
        'mean_ms': float(apart.mean()), 'absolute_ms': float(np.abs(apart).mean())}
        if len(apart) else {})
  return {
      'first': len(first), 'second': len(second), 'matched': len(both),
      'agreement': 2 * len(both) / max(len(first) + len(second), 1),
      'kinds': _kappa([(a.known_kind, b.known_kind) for a, b in both]),
      'classes': {'intervals': len(named), 'kappa': _kappa(named), 'each': {
          name: _kappa([(a == name, b == name) for a, b in named])
          for name in sorted({name for pair in named for name in pair})}},
      'units': {'intervals': len(units), 'each': {
          number: _kappa([(number in a, number in b) for a, b in units])
          for number in sorted({n for a, b in units for n in a | b})}},
      'errors': errors, 'remarks': _remarks(first, second)}


def _remarks(first: Sequence[Coded], second: Sequence[Coded]) -> list[str]:
  """What the two say of videos, where it is not the same."""
  one, other = ({_stem(row) for row in rows} for rows in (first, second))
  if not (one and other) or one == other or one == {''} or other == {''}:
    return []
  if len(one) == len(other) == 1:
    return [f'the one is of the video {one.pop()!r} and the other of {other.pop()!r}: '
            'they are compared as two codings of one video']
  return [f'{len(part)} of the videos are in the {which} coding alone '
          f'({", ".join(sorted(part)[:3])}): nothing there can be matched'
          for part, which in ((one - other, 'first'), (other - one, 'second')) if part]


def match_codings(first: Sequence[Coded], second: Sequence[Coded]
                  ) -> list[tuple[int, int]]:
  """Pairs of intervals of two codings that belong together.

  Videos go by the names of their files; where each coding is of one, that is the same.

  Args:
    first, second: intervals of each.

  Raises:
    InputError: they have no video in common.
  """
  names = [{_stem(row) for row in rows} for rows in (first, second)]
  alone = all(len(one) == 1 for one in names)
  if all(names) and not alone and not names[0] & names[1]:
    raise InputError('the two codings have no video in common: '
                     f'{", ".join(sorted(names[0]))}; {", ".join(sorted(names[1]))}')
  # A millisecond is a frame here.
  as_intervals = lambda rows: [Interval(
      '', '' if alone else _stem(row), round(1000 * row.onset_s),
      round(1000 * row.offset_s)) for row in rows]
  return intervals.match(as_intervals(first), as_intervals(second))


def _stem(row: Coded) -> str:
  return pathlib.PurePath(row.video.replace('\\', '/')).stem.casefold()


def _kappa(pairs: Sequence[tuple]) -> float | None:
  names = sorted({name for pair in pairs for name in pair})
  index = {name: number for number, name in enumerate(names)}
  return cohen_kappa(scores.confusion(
      np.array([index[a] for a, _ in pairs], int),
      np.array([index[b] for _, b in pairs], int), classes=len(names)))


def lines_of(name: str, result: dict[str, Any]) -> list[str]:
  """A comparison as lines for a terminal.

  Args:
    name: of the pair.
    result: of `agree`.
  """
  lines = [name, f'  intervals: {result["matched"]} matched of {result["first"]} and '
           f'{result["second"]}; agreement (2 matched / both) '
           f'{result["agreement"]:.4f}',
           f'  kappa of micro and macro: {_spell(result["kinds"])}']
  classes, units = result['classes'], result['units']
  lines.append(f'  kappa of classes, {classes["intervals"]} intervals that both name: '
               f'{_spell(classes["kappa"])}' + ''.join(
                   f'; {word} {_spell(value)}'
                   for word, value in classes['each'].items()))
  lines.append(f'  kappa of units, {units["intervals"]} intervals in which both code '
               'some: ' + ('; '.join(
                   f'{number} {_spell(value)}'
                   for number, value in units['each'].items()) or '-'))
  for what, error in result['errors'].items():
    if error['pairs']:
      lines.append(f'  {what}: {error["mean_ms"]:+.0f} ms in the mean, '
                   f'{error["absolute_ms"]:.0f} ms off in the mean, '
                   f'{error["pairs"]} intervals')
    else:
      lines.append(f'  {what}: not coded by both')
  return lines + [f'  remark: {remark}' for remark in result['remarks']]


def _spell(value: float | None) -> str:
  return '-' if value is None else f'{value:.4f}'
