"""From a video to a list of expressions: which, when, how strong, and how sure.

A video is read once, and where classes are named or a page shows faces, twice. The
first time every frame is looked at: faces are tracked and their motion is measured, in
constant time and memory a frame; of a frame some hundred numbers are kept. What is an
expression is known when that is done, for the threshold is that of the whole video; a
minute of pictures is gigabytes, so they are not kept for it. Decoding is a seventh of
the first reading. The second ends at the last expression, makes pictures of the frames
alone that are asked for, and serves the model and the page.

Frames are counted from 0 over all that decode; times are those of their stamps.
"""

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import dataclasses
import os
import pathlib
import time as clock
import types
from typing import Any, NamedTuple

from jaxtyping import UInt8
import numpy as np

from lightman_jax.data.people import SYNTHETIC
from lightman_jax.errors import InputError
from lightman_jax.faces import landmarks as alignment
from lightman_jax.faces.apex import sample_frames
from lightman_jax.units import counted, short_repr
from lightman_jax.video.causal import causal_spotting
from lightman_jax.video.measurement import FrameTable, measure, signals_of
from lightman_jax.video.reading import Frame, open_video
from lightman_jax.video.signals import SpottingSettings
from lightman_jax.video.spotting import Expression, Spotting, find_expressions
from lightman_jax.video.tracking import track_faces

LIMITS = (
    'An expression that is listed is a motion of the face; it is not a feeling, a lie '
    'or an intention, and nobody should be judged by it. What is not listed may have '
    'been there: the program misses expressions, and names some that a trained coder '
    'would not. Nothing is said of what was not looked at. Classes are those that '
    'people were seen to show in a laboratory; a set of several classes means "don\'t '
    'know". A face is personal: ask who is filmed, and keep what this program writes '
    'as you keep the video.')
"""What every page and the README say of such results."""

Progress = Callable[[str, float], None]      # stage, and the share that is done
_COVERED_QUALITY = .5
_SHOWN = 160          # side of a face that a page shows, in pixels

# Of a person and a frame, the aligned face in colour.
FacePictures = Mapping[tuple[int, int], UInt8[np.ndarray, 's s 3']]


class CarriedBy(NamedTuple):
  """What carried a model's answer on one clip.

  Attributes:
    class_name: whose score is looked into: its logit less the mean of all.
    region: of the face, that carried most; '' of DeRe-GRL.
    change: what the score loses where that region is deleted.
    random_change: what it changes by where a random region of its size is, the mean.
    maps: by gradients, and by deletion, of the cells of the aligned face; positive
      speaks for the class.
    actions: of DeRe-GRL, as `actions.json` of a run has them; {} elsewhere.
  """
  class_name: str
  region: str
  change: float | None
  random_change: float | None
  maps: dict[str, np.ndarray]
  actions: dict[str, Any]
  __repr__ = short_repr


class Recognised(NamedTuple):
  """An expression and what a model says of it.

  Attributes:
    expression: the interval.
    probabilities: of the model's classes; None where no class was asked for.
    classes: those that hold the true one nine times in ten, all of them where the
      model cannot tell; None where the model has no such sets.
    doubts: why the nine in ten are not claimed of this interval; none: they are.
    carried_by: what carried the answer; None where no class was asked for, or the
      model cannot say.
  """
  expression: Expression
  probabilities: dict[str, float] | None = None
  classes: tuple[str, ...] | None = None
  doubts: tuple[str, ...] = ()
  carried_by: CarriedBy | None = None
  __repr__ = short_repr


class VideoExpressions(NamedTuple):
  """What was made of one video.

  Attributes:
    video: its path.
    facts: of the file: frames, rate, size, and remarks.
    rows: the expressions of everyone, in the order of time.
    people: what was spotted of each person, by number.
    frames: a row for every decoded frame.
    size: side of the aligned face in pixels, the unit of strength.
    classes: of the model; () where none was asked.
    remarks: sentences on the whole.
    pictures: of each person and frame that is an onset or an apex, the aligned face in
      colour; {} where they were not asked for.
  """
  video: str
  facts: dict[str, Any]
  rows: list[Recognised]
  people: dict[int, Spotting]
  frames: FrameTable
  size: int
  classes: tuple[str, ...]
  remarks: list[str]
  pictures: FacePictures = types.MappingProxyType({})
  __repr__ = short_repr

  @property
  def expressions(self) -> list[Expression]:
    """The intervals alone."""
    return [row.expression for row in self.rows]


