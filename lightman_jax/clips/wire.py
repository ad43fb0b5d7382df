"""What a clip is made by, as text for another process: values, and names of functions.

JSON with a mark on what JSON has not. Reading it calls nothing, and a function is found
by its name in the packages that are allowed, where it must stand at the top of its
module.
"""

import base64
from collections.abc import Callable, Mapping
import functools
import importlib
import json
import pathlib
from typing import Any

import numpy as np

PACKAGES = ('lightman_jax',)


class Unwritable(TypeError):
  """A value that only this process knows."""


def write(value: Any, packages: tuple[str, ...] = PACKAGES) -> str:
  """Returns the text of plain values, arrays, named tuples, paths and partials.

  Raises:
    Unwritable: something else is in it, or a function of another package.
  """
  return json.dumps(_marked(value, packages))


def read(text: str, packages: tuple[str, ...] = PACKAGES) -> Any:
  """Returns the value of a text that `write` made.

  Raises:
    ValueError: it names what does not stand in these packages.
  """
  return _value(json.loads(text), packages)


def _marked(value: Any, packages) -> Any:
  marked = lambda part: _marked(part, packages)
  if value is None or isinstance(value, (bool, int, float, str)):
    return value
  if isinstance(value, np.generic):
    return value.item()
  if isinstance(value, pathlib.Path):
    return {'path': str(value)}
  if isinstance(value, np.ndarray) and not value.dtype.hasobject:
    return {'array': base64.b64encode(value.tobytes()).decode(),
            'dtype': value.dtype.str, 'shape': value.shape}
  if isinstance(value, functools.partial):
    return {'call': _name(value.func, packages), 'with': marked(value.args),
            'named': marked(value.keywords)}
  if isinstance(value, tuple) and hasattr(value, '_fields'):
    return {'call': _name(type(value), packages), 'of': [*map(marked, value)]}
  if isinstance(value, tuple):
    return {'tuple': [*map(marked, value)]}
  if isinstance(value, list):
    return [*map(marked, value)]
  if isinstance(value, Mapping):
    return {'mapping': [[marked(key), marked(part)] for key, part in value.items()]}
  raise Unwritable(f'{type(value).__name__} is not written')


def _value(held: Any, packages) -> Any:
  value = lambda part: _value(part, packages)
  if isinstance(held, list):
    return [*map(value, held)]
  if not isinstance(held, dict):
    return held
  if 'path' in held:
    return pathlib.Path(held['path'])
  if 'array' in held:
    content = np.frombuffer(base64.b64decode(held['array']), np.dtype(held['dtype']))
    return content.reshape(held['shape']).copy()
  if 'of' in held:
    return _found(held['call'], packages)(*map(value, held['of']))
  if 'call' in held:
    return functools.partial(_found(held['call'], packages), *value(held['with']),
                             **value(held['named']))
  if 'tuple' in held:
    return tuple(map(value, held['tuple']))
  return {value(key): value(part) for key, part in held['mapping']}


def _name(function: Callable, packages) -> str:
  name = f'{getattr(function, "__module__", "")}:{getattr(function, "__name__", "")}'
  try:
    if _found(name, packages) is function:
      return name
  except (ValueError, ImportError):
    pass
  raise Unwritable(f'{function} is not found by a name')


def _found(name: str, packages) -> Callable:
  module, _, own = name.partition(':')
  if module.partition('.')[0] not in packages or not own:
    raise ValueError(f'{name} does not stand in {", ".join(packages)}')
  found = getattr(importlib.import_module(module), own, None)
  if not callable(found):
    raise ValueError(f'there is no {name}')
  return found
