"""Tables, JSON and ELAN's tiers of what was spotted in a video.

Each file appears whole or not at all. Frames are counted from 0; times are seconds
from the start of the video.
"""

from collections.abc import Mapping, Sequence
import csv
import json
import math
import os
import pathlib
from typing import Any
from xml.etree import ElementTree

import numpy as np

from lightman_jax.errors import printable
from lightman_jax.files import write_atomically
from lightman_jax.video import motion
from lightman_jax.video.expressions import (
    LIMITS,
    Recognised,
    VideoExpressions,
)
from lightman_jax.video.measurement import stretches_not_looked_at

FORMAT = 1
EXPRESSIONS = {
    'person': 'number, from 0 in the order in which people are first seen',
    'onset_frame': 'at which it begins', 'apex_frame': 'at which it is strongest',
    'offset_frame': 'at which it ends', 'onset_s': 'time of that frame, s',
    'apex_s': 'time of that frame, s', 'offset_s': 'time of that frame, s',
    'kind': 'micro (at most half a second) or macro',
    'set': 'classes that hold the true one nine times in ten, divided by |; empty '
           'where no class was asked for or the model has no sets',
    'strength': 'motion of the region that moves farthest, pixels of the aligned face',
    'quality': 'mean over its frames, 0 to 1',
    'region': "which moves farthest; left and right are those of the picture",
    'doubts': 'why the nine in ten are not claimed; empty where they are'}
"""Columns of expressions.csv and what they mean; after `set` follows a probability for
each class, p_CLASS."""

FRAMES = {
    'frame': 'number', 'time_s': 'from the stamp of the frame',
    'repeated': '1 where the frame is a copy of the one before',
    'person': 'number; empty where there is nobody',
    'x': 'left edge of the box, pixels of the picture', 'y': 'its upper edge',
    'width': 'of the box', 'height': 'of the box',
    'yaw': 'degrees, positive to the picture\'s right',
    'pitch': 'degrees, positive downwards', 'roll': 'degrees, positive clockwise',
    'quality': '0 to 1', 'looked_at': '1, or 0',
    'reason': 'why it is not looked at', 'covered': 'regions behind a hand or a mask',
    'break': '1 where nothing before is compared with this frame',
    **{f'{region} {axis}'.replace(' ', '_'): f'place of the {region}, pixels of the '
       'aligned face, without the head\'s motion, from the last break on'
       for region in motion.REGIONS for axis in 'xy'}}
"""Columns of frames.csv and what they mean."""


def expression_columns(classes: tuple[str, ...]) -> list[str]:
  """The header of expressions.csv.

  Args:
    classes: of the model, () where none was asked.
  """
  names = list(EXPRESSIONS)
  at = names.index('set') + 1
  return [*names[:at], *(f'p_{name}' for name in classes), *names[at:]]


def expression_row(row: Recognised, classes: tuple[str, ...]) -> dict[str, Any]:
  """One line of expressions.csv.

  Args:
    row: the expression.
    classes: of the model.
  """
  e = row.expression
  return {
      'person': e.person, 'onset_frame': e.onset_frame, 'apex_frame': e.apex_frame,
      'offset_frame': e.offset_frame, 'onset_s': f'{e.onset_s:.4f}',
      'apex_s': f'{e.apex_s:.4f}', 'offset_s': f'{e.offset_s:.4f}', 'kind': e.kind,
      'set': '|'.join(row.classes or ()),
      **{f'p_{name}': f'{(row.probabilities or {}).get(name, math.nan):.4f}'
         for name in classes},
      'strength': f'{e.strength:.3f}', 'quality': f'{e.quality:.3f}',
      'region': e.region, 'doubts': '; '.join(row.doubts)}


def write_expressions(path: pathlib.Path, video: VideoExpressions) -> None:
  """Writes expressions.csv; the header alone where there is none.

  Args:
    path: of the file.
    video: what was spotted.
  """
  with write_atomically(path) as file:
    table = csv.DictWriter(file, expression_columns(video.classes),
                           lineterminator='\n')
    table.writeheader()
    table.writerows(expression_row(row, video.classes) for row in video.rows)


def write_frames(path: pathlib.Path, video: VideoExpressions) -> None:
  """Writes frames.csv: a row for every decoded frame and person in it.

  Args:
    path: of the file.
    video: what was measured.
  """
  table = video.frames
  with write_atomically(path) as file:
    rows = csv.writer(file, lineterminator='\n')
    rows.writerow(FRAMES)
    for k in range(len(table.frame)):
      seen, nobody = table.reason[k] == '', table.person[k] < 0
      numbers = [] if nobody else [*table.box[k], *table.pose[k]]
      rows.writerow([
          table.frame[k], f'{table.time[k]:.6f}', int(table.repeated[k]),
          '' if nobody else table.person[k],
          *([f'{value:.2f}' for value in numbers] or [''] * 7),
          f'{table.quality[k]:.3f}', int(seen), table.reason[k], table.covered[k],
          int(table.broken[k]),
          *([f'{value:.3f}' for value in table.moved[k].ravel()] if seen else
            [''] * table.moved[k].size)])


