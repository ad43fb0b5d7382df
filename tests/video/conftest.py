"""Small videos, encoded by PyAV."""

from fractions import Fraction
import os

import numpy as np
import pytest

av = pytest.importorskip('av')


def write_video(path, frames, *, times=None, rate=25, codec='libx264', crf=18,
                pix_fmt='yuv420p', size=None, **options):
  """Encodes RGB frames; `times` in whole milliseconds, or `rate` frames a second."""
  base = Fraction(1, 1000) if times is not None else Fraction(1, rate)
  if codec in ('libx264', 'libsvtav1'):
    options = {'crf': str(crf), **options}
  flags = {'movflags': 'faststart'} if os.fspath(path).endswith('.mp4') else {}
  with av.open(os.fspath(path), 'w', options=flags) as container:
    stream = container.add_stream(
        codec, rate=1000 if times is not None else rate, options=options)
    stream.codec_context.time_base = base
    stream.pix_fmt = pix_fmt
    for number, picture in enumerate(frames):
      if number == 0:
        stream.height, stream.width = picture.shape[:2]
      frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format='rgb24')
      frame.pts = number if times is None else int(times[number])
      frame.time_base = base
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
  return path


def textured(count, *, height=96, width=128, seed=0, noise=0.):
  """Frames of a texture that moves by up to two pixels a frame."""
  rng = np.random.default_rng(seed)
  import cv2
  base = cv2.GaussianBlur(rng.uniform(0, 255, (height, width, 3)), (0, 0), 3)
  base = (base - base.min()) / np.ptp(base) * 255
  for number in range(count):
    move = np.float32([[1, 0, 8 * np.sin(number / 6)], [0, 1, 6 * np.cos(number / 7)]])
    picture = cv2.warpAffine(base, move, (width, height),
                             borderMode=cv2.BORDER_REFLECT)
    picture = picture + rng.normal(0, noise, picture.shape)
    yield np.clip(picture, 0, 255).astype(np.uint8)
