"""Inputs are made once, and a cache that is damaged or in the way costs time alone."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest

from lightman_jax.faces import dense_flow
from lightman_jax.inputs import inputs
from lightman_jax.inputs.inputs import Settings

HOW = Settings('difference', size=4)


@pytest.fixture
def clips(clips_of):
  return clips_of(np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 3)))


@pytest.fixture
def run_cache(tmp_path, monkeypatch, clips):
  """A function that asks for inputs; how often they were made, and what was said."""
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  made, lines = [], []
  make, each = inputs.make_inputs, inputs.iterate_inputs
  monkeypatch.setattr(inputs, 'iterate_inputs',
                      lambda *args, **kwargs: made.append(1) or each(*args, **kwargs))

  def run_cached(how=HOW, clips=clips):
    x = inputs.cached_inputs(clips, how, say=lines.append)
    count = len(made)
    np.testing.assert_array_equal(x, make(clips, how))
    del made[count:]
    return count, lines
  return run_cached


def files(tmp_path):
  return [path for path in (tmp_path / 'cache').rglob('*') if path.is_file()]


def test_made_once(run_cache, tmp_path):
  assert run_cache() == (1, [])
  assert run_cache() == (1, [])
  assert len(files(tmp_path)) == 1


def test_all_that_moves_a_number_names_the_file(run_cache, clips, monkeypatch):
  assert run_cache()[0] == 1
  assert run_cache(HOW._replace(size=8))[0] == 2
  assert run_cache(HOW._replace(kind='frames'))[0] == 3
  other = clips._replace(info={**clips.info, 'sha256': '1' * 64})
  assert run_cache(clips=other)[0] == 4
  settings = ((dense_flow.FARNEBACK, 'winsize'), (dense_flow.DIS, 'finest_scale'),
              (dense_flow.TVL1, 'warps'))
  for number, (algorithm, name) in enumerate(settings, start=5):
    with monkeypatch.context() as patch:
      patch.setitem(algorithm, name, algorithm[name] + 2)
      assert run_cache()[0] == number
  monkeypatch.setattr(inputs, 'code_sha256', lambda stage: f'another {stage}')
  assert run_cache()[0] == number + 1 and run_cache()[0] == number + 1


@pytest.mark.parametrize('damage', [
    lambda data: b'', lambda data: data[:40], lambda data: data[:-1],
    lambda data: data + b'x', lambda data: b'\0' * len(data),
    lambda data: data[:-33] + bytes([data[-33] ^ 1]) + data[-32:]],
    ids=['empty', 'header cut', 'end cut', 'longer', 'zeros', 'one bit'])
def test_a_damaged_file_is_made_again(run_cache, tmp_path, damage):
  run_cache()
  path, = files(tmp_path)
  path.write_bytes(damage(path.read_bytes()))
  count, said = run_cache()
  assert count == 2 and len(said) == 1 and str(path) in said[0]
  assert run_cache()[0] == 2


def test_a_damaged_header_is_never_an_error(run_cache, tmp_path):
  run_cache()
  path, = files(tmp_path)
  whole = path.read_bytes()
  for position in range(whole.index(b'\n') + 1):
    broken = bytearray(whole)
    broken[position] ^= 16
    path.write_bytes(bytes(broken))
    run_cache()


def test_a_folder_that_cannot_be_written_is_only_told(run_cache, tmp_path):
  (tmp_path / 'cache').write_text('in the way')
  assert run_cache()[0] == 1
  count, said = run_cache()
  assert count == 2 and len(said) == 2
  assert all('not kept' in text and str(tmp_path) in text for text in said)


def test_a_file_that_cannot_be_opened_is_made_again(run_cache, tmp_path):
  run_cache()
  path, = files(tmp_path)
  path.unlink()
  path.mkdir()
  count, said = run_cache()
  assert count == 3, 'it was to be written, and failed at the very end'
  assert 'damaged' in said[0] and 'not kept' in said[1] and len(said) == 2


def test_an_error_without_a_reason_is_told_too(run_cache, monkeypatch):
  def cut(*args):
    raise OSError('3 of 4 bytes written')
  monkeypatch.setattr(inputs, 'write_atomically', cut)
  assert '3 of 4 bytes' in run_cache()[1][0]


# Makes the inputs of two clips; the second argument is where it stops for a signal.
WRITER = """
import contextlib, os, sys
import numpy as np
from lightman_jax.data.store import ClipSet
from lightman_jax.inputs import inputs as cache
from lightman_jax.inputs.inputs import Settings
if len(sys.argv) > 1:
  write = cache.write_atomically
  @contextlib.contextmanager
  def pause(path, mode):
    with write(path, mode) as file:
      file.write(b'half')
      file.flush()
      print('writing', flush=True)
      sys.stdin.read()
      file.seek(0)
      yield file
  cache.write_atomically = pause
else:
  print('ready', flush=True)
  sys.stdin.read()
frames = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8, 3)).astype(np.uint8)
clips = ClipSet(frames, *[None] * 4, ('a', 'b'), (), (), {'sha256': '', 'dataset': ''})
x = cache.cached_inputs(clips, Settings('difference', size=4))
print(np.asarray(x).tobytes().hex())
"""


@pytest.fixture
def writer(tmp_path):
  """Starts a process that makes inputs; its home is tmp_path."""
  with contextlib.ExitStack() as started:
    def start(*words):
      process = started.enter_context(subprocess.Popen(
          [sys.executable, '-c', WRITER, *words], stdin=subprocess.PIPE, text=True,
          stdout=subprocess.PIPE, env={**os.environ, 'XDG_CACHE_HOME': str(tmp_path)}))
      process.stdout.readline()
      return process
    yield start


def test_writers_at_once_end_alike_and_what_a_killed_one_left_is_swept(
    writer, tmp_path):
  killed, living, third = writer('pause'), writer('pause'), writer()
  place = tmp_path / 'lightman_jax' / 'inputs'
  assert len(list(place.iterdir())) == 2
  killed.kill()
  killed.wait()
  third, _ = third.communicate()
  assert sorted(path.name.count('.') for path in place.iterdir()) == [1, 3]
  living, _ = living.communicate()
  assert living == third != ''
  file, = place.iterdir()
  assert file.suffix == '.npy'
  assert np.asarray(inputs._read(file)).tobytes().hex() == third.strip()
