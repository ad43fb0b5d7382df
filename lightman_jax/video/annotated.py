"""The video once more, with boxes, what is being shown, and what was not looked at.

It is read once more for that: what stands in the frames of an interval from its onset
on is known when its offset has been seen and a model has answered, and pictures are not
kept for so long. Writing h264 takes longer than reading it again.
"""

from fractions import Fraction
import importlib.util
import pathlib

import cv2
from jaxtyping import UInt8
import numpy as np

from lightman_jax.errors import InputError
from lightman_jax.files import write_atomically
from lightman_jax.video.expressions import VideoExpressions
from lightman_jax.video.reading import open_video

_COLOURS = {'micro': (179, 54, 77), 'macro': (43, 138, 87), 'blink': (92, 107, 125),
            'speech': (138, 109, 26), '': (31, 95, 168), 'hidden': (150, 150, 150)}
_TICKS = 90_000         # of a second, as video containers count


def check_annotation() -> None:
  """Refuses where no video can be written.

  Raises:
    InputError: PyAV is not installed.
  """
  if importlib.util.find_spec('av') is None:
    raise InputError("--annotate writes a video, for which PyAV is missing: install it "
                     "by pip install 'lightman_jax[video]', or leave the flag out")


def write_annotated(path: pathlib.Path, video: VideoExpressions, *,
                    fps: float | None = None) -> None:
  """Writes the part of the video that was looked at, in h264, with its own times.

  Args:
    path: of the file, which ends in .mp4.
    video: what was spotted.
    fps: as of `predict_video`.
  """
  import av
  table = video.frames
  if not len(table.frame):
    return
  rows: dict[int, list[int]] = {}
  for k, number in enumerate(table.frame.tolist()):
    rows.setdefault(number, []).append(k)
  with write_atomically(path, 'wb') as out, av.open(
      out, 'w', format='mp4') as file, open_video(
      video.video, start=float(table.time[0]), fps=fps) as source:
    stream, first = None, float(table.time[0])
    for frame in source:
      if frame.number not in rows:
        break
      picture = annotate(frame.picture, video, rows[frame.number], frame.time)
      # h264 takes even sides alone.
      picture = picture[:len(picture) // 2 * 2, :picture.shape[1] // 2 * 2]
      if stream is None:
        stream = file.add_stream('libx264', rate=30)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = 'yuv420p'
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
      made = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format='rgb24')
      made.pts, made.time_base = round((frame.time - first) * _TICKS), Fraction(
          1, _TICKS)
      file.mux(stream.encode(made))
    if stream is not None:
      file.mux(stream.encode())


def annotate(picture: UInt8[np.ndarray, 'h w 3'], video: VideoExpressions,
             rows: list[int], time: float) -> UInt8[np.ndarray, 'h w 3']:
  """One frame with what is known of it.

  Args:
    picture: the frame.
    video: what was spotted.
    rows: of the table of frames, those of this frame.
    time: of the frame, in seconds.
  """
  table, made = video.frames, picture.copy()
  scale = max(picture.shape[0] / 720., .4)
  for k in rows:
    person = int(table.person[k])
    if person < 0:
      _write(made, 'nobody: not looked at', (8, round(24 * scale)), scale,
             _COLOURS['hidden'])
      continue
    words, colour = _words(video, person, time)
    if table.reason[k]:
      words, colour = f'not looked at: {table.reason[k]}', _COLOURS['hidden']
    x, y, wide, high = (round(float(value)) for value in table.box[k])
    cv2.rectangle(made, (x, y), (x + wide, y + high), colour, max(1, round(2 * scale)))
    _write(made, f'{person} {words}'.strip(), (x, max(y - 6, round(16 * scale))), scale,
           colour)
  return made


def _words(video: VideoExpressions, person: int, time: float
           ) -> tuple[str, tuple[int, int, int]]:
  for row in video.rows:
    e = row.expression
    if e.person == person and e.onset_s <= time <= e.offset_s:
      named = f' ({", ".join(row.classes)})' if row.classes else ''
      return f'{e.kind} {e.region}{named}', _COLOURS[e.kind]
  for other in video.people[person].others:
    if other.onset_s <= time <= other.offset_s:
      return other.kind, _COLOURS.get(other.kind, _COLOURS[''])
  return '', _COLOURS['']


def _write(picture: np.ndarray, words: str, at: tuple[int, int], scale: float,
           colour: tuple[int, int, int]) -> None:
  for width, shade in ((max(3, round(4 * scale)), (255, 255, 255)), (1, colour)):
    cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, .7 * scale, shade, width,
                cv2.LINE_AA)
