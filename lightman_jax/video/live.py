"""What is seen now: a camera or a pipe, looked at until it ends or somebody ends it.

Three things are written: `events.csv`, a line for each expression as soon as it is
known; now.html, renewed in place, which a browser reloads each second; and a line in
the terminal. A face is drawn as lines between its landmarks, and no picture is kept.
"""

import argparse
from collections import deque
from collections.abc import Iterator
import contextlib
import csv
import pathlib
import sys
import time as clock
from typing import IO, Any

import cv2
from jaxtyping import UInt8
from markupsafe import Markup
import numpy as np

from lightman_jax.errors import InputError, printable
from lightman_jax.faces import landmarks as alignment
from lightman_jax.files import write_atomically
from lightman_jax.report import templates
from lightman_jax.units import counted
from lightman_jax.video import motion, writers
from lightman_jax.video.decoding import Facts, pipe_frames
from lightman_jax.video.expressions import LIMITS
from lightman_jax.video.page import clock_of, drawing
from lightman_jax.video.reading import Video
from lightman_jax.video.stream import Event, Stream

RENEWED = 1.          # seconds between two pages
_SHOWN = 20           # expressions on the page
_SIDE = 128

Timed = tuple[UInt8[np.ndarray, 'h w 3'], float]


def camera_frames(number: int) -> Iterator[Timed]:
  """The frames of a camera with the times at which they came, from 0.

  Args:
    number: of the camera, from 0.

  Raises:
    InputError: there is none, or it is in use.
  """
  camera = cv2.VideoCapture(number)
  if not camera.isOpened():
    camera.release()
    raise InputError(f'camera {number} cannot be opened: it is not there, in use by '
                     'another program, or this one may not use it; give another '
                     '--camera=N, or a pipe: ffmpeg ... -f matroska - | python -m '
                     'lightman_jax predict -')
  return _read_camera(camera)


def _read_camera(camera: Any) -> Iterator[Timed]:
  begun = None
  try:
    while True:
      whole, picture = camera.read()
      if not whole:
        return
      now = clock.monotonic()
      begun = now if begun is None else begun
      yield np.ascontiguousarray(picture[..., ::-1]), now - begun
  finally:
    camera.release()


def piped_frames(pipe: IO[bytes]) -> Iterator[Timed]:
  """The frames of a video that comes through a pipe, with its own times.

  Args:
    pipe: see `decoding.pipe_frames`.

  Raises:
    InputError: it is no video.
  """
  facts = Facts(path='the standard input')
  video = Video(facts, pipe_frames(pipe, facts), start=None, end=None)
  return ((frame.picture, frame.time) for frame in video)


def open_frames(options: argparse.Namespace) -> Iterator[Timed]:
  """The frames that the command is to look at.

  Args:
    options: of the command.

  Raises:
    InputError: there is no such camera, or the pipe holds no video.
  """
  if options.camera is not None:
    return camera_frames(options.camera)
  if sys.stdin is None or sys.stdin.isatty():
    raise InputError('- reads a video from the standard input, and nothing comes: '
                     'ffmpeg ... -f matroska - | python -m lightman_jax predict -')
  # Unbuffered: what has come is looked at before more does.
  return piped_frames(getattr(sys.stdin.buffer, 'raw', sys.stdin.buffer))


def predict_live(options: argparse.Namespace, model: Any, out: pathlib.Path,
                 frames: Iterator[Timed]) -> int:
  """Looks at a camera or a pipe; Ctrl-C is how the first ends.

  Args:
    options: of the command.
    model: that names classes, or None.
    out: folder of what is written.
    frames: of `open_frames`.

  Returns:
    The command's exit code.

  Raises:
    InputError: what comes cannot be looked at.
  """
  # Whoever writes into a pipe can wait, and a person in front of a camera cannot.
  wait = options.camera is None and not options.live
  with open(out / 'events.csv', 'w', encoding='utf-8', newline='') as file:
    stream = Stream(model, face=options.face, landmarks=options.landmarks)
    view = View(out / 'now.html', file, model, stream)
    try:
      with contextlib.closing(frames):
        for picture, time in frames:
          if options.seconds is not None and time >= options.seconds:
            break
          view.show(stream.push(picture, time, wait=wait))
    except KeyboardInterrupt:
      print(file=sys.stderr)
    view.show(stream.close(), ended=True)
  for line in view.lines():
    print(line)
  return 0


class View:
  """Shows a stream: a table that grows, a page that is renewed, a line.

  Args:
    page: where the page lies.
    table: an open file, for the table.
    model: that names classes, or None.
    stream: that is shown.
  """

  def __init__(self, page: pathlib.Path, table: IO[str], model: Any, stream: Stream):
    self._page, self._file, self._stream = page, table, stream
    self._classes = () if model is None else tuple(model.classes)
    columns = [*writers.expression_columns(self._classes), 'known_s']
    self._table = csv.DictWriter(table, columns, lineterminator='\n')
    self._table.writeheader()
    self._recent: deque[Event] = deque(maxlen=_SHOWN)
    self._counts = {'micro': 0, 'macro': 0}
    self._renewed = -np.inf

  def show(self, events: list[Event], *, ended: bool = False) -> None:
    """Takes what was reported, and renews the page where that is due.

    Args:
      events: of `Stream.push`.
      ended: nothing follows.
    """
    for event in events:
      self._recent.appendleft(event)
      self._counts[event.row.expression.kind] += 1
      self._table.writerow({**writers.expression_row(event.row, self._classes),
                            'known_s': f'{event.known_s:.4f}'})
    if events:
      self._file.flush()
    if ended or clock.monotonic() - self._renewed >= RENEWED:
      self._renewed = clock.monotonic()
      with write_atomically(self._page) as file:
        file.write(self.render(ended=ended))
      if sys.stderr.isatty():
        print('\r' + printable('; '.join(self.lines())), end='', file=sys.stderr,
              flush=True)

  def lines(self) -> list[str]:
    """What is known by now, for a terminal."""
    now = self._stream.now
    return [f'micro-expressions {self._counts["micro"]}, macro-expressions '
            f'{self._counts["macro"]} in {clock_of(now.time or 0.)}',
            f'{counted(now.frames, "frame")} looked at, {now.skipped} skipped']

  def render(self, *, ended: bool = False) -> str:
    """The page.

    Args:
      ended: it is not reloaded any more.
    """
    now = self._stream.now
    faces = []
    for face in now.faces:
      known = face.reason is None and np.isfinite(face.landmarks).all()
      faces.append({
          'person': face.person, 'reason': face.reason and face.reason.value,
          'drawing': _outline(face.landmarks) if known else ''})
    return templates.environment(
        'lightman_jax.video', 'lightman_jax.report.page').get_template(
        'now.html').render(
        title='What is seen now', limits=LIMITS, now=now, faces=faces, ended=ended,
        clock=clock_of(now.time or 0.), delay=self._stream.delay, counts=self._counts,
        rows=[{'e': event.row.expression, 'onset': clock_of(
            event.row.expression.onset_s), 'classes': ', '.join(
                event.row.classes or ()), 'doubts': '; '.join(event.row.doubts)}
              for event in self._recent])


def _outline(points: np.ndarray) -> Markup:
  return drawing(alignment.align_points(points, _SIDE),
                 np.zeros((len(motion.REGIONS), 2)), _SIDE)
