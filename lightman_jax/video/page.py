"""One page on one video: a timeline, each expression, what was not looked at.

The page needs nothing beside it and runs no script. Faces are personal: a face is drawn
as lines between its landmarks, unless frames are asked for.
"""

import base64
from collections.abc import Mapping
import pathlib
from typing import Any, NamedTuple

import cv2
from jaxtyping import Float, UInt8
from markupsafe import Markup
import numpy as np

from lightman_jax.faces import dense_flow, landmarks as alignment
from lightman_jax.files import write_atomically
from lightman_jax.report import templates
from lightman_jax.video import motion
from lightman_jax.video.expressions import (
  LIMITS,
  CarriedBy,
  Recognised,
  VideoExpressions,
  row_of,
)
from lightman_jax.video.measurement import stretches_not_looked_at
from lightman_jax.video.writers import EXPRESSIONS

_ROW = 60.          # s on a line of the timeline, at least
_MOST_ROWS = 20
_WIDE = 1000.
_LINES = (alignment.JAW, alignment.LEFT_BROW, alignment.RIGHT_BROW,
          alignment.NOSE_BRIDGE, alignment.NOSTRILS,
          (*alignment.LEFT_EYE, 36), (*alignment.RIGHT_EYE, 42),
          (*alignment.OUTER_LIPS, 48), (*alignment.INNER_LIPS, 60))


class Mark(NamedTuple):
  """A bar on a line of the timeline; places from 0 to `_WIDE`."""
  kind: str
  left: float
  width: float
  words: str
  anchor: str = ''
  apex: float | None = None


class Line(NamedTuple):
  """A line of the timeline: a person's part of the video."""
  title: str
  start: float
  ticks: list[tuple[float, str]]
  marks: list[Mark]
  curve: str            # points of a polyline: how far the face is from its level
  wide: float


def render(video: VideoExpressions) -> str:
  """The page.

  Args:
    video: what was spotted; where it has pictures, the face itself is shown at onset
      and apex, beside the drawing.
  """
  shown = [_shown(number, row, video) for number, row in enumerate(video.rows)]
  return templates.environment(
      'lightman_jax.video', 'lightman_jax.report.page').get_template(
      'video.html').render(
      limits=LIMITS,
      title=f'Expressions in {pathlib.Path(video.video).name}',
      video=video, facts=describe_facts(video.facts),
      nobody=stretches_not_looked_at(video.frames, -1),
      lines=timeline(video), shown=shown, columns=EXPRESSIONS,
      wide=_WIDE, people=[_person(number, one, video)
                          for number, one in video.people.items()],
      seconds=float(video.frames.time[-1]) if len(video.frames.time) else 0.,
      count=len(np.unique(video.frames.frame)))


def write_page(path: pathlib.Path, video: VideoExpressions) -> None:
  """Writes the page.

  Args:
    path: of the file.
    video: as of `render`.
  """
  text = render(video)
  with write_atomically(path) as file:
    file.write(text)


def _person(number: int, one: Any, video: VideoExpressions) -> dict[str, Any]:
  minutes = one.looked_at / 60.
  threshold = one.threshold[np.isfinite(one.threshold)]
  return {
      'number': number, 'minutes': minutes, 'rate': one.rate,
      'micro': one.count('micro'), 'macro': one.count('macro'),
      'blinks': sum(o.kind == 'blink' for o in one.others),
      'speech': sum(o.offset_s - o.onset_s for o in one.others if o.kind == 'speech'),
      'threshold': '' if not len(threshold) else (
          f'{threshold.min():.2f} to {threshold.max():.2f}'),
      'calibrated_on': one.calibrated_on, 'remarks': one.remarks,
      'hidden': stretches_not_looked_at(video.frames, number)}


