"""Action units as sheets spell them: a loose grammar, read without losing the text.

A unit is a number with an optional side before it and an optional intensity after it
(`L12`, `7B`, `R14A`). Sheets join units by `+`, `,` (also full-width), `/`, `or` and
brackets, and put words between them. Every unit that is named is returned, in order,
each once: alternatives (`14or17`) are not told from conjunctions, so who needs the
difference reads the raw text, which a `Row` keeps.
"""

import re
import unicodedata

from lightman_jax.annotations.rows import ActionUnit

_OR = re.compile(r'(?<![a-z])or(?![a-z])|(?<![A-Za-z])OR(?![A-Za-z])')
# Sheets that went through a spreadsheet program hold '12.0' for 12.
_POINT_ZERO = re.compile(r'(?<=[0-9])\.0+(?![0-9])')
_UNIT = re.compile(
    r'(?<![^\W_])(?:AU\s*)?([LRTBA]?)([0-9]{1,2})([A-E]?)(?![^\W_])', re.IGNORECASE)


def parse(text: str) -> tuple[ActionUnit, ...]:
  """Returns the action units that `text` names; nothing for `?` or free text.

  Never raises: what cannot be read is left to the raw text.
  """
  text = unicodedata.normalize('NFKC', text)
  text = _POINT_ZERO.sub('', _OR.sub('/', text))
  units = (ActionUnit(int(number), side.upper(), intensity.upper())
           for side, number, intensity in _UNIT.findall(text) if int(number))
  return tuple(dict.fromkeys(units))


def spell(units: tuple[ActionUnit, ...]) -> str:
  """Writes units as sheets do: `4+L10+7B`; `parse` reads it back."""
  return '+'.join(f'{unit.side}{unit.number}{unit.intensity}' for unit in units)
