"""The page's pictures: scores with intervals, people, curves, embeddings, as SVG.

At their own size one is as wide as a phone held upright; colours follow light and dark.
"""

from collections.abc import Iterable, Mapping, Sequence
import math
from typing import NamedTuple

from jaxtyping import Float, Int
from markupsafe import Markup
import numpy as np

from lightman_jax.report.agg import Figure, ticker
from lightman_jax.report.page.comparison import Comparison, Line
from lightman_jax.report.page.texts import interval, short
from lightman_jax.report.style import (
  INK,
  LINE,
  PAPER,
  SERIES,
  SOFT,
  figure_style,
  short_label,
  to_svg,
)

WIDE = 4.6           # inches of a figure beside text
WIDTH = 3.55         # of one in a grid of three
PEOPLE = 16          # subjects of one figure

Point = tuple[float, float, float, float]     # x, value, low, high


class Reference(NamedTuple):
  """The strongest reference of a data set, drawn as a line."""
  label: str
  value: float


def colour(number: int) -> str:
  """Of the n-th series; after ten they begin again."""
  return SERIES[number % len(SERIES)]


def strongest(comparison: Comparison) -> Reference | None:
  """The reference with the highest score that is no row of a method's own models."""
  references = [line for line in comparison.lines if line.reference and not line.own]
  if not references:
    return None
  best = max(references, key=lambda line: line.scores[comparison.main].value)
  return Reference(best.label, best.scores[comparison.main].value)


def span(values: Iterable[float], most: float = math.inf) -> tuple[float, float]:
  """The range in question: all finite values, with some air, but none above `most`."""
  values = [v for v in values if math.isfinite(v)] or [0., 1.]
  low, high = min(values), max(values)
  air = .06 * (high - low) or .05
  return low - air, max(high, min(high + air, most))


def score_intervals(comparison: Comparison, *, chance: float, title: str) -> Markup:
  """UF1, or another score, of all rows: mean, interval and single seeds.

  Args:
    comparison: whose rows are drawn, in their order.
    chance: score of guessing, a thin line where it lies in that range.
    title: what is read out.
  """
  lines, best, main = comparison.lines, strongest(comparison), comparison.main
  low, high = span([v for line in lines if not line.reference
                    for v in (*line.scores[main][:3], *line.scores[main].by_seed)]
                   + ([best.value] if best else []), most=1.)
  with figure_style([line.label for line in lines]):
    figure = Figure(figsize=(WIDE, .42 * len(lines) + .75), layout='constrained')
    axes = figure.add_subplot()
    for number, line in enumerate(lines):
      _interval(axes, len(lines) - 1 - number, line, main, low, high)
    if low < chance < high:
      axes.axvline(chance, color=LINE, linewidth=1.2, linestyle=(0, (1, 1)), zorder=1)
    _reference_line(axes, best, low, high)
    axes.set(xlim=(low, high), ylim=(-.45, len(lines) - .2), yticks=[],
             xlabel=comparison.heads[main])
    axes.spines['left'].set_visible(False)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(6))
    return Markup(to_svg(figure, title))


def _interval(axes, place: int, line: Line, main: str, low: float, high: float
              ) -> None:
  scored, paint = line.scores[main], SOFT if line.reference else SERIES[0]
  text = f'{short_label(line.label)}: {short(scored.value)} {interval(scored)}'
  axes.text(.004, place + .22, text, transform=axes.get_yaxis_transform(), va='bottom',
            color=SOFT if line.reference else INK, zorder=5,
            bbox={'facecolor': PAPER, 'edgecolor': 'none', 'pad': .6})
  if low <= scored.value <= high:
    if math.isfinite(scored.low) and math.isfinite(scored.high):
      axes.plot([scored.low, scored.high], [place, place], color=paint, linewidth=3.2,
                alpha=.45, solid_capstyle='round')
    if len(scored.by_seed) > 1:
      axes.plot(scored.by_seed, [place] * len(scored.by_seed), '|', color=paint,
                markersize=8)
    axes.plot(scored.value, place, 'o', color=paint, markersize=6, clip_on=False)
  else:
    # Off the range in question: an arrow at the side where it lies.
    left = scored.value < low
    edge = (.012 if left else .988)
    axes.plot(edge, place, '<' if left else '>', color=paint, markersize=5,
              transform=axes.get_yaxis_transform())


def _reference_line(axes, best: Reference | None, low: float, high: float, *,
                    upright: bool = True) -> None:
  """The strongest reference, named at the end of its line."""
  if best is None:
    return
  options = dict(color=INK, linewidth=1, linestyle=(0, (4, 2)), zorder=2)
  name = f'{short_label(best.label, 34)} {short(best.value)}'
  if not upright:
    axes.axhline(best.value, **options)
    axes.annotate(name, (1, best.value), xycoords=axes.get_yaxis_transform(),
                  xytext=(0, 2), textcoords='offset points', ha='right', va='bottom',
                  color=INK, fontsize=7.5)
    return
  axes.axvline(best.value, **options)
  share = (best.value - low) / (high - low)
  axes.annotate(f'strongest reference: {name}', (best.value, 1), fontsize=7.5,
                xycoords=axes.get_xaxis_transform(), xytext=(0, 3), color=INK,
                textcoords='offset points', va='bottom',
                ha='left' if share < .35 else 'right' if share > .65 else 'center')


