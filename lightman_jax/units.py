"""Amounts in words."""


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
