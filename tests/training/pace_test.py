"""Pieces of training take seconds, whatever a step takes; compiling is no step."""

import pytest

from lightman_jax.training import loop
from lightman_jax.training.loop import Pace


class Clock:
  now = 100.

  def __call__(self):
    return self.now


def run(second, steps, chunk, compiling=0.):
  """Pieces, and the times of interim saves, of so many steps of so many seconds."""
  clock = Clock()
  measured, pieces, saves, step = Pace(clock), [], [], 0
  measured.saved()
  while step < steps:
    count = measured.next(chunk - step % chunk)
    if not step:
      with measured.aside():
        clock.now += compiling
    clock.now += count * second
    measured.done(count)
    pieces.append(count)
    step += count
    if step % chunk == 0 or measured.is_due():
      saves += [clock.now - 100 - compiling] * (step % chunk > 0)
      measured.saved()
  return pieces, saves


def test_the_first_steps_are_timed_alone():
  assert run(.5, 40, 20, compiling=500.) == ([1, 1, 10, 8, 10, 10], [])


def test_a_step_of_an_instant_does_not_cut_a_chunk():
  assert run(0., 40, 20) == ([1, 1, 18, 20], [])


@pytest.mark.parametrize('second', [.125, 3., 7.])
def test_something_is_kept_every_minute_or_so(second):
  pieces, saves = run(second, 1000, 1000)
  gaps = [after - before for before, after in zip([0, *saves], saves)]
  assert loop.SAVE <= min(gaps) and max(gaps) <= loop.SAVE + max(loop.LOOK, second)
  assert max(pieces) == max(1, loop.LOOK // second)


def test_a_step_that_outlasts_a_grace_period_begins_with_all_saved():
  assert run(25., 4, 4) == ([1] * 4, [25., 50., 75.])
