"""What a dataclass, or a function by its keyword-only arguments, can be set to."""

from collections.abc import Callable, Iterable
import dataclasses
import difflib
import functools
import inspect
import math
import operator
import typing
from typing import Any, NamedTuple

from lightman_jax.errors import InputError

KINDS = (bool, int, float, str)


class Range(NamedTuple):
  """Least and greatest value of an option, both allowed."""
  least: int | float
  most: int | float


class Option(NamedTuple):
  """One setting of a method or an encoder."""
  name: str
  default: bool | int | float | str
  choices: tuple[str, ...] = ()
  range: Range | None = None
  help: str = ''


def option(default: Any, help: str = '', *, choices: tuple[str, ...] = (),
           range: tuple[int | float, int | float] | None = None) -> Any:
  """A field of a dataclass that a configuration can set.

  Args:
    default: a bool, int, float or str; a value must be of the same type.
    help: a line for people.
    choices: of a str, all that it may be.
    range: of a number, the least and greatest value, both allowed.
  """
  return dataclasses.field(default=default, metadata={
      'choices': choices, 'range': range and Range(*range), 'help': help})


@functools.cache
def read_options(of: Callable) -> dict[str, Option]:
  """The options of a dataclass (its fields) or a function (keyword-only arguments).

  Choices, range and help stand in the field, as `option` puts them there, or in the
  annotation: `Literal['mean', 'max']`, `Annotated[float, Range(0., 1.), 'a line']`.
  Fields of a flax module that are flax's own are no options.

  Args:
    of: the dataclass or the function.

  Raises:
    InputError: an option has no default, or one that a configuration cannot hold.
  """
  try:
    notes = inspect.get_annotations(of, eval_str=True)
  except Exception:     # an annotation that only a type checker can read
    notes = {}
  options = {}
  for name, default, metadata in _parameters(of):
    if type(default) not in KINDS:
      what = ('has no default' if default is dataclasses.MISSING else
              f'has the default {default!r}')
      raise InputError(f'{of.__name__}: its setting {name} {what}; a setting needs a '
                       'default that is a bool, int, float or str')
    noted = _of_annotation(notes.get(name))
    options[name] = Option(name, default, **{
        **noted, **{key: value for key, value in metadata.items()
                    if key in Option._fields and value}})
  return options


def check_option(place: str, option: Option, value: Any) -> None:
  """Refuses a value that an option cannot have.

  Args:
    place: the dotted name, as 'method.inner_rate'.
    option: what is allowed.
    value: of a configuration.

  Raises:
    InputError: names the place, the value, and what is allowed.
  """
  kind = type(option.default)
  if type(value) is not kind and not (kind is float and type(value) is int):
    raise InputError(f'{place} is {value!r}; it must be of the type of '
                     f'{option.default!r}')
  if option.choices and value not in option.choices:
    raise InputError(f'{place} is {not_there(value, option.choices)}')
  if kind is float and not math.isfinite(value) or option.range and not (
      option.range.least <= value <= option.range.most):
    least, most = option.range or ('the least', 'the greatest number')
    raise InputError(f'{place} is {value!r}; it must be from {least} to {most}')


SEEDS = 2**31 - 1     # the greatest


def check_seed(seed: Any, name: str = 'seed') -> int:
  """Returns a seed as an int.

  Args:
    seed: what somebody gave.
    name: what a refusal calls it.

  Raises:
    InputError: it is no whole number from 0 to `SEEDS`.
  """
  try:
    number = operator.index(seed)
  except TypeError:
    number = -1
  if isinstance(seed, bool) or not 0 <= number <= SEEDS:
    raise InputError(f'{name} is {seed!r}; it must be a whole number from 0 to {SEEDS}')
  return number


# How alike two words must be, from 0 to 1, for one to be suggested for the other.
_ALIKE = .55


def nearest(word: object, known: Iterable[str]) -> str:
  """The known word that looks like `word`, in letters of whichever case; '' if none.

  Args:
    word: what was given.
    known: what there is; of dotted names the last part may be meant.
  """
  folded = {}
  for name in known:
    # Of a path with its ending there is no last part to mean.
    dotted = name.rpartition('.')[2] if '/' not in name else name
    for spelling in (name, dotted):
      folded.setdefault(spelling.casefold(), name)
  near = difflib.get_close_matches(str(word).casefold(), folded, n=1, cutoff=_ALIKE)
  return folded[near[0]] if near else ''


def suggestion(word: object, known: Iterable[str], *, lead: str = 'the nearest is',
               before: str = '', listed: bool = True) -> str:
  """What follows a sentence about an unknown word: what is near to it, and all.

  Args:
    word: what was given.
    known: what there is.
    lead: comes before what is near.
    before: what is near is shown with that in front, and then without quotes.
    listed: names all that there is, too.

  Returns:
    '; the nearest is 'loso' (all: loso, kfold)'; without the first part where nothing
    looks like the word.
  """
  known = tuple(known)
  near = nearest(word, known)
  shown = f'{before}{near}' if before else repr(near)
  return (f'; {lead} {shown}' if near else '') + (
      f' (all: {", ".join(known) or "none"})' if listed else '')


def not_there(value: object, choices: Iterable[str]) -> str:
  """What follows 'X is' where a setting has none of its values."""
  return f'{value!r}, which there is not' + suggestion(
      value, choices, lead='the nearest that exists is')


def _parameters(of: Callable) -> list[tuple[str, Any, Any]]:
  """Name, default and metadata of what can be set."""
  if isinstance(of, type) and dataclasses.is_dataclass(of):
    # Of a flax module; it is `kw_only`, and no field of its own is.
    own = ('parent', 'name') if hasattr(of, 'setup') else ()
    return [(field.name, field.default, field.metadata)
            for field in dataclasses.fields(of) if field.init and field.name not in own]
  return [(name, dataclasses.MISSING if parameter.default is parameter.empty
           else parameter.default, {})
          for name, parameter in inspect.signature(of).parameters.items()
          if parameter.kind is parameter.KEYWORD_ONLY]


def _of_annotation(note: Any) -> dict[str, Any]:
  noted, kind = {}, note
  if typing.get_origin(note) is typing.Annotated:
    kind, *rest = typing.get_args(note)
    for part in rest:
      if isinstance(part, Range):
        noted['range'] = part
      elif isinstance(part, str):
        noted['help'] = part
  if typing.get_origin(kind) is typing.Literal:
    noted['choices'] = typing.get_args(kind)
  return noted
