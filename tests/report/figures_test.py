"""Figures are whole pictures, and the same input gives the same bytes."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from lightman_jax.report import figures

LINES = [{'stage': 'train', 'fold': f'sub{f}', 'step': s, 'loss': 1 / s + f,
          'support_alignment': .1} for f in range(3) for s in range(1, 6)]


@pytest.mark.parametrize('classes', [3, 7])
def test_confusion_matrix(tmp_path, classes):
  counts = np.random.default_rng(0).integers(0, 30, (classes, classes))
  counts[1] = 0   # a class without clips
  names = [f'emotion {k}' for k in range(classes)]
  for name in 'ab':
    figures.confusion_matrix(tmp_path / name, counts, classes=names, title='x',
                             caption=('a long line ' * 30, 'another'))
  assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
  picture = cv2.imread(str(tmp_path / 'a'))
  assert min(picture.shape[:2]) > 500
  # Nothing runs over the edge.
  for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
    assert np.all(edge == 255)


@pytest.mark.parametrize('backend', ['module://matplotlib_inline.backend_inline', 'no',
                                     'agg', ''])
def test_the_backend_of_a_notebook_is_no_hindrance(backend, tmp_path):
  code = (
      'import os, sys\n'
      'from lightman_jax.report import figures\n'
      'figures.learning_curves(sys.argv[1], [])\n'
      f'assert os.environ["MPLBACKEND"] == {backend!r}\n'
      'assert "matplotlib.pyplot" not in sys.modules\n')
  subprocess.run([sys.executable, '-c', code, tmp_path / 'a.png'], check=True,
                 env={**os.environ, 'MPLBACKEND': backend})
  assert width(tmp_path / 'a.png') > 100


def width(path):
  return cv2.imread(str(path)).shape[1]


def test_learning_curves(tmp_path):
  for name in 'ab':
    figures.learning_curves(tmp_path / name, LINES, title='x')
  assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
  plain = [{k: v for k, v in line.items() if k != 'support_alignment'}
           for line in LINES]
  figures.learning_curves(tmp_path / 'c', plain)
  assert width(tmp_path / 'c') < width(tmp_path / 'a')


@pytest.mark.parametrize('lines', [
    [], LINES[:1], [{'stage': 'build', 'seconds': 3.}],
    [{**LINES[0], 'loss': None}, LINES[1]], LINES[:-2]])
def test_learning_curves_of_little(tmp_path, lines):
  figures.learning_curves(tmp_path / 'a.png', lines)
  assert cv2.imread(str(tmp_path / 'a.png')) is not None
