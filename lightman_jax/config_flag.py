"""--config.method.name=NAME gives the section of that method, before others are set."""

from collections.abc import Iterator, Sequence
import os
import sys
import traceback
from typing import Any
import warnings

from absl import flags
from ml_collections import config_dict

from lightman_jax import sections
from lightman_jax.errors import InputError
from lightman_jax.registry import RAISED, describe


def check_config(file: str | os.PathLike, config: Any) -> None:
  """Refuses what get_config must not return.

  Args:
    file: of the configuration.
    config: what it returned.

  Raises:
    InputError: it is no ConfigDict.
  """
  right = ('return what lightman_jax.configurations.defaults.finish(config, arg, {}) '
           'returns, as the files in configs/ do')
  if not isinstance(config, config_dict.ConfigDict):
    what = ('nothing (is there a return?)' if config is None else
            f'{type(config).__name__}')
    raise InputError(f'{file} is not a configuration: its get_config(arg) returns '
                     f'{what}, and must return a ConfigDict; {right}')
  lacks = [section for section in dict.fromkeys(
      section for section, _ in sections.SECTIONS.values())
           if not isinstance(config.get(section), config_dict.ConfigDict)]
  if lacks:
    raise InputError(f'{file} is not a configuration: what its get_config(arg) returns '
                     f'has no section {", ".join(lacks)}; {right}')


def explain(file: str | os.PathLike, error: BaseException) -> str:
  """Why a file is not a configuration: what it raised, and in which line.

  Args:
    file: of the configuration.
    error: that was raised as it ran.
  """
  if isinstance(error, SyntaxError):
    return f'{file} is not a configuration: {error}'
  # The last line of the file itself: what it called may have raised it.
  lines = [one.lineno for one in traceback.extract_tb(error.__traceback__)
           if os.path.abspath(one.filename) == os.path.abspath(file)]
  place = f'{file} line {lines[-1]}' if lines else file
  return f'{place}: it is not a configuration ({describe(error)})'


class FittingParser(flags.ArgumentParser):
  """Fits the sections of a configuration to the names that the command line gives.

  ml_collections takes a flag for each setting that a configuration has; what another
  method has would be no flag.
  """

  def __init__(self, parser: flags.ArgumentParser):
    """`parser` is that of a flag of `config_flags.DEFINE_config_file`."""
    self._parser = parser
    self.syntactic_help = parser.syntactic_help

  def parse(self, argument: str) -> Any:
    """The configuration; one sentence where it is none, or a setting another part's."""
    file = argument.partition(':')[0]
    try:
      with warnings.catch_warnings():     # of ml_collections, at what it calls
        warnings.simplefilter('ignore', DeprecationWarning)
        config = self._parser.parse(argument)
      if _is_unread(config):
        return config
      check_config(file, config)
      _fit(config, dict(_overrides(sys.argv)))
    except InputError as error:
      raise flags.Error(str(error)) from None
    except SyntaxError:
      raise
    except RAISED as error:
      # ml_collections hands on some errors as others of its own.
      cause = error.__context__ or error
      raise flags.Error(str(cause) if isinstance(cause, InputError) else
                        explain(file, cause)) from None
    return config

  def flag_type(self) -> str:
    """Of the help."""
    return self._parser.flag_type()


def _is_unread(config: Any) -> bool:
  """Whether it stands for a file that was not found, which says so when it is used."""
  try:
    getattr(config, 'to_dict', None)
  except OSError:
    return True
  return False


def _fit(config: config_dict.ConfigDict, overrides: dict[str, str]) -> None:
  for kind, (section, key) in sections.SECTIONS.items():
    name = overrides.get(f'{section}.{key}')
    old = {**dict(config[section].items()), key: name}
    if name not in (None, config[section].get(key, '')) and sections.needs_fit(
        kind, name, old):
      sections.replace(config, section, sections.choose(kind, name, old))
    for place, value in overrides.items():
      setting = place.removeprefix(f'{section}.')
      if kind in sections.OWN and setting != place and (
          setting not in config[section]) and sections.owners(kind, setting):
        raise InputError(sections.refusal(kind, config[section][key], setting, value))


def _overrides(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
  """Dotted settings and their words, as `--config.NAME=VALUE` or in two words."""
  for word, following in zip(arguments, [*arguments[1:], '']):
    flag, equals, value = word.partition('=')
    if flag.startswith(('--config.', '-config.')):
      yield flag.partition('.')[2], value if equals else following
