"""The plan of a data set: its sheets, its tree of frames, or the sets it is made of.

An edition that is cut to the face is used whole. Of another the face is cut out by its
landmarks, upright and of one size; where no landmark model is there, the largest middle
square stands in its place, which aligns nothing, and is said.
"""

from collections import Counter
import functools
import hashlib
import pathlib

from lightman_jax.code_digest import code_sha256
from lightman_jax.data import manifest_plan, pixels, synthetic_plan, user_tables
from lightman_jax.data.choice import (
  Choice,
  class_set_of,
  configuration_names,
  is_table,
)
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.facts import COMPOSITES, Facts
from lightman_jax.data.frames import (
  Face,
  KnownLandmarks,
  find_face_model,
  pictures_by_number,
)
from lightman_jax.data.plan import Item, Plan, fingerprint
from lightman_jax.data.posed import Beside, reader_of, still_files
from lightman_jax.data.rows import LeftOut, Listing, Note, Row
from lightman_jax.data.sheets import (
  CORRECTIONS,
  read_listing,
  select_rows,
)
from lightman_jax.data.sources import Missing, Place, locate, sheet_of
from lightman_jax.data.trees import Tree, fold_name, folder_names
from lightman_jax.errors import Kind, Reason, Unreadable
from lightman_jax.faces.apex import sample_frames
from lightman_jax.units import counted

# The plan of a data set that has a table of facts: its sheets, and a tree of frames.

_RAW = ('the frames are of the {} edition and no landmark model is there: their middle '
        'square is used and no face is aligned; a cropped edition, or the model '
        '(python -m lightman_jax fetch), is better')
_SPOTTED = ('{} clips have no apex in the sheet: it is spotted on the frames, see '
            'lightman_jax.faces.apex')


_NO_EMOTIONS = ('there are no files of emotions beside the frames, such as {}: no '
                'sequence has a class')


class Survey:
  """The rows of a data set and the files of each, read once for whatever classes.

  Raises:
    InputError: files are missing, or the sheet cannot be read.
  """

  def __init__(self, choice: Choice):
    """Reads the sheets of a data set in `TABLES`; its class set does not matter yet."""
    self._facts, self.place, self._choice = TABLES[choice.name], locate(choice), choice
    tree, self.listing = _read_listing(self.place, self._facts, choice)
    table = (user_tables.read_landmark_table(choice.landmarks, self.listing.rows)
             if is_table(choice.landmarks) else None)
    beside = Beside(tree, self._facts)
    if choice.landmarks == 'auto' and beside.has_landmarks:
      table = beside
    face = None if table else find_face_model(choice.landmarks)
    self._landmarks = (choice.landmarks if is_table(choice.landmarks) else
                       'model' if face or table else 'none')
    self._notes = ([_NO_EMOTIONS.format(self._facts.layout[1])]
                   if self._facts.beside and not beside.has_emotions else [])
    self._rows, self._without_apex = user_tables.apexes_by_clip(
        self.listing.rows, choice.apex, spotted=self.listing.withdrawn)
    self._maker = Maker(tree, self.place, choice, face, table)
    self._entries: dict[str, Item | LeftOut] = {}

  def item(self, row: Row) -> Item | LeftOut:
    """What is to be done for a row, without a label; or why nothing can be."""
    return self._maker.item(row)

  def plan(self, choice: Choice) -> Plan:
    """Plans a build; every row of the sheet ends as an item or with its reason.

    Args:
      choice: the settings that were read for, with any class set.
    """
    class_set = class_set_of(choice)
    kept, not_in_set = _labelled(self._rows, class_set)
    planned = [(self._entry(row), label) for row, label in kept]
    items = tuple(entry._replace(label=label) for entry, label in planned
                  if isinstance(entry, Item))
    place, sheet = self.place, self.place.sheet
    exact = choice._replace(
        sheet=sheet.edition if sheet else 'auto', edition=place.frames.edition,
        landmarks=self._landmarks)
    spotted = sum(not item.apex_source for item in items)
    aligned = place.frames.aligned or self._landmarks != 'none'
    return Plan(
        dataset=choice.name,
        config=configuration_names(exact)[0],
        class_set=choice.class_set,
        classes=class_set.classes,
        shape=(choice.frames, choice.size, choice.size),
        items=items,
        left_out=(*self.listing.left_out, *self._without_apex, *not_in_set,
                  *(entry for entry, _ in planned if isinstance(entry, LeftOut))),
        sheet=self.listing.sheet,
        sheet_sha256=self.listing.sheet_sha256,
        strict=False,
        notes=(*place.remarks, *self._notes,
             *[_RAW.format(place.frames.edition)] * (not aligned),
               *[_SPOTTED.format(spotted)] * bool(spotted)),
        corrected=self.listing.corrected,
        outside=frozenset(entry.clip for entry in not_in_set),
        fitting=tuple(name for name, known in self._facts.class_sets.items()
                      if all(_counts(self._rows, known))))

  def _entry(self, row: Row) -> Item | LeftOut:
    if row.clip not in self._entries:
      self._entries[row.clip] = self.item(row)
    return self._entries[row.clip]


