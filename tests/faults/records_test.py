"""Damaged records of a built data set are recognised, and built again."""

import pathlib

import numpy as np
import pytest

from configs import synthetic
from lightman_jax.clips.load import load


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
  found, = pathlib.Path(data['data_dir']).rglob(pattern)
  return found


@pytest.mark.parametrize('damage', [
    lambda content: content[:len(content) // 2],
    lambda content: bytes(content[:20000]) + b'\xff' + content[20001:],
    lambda content: None], ids=['cut', 'one byte', 'gone'])
def test_records(data, whole, damage):
  path, said = file(data, '*.array_record*'), []
  content = damage(path.read_bytes())
  path.unlink() if content is None else path.write_bytes(content)
  again = load(data, say=said.append)
  assert [line for line in said if 'is damaged and is built again' in line]
  np.testing.assert_array_equal(again.frames, whole.frames)
  assert again.clip == whole.clip and again.info['sha256'] == whole.info['sha256']
  assert load(data, say=said.append) and len(said) == 1


def test_the_description_of_the_data_set(data, whole):
  file(data, 'dataset_info.json').write_bytes(b'{')
  assert load(data, say=lambda line: None).info['sha256'] == whole.info['sha256']
