"""How a number and its interval are written in a table."""

from collections.abc import Mapping


def cell(scored: Mapping[str, float | None]) -> str:
  """'.712 [.650, .771]' of a value, its low and its high."""
  value, low, high = (short(scored[key]) for key in ('value', 'low', 'high'))
  return f'{value} [{low}, {high}]'


def short(value: float | None) -> str:
  """.712 rather than 0.712; a dash where there is no number."""
  if value is None:
    return '-'
  text = f'{value:.3f}'
  return text[1:] if text.startswith('0') else text
