"""Pictures of a run as PNG: confusions, learning curves, curves under noise, faces.

The same input gives the same bytes: no date, no global state, the one style of all
figures, and the Agg backend whatever is set.

Contributions are those to the logit of the predicted class, less their mean over all
classes: red speaks for the class, blue against it. The face is the mean face of
`faces.landmarks`, nobody's own.
"""

from collections.abc import Iterable, Mapping, Sequence
import os
import textwrap
from typing import Any

from jaxtyping import Float, Int
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.files import write_atomically
from lightman_jax.models.dere_grl import CONTOURS
from lightman_jax.report.agg import Figure, FigureCanvasAgg, colormaps, patches, ticker
from lightman_jax.report.style import (
  COLOURS,
  INK,
  SERIES,
  SOFT,
  figure_style,
  to_svg,
)
from lightman_jax.units import counted

# Pictures of a run as PNG: confusion matrix, learning curves, curves under noise.

# Confusion matrix and learning curves.

DPI = 150
SMALL_PRINT = 16   # letters of the caption to an inch
MEAN, FAINT = COLOURS['c0'], '#8fa9c4'   # the mean, and the single folds


def confusion_matrix(path: str | os.PathLike, counts: Int[np.ndarray, 'K K'], *,
                     classes: Sequence[str], title: str = '',
                     caption: Iterable[str] = ()) -> None:
  """Draws counts, and the share of each true class as number and colour.

  Args:
    path: of the PNG.
    counts: [truth, prediction], as in `evaluation.scores`.
    classes: their names.
    title: one line above.
    caption: lines in small print below, such as `table.caption(about)`.
  """
  counts = np.asarray(counts)
  size = counts.sum(1, keepdims=True)
  share = counts / np.maximum(size, 1)
  side = 2.2 + .95 * len(classes)
  caption = list(caption)
  with figure_style([title, *classes, *caption]) as letters:
    caption += letters.remark([title, *classes])
    title, classes = letters.drawable(title), [*map(letters.drawable, classes)]
    figure = Figure(figsize=(max(side + .6, 5.2), side), layout='constrained')
    axes = figure.add_subplot()
    picture = axes.imshow(share, cmap='Blues', vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(share):
      axes.text(column, row, f'{counts[row, column]}\n{value:.0%}', ha='center',
                va='center', color='white' if value > .62 else INK, fontsize=10)
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha='right',
                    rotation_mode='anchor')
    axes.set_yticks(range(len(classes)),
                    [f'{name} ({n})' for name, n in zip(classes, size.ravel())])
    axes.set_xlabel('prediction')
    axes.set_ylabel('truth (clips)')
    axes.set_title(title, fontsize=11)
    axes.spines[:].set_visible(False)
    axes.grid(False)
    bar = figure.colorbar(picture, ax=axes, shrink=.8)
    bar.ax.yaxis.set_major_formatter(ticker.PercentFormatter(1., 0))
    bar.set_label('share of the true class')
    save(path, figure, map(letters.drawable, caption))


def unit_scores(path: str | os.PathLike, rows: Mapping[str, Mapping[str, Any]], *,
                caption: Iterable[str] = ()) -> None:
  """Draws the F1 of each action unit's presence, of every row, with its interval.

  Args:
    path: of the PNG.
    rows: of results.json of a run of action units, the method's first.
    caption: lines in small print below.
  """
  names, caption = list(next(iter(rows.values()))['per_class']), list(caption)
  with figure_style([*rows, *names, *caption]) as letters:
    caption += letters.remark([*rows, *names])
    figure = Figure(figsize=(max(1.6 + .9 * len(names), 5.6), 4.2),
                    layout='constrained')
    axes = figure.add_subplot()
    wide = .8 / len(rows)
    for number, (row, part) in enumerate(rows.items()):
      place = np.arange(len(names)) + (number - (len(rows) - 1) / 2) * wide
      value = np.array([part['per_class'][name]['f1'] for name in names])
      ends = np.array([[np.nan if one is None else one
                        for one in part['per_class'][name]['f1_interval']]
                       for name in names], float)
      colour = SERIES[number % len(SERIES)]
      axes.vlines(place, ends[:, 0], ends[:, 1], color=colour, linewidth=1.4)
      axes.plot(place, value, 'o', color=colour, markersize=4,
                label=letters.drawable(row))
    axes.set_xticks(range(len(names)), [*map(letters.drawable, names)])
    axes.set_ylim(0, 1)
    axes.set_ylabel('F1 of presence')
    axes.legend(fontsize=8, loc='upper left', bbox_to_anchor=(1, 1))
    save(path, figure, map(letters.drawable, caption))


