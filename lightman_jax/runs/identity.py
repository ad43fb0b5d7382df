"""Which run a configuration is: its settings without the places, their hash, a name."""

from collections.abc import Mapping, Sequence
import hashlib
import json
import re
from typing import Any

# What differs between two nested dictionaries, in dotted names.

SHOWN = 8
LONGEST = 40   # characters of a value

Difference = tuple[str, Any, Any]   # dotted name, old value, new value


class Absent:
  """Stands for a name that one side does not have."""

  def __repr__(self) -> str:
    return '(absent)'


ABSENT = Absent()


def find_differences(old: Mapping[str, Any], new: Mapping[str, Any]
                     ) -> list[Difference]:
  """Names whose values differ, sorted; `ABSENT` where a side lacks one.

  Args:
    old: nested plain values.
    new: nested plain values.
  """
  one, two = _flat(old), _flat(new)
  names = sorted(one.keys() | two.keys())
  # Where one side is empty, what the other has in it tells all.
  filled = {name for name in names if {} in (one.get(name), two.get(name))
            and any(other.startswith(f'{name}.') for other in names)}
  return [(name, one.get(name, ABSENT), two.get(name, ABSENT)) for name in names
          if one.get(name, ABSENT) != two.get(name, ABSENT) and name not in filled]


def describe_differences(differences: Sequence[Difference]) -> str:
  """'inner.steps: 3 -> 5, method: "maml" -> "lightman"', eight at most.

  Args:
    differences: of `between`.
  """
  parts = [f'{name}: {_short(old)} -> {_short(new)}' for name, old, new in differences]
  more = len(parts) - SHOWN
  tail = f', and {more} more' if more > 0 else ''
  return ', '.join(parts[:SHOWN]) + tail


def drop_names(tree: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
  """A copy that lacks the dotted `names`; those it never had are no matter.

  Args:
    tree: nested plain values.
    names: such as 'data.data_dir'; a name of a branch takes all of it.
  """
  rest = {}
  for key, value in tree.items():
    if key in names:
      continue
    below = [name[len(key) + 1:] for name in names if name.startswith(f'{key}.')]
    rest[key] = (drop_names(value, below) if below and isinstance(value, Mapping)
                 else value)
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


# Where something lies, and what it may take, is not what is computed: these may differ
# between two starts.
PLACES = ('workdir', 'data.data_dir', 'data.manual_dir', 'training.memory_limit',
          'training.devices', 'training.split', 'training.folds_at_once',
          'training.tasks_at_once')


def name_of(config: Mapping[str, Any], words: Sequence[str]) -> str:
  """A readable folder name that is a function of the configuration.

  Args:
    config: nested plain values.
    words: what to read in the name, such as ('casme2', 'lightman', 'conv4').

  Returns:
    Such as 'casme2-lightman-conv4-1a2b3c4d'; the digits are of the sha256 of the
    configuration without `PLACES`.
  """
  clean = (re.sub(r'[^a-z0-9.]+', '_', str(word).lower()).strip('_.')
           for word in words)
  return '-'.join([*filter(None, clean), config_sha256(config)[:8]])


def identity(config: Mapping[str, Any]) -> dict[str, Any]:
  """The configuration as plain JSON values, without `PLACES`."""
  return drop_names(json.loads(canonical_json(config)), PLACES)


def config_sha256(config: Mapping[str, Any]) -> str:
  """SHA-256 of the configuration without `PLACES`."""
  return hashlib.sha256(canonical_json(identity(config)).encode()).hexdigest()


def canonical_json(value: Any) -> str:
  """Equal values give equal text: JSON with sorted keys and no spaces."""
  return json.dumps(value, sort_keys=True, separators=(',', ':'), default=plain)


def plain(value: Any) -> Any:
  """The `default` of json.dumps: NumPy's arrays and numbers as lists and numbers."""
  if hasattr(value, 'tolist'):   # NumPy
    return value.tolist()
  raise TypeError(f'{value!r} cannot be written as JSON')
