"""Axes of small SVG figures: at most 350 units wide, one unit a pixel on a phone.

Colours are classes of the style sheet, so that figures follow light and dark.
"""

from collections.abc import Iterable, Sequence
import math
from typing import NamedTuple

from lightman_jax.report.page.markup import Safe, tag

SERIES = 10    # colours of the style sheet

Number = float | int


class Axes(NamedTuple):
  """A rectangle of a figure and the values at its edges."""
  width: float = 340
  height: float = 200
  left: float = 44
  right: float = 10
  top: float = 8
  bottom: float = 36
  x_range: tuple[float, float] = (0., 1.)
  y_range: tuple[float, float] = (0., 1.)

  def x(self, value: Number) -> str:
    """The place of a value."""
    low, high = self.x_range
    share = (value - low) / (high - low)
    return place(self.left + share * (self.width - self.left - self.right))

  def y(self, value: Number) -> str:
    """The same, upwards."""
    low, high = self.y_range
    share = (high - value) / (high - low)
    return place(self.top + share * (self.height - self.top - self.bottom))


def place(value: Number) -> str:
  """A coordinate with a tenth of a pixel."""
  return f'{value:.1f}'.removesuffix('.0')


def figure(axes: Axes, *content, title: str, x_label: str = '', y_label: str = '',
           x_ticks: Sequence[Number] = (), y_ticks: Sequence[Number] = ()) -> Safe:
  """Grid, ticks and labels around the content; `title` is read out, not drawn."""
  base, end = axes.height - axes.bottom, axes.width - axes.right
  grid = [tag('line', x1=axes.left, x2=end, y1=axes.y(t), y2=axes.y(t), class_='grid')
          for t in y_ticks]
  marks = [tag('text', plain(t), x=axes.left - 6, y=axes.y(t), class_='tick right',
               dy='.32em') for t in y_ticks]
  marks += [tag('text', plain(t), x=axes.x(t), y=base + 15, class_='tick')
            for t in x_ticks]
  words = [tag('text', x_label, x=place((axes.left + end) / 2), y=axes.height - 4,
               class_='label') if x_label else None,
           tag('text', y_label, class_='label', transform='translate(11 '
               f'{place((axes.top + base) / 2)}) rotate(-90)') if y_label else None]
  line = tag('line', x1=axes.left, x2=end, y1=base, y2=base, class_='axis')
  return drawing(axes.width, axes.height, grid, line, content, marks, words,
                 title=title)


def drawing(width: Number, height: Number, *content, title: str) -> Safe:
  """An SVG element in its own size, narrower where the page is."""
  return tag('svg', tag('title', title), *content, width=place(width),
             height=place(height), viewBox=f'0 0 {place(width)} {place(height)}',
             role='img')


def path(axes: Axes, points: Iterable[Sequence[float]], class_: str) -> Safe:
  """A line through points; where one is not finite there is a gap."""
  steps, pen = [], 'M'
  for x, y in points:
    if not math.isfinite(x) or not math.isfinite(y):
      pen = 'M'
      continue
    steps.append(f'{pen}{axes.x(x)} {axes.y(y)}')
    pen = 'L'
  return tag('path', d=''.join(steps), class_=class_)


def band(axes: Axes, points: Sequence[Sequence[float]], class_: str) -> Safe:
  """The area between low and high of (x, low, high)."""
  there = [p for p in points if all(map(math.isfinite, p))]
  edge = [f'{axes.x(x)} {axes.y(high)}' for x, _, high in there]
  edge += [f'{axes.x(x)} {axes.y(low)}' for x, low, _ in reversed(there)]
  return tag('path', d=f'M{"L".join(edge)}Z' if edge else '', class_=class_)


def ticks(low: Number, high: Number, most: int = 5) -> list[float]:
  """Round numbers within a range, at most `most`."""
  if not high > low:
    return [low]
  step = 10 ** math.floor(math.log10((high - low) / most))
  step = next(step * times for times in (1, 2, 5, 10, 20, 50)
              if math.floor(high / (step * times) + 1e-9)
              - math.ceil(low / (step * times) - 1e-9) < most)
  first = math.ceil(low / step - 1e-9)
  return [float(n * step) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def plain(value: Number) -> str:
  """A tick: .5, 40, 1.2."""
  text = f'{value:.6g}'
  return text.replace('-', '−').replace('0.', '.', 1) if abs(value) < 1 else text


def span(values: Iterable[float], *, zero: bool = False) -> tuple[float, float]:
  """A range that holds all finite values, with some air."""
  values = [v for v in values if math.isfinite(v)] or [0., 1.]
  low, high = min(values), max(values)
  low = min(low, 0.) if zero else low
  air = .05 * (high - low) or .5
  return (low if zero and low == 0 else low - air), high + air
