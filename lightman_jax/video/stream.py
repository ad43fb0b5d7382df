"""Frames that come one at a time, from a camera or a pipe, and what is seen in them.

All parts are those of a file: frames get their times, faces are followed, their motion
is measured, and expressions are spotted by what came before (`causal`). A thread of its
own does so, and a queue of a few frames lies between it and who pushes: where frames
come faster than they are looked at they are skipped, and counted.
"""

from collections import deque
from collections.abc import Iterator
import os
import queue
import threading
from typing import Any, NamedTuple

import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.faces import detection
from lightman_jax.faces.apex import sample_frames
from lightman_jax.units import short_repr
from lightman_jax.video import measurement
from lightman_jax.video.causal import CausalSettings, CausalSpotter, is_due
from lightman_jax.video.decoding import Facts, Raw, sampled
from lightman_jax.video.expressions import Recognised, answer_row
from lightman_jax.video.faces import Face
from lightman_jax.video.reading import Frame, Video
from lightman_jax.video.signals import SpottingSettings
from lightman_jax.video.tracking import Landmarks, track_faces

_MOST_BYTES = 256 * 2**20      # of pictures that are kept for a model
_GONE = 'its pictures are not kept any more'


class Event(NamedTuple):
  """An expression of a stream; `known_s` is the time of the frame that settled it."""
  row: Recognised
  known_s: float
  __repr__ = short_repr


class Snapshot(NamedTuple):
  """What is seen now: the latest frame that was looked at, and counts so far."""
  time: float | None
  faces: tuple[Face, ...]
  frames: int
  skipped: int
  waiting: int
  __repr__ = short_repr


