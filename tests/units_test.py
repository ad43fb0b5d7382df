"""Amounts in words."""

import pytest

from lightman_jax import units


@pytest.mark.parametrize('size, words', [
    (0, '0 MiB'), (2**19, '0.5 MiB'), (1.625 * 2**20, '1.62 MiB'),
    (100 * 2**20, '100 MiB'), (2**29, '0.5 GiB'), (5.9 * 2**30, '5.9 GiB'),
    (2**40, '1024 GiB')])
def test_bytes(size, words):
  assert units.bytes_in_words(size) == words
