"""Many videos of a study: looked at one after the other, and put into tables.

Each row of the table of videos becomes a folder below `videos/` with all that a single
video has, and last of all `done.json`. A start looks at what has none, or one of other
settings, another file or other code; so a study that was ended in any way goes on, and
what is lost are the videos that were under way. The study's own tables are then made of
the folders, whoever wrote them.

Processes are our own program, started anew, each with one video at a time: they end by
themselves when the one that started them is killed, after the video under way. A video
that ends its process has its line like any other that cannot be read.
"""

import argparse
import csv
import functools
import hashlib
import json
import os
import pathlib
import queue
import signal
import sys
import threading
import time as clock
from typing import Any, NamedTuple

from lightman_jax import bounded, bundle, places
from lightman_jax.code_digest import code_sha256
from lightman_jax.data.workers import count_cores, start_process, wait_for_end
from lightman_jax.errors import InputError, Unreadable, printable
from lightman_jax.files import explain_fault, lock, write_atomically
from lightman_jax.refusals import OTHER
from lightman_jax.units import counted
from lightman_jax.video import command, signals, study_results, study_tables, tables
from lightman_jax.video.measurement import signals_of
from lightman_jax.video.study_results import Table
from lightman_jax.video.study_rows import Row
from lightman_jax.video.study_tables import Event, Part, Seen

VIDEOS, DONE = 'videos', 'done.json'
COMPUTES = ('lightman_jax.video.expressions', 'lightman_jax.video.writers')
# Options of the command on which what is made of a video depends.
_DECIDE = ('emotions', 'frames', 'annotate', 'causal')


# One video: looked at unless that is done.


class Outcome(NamedTuple):
  """What became of one row; `message` is why nothing did, or remarks."""
  line: dict[str, Any]
  code: str = ''
  parts: tuple[Part, ...] = ()
  fresh: bool = False        # looked at by this start
  failed: bool = False


def key_of(row: Row, options: dict[str, Any]) -> str:
  """A digest of all that decides what is made of a video.

  Args:
    row: of the study.
    options: of the command.

  Raises:
    OSError: a file is not there.
  """
  files = [_identity(pathlib.Path(row.path))]
  files += [_identity(pathlib.Path(row.landmarks))] if row.landmarks else []
  model = (places.expand(options['model']) if options['model'] else
           pathlib.Path(bundle.__file__).with_name('open_model'))
  model = (_identity(model / 'model.json')
           if options['model'] or options['emotions'] else None)
  decides = [row.start, row.end, row.baseline, row.fps, files, model,
             [options[name] for name in _DECIDE], _code()]
  return hashlib.sha256(json.dumps(decides).encode()).hexdigest()


@functools.cache
def _code() -> str:
  return code_sha256(*COMPUTES)


def _identity(path: pathlib.Path) -> list:
  """Size and time of a file; of a folder those of its newest file, and how many."""
  about = path.stat()
  if not path.is_dir():
    return [str(path), about.st_size, about.st_mtime_ns]
  with os.scandir(path) as entries:
    times = [entry.stat().st_mtime_ns for entry in entries if entry.is_file()]
  return [str(path), len(times), max(times, default=0)]


def read_done(place: pathlib.Path, key: str) -> Outcome | None:
  """What an earlier start has made of a video; None where that has to be done.

  Args:
    place: folder of the video.
    key: of `key_of`.
  """
  try:
    content = bounded.read_json(place / DONE)
    if content['key'] != key:
      return None
    return Outcome(dict(content['line']), parts=tuple(
        Part(tuple((float(a), float(b)) for a, b in spans),
             {kind: bool(assessable[kind]) for kind in study_tables.KINDS},
             float(seconds)) for spans, assessable, seconds in content['parts']))
  except (OSError, ValueError, LookupError, TypeError, AttributeError):
    return None


def look_at(row: Row, options: dict[str, Any], model: Any, place: pathlib.Path
            ) -> Outcome:
  """Makes everything of one video, `done.json` last.

  Args:
    row: of the study.
    options: of the command.
    model: that names classes, or None.
    place: folder of the video.
  """
  own = argparse.Namespace(**{
      **options, 'face': 'largest', 'baseline': row.baseline, 'start': row.start,
      'end': row.end, 'fps': row.fps, 'landmarks': None})
  try:
    key = key_of(row, options)
    (place / DONE).unlink(missing_ok=True)
    if row.landmarks:
      own.landmarks = tables.read_landmarks(pathlib.Path(row.landmarks))
    line, made = command.make_video(own, model, row.path, place, row.folder,
                                    lambda stage, share: None)
    parts = [_part(made, person) for person in made.people]
  except (InputError, Unreadable) as error:
    code = error.code if isinstance(error, InputError) else 'E801'
    return Outcome(_unmade(str(error)), code, failed=True)
  except OSError as error:
    return Outcome(_unmade(explain_fault(error)), 'E801', failed=True)
  except Exception as error:      # one bad file stops nothing
    return Outcome(_unmade(f'{row.path}: {type(error).__name__}: {error}'), OTHER,
                   failed=True)
  message = line.message
  if len(parts) > 1:
    message = '; '.join(filter(None, [message, f'{counted(len(parts), "face")}, one '
                                               'after the '
                                      f'other, are taken for {row.person}']))
  outcome = Outcome(line._replace(message=message)._asdict(), parts=tuple(parts),
                    fresh=True)
  with write_atomically(place / DONE) as file:
    json.dump({'key': key, 'line': outcome.line, 'parts': parts}, file)
  return outcome


