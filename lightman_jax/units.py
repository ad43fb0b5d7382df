"""Amounts in words."""


def bytes_in_words(size: int | float) -> str:
  """'5.9 GiB' or '1.62 MiB': to three digits, in the unit that suits."""
  unit, name = (2**30, 'GiB') if size >= 2**30 / 10 else (2**20, 'MiB')
  amount = size / unit
  return f'{amount:.0f} {name}' if amount >= 100 else f'{amount:.3g} {name}'
