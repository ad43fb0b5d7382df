"""Frames a second from a video file to the faces in it, and memory, over an hour.

    python benchmarks/video_reading.py --minutes=60 --size=640x480 [--home=FOLDER]

The video is a photograph that comes with matplotlib, moving a little, with noise, at 30
frames a second: ten seconds are encoded (h264), and their packets are written as often
as it takes. Prints, for each tenth of it, wall and processor time for a frame and the
memory of the process; needs `python -m lightman_jax fetch` and the extra `video`.
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
from lightman_jax.video import reading, tracking

RATE, SECONDS = 30, 10


def pictures(width: int, height: int):
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
  for number in range(RATE * SECONDS):
    angle = 2 * np.pi * number / (RATE * SECONDS)
    move = np.float32([[1, 0, .05 * height * np.sin(2 * angle)],
                       [0, 1, .03 * height * np.sin(3 * angle)]])
    picture = cv2.warpAffine(whole, move, (width, height),
                             borderMode=cv2.BORDER_REPLICATE)
    yield np.clip(picture + grain[number % 4], 0, 255).astype(np.uint8)


def write(path: pathlib.Path, minutes: float, width: int, height: int) -> None:
  """Encodes ten seconds, and repeats their packets."""
  import av
  part = path.with_suffix('.part.mp4')
  with av.open(str(part), 'w') as file:
    stream = file.add_stream('libx264', rate=RATE, options={'bf': '0', 'crf': '23'})
    stream.width, stream.height, stream.pix_fmt = width, height, 'yuv420p'
    for picture in pictures(width, height):
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


def main() -> None:
  """Writes the video, and reads it."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument('--minutes', type=float, default=60.)
  parser.add_argument('--size', default='640x480')
  parser.add_argument('--home', default='')
  parser.add_argument('--ahead', type=int, default=4)
  options = parser.parse_args()
  width, height = map(int, options.size.split('x'))
  with tempfile.TemporaryDirectory(dir=options.home or None) as folder:
    path = pathlib.Path(folder) / 'long.mp4'
    write(path, options.minutes, width, height)
    tenth = max(1, round(6 * options.minutes * RATE))
    found, wall, busy = 0, time.monotonic(), time.process_time()
    with reading.open_video(path) as video:
      frames = reading.read_ahead(video, options.ahead) if options.ahead else video
      for frame, rows in tracking.track_faces(frames):
        found += len(rows)
        if (frame.number + 1) % tenth == 0:
          took = time.monotonic() - wall, time.process_time() - busy
          memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
          print(f'{frame.time:7.1f} s: {1e3 * took[0] / tenth:6.2f} ms a frame, '
                f'{1e3 * took[1] / tenth:6.2f} of a processor, at most {memory:.0f} '
                f'MiB, faces in {found} of {frame.number + 1}', flush=True)
          wall, busy = time.monotonic(), time.process_time()
    print(f'remarks: {video.facts.remarks}')


if __name__ == '__main__':
  main()
