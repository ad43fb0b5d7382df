"""Work for another process is written as data, and nothing else is read back."""

import functools
import json
import os
import pathlib

import numpy as np
import pytest

from lightman_jax.data import choice, pixels, workers
from lightman_jax.data.frames import Face, KnownLandmarks
from lightman_jax.data.plan import Item
from lightman_jax.data.rows import Row
from lightman_jax.data.workers import Job


def test_a_job_comes_back_the_same():
  points = {'/a/1.png': np.random.default_rng(0).random((68, 2), np.float32)}
  make = functools.partial(pixels.spot_and_read, ((1, '/a/1.png'), (2, '/\udcff.png')),
                           frames=3, size=64, crop=True, face=KnownLandmarks(points))
  row = Row('s/c', 's', 'casme2', 'a', 'micro', 1, None, 3, fps=200.)
  item = Item(row, np.int64(2), (), ('x', ['y', 3]), 'key', make)
  job = Job(item, pathlib.Path('/f'), (3, 64, 64, 3))
  copy = workers.read_job(workers.write_job(job))
  assert type(copy) is Job and type(copy.item.row) is Row
  assert copy._replace(item=None) == job._replace(item=None)
  assert copy.item._replace(make=None) == job.item._replace(make=None)
  assert copy.item.make.func is pixels.spot_and_read
  assert copy.item.make.args == make.args
  face = copy.item.make.keywords.pop('face')
  assert copy.item.make.keywords == {'frames': 3, 'size': 64, 'crop': True}
  np.testing.assert_array_equal(face.points['/a/1.png'], points['/a/1.png'])
  face.points['/a/1.png'][:] = 0         # its own, and may be written to


@pytest.mark.parametrize('value', [
    1, -1.5, True, None, 'text \udc80', (), (1, (2, [3, None])), {'a': (1,)}, {3: 'x'},
    Face('folder'), pathlib.Path('/a b')])
def test_values_come_back_in_their_kind(value):
  copy = workers.read_job(workers.write_job(value))
  assert copy == value and type(copy) is type(value)


@pytest.mark.parametrize('value', [
    functools.partial(os.system, 'true'), functools.partial(eval, '1'), lambda: 1,
    np.array([{}], object), {1, 2}, b'x'])
def test_what_is_no_data_of_ours_is_not_written(value):
  with pytest.raises(workers.Unwritable):
    workers.write_job(value)


@pytest.mark.parametrize('name', [
    'os:system', 'builtins:eval', 'lightman_jax_of_somebody:f', 'lightman_jax:',
    'lightman_jax.data.workers:no', 'lightman_jax.data.workers:PACKAGES', ''])
def test_what_is_named_from_elsewhere_is_not_called(name):
  call = {'call': name, 'with': {'tuple': []}, 'named': {'mapping': []}}
  for text in (call, {'call': name, 'of': ['true']}):
    with pytest.raises(ValueError):
      workers.read_job(json.dumps(text))


def test_a_function_of_ours_is_found_only_where_it_stands():
  text = workers.write_job(functools.partial(choice.configuration_names))
  assert workers.read_job(text).func is (
      choice.configuration_names)
