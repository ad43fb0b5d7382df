"""Pictures with a texture that can be shifted, and small sets of clips."""

import cv2
import numpy as np
import pytest

from lightman_jax.data.store import ClipSet


@pytest.fixture(scope='session')
def textured():
  """A function of (down, right) in pixels to a smooth random picture, so shifted."""
  rng = np.random.default_rng(0)
  wide = cv2.GaussianBlur(rng.uniform(0, 255, (96, 96)).astype(np.float32), (0, 0), 2.)
  wide = np.clip(128 + 6 * (wide - wide.mean()), 0, 255)

  def picture(shift):
    back = np.float32([[1, 0, shift[1]], [0, 1, shift[0]]])
    moved = cv2.warpAffine(wide, back, (96, 96), flags=cv2.INTER_CUBIC)[16:80, 16:80]
    return np.repeat(np.rint(np.clip(moved, 0, 255)).astype(np.uint8)[..., None], 3, -1)
  return picture


def clips_of(frames, *, subject=None, macro=None, label=None, classes=('a', 'b'),
             landmarks=None, name='made-up', sha256='0' * 64) -> ClipSet:
  """A data set around (N, T, H, W, C) frames."""
  n, length = frames.shape[:2]
  if landmarks is None:
    landmarks = np.full((n, length, 68, 2), np.nan)
  return ClipSet(
      frames.astype(np.uint8), landmarks.astype(np.float32),
      np.asarray(np.arange(n) % len(classes) if label is None else label, np.int32),
      np.zeros(n, bool) if macro is None else np.asarray(macro),
      tuple(subject or (f's{i}' for i in range(n))), tuple(f'c{i}' for i in range(n)),
      ('?',) * n, classes, {'dataset': name, 'sha256': sha256})


@pytest.fixture(scope='session', name='clips_of')
def _clips_of():
  return clips_of
