"""What is expected of the readers and the doctor, whatever was done to a data set."""

from collections import Counter
import json
import os
import pathlib
from typing import Any, NamedTuple

from benchmarks import damage_sheets
from lightman_jax.data import planning
from lightman_jax.data.choice import choose
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.plan import Plan, check_enough
from lightman_jax.doctor import examine, examine as examining, findings
from lightman_jax.doctor.findings import UNUSABLE, VERDICTS, to_jsonable
from lightman_jax.errors import InputError, Kind, Unreadable

FRAMES = 3


class Pristine(NamedTuple):
  """A replica that nothing has happened to, and the truth about it."""
  name: str
  home: pathlib.Path
  root: pathlib.Path                      # of the tree, below home
  clips: tuple[pathlib.Path, ...]         # below the root
  owner: dict[int, str]                   # inode of a picture -> who is seen
  person: dict[str, str]                  # subject of a row -> who is seen
  books: dict[str, dict[str, list]]       # stem -> tab -> lines
  rows: dict[tuple[Any, int], Any]        # (stem, line) -> what is read of it; where
                                          # there is no sheet: (folder, 0)


class Case(NamedTuple):
  """A damaged copy."""
  folder: pathlib.Path
  sheets: dict[tuple[str, str], damage_sheets.Sheet]
  broken: bool              # files of sheets were damaged as bytes, or moved
  done: tuple[str, ...]     # what was done


def settings(name: str, folder: pathlib.Path):
  """The choice of a build as the benchmark makes it."""
  return choose({'name': name, 'manual_dir': str(folder), 'frames': FRAMES, 'size': 8,
                 'data_dir': str(folder / 'none'), 'landmarks': 'none'})


def files_of(item) -> list[pathlib.Path]:
  """The pictures that a clip is made of."""
  return [pathlib.Path(path) for path in examine.picture_paths(item)]


def judge(pristine: Pristine, case: Case, rng) -> tuple[str, list[str]]:
  """Examines a damaged copy; returns the verdict, and the faults."""
  choice, plan, refusal = settings(pristine.name, case.folder), None, ''
  examined = examining.examine(choice, estimate=rng.random() < .1)
  # Where a class has no clip, the doctor's command names a class set that fits.
  choice = choice._replace(class_set=examined.class_set or choice.class_set)
  try:
    plan = planning.plan_tree(choice)
    check_enough(plan, plan.items)
  except InputError as error:
    refusal = str(error)
  faults = list(_faults_of_page(examined))
  # A build comes upon broken pictures later than its plan, the doctor perhaps at once.
  unread = any(loss.kind == 'picture' for loss in examined.losses)
  if bool(refusal) != (examined.verdict == UNUSABLE) and not (unread and not refusal):
    faults.append(f'verdict {examined.verdict}, but a build says: {refusal!r}')
  if plan:
    faults += [*_faults_of_clips(pristine, case, plan), *_faults_of_rows(
        pristine, case, plan)]
    faults += _faults_of_doctor(plan, examined)
    for index in rng.permutation(len(plan.items))[:2]:
      try:
        plan.items[index].make()
      except Unreadable:
        pass
  kept = f', {"no" if not plan else "with"} clips' if refusal else ''
  return VERDICTS[examined.verdict] + kept, faults


def _faults_of_page(examined):
  text = findings.render_examination(examined)
  json.dumps(to_jsonable(examined), allow_nan=False).encode()
  text.encode()
  if any(not mark.isprintable() for mark in text.replace('\n', '')):
    yield 'the page holds what a terminal would act on'
  for loss in examined.losses:
    if loss.kind == 'unsorted':
      yield f'no kind fits {loss.reason!r}'


def _faults_of_doctor(plan: Plan, examined):
  reasons = Counter((loss.clip, loss.reason) for loss in examined.losses)
  reasons += Counter(examined.outside)
  names = {clip for clip, _ in reasons}
  kinds = {entry.in_words: entry.cause.reason.kind for entry in plan.left_out}
  for entry, count in Counter(entry.in_words for entry in plan.left_out).items():
    # Of a clip that the class set leaves out, the doctor may know something worse.
    if reasons[entry] != count and not (
        kinds[entry] is Kind.CLASS and entry[0] in names):
      yield f'the doctor does not tell of {entry}'


def _faults_of_clips(pristine, case, plan: Plan):
  root = os.path.realpath(case.folder)
  for name, count in Counter(item.row.clip for item in plan.items).items():
    if count > 1:
      yield f'{name} is there {count} times'
  for item in plan.items:
    if not item.row.onset <= (item.row.apex or item.row.onset) <= item.row.offset:
      yield f'{item.row.clip}: frames out of order'
    for file in files_of(item):
      if not os.path.realpath(file).startswith(root + os.sep):
        yield f'{item.row.clip}: {file} lies outside'
      seen = pristine.owner.get(os.stat(file).st_ino)
      person = pristine.person.get(item.row.subject)
      if seen != person and seen in pristine.person.values():
        yield f'{item.row.clip}: {file} shows {seen}'


def _faults_of_rows(pristine, case, plan: Plan):
  if case.broken:
    return
  if not pristine.books:
    yield from _faults_of_folders(pristine, case, plan)
    return
  facts = TABLES[pristine.name]
  lines, seen = 0, []
  for file in plan.sheet.split(' + '):
    stem = pathlib.Path(file).stem
    tab = next((sheet.tab for sheet in facts.sheets if stem in sheet.stems), '')
    sheets = {key[1]: sheet for key, sheet in case.sheets.items() if key[0] == stem}
    sheet = sheets[tab] if tab in sheets and not file.endswith('.csv') else next(
        iter(sheets.values()))
    first = 0 if sheet.head is None else sheet.head + 1
    lines += sum(any(str(cell).strip() for cell in line if cell is not None)
                 for line in sheet.lines[first:])
    seen.append((stem, sheet))
  clips = len(plan.items) + len(plan.left_out)
  # Above a header that is only found where it is repeated, remarks stay remarks.
  repeated = {'rename_column', 'foreign_rows'} <= set(case.done)
  if lines != clips and not (repeated and lines > clips):
    yield f'{lines} lines, but {clips} clips used and left out'
  for stem, sheet in seen:
    for item in plan.items:
      if pathlib.Path(item.row.sheet).stem != stem:
        continue
      said = [_plain(cell) for cell in sheet.lines[item.row.row - 1]]
      used = (item.row.onset, item.row.offset, item.row.apex or item.row.onset)
      if any(str(number) not in said for number in used):
        yield f'row {item.row.row}: the frames {used} are not those of {said}'
      origin = sheet.origin[item.row.row - 1]
      before = pristine.rows.get((stem, origin + 1))
      if before and origin not in sheet.touched:
        was, now = _row_in_words(before), _row_in_words(item.row)
        if was != now:
          yield f'row {item.row.row}: {now} was {was}'


def _faults_of_folders(pristine, case, plan: Plan):
  """Where folders are the rows, each that is in its place is accounted for."""
  named = {pathlib.PurePath(clip).name for clip in (
      *(item.row.clip for item in plan.items), *(left.clip for left in plan.left_out))}
  for file, _ in pristine.rows:
    if (case.folder / pristine.root / file).is_dir() and file.name not in named:
      yield f'the folder {file} is neither used nor left out'


def _plain(cell) -> str:
  text = '' if cell is None else str(cell).strip()
  return text.partition('.')[0] if text.replace('.', '', 1).isdigit() else text


def _row_in_words(row):
  return row._replace(clip='', sheet='', row=0, notes=())