def learning_curves(path: str | os.PathLike, lines: Iterable[Mapping[str, Any]], *,
                    terms: Mapping[str, str] | None = None, title: str = '',
                    caption: Iterable[str] = ()) -> None:
  """Draws scalars on training tasks by step: a panel a term, a thin line a fold.

  Args:
    path: of the PNG.
    lines: of the metrics log, those with 'fold', 'step' and a term in them.
    terms: key in the log to the words at the axis; a term that no line has gets no
      panel. The first one always gets its panel.
    title: one line above.
    caption: lines in small print below.
  """
  terms = terms or {'loss': 'loss on training tasks',
                    'support_alignment': 'MMD² before the first inner step',
                    'support_macro_cross_entropy':
                        'cross entropy of macro clips before the first inner step'}
  lines = list(lines)
  curves = {key: _by_fold(lines, key) for key in terms}
  shown = [key for key in terms if curves[key]] or list(terms)[:1]
  caption = list(caption)
  with figure_style([title, *caption]) as letters:
    caption += letters.remark([title])
    figure = Figure(figsize=(5.2 * len(shown) + .4, 4.), layout='constrained')
    for number, key in enumerate(shown):
      axes = figure.add_subplot(1, len(shown), number + 1)
      _panel(axes, curves[key])
      axes.set_xlabel('step')
      axes.set_ylabel(terms[key])
    figure.suptitle(letters.drawable(title), fontsize=11)
    save(path, figure, map(letters.drawable, caption))


def _by_fold(lines: Sequence[Mapping[str, Any]],
             key: str) -> dict[str, dict[int, float]]:
  """Fold to step to value; the log's null is NaN, which leaves a gap."""
  folds: dict[str, dict[int, float]] = {}
  for line in lines:
    if key in line and 'fold' in line and 'step' in line:
      value = line[key]
      folds.setdefault(line['fold'], {})[line['step']] = (
          np.nan if value is None else value)
  return folds


def _panel(axes, folds: Mapping[str, Mapping[int, float]]) -> None:
  if not folds:
    axes.text(.5, .5, 'nothing was logged', ha='center', va='center',
              transform=axes.transAxes)
  # A single point has no line to be seen by.
  marker = 'o' if all(len(points) < 2 for points in folds.values()) else ''
  label = 'one fold'
  for points in folds.values():
    steps = sorted(points)
    axes.plot(steps, [points[s] for s in steps], color=FAINT, linewidth=.7, alpha=.6,
              marker=marker, markersize=3, label=label)
    label = None
  # Where some folds are missing, a mean would jump without anything being learnt.
  common = sorted(set.intersection(*map(set, folds.values()))) if folds else []
  if common and len(folds) > 1:
    mean = [np.mean([points[s] for points in folds.values()]) for s in common]
    axes.plot(common, mean, color=MEAN, linewidth=2, marker=marker,
              label=f'mean of {counted(len(folds), "fold")}')
  if folds:
    axes.legend(frameon=False, fontsize=9)
  axes.xaxis.set_major_locator(ticker.MaxNLocator(6, integer=True))


def save(path: str | os.PathLike, figure: Figure, caption: Iterable[str]) -> None:
  """Writes a figure as PNG, the lines of `caption` in small print below it.

  Args:
    path: of the PNG.
    figure: complete but for its caption.
    caption: lines in small print below.
  """
  width = round(SMALL_PRINT * figure.get_figwidth())
  text = '\n'.join(textwrap.fill(line, width) for line in caption)
  if text:
    figure.supxlabel(text, fontsize=7, color=SOFT, x=.02, ha='left')
  figure.get_layout_engine().set(w_pad=.1, h_pad=.1)
  FigureCanvasAgg(figure)
  with write_atomically(path, 'wb') as file:
    figure.savefig(file, format='png', dpi=DPI, metadata={'Software': None})


# Curves of robustness: a panel a kind of noise, UF1 with its interval by level.

COLUMNS = 4
WORDS = {'salt_pepper': 'salt and pepper', 'dropped': 'dropped frames',
         'apex': 'apex off', 'jpeg': 'JPEG', 'gaussian': 'Gaussian',
         'jitter': 'landmarks jitter'}