def predict_video(
    path: str | os.PathLike, model: Any = None, *, face: str = 'largest',
    fps: float | None = None, baseline: tuple[float, float] | None = None,
    start: float | None = None, end: float | None = None,
    emotions: bool | None = None, landmarks: Any = None,
    settings: SpottingSettings = SpottingSettings(), progress: Progress | None = None,
    causal: bool = False, pictures: bool = False,
) -> VideoExpressions:
  """Spots the expressions in a video and, where asked, names their classes.

  Args:
    path: of a video, or of a folder of pictures.
    model: of `lm.load_model`, or the folder of one; None is the open model, which was
      trained on drawn faces.
    face: 'largest', or 'all' for everyone.
    fps: frames a second of a folder of pictures, or of a file whose stamps are wrong.
    baseline: start and end in seconds of a stretch in which the face is at rest; None
      calibrates on the video's own quiet stretches.
    start: in seconds, of the part that is looked at.
    end: likewise.
    emotions: whether classes are named; None: with every model but the open one.
    landmarks: of every frame, where they are known, as `track_faces` takes them; None
      has the face model find them.
    settings: how expressions are spotted.
    progress: called with a stage and the share of it that is done.
    causal: spots as a stream does, that knows what came before alone; see `causal`.
    pictures: keeps the faces at onsets and apexes, for a page that shows them.

  Returns:
    The expressions with everything that was measured.

  Raises:
    InputError: the video cannot be read, or the face model is not there.

  Example:
    >>> video = lm.predict_video('me.mp4', face='all')            # doctest: +SKIP
    >>> [(e.kind, e.onset_s, e.region) for e in video.expressions]  # doctest: +SKIP
    [('micro', 3.24, 'left brow')]
  """
  _check_choices(face, causal, baseline)
  model = _load(model, emotions)
  with open_video(path, start=start, end=end, fps=fps) as video:
    table, size = measure(track_faces(
        _counted(video, progress), landmarks=landmarks, largest=face == 'largest'))
    facts = facts_of(video)
  people = {person: _spotting(table, size, person, baseline, settings, causal)
            for person in np.unique(table.person[table.person >= 0]).tolist()}
  spotted = sorted((e for one in people.values() for e in one.expressions),
                   key=lambda e: (e.onset_s, e.person))
  read, faces = _second_reading(path, fps, spotted, pictures, table)
  rows, classes, remarks = [Recognised(e) for e in spotted], (), [
      *facts['remarks'], *remarks_on(table, people)]
  if model is not None:
    rows = recognise(read, rows, model, table, people, progress)
    classes, remarks = tuple(model.classes), remarks + _remarks_of(model)
  else:
    collections.deque(read(set()), maxlen=0)
  return VideoExpressions(str(path), facts, rows, people, table, size, classes, remarks,
                          faces)


def _remarks_of(model: Any) -> list[str]:
  """Which model names the classes, and what is to be known of it."""
  from lightman_jax.bundle.folder import describe
  return [f'classes are named by a model: {describe(model.about)[0]}',
          *model.about['remarks']]


def _second_reading(path: str | os.PathLike, fps: float | None,
                    spotted: Sequence[Expression], pictures: bool, table: FrameTable
                    ) -> tuple[Callable[[set[int]], Iterator[Frame]], dict]:
  """What gives frames once more, and the faces that it keeps by the way."""
  faces: dict[tuple[int, int], Any] = dict.fromkeys(
      (e.person, number) for e in spotted if pictures
      for number in (e.onset_frame, e.apex_frame))
  start = min((e.onset_s for e in spotted), default=None)

  def read(numbers: set[int]) -> Iterator[Frame]:
    wanted = numbers | {number for _, number in faces}
    return _keep_faces(frames_of(path, wanted, start=start, fps=fps), faces, table)
  return read, faces


def _keep_faces(frames: Iterable[Frame], faces: dict[tuple[int, int], Any],
                table: FrameTable) -> Iterator[Frame]:
  """Passes frames on, and fills in the faces that are in them."""
  goal = alignment.canonical_landmarks(_SHOWN)
  for frame in frames:
    for person, number in faces:
      if number == frame.number:
        points = table.landmarks[row_of(table, person, number)]
        matrix = alignment.fit_similarity(points.astype(np.float64), goal)
        faces[person, number] = alignment.warp_frames(
            frame.picture[None], matrix, _SHOWN)[0]
    yield frame


