"""The plan of a data set that has a table of facts: its sheets, and a tree of frames.

An edition that is cut to the face is used whole. Of another the face is cut out by its
landmarks, upright and of one size; where no landmark model is there, the largest middle
square stands in its place, which aligns nothing, and is said.
"""

import functools
import hashlib
import pathlib

from lightman_jax.annotations.facts import Facts
from lightman_jax.annotations.reader import read_listing, select
from lightman_jax.annotations.rows import LeftOut, Listing, Row
from lightman_jax.annotations.tables import TABLES
from lightman_jax.clips import apexes, given_landmarks, names, pictures
from lightman_jax.clips.choice import Choice, class_set_of, is_table
from lightman_jax.clips.facing import Face, Given, find_face_model
from lightman_jax.clips.folder_names import read_folders
from lightman_jax.clips.frames import numbered
from lightman_jax.clips.plan import Item, Plan, fingerprint
from lightman_jax.clips.search import Tree, fold, parts
from lightman_jax.clips.sources import Place, locate
from lightman_jax.clips.unreadable import Unreadable
from lightman_jax.code_digest import code_sha256
from lightman_jax.geometry.sampling import sample

_RAW = ('the frames are of the {} edition and no landmark model is there: their middle '
        'square is used and no face is aligned; a cropped edition, or the model '
        '(python -m lightman_jax fetch), is better')
_SPOTTED = ('{} clips have no apex in the sheet: it is spotted on the frames, see '
            'lightman_jax.geometry.apex')


def plan(choice: Choice) -> Plan:
  """Plans the build of a data set in the manual folder.

  Every row of the sheet ends as an item or as left out with its reason.

  Raises:
    InputError: files are missing, or the sheet cannot be read.
  """
  facts, place = TABLES[choice.name], locate(choice)
  tree, listing = listed(place, facts, choice)
  table = (given_landmarks.read(choice.landmarks, listing.rows)
           if is_table(choice.landmarks) else None)
  face = None if table else find_face_model(choice.landmarks)
  rows, unknown = apexes.given(listing.rows, choice.apex, spotted=listing.withdrawn)
  class_set = class_set_of(choice)
  kept, not_in_set = _labelled(rows, class_set)
  maker = Maker(tree, place, choice, face, table)
  planned = [maker.item(row, label) for row, label in kept]
  items = tuple(entry for entry in planned if isinstance(entry, Item))
  exact = choice._replace(
      sheet=place.sheet.edition if place.sheet else 'auto',
      edition=place.frames.edition,
      landmarks=choice.landmarks if table else 'model' if face else 'none')
  spotted = sum(not item.apex_source for item in items)
  return Plan(
      dataset=choice.name,
      config=names.configurations(exact)[0],
      class_set=choice.class_set,
      classes=class_set.classes,
      shape=(choice.frames, choice.size, choice.size),
      items=items,
      left_out=(*listing.left_out, *unknown, *not_in_set,
                *(entry for entry in planned if isinstance(entry, LeftOut))),
      sheet=listing.sheet,
      sheet_sha256=listing.sheet_sha256,
      strict=False,
      notes=tuple(
          [*place.remarks]
          + [_RAW.format(place.frames.edition)]
          * (not (place.frames.aligned or face or table))
          + [_SPOTTED.format(spotted)] * bool(spotted)),
      corrected=listing.corrected,
      outside=frozenset(entry.clip for entry in not_in_set),
      fitting=tuple(name for name, known in facts.class_sets.items()
                    if all(_counts(rows, known))))


def listed(place: Place, facts: Facts, choice: Choice) -> tuple[Tree, Listing]:
  """Reads the rows of a data set, and opens its tree of frames."""
  if place.sheets:
    listing = read_listing(place.sheets, facts, corrections=choice.corrected)
    taken = frozenset(_spelt(row, pattern) for row in listing.rows
                      for pattern in (place.frames.folder, *place.frames.otherwise))
    return Tree(place.root, taken), listing
  tree = Tree(place.root)
  return tree, read_folders(tree, place.frames, facts)


def _spelt(row: Row, pattern: str) -> str:
  try:
    return '/'.join(parts(pattern, row._asdict()))
  except Unreadable:
    return ''


def _labelled(rows, class_set):
  """Micro clips of the class set, and macro clips, which are kept without a class."""
  micro = tuple(row for row in rows if row.kind != 'macro')
  kept, left_out = select(micro, class_set)
  macro = [(row, class_set.classes.index(class_set.folding[row.emotion])
            if row.emotion in class_set.folding else -1)
           for row in rows if row.kind == 'macro']
  return [*kept, *macro], left_out