def plan_tree(choice: Choice) -> Plan:
  """Plans the build of a data set in the manual folder; see `Survey`.

  Args:
    choice: the settings, of a data set in `TABLES`.
  """
  return Survey(choice).plan(choice)


def _read_listing(place: Place, facts: Facts, choice: Choice) -> tuple[Tree, Listing]:
  """Reads the rows of a data set, and opens its tree of frames."""
  if place.sheets:
    listing = read_listing(place.sheets, facts, corrections=choice.corrected)
    taken = frozenset(_spelt(row, pattern) for row in listing.rows
                      for pattern in (place.frames.folder, *place.frames.otherwise))
    return Tree(place.root, taken), listing
  tree = Tree(place.root)
  return tree, reader_of(facts)(tree, place.frames, facts)


def _spelt(row: Row, pattern: str) -> str:
  try:
    return '/'.join(folder_names(pattern, row._asdict()))
  except Unreadable:
    return ''


def _labelled(rows, class_set):
  """Micro clips of the class set, and macro clips, which are kept without a class."""
  micro = tuple(row for row in rows if row.kind != 'macro')
  kept, left_out = select_rows(micro, class_set)
  macro = [(row, class_set.classes.index(class_set.folding[row.emotion])
            if row.emotion in class_set.folding else -1)
           for row in rows if row.kind == 'macro']
  return [*kept, *macro], left_out


def _counts(rows, class_set):
  """How many micro clips (of all, where none is) each class would have, were all
  frames there."""
  micro = tuple(row for row in rows if row.kind != 'macro')
  labels = [label for _, label in select_rows(micro or tuple(rows), class_set)[0]]
  return [labels.count(label) for label in range(len(class_set.classes))]


