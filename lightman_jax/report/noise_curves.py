"""Curves of robustness: a panel a kind of noise, UF1 with its interval by level."""

from collections.abc import Iterable, Mapping, Sequence
import os
import textwrap
from typing import Any

from lightman_jax.report import figures
from lightman_jax.report.agg import Figure, style, ticker

COLUMNS = 4
WORDS = {'salt_pepper': 'salt and pepper', 'dropped': 'dropped frames',
         'apex': 'apex off', 'jpeg': 'JPEG', 'gaussian': 'Gaussian',
         'jitter': 'landmarks jitter'}


def noise_curves(path: str | os.PathLike,
                 found: Mapping[str, Sequence[Mapping[str, Any]]], *,
                 constant: float | None = None, title: str = '',
                 caption: Iterable[str] = ()) -> None:
  """Draws UF1 by level, a panel a kind; all panels share one scale.

  Args:
    path: of the PNG.
    found: kind to its levels: {'level', 'unit', 'row'}, as in the results.
    constant: UF1 of the constant answer, drawn as a line.
    title: one line above.
    caption: lines in small print below.
  """
  across = min(COLUMNS, len(found))
  down = -(-len(found) // across)
  with style.context('default'):
    figure = Figure(figsize=(max(3. * across, 4.) + .4, 2.7 * down + .9),
                    layout='constrained')
    grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for axes, (name, levels) in zip(grid, found.items()):
      _panel(axes, levels, constant)
      axes.set_title(WORDS.get(name, name), fontsize=10)
    for number, axes in enumerate(grid):
      axes.set_visible(number < len(found))
      if number % across == 0:
        axes.set_ylabel('UF1')
    handles, labels = grid[0].get_legend_handles_labels()
    # As its title, for beside the legend there is no room in a narrow figure.
    figure.legend(handles, labels, frameon=False, fontsize=8, title=title,
                  ncols=len(labels) if across > 2 else 2, loc='outside upper center')
    figures.save(path, figure, caption)


def _panel(axes, levels: Sequence[Mapping[str, Any]], constant: float | None) -> None:
  # Evenly, whatever the levels are: small ones would lie on one another.
  at = range(len(levels))
  score = [one['row']['uf1'] for one in levels]
  value = [one['value'] for one in score]
  if all(one['low'] is not None for one in score):
    axes.fill_between(at, [one['low'] for one in score],
                      [one['high'] for one in score], color=figures.FAINT, alpha=.35,
                      linewidth=0, label='95 % interval over subjects')
  axes.plot(at, value, color=figures.INK, linewidth=1.8, marker='o', markersize=4,
            label='under noise')
  clean = next(one['row']['uf1']['value'] for one in levels if not one['level'])
  axes.axhline(clean, color=figures.INK, linewidth=.8, linestyle=':', label='clean')
  if constant is not None:
    axes.axhline(constant, color='#888888', linewidth=.8, linestyle='--',
                 label='constant answer')
  axes.set_ylim(0, 1)
  axes.set_xticks(at, [f'{one["level"]:g}' for one in levels], fontsize=8)
  axes.yaxis.set_major_locator(ticker.MultipleLocator(.25))
  axes.set_xlabel(textwrap.fill(levels[0]['unit'], 34), fontsize=8)
  axes.grid(alpha=.25)
  axes.spines[['top', 'right']].set_visible(False)
