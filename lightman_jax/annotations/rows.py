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
  filename: str = ''        # the sheet's name of the clip, e.g. 'EP02_01f'
  folder: str = ''          # what stands for the subject on disk, e.g. 's1' for 's01'
  video: str = ''           # where a clip is a part of a video: how the name of the
                            # video's folder begins, e.g. '15_0101'
  objective: str = ''       # objective class 'I' to 'VII' (Davison et al. 2018)
  sheet: str = ''           # name of the file that the row stands in
  row: int = 0              # its number there, counted from 1
  notes: tuple[str, ...] = ()   # what a person should know of the row


class LeftOut(NamedTuple):
  """A row that was not converted, and why."""
  clip: str
  reason: str


class Listing(NamedTuple):
  """Everything a sheet holds: what can be used, and what cannot."""
  rows: tuple[Row, ...]
  left_out: tuple[LeftOut, ...]
  sheet: str                # file name; several are joined by ' + '
  sheet_sha256: str         # of several, the hash of their hashes in order
  corrected: tuple[str, ...] = ()   # what the chosen corrections changed, a line each
  withdrawn: frozenset[str] = frozenset()   # clips whose apex a correction took away
