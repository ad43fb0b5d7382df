"""The page's figures: intervals, subjects, confusions, curves, embedding maps."""

from collections.abc import Mapping, Sequence
import math

from jaxtyping import Bool, Float, Int
import numpy as np

from lightman_jax.report.page import axes as ax
from lightman_jax.report.page.judged import Scored
from lightman_jax.report.page.markup import Safe, tag
from lightman_jax.report.page.texts import interval, short

Point = tuple[float, float, float, float]     # x, value, low, high


def interval_bar(scored: Scored, *, chance: float, title: str) -> Safe:
  """A score from 0 to 1: interval, mean, the single seeds, and the chance level."""
  a = ax.Axes(150, 22, 2, 2, 0, 0)
  low, high = (v if math.isfinite(v) else scored.value
               for v in (scored.low, scored.high))
  return ax.drawing(
      150, 22, tag('line', x1=2, x2=148, y1=11, y2=11, class_='grid'),
      tag('line', x1=a.x(chance), x2=a.x(chance), y1=2, y2=20, class_='chance'),
      tag('line', x1=a.x(low), x2=a.x(high), y1=11, y2=11, class_='interval'),
      [tag('line', x1=a.x(v), x2=a.x(v), y1=6, y2=16, class_='seed')
       for v in (scored.by_seed if len(scored.by_seed) > 1 else ())],
      tag('circle', cx=a.x(scored.value), cy=11, r=4.5, class_='mean'),
      title=f'{title}: {short(scored.value)} {interval(scored)}')


def subject_dots(counts: Int[np.ndarray, 'R S K K'], subjects: Sequence[str], *,
                 title: str) -> Safe:
  """A dot a subject at the share of clips recognised; its area goes with the clips."""
  hits = np.trace(counts, axis1=-2, axis2=-1).mean(0)
  clips = counts.sum((-1, -2))[0]
  share = hits / np.maximum(clips, 1)
  radius = 2.2 + 3.3 * np.sqrt(clips / max(clips.max(), 1))
  bins: dict[int, float] = {}
  placed = []
  for n in np.argsort(share, kind='stable'):
    column = round(24 * float(share[n]))
    height = bins.get(column, 0.) + radius[n]
    bins[column] = height + radius[n] + 1
    placed.append((n, height))
  tall = max(bins.values())
  a = ax.Axes(340, tall + 42, 12, 12, 6, 36, (-.02, 1.02), (0., tall))
  dots = [tag('circle', tag('title', f'{subjects[n]}: {share[n]:.0%} of {clips[n]} '
                            'clips'), cx=a.x(share[n]), cy=a.y(height),
              r=ax.place(radius[n]), class_='dot') for n, height in placed]
  return ax.figure(a, dots, title=title, x_ticks=(0, .25, .5, .75, 1),
                   x_label='share of a subject’s clips recognised')


def confusion(counts: Float[np.ndarray, 'K K'], classes: Sequence[str]) -> Safe:
  """A table: rows are the truth; colour is the share of the row."""
  size = counts.sum(1)
  rows = []
  for k, name in enumerate(classes):
    cells = []
    for value in counts[k]:
      share = value / max(size[k], 1)
      # A mean over seeds, to a tenth of a clip.
      number = f'{value:.1f}'.removesuffix('.0')
      cells.append(tag('td', tag('b', f'{share:.0%}'), tag('span', number),
                       style=f'--share:{share:.3f}',
                       class_='dark' if share > .55 else None))
    rows.append(tag('tr', tag('th', name, scope='row'), cells))
  head = tag('tr', tag('th', 'truth ↓ said →'),
             [tag('th', name, scope='col') for name in classes])
  return tag('table', tag('thead', head), tag('tbody', rows), class_='confusion')


def curves(series: Mapping[str, Sequence[Point]], *, title: str, x_label: str,
           y_label: str, unit_interval: bool = False) -> Safe:
  """Lines with bands, a colour each; the legend is the caller's (`legend`)."""
  points = [p for line in series.values() for p in line]
  x_range = ax.span([p[0] for p in points])
  values = [v for p in points for v in p[1:]]
  y_range = (0., 1.) if unit_interval else ax.span(values)
  a = ax.Axes(x_range=x_range, y_range=y_range)
  drawn = []
  for n, line in enumerate(series.values()):
    colour = f'c{n % ax.SERIES}'
    drawn += [ax.band(a, [(x, low, high) for x, _, low, high in line],
                      f'band {colour}'),
              ax.path(a, [p[:2] for p in line], f'line {colour}')]
    if len(line) < 12:
      drawn += [tag('circle', cx=a.x(x), cy=a.y(y), r=2.6, class_=f'point {colour}')
                for x, y, *_ in line if math.isfinite(y)]
  few = sorted({p[0] for p in points})
  return ax.figure(a, drawn, title=title, x_label=x_label, y_label=y_label,
                   x_ticks=few if len(few) < 6 else ax.ticks(*x_range),
                   y_ticks=ax.ticks(*y_range))


def legend(names: Sequence[str], *, classes: str = 'key') -> Safe:
  """Colours and names, in the order of `curves`."""
  return tag('ul', [tag('li', tag('i', class_=f'c{n % ax.SERIES}'), name)
                    for n, name in enumerate(names)], class_=classes)


def embedding_map(points: Float[np.ndarray, 'n 2'], label: Int[np.ndarray, 'n'],
                  macro: Bool[np.ndarray, 'n'], held_out: Bool[np.ndarray, 'n'],
                  *, within: tuple[tuple[float, float], tuple[float, float]],
                  title: str) -> Safe:
  """Clips on two components: colour is the class, shape what kind of clip it is."""
  a = ax.Axes(340, 300, 10, 10, 8, 24, *within)
  marks = []
  # Held-out clips last, on top of the many.
  for n in np.argsort(held_out.astype(int) * 2 + ~macro, kind='stable'):
    x, y = float(a.x(points[n, 0])), float(a.y(points[n, 1]))
    colour = f'c{label[n] % ax.SERIES}' if label[n] >= 0 else 'none'
    if macro[n]:
      marks.append(tag('rect', x=ax.place(x - 2.7), y=ax.place(y - 2.7), width=5.4,
                       height=5.4, class_=f'macro {colour}'))
    else:
      marks.append(tag('circle', cx=ax.place(x), cy=ax.place(y),
                       r=4.4 if held_out[n] else 3,
                       class_=f'micro {colour}{" held" if held_out[n] else ""}'))
  return ax.figure(a, marks, title=title, x_label='first two principal components')
