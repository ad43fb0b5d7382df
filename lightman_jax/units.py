"""Amounts in words, and what holds many numbers in a line."""

from collections.abc import Mapping, Sequence
import dataclasses
import reprlib
from typing import Any, SupportsIndex


def bytes_in_words(size: int | float) -> str:
  """'5.9 GiB' or '1.62 MiB': to three digits, in the unit that suits."""
  unit, name = (2**30, 'GiB') if size >= 2**30 / 10 else (2**20, 'MiB')
  amount = size / unit
  return f'{amount:.0f} {name}' if amount >= 100 else f'{amount:.3g} {name}'


_SCALES = ((1e15, 'P'), (1e12, 'T'), (1e9, 'G'), (1e6, 'M'), (1e3, 'k'))


def count_in_words(number: int | float, unit: str = '') -> str:
  """'12,345', '1.41 M' or, with a unit, '1.41 GFLOP': three digits of what is large."""
  if abs(number) < (1e3 if unit else 1e6):
    text = f'{number:,.0f}' if number == int(number) else f'{number:.3g}'
    return f'{text} {unit}'.rstrip()
  scale, prefix = next(pair for pair in _SCALES if abs(number) >= pair[0])
  return f'{number / scale:.3g} {prefix}{unit}'


def seconds_in_words(seconds: int | float) -> str:
  """'71.1 ms', '12.3 s', '4 min 5 s' or '3 h 20 min'."""
  if abs(seconds) < 1:
    scale, name = (1e3, 'ms') if abs(seconds) >= 1e-3 or not seconds else (1e6, 'µs')
    return f'{seconds * scale:.3g} {name}'
  if seconds < 100:
    return f'{seconds:.3g} s'
  minutes, rest = divmod(round(seconds), 60)
  if minutes < 60:
    return f'{minutes} min {rest} s'
  return f'{minutes // 60:,} h {minutes % 60} min'


def measure_in_words(value: int | float, unit: str) -> str:
  """A measure by the first words of its unit: seconds, bytes, operations, a share."""
  rate = ' a second' if ' a second' in unit else ''
  per_second = '/s' if rate else ''
  if unit.startswith('seconds'):
    return seconds_in_words(value)
  if unit.startswith('bytes'):
    return bytes_in_words(value) + per_second
  if unit.startswith(('floating point operations', 'operations')):
    return count_in_words(value, f'FLOP{per_second}')
  if unit.startswith('of the machine'):
    return f'{value:.1%}'
  return count_in_words(value)


_PLURALS = {'person': 'people', 'child': 'children'}


def plural_of(noun: str) -> str:
  """The plural of a noun, with what stands before it: 'micro clips', 'people'."""
  *before, last = noun.rsplit(' ', 1)
  if last in _PLURALS:
    last = _PLURALS[last]
  elif last.endswith(('s', 'x', 'z', 'ch', 'sh')):
    last += 'es'
  elif last.endswith('y') and last[-2:-1] not in 'aeiou':
    last = f'{last[:-1]}ies'
  else:
    last += 's'
  return ' '.join([*before, last])


def counted(number: SupportsIndex | str, noun: str, one: str = '', more: str = ''
            ) -> str:
  """'1 clip', '3 clips', '2 people' or, with verbs, '1 clip is' and '0 clips are'.

  Args:
    number: a text stands as it is, as '1,234'.
    noun: in the singular.
    one: the verb after one.
    more: the verb after none or several.
  """
  words, verb = (noun, one) if str(number).strip() == '1' else (plural_of(noun), more)
  return f'{number} {words} {verb}'.rstrip()


def three_digits(value: float) -> str:
  """.712 rather than 0.712, and -.712; what rounds to nothing is .000."""
  text = f'{round(value, 3) + 0.:.3f}'
  return text.replace('0.', '.', 1) if text.lstrip('-').startswith('0.') else text


def listed(names: Sequence[str], most: int = 8) -> str:
  """Names with commas between them; of many the first, and how many there are."""
  if len(names) <= most:
    return ', '.join(names)
  return f'{", ".join(names[:most])} ... ({len(names)} in all)'


# What a notebook shows of an object with arrays: thousands of numbers say nothing.

_MOST = 1000     # characters


class _Short(reprlib.Repr):
  """Arrays by type and shape, long sequences by their length, functions by name."""

  def __init__(self):
    super().__init__()
    self.maxdict, self.maxstring, self.maxother = 4, 60, 300

  def repr1(self, x: Any, level: int) -> str:
    if hasattr(x, 'shape') and hasattr(x, 'dtype'):
      return f'{x.dtype}[{",".join(map(str, x.shape))}]'
    if type(x) in (list, tuple) and len(x) > 6:
      return f'<{len(x)} of {type(x[0]).__name__}>'
    if isinstance(x, Mapping):
      return self.repr_dict(x, level)
    if callable(x) and not hasattr(x, '_fields'):
      return f'<{getattr(x, "__name__", type(x).__name__)}>'
    return super().repr1(x, level)


def short_repr(self: Any) -> str:
  """A NamedTuple or a dataclass in a line, with arrays as 'float32[36,1,28,28,3]'.

  Args:
    self: whose class has this as its `__repr__`.
  """
  names = getattr(self, '_fields', None) or [
      field.name for field in dataclasses.fields(self)]
  fields = ', '.join(f'{name}={_SHORT.repr(getattr(self, name))}' for name in names)
  text = f'{type(self).__name__}({fields})'
  return text if len(text) <= _MOST else f'{text[:_MOST - 5]} ...)'


_SHORT = _Short()