class Maker:
  """Makes items of rows; a folder that several clips share is read once."""

  def __init__(self, tree: Tree, place: Place, choice: Choice, face: Face | None,
               table: user_tables.LandmarkTable | Beside | None = None):
    self._tree, self._place, self._choice, self._table = tree, place, choice, table
    self._options = {'size': choice.size, 'crop': not place.frames.aligned,
                     'face': face}
    self._stills = TABLES[choice.name].stills
    if self._stills:
      # Another picture, in which the head has another place.
      self._options['each'] = True
    self._held = functools.cache(self._numbered)
    self._code = code_sha256(pixels.__name__)

  def item(self, row: Row) -> Item | LeftOut:
    """What is to be done for a row, without a label; or why nothing can be."""
    try:
      if row.apex is None and self._choice.apex == 'none':
        raise Unreadable(Reason.NO_APEX)
      if self._stills:
        folder, files_by_number = self._tree.root, still_files(self._tree, row)
      else:
        folder, note = self._folder(row)
        row = row._replace(notes=(*row.notes, *[note] * bool(note)))
        files_by_number = self._held(folder)
      if row.apex is None:
        return self._to_be_spotted(row, folder, files_by_number)
      numbers = sample_frames(row.onset, row.apex, row.offset,
                              frames=self._choice.frames)
      files = pixels.pick_files(files_by_number, numbers, folder)
      evidence, traces = pixels.trace_files(files)
      options, marks = self._facing(row, dict(zip(numbers, files)))
    except Unreadable as error:
      return LeftOut(row.clip, error.cause)
    make = functools.partial(pixels.read_pixels, tuple(file.path for file in files),
                             **options)
    return self._made(row, numbers, [*evidence, *marks], traces, make,
                      'given' if user_tables.GIVEN in row.notes else 'sheet')

  def _to_be_spotted(self, row: Row, folder, files_by_number) -> Item:
    pixels.pick_files(files_by_number, (row.onset, row.offset), folder)
    span = [(number, file) for number, file in files_by_number.items()
            if row.onset <= number <= row.offset]
    evidence, traces = pixels.trace_files(file for _, file in span)
    options, marks = self._facing(row, dict(span))
    make = functools.partial(
        pixels.spot_and_read, tuple((number, file.path) for number, file in span),
        frames=self._choice.frames, **options)
    return self._made(row, (), [*evidence, *marks], traces, make, '')

  def _facing(self, row: Row, files) -> tuple[dict, list[str]]:
    """The options of a clip's pictures, and what its digest must hold of them."""
    if self._table is None:
      return self._options, []
    points = self._table.of(row, files)
    mark = hashlib.sha256(b''.join(points[number].tobytes() for number in files))
    return ({**self._options, 'face': KnownLandmarks(
        {files[number].path: points[number] for number in files})}, [mark.hexdigest()])

  def _made(self, row, numbers, evidence, traces, make, source) -> Item:
    # With a table the landmarks themselves are in the evidence.
    evidence = (self._code, *evidence)
    key = fingerprint([[(file.path, file.mark) for file in traces], numbers,
                       self._choice.frames, evidence, {**self._options, 'face': bool(
                           self._options['face'] or self._table)}])
    return Item(row, -1, numbers, evidence, key, make, source, traces)

  def _folder(self, row: Row) -> tuple[pathlib.Path, Note | None]:
    """The first of the edition's places where the clip lies, and what to know of it.

    Raises:
      Unreadable: it lies in none; says of the first what is wrong.
    """
    first, frames = None, self._place.frames
    for pattern in (frames.folder, *frames.otherwise):
      try:
        wanted_parts = folder_names(pattern, row._asdict())
        folder = self._tree.folder(wanted_parts)
      except Unreadable as error:
        first = first or error
        continue
      home = folder.relative_to(self._tree.root).parts[0]
      subject = wanted_parts[0]
      astray = subject != wanted_parts[-1] and fold_name(home) != fold_name(subject)
      return folder, Note(
          'its frames lie in {}, not in {}; the name of their folder, {}, tells whose '
          'they are', (home, subject, folder.name)) if astray else None
    raise first

  def _numbered(self, folder: pathlib.Path):
    files_by_number = pictures_by_number(folder)
    # Unzipping may have nested it.
    if not files_by_number and (folder / folder.name).is_dir():
      self._tree.check(folder / folder.name)
      files_by_number = pictures_by_number(folder / folder.name)
    for file in files_by_number.values():
      if file.is_symlink():
        self._tree.check(file.path)
    return files_by_number


# The plan of a data set that is made of others, checked against published counts.


def plan_composite(choice: Choice) -> Plan:
  """Plans all parts; clips and subjects bear the name of their data set before them.

  Args:
    choice: the settings, of a data set in `COMPOSITES`.

  Raises:
    InputError: files are missing (of all parts, in one message), or cannot be read.
  """
  composite = COMPOSITES[choice.name]
  parts, lacking = {}, []
  for name, class_set in composite.parts.items():
    try:
      sheet = sheet_of(choice, name)
      parts[name] = plan_tree(choice._replace(
          name=name, class_set=class_set,
          sheet=composite.sheets.get(name, sheet) if sheet == 'auto' else sheet))
    except Missing as error:
      lacking.append(str(error))
  if lacking:
    raise Missing('\n'.join(lacking))
  items = tuple(_renamed(item, name) for name, part in parts.items()
                for item in part.items)
  left_out = tuple(LeftOut(f'{name}/{clip}', cause) for name, part in parts.items()
                   for clip, cause in part.left_out)
  return Plan(
      dataset=choice.name,
      config=_config(choice, parts),
      class_set=composite.class_set,
      classes=composite.classes,
      shape=(choice.frames, choice.size, choice.size),
      items=items,
      left_out=left_out,
      sheet=' + '.join(part.sheet for part in parts.values()),
      sheet_sha256=fingerprint([part.sheet_sha256 for part in parts.values()]),
      strict=False,
      notes=tuple(f'{name}: {note}' for name, part in parts.items()
                  for note in part.notes),
      corrected=tuple(line._replace(dataset=name) for name, part in parts.items()
                      for line in part.corrected),
      outside=frozenset(f'{name}/{clip}' for name, part in parts.items()
                        for clip in part.outside), parts=tuple(parts.values()))


