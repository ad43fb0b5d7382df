"""Scenes of synthetic people: planned without drawing, then rendered frame by frame.

An emotion is a distribution over combinations of action units, as annotated sheets of
spontaneous expressions show them: several combinations each, most of one or two
units, and some shared by two emotions. The combinations follow the EMFACS
prototypes (Friesen and Ekman 1983) and their fragments; the weights are ours.

Durations: a micro-expression lasts 1/15 to 1/2 second, a macro-expression 1/2 to 4
(Yan et al. 2013, "How fast are the leaked facial expressions"; Ekman 2003). Rise and
fall are minimum-jerk curves, quick up and slow down. Lengths are in pixels of a
64-pixel face, angles in degrees, time in frames.

Each scene's randomness is a function of the seed, the subject's name and the clip's
name alone, so adding people or clips leaves the others as they are.
"""

from functools import lru_cache
import hashlib
from typing import NamedTuple

from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.synthetic import face, render as draw, sitters

# Which action units a person shows when feeling something.

CLASSES = ('negative', 'positive', 'surprise')

CLASS_OF = {
    'anger': 'negative', 'disgust': 'negative', 'sadness': 'negative',
    'happiness': 'positive', 'surprise': 'surprise'}
"""The class set `synthetic_3`: fine emotion to class."""

COMBINATIONS: dict[str, dict[tuple[int, ...], float]] = {
    'anger': {
        (4,): .2, (4, 7): .3, (4, 23): .15, (4, 24): .15, (4, 5, 7): .1, (17, 24): .1},
    'disgust': {
        (9,): .15, (4, 9): .2, (4, 7, 9): .2, (10,): .15, (4, 7, 10): .15, (4, 7): .15},
    'sadness': {
        (1,): .1, (1, 4): .2, (15,): .15, (15, 17): .25, (1, 4, 15): .15, (14, 17): .05,
        (20,): .1},
    'happiness': {
        (12,): .25, (6, 12): .3, (6, 7, 12): .15, (12, 25): .15, (14,): .1,
        (12, 14): .05},
    'surprise': {
        (1, 2): .3, (1, 2, 5): .2, (1, 2, 25): .15, (1, 2, 26): .1, (25, 26): .1,
        (2,): .1, (5, 25): .05},
}

# What micro-expressions show: the units of the objective classes of Davison et al.
# (2018, table 2), I to VI, and of their VII those that CASME II's coders call
# repression (Yan et al. 2014). Surprise is in the brows, and rarely in the jaw.
MICRO_COMBINATIONS: dict[str, dict[tuple[int, ...], float]] = {
    'anger': {
        (4,): .35, (4, 7): .35, (4, 5): .05, (4, 23): .1, (17, 24): .05, (23,): .1},
    'disgust': {
        (4, 9): .15, (9,): .1, (10,): .2, (4, 7, 9): .15, (4, 7, 10): .15, (4, 7): .25},
    'sadness': {
        (15,): .15, (15, 17): .2, (1, 4): .15, (1,): .1, (14,): .15, (17,): .15,
        (14, 17): .1},
    'happiness': {
        (12,): .5, (6, 12): .35, (6, 7, 12): .05, (7, 12): .1},
    'surprise': {
        (1, 2): .5, (1, 2, 5): .15, (2,): .1, (1, 2, 25): .15, (5,): .05,
        (25, 26): .05},
}
LEXICONS = {'posed': COMBINATIONS, 'micro': MICRO_COMBINATIONS}

# What anyone's face may do besides, whatever they feel.
INCIDENTAL = (1, 2, 4, 5, 7, 10, 12, 14, 15, 17, 20, 24, 25)


def emotion_for(rng: np.random.Generator, label: str) -> str:
  """One of the emotions of a class, all equally likely.

  Args:
    rng: source of randomness.
    label: one of `CLASSES`.
  """
  choices = [emotion for emotion, of in CLASS_OF.items() if of == label]
  return choices[rng.integers(len(choices))]


