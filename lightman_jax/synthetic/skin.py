"""The neutral face as a picture, and the eyes and the mouth, which do not move with it.

The skin is drawn once, in the unit square of `landmarks.mean_face`, and bent for every
frame. Eyes and the inside of the mouth are painted into every frame at their outlines
of that moment, in the unit square of the picture, so that lids glide over the eyeball
and lips uncover teeth. Colours are RGB in [0, 1].
"""

from functools import lru_cache

import cv2
from jaxtyping import Float, Float32
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.synthetic.canvas import Canvas, curve, over, rows
from lightman_jax.synthetic.sitters import Glasses, Look, Person

# The neutral face as a picture: everything that moves with the skin.

CHEEKS = (landmarks.COUNT, landmarks.COUNT + 1)


def head_outline(points: Float[np.ndarray, '83 2']) -> Float[np.ndarray, 'n 2']:
  """Jaw line and skull, closed."""
  centre, reach = .5 * (points[0] + points[16]), .5 * (points[16, 0] - points[0, 0])
  angle = np.linspace(0., np.pi, 25)[1:-1]
  skull = centre + np.stack([reach * np.cos(angle), -.40 * np.sin(angle)], 1)
  return np.concatenate([curve(points[:17]), skull])


@lru_cache(maxsize=8)
def texture(seed: int, side: int) -> Float32[np.ndarray, 's s']:
  """Noise of several sizes with variance about 1, the same whatever the side.

  Args:
    seed: another seed, another skin.
    side: in pixels.
  """
  rng = np.random.default_rng(seed)
  total = np.zeros((side, side), np.float32)
  for cells, weight in ((6, .2), (12, .3), (24, .6), (48, .9), (96, .6)):
    noise = rng.standard_normal((cells, cells)).astype(np.float32)
    total += np.float32(weight) * cv2.resize(noise, (side, side),
                                             interpolation=cv2.INTER_CUBIC)
  total.setflags(write=False)
  return total


def _relief(points: np.ndarray, canvas: Canvas) -> np.ndarray:
  """The height of the face towards the camera, in units."""
  d = (canvas.ticks()[:, None] - np.float32([.5, .47])) / np.float32([.47, .62])
  round_off = 1. - (d[:, 0] ** 2)[None] - (d[:, 1] ** 2)[:, None]
  height = .42 * np.sqrt(np.maximum(round_off, .02))
  for share in (.15, .4, .65, .9):
    ridge = points[27] + share * (points[30] - points[27])
    height += canvas.hill(ridge, (.028, .045), .012 + .028 * share)
  height += canvas.hill(points[30] + (0., .01), (.035, .03), .035)
  for nostril in (31, 35):
    height += canvas.hill(points[nostril] - (0., .012), (.022, .02), .022)
  for eye, brow in ((landmarks.LEFT_EYE, 19), (landmarks.RIGHT_EYE, 24)):
    centre = points[list(eye)].mean(0)
    height += canvas.hill(centre, (.085, .05), -.035)
    height += canvas.hill(centre, (.05, .028), .022)
    height += canvas.hill(points[brow] + (0., .02), (.09, .025), .014)
  for cheek in CHEEKS:
    height += canvas.hill(points[cheek] - (0., .03), (.07, .06), .022)
  height += canvas.hill(.5 * (points[51] + points[33]), (.09, .06), .018)
  height += canvas.hill(points[57] - (0., .012), (.06, .014), .012)
  height += canvas.hill(points[57] + (0., .022), (.06, .014), -.014)
  return height + canvas.hill(points[8] - (0., .05), (.055, .04), .022)