# Of a file's facts the words, and the unit of their numbers.
_FACTS = {
    'path': ('file', ''), 'codec': ('codec', ''), 'width': ('width', 'pixels'),
    'height': ('height', 'pixels'),
    'rotation': ('turned upright by', 'degrees, counterclockwise'),
    'stated_frames': ('frames, as the header states', ''),
    'stated_rate': ('frames a second, as the header states', ''),
    'duration': ('length, as the header states', 's'),
    'decoded': ('frames that decode', ''),
    'repeated': ('of these, copies of the frame before', ''),
    'rate': ('frames a second, by their times', ''),
    'new_rate': ('frames a second that are no copies', ''),
    'first': ('time of the first frame', 's'), 'last': ('time of the last frame', 's'),
    'finished': ('read to its end', ''), 'lost': ('places where frames are lost', ''),
    'missing': ('length of these places together', 's'),
    'gaps': ('where they are', 's'),
    'undecoded': ('pieces of the file that do not decode', ''),
    'notes': ('notes on the file', ''), 'remarks': ('remarks', '')}


def describe_facts(facts: Mapping[str, Any]) -> dict[str, str]:
  """What is known of a file, in words and with units; what is empty is left out.

  Args:
    facts: as `expressions.facts_of` makes them.
  """
  table = {}
  for name, (words, unit) in _FACTS.items():
    value = facts.get(name)
    if value is None or value in ('', []) or name == 'notes':     # these are remarks
      continue
    if name == 'gaps':
      text = ', '.join(f'{start:.3f} to {end:.3f}' for start, end in value)
    elif isinstance(value, bool):
      text = 'yes' if value else 'no'
    elif isinstance(value, list):
      text = '; '.join(map(str, value))
    else:
      text = f'{value:.6g}' if isinstance(value, float) else str(value)
    table[words] = f'{text} {unit}'.rstrip()
  return table


def timeline(video: VideoExpressions) -> list[Line]:
  """The lines of the timeline, a minute or more each.

  Args:
    video: what was spotted.
  """
  if not len(video.frames.time):
    return []
  first, last = float(video.frames.time[0]), float(video.frames.time[-1])
  span = max(_ROW, (last - first) / _MOST_ROWS)
  if last - first < _ROW:
    span = max(last - first, 1.)
  lines = []
  for person, one in video.people.items():
    at = video.frames.of_person(person)
    time, moved = video.frames.time[at], video.frames.moved[at]
    seen = video.frames.reason[at] == ''
    level = np.median(moved[seen], axis=0) if seen.any() else 0.
    far = np.linalg.norm(moved - level, axis=2)
    far[:, motion.EYES] = 0.
    strong = far.max(1)
    top = max(float(np.quantile(strong[seen], .995)) if seen.any() else 1., .5)
    for start in np.arange(first, max(last, first + 1e-9), span):
      inside = seen & (time >= start) & (time < start + span)
      lines.append(Line(
          f'person {person}', float(start), _ticks(float(start), span),
          _marks(video, person, one, float(start), span),
          _curve(time[inside] - start, strong[inside] / top, span), span))
  return lines


def _ticks(start: float, span: float) -> list[tuple[float, str]]:
  step = next((s for s in (1, 2, 5, 10, 30, 60, 120, 300) if span / s <= 12), 600)
  values = np.arange(np.ceil(start / step), np.floor((start + span) / step) + 1) * step
  return [(float((value - start) / span * _WIDE), clock_of(float(value)))
          for value in values]


def clock_of(seconds: float) -> str:
  """A time as people say it: 3:04, or 3:04.2 where it is not whole.

  Args:
    seconds: from the start.
  """
  whole = round(seconds, 2)
  minutes, rest = divmod(whole, 60.)
  text = f'{rest:05.2f}'.rstrip('0').rstrip('.')
  return f'{int(minutes)}:{text if len(text) > 1 else "00"}'