def combination(
    rng: np.random.Generator, emotion: str, *, overlap: float, incidental: float,
    lexicon: str = 'posed',
) -> dict[int, float]:
  """The action units of one clip and how strongly each contracts (about 1).

  Args:
    rng: source of randomness.
    emotion: a key of `COMBINATIONS`.
    overlap: probability that the face shows what is typical of another emotion.
    incidental: probability of one more unit, weaker, that has nothing to do with it.
    lexicon: of `LEXICONS`.
  """
  if rng.random() < overlap:
    others = [other for other in CLASS_OF if CLASS_OF[other] != CLASS_OF[emotion]]
    emotion = others[rng.integers(len(others))]
  known = LEXICONS[lexicon][emotion]
  sets = list(known)
  weights = np.array([known[units] for units in sets])
  chosen = sets[rng.choice(len(sets), p=weights / weights.sum())]
  strength = {unit: float(np.exp(rng.normal(0., .2))) for unit in chosen}
  extra = INCIDENTAL[rng.integers(len(INCIDENTAL))]
  weak = float(rng.uniform(.3, .7))
  if rng.random() < incidental and extra not in strength:
    strength[extra] = weak
  return dict(sorted(strength.items()))


# When things move: an expression's time course, the head, the blinks.

SECONDS = {'micro': (1 / 15, 1 / 2), 'macro': (1 / 2, 4.)}


class Timing(NamedTuple):
  """Frame numbers, counted from 1 as in file names."""
  onset: int
  apex: int
  offset: int


class Drift(NamedTuple):
  """A head that moves a little: everything is zero at onset.

  shift (pixels), turn (degrees) and zoom (a share) are reached about the apex; `pace`
  is how many quarters of an oscillation the head makes until then.
  """
  shift: tuple[float, float]
  turn: float
  zoom: float
  pace: tuple[float, float]


def draw_timing(rng: np.random.Generator, *, kind: str, fps: float) -> Timing:
  """Onset, apex and offset of one clip; three different frames at any rate.

  Args:
    rng: source of randomness.
    kind: 'micro' or 'macro'.
    fps: frames a second.
  """
  low, high = SECONDS[kind]
  length = max(2, round(fps * rng.uniform(low, high)))
  rise = int(np.clip(round(length * rng.uniform(.3, .55)), 1, length - 1))
  onset = 1 + int(rng.integers(1, max(2, round(.3 * fps))))
  return Timing(onset, onset + rise, onset + length)


def _smooth(x: np.ndarray) -> np.ndarray:
  x = np.clip(x, 0., 1.)
  return x**3 * (10. - 15. * x + 6. * x * x)


def activation(
    frames: Float[np.ndarray, 'T'], timing: Timing, *, delay: float, hold: float,
    residue: float,
) -> Float[np.ndarray, 'T']:
  """How far a muscle has contracted: 0 up to onset, 1 at apex, `residue` from offset.

  Args:
    frames: frame numbers.
    timing: of the whole expression.
    delay: share of the rise that this muscle waits before it starts.
    hold: share of the fall during which it stays at its strongest.
    residue: what is left at offset.
  """
  rise = (frames - timing.onset) / (timing.apex - timing.onset)
  fall = (frames - timing.apex) / (timing.offset - timing.apex)
  up = _smooth((rise - delay) / (1. - delay))
  down = 1. - (1. - residue) * _smooth((fall - hold) / (1. - hold))
  return np.where(frames <= timing.apex, up, down)


def draw_drift(rng: np.random.Generator, *, size: float) -> Drift:
  """A head's small motion; `size` is the standard deviation of its shift.

  Args:
    rng: source of randomness.
    size: standard deviation of the shift, in pixels of a 64-pixel face.
  """
  shift = rng.normal(0., size, 2)
  turn, zoom = rng.normal(0., size, 2) * (.5, .006)
  return Drift(tuple(map(float, shift)), float(turn), float(zoom),
               tuple(map(float, rng.uniform(.6, 1.4, 2))))


def drift_at(
    frames: Float[np.ndarray, 'T'], timing: Timing, drift: Drift
) -> Float[np.ndarray, 'T 4']:
  """Shift x, shift y, turn and zoom at each frame, relative to onset.

  Args:
    frames: frame numbers.
    timing: of the expression.
    drift: how far the head goes.

  Returns:
    Shifts in pixels of a 64-pixel face, degrees, and a share; zero at onset.
  """
  phase = .5 * np.pi * (frames - timing.onset) / (timing.apex - timing.onset)
  wave = np.sin(np.clip(phase[:, None], -np.pi, 4. * np.pi) * drift.pace)
  return np.stack([drift.shift[0] * wave[:, 0], drift.shift[1] * wave[:, 1],
                   drift.turn * wave[:, 0], drift.zoom * wave[:, 1]], axis=1)


