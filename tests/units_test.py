"""Amounts in words."""

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
