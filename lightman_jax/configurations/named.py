"""Configurations by name: 'synthetic:debug', 'casme2:three,method=maml'.

A name is that of a module beside this one; a file of one's own, FILE.py, stands
wherever a name does. What follows the colon are variants of that configuration.
"""

from collections.abc import Callable
import difflib
import errno
import importlib
import os
import pathlib
import runpy
from typing import Any

from ml_collections import config_dict

from lightman_jax import places, sections, settings
from lightman_jax.config_flag import check_config, explain
from lightman_jax.errors import InputError
from lightman_jax.options import suggestion
from lightman_jax.registry import RAISED

FOLDER = pathlib.Path(__file__).resolve().parent
CHECKOUT = FOLDER.parents[1]            # of this package, if it lies in one
NAMES = tuple(sorted({path.stem for path in FOLDER.glob('*.py')}
                     - {'__init__', 'defaults', 'named', 'sweeps'}))


def settings_by_name(name: str, *, method: str | None = None,
                     encoder: str | None = None, data: str | None = None,
                     protocol: str | None = None, score: str | None = None,
                     macro: str | None = None, support: str | None = None,
                     labels: str | None = None, **changes: Any) -> dict[str, Any]:
  """Returns the complete settings of a run, checked.

  Args:
    name: of a configuration, or a file of one's own, with variants behind a colon:
      'synthetic:debug', 'casme2', 'my_file.py:quick'.
    method, encoder, data, protocol, macro, support, labels: as the variant method=NAME,
      and so on.
    score: likewise, some with commas between.
    **changes: dotted setting to value, as `**{'training.steps': 50}`.

  Returns:
    Nested plain values: section to setting to value.

  Raises:
    InputError: there is no such configuration, variant or setting, with the nearest
      that there is; or the settings cannot run.
  """
  parts = {'method': [method], 'encoder': [encoder], 'data': [data],
           'protocol': [protocol], 'score': (score or '').split(','), 'macro': [macro],
           'support': [support], 'labels': [labels]}
  variants = name.partition(':')[2]
  words = [variants] * bool(variants) + [
      f'{kind}={one}' for kind, ones in parts.items() for one in ones if one]
  config = read(name.partition(':')[0], ','.join(words)).to_dict()
  config = settings.changed(config, changes)
  settings.check(config)
  return config


def configuration(name: str) -> Callable[..., Any]:
  """Returns the function get_config(arg) of a named configuration, or of a file.

  Raises:
    InputError: there is none.
  """
  if name in NAMES and not os.path.isfile(name):
    module = importlib.import_module(f'lightman_jax.configurations.{name}')
    return module.get_config
  file = path_of(name)
  try:
    function = runpy.run_path(str(file)).get('get_config')
  except OSError as error:
    raise InputError(f'{file} cannot be read ({error.strerror}); give the name of a '
                     f'configuration ({", ".join(NAMES)}) or a file') from None
  except InputError:
    raise
  except RAISED as error:
    raise InputError(explain(file, error)) from error
  if function is None:
    raise InputError(f'{file} is not a configuration: it has no function '
                     'get_config(arg), which returns the settings')
  return function


def read(name: str, variants: str) -> config_dict.ConfigDict:
  """What get_config(arg) of a named configuration, or of a file, returns.

  Args:
    name: of a configuration, or a path.
    variants: its argument.

  Raises:
    InputError: there is none, or it is wrong; names the file and the line.
  """
  function = configuration(name)
  try:
    config = function(variants)
  except InputError:
    raise
  except RAISED as error:
    raise InputError(explain(path_of(name), error)) from error
  check_config(path_of(name), config)
  return config


def path_of(name: str) -> pathlib.Path:
  """Returns the file of a configuration.

  A file that is there goes before a name, and a name before the files configs/NAME.py
  of a checkout, which are found from every folder.

  Args:
    name: of a configuration, or a path.

  Raises:
    InputError: it is neither a name nor a path of what is there; names the nearest.
  """
  path = places.expand(name)
  if said := sections.hint('config', name):
    raise InputError(said)
  if path.is_file():
    return path
  if name in NAMES:
    return FOLDER / f'{name}.py'
  if path.exists():
    return path
  beside = CHECKOUT / path
  if (CHECKOUT / 'launch.py').is_file() and beside.is_file():
    return beside
  if path.parent.name == 'configs' and path.suffix == '.py' and path.stem in NAMES:
    return FOLDER / path.name
  if path.suffix != '.py' and len(path.parts) == 1:
    raise InputError(
        f'there is no configuration {name!r}' + suggestion(name, NAMES)
        + ', and one of your own is given as FILE.py')
  near = difflib.get_close_matches(path.stem.casefold(), NAMES, n=1)
  if near and path.parent.name == 'configs':
    near = [str(path.with_name(f'{near[0]}.py'))]
  raise InputError(f'{name} cannot be read ({os.strerror(errno.ENOENT)}); ' + (
      f'did you mean --config={near[0]}?' if near else
      f'configurations have the names {", ".join(NAMES)}, and one of your own is given '
      'as FILE.py'))


def name_of(file: str) -> str:
  """Returns the name of a configuration of this package; another file as it is."""
  path = pathlib.Path(file)
  return path.stem if path.parent == FOLDER and path.stem in NAMES else file
