"""The page's figures: intervals, subjects, confusions, curves, embedding maps.

Colours are classes of the style sheet, so that figures follow light and dark.
"""

from collections.abc import Iterable, Mapping, Sequence
import math
import pathlib
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
import numpy as np

from lightman_jax import bounded
from lightman_jax.errors import InputError
from lightman_jax.report.page.comparison import Scored
from lightman_jax.report.page.groups import Group, Table
from lightman_jax.report.page.markup import Safe, tag
from lightman_jax.report.page.texts import interval, short

# Axes of small SVG figures: at most 350 units wide, one unit a pixel on a phone.

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


Point = tuple[float, float, float, float]     # x, value, low, high


def interval_bar(scored: Scored, *, chance: float, title: str) -> Safe:
  """A score from 0 to 1: interval, mean, the single seeds, and the chance level."""
  a = Axes(150, 22, 2, 2, 0, 0)
  low, high = (v if math.isfinite(v) else scored.value
               for v in (scored.low, scored.high))
  return drawing(
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
  a = Axes(340, tall + 42, 12, 12, 6, 36, (-.02, 1.02), (0., tall))
  dots = [tag('circle', tag('title', f'{subjects[n]}: {share[n]:.0%} of {clips[n]} '
                            'clips'), cx=a.x(share[n]), cy=a.y(height),
              r=place(radius[n]), class_='dot') for n, height in placed]
  return figure(a, dots, title=title, x_ticks=(0, .25, .5, .75, 1),
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
  x_range = span([p[0] for p in points])
  values = [v for p in points for v in p[1:]]
  y_range = (0., 1.) if unit_interval else span(values)
  a = Axes(x_range=x_range, y_range=y_range)
  drawn = []
  for n, line in enumerate(series.values()):
    colour = f'c{n % SERIES}'
    drawn += [band(a, [(x, low, high) for x, _, low, high in line],
                      f'band {colour}'),
              path(a, [p[:2] for p in line], f'line {colour}')]
    if len(line) < 12:
      drawn += [tag('circle', cx=a.x(x), cy=a.y(y), r=2.6, class_=f'point {colour}')
                for x, y, *_ in line if math.isfinite(y)]
  few = sorted({p[0] for p in points})
  return figure(a, drawn, title=title, x_label=x_label, y_label=y_label,
                   x_ticks=few if len(few) < 6 else ticks(*x_range),
                   y_ticks=ticks(*y_range))


def legend(names: Sequence[str], *, classes: str = 'key') -> Safe:
  """Colours and names, in the order of `curves`."""
  return tag('ul', [tag('li', tag('i', class_=f'c{n % SERIES}'), name)
                    for n, name in enumerate(names)], class_=classes)


def embedding_map(points: Float[np.ndarray, 'n 2'], label: Int[np.ndarray, 'n'],
                  macro: Bool[np.ndarray, 'n'], held_out: Bool[np.ndarray, 'n'],
                  *, within: tuple[tuple[float, float], tuple[float, float]],
                  title: str) -> Safe:
  """Clips on two components: colour is the class, shape what kind of clip it is."""
  a = Axes(340, 300, 10, 10, 8, 24, *within)
  marks = []
  # Held-out clips last, on top of the many.
  for n in np.argsort(held_out.astype(int) * 2 + ~macro, kind='stable'):
    x, y = float(a.x(points[n, 0])), float(a.y(points[n, 1]))
    colour = f'c{label[n] % SERIES}' if label[n] >= 0 else 'none'
    if macro[n]:
      marks.append(tag('rect', x=place(x - 2.7), y=place(y - 2.7), width=5.4,
                       height=5.4, class_=f'macro {colour}'))
    else:
      marks.append(tag('circle', cx=place(x), cy=place(y),
                       r=4.4 if held_out[n] else 3,
                       class_=f'micro {colour}{" held" if held_out[n] else ""}'))
  return figure(a, marks, title=title, x_label='first two principal components')


# The page's embedding maps: micro and macro clips, before and after adaptation.

# Of each array what it holds, as NumPy says it, and its number of axes.
KINDS = {'before': ('f', 2), 'label': ('i', 1), 'macro': ('b', 1),
         'held_out': ('b', 1), 'fold': ('U', 0), 'explained': ('f', 1)}


def maps(tables: Sequence[Table]) -> Safe | None:
  """Of the first run of each method that wrote its embeddings."""
  drawn = []
  for column in (column for table in tables for column in table.columns):
    for group in column.groups:
      drawn += _of_group(group, column.dataset, column.first.classes)
  if not drawn:
    return None
  shapes = tag('ul', tag('li', tag('i', class_='round'), 'micro, training'),
               tag('li', tag('i', class_='square'), 'macro, training'),
               tag('li', tag('i', class_='ring'), 'micro, held out'), class_='key')
  return tag('section', tag('h2', 'Embeddings'),
             tag('p', 'Clips of one fold on the first two principal components of its '
                 'training clips, before and after the model was adapted to a support '
                 'of training clips; both on the same axes. A picture of two '
                 'components of many: near here is not always near.'),
             shapes, drawn, id='embeddings')


def _of_group(group: Group, dataset: str, classes: Sequence[str]) -> list[Safe]:
  there = [run for run in group.runs if (run.path / 'embeddings.npz').is_file()]
  if not there:
    return []
  held = _read(there[0].path / 'embeddings.npz')
  stages = [name for name in ('before', 'after') if name in held]
  both = np.concatenate([held[name][:, :2] for name in stages]).astype(float)
  within = span(both[:, 0]), span(both[:, 1])
  share = ', '.join(f'{part:.0%}' for part in held['explained'][:2])
  panels = [tag('figure', tag('h4', f'{stage} adaptation'), embedding_map(
      held[stage][:, :2].astype(float), held['label'].astype(int), held['macro'],
      held['held_out'], within=within, title=f'{group.label}, {stage} adaptation'))
            for stage in stages]
  words = (f'fold {held["fold"]}, seed {there[0].seed}; the components hold {share} of '
           'the variance' + ('' if len(stages) > 1 else '; nothing in this embedding '
                             'is adapted'))
  return [tag('h3', f'{group.label}: {dataset}'), tag('p', words, class_='caption'),
          legend(classes), tag('div', panels, class_='grid-of')]


def _read(path: pathlib.Path) -> dict[str, np.ndarray]:
  try:
    held = bounded.read_arrays(path)
    kinds = {name: (held[name].dtype.kind, held[name].ndim) for name in KINDS}
    before, after = held['before'], held.get('after', held['before'])
    n, axes_kept = before.shape
    if (kinds != KINDS or after.dtype.kind != 'f' or after.shape != before.shape
        or any(held[name].shape != (n,) for name in ('label', 'macro', 'held_out'))
        or not 2 <= axes_kept or not n
        or not all(np.isfinite(x).all() for x in (before, after, held['explained']))):
      raise ValueError
  except (OSError, ValueError, KeyError):
    raise InputError(f'{path} does not hold embeddings as this version writes them; '
                     'run it again with --fresh, or delete the file') from None
  return held