def as_json(video: VideoExpressions) -> dict[str, Any]:
  """What is written as expressions.json.

  Args:
    video: what was spotted.
  """
  people = []
  for number, one in video.people.items():
    people.append({
        'person': number, 'looked_at_s': round(one.looked_at, 4),
        'new_frames_a_second': round(one.rate, 3),
        'micro': one.count('micro'), 'macro': one.count('macro'),
        'threshold_calibrated_on': one.calibrated_on,
        'threshold': {region: _finite(value) for region, value in zip(
            motion.REGIONS, one.threshold)},
        'not_looked_at': [{'start_s': a, 'end_s': b, 'reason': reason} for a, b, reason
                          in stretches_not_looked_at(video.frames, number)],
        'others': [other._asdict() for other in one.others],
        'remarks': one.remarks})
  return {
      'format': FORMAT, 'video': video.video, 'facts': plain(video.facts),
      'size_of_aligned_face': video.size, 'classes': list(video.classes),
      'expressions': [{
          **row.expression._asdict(), 'probabilities': row.probabilities,
          'set': None if row.classes is None else list(row.classes),
          'doubts': list(row.doubts), 'carried_by': _carried_by(row)}
                      for row in video.rows],
      'people': people, 'remarks': video.remarks, 'limits': LIMITS,
      'columns': {'expressions.csv': EXPRESSIONS, 'frames.csv': FRAMES}}


def _carried_by(row: Recognised) -> dict[str, Any] | None:
  by = row.carried_by
  if by is None:
    return None
  if by.actions:
    return {'class': by.class_name, **by.actions}
  return {'class': by.class_name, 'region': by.region,
          'change': _finite(by.change), 'random_change': _finite(by.random_change),
          'maps': {name: np.round(values, 4).tolist()
                   for name, values in by.maps.items()}}


def plain(value: Any) -> Any:
  """Facts as JSON holds them: a name for an enumeration, a number for NumPy's.

  Args:
    value: of any kind.
  """
  if isinstance(value, dict):
    return {str(key): plain(one) for key, one in value.items()}
  if isinstance(value, (list, tuple)):
    return [plain(one) for one in value]
  if hasattr(value, 'item'):
    value = value.item()
  if isinstance(value, float):
    return _finite(value)
  return value if isinstance(value, (int, str, bool, type(None))) else str(value)


def _finite(value: float) -> float | None:
  return float(value) if math.isfinite(value) else None


def write_json(path: pathlib.Path, video: VideoExpressions) -> None:
  """Writes expressions.json.

  Args:
    path: of the file.
    video: what was spotted.
  """
  with write_atomically(path) as file:
    json.dump(as_json(video), file, indent=1, allow_nan=False)
    file.write('\n')


# ELAN, https://archive.mpi.nl/tla/elan: EAF 3.0, whose schema is EAFv3.0.xsd.

_SCHEMA = 'http://www.w3.org/2001/XMLSchema-instance'
_EAF = 'http://www.mpi.nl/tools/elan/EAFv3.0.xsd'


def tiers_of(video: VideoExpressions) -> dict[str, list[tuple[float, float, str]]]:
  """What stands on each tier: start, end (s) and a label.

  Args:
    video: what was spotted.
  """
  tiers: dict[str, list[tuple[float, float, str]]] = {}
  for number, one in video.people.items():
    rows = [row for row in video.rows if row.expression.person == number]
    tiers[f'expressions {number}'] = [
        (row.expression.onset_s, row.expression.offset_s, _label(row)) for row in rows]
    tiers[f'apex {number}'] = [
        (row.expression.apex_s, row.expression.apex_s + .5 / max(one.rate, 1.), 'apex')
        for row in rows]
    tiers[f'other motion {number}'] = sorted(
        (other.onset_s, other.offset_s, other.kind) for other in one.others)
    tiers[f'not looked at {number}'] = stretches_not_looked_at(video.frames, number)
  tiers['nobody'] = stretches_not_looked_at(video.frames, -1)
  return tiers


def _label(row: Recognised) -> str:
  named = f' {"|".join(row.classes)}' if row.classes else ''
  return f'{row.expression.kind} {row.expression.region}{named}'


