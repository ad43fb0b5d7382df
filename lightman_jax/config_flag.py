"""--config.method.name=NAME gives the section of that method, before others are set."""

from collections.abc import Iterator, Sequence
import sys
from typing import Any

from absl import flags
from ml_collections import config_dict

from lightman_jax import sections
from lightman_jax.errors import InputError


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
    """The configuration; one sentence where a setting is another method's."""
    config = self._parser.parse(argument)
    if not isinstance(config, config_dict.ConfigDict):
      return config                      # a file that was not found says so later
    overrides = dict(_overrides(sys.argv))
    try:
      _fit(config, overrides)
    except InputError as error:
      raise flags.Error(str(error)) from None
    return config

  def flag_type(self) -> str:
    """Of the help."""
    return self._parser.flag_type()


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
