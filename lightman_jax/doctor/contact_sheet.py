"""Some clips of each label, side by side: their pictures, or a frame and its flow."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import UInt8
import numpy as np
from PIL import Image, ImageDraw

from lightman_jax.inputs import inputs

_SIDE, _GAP, _HEAD, _FOOT = 96, 6, 18, 14     # pixels
_IN_A_ROW = 8       # clips of a label


class Shown(NamedTuple):
  """A clip to be drawn."""
  name: str
  subject: str
  label: str
  frames: UInt8[np.ndarray, 'T h w 3']    # as it is stored


def spread_over_people(subjects: Sequence[str], count: int = _IN_A_ROW) -> list[int]:
  """Numbers of at most `count` clips, of as many people as there are, in order.

  Args:
    subjects: who is in each clip.
    count: of the clips.
  """
  turns, seen = [], defaultdict(int)
  for number, subject in enumerate(subjects):
    turns.append((seen[subject], number))
    seen[subject] += 1
  people, order = len(seen), [number for _, number in sorted(turns)]
  if people > count:
    return [order[n * people // count] for n in range(count)]
  return sorted(order[:count])


def apex_input(frames: UInt8[np.ndarray, 'T h w 3'], how: inputs.Settings
               ) -> UInt8[np.ndarray, 'h w 3']:
  """A clip's input at its apex, in colours.

  Pictures and frames as they are; of flow u is red, v green and strain blue, each
  stretched about the middle grey, which is no motion; differences likewise.

  Args:
    frames: the clip as it is stored.
    how: the inputs; not landmarks.
  """
  x = inputs.KINDS[how.kind](frames, how)
  # Inputs from the onset to each later frame begin one frame after the clip does.
  middle = len(frames) // 2 - (len(x) == len(frames) - 1)
  view = x[min(middle, len(x) - 1)]
  if how.kind in ('flow', 'difference'):
    view = view / np.maximum(np.abs(view).max((0, 1), keepdims=True), 1e-6)
  view = np.rint((np.clip(view, -1, 1) + 1) * 127.5).astype(np.uint8)
  return np.repeat(view, 3, -1) if view.shape[-1] == 1 else view


def draw_sheet(clips: Sequence[Shown], how: inputs.Settings) -> Image.Image:
  """Draws clips, a row for each label; beside an input that is computed, the frame.

  Args:
    clips: in the order in which they stand in a row.
    how: the inputs.
  """
  rows = defaultdict(list)
  for clip in clips:
    rows[clip.label].append(clip)
  both = how.kind in ('flow', 'difference') or any(len(c.frames) > 1 for c in clips)
  wide = _SIDE * (1 + both) + _GAP
  most = max((len(row) for row in rows.values()), default=1)
  high = _HEAD + _SIDE + _FOOT + _GAP
  sheet = Image.new('RGB', (_GAP + max(2, most) * wide, _GAP + len(rows) * high),
                    'white')
  pen = ImageDraw.Draw(sheet)
  for line, (label, row) in enumerate(sorted(rows.items())):
    top = _GAP + line * high
    pen.text((_GAP, top), _letters(f'{label or "no label"}: {how.kind}'), fill='black')
    for column, clip in enumerate(row):
      left = _GAP + column * wide
      shown = [clip.frames[len(clip.frames) // 2]] * both + [
          apex_input(clip.frames, how)]
      for place, picture in enumerate(shown):
        sheet.paste(_enlarged(picture), (left + place * _SIDE, top + _HEAD))
      pen.text((left, top + _HEAD + _SIDE), _letters(_short(clip.name, wide)),
               fill='black')
  return sheet


def _enlarged(picture: UInt8[np.ndarray, 'h w 3']) -> Image.Image:
  return Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)


def _letters(text: str) -> str:
  """Text in letters that every font has; others become question marks."""
  return text.encode('latin-1', 'replace').decode('latin-1')


def _short(name: str, wide: int) -> str:
  """The end of a name, which tells clips apart, in letters of some six pixels."""
  most = wide // 7
  return name if len(name) <= most else f'..{name[2 - most:]}'
