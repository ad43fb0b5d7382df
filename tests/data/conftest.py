"""A small made-up CASME II, and a plan whose pixels are made on the spot."""

import functools

import numpy as np
import pytest

from lightman_jax.data.plan import Item, Pixels, Plan
from lightman_jax.data.rows import Row
from lightman_jax.synthetic.replicas.write import write_replica


@pytest.fixture(autouse=True, scope='package')
def no_face_model(tmp_path_factory):
  """Whether a face model is installed must not change what these tests see."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv('XDG_DATA_HOME', str(tmp_path_factory.mktemp('nothing')))
    yield


@pytest.fixture(scope='session')
def replica(tmp_path_factory):
  """The odd rows and one more clip of each class: both sheets, cropped frames."""
  folder = tmp_path_factory.mktemp('replica') / 'manual'
  write_replica('casme2', folder, per_class=1, frames=3, size=(32, 39))
  return folder


def pixels(seed: int) -> Pixels:
  rng = np.random.default_rng(seed)
  return Pixels(rng.integers(0, 256, (3, 8, 8, 3), np.uint8),
                np.full((3, 68, 2), np.nan, np.float32))


@pytest.fixture
def tiny():
  """Six clips of two subjects and two classes."""
  items = tuple(
      Item(
          Row(f's{i % 2}/c{i}', f's{i % 2}', 'tiny', 'ab'[i // 3], 'micro', 1, 2, 3,
              fps=0.),
          i // 3, (1, 2, 3), (i,), f'key{i}', functools.partial(pixels, i))
      for i in range(6))
  return Plan('synthetic', 'tiny', 'tiny', ('a', 'b'), (3, 8, 8), items, ())
