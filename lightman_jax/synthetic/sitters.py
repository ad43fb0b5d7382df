"""Who sits in front of the camera, and how the recording of one clip looks.

Frame: the unit square of `landmarks.mean_face`. Colours are RGB in [0, 1].
"""

from typing import NamedTuple

from jaxtyping import Float
import numpy as np

from lightman_jax.faces import landmarks
from lightman_jax.synthetic.face import MUSCLES

_SKIN_TONES = np.array([
    (.95, .80, .71), (.90, .72, .60), (.85, .66, .52), (.74, .54, .41),
    (.60, .41, .30), (.45, .30, .22)])
_HAIR = np.array([
    (.07, .06, .06), (.13, .09, .07), (.24, .15, .09), (.40, .24, .13), (.62, .48, .28),
    (.45, .43, .42)])
_IRIS = np.array([(.20, .12, .07), (.30, .18, .09), (.30, .38, .28), (.28, .42, .55)])
_CLOTHES = np.array([
    (.20, .22, .28), (.55, .20, .20), (.25, .35, .50), (.75, .75, .72),
    (.30, .40, .32)])


class Person(NamedTuple):
  """What stays the same in all clips of a subject."""
  face: Float[np.ndarray, '68 2']      # neutral landmarks
  gain: Float[np.ndarray, 'units 2']   # picture's left and right; rows as MUSCLES
  expressive: float                    # where in the range of amplitudes, 0 to 1
  skin: np.ndarray                     # colours
  hair: np.ndarray
  iris: np.ndarray
  clothes: np.ndarray
  lip_red: float                       # how far the lips differ from the skin, 0 to 1
  texture: float                       # contrast of the skin's texture
  freckles: int
  stubble: float                       # 0 where there is none
  creases: float                       # depth of the folds, at rest and in motion
  brow_weight: float                   # thickness, 1 is average
  hairline: tuple[float, float, float]   # height, roundness, parting
  long_hair: float                     # 0 to 1: how far down it hangs
  light: Float[np.ndarray, '3']        # direction towards the lamp; z to the camera
  ambient: float
  background: np.ndarray
  noise: float                         # camera noise, standard deviation in [0, 1]
  blur: float                          # camera blur, in pixels of a 64-pixel picture
  texture_seed: int


class Glasses(NamedTuple):
  """Spectacles, which move with the head alone; lengths in widths of an eye."""
  colour: np.ndarray                   # of the rims, in [0, 1]
  thickness: float                     # of the rims
  size: tuple[float, float]            # half the width and height of a lens
  roundness: float                     # 2 is an ellipse, more is squarer
  glint: float                         # how bright the lamp is in the lenses, 0 to 1


class Look(NamedTuple):
  """What changes from clip to clip, whatever the person feels."""
  rest: Float[np.ndarray, 'units 2']   # tone of every muscle before onset
  shift: Float[np.ndarray, '2']        # of the crop, in unit coordinates
  turn: float                          # degrees
  zoom: float
  gaze: Float[np.ndarray, '2']         # of the irises, in shares of their radius
  exposure: float
  light: Float[np.ndarray, '3']        # added to the person's
  noise_seed: int
  stretch: tuple[float, float] = (1., 1.)   # of the face across and down: a closer crop


def _scale(face: np.ndarray, part: list[int], x: float, y: float) -> None:
  centre = face[part].mean(0)
  face[part] = centre + (face[part] - centre) * (x, y)


def draw_face(rng: np.random.Generator) -> Float[np.ndarray, '68 2']:
  """The neutral landmarks of one person: the mean face, varied part by part."""
  face = landmarks.mean_face()
  part = {name: list(indices) for name, indices in landmarks.COMPONENTS.items()}
  tall = np.exp(rng.normal(0., .06, 10))
  for eye, brow in (('LEFT_EYE', 'LEFT_BROW'), ('RIGHT_EYE', 'RIGHT_BROW')):
    eye, brow = (list(getattr(landmarks, name)) for name in (eye, brow))
    _scale(face, eye, tall[0], tall[0] * tall[1] ** 2)
    _scale(face, brow, tall[2], tall[3] ** 3)
    face[eye, 1] += .15 * (face[eye, 0].mean() - face[eye, 0]) * np.log(tall[4])
  face[part['brows'], 1] += rng.normal(0., .010)
  slant = np.abs(face[part['brows'], 0] - .5) - .2
  face[part['brows'], 1] += rng.normal(0., .10) * slant
  _scale(face, part['nose'], tall[5] ** 1.5, tall[6])
  _scale(face, part['mouth'], tall[7], 1.)
  thick = np.exp(rng.normal(0., .18, 2))
  line = .727
  for i in landmarks.OUTER_LIPS:
    face[i, 1] = line + (face[i, 1] - line) * thick[int(face[i, 1] > line)]
  face[part['mouth'], 1] += rng.normal(0., .010)
  jaw = part['jaw']
  lower = np.clip(face[jaw, 1] - .45, 0., None)
  face[jaw, 0] = .5 + (face[jaw, 0] - .5) * (1. + rng.normal(0., .25) * lower)
  face[jaw, 1] += rng.normal(0., .06) * lower
  centre = np.array([.5, .5])
  face = centre + (face - centre) * (tall[8], tall[9] ** .5)
  uneven = rng.normal(0., .0025, face.shape)
  uneven[list(landmarks.INNER_LIPS)] = 0.
  return face + uneven


