"""Long videos whose expressions are coded: of data sets on disk, and rendered ones.

Every recording is measured once; what is measured is small, and can be kept, so that
spotting with other settings is cheap. Settings are those of the program, or for each
person those that spot best in the recordings of the others.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import contextlib
import functools
import itertools
import pathlib
from typing import Any, NamedTuple
import zipfile

from jaxtyping import Float32
import numpy as np

from lightman_jax.code_digest import code_sha256
from lightman_jax.data import frames as pictures, sheets, sources, workbooks
from lightman_jax.data.choice import Choice, class_set_of
from lightman_jax.data.datasets.catalog import TABLES
from lightman_jax.data.plan import fingerprint
from lightman_jax.data.rows import Row, further_events
from lightman_jax.data.spellings import whole_number
from lightman_jax.data.trees import Tree, folder_names
from lightman_jax.errors import InputError, Unreadable
from lightman_jax.files import file_sha256, write_atomically
from lightman_jax.options import check_seed
from lightman_jax.synthetic import long
from lightman_jax.video import intervals, spotting_scores
from lightman_jax.video.expressions import Recognised, recognise
from lightman_jax.video.intervals import Interval, Length
from lightman_jax.video.measurement import FrameTable, measure, signals_of
from lightman_jax.video.reading import Frame, open_video
from lightman_jax.video.signals import SpottingSettings, running_median
from lightman_jax.video.spotting import Spotting, find_expressions
from lightman_jax.video.tracking import Landmarks, track_faces

RENDERED = 'synthetic_long'
# The first is the program's own; chosen on synthetic people of seeds 101 to 104.
GRID = tuple(dict.fromkeys((SpottingSettings(), *(
    SpottingSettings(factor=factor, least=least) for factor, least in itertools.product(
        (7., 9., 11., 14.), (.0025, .0033, .0045))))))
Read = Callable[[], Iterator[Frame]]


class Recording(NamedTuple):
  """One long video.

  Attributes:
    subject, video: as the data set calls them.
    fps: frames a second.
    first: number of its first frame, as the sheet counts.
    truth: what is coded in it.
    mark: another mark, other pictures.
    read: gives its frames, from 0.
    landmarks: that are known, of the frame that was read last; None has the face model
      find them.
  """
  subject: str
  video: str
  fps: float
  first: int
  truth: tuple[Interval, ...]
  mark: str
  read: Read
  landmarks: Landmarks | None = None


class Measured(NamedTuple):
  """What is measured of a recording: its table of frames, and the faces' side."""
  table: FrameTable
  size: int


class Collection(NamedTuple):
  """Recordings, and what a person should know of them.

  Attributes:
    recordings: by person and video.
    kinds: that are coded.
    remarks: sentences, on what is left out as well.
  """
  recordings: tuple[Recording, ...]
  kinds: tuple[str, ...]
  remarks: tuple[str, ...] = ()


# Data sets on disk.