def shading(
    person: Person, look: Look, points: Float[np.ndarray, '83 2'], canvas: Canvas
) -> Float32[np.ndarray, 's s']:
  """How much light each point of the face returns (Lambert), about 1.

  Args:
    person: under their lamp.
    look: of the recording, which moves the lamp.
    points: of the face, in units.
    canvas: the raster.
  """
  coarse = Canvas(min(canvas.side, 80), canvas.margin)
  height = _relief(points, coarse).astype(np.float32)
  right, down = (cv2.Sobel(height, cv2.CV_32F, dx, 1 - dx, ksize=3) * coarse.scale / 8.
                 for dx in (1, 0))
  lamp = person.light + look.light
  lamp = (lamp / np.linalg.norm(lamp)).astype(np.float32)
  facing = lamp[2] - lamp[0] * right - lamp[1] * down
  lit = np.maximum(facing / np.sqrt(1. + right**2 + down**2), 0.)
  light = person.ambient + (1.15 - person.ambient) * lit
  return cv2.resize(light.astype(np.float32), (canvas.side, canvas.side),
                    interpolation=cv2.INTER_LINEAR)


def _skin_colour(
    person: Person, points: np.ndarray, canvas: Canvas, noise: np.ndarray
) -> np.ndarray:
  base = person.skin.astype(np.float32)[:, None, None]
  colour = base * (1. + np.float32(person.texture) * noise)
  blush = sum(canvas.hill(points[cheek], (.07, .055), .5) for cheek in CHEEKS)
  blush = blush + canvas.hill(points[30], (.04, .035), .4)
  colour = over(colour, .35 * blush, person.skin * (1., .72, .70))
  rng = np.random.default_rng(person.texture_seed + 1)
  spots = rng.uniform((.15, .3, .3, .6), (.85, .85, .7, 1.), (person.freckles, 4))
  wide = .012 * spots[:, 3] if person.freckles < 20 else .006 * np.ones(len(spots))
  dots = canvas.blur(canvas.dots(spots[:, :2], wide, spots[:, 2]), .002)
  colour = over(colour, dots, person.skin * (.55, .42, .36))
  if person.stubble:
    start = float(points[33, 1] + .01)
    beard = np.clip((canvas.ticks()[:, None] - start) / .06, 0., 1.)
    rough = np.clip(.7 + .4 * noise, 0., 1.)
    colour = over(colour, np.float32(person.stubble) * beard * rough, (.18, .16, .16))
  return colour


def _lips(image: np.ndarray, person: Person, points: np.ndarray, canvas: Canvas):
  upper = np.concatenate([curve(points[48:55]), curve(points[60:65])[::-1]])
  lower = np.concatenate([curve(points[[54, 55, 56, 57, 58, 59, 48]]),
                          curve(points[[60, 67, 66, 65, 64]])])
  red = person.skin * (1., 1. - .45 * person.lip_red, 1. - .38 * person.lip_red)
  for outline, dim in ((upper, .80), (lower, .93)):
    image = over(image, canvas.blur(canvas.fill(outline), .003), red * dim)
  shine = canvas.lines(.55 * points[[58, 57, 56]] + .45 * points[[67, 66, 65]],
                       width=.012, soft=.006)
  return over(image, .22 * shine, (1., .95, .92))


def _brow(
    image: np.ndarray, person: Person, line: np.ndarray, canvas: Canvas
) -> np.ndarray:
  """A brow from its outer to its inner end; thickest near the inner third."""
  spine = curve(line)
  share = np.linspace(0., 1., len(spine))[:, None]
  thick = person.brow_weight * (.005 + .014 * np.sin(np.pi * (.15 + .65 * share)))
  outline = np.concatenate([spine - thick * (0., .9), (spine + thick * (0., .7))[::-1]])
  dark = .75 * person.hair + .05
  image = over(image, .85 * canvas.blur(canvas.fill(outline), .005), dark)
  rng = np.random.default_rng(person.texture_seed + 2)
  hairs = []
  for at in rng.integers(0, len(spine), 14):
    root = spine[at] + thick[at] * (0., rng.uniform(-.6, .7))
    tip = root + (np.sign(.5 - root[0]) * -.016, -.010)
    hairs.append(np.stack([root, tip]))
  return over(image, .4 * canvas.lines(*hairs, width=.004), dark * .7)


