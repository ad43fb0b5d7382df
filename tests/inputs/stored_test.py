"""Clips in files are the clips that were written, whichever are asked for."""

import gc
import os

import numpy as np
import pytest

from lightman_jax.errors import InputError
from lightman_jax.inputs import pool
from lightman_jax.inputs.pool import Stored

X = np.random.default_rng(0).standard_normal((7, 2, 3, 2), np.float32)


@pytest.fixture
def path(tmp_path):
  np.save(tmp_path / 'x.npy', X)
  return tmp_path / 'x.npy'


@pytest.mark.parametrize('index', [
    3, -1, slice(2, 5), np.array([5, 0, 0, 6]), np.array([], int), X[:, 0, 0, 0] > 0],
    ids=['one', 'last', 'slice', 'numbers', 'none', 'mask'])
def test_what_is_asked_for(path, index):
  x = Stored.open(path)
  np.testing.assert_array_equal(x[index], X[index])
  assert x.shape == X.shape and len(x) == 7 and x.nbytes == X.nbytes
  np.testing.assert_array_equal(np.asarray(x), X)


def test_some_of_two_files_are_one(path, monkeypatch):
  monkeypatch.setattr(pool, 'AT_ONCE', 16)      # a clip is 48 bytes: several reads
  keep = np.arange(7) % 2 == 0
  both = pool.join_inputs(pool.select_clips(Stored.open(path), keep), Stored.open(path))
  want = np.concatenate([X[keep], X])
  np.testing.assert_array_equal(both[np.array([10, 3, 4, 0])], want[[10, 3, 4, 0]])
  np.testing.assert_array_equal(both.columns(np.array([8, 2]), 3, 9),
                                want.reshape(len(want), -1)[[8, 2], 3:9])
  np.testing.assert_array_equal(pool.join_inputs(Stored.open(path), X[:2])[7:], X[:2])


def test_a_file_that_has_become_shorter(path):
  x = Stored.open(path)
  os.truncate(path, 200)
  with pytest.raises(InputError, match='has become shorter'):
    x[6]


def test_a_file_that_is_written_to_meanwhile(path):
  x = Stored.open(path)
  np.testing.assert_array_equal(x[0], X[0])
  with open(path, 'r+b') as file:
    file.seek(-8, os.SEEK_END)
    file.write(bytes(8))
  with pytest.raises(InputError, match='was written to while its clips were read'):
    x[0]
  assert not Stored.open(path)[6].reshape(-1)[-2:].any()


def test_files_are_closed(path):
  gc.collect()
  before = len(os.listdir('/proc/self/fd'))
  many = [Stored.open(path) for _ in range(20)]
  assert len(os.listdir('/proc/self/fd')) == before + 20
  del many
  gc.collect()
  assert len(os.listdir('/proc/self/fd')) == before
