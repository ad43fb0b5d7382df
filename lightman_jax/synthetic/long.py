"""Videos of minutes: a face with expressions, blinks, glances, speech and a head.

What happens is planned in seconds, so that one plan can be drawn at any frame rate and
its truth stays the same. Every frame is a function of its number: frames can be drawn
in any order, in constant memory. The face is that of `scenes`, drawn once, bent by
sums of fields that are solved once for each muscle, and looked at in a wider picture.

Lengths are in pixels of a 64-pixel face, angles in degrees, times in seconds.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks
from lightman_jax.synthetic import face, render as draw, scenes, sitters, skin
from lightman_jax.synthetic.canvas import Canvas

_NEAREST = .6           # seconds between the end of an expression and the next
_LEAVE = .5             # seconds in which what is left at offset fades
_MAINS = 2.             # a lamp flickers at twice the frequency of its mains
_READOUT = .012         # seconds that a rolling shutter takes from top to bottom
_GRAINS = 8             # pictures of noise that the frames draw from
_SPEECH = (25, 26, 20, 23)
# How far points of a face stand before its sides, in units of the face's width.
_DEPTH, _NOSE = .30, .10


class Expression(NamedTuple):
  """One expression; times in seconds from the start."""
  kind: str                               # 'micro' or 'macro'
  emotion: str                            # a key of `scenes.CLASS_OF`
  onset: float
  apex: float
  offset: float
  actions: tuple[scenes.Action, ...]
  amplitude: float                        # largest over the face, at apex
  hold: float                             # share of the fall at full strength


class Turn(NamedTuple):
  """The head goes to a pose and stays until the next."""
  start: float
  length: float
  yaw: float
  pitch: float
  roll: float
  shift: tuple[float, float]


class Disturbances(NamedTuple):
  """What happens beside expressions, each by itself.

  blinks, glances: a minute.
  speech: share of the time.
  turns: of the head, a minute.
  yaw: standard deviation of a turn in degrees.
  sway: standard deviation of the head's steady motion.
  noise: multiplies the person's camera noise.
  mains: frequency of the lamp's mains in Hz, 0 for daylight.
  ripple: share of the light that flickers.
  rest_between: the least seconds between two expressions.
  """
  blinks: float = 12.
  glances: float = 10.
  speech: float = .12
  turns: float = 3.
  yaw: float = 5.
  sway: float = .5
  noise: float = 1.
  mains: float = 0.
  ripple: float = .06
  rest_between: float = _NEAREST


class LongScene(NamedTuple):
  """Everything that happens in one video."""
  seed: int
  subject: str
  seconds: float
  expressions: tuple[Expression, ...]
  blinks: tuple[tuple[float, float], ...]           # start and length
  glances: tuple[tuple[float, float, float], ...]   # time, x and y
  speech: tuple[tuple[float, float], ...]           # start and end
  turns: tuple[Turn, ...]
  disturbances: Disturbances
  difficulty: scenes.Difficulty


class Truth(NamedTuple):
  """One row of the table of what happens; frames are counted from 0."""
  kind: str
  emotion: str
  onset_frame: int
  apex_frame: int
  offset_frame: int
  onset_s: float
  apex_s: float
  offset_s: float
  units: tuple[int, ...]
  amplitude: float


class Shot(NamedTuple):
  """One frame, RGB, with where its face's landmarks are, in pixels."""
  number: int
  time: float
  picture: UInt8[np.ndarray, 'h w 3']
  landmarks: Float32[np.ndarray, '68 2']


