"""Which run a configuration is: its settings without the places, their hash, a name."""

from collections.abc import Mapping, Sequence
import hashlib
import json
import re
from typing import Any

from lightman_jax.report import differences

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
  return differences.without(json.loads(canonical(config)), PLACES)


def config_sha256(config: Mapping[str, Any]) -> str:
  """SHA-256 of the configuration without `PLACES`."""
  return hashlib.sha256(canonical(identity(config)).encode()).hexdigest()


def canonical(value: Any) -> str:
  """Equal values give equal text: JSON with sorted keys and no spaces."""
  return json.dumps(value, sort_keys=True, separators=(',', ':'), default=plain)


def plain(value: Any) -> Any:
  """The `default` of json.dumps: NumPy's arrays and numbers as lists and numbers."""
  if hasattr(value, 'tolist'):   # NumPy
    return value.tolist()
  raise TypeError(f'{value!r} cannot be written as JSON')
