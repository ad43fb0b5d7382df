"""The same training on one device and on eight, whatever they share."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

# Two devices stand for eight in loop_test.
pytestmark = pytest.mark.slow
ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'benchmarks' / 'layout_training.py'


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
  folder = tmp_path_factory.mktemp('eight')
  flags = os.environ['XLA_FLAGS'].replace('device_count=2', 'device_count=8')
  done = subprocess.run(
      [sys.executable, PROGRAM, folder, 'one', 'folds', 'tasks', 'fewer', 'more'],
      env={**os.environ, 'XLA_FLAGS': flags},
      capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr
  return json.loads(done.stdout)


def curves(part):
  """(folds, steps)."""
  return np.array([[x for last in sorted(chunks, key=int) for x in chunks[last]]
                   for chunks in part['losses'].values()])


@pytest.mark.parametrize('layout', ['folds', 'tasks', 'fewer', 'more'])
def test_the_curve_is_that_of_one_device(runs, layout):
  """Nine folds on eight devices; nine tasks on eight, of which three idle; half of the
  steps in one layout and half in another."""
  one, other = curves(runs['one']), curves(runs[layout])
  assert one.shape == other.shape == (9, 20) and np.ptp(one) > .1
  np.testing.assert_allclose(other, one, rtol=1e-5)


def test_what_is_exchanged(runs):
  assert {name: (part['devices'], part['collectives'])
          for name, part in runs.items() if 'devices' in part} == {
              'one': (1, False), 'folds': (8, False), 'tasks': (8, True)}