def people(recognised: Mapping[str, Float[np.ndarray, 'S']], subjects: Sequence[str],
           clips: Int[np.ndarray, 'S'], *, title: str) -> list[Markup]:
  """A line a subject, by name, with a dot a method; the least recognised come first.

  Args:
    recognised: method to the share of each subject's clips that it recognised.
    subjects: their names.
    clips: how many each has.
    title: what is read out.

  Returns:
    Figures of at most sixteen subjects each.
  """
  share = np.stack(list(recognised.values()))
  order = np.argsort(share.mean(0), kind='stable')
  parts = np.array_split(order, -(-len(order) // PEOPLE))
  return [_people(part, recognised, subjects, clips, title) for part in parts]


def _people(part, recognised, subjects, clips, title: str) -> Markup:
  with figure_style([subjects[n] for n in part]):
    figure = Figure(figsize=(WIDTH, .2 * len(part) + .6), layout='constrained')
    axes = figure.add_subplot()
    rows = np.arange(len(part))[::-1]
    many = len(recognised)
    for number, share in enumerate(recognised.values()):
      # Methods that agree do not cover one another.
      shift = 0. if many == 1 else .5 * (.5 - number / (many - 1))
      axes.scatter(share[part], rows + shift, color=colour(number), zorder=3,
                   s=8 + 34 * clips[part] / max(clips.max(), 1), alpha=.75,
                   linewidths=0)
    names = [f'{short_label(subjects[n], 24)} ({clips[n]})' for n in part]
    axes.set_yticks(rows, names)
    axes.set(xlim=(-.03, 1.03), ylim=(-.7, len(part) - .3),
             xlabel="share of a subject's clips recognised")
    axes.xaxis.set_major_formatter(ticker.PercentFormatter(1., 0))
    axes.tick_params('y', length=0)
    axes.spines['left'].set_visible(False)
    return Markup(to_svg(figure, title))


def curves(series: Mapping[str, Sequence[Point]], *, title: str, x_label: str,
           y_label: str, reference: Reference | None = None) -> Markup:
  """Lines with their intervals, a colour each; the legend is the page's.

  Intervals are bands; of several lines over a few places they would hide each other,
  so there they are bars, side by side, and the places stand at equal distances.

  Args:
    series: name to its points, by x.
    title: what is read out.
    x_label: with the unit.
    y_label: with the unit.
    reference: a line across.
  """
  values = [v for line in series.values() for point in line for v in point[1:]]
  low, high = span([*values, *([reference.value] if reference else [])])
  places = sorted({point[0] for line in series.values() for point in line})
  few = len(places) < 7
  bars = few and len(series) > 2
  with figure_style([x_label, y_label]):
    figure = Figure(figsize=(WIDTH * 1.5 if bars else WIDTH, 3.2 if bars else 2.5),
                    layout='constrained')
    axes = figure.add_subplot()
    for number, line in enumerate(series.values()):
      x, value, lows, highs = np.array(line, float).reshape(-1, 4).T
      look = dict(color=colour(number), linewidth=1.6, markersize=3.5,
                  marker='o' if len(x) < 12 else '')
      if bars:
        beside = (number - (len(series) - 1) / 2) * .6 / len(series)
        axes.errorbar(np.searchsorted(places, x) + beside, value,
                      (value - lows, highs - value), elinewidth=.8, **look)
      else:
        axes.fill_between(x, lows, highs, color=colour(number), alpha=.14, linewidth=0)
        axes.plot(x, value, **look)
    _reference_line(axes, reference, low, high, upright=False)
    if few:
      axes.set_xticks(range(len(places)) if bars else places,
                      [f'{x:g}' for x in places])
    axes.set(ylim=(low, high), xlabel=short_label(x_label, 70), ylabel=y_label)
    axes.yaxis.set_major_locator(ticker.MaxNLocator(5))
    return Markup(to_svg(figure, title))


def embedding_map(arrays: Mapping[str, np.ndarray], stage: str, *,
                  within: tuple[tuple[float, float], tuple[float, float]],
                  title: str) -> Markup:
  """Clips on two components: colour is the class, shape what kind of clip it is.

  Args:
    arrays: of embeddings.npz: `stage` (n, 2 or more), 'label' (n,), 'macro' (n,) and
      'held_out' (n,).
    stage: 'before' or 'after' adaptation.
    within: the ranges of both axes.
    title: what is read out.
  """
  points, macro, held_out = (arrays[name] for name in (stage, 'macro', 'held_out'))
  paint = np.array([colour(label) if label >= 0 else SOFT
                    for label in arrays['label'].tolist()])
  with figure_style():
    figure = Figure(figsize=(WIDTH, 3.1), layout='constrained')
    axes = figure.add_subplot()
    # Held-out clips last, on top of the many.
    for shown, options in (
        (macro & ~held_out, dict(marker='s', s=16, facecolors='none', linewidths=.9)),
        (~macro & ~held_out, dict(marker='o', s=20, alpha=.55, linewidths=0)),
        (macro & held_out, dict(marker='s', s=26, linewidths=1.1)),
        (~macro & held_out, dict(marker='o', s=38, linewidths=1.1))):
      colours = {'facecolors': paint[shown],
                 'edgecolors': INK if options['linewidths'] == 1.1 else paint[shown]}
      axes.scatter(*points[shown, :2].astype(float).T, **(colours | options))
    axes.set(xlim=within[0], ylim=within[1], xticks=[], yticks=[],
             xlabel='first principal component', ylabel='second')
    return Markup(to_svg(figure, title))
