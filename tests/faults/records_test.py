"""Damaged records of a built data set are recognised, and built again."""

import pathlib

import numpy as np
import pytest

from configs import synthetic
from lightman_jax.data.load import load


@pytest.fixture(scope='module')
def data(tmp_path_factory):
  config = synthetic.get_config('debug')
  config.data.update(size=16, frames=3,
                     data_dir=str(tmp_path_factory.mktemp('data')))
  config.data.synthetic.update(subjects=3, micro=6, macro=0)
  return config.data.to_dict()


@pytest.fixture(scope='module')
def whole(data):
  return load(data)


def file(data, pattern) -> pathlib.Path:
  path, = pathlib.Path(data['data_dir']).rglob(pattern)
  return path


@pytest.mark.parametrize('damage', [
    lambda content: content[:len(content) // 2],
    lambda content: content[:20000] + bytes([content[20000] ^ 1]) + content[20001:]],
    ids=['cut', 'one byte'])
def test_records(data, whole, damage):
  path, said = file(data, '*.array_record*'), []
  path.write_bytes(damage(path.read_bytes()))
  again = load(data, say=said.append)
  assert [line for line in said if 'is damaged and is built again' in line]
  np.testing.assert_array_equal(again.frames, whole.frames)
  assert again.clip == whole.clip and again.info['sha256'] == whole.info['sha256']
  assert load(data, say=said.append) and len(said) == 1
