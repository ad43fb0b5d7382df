"""python -m lightman_jax settings KIND=NAME: what a part can be set to."""

import argparse
from collections.abc import Iterator, Sequence
import inspect
import sys

from lightman_jax import registry, sections
from lightman_jax.errors import InputError
from lightman_jax.options import Option, nearest


def settings(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = argparse.ArgumentParser(
      prog='python -m lightman_jax settings',
      description='Lists what a method, an encoder or a protocol can be set to: the '
      'name, the default, what is allowed and what it is. Without an argument: all '
      'names, of data sets and scores, too.')
  parser.add_argument('parts', metavar='KIND=NAME', nargs='*',
                      help='as method=maml, or method=my_file.py:proximal_maml, which '
                      'is run for it')
  options = parser.parse_args(arguments)
  try:
    for line in lines(options.parts):
      print(line)
  except InputError as error:
    print(f'settings: {error}', file=sys.stderr)
    return 2
  return 0


def lines(parts: Sequence[str]) -> Iterator[str]:
  """What is printed.

  Args:
    parts: as 'method=maml'; none lists every name.

  Raises:
    InputError: there is no such kind or name.
  """
  if not parts:
    for kind, table in registry.TABLES.items():
      for name in table:
        yield f'{kind}={name:<14} {_first_line(registry.find(kind, name))}'
  for part in parts:
    kind, _, name = part.partition('=')
    if kind not in sections.SECTIONS:
      raise InputError(f'{part!r} names nothing that can be set; the nearest is '
                       f'{nearest(kind, sections.SECTIONS)}=NAME')
    if said := sections.hint(kind, name):
      raise InputError(said)
    if registry.is_outside(name):
      code = registry.allow(kind, name)
      yield f'{part}, SHA-256 {code.sha256}'
    options = sections.options_of(kind, name)
    yield f'{part}: {_first_line(registry.find(kind, name)) or "no description"}'
    if not options:
      yield '  has no settings'
    width = max(map(len, options), default=0)
    for one in options.values():
      yield (f'  --config.{sections.SECTIONS[kind][0]}.{one.name:<{width}}  '
             f'{_value(one)}{one.help and "  " + one.help}')


def _value(option: Option) -> str:
  default = repr(option.default) if isinstance(option.default, str) else option.default
  if option.choices:
    return f'{default} ({", ".join(option.choices)})'
  if option.range:
    return f'{default} (from {option.range.least} to {option.range.most})'
  return f'{default} (True or False)' if isinstance(default, bool) else str(default)


def _first_line(part) -> str:
  # Facts of a data set are values, whose class alone has a docstring.
  if not callable(part):
    return getattr(part, 'title', '')
  # Its own: inspect.getdoc takes that of a class above, of an object that of its class.
  text = inspect.cleandoc(getattr(part, '__doc__', None) or '').split('\n')[0]
  kind = part if isinstance(part, type) else type(part)
  own = isinstance(part, type) or inspect.isroutine(part)
  # Without one a dataclass, and so a flax module, has its signature.
  return '' if not own or text.startswith(f'{kind.__name__}(') else text
