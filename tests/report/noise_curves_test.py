"""Curves of robustness are whole pictures, one panel a kind, the same every time."""

import cv2
import numpy as np
import pytest

from lightman_jax.report.figures import noise_curves


def levels_of(kinds, levels=(0, .1, .2, .5), low=.3):
  score = {'uf1': {'value': .5, 'low': low, 'high': .6}}
  return {f'kind {k}': [{'level': level, 'unit': 'share of the pixels ' * 3,
                         'row': score} for level in levels] for k in range(kinds)}


@pytest.mark.parametrize('kinds', [1, 2, 4, 5, 9])
def test_panels(tmp_path, kinds):
  for name in 'ab':
    noise_curves(tmp_path / name, levels_of(kinds), constant=.3, title='a method ' * 3,
                 caption=('a long line ' * 30, 'another'))
  assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
  picture = cv2.imread(str(tmp_path / 'a'))
  for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
    assert np.all(edge == 255), 'something runs over the edge'


def test_one_subject_has_no_interval(tmp_path):
  noise_curves(tmp_path / 'a', levels_of(1, (-1, 0, 1), low=None))
  assert cv2.imread(str(tmp_path / 'a')) is not None
