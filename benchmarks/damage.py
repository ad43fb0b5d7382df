"""Thousands of damaged data sets: does anything escape the readers and the doctor?

    python benchmarks/damage.py --rounds=2000 --home=FOLDER

A small replica of every data set is written once. Each round takes one, damages its
sheets (`damage_sheets`) or its tree (`damage_trees`) or both in one to three ways, and
has it examined, planned and partly read. A round is at fault where

- anything is raised but an `InputError` of one line, or a round takes 20 seconds;
- lines of the sheet and clips, used and left out, differ in number, or a clip is there
  twice;
- a clip's pictures are not those of the person its row names, or lie outside the tree;
- a row that nothing happened to is read otherwise than before;
- the doctor's losses are not those of the plan, one is of no known kind, or its page
  holds what a terminal would act on;
- the verdict is 'not usable' where a build would begin, or the other way round.

Prints what was done, by data set and way, and every fault with the round to repeat it;
exits with 1 if there is any. Some six rounds a second on one core.
"""

import argparse
from collections import Counter
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import damage_sheets, damage_trees
from benchmarks.damage_judge import FRAMES, Case, Pristine, files_of, judge, settings
from lightman_jax.data import planning
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.doctor.examine import of_all_emotions
from lightman_jax.synthetic.replicas.write import REPLICAS, write_replica

SECONDS = 20
# Where the name of a clip's folder says whose it is.
TOLD = {'samm', 'smic', 'smic_vis', 'smic_nir', 'smic_long', 'casme_squared', 'mmew',
        'dfme', 'samm_long'}


def prepare(name: str, home: pathlib.Path) -> Pristine:
  """Writes a small replica and reads it."""
  made, folder = REPLICAS[name], home / name
  write_replica(name, folder, per_class=1, frames=FRAMES, size=(24, 24),
                form='csv' if made.books else '')
  edition = next(iter(made.editions))
  root = pathlib.Path(made.editions[edition].roots[0])
  kept = _clips(made, folder)
  films = [film for film in made.films(kept, edition)
           if film.folder and (folder / root / film.folder).is_dir()]
  owner = {file.stat().st_ino: film.clip.subject for film in films
           for file in (folder / root / film.folder).iterdir()}
  books = {book.stem: {tab.title: tab.lines for tab in book.tabs}
           for some in (made.books(kept).values() if made.books else ())
           for book in some}
  plan = planning.plan_tree(of_all_emotions(settings(name, folder)))
  person, rows = {}, {}
  for item in plan.items:
    seen = {owner[file.stat().st_ino] for file in files_of(item)}
    assert len(seen) == 1 and person.setdefault(item.row.subject, *seen) in seen
    where = (pathlib.Path(item.row.sheet).stem if made.books else
             files_of(item)[0].parent.relative_to(folder / root))
    rows[where, item.row.row] = item.row
  assert len(set(person.values())) == len(person), f'{name}: two subjects, one person'
  places = tuple(dict.fromkeys(pathlib.Path(film.folder) for film in films))
  return Pristine(name, folder, root, places, owner, person, books, rows)


def _clips(made, folder):
  from lightman_jax.synthetic.replicas.write import _fewer
  return _fewer(made.clips(0), 1)


def damage(pristine: Pristine, folder: pathlib.Path, rng) -> Case:
  """Makes a damaged copy in `folder`; pictures are linked, not copied."""
  shutil.copytree(pristine.home, folder, copy_function=os.link)
  done = []
  which = int(rng.integers(3)) if pristine.books else 1
  sheets = {(stem, tab): damage_sheets.begin(lines, _head(lines))
            for stem, tabs in pristine.books.items() for tab, lines in tabs.items()}
  if which != 1:
    for key, sheet in sheets.items():
      for _ in range(int(rng.integers(1, 4)) if sheet.lines else 0):
        operation = _any(damage_sheets.OPERATIONS, rng)
        sheets[key] = sheet = operation(sheet, rng)
        done.append(operation.__name__)
  broken = _write_books(folder, sheets, rng, done)
  if which != 0:
    outside = folder.with_name(folder.name + '.outside')
    outside.mkdir()
    (outside / 'secret.jpg').write_bytes(b'')
    for _ in range(int(rng.integers(1, 4))):
      root = folder / pristine.root
      place = damage_trees.Place(
          root, tuple(root / clip for clip in pristine.clips), outside,
          pristine.name in TOLD)
      operation = _any(damage_trees.OPERATIONS, rng)
      if root.is_dir():
        operation(place, rng)
        done.append(operation.__name__)
  return Case(folder, sheets, broken, tuple(done))


