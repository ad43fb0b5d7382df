"""Amounts in words."""

import dataclasses
import importlib
import inspect
import pathlib

import numpy as np
import pytest

from lightman_jax import units


@pytest.mark.parametrize('size, words', [
    (0, '0 MiB'), (2**19, '0.5 MiB'), (1.625 * 2**20, '1.62 MiB'),
    (100 * 2**20, '100 MiB'), (2**29, '0.5 GiB'), (5.9 * 2**30, '5.9 GiB'),
    (2**40, '1024 GiB')])
def test_bytes(size, words):
  assert units.bytes_in_words(size) == words


@pytest.mark.parametrize('value, unit, words', [
    (1407234048, 'floating point operations of a meta-step', '1.41 GFLOP'),
    (5.9 * 2**30, 'bytes, of the process', '5.9 GiB'),
    (2**30, 'bytes a second, of a meta-step', '1 GiB/s'),
    (3.2e12, 'operations a second at best', '3.2 TFLOP/s'),
    (.0711, 'seconds of a meta-step', '71.1 ms'), (2.5e-5, 'seconds', '25 µs'),
    (0., 'seconds', '0 ms'), (12.34, 'seconds', '12.3 s'),
    (245., 'seconds', '4 min 5 s'), (12_000, 'seconds', '3 h 20 min'),
    (.123, 'of the machine; 1 is all', '12.3%'), (12345, 'numbers', '12,345'),
    (1_234_567, 'numbers', '1.23 M'), (2.5, '', '2.5')])
def test_measures_are_read_at_a_glance(value, unit, words):
  assert units.measure_in_words(value, unit) == words


@pytest.mark.parametrize('number, noun, words', [
    (0, 'clip', '0 clips'), (1, 'clip', '1 clip'), (np.int64(1), 'clip', '1 clip'),
    (2, 'clip', '2 clips'), (1, 'person', '1 person'),
    (3, 'training person', '3 training people'), (2, 'class', '2 classes'),
    (2, 'query', '2 queries'), (2, 'day', '2 days'), (2, 'data set', '2 data sets'),
    (2, 'process', '2 processes'), (2, 'child', '2 children'),
    ('1,234', 'frame', '1,234 frames'), ('1', 'row', '1 row')])
def test_counts(number, noun, words):
  assert units.counted(number, noun) == words


def test_verbs_agree():
  assert [units.counted(n, 'clip', 'is', 'are') for n in (0, 1, 2)] == [
      '0 clips are', '1 clip is', '2 clips are']


def test_many_names():
  assert units.listed(('a', 'b')) == 'a, b'
  assert units.listed([*'abcdefghij'], 3) == 'a, b, c ... (10 in all)'


PACKAGE = pathlib.Path(__file__).resolve().parents[1] / 'lightman_jax'
# What a notebook gets into its hands, and what hangs on it.
ROOMS = ('inputs', 'tasks', 'models', 'meta', 'training', 'evaluation', 'experiment',
         'bundle', 'video')
ARRAYS = ('np.ndarray', 'Array', 'Float', 'Inputs', 'Params', 'PyTree')


def records():
  """Public NamedTuples and dataclasses of whose fields one is an array, by room."""
  for room in ROOMS:
    for path in sorted((PACKAGE / room).rglob('*.py')):
      module = importlib.import_module(
          '.'.join(path.relative_to(PACKAGE.parent).with_suffix('').parts))
      for name, one in inspect.getmembers(module, inspect.isclass):
        if (one.__module__ == module.__name__ and not name.startswith('_')
            and (hasattr(one, '_fields') or dataclasses.is_dataclass(one))
            and not issubclass(one, importlib.import_module('flax.linen').Module)
            and any(str(kind).find(word) >= 0 for word in ARRAYS
                    for kind in one.__annotations__.values())):
          yield one


# See door_test; and what is no more than an array for orbax.
OTHERS = {'Pool', 'Material', 'HeldOut', 'SaveArchive', 'RestoreArchive'}


def test_no_object_floods_a_notebook():
  """Whatever of NumPy or of texts its fields hold."""
  kinds = list(records())
  assert len(kinds) > 30
  for kind in kinds:
    if kind.__name__ in OTHERS:
      continue
    assert kind.__repr__ is units.short_repr, f'{kind} has no short repr'
    names = getattr(kind, '_fields', None) or kind.__dataclass_fields__
    for value in (np.zeros((300, 68, 2)), ['a name of a clip'] * 300):
      record = kind._make([value] * len(names)) if hasattr(kind, '_make') else (
          object.__new__(kind))
      for name in () if hasattr(kind, '_make') else names:
        setattr(record, name, value)
      assert len(repr(record)) <= 1000 and '\n' not in repr(record), kind


def test_short_names_say_what_is_there():
  from lightman_jax.meta.inner import Adapted
  one = Adapted({'head': np.zeros((3, 2), np.float32)}, {'loss': np.float32(2)})
  assert repr(one) == ("Adapted(fast={'head': float32[3,2]}, start_losses={'loss': "
                       'float32[]}, watched=None)')