def differences(plan: Plan) -> tuple[str, ...]:
  """Says by data set and class where clips differ from what was published.

  Below a line on a count that is too low stand the clips of that data set that are
  left out for another reason than their class; below one that is too high, all clips of
  that data set and class. The list of the clips was not published with the counts.

  Args:
    plan: of a composite.

  Returns:
    Lines; () where all is as published.
  """
  composite, lines = COMPOSITES[plan.dataset], []
  present = Counter((item.row.dataset, item.label) for item in plan.items)
  for name, counts in composite.expected.items():
    for label, expected in enumerate(counts):
      count = present[name, label]
      if count != expected:
        lines.append(f'{name}, {composite.classes[label]}: {counted(count, "clip")} '
                     f'instead of {expected}')
      if count > expected:
        lines += [f'  {item.row.clip}' for item in plan.items
                  if (item.row.dataset, item.label) == (name, label)]
    if any(present[name, label] < expected for label, expected in enumerate(counts)):
      lines += [f'  {clip}: {sentence}' for clip, sentence in sorted(
          entry.in_words for entry in plan.left_out if entry.clip not in plan.outside)
          if clip.startswith(f'{name}/')]
    people = len({item.row.subject for item in plan.items if item.row.dataset == name})
    if people != composite.subjects.get(name, people):
      lines.append(f'{name}: {counted(people, "subject")} instead of '
                   f'{composite.subjects[name]}')
  return (*lines, *_corrections(plan))


def _corrections(plan: Plan) -> list[str]:
  """What to set where clips are lost that named corrections keep."""
  named = COMPOSITES[plan.dataset].corrections
  lost = {clip for clip, _ in plan.left_out if clip not in plan.outside}
  kept = [clip for name in named for clip in (
      f'{CORRECTIONS[name].dataset}/{change.clip}'
      for change in CORRECTIONS[name].changes) if clip in lost]
  return [f'data.corrections={",".join(named)} keeps {" and ".join(kept)}'] * bool(kept)


def _renamed(item: Item, name: str) -> Item:
  row = item.row
  return item._replace(row=row._replace(
      clip=f'{name}/{row.clip}', subject=f'{name}/{row.subject}'))


def _config(choice: Choice, parts: dict[str, Plan]) -> str:
  """The parts may lie there in several editions, and then this one is mixed."""
  editions = {edition for part in parts.values() for edition in ('cropped', 'raw')
              if f'-{edition}-' in part.config}
  points = all('-points-' in part.config for part in parts.values())
  exact = choice._replace(
      edition=editions.pop() if len(editions) == 1 else 'mixed',
      landmarks=(choice.landmarks if is_table(choice.landmarks)
                 else 'model' if points else 'none'))
  return configuration_names(exact)[0]


# The plan of whichever data set is asked for.


def plan_data_set(choice: Choice) -> Plan:
  """Plans the build of a data set; see the module of its kind.

  Args:
    choice: the settings, of any data set.

  Raises:
    InputError: files are missing, or cannot be used.
  """
  if choice.name in TABLES:
    return plan_tree(choice)
  if choice.name in COMPOSITES:
    return plan_composite(choice)
  own = {'manifest': manifest_plan.plan_manifest,
         'synthetic': synthetic_plan.plan_synthetic}
  return own[choice.name](choice)


def describe_plan(plan: Plan) -> list[str]:
  """What a build will use and what it will lose, a line a data set with annotations.

  Args:
    plan: of any data set; of one that is made of others each is described.
  """
  if plan.parts:
    return [line for part in plan.parts for line in describe_plan(part)]
  if plan.dataset not in TABLES:
    return []
  kinds = Counter(entry.cause.reason.kind for entry in plan.left_out
                  if entry.clip not in plan.outside)
  rows = len(plan.items) + len(plan.left_out) - kinds.pop(Kind.REMARK, 0)
  groups = [f'{count} {kind.value}' for kind, count in kinds.most_common()]
  groups += [f'{len(plan.outside)} of other classes'] * bool(plan.outside)
  return [f'{TABLES[plan.dataset].title}: {len(plan.items)} of {counted(rows, "row")} '
          'can be used'
          + f' ({", ".join(groups)})' * bool(groups)]
