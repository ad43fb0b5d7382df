"""When things move: an expression's time course, the head, the blinks.

Durations: a micro-expression lasts 1/15 to 1/2 second, a macro-expression 1/2 to 4
(Yan et al. 2013, "How fast are the leaked facial expressions"; Ekman 2003). Rise and
fall are minimum-jerk curves, quick up and slow down. Lengths are in pixels of a
64-pixel face, angles in degrees, time in frames.
"""

from typing import NamedTuple

from jaxtyping import Float
import numpy as np

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