def _counts(rows, class_set):
  """How many micro clips each class would have, were all frames there."""
  labels = [label for _, label in select(
      tuple(row for row in rows if row.kind != 'macro'), class_set)[0]]
  return [labels.count(label) for label in range(len(class_set.classes))]


class Maker:
  """Makes items of rows; a folder that several clips share is read once."""

  def __init__(self, tree: Tree, place: Place, choice: Choice, face: Face | None,
               table: given_landmarks.Table | None = None):
    self._tree, self._place, self._choice, self._table = tree, place, choice, table
    self._options = {'size': choice.size, 'crop': not place.frames.aligned,
                     'face': face}
    self._held = functools.cache(self._numbered)
    self._code = code_sha256(pictures.__name__)

  def item(self, row: Row, label: int) -> Item | LeftOut:
    """Returns what is to be done for a row, or why nothing can be."""
    try:
      if row.apex is None and self._choice.apex == 'none':
        raise Unreadable('the sheet gives no apex, and every clip must hold it')
      folder, note = self._folder(row)
      row = row._replace(notes=(*row.notes, *filter(None, [note])))
      held = self._held(folder)
      if row.apex is None:
        return self._to_be_spotted(row, label, folder, held)
      numbers = sample(row.onset, row.apex, row.offset, frames=self._choice.frames)
      files = pictures.pick(held, numbers, folder)
      evidence, traces = pictures.traces(files)
      options, marks = self._facing(row, dict(zip(numbers, files)))
    except Unreadable as error:
      return LeftOut(row.clip, str(error))
    make = functools.partial(pictures.pixels, tuple(file.path for file in files),
                             **options)
    return self._made(row, label, numbers, [*evidence, *marks], traces, make,
                      'given' if apexes.GIVEN in row.notes else 'sheet')

  def _to_be_spotted(self, row: Row, label: int, folder, held) -> Item:
    pictures.pick(held, (row.onset, row.offset), folder)
    span = [(number, file) for number, file in held.items()
            if row.onset <= number <= row.offset]
    evidence, traces = pictures.traces(file for _, file in span)
    options, marks = self._facing(row, dict(span))
    make = functools.partial(
        pictures.spotted, tuple((number, file.path) for number, file in span),
        frames=self._choice.frames, **options)
    return self._made(row, label, (), [*evidence, *marks], traces, make, '')

  def _facing(self, row: Row, files) -> tuple[dict, list[str]]:
    """The options of a clip's pictures, and what its digest must hold of them."""
    if self._table is None:
      return self._options, []
    points = self._table.of(row, files)
    mark = hashlib.sha256(b''.join(points[number].tobytes() for number in files))
    return ({**self._options, 'face': Given(
        {files[number].path: points[number] for number in files})}, [mark.hexdigest()])

  def _made(self, row, label, numbers, evidence, traces, make, source) -> Item:
    # With a table the landmarks themselves are in the evidence.
    evidence = (self._code, *evidence)
    key = fingerprint([[(file.path, file.mark) for file in traces], numbers,
                       self._choice.frames, evidence, {**self._options, 'face': bool(
                           self._options['face'] or self._table)}])
    return Item(row, label, numbers, evidence, key, make, source, traces)

  def _folder(self, row: Row) -> tuple[pathlib.Path, str]:
    """The first of the edition's places where the clip lies, and what to know of it.

    Raises:
      Unreadable: it lies in none; says of the first what is wrong.
    """
    first, frames = None, self._place.frames
    for pattern in (frames.folder, *frames.otherwise):
      try:
        wanted = parts(pattern, row._asdict())
        found = self._tree.folder(wanted)
      except Unreadable as error:
        first = first or error
        continue
      home = found.relative_to(self._tree.root).parts[0]
      astray = wanted[0] != wanted[-1] and fold(home) != fold(wanted[0])
      return found, (f'its frames lie in {home}, not in {wanted[0]}; the name of their '
                     f'folder, {found.name}, tells whose they are') if astray else ''
    raise first

  def _numbered(self, folder: pathlib.Path):
    held = numbered(folder)
    if not held and (folder / folder.name).is_dir():     # unzipping nested it
      self._tree.check(folder / folder.name)
      held = numbered(folder / folder.name)
    for file in held.values():
      if file.is_symlink():
        self._tree.check(file.path)
    return held