def _folds(person: Person, points: np.ndarray, canvas: Canvas) -> np.ndarray:
  """Lines that a face has at rest: lids, nostrils, nasolabial folds, under the lip."""
  lids, holes, wings, nasolabial = [], [], [], []
  for eye in ((36, 37, 38, 39), (45, 44, 43, 42)):
    lids.append(curve(points[list(eye)] - ((0., .008), (0., .022), (0., .022),
                                           (0., .010))))
  for corner, wing, lip in ((31, 32, 48), (35, 34, 54)):
    out = np.sign(points[corner, 0] - .5)
    middle = .5 * (points[corner] + points[wing])
    holes.append(middle + ((-.008, -.003), (.008, -.003)))
    side = points[corner] + (out * .012, 0.)
    wings.append(np.stack([side - (0., .03), side]))
    nasolabial.append(nasolabial_fold(points[corner], points[lip], out))
  dark = .45 * canvas.lines(*lids, width=.006, soft=.004)
  dark += .55 * canvas.lines(*holes, width=.014, soft=.006)
  dark += .3 * canvas.lines(*wings, width=.007, soft=.005)
  dark += .35 * person.creases * canvas.lines(*nasolabial, width=.008, soft=.008)
  under = points[[58, 57, 56]] + (0., .022)
  dark += .3 * canvas.lines(under, width=.014, soft=.012)
  return np.clip(dark, 0., .8)


def _tint(colour: np.ndarray, brightness: np.ndarray) -> np.ndarray:
  return colour.astype(np.float32)[:, None, None] * brightness


def _hair_outline(person: Person, points: np.ndarray) -> np.ndarray:
  """The hair's silhouette: a cap, or as far down as it hangs."""
  half = .5 * (points[16, 0] - points[0, 0]) + .04 + .03 * person.long_hair
  angle = np.linspace(0., 2. * np.pi, 48)
  drop = np.where(np.sin(angle) > 0., .12 + 1.1 * person.long_hair, .47)
  return np.array([.5, .40]) + np.stack([half * np.cos(angle), drop * np.sin(angle)], 1)


