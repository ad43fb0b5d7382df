"""Scenes of synthetic people: planned without drawing, then rendered frame by frame.

Each scene's randomness is a function of the seed, the subject's name and the clip's
name alone, so adding people or clips leaves the others as they are.
"""

from functools import lru_cache
import hashlib
from typing import NamedTuple

from jaxtyping import Float, Float32, UInt8
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.synthetic import emotions, identity, motion, muscles, render as draw


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
  emotion: str              # a key of `emotions.CLASS_OF`
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
  person = person_of(seed, subject, difficulty)
  emotion = emotions.emotion_for(
      rng, emotions.CLASSES[(number - 1) % len(emotions.CLASSES)])
  strength = emotions.combination(
      rng, emotion, overlap=difficulty.overlap, incidental=difficulty.incidental)
  order = list(muscles.MUSCLES)
  actions = []
  for unit, amount in strength.items():
    pull = person.gain[order.index(unit)] * np.exp(rng.normal(0., .1, 2))
    left, right = amount * pull
    actions.append(Action(unit, float(left), float(right), float(rng.uniform(0., .3))))
  low, high = getattr(difficulty, kind)
  reach = min(high, max(muscles.MUSCLES[unit].reach for unit in strength))
  # Most are faint: squaring leaves the range as it is.
  share = (.4 * person.expressive + .6 * rng.uniform()) ** 2
  timing = motion.draw_timing(rng, kind=kind, fps=fps)
  return Scene(
      clip=clip, subject=subject, kind=kind, emotion=emotion, actions=tuple(actions),
      amplitude=float(low + share * max(0., reach - low)), onset=timing.onset,
      apex=timing.apex, offset=timing.offset, fps=fps, seed=seed,
      difficulty=difficulty)


@lru_cache
def person_of(seed: int, subject: str, difficulty: Difficulty) -> identity.Person:
  """Who bears this name.

  Args:
    seed: another seed, other people.
    subject: the name.
    difficulty: how much people differ.
  """
  return identity.draw_person(_rng(seed, subject, 'person'), gain=difficulty.gain)


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
    if value < least:
      raise InputError(f'synthetic faces: {name} is {value}, but must be at least '
                       f'{least}.')
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
  timing = motion.Timing(scene.onset, scene.apex, scene.offset)
  hold = 0. if scene.kind == 'micro' else float(rng.uniform(.1, .4))
  residue = float(rng.uniform(0., .2))
  pulls = [np.tensordot((a.left, a.right), muscles.directions(a.unit), 1)
           for a in scene.actions]
  whole, = muscles.bend(sitter.skin, sum(pulls)[None])
  widest = max(np.linalg.norm(sheet, axis=-1).max()
               for sheet in (whole.upper, whole.lower))
  scale = scene.amplitude / 64. / sitter.look.zoom / widest
  courses = [motion.activation(at, timing, delay=a.delay, hold=hold, residue=residue)
             for a in scene.actions]
  moves = sum(scale * course[:, None, None] * pull
              for course, pull in zip(courses, pulls))
  depth = sitter.person.creases * np.clip(scene.amplitude / 7., 0., 1.) ** 1.5
  folds = [{a.unit: float(depth * course[t] * min(1., .5 * (a.left + a.right)))
            for a, course in zip(scene.actions, courses)} for t in range(len(at))]
  blink = motion.draw_blink(rng, timing, probability=scene.difficulty.blink,
                            fps=scene.fps)
  closed = motion.blink_at(at, blink)
  return moves, folds, closed


def _shots(
    scene: Scene, sitter: draw.Sitter, numbers: tuple[int, ...]
) -> list[draw.Frame]:
  """What moves at each of some frame numbers."""
  at, level = np.asarray(numbers, float), scene.difficulty
  moves, folds, closed = _moves(scene, sitter, at)
  bent = muscles.bend(sitter.skin, moves)
  wide = level.head * (1. if scene.kind == 'micro' else 2.)
  drift = motion.drift_at(
      at, motion.Timing(scene.onset, scene.apex, scene.offset),
      motion.draw_drift(_rng(scene.seed, scene.clip, 'head'), size=wide))
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
  look = identity.draw_look(_rng(scene.seed, scene.clip, 'look'), rest=level.rest,
                            framing=level.framing)
  sitter = draw.sit(person, look, size=size, units=tuple(a.unit for a in scene.actions))
  shots = _shots(scene, sitter, frames)
  return Rendered(
      np.stack([draw.picture(sitter, shot, size=size, noise=level.noise)
                for shot in shots]),
      np.stack([draw.landmarks_at(shot, size=size) for shot in shots]),
      draw.displacement(sitter, draw.pose_of(look, np.zeros(4)), shots, size=size))