def _marks(video, person, one, start, span) -> list[Mark]:
  marks = []

  def bar(kind, a, b, words, anchor='', apex=None):
    if b < start or a > start + span:
      return
    left, right = (np.clip((t - start) / span, 0., 1.) * _WIDE for t in (a, b))
    point = None if apex is None else float(np.clip((apex - start) / span, 0., 1.)
                                            * _WIDE)
    marks.append(Mark(kind, float(left), float(max(right - left, 2.)), words, anchor,
                      point))
  for a, b, reason in stretches_not_looked_at(video.frames, person):
    bar('hidden', a, b, f'not looked at: {reason}')
  for other in one.others:
    bar(other.kind.replace(' ', '-'), other.onset_s, other.offset_s, other.kind)
  for number, row in enumerate(video.rows):
    e = row.expression
    if e.person == person:
      bar(e.kind, e.onset_s, e.offset_s, f'{e.kind}, {e.region}, '
          f'{clock_of(e.onset_s)} to {clock_of(e.offset_s)}', f'e{number}', e.apex_s)
  return marks


def _curve(time: np.ndarray, values: np.ndarray, span: float) -> str:
  """The greatest value of each of five hundred parts, as points of a line."""
  if not len(time):
    return ''
  parts = np.minimum((time / span * 500).astype(int), 499)
  tops = np.full(500, -1.)
  np.maximum.at(tops, parts, np.clip(values, 0., 1.))
  return ' '.join(f'{(k + .5) * 2:.0f},{40 - 36 * tops[k]:.1f}'
                  for k in np.flatnonzero(tops >= 0))


def _shown(number: int, row: Recognised, video: VideoExpressions) -> dict[str, Any]:
  e = row.expression
  table, faces = video.frames, video.pictures
  onset, apex = (row_of(table, e.person, frame)
                 for frame in (e.onset_frame, e.apex_frame))
  size = max(video.size, 1)
  pictures: list[tuple[str, Markup]] = []
  if faces:
    first, last = (faces[e.person, frame] for frame in (e.onset_frame, e.apex_frame))
    pictures = [('onset', _embedded(first)), ('apex', _embedded(last)),
                ('flow from onset to apex', _embedded(_flow_picture(first, last)))]
  moves = table.moved[apex] - table.moved[onset]
  by = row.carried_by
  pictures.append(('where it moves', drawing(
      alignment.align_points(table.landmarks[onset], size), moves, size)))
  if by is not None:
    pictures += [(f'what spoke for {by.class_name}, by {name}', map_drawing(values))
                 for name, values in by.maps.items()]
    if by.actions:
      pictures.append((f'actions that spoke for {by.class_name}', _actions(
          by, table.landmarks[[onset, apex]])))
  return {
      'anchor': f'e{number}', 'row': row, 'e': e, 'pictures': pictures,
      'onset': clock_of(e.onset_s), 'apex': clock_of(e.apex_s),
      'offset': clock_of(e.offset_s), 'length': 1000 * (e.offset_s - e.onset_s),
      'dont_know': bool(row.classes) and len(row.classes) == len(video.classes)}


def drawing(points: Float[np.ndarray, '68 2'], moves: Float[np.ndarray, 'regions 2'],
            size: int) -> Markup:
  """A face as lines, with an arrow for each region that moves.

  Args:
    points: landmarks in pixels of the aligned face.
    moves: of each region, in the same pixels.
    size: side of the aligned face.
  """
  unit = 100. / size
  parts = ['<svg viewBox="-4 4 108 100" role="img" aria-label="a drawing of the face '
           'with the motion of its regions">']
  for line in _LINES:
    path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in points[list(line)] * unit)
    parts.append(f'<polyline points="{path}" fill="none" stroke="var(--soft)" '
                 'stroke-width=".8"/>')
  places, members, _ = motion.points_of(np.asarray(points, np.float64))
  longest = max(float(np.linalg.norm(moves, axis=1).max()), 1e-6)
  # The longest arrow has a sixth of the picture's side.
  factor = min(16. / longest, 12. * unit)
  for k, (member, move) in enumerate(zip(members, moves)):
    if k in motion.EYES or np.linalg.norm(move) < .15 * longest:
      continue
    x, y = places[member].mean(0) * unit
    dx, dy = move * factor
    parts.append(_arrow(x, y, float(dx), float(dy)))
  return Markup(''.join([*parts, '</svg>']))