def _unmade(message: str) -> dict[str, Any]:
  return command.Line('', '', message=message.replace('\n', ' '))._asdict()


def _part(made: Any, person: int) -> Part:
  """When a face was looked at."""
  settings, one = signals.SpottingSettings(), made.people[person]
  seen = signals_of(made.frames, person)
  new = seen.looked_at & ~seen.repeated
  spans = tuple((float(seen.time[index[0]]), float(seen.time[index[-1]]))
                for index in signals.unbroken(seen, new, one.rate, settings))
  return Part(spans, {kind: bool(one.assessable[kind]) for kind in study_tables.KINDS},
              float(one.looked_at))


# Several processes.


class _Hand(threading.Thread):
  """A thread that hands one video after another to a process of its own."""
  _taking = threading.Lock()

  def __init__(self, jobs, answers, options):
    super().__init__(daemon=True)
    self._jobs, self._answers, self._options = jobs, answers, options
    self._process, self._stopped = None, False

  def run(self):
    while not self._stopped:
      with self._taking:
        job = next(self._jobs, None)
      if job is None:
        break
      number, row, place = job
      self._answers.put((number, self._ask(row, place)))
    self.stop(kill=False)

  def stop(self, *, kill=True):
    """Ends the process; nothing half-written stays visible."""
    self._stopped = True
    process = self._process
    if process is not None:
      if kill:
        process.kill()
      else:
        process.stdin.close()
      wait_for_end(process)

  def _ask(self, row: Row, place: pathlib.Path) -> Outcome:
    process = self._process = self._process or start_process(
        'lightman_jax.video.study', json.dumps(self._options))
    try:
      process.stdin.write(f'{json.dumps([row, str(place)])}\n'.encode())
      process.stdin.flush()
      line, code, parts, fresh, failed = json.loads(process.stdout.readline())
      return Outcome(line, code, tuple(Part(*part) for part in parts), fresh, failed)
    except (OSError, ValueError):
      number, self._process = wait_for_end(process), None
      how = (f'by signal {-number}' if number < 0 else f'with exit code {number}')
      return Outcome(_unmade(
          f'{row.path}: the process that looked at it ended {how}; where memory is '
          'short, give fewer --processes'), 'E801', failed=True)


def _serve() -> None:
  """The other side: reads videos until there are no more, and answers each."""
  import cv2
  cv2.setNumThreads(1)                            # the other cores have their own
  signal.signal(signal.SIGINT, signal.SIG_IGN)    # the parent ends this process
  answers = os.fdopen(os.dup(1), 'wb')
  os.dup2(2, 1)                                   # whatever a library prints
  options = json.loads(sys.argv[1])
  model = command.model_of(argparse.Namespace(**options))
  for text in sys.stdin.buffer:
    row, place = json.loads(text)
    row = Row(*row)
    row = row._replace(baseline=row.baseline and tuple(row.baseline))
    outcome = look_at(row, options, model, pathlib.Path(place))
    answers.write(f'{json.dumps(outcome)}\n'.encode())
    answers.flush()


# The whole study.


def predict_study(options: argparse.Namespace, model: Any, out: pathlib.Path,
                  rows: list[Row], events: list[Event]) -> int:
  """Looks at what has not been looked at, and writes the study's tables and page.

  Args:
    options: of the command.
    model: that names classes, or None.
    out: folder of the study.
    rows: of its table.
    events: in its videos.

  Returns:
    The command's exit code.

  Raises:
    InputError: another process is at it.
  """
  from lightman_jax.video import study_page
  out.mkdir(parents=True, exist_ok=True)
  with open(out / '.lock', 'w') as file:
    try:
      lock(file)
    except BlockingIOError:
      raise InputError(f'{out} is in use by another start; wait for it to end, or give '
                       'another --out') from None
    except OSError:
      pass        # some network file systems have no locks
    outcomes = _look_at_all(vars(options), model, out, rows)
    made = make_tables(out, rows, outcomes, events)
    (out / 'events.csv').unlink(missing_ok=True)      # of a start that had some
    for name, table in made.items():
      study_results.write_table(out / f'{name}.csv', table)
    study_page.write_page(out / 'page.html', made)
  failed = sum(one.failed for one in outcomes)
  print(f'{len(rows) - failed} of {counted(len(rows), "video", "is", "are")} in '
        f'{out / "page.html"}')
  return 0 if not failed else 2 if failed == len(rows) else 1


