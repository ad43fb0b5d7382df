"""What an annotation sheet says of its clips, one row a clip."""

from typing import NamedTuple


class ActionUnit(NamedTuple):
  """One facial action unit as annotated (Ekman and Friesen 1978)."""
  number: int
  side: str = ''        # 'L', 'R', 'T', 'B', 'A' or '' (both, or not said)
  intensity: str = ''   # 'A' to 'E' or ''


class Row(NamedTuple):
  """One clip of a sheet, checked: onset <= apex <= offset."""
  clip: str                 # unique within the data set, e.g. 'sub01/EP02_01f'
  subject: str              # e.g. 'sub01'
  dataset: str              # e.g. 'casme2'
  emotion: str              # the sheet's word in one spelling; a manifest's label
  kind: str                 # 'micro' or 'macro'
  onset: int                # frame numbers, as in the file names
  apex: int | None          # None where the sheet does not say
  offset: int
  fps: float                # frames a second; 0. where unknown
  action_units_raw: str = ''
  action_units: tuple[ActionUnit, ...] = ()


class LeftOut(NamedTuple):
  """A row that was not converted, and why."""
  clip: str
  reason: str


class Listing(NamedTuple):
  """Everything a sheet holds: what can be used, and what cannot."""
  rows: tuple[Row, ...]
  left_out: tuple[LeftOut, ...]
  sheet: str                # file name
  sheet_sha256: str
