"""The plan of anyone's own clips, named in a csv.

A folder's frames bear their numbers in their names; a video's are counted from 0.
Pictures are used whole, whatever their proportions. Where onset or offset is not
given, the first and last frame there are taken; where the apex is not given, the middle
between onset and offset stands in its place, and the report says for how many clips.
"""

import functools
import os

from lightman_jax.code_digest import code_sha256
from lightman_jax.data import pixels
from lightman_jax.data.choice import Choice, configuration_names
from lightman_jax.data.duplicates import check_manifest
from lightman_jax.data.frames import check_picture, pictures_by_number, video_length
from lightman_jax.data.manifest import Entry, check_rows, examine_manifest
from lightman_jax.data.plan import Item, Plan, fingerprint
from lightman_jax.data.rows import Row, parse_action_units
from lightman_jax.data.sources import manifest_path
from lightman_jax.data.spellings import find_disorder
from lightman_jax.data.trees import form_of
from lightman_jax.errors import InputError, Reason, Unreadable
from lightman_jax.faces.apex import sample_frames
from lightman_jax.files import file_sha256
from lightman_jax.units import counted


def plan_manifest(choice: Choice) -> Plan:
  """Plans the build of a manifest's clips.

  The classes are the sorted labels of its micro clips (of all, where all are macro); a
  macro clip with another label, or none, has label -1.

  Args:
    choice: the settings; `path` is the csv.

  Raises:
    InputError: names the row and the file that cannot be used.
  """
  path = manifest_path(choice)
  manifest = check_rows(examine_manifest(path))
  entries, waivers = check_manifest(manifest.entries, choice, path)
  test_entries = [entry for entry in entries if entry.kind == 'micro'] or entries
  classes = tuple(sorted({entry.label for entry in test_entries if entry.label}))
  items, shapes = [], []
  for entry in entries:
    try:
      item, shape = item_of(entry, classes, choice)
    except Unreadable as error:
      raise InputError(f'{path} {entry.where}: {error}.') from error
    if shape != (shapes or [shape])[0]:
      raise InputError(
          f'{path} {entry.where}: its pictures have {shape[1]} x {shape[0]} pixels, '
          f'those of row {entries[0].row} {shapes[0][1]} x {shapes[0][0]}; '
          'give data.size to bring them to one size.')
    items.append(item)
    shapes.append(shape)
  assumed = sum(entry.apex is None and entry.form not in ('picture', 'pair')
                for entry in entries)
  return Plan(
      'manifest', configuration_names(choice)[0], choice.class_set, classes,
      (choice.frames, *shapes[0]), tuple(items), (), path.name, file_sha256(path),
      notes=(*manifest.remarks, *(
          [f'{counted(assumed, "clip", "has", "have")} no apex in {path.name}: the '
           'middle between onset and offset stands in its '
           'place'] if assumed else ())), waivers=waivers)


def item_of(entry: Entry, classes: tuple[str, ...], choice: Choice
            ) -> tuple[Item, tuple[int, int]]:
  """Plans one clip, from the names and heads of its files.

  Args:
    entry: its row.
    classes: of the data set.
    choice: the settings.

  Returns:
    The clip, and the height and width of what is stored of it, in pixels.

  Raises:
    Unreadable: says why nothing can be made of its files.
  """
  for path in entry.paths:
    if not os.path.exists(path):
      raise Unreadable(Reason.NOT_THERE, path=path)
    if not form_of(path):
      raise Unreadable(Reason.NO_FORM, path=path)
  plan_form = {'folder': _folder, 'picture': _picture, 'video': _video,
               'pair': _pair}[entry.form]
  span, numbers, evidence, traces, make, shape = plan_form(entry, choice)
  row = Row(entry.clip, entry.subject, entry.dataset, entry.label, entry.kind,
            *span, entry.fps, action_units_raw=entry.action_units,
            action_units=parse_action_units(entry.action_units), groups=entry.groups)
  label = classes.index(entry.label) if entry.label in classes else -1
  evidence = (code_sha256(pixels.__name__), *evidence)
  key = fingerprint([[(file.path, file.mark) for file in traces], numbers, evidence,
                     choice.size])
  return Item(row, label, numbers, evidence, key, make, files=traces), shape