def _look_at_all(options: dict[str, Any], model: Any, out: pathlib.Path,
                 rows: list[Row]) -> list[Outcome]:
  options = {name: value for name, value in options.items()
             if isinstance(value, (str, int, float, bool, type(None)))}
  outcomes: dict[int, Outcome] = {}
  jobs = []
  for number, row in enumerate(rows):
    place = out / VIDEOS / row.folder
    try:
      done = read_done(place, key_of(row, options))
    except OSError:
      done = None       # which is said when it is looked at
    if done is not None:
      outcomes[number] = done
    else:
      jobs.append((number, row, place))
  if outcomes:
    print(f'{len(outcomes)} of {counted(len(rows), "video", "is", "are")} done already')
  count = min(options['processes'] or count_cores(), len(jobs))
  show = _Progress(len(jobs))
  if count == 1:
    for number, row, place in jobs:
      outcomes[number] = look_at(row, options, model, place)
      show.video(row, outcomes[number])
  elif count > 1:
    answers: queue.SimpleQueue = queue.SimpleQueue()
    left = iter(jobs)
    crew = [_Hand(left, answers, options) for _ in range(count)]
    try:
      for hand in crew:
        hand.start()
      for _ in jobs:
        number, outcomes[number] = answers.get()
        show.video(rows[number], outcomes[number])
    finally:
      for hand in crew:
        hand.stop()
  return [outcomes[number] for number in range(len(rows))]


class _Progress:
  """A line for each video, with how long the others take."""

  def __init__(self, count: int):
    self._count, self._done, self._begun = count, 0, clock.monotonic()

  def video(self, row: Row, outcome: Outcome) -> None:
    self._done += 1
    line = outcome.line
    words = (f'{line["message"]} [{outcome.code}]' if outcome.failed else
             f'micro {line["micro"]}, macro {line["macro"]} in '
             f'{line["looked_at_s"]} s looked at')
    left = (clock.monotonic() - self._begun) / self._done * (self._count - self._done)
    more = f'; {command.duration(left)} left' if self._done < self._count else ''
    print(printable(f'{self._done}/{self._count} {row.video} ({row.person}): {words}'
                    f'{more}'), file=sys.stderr if outcome.failed else sys.stdout,
          flush=True)


# Its tables.


def make_tables(out: pathlib.Path, rows: list[Row], outcomes: list[Outcome],
                events: list[Event]) -> dict[str, Table]:
  """videos, expressions, summary, tests and, where there are any, events.

  Args:
    out: folder of the study.
    rows: of its table.
    outcomes: of each.
    events: in its videos.
  """
  videos, expressions, seen = [], [], []
  ordered = study_tables.by_video(events)
  for row, outcome in zip(rows, outcomes):
    videos.append({'video': row.video, 'person': row.person,
                   'condition': row.condition,
                   **{name: value for name, value in outcome.line.items()
                      if name not in ('video', 'message')},
                   'code': outcome.code, 'message': outcome.line['message']})
    if outcome.failed:
      continue
    mine = _expressions(out / VIDEOS / row.folder / 'expressions.csv')
    for one in mine:
      face = one.pop('person')
      locked = {}
      if events:
        last = study_tables.last_event(ordered.get(row.video, []),
                                       float(one['onset_s']))
        locked = {'event': last.name if last else '', 'after_event_s': (
            float(one['onset_s']) - last.time if last else None)}
      expressions.append({'video': row.video, 'person': row.person,
                          'condition': row.condition, 'face': face, **locked, **one})
    seen.append(Seen(row.video, row.person, row.condition, outcome.parts, tuple(
        (one['kind'], one['region'], float(one['onset_s'])) for one in mine)))
  summary = study_tables.summary_rows(seen)
  made = {'videos': videos, 'expressions': expressions, 'summary': summary,
            'tests': [test._asdict() for test in study_tables.compare_conditions(
                summary)]}
  if events:
    made['events'] = study_tables.event_rows(seen, events)
  return made


def _expressions(path: pathlib.Path) -> Table:
  text = bounded.read_bytes(path).decode('utf-8')
  return list(csv.DictReader(text.splitlines()))


if __name__ == '__main__':
  _serve()