def row_of(table: FrameTable, person: int, frame: int) -> int:
  """The row of a person in a frame.

  Args:
    table: of all frames.
    person: number.
    frame: number.
  """
  at = table.of_person(person)
  return int(at[np.flatnonzero(table.frame[at] == frame)[0]])


def _check_choices(face: str, causal: bool, baseline: Any) -> None:
  if face not in ('largest', 'all'):
    raise InputError(f'face is {face!r}; it must be largest or all')
  if causal and baseline is not None:
    raise InputError('causal=True calibrates on what came before, and takes no '
                     'baseline')


def _spotting(table: FrameTable, size: int, person: int,
              baseline: tuple[float, float] | None, settings: SpottingSettings,
              causal: bool) -> Spotting:
  """What is spotted of one person, by all of the video or by what came before."""
  if causal:
    return causal_spotting(table, size=size, person=person, settings=settings)
  return find_expressions(signals_of(table, person), size=size, person=person,
                          baseline=baseline, settings=settings)


def _load(model: Any, emotions: bool | None) -> Any:
  """The model that names classes; None where none does."""
  if emotions is False or emotions is None and model is None:
    return None
  if model is None or isinstance(model, (str, os.PathLike)):
    # Until a class is asked for, no network is needed.
    from lightman_jax.bundle.model import load_model
    return load_model(model)
  return model


def facts_of(video: Any) -> dict[str, Any]:
  """What is known of the file, as a table of plain values.

  Args:
    video: of `open_video`, read to its end.
  """
  facts = video.facts
  table = {field.name: getattr(facts, field.name) for field in dataclasses.fields(facts)
           if not field.name.startswith('_')}
  return {**table, 'rate': facts.rate, 'new_rate': facts.new_rate,
          'remarks': list(facts.remarks)}


def _counted(video: Any, progress: Progress | None) -> Iterator[Frame]:
  """Passes frames on, and says twice a second how far it is."""
  last = clock.monotonic()
  for frame in video:
    yield frame
    if progress and clock.monotonic() - last > .5:
      last = clock.monotonic()
      if video.facts.share:
        progress('frames', float(video.facts.share))


def frames_of(path: str | os.PathLike, numbers: Iterable[int], *,
              start: float | None = None, fps: float | None = None) -> Iterator[Frame]:
  """Some frames of a video, in the order of time, by one walk through it.

  Args:
    path: of the video.
    numbers: of the frames, from 0 over all that decode.
    start: time in seconds before which none of them lies.
    fps: as of `predict_video`.

  Raises:
    InputError: one of them does not decode.
  """
  left = set(map(int, numbers))
  if left:
    start = None if start is None else max(0., start - 1e-3)
    with open_video(path, start=start, fps=fps, numbers=frozenset(left)) as video:
      for frame in video:
        left.remove(frame.number)
        yield frame
        if not left:
          return
    raise InputError(f'{path} holds no frame {min(left)}, counted from 0')


def recognise(read: Callable[[set[int]], Iterator[Frame]], rows: Sequence[Recognised],
              model: Any, table: FrameTable, people: dict[int, Spotting],
              progress: Progress | None = None) -> list[Recognised]:
  """Each interval with the model's answer, by a second look at its frames.

  Pictures are kept from the onset of an interval to its offset, and no longer.

  Args:
    read: gives the frames of some numbers, in the order of time.
    rows: the intervals.
    model: that names classes.
    table: of all frames.
    people: what was spotted of each.
    progress: as of `predict_video`.
  """
  wanted = [set(sample_frames(e.onset_frame, e.apex_frame, e.offset_frame,
                              frames=model.about['frames']))
            for e in (row.expression for row in rows)]
  open_ = set(range(len(rows)))
  answers, pictures = list(rows), {}
  for frame in read(set().union(*wanted)):
    pictures[frame.number] = frame.picture
    for number in [k for k in open_ if max(wanted[k]) <= frame.number]:
      open_.remove(number)
      answers[number] = answer_row(rows[number], pictures, model, table, people)
      if progress:
        progress('expressions', 1. - len(open_) / len(rows))
    needed = set().union(*(wanted[k] for k in open_))
    pictures = {k: picture for k, picture in pictures.items() if k in needed}
  return answers