def eaf_of(tiers: Mapping[str, Sequence[tuple[float, float, str]]], video: str,
           participants: Mapping[str, str] = {}, *, folder: pathlib.Path
           ) -> ElementTree.Element:
  """Any tiers as ELAN reads them; intervals of a tier do not overlap.

  Args:
    tiers: of each name the starts and ends in seconds, and the labels.
    video: path of the video; '' where it is not known.
    participants: who is seen, of tiers of which that is known.
    folder: in which the file will lie, from which its relative path starts.
  """
  ElementTree.register_namespace('xsi', _SCHEMA)
  # A fixed date: the same video gives the same bytes.
  root = ElementTree.Element('ANNOTATION_DOCUMENT', {
      'AUTHOR': 'lightman_jax', 'DATE': '1970-01-01T00:00:00+00:00', 'FORMAT': '3.0',
      'VERSION': '3.0', f'{{{_SCHEMA}}}noNamespaceSchemaLocation': _EAF})
  header = ElementTree.SubElement(root, 'HEADER', {
      'MEDIA_FILE': '', 'TIME_UNITS': 'milliseconds'})
  if video:
    place = pathlib.Path(video).absolute()
    ElementTree.SubElement(header, 'MEDIA_DESCRIPTOR', {
        'MEDIA_URL': place.as_uri(), 'MIME_TYPE': _mime(place),
        **_relative_url(place, folder)})
  slots = ElementTree.SubElement(root, 'TIME_ORDER')
  times: list[int] = []
  count = 0
  elements = []
  for name, spans in tiers.items():
    tier = ElementTree.Element('TIER', {
        'LINGUISTIC_TYPE_REF': 'default-lt', 'TIER_ID': printable(name),
        **({'PARTICIPANT': printable(participants[name])} if participants.get(name)
           else {})})
    end_before = 0
    for start, end, label in spans:
      first = max(round(1000 * start), end_before)
      last = max(round(1000 * end), first + 1)
      end_before = last
      count += 1
      note = ElementTree.SubElement(tier, 'ANNOTATION')
      span = ElementTree.SubElement(note, 'ALIGNABLE_ANNOTATION', {
          'ANNOTATION_ID': f'a{count}', 'TIME_SLOT_REF1': f'ts{len(times) + 1}',
          'TIME_SLOT_REF2': f'ts{len(times) + 2}'})
      ElementTree.SubElement(span, 'ANNOTATION_VALUE').text = printable(label)
      times += [first, last]
    elements.append(tier)
  for number, value in enumerate(times, start=1):
    ElementTree.SubElement(slots, 'TIME_SLOT', {
        'TIME_SLOT_ID': f'ts{number}', 'TIME_VALUE': str(value)})
  root.extend(elements)
  ElementTree.SubElement(root, 'LINGUISTIC_TYPE', {
      'GRAPHIC_REFERENCES': 'false', 'LINGUISTIC_TYPE_ID': 'default-lt',
      'TIME_ALIGNABLE': 'true'})
  return root


def _relative_url(place: pathlib.Path, folder: pathlib.Path) -> dict[str, str]:
  """From a folder to a video, as ELAN spells it; {} where that has no spelling."""
  try:
    # A link of the way would be another way up.
    path = os.path.relpath(place.parent.resolve() / place.name, folder.resolve())
  except ValueError:      # on Windows, of another drive
    return {}
  url = pathlib.Path(path).as_posix()
  if url != printable(url):
    return {}
  return {'RELATIVE_MEDIA_URL': url if url.startswith('../') else f'./{url}'}


def _mime(path: pathlib.Path) -> str:
  ending = path.suffix.lower().lstrip('.')
  return {'mov': 'video/quicktime', 'avi': 'video/x-msvideo', 'mkv': 'video/x-matroska',
          'webm': 'video/webm', 'mpg': 'video/mpeg'}.get(ending, 'video/mp4')


def write_eaf(path: pathlib.Path, video: VideoExpressions) -> None:
  """Writes the tiers for ELAN.

  Args:
    path: of the file.
    video: what was spotted.
  """
  write_tiers(path, tiers_of(video), video.video)


def write_tiers(path: pathlib.Path,
                tiers: Mapping[str, Sequence[tuple[float, float, str]]], video: str,
                participants: Mapping[str, str] = {}) -> None:
  """Writes any tiers for ELAN.

  Args:
    path: of the file.
    tiers, video, participants: as of `eaf_of`.
  """
  root = eaf_of(tiers, video, participants, folder=path.parent)
  ElementTree.indent(root)
  with write_atomically(path, 'wb') as file:
    ElementTree.ElementTree(root).write(file, encoding='UTF-8', xml_declaration=True)
    file.write(b'\n')