def _span(entry: Entry, first: int, last: int, choice: Choice):
  onset = first if entry.onset is None else entry.onset
  offset = last if entry.offset is None else entry.offset
  if disorder := find_disorder(onset, entry.apex, offset):
    raise Unreadable(
        Reason.BACKWARDS_IN_FILES if disorder is Reason.BACKWARDS
        else Reason.APEX_OUTSIDE_IN_FILES, onset=onset, apex=entry.apex, offset=offset,
        first=first, last=last)
  apex = (onset + offset) // 2 if entry.apex is None else entry.apex
  return ((onset, entry.apex, offset),
          sample_frames(onset, apex, offset, frames=choice.frames))


def _folder(entry: Entry, choice: Choice):
  files_by_number = pictures_by_number(entry.path)
  if not files_by_number:
    raise Unreadable(Reason.NO_NUMBERS, folder=entry.path)
  span, numbers = _span(entry, min(files_by_number), max(files_by_number), choice)
  files = pixels.pick_files(files_by_number, numbers, entry.path)
  shapes = {check_picture(file.path) for file in files}
  if len(shapes) > 1:
    raise Unreadable(Reason.TWO_SIZES, folder=entry.path)
  make = functools.partial(pixels.read_pixels, tuple(file.path for file in files),
                           size=choice.size, crop=False)
  return (span, numbers, *pixels.trace_files(files), make,
          _stored(shapes.pop(), choice))


def _picture(entry: Entry, choice: Choice):
  if choice.frames != 1:
    raise Unreadable(Reason.ONE_PICTURE, path=entry.path, frames=choice.frames)
  number = entry.apex or 0
  span = (entry.onset if entry.onset is not None else number, entry.apex,
          entry.offset if entry.offset is not None else number)
  shape = _stored(check_picture(entry.path), choice)
  make = functools.partial(pixels.read_pixels, (os.fspath(entry.path),),
                           size=choice.size, crop=False)
  return span, (number,), *pixels.trace_files([entry.path]), make, shape


def _pair(entry: Entry, choice: Choice):
  """The neutral picture is frame 0, and the other is frame 1: apex and offset."""
  if choice.frames == 1:
    raise Unreadable(Reason.NO_PAIR, path=entry.path)
  for path in entry.paths:
    if form_of(path) != 'picture':
      raise Unreadable(Reason.NO_STILL, path=path)
  shape, other = map(check_picture, entry.paths)
  if shape != other:
    raise Unreadable(Reason.TWO_SIZES_OF_PAIR, one=entry.neutral, other=entry.path)
  numbers = sample_frames(0, 1, 1, frames=choice.frames)
  paths = [os.fspath(entry.paths[number]) for number in numbers]
  make = functools.partial(pixels.read_pixels, tuple(paths), size=choice.size,
                           crop=False)
  return ((0, 1, 1), numbers, *pixels.trace_files(entry.paths), make,
          _stored(shape, choice))


def _video(entry: Entry, choice: Choice):
  if not choice.size:
    raise Unreadable(Reason.NO_SIZE, path=entry.path)
  length = video_length(entry.path)
  span, numbers = _span(entry, 0, length - 1, choice)
  if (last := max(*span, *numbers)) >= length:
    raise Unreadable(Reason.VIDEO_ENDS, path=entry.path, number=last, length=length)
  make = functools.partial(pixels.read_video_pixels, os.fspath(entry.path), numbers,
                           choice.size)
  return (span, numbers, *pixels.trace_files([entry.path]), make,
          (choice.size, choice.size))


def _stored(shape: tuple[int, int], choice: Choice) -> tuple[int, int]:
  return (choice.size, choice.size) if choice.size else shape
