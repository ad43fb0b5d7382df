"""python -m lightman_jax settings: all settings, or those of a part, explained."""

from collections.abc import Iterator, Sequence
import importlib
import inspect
import textwrap

from lightman_jax import registry, sections, settings as checked, settings_help
from lightman_jax.command_line import Parser, refusing
from lightman_jax.errors import InputError
from lightman_jax.options import Option, suggestion


@refusing('settings')
def settings(arguments: Sequence[str]) -> int:
  """The command; returns the exit code."""
  parser = Parser(
      prog='python -m lightman_jax settings',
      description='Lists settings: the name, the default, what is allowed and what it '
      'is. Without an argument all, and all names of methods, encoders, data sets, '
      'protocols and scores; with a word those that mention it; with KIND=NAME those '
      'of a method, an encoder or a protocol.')
  parser.add_argument('parts', metavar='WORD or KIND=NAME', nargs='*',
                      help='as rate or training.; method=maml, or '
                      'method=my_file.py:proximal_maml, which is run for it')
  options = parser.parse_args([word.removeprefix('--config.') for word in arguments])
  for line in lines(options.parts):
    print(line)
  return 0


def all_settings() -> dict[str, Option]:
  """Every setting of a configuration of LightmanNet with Conv-4, and of every part.

  Returns:
    Dotted name to what is known of it. What only another method or encoder has stands
    at the end of its section, and its help begins with who has it.
  """
  defaults = importlib.import_module('lightman_jax.configurations.defaults').base()
  base = settings_help.described(checked.flat(defaults.to_dict()), checked.CHOICES,
                                 checked.RANGES)
  # An empty section has no setting by which it is seen.
  base.setdefault('data.own_classes', Option('data.own_classes', '{}', (), None,
                                             settings_help.HELP['data.own_classes']))
  owners: dict[str, list[str]] = {}
  options: dict[str, Option] = {}
  for kind in sections.OWN:
    for name in registry.TABLES[kind]:
      for option in sections.options_of(kind, name).values():
        place = f'{sections.SECTIONS[kind][0]}.{option.name}'
        owners.setdefault(place, []).append(name)
        options.setdefault(place, option._replace(name=place))
  for place, option in options.items():
    kind = next(kind for kind in sections.OWN
                if place.startswith(f'{sections.SECTIONS[kind][0]}.'))
    every = len(owners[place]) == len(registry.TABLES[kind])
    whose = '' if every else f'of {", ".join(owners[place])}: '
    base[place] = option._replace(help=whose + option.help)
  order = list(dict.fromkeys(name.partition('.')[0] for name in base))
  return dict(sorted(base.items(),
                     key=lambda item: order.index(item[0].partition('.')[0])))


def lines(parts: Sequence[str]) -> Iterator[str]:
  """What is printed.

  Args:
    parts: words, and as 'method=maml'; none lists every setting and name.

  Raises:
    InputError: there is no such kind or name, or no setting with such a word.
  """
  if not parts:
    yield from _block(all_settings().values())
    yield ''
    for kind, table in registry.TABLES.items():
      for name in table:
        yield f'{kind}={name:<14} {_first_line(registry.find(kind, name))}'
  for part in parts:
    yield from (_lines_of_part(part) if '=' in part else _block(search(part).values()))


def search(word: str) -> dict[str, Option]:
  """The settings whose name, choices or help have a word in them.

  Args:
    word: in capitals or not; of several words all must be there.

  Raises:
    InputError: none has; names the nearest setting.
  """
  known = all_settings()
  words = word.casefold().split()
  result = {name: option for name, option in known.items() if all(
      each in ' '.join((name, option.help, *option.choices)).casefold()
      for each in words)}
  if not result:
    raise InputError(f'no setting mentions {word!r}' + suggestion(
        word, known, lead='the nearest name is', listed=False))
  return result


def _lines_of_part(part: str) -> Iterator[str]:
  kind, _, name = part.partition('=')
  if kind not in sections.SECTIONS:
    raise InputError(f'{part!r} names nothing that can be set' + suggestion(
        kind, [f'{kind}=NAME' for kind in sections.SECTIONS]))
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
           f'{value_in_words(one)}{one.help and "  " + one.help}')


def _block(options) -> Iterator[str]:
  """Settings with what is allowed, and the line about each below."""
  for option in options:
    yield f'--config.{option.name}={value_in_words(option)}'
    yield from textwrap.wrap(option.help, 84, initial_indent='    ',
                             subsequent_indent='    ')


def value_in_words(option: Option) -> str:
  """The default, and what is allowed."""
  default = (repr(option.default) if isinstance(option.default, str)
             and option.default != '{}' else option.default)
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
