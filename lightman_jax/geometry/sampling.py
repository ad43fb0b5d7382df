"""Which T frames of a clip are kept."""

from lightman_jax.errors import InputError


def sample(onset: int, apex: int, offset: int, *, frames: int) -> tuple[int, ...]:
  """Returns T frame numbers: onset first, apex in the middle, offset last.

  Between these the numbers are evenly spaced, each half for itself, and rounded to
  the nearest whole number, halves upwards. In a half that is shorter than (T - 1) / 2
  frames numbers repeat, so such a frame stands still for a while; where apex equals
  onset, the first half is the onset frame throughout. T = 1 is the apex alone.

  Args:
    onset: first frame of the expression.
    apex: its strongest frame; onset <= apex <= offset.
    offset: last frame.
    frames: T, odd.

  Raises:
    InputError: T is even or below 1.
    ValueError: the three numbers are not in order.
  """
  if frames < 1 or frames % 2 == 0:
    raise InputError(f'frames is {frames}; it must be odd (onset, ..., apex, ..., '
                     'offset) or 1 (the apex alone).')
  if not onset <= apex <= offset:
    raise ValueError(f'{onset}, {apex}, {offset} are not in order.')
  half = frames // 2
  rise = (_part(onset, apex, step, half) for step in range(half))
  fall = (_part(apex, offset, step, half) for step in range(1, half + 1))
  return (*rise, apex, *fall)


def _part(start: int, end: int, step: int, steps: int) -> int:
  # Whole-number arithmetic: the same on every machine, and halves go one way.
  return start + (2 * step * (end - start) + steps) // (2 * steps)