def draw_blink(
    rng: np.random.Generator, timing: Timing, *, probability: float, fps: float
) -> tuple[float, float] | None:
  """Start and length (frames) of the clip's blink, or None: it starts after onset.

  Args:
    rng: source of randomness.
    timing: of the expression.
    probability: that there is a blink.
    fps: frames a second.
  """
  happens = rng.random() < probability
  length = fps * rng.uniform(.15, .35)
  latest = max(1., timing.offset - timing.onset - .3 * length)
  start = timing.onset + rng.uniform(0., latest)
  return (float(start), float(length)) if happens else None


def blink_at(
    frames: Float[np.ndarray, 'T'], blink: tuple[float, float] | None
) -> Float[np.ndarray, 'T']:
  """How far the lids are closed, 0 to 1: down in a third of the time, then up.

  Args:
    frames: frame numbers.
    blink: its start and length in frames; None where there is none.
  """
  if blink is None:
    return np.zeros(len(frames))
  phase = (frames - blink[0]) / blink[1]
  return np.where(phase < 1 / 3, _smooth(3. * phase), _smooth(1.5 * (1. - phase)))


class Difficulty(NamedTuple):
  """What makes the synthetic faces easy or hard; lengths in pixels of a 64-pixel face.

  micro, macro: least and greatest movement at apex (the largest over the face).
  gain: standard deviation of the log of a person's muscle strengths.
  overlap: share of clips that show a combination typical of another class.
  incidental: share of clips with one more action unit, unrelated to the emotion.
  rest: standard deviation of each muscle's tone before onset.
  framing: standard deviation of the crop's shift between clips.
  head: standard deviation of the head's shift between onset and apex; twice as much
    in macro-expressions.
  blink: probability of a blink during a clip.
  noise: multiplies every person's camera noise.
  flicker: standard deviation of the lamp's brightness from frame to frame.
  crop: share of the frame's width and height that a picture shows, brought to its size:
    published faces are cut more closely than a mean face with its jaw and forehead.
  crop_spread: either share is drawn so far around that, clip by clip.
  jpeg: share of clips that have been compressed, at a quality of 50 to 95.
  slowest: rates are drawn from this to that of the plan, in frames a second; 0: all
    are that of the plan.
  lexicon: which units an emotion shows: 'posed', or 'micro', where surprise is in the
    brows.
  glasses: share of people who wear them; drawn before the skin, whose movement alone
    `Rendered.displacement` is.
  lamp: multiplies how far lamps differ from a mean one: where each person's stands, how
    much of its light comes from elsewhere, and what of both a recording changes.
  """
  micro: tuple[float, float] = (1., 3.)
  macro: tuple[float, float] = (4., 8.)
  gain: float = .6
  overlap: float = .25
  incidental: float = .5
  rest: float = .8
  framing: float = 2.
  head: float = .4
  blink: float = .25
  noise: float = 1.
  flicker: float = .006
  crop: tuple[float, float] = (1., 1.)
  crop_spread: float = 0.
  jpeg: float = 0.
  slowest: float = 0.
  lexicon: str = 'posed'
  # The last two: what is spelt of the others stays as it was.
  glasses: float = 0.
  lamp: float = 1.


FACES = {
    'wide': Difficulty(),
    # As published pictures frame and record them: cut to the features, head motion left
    # over after alignment, compression, 25 frames a second and more, and units that
    # micro-expressions show, of few of which another class has a share.
    'close': Difficulty(crop=(.75, .8), crop_spread=.1, head=.8, jpeg=.5, slowest=25.,
                        lexicon='micro', overlap=.05, incidental=.3)}
FACES['glasses'] = FACES['close']._replace(glasses=.4)
FACES['lamps'] = FACES['close']._replace(lamp=2.)
"""Named settings of the faces."""


class Action(NamedTuple):
  """One muscle in one clip: contraction of the picture's left and right half."""
  unit: int
  left: float
  right: float
  delay: float    # share of the rise before it starts