def _hair(
    image: np.ndarray, person: Person, points: np.ndarray, canvas: Canvas,
    noise: np.ndarray,
) -> np.ndarray:
  """Hair on the head, in front of the forehead, parted somewhere."""
  height, roundness, parting = person.hairline
  across = canvas.ticks() - np.float32(.5 + .3 * parting)
  edge = height + .9 * roundness * across**2 + .8 * np.abs(across) ** 4
  edge = edge + .008 * noise
  mask = np.clip((edge - canvas.ticks()[:, None]) / .018 + .5, 0., 1.)
  mask = mask * canvas.blur(canvas.fill(_hair_outline(person, points)), .006)
  strands = cv2.blur(noise, (1, max(3, canvas.side // 12)))
  tone = _tint(person.hair, 1. + .6 * strands)
  return over(image, mask, np.clip(tone + .03, 0., 1.))


def _behind(
    person: Person, points: np.ndarray, canvas: Canvas, noise: np.ndarray
) -> np.ndarray:
  """The wall, hair that hangs behind the face, neck and clothes."""
  fall = np.repeat(1.06 - .16 * canvas.ticks()[:, None], canvas.side, 1)
  image = _tint(person.background, fall)
  tone = _tint(person.hair, 1. + .12 * noise) + .02
  hair = canvas.blur(canvas.fill(_hair_outline(person, points)), .006)
  image = over(image, hair, np.clip(tone, 0., 1.))
  neck = np.array([(.27, .70), (.73, .70), (.76, 1.3), (.24, 1.3)])
  image = over(image, canvas.blur(canvas.fill(neck), .008), person.skin * .62)
  shirt = np.array([(-.2, 1.04), (.27, .97), (.5, 1.09), (.73, .97), (1.2, 1.04),
                    (1.2, 1.4), (-.2, 1.4)])
  return over(image, canvas.blur(canvas.fill(shirt), .004), person.clothes)


def draw(
    person: Person, points: Float[np.ndarray, '83 2'], canvas: Canvas,
    light: Float32[np.ndarray, 's s'],
) -> Float32[np.ndarray, '3 s s']:
  """The face with its eyes and mouth left out; `light` is its `shading`.

  Args:
    person: whose face.
    points: of the face at rest, in units.
    canvas: the raster.
    light: how much each point returns, see `shading`.

  Returns:
    Colours first, 0 to 1.
  """
  noise, rough = (texture(person.texture_seed + k, canvas.side) for k in (3, 4))
  image = _behind(person, points, canvas, rough)
  for ear, out in ((0, -1.), (16, 1.)):
    rim = points[ear] + np.array([(.0, .0), (out * .035, .03), (out * .03, .11),
                                  (-out * .01, .16)])
    image = over(image, canvas.blur(canvas.fill(rim), .004), person.skin * .78)
  face = _skin_colour(person, points, canvas, noise)
  face = _lips(face, person, points, canvas)
  for brow in (points[17:22], points[26:21:-1]):
    face = _brow(face, person, brow, canvas)
  face = face * (light * (1. - _folds(person, points, canvas)))
  head = canvas.blur(canvas.fill(head_outline(points)), .004)
  image = over(image, head, face)
  return _hair(image, person, points, canvas, rough)


# What does not move with the skin: eyes, the inside of the mouth; and folds.

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
  """The gap between the lips: a dark line, or a cavity with the upper teeth in it.

  Args:
    image: the picture to paint on.
    canvas: its raster.
    person: whose mouth.
    points: where the lips are now.
    light: brightness where the mouth is.
  """
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


def glasses(
    image: Float32[np.ndarray, '3 s s'], canvas: Canvas, worn: Glasses,
    rest: Float[np.ndarray, '83 2'], *, light: float,
) -> Float32[np.ndarray, '3 s s']:
  """Rims, bridge and temples before the face, and the lamp in the lenses.

  Args:
    image: the picture to paint on.
    canvas: its raster.
    worn: the spectacles.
    rest: the face at rest with the head as it is now: no muscle moves them.
    light: brightness where the eyes are.
  """
  angle = np.linspace(0., 2 * np.pi, 49)
  unit = np.stack([np.sign(turn) * np.abs(turn) ** (2 / worn.roundness)
                   for turn in (np.cos(angle), np.sin(angle))], 1)
  centres = np.stack([rest[36:42].mean(0), rest[42:48].mean(0)])
  across = (centres[1] - centres[0]) / np.linalg.norm(centres[1] - centres[0])
  axes = np.stack([across, (-across[1], across[0])])
  width = np.linalg.norm(rest[39] - rest[36])
  # Lenses lie a little below the eyes' middle, and do not meet above the nose.
  half = np.minimum(np.multiply(worn.size, width),
                    .44 * np.linalg.norm(centres[1] - centres[0]))
  centres = centres + .15 * width * axes[1]
  rims = [centre + (half * unit) @ axes for centre in centres]
  inner = [centres[0] + half[0] * axes[0], centres[1] - half[0] * axes[0]]
  bridge = np.stack([inner[0], np.mean(inner, 0) - .12 * width * axes[1], inner[1]])
  temples = [np.stack([centres[0] - half[0] * axes[0], rest[0]]),
             np.stack([centres[1] + half[0] * axes[0], rest[16]])]
  glints = [centre + np.array([(-.5, -.1), (-.1, -.6)]) * half @ axes
            for centre in centres]
  bright = canvas.lines(*glints, width=.2 * width, soft=.01)
  image = over(image, worn.glint * bright * canvas.fill(*rims), (.95, .97, 1.))
  rim = np.max([canvas.lines(*strokes, width=worn.thickness * width)
                for strokes in (rims, [curve(bridge)], temples)], 0)
  return over(image, rim, worn.colour * light)


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
  """How dark the creases of each unit are, at most 1.

  Args:
    points: of the face at rest, in units.
    canvas: the raster.
    units: action units that move in the clip.
  """
  return {unit: canvas.lines(*lines, width=.009, soft=.006)
          for unit, lines in fold_lines(points).items() if unit in units}