def recordings_on_disk(choice: Choice, landmarks: pathlib.Path | None = None
                       ) -> Collection:
  """The long videos of a data set, with what its sheet codes in each.

  An apex does not matter here: rows whose apex is out of order count.

  Args:
    choice: of a data set of long videos; class set, sheet, corrections and manual
      folder count.
    landmarks: table of known landmarks: folder (below the tree), frame, x_0 to y_67.

  Raises:
    InputError: files are missing, the sheet cannot be read, or no video is there.
  """
  facts = TABLES[choice.name]
  choice = choice._replace(edition='raw')
  place = sources.locate(choice)
  spotted = f'{choice.name}_spotted'
  names = dict.fromkeys((*choice.corrected, *[spotted] * (
      spotted in sheets.CORRECTIONS)))
  listing = sheets.read_listing(place.sheets, facts, corrections=names)
  folding = class_set_of(choice).folding if 'emotion' in (
      *facts.columns, *facts.positions) else {}
  tree, remarks = Tree(place.root), []
  points = _known_landmarks(landmarks) if landmarks else None
  videos: dict[tuple[str, str], list[Row]] = {}
  for row in listing.rows:
    videos.setdefault((row.subject, row.video or row.filename), []).append(row)
  recordings = []
  for (subject, video), rows in sorted(videos.items()):
    try:
      folder = tree.folder(folder_names(place.frames.folder, rows[0]._asdict()))
      numbers = pictures.pictures_by_number(folder)
    except Unreadable as error:
      remarks.append(f'left out: {subject}, video {video}, with {len(rows)} coded '
                     f'expressions: {error}')
      continue
    if not numbers:
      remarks.append(f'left out: {subject}, video {video}: {folder} holds no picture')
      continue
    truth = tuple(one for row in rows for one in _coded(row, (subject, video), folding))
    recordings.append(Recording(
        subject, video, rows[0].fps, min(numbers), truth, fingerprint([
            [(file.path, file.stat().st_size, file.stat().st_mtime_ns)
             for file in numbers.values()], landmarks and file_sha256(landmarks)]),
        functools.partial(_read, folder, rows[0].fps),
        None if points is None else _by_index(points, folder, place.root, numbers)))
  if not recordings:
    raise InputError(f'{choice.name}: none of {len(videos)} coded videos lies in '
                     f'{place.root}' + f'; {remarks[0]}' * bool(remarks))
  remarks += [f'not coded: {clip}: {why}; what is spotted there counts as a false alarm'
              for clip, why in sorted(one.in_words for one in listing.left_out)]
  kinds = tuple(kind for kind in intervals.KINDS if any(
      one.type == kind for recording in recordings for one in recording.truth))
  remarks += [f'the sheet codes no {kind}-expressions: those that are spotted are not '
              'scored' for kind in intervals.KINDS if kind not in kinds]
  remarks.append('videos without a coded expression are not looked at')
  return Collection(tuple(recordings), kinds, tuple(remarks))


def _coded(row: Row, video: intervals.Video, folding: Mapping[str, str]
           ) -> Iterator[Interval]:
  emotion = folding.get(row.emotion, '')
  for onset, offset in ((row.onset, row.offset), *further_events(row)):
    yield Interval(*video, onset, offset, emotion, row.kind)


def _known_landmarks(path: pathlib.Path) -> dict[tuple[str, int], np.ndarray]:
  axes = [f'{axis}_{k}' for axis in 'xy' for k in range(68)]
  columns = {name: (name,) for name in ('folder', 'frame', *axes)}
  table = workbooks.read_cells(path, columns=list(columns.values()))
  points = {}
  for record in workbooks.find_table(table, columns, where=str(path)):
    number = whole_number(record.cells['frame'])
    try:
      values = [float(record.cells[name]) for name in axes]
    except ValueError as error:
      raise InputError(f'{path} row {record.row}: {error}') from error
    if number is None:
      raise InputError(f'{path} row {record.row}: frame {record.cells["frame"]!r} is '
                       'no number of a frame')
    points[record.cells['folder'].strip('/'), number] = np.array(
        values, np.float32).reshape(2, 68).T
  return points


def _by_index(points: Mapping[tuple[str, int], np.ndarray], folder: pathlib.Path,
              root: pathlib.Path, numbers: Iterable[int]) -> dict[int, np.ndarray]:
  """Landmarks of a folder by the places of its frames, counted from 0."""
  name = folder.relative_to(root).as_posix()
  return {index: points[name, number] for index, number in enumerate(sorted(numbers))
          if (name, number) in points}


def _read(folder: pathlib.Path, fps: float) -> Iterator[Frame]:
  with open_video(folder, fps=fps) as video:
    yield from video


# Rendered videos.