class Scene(NamedTuple):
  """Everything that happens in one clip."""
  clip: str
  subject: str
  kind: str                 # 'micro' or 'macro'
  emotion: str              # a key of `CLASS_OF`
  actions: tuple[Action, ...]
  amplitude: float          # pixels of a 64-pixel face, largest over the face, at apex
  onset: int
  apex: int
  offset: int
  fps: float
  seed: int
  difficulty: Difficulty


class Rendered(NamedTuple):
  """Frames of a scene (RGB), with what is exactly known of them, in pixels."""
  frames: UInt8[np.ndarray, 'T size size 3']
  landmarks: Float32[np.ndarray, 'T 68 2']
  displacement: Float32[np.ndarray, 'T size size 2']   # from onset, x then y


def _rng(*parts: int | str) -> np.random.Generator:
  digest = hashlib.sha256('/'.join(map(str, parts)).encode()).digest()
  return np.random.default_rng(int.from_bytes(digest[:16], 'big'))


def _scene(
    *, seed: int, subject: str, kind: str, number: int, fps: float,
    difficulty: Difficulty,
) -> Scene:
  clip = f'{subject}/{kind}{number:02d}'
  rng = _rng(seed, clip, 'plan')
  if difficulty.slowest:
    low, high = np.log([min(difficulty.slowest, fps), fps])
    fps = float(np.exp(_rng(seed, clip, 'rate').uniform(low, high)))
  person = person_of(seed, subject, difficulty)
  emotion = emotion_for(
      rng, CLASSES[(number - 1) % len(CLASSES)])
  strength = combination(
      rng, emotion, overlap=difficulty.overlap, incidental=difficulty.incidental,
      lexicon=difficulty.lexicon)
  order = list(face.MUSCLES)
  actions = []
  for unit, amount in strength.items():
    pull = person.gain[order.index(unit)] * np.exp(rng.normal(0., .1, 2))
    left, right = amount * pull
    actions.append(Action(unit, float(left), float(right), float(rng.uniform(0., .3))))
  low, high = getattr(difficulty, kind)
  reach = min(high, max(face.MUSCLES[unit].reach for unit in strength))
  # Most are faint: squaring leaves the range as it is.
  share = (.4 * person.expressive + .6 * rng.uniform()) ** 2
  timing = draw_timing(rng, kind=kind, fps=fps)
  return Scene(
      clip=clip, subject=subject, kind=kind, emotion=emotion, actions=tuple(actions),
      amplitude=float(low + share * max(0., reach - low)), onset=timing.onset,
      apex=timing.apex, offset=timing.offset, fps=fps, seed=seed,
      difficulty=difficulty)


@lru_cache
def person_of(seed: int, subject: str, difficulty: Difficulty) -> sitters.Person:
  """Who bears this name.

  Args:
    seed: another seed, other people.
    subject: the name.
    difficulty: how much people differ.
  """
  person = sitters.draw_person(_rng(seed, subject, 'person'), gain=difficulty.gain)
  return sitters.move_lamp(person, difficulty.lamp)


def glasses_of(scene: Scene) -> sitters.Glasses | None:
  """What a scene's person wears in all clips; None for most."""
  rng = _rng(scene.seed, scene.subject, 'glasses')
  return sitters.draw_glasses(rng) if rng.random() < scene.difficulty.glasses else None


MOST = 10_000     # people, clips of one, frames a second: all are drawn before use


def plan_scenes(
    *, seed: int, subjects: int, micro: int, macro: int, fps: float,
    difficulty: Difficulty = Difficulty(),
) -> tuple[Scene, ...]:
  """All clips of all subjects, subject by subject, micro-expressions first.

  Classes take turns, so every subject has each of them if it has three clips of a kind.

  Args:
    seed: another seed, other people.
    subjects: how many people, named sub01, sub02 and so on.
    micro, macro: clips of each kind for each of them.
    fps: frames a second; at 200 a micro-expression spans 13 to 100 frames.
    difficulty: how hard the faces are to tell apart.

  Raises:
    InputError: a number is out of range.
  """
  for name, value, least in (('subjects', subjects, 1), ('micro', micro, 0),
                             ('macro', macro, 0), ('fps', fps, 1)):
    if not least <= value <= MOST:
      raise InputError(f'synthetic faces: {name} is {value}; it must be from {least} '
                       f'to {MOST}')
  return tuple(
      _scene(seed=seed, subject=f'sub{index + 1:02d}', kind=kind, number=number + 1,
             fps=fps, difficulty=difficulty)
      for index in range(subjects)
      for kind, count in (('micro', micro), ('macro', macro))
      for number in range(count))