def map_drawing(values: Float[np.ndarray, 'rows columns']) -> Markup:
  """A map over the aligned face, on the drawn mean face: red speaks for, blue against.

  Args:
    values: of each cell.
  """
  rows, columns = values.shape
  most = max(float(np.abs(values).max()), 1e-12)
  parts = ['<svg viewBox="0 0 100 100" role="img" aria-label="a map over a drawn '
           'face">']
  for (row, column), value in np.ndenumerate(values):
    parts.append(
        f'<rect x="{100 * column / columns:.1f}" y="{100 * row / rows:.1f}" '
        f'width="{100 / columns:.1f}" height="{100 / rows:.1f}" '
        f'fill="var(--{"c4" if value > 0 else "c0"})" '
        f'fill-opacity="{.8 * abs(value) / most:.2f}"/>')
  face = 100. * alignment.mean_face()
  for line in _LINES:
    path = ' '.join(f'{x:.1f},{y:.1f}' for x, y in face[list(line)])
    parts.append(f'<polyline points="{path}" fill="none" stroke="var(--ink)" '
                 'stroke-width=".8"/>')
  return Markup(''.join([*parts, '</svg>']))


def _actions(by: CarriedBy, points: Float[np.ndarray, '2 68 2']) -> Markup:
  """DeRe-GRL's actions, as a run draws them."""
  from lightman_jax.inputs.inputs import landmark_movements
  from lightman_jax.report import figures
  return Markup(figures.action_drawing({
      **by.actions, 'clip': '', 'truth': by.class_name, 'prediction': by.class_name,
      'movement': landmark_movements(points)[1]}))


def _arrow(x: float, y: float, dx: float, dy: float) -> str:
  long = float(np.hypot(dx, dy))
  ux, uy = dx / long, dy / long
  head = min(3., .5 * long)
  bx, by = x + dx - head * ux, y + dy - head * uy
  return (f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{bx:.1f}" y2="{by:.1f}" '
          'stroke="var(--c1)" stroke-width="1.3"/>'
          f'<polygon points="{x + dx:.1f},{y + dy:.1f} {bx - .6 * head * uy:.1f},'
          f'{by + .6 * head * ux:.1f} {bx + .6 * head * uy:.1f},'
          f'{by - .6 * head * ux:.1f}" fill="var(--c1)"/>')


def _embedded(picture: UInt8[np.ndarray, 'h w 3']) -> Markup:
  done, content = cv2.imencode('.png', picture[..., ::-1])
  assert done
  data = base64.b64encode(content.tobytes()).decode('ascii')
  return Markup(f'<img alt="" src="data:image/png;base64,{data}">')


def _flow_picture(first: UInt8[np.ndarray, 's s 3'], last: UInt8[np.ndarray, 's s 3']
                  ) -> UInt8[np.ndarray, 's s 3']:
  """Direction as hue, length as strength; white does not move."""
  grey = dense_flow.grey(np.stack([first, last]))
  flow = dense_flow.optical_flow(grey[0], grey[1], algorithm='dis')
  flow = flow - np.median(flow.reshape(-1, 2), axis=0)
  long = np.linalg.norm(flow, axis=2)
  hue = (np.rad2deg(np.arctan2(flow[..., 1], flow[..., 0])) % 360) / 2
  strength = np.clip(long / max(float(np.quantile(long, .995)), .5), 0., 1.)
  hsv = np.stack([hue, 255 * strength, np.full_like(hue, 255)], -1).astype(np.uint8)
  return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
