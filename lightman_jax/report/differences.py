"""What differs between two nested dictionaries, in dotted names."""

from collections.abc import Mapping, Sequence
import json
from typing import Any

SHOWN = 8
LONGEST = 40   # characters of a value

Difference = tuple[str, Any, Any]   # dotted name, old value, new value


class Absent:
  """Stands for a name that one side does not have."""

  def __repr__(self) -> str:
    return '(absent)'


ABSENT = Absent()


def between(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
  """Names whose values differ, sorted; `ABSENT` where a side lacks one."""
  one, two = _flat(old), _flat(new)
  names = sorted(one.keys() | two.keys())
  # Where one side is empty, what the other has in it tells all.
  filled = {name for name in names if {} in (one.get(name), two.get(name))
            and any(other.startswith(f'{name}.') for other in names)}
  return [(name, one.get(name, ABSENT), two.get(name, ABSENT)) for name in names
          if one.get(name, ABSENT) != two.get(name, ABSENT) and name not in filled]


def told(found: Sequence[Difference]) -> str:
  """'inner.steps: 3 -> 5, method: "maml" -> "lightman"', eight at most."""
  parts = [f'{name}: {_short(old)} -> {_short(new)}' for name, old, new in found]
  more = len(parts) - SHOWN
  tail = f', and {more} more' if more > 0 else ''
  return ', '.join(parts[:SHOWN]) + tail


def without(tree: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
  """A copy that lacks the dotted `names`; those it never had are no matter."""
  rest = {}
  for key, value in tree.items():
    if key in names:
      continue
    below = [name[len(key) + 1:] for name in names if name.startswith(f'{key}.')]
    rest[key] = without(value, below) if below and isinstance(value, Mapping) else value
  return rest


def _flat(tree: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
  flat = {}
  for key, value in tree.items():
    if isinstance(value, Mapping) and value:
      flat.update(_flat(value, f'{prefix}{key}.'))
    else:
      flat[f'{prefix}{key}'] = value
  return flat


def _short(value: Any) -> str:
  text = repr(value) if value is ABSENT else json.dumps(value, ensure_ascii=False)
  # Of a hash the beginning says enough.
  return text if len(text) <= LONGEST else f'{text[:12]}...'