def answer_row(row: Recognised, pictures: dict[int, np.ndarray], model: Any,
               table: FrameTable, people: dict[int, Spotting]) -> Recognised:
  """An interval with the model's answer.

  Args:
    row: the interval.
    pictures: by the numbers of their frames; those that the model looks at.
    model: of `lm.load_model`.
    table: with the interval's frames.
    people: what was spotted of each.
  """
  e = row.expression
  at = table.of_person(e.person)
  at = at[(table.frame[at] >= e.onset_frame) & (table.frame[at] <= e.offset_frame)]
  points = np.full((e.offset_frame - e.onset_frame + 1, 68, 2), np.nan, np.float32)
  points[table.frame[at] - e.onset_frame] = table.landmarks[at]
  clip: dict[str, Any] = {
      'frames': lambda number: pictures[number + e.onset_frame], 'onset': 0,
      'apex': e.apex_frame - e.onset_frame, 'offset': e.offset_frame - e.onset_frame,
      'landmarks': points}
  prediction = model.predict_frames(**clip)
  sets = prediction.sets
  return row._replace(
      probabilities={name: float(p) for name, p in zip(
          model.classes, prediction.probabilities[0])},
      classes=None if sets is None else tuple(sets[0]),
      doubts=tuple(doubts_of(e, model.about, people[e.person], table, at)),
      carried_by=(_carried_by(model, clip) if getattr(model, 'explains', False)
                  else None))


def _carried_by(model: Any, clip: dict[str, Any]) -> CarriedBy:
  """What carried a model's answer on a clip, as plain arrays."""
  from lightman_jax.evaluation.attribution import Attribution, by_cell
  why = model.explain_frames(**clip)
  if isinstance(why, Attribution):
    return CarriedBy(
        why.classes[0], why.regions[0], float(why.change[0]),
        float(why.random_change[0]),
        {'gradients': by_cell(why.gradient[0]),
         'deletion': by_cell(why.occlusion[0])}, {})
  from lightman_jax.experiment.inspection import describe_actions
  k = int(why.logits[0].argmax())
  return CarriedBy(model.classes[k], '', None, None, {}, describe_actions(why, 0, k))


def doubts_of(e: Expression, about: Any, spotting: Spotting, table: FrameTable,
              at: np.ndarray) -> list[str]:
  """Why the model's sets are not claimed to hold the true class for an interval.

  Args:
    e: the interval.
    about: content of the model's model.json.
    spotting: of this person.
    table: of all frames.
    at: rows of the interval.
  """
  doubts = []
  rate = about.get('rate')
  if rate:
    low, high = rate['least'], rate['most']
    if not .9 * low <= spotting.rate <= 1.1 * high:
      seen = f'{low:.3g} to {high:.3g}' if low < high else f'{low:.3g}'
      doubts.append(f'{spotting.rate:.3g} frames a second, and the model has seen '
                    f'{seen}')
  side = float(np.median(np.sqrt(np.maximum(table.box[at, 2] * table.box[at, 3], 0))))
  if side < about['size']:
    doubts.append(f'a face of {side:.0f} pixels, and the model takes '
                  f'{about["size"]}')
  if e.quality < _COVERED_QUALITY:
    doubts.append(f'quality {e.quality:.2f}')
  # Sets go by whom the folds held out, and macro-expressions may be others'.
  if about['settings']['data']['name'] == SYNTHETIC:
    doubts.append('calibrated on synthetic people')
  return doubts


def remarks_on(table: FrameTable, people: dict[int, Spotting]) -> list[str]:
  """Sentences on the whole video: what was not looked at, and why.

  Args:
    table: of all frames.
    people: what was spotted of each.
  """
  remarks = [f'person {person}: {remark}' for person, one in people.items()
             for remark in one.remarks]
  if not len(table.frame):
    return ['no frame was decoded']
  hidden = table.reason != ''
  for reason in dict.fromkeys(table.reason[hidden]):
    frames = len(np.unique(table.frame[table.reason == reason]))
    remarks.append(f'{frames} of '
                   f'{counted(len(np.unique(table.frame)), "frame", "is", "are")} not '
                   f'looked at: {reason}')
  return remarks


def check_output(folder: pathlib.Path) -> None:
  """Refuses a place in which nothing can be written, before anything is computed.

  Args:
    folder: where results shall lie.

  Raises:
    InputError: it cannot be made or written to.
  """
  try:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / '.writable'
    probe.touch()
    probe.unlink()
  except OSError as error:
    raise InputError(f'{folder} cannot be written to ({error.strerror}); give another '
                     'folder with --out=DIR') from error
