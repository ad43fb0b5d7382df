"""Action units as sheets spell them: a loose grammar, read without losing the text.

A unit is a number with an optional side before or after it and an optional intensity
after it (`L12`, `6L`, `7B`, `R14A`, `7(B)`). Sheets join units by `+`, `,` (also
full-width), `/`, `or` and brackets, and put words between them. Every unit that is
named is returned, in order, each once: alternatives (`14or17`) are not told from
conjunctions, so who needs the difference reads the raw text, which a `Row` keeps. Of
several intensities of one unit (`10A/B`, `7(B/C)`) the first is returned, of several
sides (`A/L12`) the one beside the number. Action descriptors (`AD32`) and movements of
head and eyes (`M61`) are no action units (Ekman, Friesen and Hager 2002).
"""

import re
from typing import NamedTuple
import unicodedata

from lightman_jax.annotations.rows import ActionUnit

_OR = re.compile(r'(?<![a-z])or(?![a-z])|(?<![A-Za-z])OR(?![A-Za-z])')
# Sheets that went through a spreadsheet program hold '12.0' for 12.
_POINT_ZERO = re.compile(r'(?<=[0-9])\.0+(?![0-9])')
_BEGIN, _END = r'(?<![^\W_])', r'(?![^\W_])'      # no letter or digit beside it
_DESCRIPTOR = re.compile(rf'{_BEGIN}(?:AD|M)\s*[0-9]{{1,3}}[A-E]?[LRTB]?{_END}',
                         re.IGNORECASE)
_INTENSITIES = rf'[A-E](?:\s*/\s*[A-E]{_END})*'
_UNIT = re.compile(
    rf'{_BEGIN}(?:AU\s*)?(?P<sides>(?:[LRTBA]\s*/\s*)*)(?P<side>[LRTBA]?)'
    r'(?P<number>[0-9]{1,2})'
    rf'(?:(?P<after>{_INTENSITIES})?(?P<last>[LRT]?)|(?P<middle>[LRT])(?P<end>[A-E]))'
    rf'(?:\s*\(\s*(?:(?P<bracket>{_INTENSITIES})|(?P<place>[LRT]))\s*\))?{_END}',
    re.IGNORECASE)
_JOINT = re.compile(r'[+,/;&()\[\]{}]|(?<![^\W_])and(?![^\W_])', re.IGNORECASE)
# What stands in a cell where there is no unit, and words that add nothing.
_NOTHING = {'', '?', '0', 'au', 'aus', 'null', 'none', 'nan', 'n', 'a', '-', '.', '\\'}


class Reading(NamedTuple):
  """What is read of a cell of action units."""
  units: tuple[ActionUnit, ...]
  chosen: tuple[tuple[str, ActionUnit], ...]  # alternatives, and which was taken
  others: tuple[str, ...]                     # what is no action unit


def parse(text: str) -> tuple[ActionUnit, ...]:
  """Returns the action units that `text` names; nothing for `?` or free text.

  Never raises: what cannot be read is left to the raw text.
  """
  return read(text).units


def read(text: str) -> Reading:
  """Returns the action units that `text` names, and what else stands there.

  Args:
    text: a cell of a sheet.
  """
  text = unicodedata.normalize('NFKC', text)
  text = _POINT_ZERO.sub('', _OR.sub('/', text))
  units, chosen = {}, {}
  others = [match[0] for match in _DESCRIPTOR.finditer(text)]
  text = _DESCRIPTOR.sub('+', text)
  for match in _UNIT.finditer(text):
    unit = _unit(match)
    if unit.number:
      units[unit] = None
      if '/' in match[0]:
        chosen[match[0], unit] = None
  rest = _JOINT.split(_UNIT.sub('+', text))
  others += [part.strip() for part in rest
             if part.strip().casefold() not in _NOTHING]
  return Reading(tuple(units), tuple(chosen), tuple(dict.fromkeys(others)))


def spell(units: tuple[ActionUnit, ...]) -> str:
  """Writes units as sheets do: `4+L10+7B`; `parse` reads it back."""
  return '+'.join(f'{unit.side}{unit.number}{unit.intensity}' for unit in units)


def _unit(match: re.Match) -> ActionUnit:
  side = match['side'] or match['last'] or match['middle'] or match['place'] or ''
  intensity = match['after'] or match['end'] or match['bracket'] or ''
  return ActionUnit(int(match['number']), side.upper(), intensity[:1].upper())