def rendered_recordings(
    *, people: int = 4, seconds: float = 60., fps: float = 30., seed: int = 0,
    micro: float = 9., macro: float = 4., jitter: float = .3,
    disturbances: long.Disturbances = long.Disturbances(mains=50.),
) -> Collection:
  """Videos that are drawn while they are read, one of each person.

  Args:
    people: how many.
    seconds: of each video.
    fps: frames a second.
    seed: another seed, other people and events.
    micro, macro: expressions of each kind a minute.
    jitter: pixels, standard deviation of the noise that the renderer's landmarks get.
    disturbances: what happens beside.

  Raises:
    InputError: a video is too short for what should happen in it.
  """
  check_seed(seed)
  recordings = []
  for number in range(1, people + 1):
    subject = f'sub{number:02d}'
    scene = long.plan_long(seed=seed, seconds=seconds, subject=subject, micro=micro,
                           macro=macro, disturbances=disturbances)
    points: dict[int, Float32[np.ndarray, '68 2']] = {}
    truth = tuple(Interval(
        subject, RENDERED, round(e.onset * fps), round(e.offset * fps),
        long.scenes.CLASS_OF[e.emotion], e.kind) for e in scene.expressions)
    recordings.append(Recording(
        subject, RENDERED, fps, 0, truth,
        fingerprint([repr(scene), fps, jitter, code_sha256(long.__name__)]),
        functools.partial(_drawn, scene, fps, jitter, points), points))
  return Collection(tuple(recordings), intervals.KINDS, (
      "landmarks are the renderer's, each moved by normal noise of "
      f'{jitter:g} pixels in every frame: the face model is no part of this',))


def _drawn(scene: long.LongScene, fps: float, jitter: float,
           points: dict[int, Float32[np.ndarray, '68 2']]) -> Iterator[Frame]:
  """Frames, each with its landmarks in `points`, and no others."""
  for shot in long.LongVideo(scene, fps=fps):
    rng = np.random.default_rng((scene.seed, shot.number))
    points.clear()
    points[shot.number] = shot.landmarks + np.float32(jitter) * rng.standard_normal(
        (68, 2), np.float32)
    yield Frame(shot.number, shot.time, shot.picture)


# Measuring, and spotting in what was measured.


def measure_recording(recording: Recording, folder: pathlib.Path | None = None
                      ) -> Measured:
  """Looks at every frame once, or reads what an earlier call has kept.

  Args:
    recording: the video.
    folder: where what is measured is kept; None: nowhere.

  Raises:
    InputError: it cannot be read, or the face model is not there.
  """
  place = None
  if folder is not None:
    mark = fingerprint([recording.mark, code_sha256(
        'lightman_jax.video.tracking', 'lightman_jax.video.measurement')])
    place = folder / f'{recording.subject}_{recording.video}_{mark[:12]}.npz'
    # A file that is damaged is written anew.
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError,
                             zipfile.BadZipFile):
      return _kept(place)
  table, size = measure(track_faces(recording.read(), landmarks=recording.landmarks))
  if place is not None:
    columns = table._asdict() | {name: getattr(table, name).astype(str)
                                 for name in ('reason', 'covered')}
    with write_atomically(place, 'wb') as file:
      np.savez(file, size=size, **columns)
  return Measured(table, size)


def _kept(place: pathlib.Path) -> Measured:
  with open(place, 'rb') as file, np.load(file, allow_pickle=False) as kept:
    columns = {name: kept[name] for name in FrameTable._fields}
    for name in ('reason', 'covered'):
      columns[name] = columns[name].astype(object)
    return Measured(FrameTable(**columns), int(kept['size']))


def spot(measured: Measured, settings: SpottingSettings) -> dict[int, Spotting]:
  """What is spotted of everyone who was followed in a recording.

  Args:
    measured: of it.
    settings: how expressions are spotted.
  """
  table, size = measured
  people = np.unique(table.person[table.person >= 0]).tolist()
  return {person: find_expressions(signals_of(table, person), size=size, person=person,
                                   settings=settings) for person in people}


def as_intervals(recording: Recording, rows: Iterable[Recognised],
                 kinds: Sequence[str]) -> tuple[Interval, ...]:
  """Expressions as intervals of a recording, in the numbers of its frames.

  Args:
    recording: in which they are.
    rows: what was spotted in it; where a model named classes, the likeliest is taken.
    kinds: that count.
  """
  number = lambda seconds: recording.first + round(seconds * recording.fps)
  return tuple(sorted(Interval(
      recording.subject, recording.video, number(e.onset_s), number(e.offset_s),
      max(named, key=named.get) if named else '', e.kind)
                      for e, named in ((row.expression, row.probabilities)
                                       for row in rows) if e.kind in kinds))


