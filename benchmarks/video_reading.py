"""Frames a second from a video file to a list of expressions, and memory, over an hour.

    python benchmarks/video_reading.py --minutes=60 --size=640x480 [--home=FOLDER]

The video is a photograph that comes with matplotlib, moving a little, with noise, at
`--rate` frames a second: ten seconds are encoded (h264), and their packets are written
as often as it takes. Faces are found, followed and measured, and expressions are
spotted, as `predict` does without classes. Prints, for each tenth of it, wall and
processor time for a frame and the memory of the process; then what spotting takes at
the end, and what decoding alone takes. Where other work shares the machine, the
processor's time is what counts. Needs `python -m lightman_jax fetch` and the extra
`video`.
"""

import argparse
import pathlib
import resource
import sys
import tempfile
import time

import cv2
import matplotlib
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lightman_jax.data.frames import read_picture
from lightman_jax.video import measurement, reading, spotting, tracking

SECONDS = 10


def pictures(width: int, height: int, rate: int):
  """Ten seconds that begin and end alike."""
  path = pathlib.Path(matplotlib.__file__).parent / 'mpl-data/sample_data'
  face = read_picture(path / 'grace_hopper.jpg')
  scale = height / face.shape[0]
  face = cv2.resize(face, None, fx=scale, fy=scale)[:, :width]
  whole = np.full((height, width, 3), 90, np.uint8)
  left = (width - face.shape[1]) // 2
  whole[:, left:left + face.shape[1]] = face
  rng = np.random.default_rng(0)
  grain = [rng.normal(0, 3, whole.shape) for _ in range(4)]
  for number in range(rate * SECONDS):
    angle = 2 * np.pi * number / (rate * SECONDS)
    move = np.float32([[1, 0, .05 * height * np.sin(2 * angle)],
                       [0, 1, .03 * height * np.sin(3 * angle)]])
    picture = cv2.warpAffine(whole, move, (width, height),
                             borderMode=cv2.BORDER_REPLICATE)
    yield np.clip(picture + grain[number % 4], 0, 255).astype(np.uint8)


def write(path: pathlib.Path, minutes: float, width: int, height: int, rate: int
          ) -> None:
  """Encodes ten seconds, and repeats their packets."""
  import av
  part = path.with_suffix('.part.mp4')
  with av.open(str(part), 'w') as file:
    stream = file.add_stream('libx264', rate=rate, options={'bf': '0', 'crf': '23'})
    stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
    for picture in pictures(width, height, rate):
      file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format='rgb24')))
    file.mux(stream.encode())
  with av.open(str(path), 'w') as file:
    out = None
    for turn in range(round(60 * minutes / SECONDS)):
      with av.open(str(part)) as source:
        stream = source.streams.video[0]
        out = out or file.add_stream_from_template(stream)
        later = round(turn * SECONDS / stream.time_base)
        for packet in source.demux(stream):
          if packet.dts is not None:
            packet.pts, packet.dts = packet.pts + later, packet.dts + later
            packet.stream = out
            file.mux(packet)
  part.unlink()


def memory() -> float:
  """MiB of this process, at most so far."""
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(frames, tenth: int):
  """The same frames; prints what each tenth of them took."""
  count, wall, busy = 0, time.monotonic(), time.process_time()
  for frame, faces in frames:
    yield frame, faces
    count += len(faces)
    if (frame.number + 1) % tenth == 0:
      took = time.monotonic() - wall, time.process_time() - busy
      print(f'{frame.time:7.1f} s: {1e3 * took[0] / tenth:6.2f} ms a frame, '
            f'{1e3 * took[1] / tenth:6.2f} of a processor, at most {memory():.0f} MiB, '
            f'faces in {count} of {frame.number + 1}', flush=True)
      wall, busy = time.monotonic(), time.process_time()


def main() -> None:
  """Writes the video, and reads it."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--minutes', type=float, default=60.)
  parser.add_argument('--size', default='640x480')
  parser.add_argument('--rate', type=int, default=30)
  parser.add_argument('--home', default='')
  parser.add_argument('--ahead', type=int, default=4)
  options = parser.parse_args()
  width, height = map(int, options.size.split('x'))
  with tempfile.TemporaryDirectory(dir=options.home or None) as folder:
    path = pathlib.Path(folder) / 'long.mp4'
    write(path, options.minutes, width, height, options.rate)
    began = time.process_time()
    with reading.open_video(path) as video:
      frames = reading.read_ahead(video, options.ahead) if options.ahead else video
      tenth = max(1, round(6 * options.minutes * options.rate))
      table, size = measurement.measure(timed(tracking.track_faces(frames), tenth))
    ended = time.process_time()
    count = sum(len(spotting.find_expressions(
        measurement.signals_of(table, person), size=size, person=person).expressions)
        for person in np.unique(table.person[table.person >= 0]).tolist())
    spotted = time.process_time()
    print(f'{len(table.frame)} rows, {count} expressions; spotting took '
          f'{spotted - ended:.2f} s of a processor; all in all '
          f'{len(table.frame) / (spotted - began):.1f} frames a second of one, at most '
          f'{memory():.0f} MiB')
    print(f'remarks: {video.facts.remarks}')
    with reading.open_video(path, end=60.) as video:
      began, count = time.process_time(), sum(1 for _ in video)
    print(f'decoding alone takes {1e3 * (time.process_time() - began) / count:.2f} ms '
          'of a processor a frame')


if __name__ == '__main__':
  main()
