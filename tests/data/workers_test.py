"""Processes make the same clips as one does, and what breaks in them is told."""

import functools
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from lightman_jax.data import pixels, workers
from lightman_jax.data.plan import Item
from lightman_jax.data.rows import Row
from lightman_jax.errors import InputError, Reason


@pytest.fixture(autouse=True)
def anything_may_be_called(monkeypatch):
  """Functions of Python itself stand here for a decoder that does what they do."""
  monkeypatch.setattr(workers, 'PACKAGES',
                      ('lightman_jax', 'builtins', 'posix', 'time'))


def item(number, make):
  row = Row(f's/c{number}', 's', 'tiny', 'a', 'micro', 1, 1, 1, fps=0.)
  return Item(row, 0, (1,), (), f'key{number}', make)


def jobs(folder, makes, size=8):
  return [workers.Job(item(number, make), folder, (1, size, size, 3))
          for number, make in enumerate(makes)]


@pytest.fixture
def makes(tmp_path):
  from PIL import Image
  rng = np.random.default_rng(0)
  functions = []
  for number in range(6):
    path = str(tmp_path / f'{number}.png')
    Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    functions.append(functools.partial(pixels.read_pixels, (path,), size=8, crop=False))
  return functions


def test_two_processes_make_what_one_makes(makes, tmp_path):
  alone, both = (jobs(tmp_path / name, makes) for name in 'ab')
  assert list(workers.make_all(alone, workers=1)) == [(n, None) for n in range(6)]
  assert dict(workers.make_all(both, workers=2)) == dict.fromkeys(range(6))
  for one, other in zip(alone, both):
    np.testing.assert_array_equal(workers.read_stored(one.folder, one.item).frames,
                                  workers.read_stored(other.folder, other.item).frames)


def test_what_cannot_be_read_is_told_and_the_rest_is_made(makes, tmp_path):
  broken = functools.partial(pixels.read_pixels, (str(tmp_path / 'no.png'),), size=8,
                             crop=False)
  reasons = dict(workers.make_all(jobs(tmp_path / 'a', [*makes, broken]), workers=2))
  assert 'no.png' in str(reasons.pop(6)) and set(reasons.values()) == {None}
  small = functools.partial(makes[0].func, *makes[0].args, size=4, crop=False)
  ((_, why),) = workers.make_all(jobs(tmp_path / 'b', [small]), workers=2)
  assert 'shape' in str(why)


def test_a_decoder_that_crashes_costs_one_clip(makes, tmp_path):
  abort = functools.partial(os.abort)
  reasons = dict(workers.make_all(jobs(tmp_path / 'a', [abort, *makes]), workers=2))
  assert reasons.pop(0).reason is Reason.CRASHED and set(reasons.values()) == {None}


def test_an_error_of_ours_comes_through(makes, tmp_path):
  wrong = functools.partial(int, 'x')
  with pytest.raises(ValueError, match='invalid literal'):
    list(workers.make_all(jobs(tmp_path / 'a', [wrong]), workers=2))


def test_what_only_this_process_knows_is_made_here(makes, tmp_path):
  local = lambda: makes[0]()
  assert list(workers.make_all(jobs(tmp_path / 'a', [local]), workers=2)) == [(0, None)]


def test_a_killed_process_is_said_and_nothing_is_left_running(makes, tmp_path):
  sleep = functools.partial(time.sleep, 60)
  hands = []
  real = workers._start_process

  def started():
    hand = real()             # the last of `hands` may be the other thread's
    hands.append(hand)
    threading.Timer(.5, hand.kill).start()
    return hand
  with pytest.MonkeyPatch.context() as patch, pytest.raises(InputError, match='killed'):
    patch.setattr(workers, '_start_process', started)
    list(workers.make_all(jobs(tmp_path / 'a', [sleep] * 2), workers=2))
  for process in hands:
    assert process.wait(timeout=5) is not None


def test_few_clips_start_no_process(makes, tmp_path, monkeypatch):
  monkeypatch.setattr(workers, '_start_process', None)
  assert len(list(workers.make_all(jobs(tmp_path / 'a', makes)))) == 6


def test_a_script_without_a_guard_is_not_started_again(tmp_path):
  """A notebook's cell, or a script, that loads data as it goes along."""
  script = tmp_path / 'script.py'
  script.write_text(f'''
import functools, pathlib
from PIL import Image
from lightman_jax.data import pixels, workers
from lightman_jax.data.plan import Item
from lightman_jax.data.rows import Row
print('begins', flush=True)
folder = pathlib.Path({str(tmp_path)!r})
jobs = []
for n in range(4):
  Image.new('RGB', (8, 8), (n, n, n)).save(folder / f'{{n}}.png')
  row = Row(f's/c{{n}}', 's', 'tiny', 'a', 'micro', 1, 1, 1, fps=0.)
  make = functools.partial(
      pixels.read_pixels, (str(folder / f'{{n}}.png'),), size=8, crop=False)
  jobs.append(workers.Job(
      Item(row, 0, (1,), (), f'k{{n}}', make), folder / 'clips', (1, 8, 8, 3)))
print(sorted(workers.make_all(jobs, workers=2)))
''')
  done = subprocess.run([sys.executable, script], capture_output=True, text=True,
                        env={**os.environ, 'PYTHONPATH': os.getcwd()}, timeout=300)
  assert done.stdout.splitlines() == [
      'begins', '[(0, None), (1, None), (2, None), (3, None)]'], done.stderr


def test_another_checkout_in_the_current_folder_is_not_imported(
    makes, tmp_path, monkeypatch):
  other = tmp_path / 'checkout'
  (other / 'lightman_jax').mkdir(parents=True)
  (other / 'lightman_jax' / '__init__.py').write_text('raise RuntimeError("other")\n')
  monkeypatch.chdir(other)
  made = dict(workers.make_all(jobs(tmp_path / 'a', makes), workers=2))
  assert made == dict.fromkeys(range(6))
