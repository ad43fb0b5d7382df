"""What carried predictions of DeRe-GRL, drawn on a face: movements, actions, relations.

Contributions are those to the logit of the predicted class, less their mean over all
classes: red speaks for the class, blue against it. The face is the mean face of
`faces.landmarks`, nobody's own.
"""

from collections.abc import Iterable, Mapping, Sequence
import os
from typing import Any

from jaxtyping import Float
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.models.dere_grl import CONTOURS
from lightman_jax.report.agg import Figure, colormaps, patches
from lightman_jax.report.figures import save
from lightman_jax.report.style import figure_style

FAINT = '#9aa5b1'
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
      _panel(figure.add_subplot(1, len(clips), number + 1), {**clip, **names},
             kept['components'])
    figure.suptitle(letters.drawable(title), fontsize=11)
    save(path, figure, [
        'Dots: what came from a facial component, red for the predicted class and blue '
        'against it. Arrows: movement from the onset, the longest drawn to one length. '
        f'Circles: the {SHOWN} actions that carried most, and what they added to the '
        'logit over its mean of all classes; lines from them, the components they came '
        'from. Bows: relations that carried most, from an action to the one that it '
        'was weighed into.', *caption])


def _panel(axes, clip: Mapping[str, Any], components: Sequence[str | int]) -> None:
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
    axes.plot(*face[list(walk)].T, color=FAINT, linewidth=1, zorder=1)
  most = np.abs(values).max() or 1.
  for group, value in zip(groups, values):
    axes.scatter(*face[group].T, s=16, zorder=3, color=_colour(value / most),
                 edgecolors=FAINT, linewidths=.4)


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


def _colour(share: float):
  """Red for and blue against, pale where little."""
  return colormaps['RdBu_r'](.5 + .42 * float(np.clip(share, -1, 1)))
