"""What does not move with the skin: eyes, the inside of the mouth; and folds.

Eyes and mouth are painted into every frame at their outlines of that moment, so that
lids glide over the eyeball and lips uncover teeth. Coordinates: the unit square of
the picture; colours RGB in [0, 1].
"""

import cv2
from jaxtyping import Float, Float32
import numpy as np

from lightman_jax.clips.faces.canvas import Canvas, curve, over, rows
from lightman_jax.clips.faces.identity import Person

_EYES = (((36, 37, 38, 39), (36, 41, 40, 39)), ((42, 43, 44, 45), (42, 47, 46, 45)))


def _lids(points: np.ndarray, eye: int) -> tuple[np.ndarray, np.ndarray]:
  """Upper and lower edge of an eye's opening; closed lids touch."""
  upper, lower = (curve(points[list(row)], steps=6) for row in _EYES[eye])
  return np.stack([upper[:, 0], np.minimum(upper[:, 1], lower[:, 1])], 1), lower


def _disc(layer: np.ndarray, canvas: Canvas, centre, radius: float, colour) -> None:
  at = canvas.fixed(np.asarray(centre)[None])[0]
  cv2.circle(layer, tuple(map(int, at)), round(radius * canvas.scale * 16),
             tuple(float(255 * min(c, 1.)) for c in colour), -1, cv2.LINE_AA, 4)


def eyes(
    image: Float32[np.ndarray, '3 s s'], canvas: Canvas, person: Person,
    points: Float[np.ndarray, '83 2'], *, rest: Float[np.ndarray, '83 2'],
    gaze: Float[np.ndarray, '2'], light: float,
) -> Float32[np.ndarray, '3 s s']:
  """Eyeballs within the lids, then the lashes.

  Args:
    image: the picture to paint on.
    canvas: its raster.
    person: whose eyes.
    points: where the lids are now.
    rest: where they would be with the head as it is now but the face at rest; the
      eyeballs stay there.
    gaze: shift of the irises in shares of their radius.
    light: brightness where the eyes are.
  """
  layer = np.full((canvas.side, canvas.side, 3), round(255 * min(.88 * light, 1.)),
                  np.uint8)
  uppers, lowers, openings = [], [], []
  for eye, (top, _) in enumerate(_EYES):
    corners = rest[[top[0], top[3]]]
    width = np.linalg.norm(corners[1] - corners[0])
    radius = .235 * width
    centre = corners.mean(0) - (0., .045 * width) + gaze * radius
    _disc(layer, canvas, centre, radius, person.iris * .55 * light)
    _disc(layer, canvas, centre, .82 * radius, person.iris * 1.1 * light)
    _disc(layer, canvas, centre, .45 * radius, (.02, .02, .02))
    _disc(layer, canvas, centre - (.3 * radius, .35 * radius), .24 * radius,
          (.95, .95, .95))
    upper, lower = _lids(points, eye)
    uppers.append(upper)
    lowers.append(lower)
    openings.append(np.concatenate([upper, lower[::-1]]))
  part = rows(canvas, np.concatenate(openings), margin=.04)
  lashes = canvas.lines(*uppers, width=.011)[part]
  band = over(image[:, part], canvas.fill(*openings)[part],
              layer[part].transpose(2, 0, 1) * np.float32(1 / 255))
  band = over(band, .4 * canvas.blur(lashes, .008), (.12, .08, .07))
  band = over(band, .28 * canvas.lines(*lowers, width=.006)[part], person.skin * .35)
  image = image.copy()
  image[:, part] = over(band, .8 * lashes, (.07, .05, .05))
  return image


def mouth(
    image: Float32[np.ndarray, '3 s s'], canvas: Canvas, person: Person,
    points: Float[np.ndarray, '83 2'], *, light: float,
) -> Float32[np.ndarray, '3 s s']:
  """The gap between the lips: a dark line, or a cavity with the upper teeth in it."""
  upper, lower = curve(points[60:65]), curve(points[[60, 67, 66, 65, 64]])
  lower = np.stack([lower[:, 0], np.maximum(lower[:, 1], upper[:, 1])], 1)
  gap = lower[:, 1:] - upper[:, 1:]
  part = rows(canvas, np.concatenate([upper, lower]), margin=.02)
  mask = canvas.fill(np.concatenate([upper, lower[::-1]]))[part]
  bite = upper + np.concatenate([np.zeros_like(gap), np.minimum(.6 * gap, .035)], 1)
  teeth = canvas.fill(np.concatenate([upper + (0., .003), bite[::-1]]))[part]
  visible = float(np.clip((gap.max() - .02) / .02, 0., 1.))
  layer = np.empty_like(image[:, part])
  layer[:] = (np.array([.22, .07, .07]) * light)[:, None, None]
  layer = over(layer, visible * teeth, np.array([.88, .85, .80]) * light)
  band = over(image[:, part], mask, layer)
  seam = canvas.lines(.5 * (upper + lower), width=.006)[part]
  image = image.copy()
  image[:, part] = over(band, .75 * (1. - visible) * seam,
                        person.skin * (.30, .20, .20))
  return image


def nasolabial_fold(
    wing: Float[np.ndarray, '2'], corner: Float[np.ndarray, '2'], out: float
) -> Float[np.ndarray, 'n 2']:
  """The line from the nose's wing past a corner of the mouth; `out` is -1 or 1."""
  return curve(np.stack([
      wing + (out * .03, -.01), .5 * (wing + corner) + (out * .04, 0.),
      corner + (out * .035, 0.)]))


def fold_lines(
    points: Float[np.ndarray, '83 2'],
) -> dict[int, list[Float[np.ndarray, 'n 2']]]:
  """Where the skin creases when an action unit pulls, at the face's rest."""
  lines: dict[int, list[np.ndarray]] = {}
  for turn, out in ((0, -1.), (1, 1.)):
    inner, middle, outer = points[[(21, 22)[turn], (19, 24)[turn], (17, 26)[turn]]]
    corner, wing = points[(48, 54)[turn]], points[(31, 35)[turn]]
    eye = points[(36, 45)[turn]]
    fold = nasolabial_fold(wing, corner, out)
    for unit, line in (
        (1, np.stack([inner - (0., .05), inner - (out * .05, .055)])),
        (1, np.stack([inner - (out * -.02, .085), inner - (out * .05, .09)])),
        (2, curve(np.stack([outer - (0., .055), middle - (0., .06),
                            inner - (0., .05)]))),
        (4, np.stack([inner + (out * -.045, -.03), inner + (out * -.05, .05)])),
        (6, np.stack([eye + (out * .02, 0.), eye + (out * .065, -.02)])),
        (6, np.stack([eye + (out * .02, .012), eye + (out * .065, .03)])),
        (9, points[[28, 28]] + ((out * .015, -.02), (out * .05, .015))),
        (10, fold), (12, fold),
        (14, np.stack([corner + (out * .03, -.025), corner + (out * .035, .025)])),
        (15, np.stack([corner + (out * .01, .02), corner + (out * .02, .06)])),
        (17, points[[(58, 56)[turn], 57]] + (0., .045))):
      lines.setdefault(unit, []).append(line)
  return lines


def folds(
    points: Float[np.ndarray, '83 2'], canvas: Canvas, units: tuple[int, ...]
) -> dict[int, Float32[np.ndarray, 's s']]:
  """How dark the creases of each unit are, at most 1."""
  return {unit: canvas.lines(*lines, width=.009, soft=.006)
          for unit, lines in fold_lines(points).items() if unit in units}