def plan_long(
    *, seed: int, seconds: float, subject: str = 'sub01', micro: float = 6.,
    macro: float = 3., disturbances: Disturbances = Disturbances(),
    difficulty: scenes.Difficulty = scenes.Difficulty(),
) -> LongScene:
  """What happens in one video.

  Args:
    seed: another seed, other people and events.
    seconds: how long it is.
    subject: name of the person.
    micro, macro: expressions of each kind a minute.
    disturbances: what happens beside.
    difficulty: of people and expressions, as of single clips.

  Raises:
    InputError: it is too short for what should happen in it.
  """
  rng = scenes._rng(seed, subject, 'long', 'plan')
  kinds = ['micro'] * round(micro * seconds / 60) + ['macro'] * round(
      macro * seconds / 60)
  rng.shuffle(kinds)
  person = scenes.person_of(seed, subject, difficulty)
  spans = [float(rng.uniform(*scenes.SECONDS[kind])) for kind in kinds]
  spare = seconds - sum(spans) - (len(spans) + 1) * disturbances.rest_between
  if spare < 0:
    raise InputError(f'a synthetic video of {seconds:g} s has no room for '
                     f'{len(kinds)} expressions; make it longer, or have fewer a '
                     'minute')
  gaps = rng.dirichlet(np.ones(len(spans) + 1)) * spare
  start, expressions = 0., []
  for kind, span, gap in zip(kinds, spans, gaps):
    start += float(gap) + disturbances.rest_between
    expressions.append(plan_expression(rng, person, kind, start, span, difficulty))
    start += span
  beside = scenes._rng(seed, subject, 'long', 'beside')
  return LongScene(
      seed, subject, seconds, tuple(expressions),
      *plan_beside(beside, seconds, expressions, disturbances), disturbances,
      difficulty)


def plan_expression(
    rng: np.random.Generator, person: sitters.Person, kind: str, onset: float,
    span: float, difficulty: scenes.Difficulty, label: str = '',
) -> Expression:
  """One expression.

  Args:
    rng: source of randomness.
    person: whose it is.
    kind: 'micro' or 'macro'.
    onset: in seconds.
    span: from onset to offset, in seconds.
    difficulty: of expressions.
    label: one of `scenes.CLASSES`; '' draws one.
  """
  drawn = scenes.CLASSES[rng.integers(3)]
  emotion = scenes.emotion_for(rng, label or drawn)
  strength = scenes.combination(rng, emotion, overlap=difficulty.overlap,
                                incidental=difficulty.incidental)
  order = list(face.MUSCLES)
  actions = []
  for unit, amount in strength.items():
    left, right = amount * person.gain[order.index(unit)] * np.exp(
        rng.normal(0., .1, 2))
    actions.append(scenes.Action(unit, float(left), float(right),
                                 float(rng.uniform(0., .3))))
  low, high = getattr(difficulty, kind)
  reach = min(high, max(face.MUSCLES[unit].reach for unit in strength))
  share = (.4 * person.expressive + .6 * rng.uniform()) ** 2
  rise = span * float(rng.uniform(.3, .55))
  hold = 0. if kind == 'micro' else float(rng.uniform(.1, .4))
  return Expression(kind, emotion, onset, onset + rise, onset + span, tuple(actions),
                    float(low + share * max(0., reach - low)), hold)


def plan_beside(rng: np.random.Generator, seconds: float,
                expressions: Sequence[Expression], level: Disturbances
                ) -> tuple[tuple, tuple, tuple, tuple]:
  """Blinks, glances, speech and turns of the head.

  Args:
    rng: source of randomness.
    seconds: of the video.
    expressions: in the order of time; nobody speaks during one.
    level: how much of each.
  """
  def times(a_minute):
    return np.sort(rng.uniform(0., seconds, rng.poisson(a_minute * seconds / 60)))
  blinks = tuple((float(t), float(rng.uniform(.15, .35))) for t in times(level.blinks))
  glances = tuple((float(t), *map(float, rng.normal(0., .35, 2) * (1., .5)))
                  for t in times(level.glances))
  speech, left = [], level.speech * seconds
  edges = [0., *(edge for e in expressions for edge in (e.onset, e.offset)), seconds]
  pauses = [(a + .3, b - .3) for a, b in zip(edges[::2], edges[1::2]) if b - a > 2.]
  rng.shuffle(pauses)
  for a, b in pauses:
    long = min(left, b - a, float(rng.uniform(1.5, 5.)))
    if long > 1.:
      start = a + float(rng.uniform()) * max(0., b - long - a)
      speech.append((start, start + long))
      left -= long
  turns = []
  for t in times(level.turns):
    yaw, pitch, roll = rng.normal(0., level.yaw, 3) * (1., .5, .4)
    turns.append(Turn(float(t), float(rng.uniform(.4, 1.5)), float(yaw), float(pitch),
                      float(roll), tuple(map(float, rng.normal(0., 1.5, 2)))))
  return blinks, glances, tuple(sorted(speech)), tuple(turns)


