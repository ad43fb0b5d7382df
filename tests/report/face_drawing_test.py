"""The drawing on a face: the same picture each time, for every shape of a run."""

import matplotlib.image
import numpy as np
import pytest

from lightman_jax.faces import landmarks
from lightman_jax.report import figures


def kept(*, components=tuple(landmarks.COMPONENTS), actions=6, clips=3, seed=0) -> dict:
  rng = np.random.default_rng(seed)
  return {'components': list(components), 'clips': [{
      'clip': f'S0{n}/clip{n}', 'truth': 'surprise', 'prediction': 'negative',
      'movement': rng.normal(0, .01, (68, 2)).tolist(),
      'parts': rng.normal(0, 1, (actions, len(components))).tolist(),
      'relations': rng.normal(0, .3, (actions, actions)).tolist()}
      for n in range(clips)]}


def drawn(tmp_path, content, name='a.png', **more):
  figures.draw_actions(tmp_path / name, content, **more)
  return (tmp_path / name).read_bytes()


def test_the_same_input_gives_the_same_bytes(tmp_path):
  more = dict(title='lightman', caption=['labels made with the clips'])
  first = drawn(tmp_path, kept(), **more)
  assert first == drawn(tmp_path, kept(), **more)
  assert first != drawn(tmp_path, kept(seed=1), **more)
  picture = matplotlib.image.imread(tmp_path / 'a.png')
  assert picture.shape[1] > 1.5 * picture.shape[0], 'three panels side by side'


@pytest.mark.parametrize('content', [
    kept(components=range(68)), kept(actions=1), kept(actions=2, clips=1)])
def test_other_numbers_of_actions_and_components(content, tmp_path):
  assert drawn(tmp_path, content).startswith(b'\x89PNG')


def test_a_clip_that_nothing_speaks_for(tmp_path):
  content = kept(clips=1)
  for name in ('movement', 'parts', 'relations'):
    content['clips'][0][name] = np.zeros_like(content['clips'][0][name]).tolist()
  assert drawn(tmp_path, content).startswith(b'\x89PNG')