def _write_books(folder, sheets, rng, done) -> bool:
  broken = False
  for stem in dict.fromkeys(stem for stem, _ in sheets):
    (folder / f'{stem}.csv').unlink()
    tabs = {tab: sheet.lines for (other, tab), sheet in sheets.items() if other == stem}
    ending = ('.csv', '.csv', '.csv', '.xlsx', '.xls')[rng.integers(5)]
    content = (damage_sheets.write_csv(next(iter(tabs.values())), rng)
               if ending == '.csv' else damage_sheets.write_book(tabs, ending))
    if rng.random() < .15:
      content, broken = damage_sheets.damage_bytes(content, rng), True
      done.append('damage_bytes')
    name = f'{stem}{ending}'
    if rng.random() < .1:
      names = (f'{stem}.xls', f'{stem}.CSV', f'{stem} (1){ending}', f'~${stem}{ending}',
               f'._{stem}{ending}', f'{stem}', f'deep/{stem}{ending}')
      name, broken = names[rng.integers(len(names))], True
      done.append('rename_sheet')
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
  return broken


def _any(operations, rng):
  return operations[int(rng.integers(len(operations)))]


def _head(lines):
  words = [{str(cell).strip().casefold() for cell in line} for line in lines[:20]]
  return next((index for index, line in enumerate(words)
               if {'subject', 'filename'} <= line or {'sub', 'onset'} <= line), None)


class TooLong(BaseException):
  """A round never ends; what takes every `Exception` for a broken picture must not
  take this one."""


def _too_long(number, frame):
  raise TooLong(f'more than {SECONDS} s')


def play(pristine: Pristine, number: int, home: pathlib.Path):
  """One round; returns what was done, the verdict, and the faults."""
  rng = np.random.default_rng(number)
  folder = home / 'round'
  for path in (folder, folder.with_name('round.outside')):
    shutil.rmtree(path, ignore_errors=True)
  case = damage(pristine, folder, rng)
  signal.signal(signal.SIGALRM, _too_long)
  signal.alarm(SECONDS)
  try:
    verdict, faults = judge(pristine, case, rng)
  except (Exception, TooLong):
    verdict, faults = 'an error', [traceback.format_exc(limit=-6)]
  finally:
    signal.alarm(0)
  return case.done, verdict, faults


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--rounds', type=int, default=2000)
  parser.add_argument('--first', type=int, default=0, help='number of the first round')
  parser.add_argument('--only', nargs='*', default=sorted(set(REPLICAS) & set(TABLES)))
  parser.add_argument('--home', default='', help='a folder for the copies')
  flags = parser.parse_args()
  with tempfile.TemporaryDirectory(dir=flags.home or None) as folder:
    home, began = pathlib.Path(folder), time.monotonic()
    stock = [prepare(name, home) for name in flags.only]
    ways, rounds, verdicts, bad = Counter(), Counter(), Counter(), 0
    for number in range(flags.first, flags.first + flags.rounds):
      pristine = stock[number % len(stock)]
      done, verdict, faults = play(pristine, number, home)
      ways.update(done)
      verdicts[verdict] += 1
      rounds[pristine.name] += 1
      bad += bool(faults)
      for fault in faults[:3]:
        print(f'round {number}, {pristine.name}, {", ".join(done)}:\n  {fault}')
    for name, counts in (('rounds', rounds), ('ways', ways), ('verdicts', verdicts)):
      counted = ', '.join(f'{what} {n}' for what, n in sorted(counts.items()))
      print(f'{name}: {counted}')
    print(f'{flags.rounds} rounds, {bad} at fault, '
          f'{time.monotonic() - began:.0f} s')
  sys.exit(bool(bad))


if __name__ == '__main__':
  main()