def noise_curves(path: str | os.PathLike,
                 curves: Mapping[str, Sequence[Mapping[str, Any]]], *,
                 constant: float | None = None, title: str = '',
                 caption: Iterable[str] = ()) -> None:
  """Draws UF1 by level, a panel a kind; all panels share one scale.

  Args:
    path: of the PNG.
    curves: kind to its levels: {'level', 'unit', 'row'}, as in the results.
    constant: UF1 of the constant answer, drawn as a line.
    title: one line above.
    caption: lines in small print below.
  """
  across = min(COLUMNS, len(curves))
  down = -(-len(curves) // across)
  caption = list(caption)
  with figure_style([title, *caption]) as letters:
    caption += letters.remark([title])
    title = letters.drawable(title)
    figure = Figure(figsize=(max(3. * across, 4.) + .4, 2.7 * down + .9),
                    layout='constrained')
    grid = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    for axes, (name, levels) in zip(grid, curves.items()):
      _noise_panel(axes, levels, constant)
      axes.set_title(WORDS.get(name, name), fontsize=10)
    for number, axes in enumerate(grid):
      axes.set_visible(number < len(curves))
      if number % across == 0:
        axes.set_ylabel('UF1')
    handles, labels = grid[0].get_legend_handles_labels()
    # As its title, for beside the legend there is no room in a narrow figure.
    figure.legend(handles, labels, frameon=False, fontsize=8, title=title,
                  ncols=len(labels) if across > 2 else 2, loc='outside upper center')
    save(path, figure, map(letters.drawable, caption))


def _noise_panel(axes, levels: Sequence[Mapping[str, Any]],
                 constant: float | None) -> None:
  # Evenly, whatever the levels are: small ones would lie on one another.
  at = range(len(levels))
  score = [one['row']['uf1'] for one in levels]
  value = [one['value'] for one in score]
  if all(one['low'] is not None for one in score):
    axes.fill_between(at, [one['low'] for one in score],
                      [one['high'] for one in score], color=FAINT, alpha=.35,
                      linewidth=0, label='95 % interval over subjects')
  axes.plot(at, value, color=MEAN, linewidth=1.8, marker='o', markersize=4,
            label='under noise')
  clean = next(one['row']['uf1']['value'] for one in levels if not one['level'])
  axes.axhline(clean, color=MEAN, linewidth=.8, linestyle=':', label='clean')
  if constant is not None:
    axes.axhline(constant, color=SOFT, linewidth=.8, linestyle='--',
                 label='constant answer')
  axes.set_xticks(at, [f'{one["level"]:g}' for one in levels], fontsize=8)
  axes.set_xlabel(textwrap.fill(levels[0]['unit'], 34), fontsize=8)


# What carried predictions of DeRe-GRL, drawn on a face: movements, actions, relations.

FAINT_LINE = '#9aa5b1'
SHOWN = 4          # actions beside a face, those that carried most
RELATED = 3        # relations between them
REACH = .12        # of the longest arrow, in faces
PLACES = ((-.12, .22), (-.12, .84), (1.12, .22), (1.12, .84))


def draw_actions(path: str | os.PathLike, kept: Mapping[str, Any], *, title: str = '',
                 caption: Iterable[str] = ()) -> None:
  """Draws a panel for each clip.

  Args:
    path: of the PNG.
    kept: of `actions.json`: 'components' (the names of facial components, or numbers
      of landmarks), and 'clips', each with 'clip', 'truth', 'prediction', 'movement'
      (68, 2), 'parts' (A, C) and 'relations' (A, A).
    title: one line above.
    caption: lines in small print below.
  """
  clips = kept['clips']
  texts = [title, *(clip[key] for clip in clips
                    for key in ('clip', 'prediction', 'truth'))]
  with figure_style(texts) as letters:
    figure = Figure(figsize=(4.4 * len(clips) + .4, 4.5), layout='constrained')
    for number, clip in enumerate(clips):
      names = {key: letters.drawable(clip[key])
               for key in ('clip', 'prediction', 'truth')}
      _face_panel(figure.add_subplot(1, len(clips), number + 1), {**clip, **names},
             kept['components'])
    figure.suptitle(letters.drawable(title), fontsize=11)
    save(path, figure, [
        'Dots: what came from a facial component, red for the predicted class and blue '
        'against it. Arrows: movement from the onset, the longest drawn to one length. '
        f'Circles: the {SHOWN} actions that carried most, and what they added to the '
        'logit over its mean of all classes; lines from them, the components they came '
        'from. Bows: relations that carried most, from an action to the one that it '
        'was weighed into.', *caption])


def action_drawing(clip: Mapping[str, Any]) -> str:
  """One clip's actions as SVG for a page.

  Args:
    clip: as one of `draw_actions`, by component or by landmark.
  """
  count = len(clip['parts'][0])
  components = (list(landmarks.COMPONENTS) if count == len(landmarks.COMPONENTS) else
                list(range(count)))
  with figure_style([clip['prediction']]) as letters:
    figure = Figure(figsize=(4.4, 4.3), layout='constrained')
    name = letters.drawable(clip['prediction'])
    _face_panel(figure.add_subplot(), {**clip, 'prediction': name, 'truth': name},
                components)
    return to_svg(figure, f'actions that spoke for {name}')


def _face_panel(axes, clip: Mapping[str, Any], components: Sequence[str | int]) -> None:
  parts, relations = (np.array(clip[name]) for name in ('parts', 'relations'))
  face = landmarks.mean_face()
  groups = [list(landmarks.COMPONENTS.get(name, (name,))) for name in components]
  _face(axes, face, groups, parts.sum(0))
  _arrows(axes, face, np.array(clip['movement']))
  order = np.argsort(-np.abs(parts.sum(1)), kind='stable')[:SHOWN]
  places = dict(zip(order.tolist(), PLACES))
  strongest = np.abs(parts[order]).max() or 1.
  for action, place in places.items():
    for part, value in enumerate(parts[action]):
      if abs(value) >= .25 * strongest:
        # To its nearest landmark: the middle of the jaw lies in the mouth.
        group = face[groups[part]]
        near = group[np.linalg.norm(group - place, axis=-1).argmin()]
        axes.plot(*zip(place, near), zorder=2, color=_colour(np.sign(value)), alpha=.45,
                  linewidth=4 * abs(value) / strongest)
  _bows(axes, places, relations)
  _circles(axes, places, parts.sum(1))
  wrong = '' if clip['truth'] == clip['prediction'] else f' (truth: {clip["truth"]})'
  axes.set_title(f'{clip["prediction"]}{wrong}\n{clip["clip"]}', fontsize=9)
  axes.set(xlim=(-.26, 1.26), ylim=(1., .06), aspect='equal')
  axes.axis('off')


def _face(axes, face: Float[np.ndarray, '68 2'], groups, values) -> None:
  """Contours, and dots in the colour of what their component gave."""
  for walk in CONTOURS:
    axes.plot(*face[list(walk)].T, color=FAINT_LINE, linewidth=1, zorder=1)
  most = np.abs(values).max() or 1.
  for group, value in zip(groups, values):
    axes.scatter(*face[group].T, s=16, zorder=3, color=_colour(value / most),
                 edgecolors=FAINT_LINE, linewidths=.4)


def _arrows(axes, face, movement: Float[np.ndarray, '68 2']) -> None:
  longest = np.linalg.norm(movement, axis=-1).max()
  if longest > 0:
    axes.quiver(*face.T, *(movement * REACH / longest).T, angles='xy', scale=1,
                scale_units='xy', color='#333333', width=.004, zorder=4)


def _bows(axes, places: Mapping[int, tuple[float, float]], relations) -> None:
  """The strongest relations between two of the actions that are shown."""
  pairs = [(to, source) for to in places for source in places if to != source]
  pairs.sort(key=lambda pair: -abs(relations[pair]))
  most = max((abs(relations[pair]) for pair in pairs), default=0.) or 1.
  for to, source in pairs[:RELATED]:
    axes.add_patch(patches.FancyArrowPatch(
        places[source], places[to], connectionstyle='arc3,rad=.18', clip_on=False,
        shrinkA=17, shrinkB=17, arrowstyle='-|>', mutation_scale=9,
        linestyle=(0, (4, 2)), zorder=5,
        linewidth=.6 + 1.6 * abs(relations[to, source]) / most,
        color=_colour(np.sign(relations[to, source]))))


def _circles(axes, places: Mapping[int, tuple[float, float]], values) -> None:
  most = np.abs(values).max() or 1.
  for action, place in places.items():
    axes.scatter(*place, s=900, zorder=6, color=_colour(.7 * values[action] / most),
                 edgecolors='#333333', linewidths=.8)
    axes.text(*place, f'A{action + 1}\n{values[action]:+.2f}', ha='center', va='center',
              fontsize=7.5, zorder=7)


# Where in the face each class's predictions come from.

def draw_unit_actions(path: str | os.PathLike, content: Mapping[str, Any], *,
                      title: str = '', caption: Iterable[str] = ()) -> None:
  """Draws how DeRe-GRL's actions go with action units, a cell for each pair.

  Args:
    path: of the PNG.
    content: of `unit_actions.json`: 'units' (names), 'correlation' (a row for the
      action of each, None where it is not known), 'shown' and 'shown_by' (clips and
      people that show each), 'clips', 'people' and 'folds'.
    title: one line above.
    caption: lines in small print below.
  """
  units = content['units']
  values = np.array(content['correlation'], float)
  with figure_style([title, *units, *caption]) as letters:
    side = max(.55 * len(units), 3.)
    figure = Figure(figsize=(side + 2.6, side + 1.6), layout='constrained')
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap='RdBu_r', vmin=-1., vmax=1.)
    for (row, column), value in np.ndenumerate(values):
      if np.isfinite(value):
        axes.text(column, row, f'{value:.2f}', ha='center', va='center', fontsize=7)
    ticks = range(len(units))
    axes.set_yticks(ticks, [f'action of {name}' for name in units], fontsize=8)
    counts = zip(units, content['shown'], content['shown_by'])
    axes.set_xticks(ticks, [f'{name}\n{clips}/{people}'
                            for name, clips, people in counts], fontsize=7)
    axes.grid(False)
    figure.colorbar(image, ax=axes, shrink=.7, label='correlation')
    figure.suptitle(letters.drawable(title), fontsize=11)
    save(path, figure, map(letters.drawable, [
        f'{counted(content["clips"], "held-out clip")} of '
        f'{counted(content["people"], "person")} in '
        f'{counted(content["folds"], "fold")}. Row: the action that goes most with a '
        'unit on a '
        "fold's training clips. Column: a unit as it was coded, with the held-out "
        'clips and people that show it. Cell: their correlation over held-out clips; '
        'what is left white shows too little. An action chosen for a unit by its '
        'training people follows it on others where the diagonal is above its row.',
        *caption]))


