"""T frames: onset first, apex in the middle, offset last, evenly spaced between."""

from hypothesis import given, strategies as st
import pytest

from lightman_jax.errors import InputError
from lightman_jax.faces.apex import sample_frames

SPANS = st.lists(st.integers(0, 10**6), min_size=3, max_size=3).map(sorted)
HALVES = st.integers(1, 20)


@given(SPANS, HALVES)
def test_ends_and_middle_are_the_annotated_frames(span, half):
  numbers = sample_frames(*span, frames=2 * half + 1)
  assert len(numbers) == 2 * half + 1
  assert [numbers[0], numbers[half], numbers[-1]] == span


@given(SPANS, HALVES)
def test_numbers_never_go_back_and_steps_are_even(span, half):
  numbers = sample_frames(*span, frames=2 * half + 1)
  for part in (numbers[:half + 1], numbers[half:]):
    steps = [after - before for before, after in zip(part, part[1:])]
    assert min(steps) >= 0 and max(steps) - min(steps) <= 1


@given(SPANS, HALVES, st.integers(0, 10**6))
def test_where_a_clip_starts_does_not_matter(span, half, shift):
  moved = sample_frames(*(number + shift for number in span), frames=2 * half + 1)
  assert moved == tuple(n + shift for n in sample_frames(*span, frames=2 * half + 1))


@pytest.mark.parametrize('span, frames, expected', [
    ((46, 59, 86), 9, (46, 49, 53, 56, 59, 66, 73, 79, 86)),
    ((46, 59, 86), 3, (46, 59, 86)),
    ((46, 59, 86), 1, (59,)),
    ((5, 5, 9), 5, (5, 5, 5, 7, 9)),
    ((1, 2, 3), 7, (1, 1, 2, 2, 2, 3, 3)),
    ((7, 7, 7), 3, (7, 7, 7)),
])
def test_values_by_hand(span, frames, expected):
  assert sample_frames(*span, frames=frames) == expected


@pytest.mark.parametrize('frames', [0, -1, 2, 8])
def test_an_even_number_of_frames_has_no_middle(frames):
  with pytest.raises(InputError, match='odd'):
    sample_frames(1, 2, 3, frames=frames)


def test_disorder_is_refused():
  with pytest.raises(ValueError):
    sample_frames(3, 2, 5, frames=3)
