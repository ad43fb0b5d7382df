"""The plan of anyone's own clips, named in a csv.

A folder's frames bear their numbers in their names; a video's are counted from 0.
Pictures are used whole, whatever their proportions. Where onset or offset is not
given, the first and last frame there are taken; where the apex is not given, the middle
between onset and offset stands in its place, and the report says for how many clips.
"""

import functools
import os

import numpy as np

from lightman_jax.annotations.frame_numbers import disorder
from lightman_jax.annotations.manifest import Entry, check_rows, examine_manifest
from lightman_jax.annotations.rows import Row
from lightman_jax.clips import names, pictures
from lightman_jax.clips.choice import Choice
from lightman_jax.clips.frames import (
  check_picture,
  fit,
  numbered,
  read_video,
  video_length,
)
from lightman_jax.clips.gate import check_manifest
from lightman_jax.clips.plan import Item, Pixels, Plan, fingerprint
from lightman_jax.clips.search import form_of
from lightman_jax.clips.sources import manifest_path
from lightman_jax.clips.unreadable import Unreadable
from lightman_jax.errors import InputError
from lightman_jax.files import file_sha256
from lightman_jax.geometry.sampling import sample


def plan(choice: Choice) -> Plan:
  """Plans the build of a manifest's clips.

  The classes are the sorted labels of its micro clips (of all, where all are macro); a
  macro clip with another label, or none, has label -1.

  Raises:
    InputError: names the row and the file that cannot be used.
  """
  path = manifest_path(choice)
  manifest = check_rows(examine_manifest(path))
  entries, meant = check_manifest(manifest.entries, choice, path)
  judged = [entry for entry in entries if entry.kind == 'micro'] or entries
  classes = tuple(sorted({entry.label for entry in judged if entry.label}))
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
  assumed = sum(entry.apex is None and form_of(entry.path) != 'picture'
                for entry in entries)
  return Plan(
      'manifest', names.configurations(choice)[0], choice.class_set, classes,
      (choice.frames, *shapes[0]), tuple(items), (), path.name, file_sha256(path),
      notes=(*manifest.remarks, *(
          [f'{assumed} clips have no apex in {path.name}: the middle between onset and '
           'offset stands in its place'] if assumed else ())), meant=meant)


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
  if not os.path.exists(entry.path):
    raise Unreadable(f'{entry.path} is not there')
  form = form_of(entry.path)
  if not form:
    raise Unreadable(f'{entry.path} is neither a folder of frames nor a picture nor a '
                     'video')
  read = {'folder': _folder, 'picture': _picture, 'video': _video}[form]
  span, numbers, evidence, exact, make, shape = read(entry, choice)
  row = Row(entry.clip, entry.subject, entry.dataset, entry.label, entry.kind,
            *span, entry.fps)
  label = classes.index(entry.label) if entry.label in classes else -1
  key = fingerprint([exact, numbers, choice.size])
  return Item(row, label, numbers, tuple(evidence), key, make), shape


def _span(entry: Entry, first: int, last: int, choice: Choice):
  onset = first if entry.onset is None else entry.onset
  offset = last if entry.offset is None else entry.offset
  wrong = disorder(onset, entry.apex, offset)
  if wrong:
    raise Unreadable(f'{wrong} (it holds frames {first} to {last})')
  apex = (onset + offset) // 2 if entry.apex is None else entry.apex
  return ((onset, entry.apex, offset),
          sample(onset, apex, offset, frames=choice.frames))


def _folder(entry: Entry, choice: Choice):
  held = numbered(entry.path)
  if not held:
    raise Unreadable(f'the folder {entry.path} holds no picture with a number in its '
                     'name')
  span, numbers = _span(entry, min(held), max(held), choice)
  files = pictures.pick(held, numbers, entry.path)
  shapes = {check_picture(file.path) for file in files}
  if len(shapes) > 1:
    raise Unreadable(f'the frames in {entry.path} differ in size')
  evidence, exact = pictures.traces(files)
  make = functools.partial(pictures.pixels, tuple(file.path for file in files),
                           size=choice.size, crop=False)
  return span, numbers, evidence, exact, make, _stored(shapes.pop(), choice)


def _picture(entry: Entry, choice: Choice):
  if choice.frames != 1:
    raise Unreadable(f'{entry.path} is one picture, but data.frames asks for '
                     f'{choice.frames}; set it to 1, or name a folder or a video')
  number = entry.apex or 0
  span = (entry.onset if entry.onset is not None else number, entry.apex,
          entry.offset if entry.offset is not None else number)
  shape = _stored(check_picture(entry.path), choice)
  path = os.fspath(entry.path)
  evidence, exact = _traces(path)
  make = functools.partial(pictures.pixels, (path,), size=choice.size, crop=False)
  return span, (number,), evidence, exact, make, shape


def _video(entry: Entry, choice: Choice):
  if not choice.size:
    raise Unreadable(f'{entry.path} is a video; data.size must say to which size its '
                     'frames are brought')
  span, numbers = _span(entry, 0, video_length(entry.path) - 1, choice)
  path = os.fspath(entry.path)
  evidence, exact = _traces(path)
  make = functools.partial(_video_pixels, path, numbers, choice.size)
  return span, numbers, evidence, exact, make, (choice.size, choice.size)


def _video_pixels(path: str, numbers: tuple[int, ...], size: int) -> Pixels:
  stored = [fit(frame, size, crop=False) for frame in read_video(path, numbers)]
  return Pixels(np.stack(stored), np.full((len(numbers), 68, 2), np.nan, np.float32))


def _traces(path: str):
  stat = os.stat(path)
  return ([(os.path.basename(path), stat.st_size)],
          [(path, stat.st_size, stat.st_mtime_ns)])


def _stored(shape: tuple[int, int], choice: Choice) -> tuple[int, int]:
  return (choice.size, choice.size) if choice.size else shape