# A mean lamp: from above, before the face; and the share of light from elsewhere.
_LAMP = np.array([0., -.55, 1.])
_AMBIENT = .55


def draw_person(rng: np.random.Generator, *, gain: float) -> Person:
  """One subject; `gain` is the standard deviation of the log of muscle strengths.

  Args:
    rng: source of randomness.
    gain: standard deviation of the log of muscle strengths.
  """
  face = draw_face(rng)
  units = len(MUSCLES)
  both, side = rng.normal(0., gain, (units, 1)), rng.normal(0., .5 * gain, (units, 2))
  tone = rng.uniform(0., len(_SKIN_TONES) - 1.)
  low = int(tone)
  mix = tone - low
  skin = (1. - mix) * _SKIN_TONES[low] + mix * _SKIN_TONES[min(low + 1, 5)]
  return Person(
      face=face, gain=np.exp(both + side), expressive=float(rng.uniform()),
      skin=skin + rng.normal(0., .015, 3),
      hair=_HAIR[rng.choice(6 if tone < 2.5 else 2)],
      iris=_IRIS[rng.choice(4 if tone < 2.5 else 2)],
      clothes=_CLOTHES[rng.integers(len(_CLOTHES))],
      lip_red=float(rng.uniform(.35, .9)), texture=float(rng.uniform(.035, .06)),
      freckles=int(rng.choice([0, 4, 12, 60])),
      stubble=float(rng.choice([0., 0., rng.uniform(.08, .3)])),
      creases=float(rng.uniform(.25, .8)), brow_weight=float(rng.uniform(.7, 1.4)),
      hairline=(float(rng.uniform(.08, .15)), float(rng.uniform(.2, 1.1)),
                float(rng.uniform(-.2, .2))),
      long_hair=float(rng.choice([0., rng.uniform(.3, 1.)])),
      light=np.array([rng.normal(0., .55), _LAMP[1] + rng.normal(0., .2), _LAMP[2]]),
      ambient=float(rng.uniform(.45, .65)),
      background=rng.uniform(.35, .8) + rng.normal(0., .03, 3),
      noise=float(rng.uniform(.004, .014)), blur=float(rng.uniform(.2, .6)),
      texture_seed=int(rng.integers(2**31)))


def move_lamp(person: Person, lamp: float) -> Person:
  """The same person under a lamp that differs more or less from a mean one.

  Args:
    person: as drawn.
    lamp: by how much its direction and the share of light from elsewhere differ, as a
      multiple of what was drawn.
  """
  if lamp == 1.:      # to the last bit, which a sum and a difference would change
    return person
  return person._replace(
      light=_LAMP + lamp * (person.light - _LAMP),
      ambient=float(np.clip(_AMBIENT + lamp * (person.ambient - _AMBIENT), .1, 1.)))


def draw_glasses(rng: np.random.Generator) -> Glasses:
  """The spectacles of one person.

  Args:
    rng: source of randomness.
  """
  across = float(rng.uniform(.8, 1.))
  return Glasses(
      colour=np.clip(_HAIR[rng.integers(len(_HAIR))] + rng.normal(0., .03, 3), 0., 1.),
      thickness=float(rng.uniform(.05, .16)),
      size=(across, across * float(rng.uniform(.6, .95))),
      roundness=float(rng.uniform(2., 4.)), glint=float(rng.uniform(0., .5)))


def draw_look(rng: np.random.Generator, *, rest: float, framing: float,
              lamp: float = 1.) -> Look:
  """One recording.

  Args:
    rng: source of randomness.
    rest: standard deviation of each muscle's tone at rest, in pixels of a 64-pixel
      face; it hides what a single frame would tell about the emotion.
    framing: standard deviation of the crop's shift, in such pixels.
    lamp: multiplies how much the light differs between recordings.
  """
  units = list(MUSCLES)
  tone = rng.normal(0., rest / 64., (len(units), 1))
  tone = tone + rng.normal(0., .3 * rest / 64., (len(units), 2))
  # A jaw can hang and lips can part, but neither goes through closed teeth.
  for unit in (25, 26):
    tone[units.index(unit)] = .3 * np.abs(tone[units.index(unit)])
  return Look(
      rest=tone, shift=rng.normal(0., framing / 64., 2),
      turn=float(rng.normal(0., 1.2 * framing)),
      zoom=float(np.exp(rng.normal(0., .02 * framing))),
      gaze=rng.normal(0., .12, 2), exposure=float(np.exp(lamp * rng.normal(0., .05))),
      light=lamp * rng.normal(0., .1, 3) * (1., 1., 0.),
      noise_seed=int(rng.integers(2**31)))