MAPS = {'gradient': 'gradient times input', 'deletion': 'lost where a cell is deleted'}


def draw_attribution(path: str | os.PathLike, content: Mapping[str, Any], *,
                     title: str = '', caption: Iterable[str] = ()) -> None:
  """Draws two maps of each class, and says what was measured of them.

  Args:
    path: of the PNG.
    content: of `attribution.json`: 'aligned', and by class 'clips', the maps of `MAPS`
      over cells, 'regions' (name to clips that name it), 'change', 'random_change' and
      'faithful'.
    title: one line above.
    caption: lines in small print below.
  """
  classes = {name: one for name, one in content['classes'].items() if one['clips']}
  with figure_style([title, *classes, *caption]) as letters:
    figure = Figure(figsize=(2.9 * max(len(classes), 2) + .4, 6.4),
                    layout='constrained')
    grid = figure.subplots(len(MAPS), len(classes), squeeze=False)
    for column, (name, one) in zip(grid.T, classes.items()):
      for axes, (key, words) in zip(column, MAPS.items()):
        _map_panel(axes, np.array(one[key]), aligned=content['aligned'])
        axes.set_xlabel(words, fontsize=8)
      region, count = next(iter(one['regions'].items()))
      column[0].set_title(
          f'{letters.drawable(name)}\n{region} in {count} of '
          f'{counted(one["clips"], "clip")}\ndeleted: {-one["change"]:+.2f}, elsewhere '
          f'±{one["random_change"]:.2f}',
          fontsize=8)
    figure.suptitle(letters.drawable(title), fontsize=11)
    right = np.average([one['faithful'] for one in classes.values()],
                       weights=[one['clips'] for one in classes.values()])
    save(path, figure, map(letters.drawable, [
        'Held-out clips of each class, and what speaks for that class (red) or against '
        'it (blue): its logit less the mean of all. Deleting the region that a clip '
        'names changes it by the first number, deleting a random region of its size by '
        f'the second, on average; by more in {right:.0%} of the clips. '
        + ("The face is a drawing, nobody's own." if content['aligned'] else
           'It is not known where the face is.'), *caption]))


def _map_panel(axes, values: Float[np.ndarray, 'rows columns'], *, aligned: bool
               ) -> None:
  most = max(float(np.abs(values).max()), 1e-12)
  axes.imshow(values, cmap='RdBu_r', vmin=-most, vmax=most, extent=(0., 1., 1., 0.),
              alpha=.85)
  if aligned:
    face = landmarks.mean_face()
    for walk in CONTOURS:
      axes.plot(*face[list(walk)].T, color=INK, linewidth=.8)
  axes.set(xlim=(0., 1.), ylim=(1., 0.), xticks=[], yticks=[])
  axes.grid(False)


def _colour(share: float):
  """Red for and blue against, pale where little."""
  return colormaps['RdBu_r'](.5 + .42 * float(np.clip(share, -1, 1)))