def _moves(
    scene: Scene, sitter: draw.Sitter, at: Float[np.ndarray, 'T']
) -> tuple[Float[np.ndarray, 'T 83 2'], list[dict[int, float]], Float[np.ndarray, 'T']]:
  """Every point's movement from rest, folds and closed lids, frame by frame."""
  rng = _rng(scene.seed, scene.clip, 'motion')
  timing = Timing(scene.onset, scene.apex, scene.offset)
  hold = 0. if scene.kind == 'micro' else float(rng.uniform(.1, .4))
  residue = float(rng.uniform(0., .2))
  pulls = [np.tensordot((a.left, a.right), face.directions(a.unit), 1)
           for a in scene.actions]
  whole, = face.bend(sitter.skin, sum(pulls)[None])
  widest = max(np.linalg.norm(sheet, axis=-1).max()
               for sheet in (whole.upper, whole.lower))
  scale = scene.amplitude / 64. / sitter.look.zoom / widest
  courses = [activation(at, timing, delay=a.delay, hold=hold, residue=residue)
             for a in scene.actions]
  moves = sum(scale * course[:, None, None] * pull
              for course, pull in zip(courses, pulls))
  depth = sitter.person.creases * np.clip(scene.amplitude / 7., 0., 1.) ** 1.5
  folds = [{a.unit: float(depth * course[t] * min(1., .5 * (a.left + a.right)))
            for a, course in zip(scene.actions, courses)} for t in range(len(at))]
  blink = draw_blink(rng, timing, probability=scene.difficulty.blink,
                            fps=scene.fps)
  closed = blink_at(at, blink)
  return moves, folds, closed


def _shots(
    scene: Scene, sitter: draw.Sitter, numbers: tuple[int, ...]
) -> list[draw.Frame]:
  """What moves at each of some frame numbers."""
  at, level = np.asarray(numbers, float), scene.difficulty
  moves, folds, closed = _moves(scene, sitter, at)
  bent = face.bend(sitter.skin, moves)
  wide = level.head * (1. if scene.kind == 'micro' else 2.)
  drift = drift_at(
      at, Timing(scene.onset, scene.apex, scene.offset),
      draw_drift(_rng(scene.seed, scene.clip, 'head'), size=wide))
  shots = []
  for t, number in enumerate(numbers):
    rng = _rng(scene.seed, scene.clip, 'frame', number)
    shots.append(draw.Frame(
        bent[t], draw.blinking(bent[t].points, float(closed[t])),
        draw.pose_of(sitter.look, drift[t]), folds[t],
        1. + level.flicker * float(rng.normal()), int(rng.integers(2**31))))
  return shots


def render_scene(scene: Scene, *, frames: tuple[int, ...], size: int) -> Rendered:
  """The pictures of some frames of a scene.

  Args:
    scene: what happens.
    frames: frame numbers; before onset the face is at rest.
    size: side of the picture in pixels; the face fills it.
  """
  level = scene.difficulty
  person = person_of(scene.seed, scene.subject, level)
  look = sitters.draw_look(_rng(scene.seed, scene.clip, 'look'), rest=level.rest,
                            framing=level.framing, lamp=level.lamp)
  if level.crop != (1., 1.) or level.crop_spread:
    spread = level.crop_spread * _rng(scene.seed, scene.clip, 'crop').uniform(-1, 1, 2)
    look = look._replace(stretch=tuple(
        float(1 / np.clip(share, .2, 2.)) for share in np.add(level.crop, spread)))
  sitter = draw.sit(person, look, size=size, units=tuple(a.unit for a in scene.actions))
  shots = _shots(scene, sitter, frames)
  pictures = [draw.picture(sitter, shot, size=size, noise=level.noise,
                           glasses=glasses_of(scene)) for shot in shots]
  rng = _rng(scene.seed, scene.clip, 'jpeg')
  if rng.random() < level.jpeg:
    pictures = draw.compressed(pictures, int(rng.integers(50, 96)))
  return Rendered(
      np.stack(pictures),
      np.stack([draw.landmarks_at(shot, size=size) for shot in shots]),
      draw.displacement(sitter, draw.pose_of(look, np.zeros(4)), shots, size=size))