class Stream:
  """Spots expressions in frames that are pushed.

  An expression is reported within `delay` seconds of its offset, in the time of the
  frames, and the time that looking at them takes.

  Args:
    model: of `lm.load_model`, or the folder of one, that names classes; None: none are.
    face: 'largest', or 'all' for everyone.
    landmarks: of every frame, where they are known, as `track_faces` takes them.
    waiting: frames that wait at most to be looked at.
    how: window, delay and period.
    settings: how expressions are spotted.

  Attributes:
    delay: s; see above.
    frames: that were looked at.
    skipped: that were not, because as many waited as may.

  Raises:
    InputError: the face model is not there, or `face` is no word.

  Example:
    >>> with lm.Stream() as stream:                               # doctest: +SKIP
    ...   for time, picture in camera:
    ...     for event in stream.push(picture, time):
    ...       print(event.row.expression.kind, event.row.expression.onset_s)
  """

  def __init__(self, model: Any = None, *, face: str = 'largest',
               landmarks: Landmarks | None = None, waiting: int = 8,
               how: CausalSettings = CausalSettings(),
               settings: SpottingSettings = SpottingSettings()):
    if face not in ('largest', 'all'):
      raise InputError(f'face is {face!r}; it must be largest or all')
    if isinstance(model, (str, os.PathLike)):
      from lightman_jax.bundle.model import load_model
      model = load_model(model)
    self.delay, self.frames, self.skipped = how.most_delay, 0, 0
    self._how, self._settings, self._model = how, settings, model
    # A model that is missing is said before the first frame.
    graphs = None if landmarks is not None else detection.load_model()
    self._measurer = measurement.Measurer()
    self._rows: deque[dict[str, Any]] = deque()
    self._pictures: deque[tuple[int, np.ndarray]] = deque()
    self._spotters: dict[int, CausalSpotter] = {}
    self._before: float | None = None
    self._pushed = -np.inf         # time of the frame that was pushed last
    self._faces: tuple[Face, ...] = ()
    self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    self._error: BaseException | None = None
    self._frames: queue.Queue = queue.Queue(maxsize=max(1, waiting))
    seen = track_faces(Video(Facts(path='the stream'), self._raws(), start=None,
                             end=None), model=graphs, landmarks=landmarks,
                       largest=face == 'largest')
    self._thread = threading.Thread(target=self._look, args=(seen,), daemon=True)
    self._thread.start()

  def __enter__(self) -> 'Stream':
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def push(self, frame: np.ndarray, time: float, *, wait: bool = False
           ) -> list[Event]:
    """Hands over a frame; returns what has been reported since the call before.

    Args:
      frame: (h, w, 3) uint8, RGB, upright.
      time: in seconds, later than that of the call before.
      wait: until there is room for it, rather than skip it.

    Raises:
      InputError: the frame is no picture, its time is not later than that of the one
        before, or what was pushed cannot be looked at.
    """
    self._check(frame, time)
    while True:
      try:
        self._frames.put((frame, float(time)), timeout=.1 if wait else 0.)
        break
      except queue.Full:
        self._raise()
        if not wait:
          self.skipped += 1
          break
    return self._reported()

  def close(self) -> list[Event]:
    """Waits until all frames are looked at; returns what was reported last.

    No frame follows, so nothing is waited for any more. Closing again does nothing.
    """
    while self._thread.is_alive():
      try:
        self._frames.put(None, timeout=.1)
        break
      except queue.Full:
        continue
    self._thread.join()
    return self._reported()

  @property
  def now(self) -> Snapshot:
    """What is seen now."""
    return Snapshot(self._before, self._faces, self.frames, self.skipped,
                    self._frames.qsize())

  def _check(self, frame: Any, time: float) -> None:
    if not self._thread.is_alive():
      self._raise()
      raise InputError('the stream is closed; begin another one')
    if not (isinstance(frame, np.ndarray) and frame.dtype == np.uint8
            and frame.ndim == 3 and frame.shape[2] == 3 and frame.size):
      raise InputError('a frame of a stream is an array (h, w, 3) of uint8, in RGB')
    if not np.isfinite(time):
      raise InputError(f'the time of a frame is {time}; give seconds')
    if not time > self._pushed:
      raise InputError(f'the time of a frame is {time:g} s and that of the one before '
                       f'{self._pushed:g} s; times go up: leave out a frame that comes '
                       'twice, and begin another stream where the clock begins anew')
    self._pushed = float(time)

  def _raise(self) -> None:
    error, self._error = self._error, None
    if error is not None:
      raise error

  def _reported(self) -> list[Event]:
    events = []
    while not self._events.empty():
      events.append(self._events.get())
    self._raise()
    return events

  # In the thread.

  def _raws(self) -> Iterator[Raw]:
    while (item := self._frames.get()) is not None:
      picture, time = item
      yield Raw(time, sampled(picture), lambda: picture)

  def _look(self, seen: Iterator[tuple[Frame, list[Face]]]) -> None:
    try:
      for frame, faces in seen:
        self._step(frame, faces)
      self._report(ended=True)
    except InputError as error:
      if self.frames or self._frames.qsize():     # without a frame there is nothing
        self._error = error
    except BaseException as error:    # raised where it is waited for
      self._error = error

  def _step(self, frame: Frame, faces: list[Face]) -> None:
    self._rows.extend(self._measurer.rows(frame, faces))
    while self._rows[0]['time'] <= frame.time - self._how.window:
      self._rows.popleft()
    if self._model is not None:
      self._keep(frame)
    before, self._before = self._before, frame.time
    self._faces, self.frames = tuple(faces), self.frames + 1
    if is_due(before, frame.time, self._how.period):
      self._report()

  def _keep(self, frame: Frame) -> None:
    self._pictures.append((frame.number, frame.picture))
    most = max(2, _MOST_BYTES // frame.picture.nbytes)
    while len(self._pictures) > most:
      self._pictures.popleft()

  def _report(self, *, ended: bool = False) -> None:
    if self._before is None:
      return
    window, now = measurement.table_of(self._rows), self._before
    people = set(window.person[window.person >= 0].tolist())
    gone = [person for person in self._spotters if person not in people]
    for person in gone:
      del self._spotters[person]
    self._measurer.forget(gone)
    events = []
    for person in sorted(people):
      spotter = self._spotters.setdefault(person, CausalSpotter(
          person, self._how, self._settings))
      events += [Event(self._answer(Recognised(e), window, spotter), now)
                 for e in spotter.look(window, now, self._measurer.size, ended=ended)]
    for event in sorted(events, key=lambda one: one.row.expression.onset_s):
      self._events.put(event)

  def _answer(self, row: Recognised, window: measurement.FrameTable,
              spotter: CausalSpotter) -> Recognised:
    if self._model is None:
      return row
    e, pictures = row.expression, dict(self._pictures)
    wanted = sample_frames(e.onset_frame, e.apex_frame, e.offset_frame,
                           frames=self._model.about['frames'])
    if not set(wanted) <= pictures.keys():
      return row._replace(doubts=(_GONE,))
    return answer_row(row, pictures, self._model, window, {e.person: spotter.last})