class LongVideo:
  """The frames of a scene by number.

  Args:
    scene: what happens.
    fps: frames a second.
    face_size: side of the face's unit square in pixels, a multiple of 25.
    shape: height and width of the picture; at least 1.24 times the face.
    lossless_grain: False leaves the camera's noise out.

  Raises:
    InputError: the face does not fit the picture.
  """

  def __init__(self, scene: LongScene, *, fps: float, face_size: int = 150,
               shape: tuple[int, int] = (240, 320)):
    side = round(face_size * (1. + 2. * face.MARGIN))
    if face_size % 25 or side > min(shape):
      most = int(min(shape) / (1. + 2. * face.MARGIN)) // 25 * 25
      raise InputError(f'a synthetic face of {face_size} pixels: it must be a multiple '
                       f'of 25, and at most {most} in a picture of {shape[1]} x '
                       f'{shape[0]}, for it has a margin')
    self.scene, self.fps, self.shape, self._size = scene, fps, shape, face_size
    self._canvas = Canvas(side, face.MARGIN)
    self._corner = ((shape[1] - side) // 2, shape[0] - side)
    person = scenes.person_of(scene.seed, scene.subject, scene.difficulty)
    rng = scenes._rng(scene.seed, scene.subject, 'long', 'look')
    look = sitters.draw_look(rng, rest=.3 * scene.difficulty.rest, framing=0.)
    units = tuple(sorted({a.unit for e in scene.expressions for a in e.actions}))
    self._sitter = draw.sit(person, look, size=face_size, units=units)
    # A pixel of the picture shows two by two of what was drawn.
    softened = self._sitter.canvas.blur(
        self._sitter.picture, np.hypot(person.blur / 64., .5 / face_size))
    self._skin = np.round(255 * np.clip(softened, 0., 1.)).astype(np.uint8)
    self._grid = self._canvas.grid()
    self._fields = {unit: self._solve(face.directions(unit))
                    for unit in {*units, *_SPEECH}}
    self._widest = [self._scale_of(e) for e in scene.expressions]
    self._grain = [np.random.default_rng((scene.seed, k)).standard_normal(
        (shape[0] + 32, shape[1] + 32, 3), np.float32) for k in range(_GRAINS)]
    self._rng = scenes._rng(scene.seed, scene.subject, 'long', 'course')
    self._still: tuple[np.ndarray, np.ndarray] | None = None
    self._sway = (self._rng.uniform(.05, .35, (4, 3)),
                  self._rng.uniform(0., 2 * np.pi, (4, 3)))
    self._syllables = self._rng.uniform(.2, 1., (len(scene.speech), 64, len(_SPEECH)))

  def __len__(self) -> int:
    return int(self.scene.seconds * self.fps)

  def __iter__(self) -> Iterator[Shot]:
    return (self.shot(number) for number in range(len(self)))

  def truth(self) -> list[Truth]:
    """What happens, with the nearest frames."""
    rows = []
    for e in self.scene.expressions:
      frames = [round(t * self.fps) for t in (e.onset, e.apex, e.offset)]
      rows.append(Truth(e.kind, e.emotion, *frames, e.onset, e.apex, e.offset,
                        tuple(a.unit for a in e.actions), e.amplitude))
    return rows

  def shot(self, number: int) -> Shot:
    """One frame.

    Args:
      number: from 0.
    """
    return self.shot_at(number / self.fps, number)

  def shot_at(self, time: float, number: int) -> Shot:
    """One frame at any instant.

    Args:
      time: in seconds.
      number: what it is called.
    """
    upper, lower, points, folds = self._skin_at(time)
    pose, yaw, pitch = self._head(time)
    rest = self._sitter.points
    for sheet in (upper, lower):
      sheet += _turned(face._grid(), yaw, pitch).reshape(sheet.shape).astype(np.float32)
    points = points + _turned(points, yaw, pitch)
    rest = rest + _turned(rest, yaw, pitch)
    closed = max((float(scenes.blink_at(np.array([time]), blink)[0])
                  for blink in self.scene.blinks
                  if -blink[1] < time - blink[0] < 2 * blink[1]), default=0.)
    bent = face.Bend(upper, lower, points)
    shown = draw.blinking(points, closed)
    image = self._picture(bent, shown, rest, pose, folds, time)
    places = self._canvas.pixels(pose.apply(shown[:landmarks.COUNT])) + self._corner
    return Shot(number, time, self._camera(image, time, number),
                places.astype(np.float32))

  def _solve(self, directions):
    bends = face.bend(self._sitter.skin, directions)
    return [(b.upper, b.lower, b.points - self._sitter.points) for b in bends]

  def _scale_of(self, e: Expression) -> float:
    sheets = [sum(a.left * self._fields[a.unit][0][k] + a.right
                  * self._fields[a.unit][1][k] for a in e.actions) for k in (0, 1)]
    widest = max(np.linalg.norm(sheet, axis=-1).max() for sheet in sheets)
    return float(e.amplitude / 64. / widest)

  def _skin_at(self, time: float):
    """The two sheets, the points, and how deep each unit's folds are."""
    pulls, folds = {}, {}
    for e, scale in zip(self.scene.expressions, self._widest):
      if not e.onset < time < e.offset + 4 * _LEAVE:
        continue
      for a in e.actions:
        share = _course(e, a, time)
        left, right = pulls.get(a.unit, (0., 0.))
        pulls[a.unit] = (left + scale * share * a.left, right + scale * share * a.right)
        depth = self._sitter.person.creases * min(1., e.amplitude / 7.) ** 1.5
        folds[a.unit] = folds.get(a.unit, 0.) + depth * share * min(
            1., .5 * (a.left + a.right))
    for span, syllables in zip(self.scene.speech, self._syllables):
      if span[0] < time < span[1]:
        for unit, amount in zip(_SPEECH, _spoken(span, syllables, time)):
          left, right = pulls.get(unit, (0., 0.))
          pulls[unit] = left + amount, right + amount
    upper, lower = (np.zeros_like(self._fields[_SPEECH[0]][0][k]) for k in (0, 1))
    points = self._sitter.points.copy()
    for unit, sides in pulls.items():
      for amount, (up, low, moved) in zip(sides, self._fields[unit]):
        amount = np.float32(amount)
        upper += amount * up
        lower += amount * low
        points += amount * moved
    return upper, lower, points, folds

  def _head(self, time: float) -> tuple[draw.Pose, float, float]:
    """The pose in the picture's plane, and yaw and pitch in degrees."""
    pace, phase = self._sway
    wave = np.sin(2 * np.pi * pace * time + phase).mean(1) * 3.**.5
    wave = wave - np.sin(phase).mean(1) * 3.**.5
    sway = self.scene.disturbances.sway
    drift = np.array([sway, .6 * sway, .8 * sway, .006 * sway]) * wave
    yaw = pitch = 0.
    now = np.zeros(5)
    for turn in self.scene.turns:
      share = _eased((time - turn.start) / turn.length)
      goal = np.array([turn.yaw, turn.pitch, turn.roll, *turn.shift])
      now = now + share * (goal - now)
    yaw, pitch = now[:2]
    drift[2] += now[2]
    drift[:2] += now[3:]
    return draw.pose_of(self._sitter.look, drift), float(yaw), float(pitch)

  def _picture(self, bent, shown, rest, pose, folds, time):
    where = np.stack(pose.undo_grid(self._canvas), -1).astype(np.float32)
    source = self._sitter.canvas.pixels(where + self._back(bent, where))
    source = source.astype(np.float32)
    image = cv2.remap(self._skin, source, None, cv2.INTER_LINEAR,
                      borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    image *= np.float32(1 / 255)
    depth = sum(np.float32(value) * self._sitter.folds[unit]
                for unit, value in folds.items()
                if value > .01 and unit in self._sitter.folds)
    if not np.isscalar(depth):
      dark = cv2.remap(depth, source, None, cv2.INTER_LINEAR)
      image *= (1. - np.clip(dark, 0., .8))[..., None]
    image = np.stack(cv2.split(image))
    now = pose.apply(shown)
    image = skin.eyes(
        image, self._canvas, self._sitter.person, now, rest=pose.apply(rest),
        gaze=self._sitter.look.gaze + self._gaze(time), light=self._sitter.light[0])
    return skin.mouth(image, self._canvas, self._sitter.person, now,
                      light=self._sitter.light[1])

  def _back(self, bent: face.Bend, where: np.ndarray) -> np.ndarray:
    """As `face.backward`, which is the same sheet above and below lips at rest."""
    if not np.array_equal(bent.upper, bent.lower):
      return face.backward(bent, where)
    if self._still is None or not np.array_equal(self._still[0], bent.upper):
      self._still = bent.upper, face._inverse(bent.upper)
    return face._sample(self._still[1], where)

  def _gaze(self, time: float) -> np.ndarray:
    at = np.zeros(2)
    for start, x, y in self.scene.glances:
      # A saccade takes some 40 ms.
      share = _eased((time - start) / .04)
      at = at + share * (np.array([x, y]) - at)
    return at

  def _camera(self, image, time, number) -> UInt8[np.ndarray, 'h w 3']:
    """The lamp, the wall beside the face, and the sensor's noise."""
    (left, top), (height, width) = self._corner, self.shape
    image = cv2.copyMakeBorder(
        cv2.merge(tuple(image)), top, 0, left, width - left - self._canvas.side,
        cv2.BORDER_REPLICATE)
    level, rng = self.scene.disturbances, np.random.default_rng(
        (self.scene.seed, number))
    light = np.float32(self._sitter.look.exposure * (
        1. + self.scene.difficulty.flicker * rng.standard_normal()))
    rows = time + _READOUT * np.arange(height) / height
    if level.mains:
      light = light * (1. + level.ripple * np.sin(
          2 * np.pi * _MAINS * level.mains * rows)).astype(np.float32)[:, None, None]
    image *= light
    grain = self._grain[rng.integers(_GRAINS)]
    y, x = rng.integers(0, 32, 2)
    spread = np.float32(self._sitter.person.noise * level.noise) * cv2.sqrt(
        image + np.float32(.3))
    image += spread * grain[y:y + height, x:x + width]
    return np.clip(255 * image + .5, 0, 255).astype(np.uint8)


def _course(e: Expression, action: scenes.Action, time: float) -> float:
  """How far a muscle has contracted; what is left at offset fades after it."""
  timing = scenes.Timing(e.onset, e.apex, e.offset)
  residue = .1
  if time > e.offset:
    return residue * (1. - _eased((time - e.offset) / (4 * _LEAVE)))
  return float(scenes.activation(
      np.array([time]), timing, delay=action.delay, hold=e.hold, residue=residue)[0])


def _eased(share: float) -> float:
  """0 up to 0, 1 from 1, a minimum-jerk curve between."""
  return float(scenes._smooth(np.array([share]))[0])


def _spoken(span, syllables, time) -> Float[np.ndarray, 'units']:
  """How far each muscle of speech pulls, in units of the face: 4 to 5 syllables/s."""
  phase = (time - span[0]) * 4.5
  number = int(phase) % len(syllables)
  open_ = np.sin(np.pi * (phase % 1.)) ** 2
  return open_ * syllables[number] * np.array([.018, .022, .010, .010])


def _turned(
    points: Float[np.ndarray, '*n 2'], yaw: float, pitch: float
) -> Float[np.ndarray, '*n 2']:
  """How far a head's turn moves points of a face, in units.

  Args:
    points: in units.
    yaw, pitch: in degrees.
  """
  depth = depth_of(points)
  return np.stack([np.sin(np.deg2rad(yaw)) * depth, np.sin(np.deg2rad(pitch)) * depth],
                  -1)


def depth_of(points: Float[np.ndarray, '*n 2']) -> Float[np.ndarray, '*n']:
  """How far points of a face stand out towards the camera: an ellipsoid and a nose.

  Args:
    points: in units of `landmarks.mean_face`.
  """
  x, y = points[..., 0] - .5, points[..., 1]
  round_ = np.maximum(0., 1. - (x / .50)**2 - ((y - .55) / .62)**2)
  nose = np.exp(-.5 * ((x / .06)**2 + ((y - .55) / .07)**2))
  return _DEPTH * np.sqrt(round_ + .02) + _NOSE * nose