def expressions_of(people: Mapping[int, Spotting]) -> list[Recognised]:
  """The expressions of everyone in a recording, in the order of time, without classes.

  Args:
    people: what was spotted of each.
  """
  return [Recognised(e) for e in sorted(
      (e for one in people.values() for e in one.expressions),
      key=lambda e: (e.onset_s, e.person))]


def name_classes(recording: Recording, measured: Measured, people: dict[int, Spotting],
                 model: Any) -> list[Recognised]:
  """The same, with what a model says of each; the recording is read once more.

  Args:
    recording: the video.
    measured: of it.
    people: what was spotted of each.
    model: that names classes.
  """
  return recognise(lambda numbers: (frame for frame in recording.read()
                                    if frame.number in numbers),
                   expressions_of(people), model, measured.table, people)


def length_of(recording: Recording, measured: Measured) -> Length:
  """How long a recording is, by the times of its frames.

  Args:
    recording: the video.
    measured: of it.
  """
  last = float(measured.table.time.max()) if len(measured.table.time) else 0.
  return Length(round(last * recording.fps) + 1, recording.fps, recording.first)


def motion_of(recording: Recording, measured: Measured
              ) -> tuple[np.ndarray, np.ndarray]:
  """Frames, and how far the region that moves farthest is from its level: a signal.

  Args:
    recording: the video.
    measured: of it.
  """
  numbers, values = [], []
  for person in np.unique(measured.table.person[measured.table.person >= 0]):
    signals = signals_of(measured.table, int(person))
    seen = signals.looked_at
    moved = signals.moved[seen].astype(np.float64)
    if len(moved):
      away = moved - running_median(moved, recording.fps, SpottingSettings.level)
      numbers.append(recording.first + np.round(
          signals.time[seen] * recording.fps).astype(int))
      values.append(np.linalg.norm(away, axis=2).max(1))
  if not numbers:
    return np.zeros(0, int), np.zeros(0)
  return np.concatenate(numbers), np.concatenate(values)


def check_several(recordings: Sequence[Recording]) -> list[str]:
  """Everybody in some recordings.

  Args:
    recordings: on which settings are to be chosen.

  Raises:
    InputError: there is one person alone.
  """
  people = sorted({recording.subject for recording in recordings})
  if len(people) < 2:
    raise InputError('settings are chosen for each person on the others, and there is '
                     'one person alone; use --settings=fixed')
  return people


def choose_settings(
    recordings: Sequence[Recording], measured: Sequence[Measured],
    kinds: Sequence[str], grid: Sequence[SpottingSettings] = GRID,
) -> dict[str, SpottingSettings]:
  """For each person the settings of the largest F1 in the recordings of the others.

  Of equally good ones the first is taken.

  Args:
    recordings: of at least two people.
    measured: of each.
    kinds: that are coded.
    grid: what is tried.

  Raises:
    InputError: there is one person alone.
  """
  people = check_several(recordings)
  truth = tuple(one for recording in recordings for one in recording.truth)
  counts = []
  for settings in grid:
    spotted = tuple(one for recording, what in zip(recordings, measured)
                    for one in as_intervals(
                        recording, expressions_of(spot(what, settings)), kinds))
    by_kind = spotting_scores.counts_of(spotting_scores.Tables(spotted, truth, {
        (name, ''): Length(1, 1.) for name in people}))
    counts.append(by_kind.get('both', by_kind['pooled']))
  chosen = {}
  for number, name in enumerate(people):
    others = np.arange(len(people)) != number
    scores = [float(spotting_scores.precision_recall_f1(of[others].sum(0))[2])
              for of in counts]
    chosen[name] = grid[int(np.argmax(scores))]
  return chosen
