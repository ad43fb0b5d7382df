"""How far two coders agree: matched intervals, kappa, and errors of times.

Intervals belong together as in spotting (`intervals.match`, at an overlap of one half);
how a kind, a class or a unit was called plays no part in that. Kappa (Cohen 1960, "A
coefficient of agreement for nominal scales") is over the matched intervals: what one
coder alone has seen is counted, and has no second name to compare. Where classes stand
against emotions, as the program's against a coder's, emotions count as their classes.
"""

from collections.abc import Iterable, Sequence
import functools
import pathlib
from typing import Any

from jaxtyping import Int
import numpy as np

from lightman_jax.data import facts, spellings
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.errors import InputError
from lightman_jax.evaluation import scores
from lightman_jax.units import counted
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
    the rest; emotions as classes where classes are named, too), of kinds and of each
    action unit, errors of onset, apex and offset in milliseconds (mean, mean of the
    absolute, and how many), and remarks.

  Raises:
    InputError: they have no video in common.
  """
  pairs = match_codings(first, second)
  both = [(first[i], second[j]) for i, j in pairs]
  named, remarks = _one_vocabulary(
      [(a.label, b.label) for a, b in both if a.label and b.label])
  no_kappa = _words_apart(named)
  meeting = [] if no_kappa else named
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
      'classes': {'intervals': len(named), 'kappa': _kappa(meeting), 'each': {
          name: _kappa([(a == name, b == name) for a, b in meeting])
          for name in sorted({name for pair in meeting for name in pair})}},
      'units': {'intervals': len(units), 'each': {
          number: _kappa([(number in a, number in b) for a, b in units])
          for number in sorted({n for a, b in units for n in a | b})}},
      'errors': errors, 'remarks': [*_remarks(first, second), *remarks, *no_kappa]}


# Classes and emotions.

_CLASSES = frozenset(facts.THREE)


@functools.cache
def _class_of_emotion() -> dict[str, str]:
  """Emotion -> class, as MEGC2019 has them of its data sets."""
  return {emotion: name for part, names in facts.MEGC2019.parts.items()
          for emotion, name in TABLES[part].class_sets[names].folding.items()}


def classes_and_emotions(labels: Iterable[str]) -> tuple[set[str], set[str]]:
  """Which labels are classes, as those of MEGC2019, and which emotions that have one.

  Args:
    labels: of intervals. Surprise is both, and in neither of the two.
  """
  words = set(labels)
  return (words & _CLASSES - {'surprise'},
          words & _class_of_emotion().keys() - _CLASSES)


def _one_vocabulary(pairs: Sequence[tuple[str, str]]
                    ) -> tuple[list[tuple[str, str]], list[str]]:
  """Pairs of labels, where both kinds are named with emotions as their classes."""
  words = {word for pair in pairs for word in pair}
  classes, emotions = classes_and_emotions(words)
  if not (classes and emotions):
    return [*pairs], []
  class_of = {word: _class_of_emotion()[word] for word in sorted(emotions)}
  parts = [f'{", ".join(word for word in class_of if class_of[word] == name)} as {name}'
           for name in facts.THREE if name in class_of.values()]
  remark = ('emotions are compared as the classes of MEGC2019, for classes are named, '
            f'too: {", ".join(parts)}')
  if others := sorted(words - emotions - _CLASSES):
    remark += (f'; no class there has {", ".join(others)}, which '
               f'{"stays as it is" if len(others) == 1 else "stay as they are"}')
  return [tuple(class_of.get(word, word) for word in pair) for pair in pairs], [remark]


def _words_apart(pairs: Sequence[tuple[str, str]]) -> list[str]:
  """Why labels cannot agree: no word is common, and some are of no vocabulary."""
  one, other = ({pair[k] for pair in pairs} for k in (0, 1))
  known = {*_CLASSES, *_class_of_emotion(), *spellings.EMOTIONS.values()}
  if not pairs or one & other or one | other <= known:
    return []
  spell = lambda words: ', '.join(map(repr, sorted(words)))
  return [f'no kappa of classes: the first coding names {spell(one)} and the second '
          f'{spell(other)}, which have no word in common']


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
  lines.append(f'  kappa of classes, {counted(classes["intervals"], "interval")} that '
               'both name: '
               f'{_spell(classes["kappa"])}' + ''.join(
                   f'; {word} {_spell(value)}'
                   for word, value in classes['each'].items()))
  lines.append(f'  kappa of units, {counted(units["intervals"], "interval")} in which '
               'both code '
               'some: ' + ('; '.join(
                   f'{number} {_spell(value)}'
                   for number, value in units['each'].items()) or '-'))
  for what, error in result['errors'].items():
    if error['pairs']:
      lines.append(f'  {what}: {round(error["mean_ms"]):+d} ms in the mean, '
                   f'{error["absolute_ms"]:.0f} ms off in the mean, '
                   f'{counted(error["pairs"], "interval")}')
    else:
      lines.append(f'  {what}: not coded by both')
  return lines + [f'  remark: {remark}' for remark in result['remarks']]


def _spell(value: float | None) -> str:
  return '-' if value is None else f'{value:.4f}'
